"""P-values that hold at every sample size: a stated false-alarm rate is then a promise, not an asymptotic hope."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Integer


def binomial_p_value(successes: int, trials: int, rate: float) -> float:
    """Exact two-sided p-value of ``successes`` among ``trials`` of probability ``rate``: twice the tail beyond it.

    Raises:
        ValueError: more successes than trials, or a rate outside [0, 1].
    """
    if not 0 <= successes <= trials or not 0.0 <= rate <= 1.0:
        raise ValueError(f"need 0 <= successes <= trials and a rate in [0, 1]; got {successes}, {trials}, {rate}.")
    if successes < trials * rate:
        successes, rate = trials - successes, 1.0 - rate
    return min(1.0, 2.0 * _upper_tail(successes, trials, rate))


def _upper_tail(successes: int, trials: int, rate: float) -> float:
    """``P(X >= successes)`` for successes at or above the mean: one term, and the others by their ratios.

    Terms fall at least like those of a normal law, so 12 standard deviations and 100 terms further on they are nothing.
    """
    if successes == 0 or rate == 1.0:
        return 1.0
    if rate == 0.0:
        return 0.0
    log_first = (
        math.lgamma(trials + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(trials - successes + 1)
        + successes * math.log(rate)
        + (trials - successes) * math.log1p(-rate)
    )
    last = min(trials, successes + 100 + int(12 * math.sqrt(trials * rate * (1.0 - rate))))
    beyond = np.arange(successes, last, dtype=np.float64)
    ratios = (trials - beyond) / (beyond + 1.0) * (rate / (1.0 - rate))
    return min(1.0, math.exp(log_first) * (1.0 + float(np.cumprod(ratios).sum())))


def multinomial_p_value(counts: Integer[np.ndarray, "k"], probabilities: Float[np.ndarray, "k"]) -> float:
    """Bound on the p-value of the likelihood-ratio chi-square (G) statistic of ``counts`` against ``probabilities``.

    The chi-square law of G is asymptotic and fails where cells expect few counts, far out in the tail, which is where
    a false-alarm rate of 1e-6 lives. This bound is finite-sample: the moment generating function of
    ``n KL(empirical || p)`` stays below that of a Gamma variable of shape k - 1 and rate 1 (Agrawal 2020,
    "Finite-sample concentration of the multinomial in relative entropy", IEEE Trans. Inf. Theory), hence
    ``P(n KL >= t) <= exp(-t) (e t / (k - 1))**(k - 1)``. A count where the probability is zero has p-value 0.
    """
    if counts[probabilities <= 0.0].any():
        return 0.0
    kept = probabilities > 0.0
    total, seen = int(counts.sum()), counts > 0
    if total == 0 or kept.sum() < 2:
        return 1.0
    statistic = float((counts[seen] * np.log(counts[seen] / (total * probabilities[seen]))).sum())
    return _gamma_tail(statistic, int(kept.sum()) - 1)


def independence_p_value(table: Integer[np.ndarray, "a b"]) -> float:
    """Bound on the p-value of independence for a contingency table, whatever the two marginal laws are.

    The empirical mutual information never exceeds the divergence from the true product law, so the bound of
    :func:`multinomial_p_value` over all ``a b`` cells covers it.
    """
    total = int(table.sum())
    if total == 0:
        return 1.0
    product = np.outer(table.sum(axis=1), table.sum(axis=0))
    seen = table > 0
    statistic = float((table[seen] * np.log(table[seen] * (total / product[seen]))).sum())
    return _gamma_tail(statistic, table.size - 1)


def mean_radius(values: Float[np.ndarray, "n"], value_range: float, level: float) -> float:
    """Radius around the mean of independent values that misses their expectation with probability at most ``level``.

    Empirical Bernstein bound (Maurer and Pontil 2009, Theorem 4), both sides; ``value_range`` is the length of an
    interval that holds every value that can occur, seen or not.
    """
    n = len(values)
    log_term = math.log(4.0 / level)
    return math.sqrt(2.0 * float(values.var(ddof=1)) * log_term / n) + 7.0 * value_range * log_term / (3.0 * (n - 1))


def _gamma_tail(statistic: float, freedom: int) -> float:
    if statistic <= freedom:
        return 1.0
    return math.exp(freedom - statistic + freedom * math.log(statistic / freedom))
