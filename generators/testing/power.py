"""How small a fault a test finds with probability 0.99: what stands beside every statistical result."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from generators.testing.report import Power
from generators.testing.statistics import BETS, binomial_p_value, gamma_tail, upper_tail

POWER = 0.99
_SPREADS = 2.326  # standard deviations below which a normal variable lies with probability 0.01


def share_of_rows(n: int, what: str) -> Power:
    """Of an exact check of n rows: a fault in a share q of all rows shows itself with probability 1 - (1 - q)**n."""
    return Power(1.0 - (1.0 - POWER) ** (1.0 / n), f"{what} in a share {{}} of all rows")


@lru_cache(maxsize=4096)
def detectable_rate(trials: int, rate: float, level: float, *, above: bool = True) -> float:
    """Smallest rate above ``rate`` (largest below) that ``binomial_p_value < level`` finds with probability 0.99.

    NaN where not even the rate 1 (0) is found.
    """
    if not above:
        return 1.0 - detectable_rate(trials, 1.0 - rate, level)
    low, high = math.ceil(trials * rate) - 1, trials
    if binomial_p_value(trials, trials, rate) >= level:
        return math.nan
    while high - low > 1:  # high is rejected, low is not
        middle = (low + high) // 2
        low, high = (low, middle) if binomial_p_value(middle, trials, rate) < level else (middle, high)
    below, found = rate, 1.0
    for _ in range(50):
        middle = (below + found) / 2
        below, found = (below, middle) if _at_least(high, trials, middle) >= POWER else (middle, found)
    return found


def _at_least(successes: int, trials: int, rate: float) -> float:
    if successes > trials * rate:
        return upper_tail(successes, trials, rate)
    return 1.0 - upper_tail(trials - successes + 1, trials, 1.0 - rate)


@lru_cache(maxsize=1024)
def critical_divergence(freedom: int, level: float) -> float:
    """``n KL`` at which the bound of ``multinomial_p_value`` falls to ``level``."""
    freedom = max(freedom, 1)
    low, high = float(freedom), 2.0 * freedom + 4.0 * math.log(1.0 / level) + 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if gamma_tail(middle, freedom) < level else (middle, high)
    return high


def detectable_correlation(freedom: int, trials: int, level: float) -> float:
    """Correlation r of two tokens that ``independence_p_value < level`` finds with probability 0.99; NaN above 1.

    The statistic has mean ``n I >= n r**2 / 2`` and a standard deviation of about ``r sqrt(n)``.
    """
    found = _root(critical_divergence(freedom, level)) / math.sqrt(max(trials, 1))
    return found if found <= 1.0 else math.nan


def detectable_divergence(freedom: int, trials: int, level: float) -> float:
    """``KL(truth || log_prob)`` in nats per row that ``multinomial_p_value < level`` finds with probability 0.99.

    Where the truth is the law that is compared with but for small factors, the statistic of n rows has mean ``n KL``
    and standard deviation ``sqrt(2 n KL)``.
    """
    return _root(critical_divergence(freedom, level)) ** 2 / 2 / trials


def detectable_shift(trials: int, level: float) -> float:
    """Shift of the mean rate that ``unequal_rates_p_value < level`` finds with probability 0.99; NaN above 1/2."""
    found = _root(math.log(2.0 / level)) / 2 / math.sqrt(max(trials, 1))
    return found if found <= 0.5 else math.nan


def _root(critical: float) -> float:
    return _SPREADS + math.sqrt(_SPREADS**2 + 2.0 * critical)


def detectable_mean(values: Float[np.ndarray, "n"], most_lost: float, level: float) -> float:
    """Shift of the mean that ``mean_p_value < level`` finds with probability 0.99, if values spread as these do.

    Infinite where not even the largest bet finds the largest shift.
    """
    n = len(values)
    around = np.quantile(values, (np.arange(256) + 0.5) / 256) - values.mean()
    wanted = math.log(2.0 * len(BETS) / level)

    def found(shift: float) -> bool:
        logs = np.log1p(np.maximum(BETS[:, None] / most_lost * (around + shift), -1.0 + 1e-9))
        return bool((n * logs.mean(axis=1) - _SPREADS * math.sqrt(n) * logs.std(axis=1)).max() >= wanted)

    low, high = 0.0, most_lost
    if most_lost <= 0.0 or not found(high):
        return math.inf
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
