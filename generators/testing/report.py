"""What a check of a generator found, how small a fault it would have found, and the error that carries it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "violated", "skipped"]
_RANK = ("violated", "passed", "skipped", "UNJUDGED")
_INDENT = "\n          "


@dataclass(frozen=True)
class Power:
    """The smallest fault that a check finds with probability 0.99, at the number of rows that it had.

    Attributes:
        size: of the fault; NaN or infinite where not even the largest is found.
        fault: in words, with braces where the size stands.
    """

    size: float
    fault: str

    def __str__(self) -> str:
        """The sentence of the report."""
        if not math.isfinite(self.size):
            return f"has too few rows to find {self.fault.format('of any size')} with probability 0.99"
        return f"finds {self.fault.format(f'{self.size:.2g}')} with probability 0.99"


@dataclass(frozen=True)
class Result:
    """Outcome of one invariant.

    Attributes:
        name: the invariant; a check leaves it empty and ``examine`` fills it in.
        status: ``skipped`` where the generator does not promise what the invariant is about, where it is too large, or
            where there is nothing to judge.
        detail: what was compared, or why it was skipped.
        counterexample: the smallest one found, empty unless violated.
        expected: the value that should have been there, empty unless violated.
        allow: of a skipped one, what would let it be judged; empty where there is nothing to judge.
        power: the smallest faults that are found; empty where any fault is found for certain, or nothing was judged.
    """

    name: str
    status: Status
    detail: str
    counterexample: str = ""
    expected: str = ""
    allow: str = ""
    power: tuple[Power, ...] = ()

    @property
    def unjudged(self) -> bool:
        """There is something to judge, and it was not judged."""
        return self.status == "skipped" and bool(self.allow)

    def __str__(self) -> str:
        """One line, with more below it for a violation, for what would allow a judgement, and for the power."""
        lines = [f"{'UNJUDGED' if self.unjudged else self.status:<8}  {self.name}: {self.detail}"]
        if self.status == "violated":
            lines += [f"counterexample: {self.counterexample}", f"expected: {self.expected}"]
        if self.unjudged:
            lines.append(f"to have it judged: {self.allow}")
        return _INDENT.join([*lines, *map(str, self.power)])


@dataclass(frozen=True)
class Report:
    """All results, in the order of the checks."""

    results: tuple[Result, ...]

    def __getitem__(self, name: str) -> Result:
        """The result of one invariant; KeyError lists the known names."""
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(f"no invariant {name!r}; the report holds {[r.name for r in self.results]}.")

    @property
    def passed(self) -> tuple[str, ...]:
        """Names of the invariants that hold."""
        return self._names("passed")

    @property
    def violated(self) -> tuple[str, ...]:
        """Names of the invariants that do not hold."""
        return self._names("violated")

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the invariants that were not judged, for whatever reason; the results say which."""
        return self._names("skipped")

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Names of the skipped invariants that one more attribute, or more rows, would let be judged."""
        return tuple(r.name for r in self.results if r.unjudged)

    @property
    def summary(self) -> str:
        """Counts in one line."""
        nothing = len(self.skipped) - len(self.unjudged)
        return (
            f"{len(self.results)} invariants: {len(self.passed)} hold, {len(self.violated)} violated, "
            f"{len(self.unjudged)} NOT JUDGED, {nothing} with nothing to judge"
        )

    def __str__(self) -> str:
        """Counts, then every result: violations first, what was not judged last."""
        ranked = sorted(self.results, key=lambda r: _RANK.index("UNJUDGED" if r.unjudged else r.status))
        return "\n".join([self.summary, *map(str, ranked)])

    def _names(self, status: Status) -> tuple[str, ...]:
        return tuple(r.name for r in self.results if r.status == status)


class InvariantViolation(AssertionError):  # noqa: N818 - reads as the sentence it reports
    """A generator breaks invariants. The message names each, with its smallest counterexample and the expected value.

    Attributes:
        report: all results, also those of the invariants that hold.
        unjudged: names of the invariants that had to be judged and were not; empty unless the examination was strict.
    """

    def __init__(self, report: Report, unjudged: Collection[str] = ()) -> None:
        """Keep the report and spell out the violations, then what was not judged and had to be."""
        self.report, self.unjudged = report, tuple(unjudged)
        broken = [str(r) for r in report.results if r.status == "violated"]
        lines = [f"{len(broken)} of {len(report.results)} invariants violated", *broken]
        if self.unjudged:
            lines += [
                f"{len(self.unjudged)} of {len(report.results)} invariants not judged, and strict=True asks for all"
            ]
            lines += [str(report[name]) for name in self.unjudged]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[InvariantViolation], tuple[Report, tuple[str, ...]]]:
        """Rebuild from the report, so that the error survives the way back from a worker process."""
        return (InvariantViolation, (self.report, self.unjudged))


class Unjudged(Exception):  # noqa: N818 - a signal between a check and its runner, no error
    """Raised inside a check that cannot be made; its text becomes the detail of a skipped result.

    Attributes:
        allow: what would let it be made; empty where there is nothing to judge.
    """

    def __init__(self, reason: str, allow: str = "") -> None:
        """Keep both."""
        super().__init__(reason)
        self.allow = allow


def holds(detail: str, *power: Power) -> Result:
    """The invariant holds, as far as these faults are concerned."""
    return Result("", "passed", detail, power=power)


def broken(detail: str, *, counterexample: str, expected: str) -> Result:
    """The invariant is violated."""
    return Result("", "violated", detail, counterexample, expected)


def unless(results: Iterable[Result | None], otherwise: str, *power: Power) -> Result:
    """The first violation among ``results``, lazily; without one the invariant holds, as ``otherwise`` says."""
    return next((r for r in results if r is not None), holds(otherwise, *power))
