"""Rows: one measured number each, with what was measured, on what, how, and how well it is known."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from scipy.stats import norm

from analysis.lab.forms import Over, Role, RowForm
from generators.ground.forms import read_form
from generators.ground.storage import write_atomic
from lo_theory.estimate import Estimate, Method

CONTROL = "exact posterior"
"""Model name of the built-in control: the truth in the model's place."""
MDM = "mdm"
"""Model name of a masked diffusion model."""

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12  # what one degree, share or number of calls may differ by from machine to machine
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

    def row(self, experiment: str, metric: str, estimate: Estimate, **where: Any) -> Row:
        """A measured number about this subject.

        Args:
            where: further fields of the row, such as ``degree``, ``decoder`` or ``low`` and ``high``; a field of the
                subject given here takes the place of its own.
        """
        about = {"distribution": self.distribution, "fingerprint": self.fingerprint, "model": self.model}
        number = {field.name: getattr(estimate, field.name) for field in dataclasses.fields(Estimate)}
        return Row(**{**about, "seed": self.seed, "experiment": experiment, "metric": metric, **number, **where})


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
            ValueError: unknown fields, a missing one that every number has, or a value of another type or range.
        """
        read_form(form, RowForm, what="row")
        return cls.from_checked_json(form)

    @classmethod
    def from_checked_json(cls, form: dict[str, Any]) -> Row:
        """:meth:`from_json` of what is known to be a :class:`~analysis.lab.forms.RowForm`."""
        fields: dict[str, Any] = dict(form)
        for name in _FLOATS:
            fields[name] = _float_from_json(fields.get(name))
        return cls(**fields)


class Rows(tuple[Row, ...]):
    """Rows in their order, and those of them that are about one thing.

    >>> from lo_theory.estimate import share_estimate
    >>> about = Subject(distribution="NAE-SAT", fingerprint="", model="mdm", seed=0)
    >>> rows = Rows(about.row("order_accuracy", "agreement", share_estimate(3, 4), decoder=name) for name in "ab")
    >>> rows.one(decoder="b").value
    0.75
    """

    __slots__ = ()

    def where(self, **fields: Any) -> Rows:
        """The rows whose fields have these values.

        Args:
            fields: value by name of the field; of a set, list or tuple of values any one will do. Floats match within
                a relative 1e-9: the degree of a quadrature node differs in its last digits from machine to machine.
        """
        rows: Iterable[Row] = self
        for name, value in fields.items():
            wanted = value if isinstance(value, set | frozenset | list | tuple) else (value,)
            if name in _NUMBERS:
                rows = [row for row in rows if any(same(getattr(row, name), one) for one in wanted)]
            else:
                rows = [row for row in rows if getattr(row, name) in wanted]
        return Rows(rows)

    def of(self, experiment: str, command: str = "") -> Rows:
        """The rows of one experiment, for a figure that has nothing to show without them.

        Args:
            command: name of ``lo-theory reproduce`` that measures them, if it is another than the experiment's.
        Raises:
            ValueError: none.
        """
        found = self.where(experiment=experiment)
        if not found:
            raise ValueError(f"no rows of {experiment}; `lo-theory reproduce {command or experiment}` measures them.")
        return found

    def one(self, **fields: Any) -> Row:
        """The only row with these values.

        Raises:
            LookupError: none, or several.
        """
        found = self.where(**fields)
        if len(found) != 1:
            wanted = ", ".join(f"{name} {value}" for name, value in fields.items())
            raise LookupError(f"one row of {wanted or 'these'} is wanted; there are {len(found)} among {len(self)}.")
        return found[0]

    def get(self, **fields: Any) -> Row | None:
        """The first row with these values, None if there is none."""
        return next(iter(self.where(**fields)), None)

    def values(self, name: str) -> list[Any]:
        """The different values of a field in order of first appearance, None left out."""
        return list(dict.fromkeys(value for row in self if (value := getattr(row, name)) is not None))

    def by(self, *names: str) -> dict[Any, Rows]:
        """Rows by the values of these fields (a tuple of them if several), in order of first appearance.

        Floats that differ by rounding fall together, under the first of them.
        """
        groups: dict[Any, list[Row]] = {}
        keys: dict[Any, Any] = {}
        for row in self:
            key = tuple(getattr(row, name) for name in names)
            first = keys.setdefault(tuple(map(rounded, key)), key if len(names) != 1 else key[0])
            groups.setdefault(first, []).append(row)
        return {key: Rows(rows) for key, rows in groups.items()}

    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    @overload
    def __getitem__(self, at: int) -> Row: ...
    def __getitem__(self, at: Any) -> Any:
        """A row, or the rows of a slice."""
        found = super().__getitem__(at)
        return Rows(found) if isinstance(at, slice) else found


def same(left: Any, right: Any) -> bool:
    """Whether two values of a field are one: floats but for rounding, everything else exactly."""
    if isinstance(left, float) or isinstance(right, float):
        if isinstance(left, int | float) and isinstance(right, int | float):
            return math.isclose(left, right, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        return False
    return bool(left == right)


def rounded(value: Any) -> Any:
    """A float to nine digits, so that two which differ by rounding have one hash; any other value as it is."""
    if not isinstance(value, float):
        return value
    return 0.0 if abs(value) <= _ABSOLUTE else float(f"{value:.9g}")


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
_INTEGERS = ("seed", "samples", "position", "n_masked", "latents_masked", "step")
_NEVER_NONE = ("distribution", "fingerprint", "model")  # an empty cell is an empty text there
_NUMBERS = ("value", "standard_error", "calls", "degree", "at", "low", "high")


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """One line per row under a header, atomically; what does not apply is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.to_json() for row in rows)
    write_atomic(path, text.getvalue().encode())


def read_csv(path: Path) -> Rows:
    """The rows of a table that :func:`write_csv` has written, now or by an earlier version.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no table, has a column that rows do not have, or a cell that is no value of its column; the
            message names file and line.
    """
    line = 1
    try:
        rows = list[Row]()
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for cells in reader:
                line = reader.line_num
                if None in cells or None in cells.values():
                    raise ValueError(f"it has not as many cells as the header, {len(reader.fieldnames or ())}.")
                rows.append(Row.from_json({k: _cell(k, v) for k, v in cells.items() if v or k in _NEVER_NONE}))
        return Rows(rows)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no table of rows, or is damaged after line {line}: {error}") from error


def _cell(name: str, text: str) -> str | int | float:
    if name in _INTEGERS:
        return int(text)
    if name not in _NUMBERS:
        return text
    number = float(text)
    return number if math.isfinite(number) else str(number)


def _float_to_json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _float_from_json(value: float | str | None) -> float | None:
    return None if value is None else float(value)
