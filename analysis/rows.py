"""Rows: one measured number each, with what was measured, on what, how, and how well it is known."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.stats import norm, t

from generators.codec import strict_fields
from generators.storage import write_atomic
from lo_theory.estimate import Method

Role = Literal["latent", "observation"]
Over = Literal["sequences", "seeds"]

_NONFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_FLOATS = ("value", "standard_error", "low", "high", "at")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a number is about.

    Attributes:
        distribution: its name in the figures.
        fingerprint: of the distribution.
        model: its name in the figures, such as ``mdm``, ``arm natural``, ``pi uniform 0`` or ``exact posterior``.
        seed: of the training run; None where nothing was trained, and where seeds were averaged over.
    """

    distribution: str
    fingerprint: str
    model: str
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Row(Subject):
    """One number. The fields from ``metric`` to ``at`` say which; those that do not apply are None.

    Attributes:
        experiment: the figure it belongs to, such as ``task_error``.
        metric: what was measured, its unit in the name.
        position: in the sequence, ``range(L)``.
        role: whether the position holds a latent or an observation; without a position, the mean over that role.
        n_masked: masked tokens of a sequence, both roles.
        latents_masked: masked latents, where a protocol fixes them.
        decoder: name of the reveal rule.
        calls: network calls per sequence.
        step: finished training steps, where a number is followed through training.
        degree: k P / N of a planted instance, P the visible constraints.
        start: where an iteration began.
        swept, at: name and value of one more quantity that the experiment varies, such as ``revealed share``.
        value, standard_error: the estimate and one standard deviation of its sampling error; both may be infinite or
            NaN.
        samples: independent draws behind the standard error, counted in units of ``over``.
        method: how it was obtained, see ``lo_theory.estimate``.
        over: what the standard error varies over: test sequences of one run, or training seeds.
        low, high: 95% interval where it is not the normal one.
    """

    experiment: str
    metric: str
    value: float
    standard_error: float
    samples: int
    method: Method
    over: Over = "sequences"
    position: int | None = None
    role: Role | None = None
    n_masked: int | None = None
    latents_masked: int | None = None
    decoder: str | None = None
    calls: float | None = None
    step: int | None = None
    degree: float | None = None
    start: str | None = None
    swept: str | None = None
    at: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval: the stored one, else the normal one."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        half = float(norm.ppf(0.975)) * self.standard_error
        return self.value - half, self.value + half

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; numbers that are not finite become the strings ``inf``, ``-inf`` and ``nan``."""
        form = dataclasses.asdict(self)
        return form | {name: _float_to_json(form[name]) for name in _FLOATS}

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Row:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: unknown fields, a missing one that every number has, or a number that is none.
        """
        strict_fields(form, _NEEDED, optional=frozenset(COLUMNS) - _NEEDED, what="row")
        fields: dict[str, Any] = dict(form)
        for name in _FLOATS:
            fields[name] = _float_from_json(fields.get(name))
        return cls(**fields)


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
_NEEDED = {field.name for field in dataclasses.fields(Row) if field.default is dataclasses.MISSING}


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """One line per row under a header, atomically; what does not apply is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.to_json() for row in rows)
    write_atomic(path, text.getvalue().encode())


def combine_seeds(rows: Sequence[Row]) -> list[Row]:
    """Average rows that differ only in seed, in order of first appearance.

    From three seeds on, the standard error is that of the mean over seeds, the interval Student's t with (seeds - 1)
    degrees of freedom, and ``over`` says ``seeds``. With one or two there is no honest spread over seeds: the standard
    error is that of the evaluations alone and ``over`` says ``sequences``. Intervals of proportions are cut at 0 and 1.

    Raises:
        ValueError: one seed twice for the same number.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_coordinates(row), []).append(row)
    return [_combined(group) for group in groups.values()]


def mean_calls(rows: Iterable[Row]) -> list[Row]:
    """Rows with the calls of their rule averaged over seeds, so that :func:`combine_seeds` takes them as one number.

    A rule that decides itself how many tokens to reveal takes another number of calls in every run.
    """
    rows = list(rows)
    calls: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        calls.setdefault(_rule(row), []).append(math.nan if row.calls is None else row.calls)
    return [dataclasses.replace(row, calls=float(np.mean(calls[_rule(row)]))) for row in rows]


def _rule(row: Row) -> tuple[Any, ...]:
    return row.distribution, row.model, row.decoder, row.swept, row.at


def _combined(group: list[Row]) -> Row:
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
    if k < 3 or not np.isfinite(values).all():
        error = math.sqrt(sum(row.standard_error**2 for row in group)) / k if math.isfinite(mean) else math.nan
        samples = sum(row.samples for row in group)
        return dataclasses.replace(
            first, seed=None, value=mean, standard_error=error, samples=samples, low=None, high=None
        )
    error = float(values.std(ddof=1)) / math.sqrt(k)
    half = float(t.ppf(0.975, k - 1)) * error
    low, high = mean - half, mean + half
    if first.low is not None and first.high is not None:  # only proportions store an interval, and they stay in [0, 1]
        low, high = max(low, 0.0), min(high, 1.0)
    return dataclasses.replace(
        first, seed=None, value=mean, standard_error=error, samples=k, over="seeds", low=low, high=high
    )


def _coordinates(row: Row) -> tuple[Any, ...]:
    return (
        row.experiment, row.distribution, row.fingerprint, row.model, row.metric, row.method,
        row.position, row.role, row.n_masked, row.latents_masked, row.decoder, row.calls, row.step,
        row.degree, row.start, row.swept, row.at,
    )  # fmt: skip


def _float_to_json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _float_from_json(value: Any) -> float | None:
    if isinstance(value, str):
        if value not in _NONFINITE:
            raise ValueError(f"a number is finite, 'inf', '-inf' or 'nan'; got {value!r}.")
        return _NONFINITE[value]
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"a number is finite, 'inf', '-inf' or 'nan'; got {value!r}.")
    return None if value is None else float(value)
