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
    return min(1.0, 2.0 * upper_tail(successes, trials, rate))


def upper_tail(successes: int, trials: int, rate: float) -> float:
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


def log_binomial(
    successes: Integer[np.ndarray, "k"], trials: int, rates: Float[np.ndarray, "k"]
) -> Float[np.ndarray, "k"]:
    """``log P(X = successes)`` for each of several numbers of successes with rates of their own."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    failures = trials - successes
    with np.errstate(divide="ignore"):
        hit = np.where(successes > 0, successes * np.log(np.where(successes > 0, rates, 1.0)), 0.0)
        missed = np.where(failures > 0, failures * np.log1p(-np.where(failures > 0, rates, 0.0)), 0.0)
    return factorials[trials] - factorials[successes] - factorials[failures] + hit + missed


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
    return gamma_tail(statistic, int(kept.sum()) - 1)


def independence_p_value(table: Integer[np.ndarray, "a b"]) -> float:
    """Bound on the p-value of independence for a contingency table, whatever the two marginal laws are.

    The empirical mutual information never exceeds the divergence from the true product law, so the bound of
    :func:`multinomial_p_value` over all ``a b`` cells covers it. The same holds where the row sums are fixed
    beforehand, ``a`` samples of one law: ``a`` divergences over ``b`` cells are added, of ``a (b - 1) < a b`` degrees.
    """
    return gamma_tail(float(independence_statistics(table[None])[0]), table.size - 1) if table.sum() else 1.0


def independence_statistics(tables: Integer[np.ndarray, "t a b"]) -> Float[np.ndarray, "t"]:
    """``n`` times the empirical mutual information of each contingency table, in nats."""
    tables = tables.astype(np.float64)
    product = tables.sum(axis=2, keepdims=True) * tables.sum(axis=1, keepdims=True)
    total = tables.sum(axis=(1, 2), keepdims=True)
    ratio = np.where(tables > 0, tables * total, 1.0) / np.where(tables > 0, product, 1.0)
    return (tables * np.log(ratio)).sum(axis=(1, 2))


def least_independent(tables: Integer[np.ndarray, "t a b"]) -> tuple[int, float]:
    """The table that speaks most against independence, and the p-value of all together (Bonferroni)."""
    statistics = independence_statistics(tables)
    worst = int(np.argmax(statistics))
    return worst, min(1.0, len(tables) * gamma_tail(float(statistics[worst]), tables[0].size - 1))


def unequal_rates_p_value(successes: int, rates: Float[np.ndarray, "n"]) -> float:
    """Bound on the two-sided p-value of the successes of independent trials, each with its own rate.

    ``P(X >= k) <= exp(-n kl(k / n, mean rate))`` for k above the mean, and so below it: of all rates with one mean,
    equal ones have the largest moment generating function (Hoeffding 1963, Theorem 1).
    """
    n = len(rates)
    if n == 0:
        return 1.0
    mean, share = float(rates.mean()), successes / n
    distance = _part(share, mean) + _part(1.0 - share, 1.0 - mean)
    return min(1.0, 2.0 * math.exp(-n * distance))


def _part(share: float, rate: float) -> float:
    if share == 0.0:
        return 0.0
    return math.inf if rate <= 0.0 else share * math.log(share / rate)


def mean_p_value(values: Float[np.ndarray, "n"], low: float, high: float, mean: float, slack: float = 0.0) -> float:
    """Bound on the p-value of "these independent values in [low, high] have an expectation in [mean - slack, mean]".

    By betting (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS-B): the
    wealth ``prod(1 + bet (value - mean))`` of a bet that never ruins is a nonnegative martingale from 1, and so is the
    average over bets of all sizes; by Markov's inequality it reaches w with probability at most 1 / w. Both directions.
    """
    above = _log_wealth(values - mean, mean - low)
    below = _log_wealth(mean - slack - values, high - mean + slack)
    return min(1.0, 2.0 * math.exp(-max(above, below, 0.0)))


BETS = 0.99 * 0.5 ** np.arange(24)
"""Sizes of the bets as shares of the largest that cannot ruin."""


def _log_wealth(gains: Float[np.ndarray, "n"], most_lost: float) -> float:
    if most_lost <= 0.0:  # the mean lies at the edge: a value beyond it is impossible
        return math.inf if (gains > 1e-9).any() else 0.0
    wealth = np.array([np.log1p(bet / most_lost * gains).sum() for bet in BETS])
    return float(np.logaddexp.reduce(wealth) - math.log(len(BETS)))


def gamma_tail(statistic: float, freedom: int) -> float:
    """The bound of :func:`multinomial_p_value`: ``exp(-t) (e t / freedom)**freedom``, 1 up to the mean."""
    if statistic <= freedom:
        return 1.0
    return math.exp(freedom - statistic + freedom * math.log(statistic / freedom))
