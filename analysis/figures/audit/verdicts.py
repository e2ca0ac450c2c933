"""Rules of the audit: from a number and what was claimed of it to a verdict. Nothing else decides.

Every rule can give each of its verdicts: a number that contradicts the claim says ``fails``, one that is too uncertain
to tell says ``open``. An exact number is never open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t

from lo_theory.estimate import Estimate

Verdict = Literal["holds", "fails", "open"]
EXACT = 1e-9
CONSISTENT, CONTRADICTED = 0.01, 0.001
"""p-values: a true equality is called open once in a hundred times, and false once in a thousand."""

BEYOND = 0.025
"""Chance that a direction which is not there is found: a bound outside the 95% interval."""

_VISIBLE = 3.0  # standard errors that the resolution of a claim must have


@dataclass(frozen=True)
class Judgement:
    """A verdict and, in words, what was expected and the rule that was applied."""

    verdict: Verdict
    expected: str
    rule: str


def identical(value: float, expected: float, *, tolerance: float = EXACT) -> Judgement:
    """An exact number against another, or both infinite."""
    same = value == expected or abs(value - expected) <= tolerance
    return Judgement("holds" if same else "fails", f"{expected:g}", f"exact: within {tolerance:g}")


def rounds_to(value: float, printed: str) -> Judgement:
    """An exact number against a printed one: the claim has the digits that are printed and no more.

    Args:
        printed: a decimal number; one without a point is meant exactly, as is ``inf``.
    """
    expected, decimals = float(printed), len(printed.partition(".")[2])
    half = 0.5 * 10.0**-decimals if decimals else 0.0
    same = value == expected or abs(value - expected) <= half + EXACT
    return Judgement("holds" if same else "fails", printed, "exact: rounds to the printed digits")


def equals(
    measured: Estimate, expected: float, *, claim_error: float, resolution: float, replicas: bool = True
) -> Judgement:
    """A measured number against a claimed one, both with standard errors.

    Student's t, with Welch's degrees of freedom where the measured error comes from few replicas and the claim's is
    taken as known. ``holds`` from p = 1% on, if a deviation of ``resolution`` would have been three standard errors;
    ``fails`` below p = 0.1%; else ``open``.

    Args:
        claim_error: one standard deviation of the claim.
        resolution: the smallest deviation that would matter.
        replicas: ``measured.samples`` independent values are behind the error; else it counts as known.
    """
    error = math.hypot(measured.standard_error, claim_error)
    p = two_sided(measured.value - expected, measured.standard_error, claim_error, measured.samples if replicas else 0)
    seen = _VISIBLE * error <= resolution
    verdict: Verdict = "open"
    if p < CONTRADICTED:
        verdict = "fails"
    elif p >= CONSISTENT and seen:
        verdict = "holds"
    about = f" +- {claim_error:.2g}" if claim_error else ""
    told = "" if seen else f", too coarse to see a deviation of {resolution:.2g}"
    return Judgement(verdict, f"{expected:.5g}{about}", f"equality: p = {p:.2g}, holds from 1%, fails below 0.1%{told}")


def two_sided(difference: float, error: float, claim_error: float, samples: int) -> float:
    """p-value of a difference; NaN where there is no error estimate. ``samples`` 0: the error is known."""
    total = math.hypot(error, claim_error)
    if total == 0.0:
        return 1.0 if abs(difference) <= EXACT else 0.0
    share = (error / total) ** 4
    freedom = math.inf if samples == 0 or share == 0 else max(samples - 1, 0) / share
    return float(2 * t.sf(abs(difference) / total, freedom)) if freedom > 0 else math.nan


def all_zero(
    differences: Sequence[Estimate], claim_errors: Sequence[float], *, resolution: float, replicas: bool = True
) -> tuple[int, Judgement]:
    """Several differences that are all claimed to vanish: the least likely one decides, its p-value times their number.

    Returns:
        its index, and the judgement.
    Raises:
        ValueError: no differences.
    """
    if not differences:
        raise ValueError("at least one difference is needed.")
    pairs = list(zip(differences, claim_errors, strict=True))
    p_values = [two_sided(d.value, d.standard_error, e, d.samples if replicas else 0) for d, e in pairs]
    worst = min(range(len(pairs)), key=lambda i: -1.0 if math.isnan(p_values[i]) else p_values[i])
    p = min(1.0, p_values[worst] * len(pairs))
    seen = all(_VISIBLE * math.hypot(d.standard_error, e) <= resolution for d, e in pairs)
    verdict: Verdict = "fails" if p < CONTRADICTED else "holds" if p >= CONSISTENT and seen else "open"
    told = "" if seen else f", too coarse to see a deviation of {resolution:.2g}"
    rule = f"equality, least likely of {len(pairs)}: Bonferroni p = {p:.2g}, holds from 1%, fails below 0.1%{told}"
    return worst, Judgement(verdict, "0", rule)


def above(measured: Estimate, bound: float, *, replicas: bool = True) -> Judgement:
    """The true value lies above ``bound``: ``holds`` if the 95% interval does, ``fails`` if it lies below."""
    return _beyond(measured, bound, 1.0, "above", replicas)


def below(measured: Estimate, bound: float, *, replicas: bool = True) -> Judgement:
    """The true value lies below ``bound``; see :func:`above`."""
    return _beyond(measured, bound, -1.0, "below", replicas)


def meets(measured: tuple[float, float], claimed: tuple[float, float], *, slack: float) -> Judgement:
    """A measured interval against a claimed one: ``holds`` if they meet, ``fails`` if more than ``slack`` apart.

    ``open`` in between, and where the measured one is wider than the claimed one and five times ``slack`` together.
    """
    (low, high), (first, last) = measured, claimed
    apart = max(low - last, first - high)
    wide = high - low > last - first + 5 * slack
    verdict: Verdict = "fails" if apart > slack else "open" if apart > 0 or wide or math.isnan(apart) else "holds"
    expected = f"{first:g}" if first == last else f"{first:g} to {last:g}"
    return Judgement(verdict, expected, f"interval: meets the claimed one, fails if more than {slack:.2g} apart")


def steady(sizes: Sequence[float], values: Sequence[float]) -> Judgement:
    """Exact positive values at growing sizes stay constant: |d log value / d log size| over the last two.

    ``holds`` below 0.05, ``fails`` above 0.5 (a power of the size), else ``open``: the sizes are too small to tell.
    """
    slope = abs(log_slope(sizes, values))
    verdict: Verdict = "holds" if slope < 0.05 else "fails" if slope > 0.5 or math.isnan(slope) else "open"
    return Judgement(
        verdict, "bounded away from 0", f"constant: slope of the logs {slope:.3f}, below 0.05 or above 0.5"
    )


def log_slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """d log value / d log size between the last two sizes; minus infinity where a value vanishes."""
    (a, b), (x, y) = sizes[-2:], values[-2:]
    return -math.inf if min(x, y) <= 0 else float(np.log(y / x) / np.log(b / a))


def all_of(parts: Sequence[Judgement]) -> Judgement:
    """A claim of several numbers: ``fails`` if one fails, ``open`` if one is open, else ``holds``."""
    verdicts = [part.verdict for part in parts]
    verdict: Verdict = "fails" if "fails" in verdicts else "open" if "open" in verdicts or not parts else "holds"
    rules = "; ".join(dict.fromkeys(part.rule for part in parts))
    return Judgement(verdict, ", ".join(part.expected for part in parts), rules)


def _beyond(measured: Estimate, bound: float, sign: float, word: str, replicas: bool) -> Judgement:
    distance, error = sign * (measured.value - bound), measured.standard_error
    if error == 0.0:
        holds, fails = distance > 0, distance <= 0
    else:
        freedom = measured.samples - 1 if replicas else math.inf
        quantile = float(t.isf(BEYOND, freedom)) if freedom > 0 else math.nan
        holds, fails = distance > quantile * error, distance < -quantile * error
    verdict: Verdict = "holds" if holds else "fails" if fails else "open"
    return Judgement(verdict, f"{word} {bound:.4g}", "direction: the 95% interval lies on one side")
