"""Means over seeds, with the error that their number allows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm, t

from analysis.lab.rows import Row, Rows, rounded
from lo_theory.estimate import effective_interval


def combine_seeds(rows: Iterable[Row]) -> Rows:
    """Average rows that differ only in seed, in order of first appearance.

    From three seeds on, the standard error is that of the mean over seeds, the interval Student's t with (seeds - 1)
    degrees of freedom, and ``over`` says ``seeds``. With one or two there is no honest spread over seeds: the standard
    error is that of the evaluations alone and ``over`` says ``sequences``. Intervals of proportions lie in [0, 1]: of
    two seeds that of :func:`~lo_theory.estimate.effective_interval`, and of more never narrower than it, as seeds that
    happen to agree, all at 100% perhaps, make nothing surer than all their sequences do.

    Raises:
        ValueError: one seed twice for the same number.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_coordinates(row), []).append(row)
    return Rows(_combined(group) for group in groups.values())


def reach(seeds: int) -> float:
    """Standard errors from a mean to an end of its 95% interval: Student's t from three seeds on, else as a normal law.

    With one or two seeds errors are those of the evaluations (:func:`combine_seeds`).
    """
    return float(norm.ppf(0.975) if seeds < 3 else t.ppf(0.975, seeds - 1))


def mean_calls(rows: Iterable[Row]) -> Rows:
    """Rows with the calls of their rule averaged over seeds, so that :func:`combine_seeds` takes them as one number.

    A rule that decides itself how many tokens to reveal takes another number of calls in every run. Rows of numbers
    that take no calls stay as they are.
    """
    rows = list(rows)
    calls: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        if row.calls is not None:
            calls.setdefault(_rule(row), []).append(row.calls)
    return Rows(
        row if row.calls is None else dataclasses.replace(row, calls=float(np.mean(calls[_rule(row)]))) for row in rows
    )


def _rule(row: Row) -> tuple[Any, ...]:
    return row.distribution, row.model, row.decoder, row.swept, rounded(row.at)


def _combined(group: Sequence[Row]) -> Row:
    first, k = group[0], len(group)
    seeds = [row.seed for row in group]
    if len(set(seeds)) < k:
        raise ValueError(
            f"{first.metric} of {first.model} on {first.distribution} is there twice for one seed; got seeds {seeds}. "
            "Pass each finished unit once."
        )
    if k == 1:
        return dataclasses.replace(first, seed=None)
    values = np.array([row.value for row in group])
    mean = float(values.mean())
    within = math.sqrt(sum(row.standard_error**2 for row in group)) / k if math.isfinite(mean) else math.nan
    samples = sum(row.samples for row in group)
    share = first.low is not None and first.high is not None and math.isfinite(mean)  # only proportions store them
    low, high = effective_interval(mean, within, samples) if share else (None, None)
    if k < 3 or not np.isfinite(values).all():
        return dataclasses.replace(
            first, seed=None, value=mean, standard_error=within, samples=samples, low=low, high=high
        )
    error = float(values.std(ddof=1)) / math.sqrt(k)
    half = reach(k) * error
    if low is None or high is None:
        low, high = mean - half, mean + half
    else:
        low, high = min(low, max(mean - half, 0.0)), max(high, min(mean + half, 1.0))
    return dataclasses.replace(
        first, seed=None, value=mean, standard_error=error, samples=k, over="seeds", low=low, high=high
    )


def _coordinates(row: Row) -> tuple[Any, ...]:
    return (
        row.experiment, row.distribution, row.fingerprint, row.model, row.metric, row.method,
        row.position, row.role, row.n_masked, row.latents_masked, row.decoder, rounded(row.calls), row.step,
        rounded(row.degree), row.start, row.swept, rounded(row.at),
    )  # fmt: skip
