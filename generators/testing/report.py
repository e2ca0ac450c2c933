"""What a check of a generator found, and the error that carries it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "violated", "skipped"]


@dataclass(frozen=True)
class Result:
    """Outcome of one invariant.

    Attributes:
        name: the invariant; a check leaves it empty and ``examine`` fills it in.
        status: ``skipped`` where the generator does not promise what the invariant is about, or where it is too large.
        detail: what was compared, or why it was skipped.
        counterexample: the smallest one found, empty unless violated.
        expected: the value that should have been there, empty unless violated.
    """

    name: str
    status: Status
    detail: str
    counterexample: str = ""
    expected: str = ""

    def __str__(self) -> str:
        """One line, or three for a violation."""
        head = f"{self.status:<8}  {self.name}: {self.detail}"
        if self.status != "violated":
            return head
        return f"{head}\n          counterexample: {self.counterexample}\n          expected: {self.expected}"


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
        """Names of the invariants that could not be judged; the results say why."""
        return self._names("skipped")

    def __str__(self) -> str:
        """Every result, violations first."""
        rank = ("violated", "passed", "skipped")
        return "\n".join(str(r) for r in sorted(self.results, key=lambda r: rank.index(r.status)))

    def _names(self, status: Status) -> tuple[str, ...]:
        return tuple(r.name for r in self.results if r.status == status)


class InvariantViolation(AssertionError):  # noqa: N818 - reads as the sentence it reports
    """A generator breaks invariants. The message names each, with its smallest counterexample and the expected value.

    Attributes:
        report: all results, also those of the invariants that hold.
    """

    def __init__(self, report: Report) -> None:
        """Keep the report and spell out the violations."""
        self.report = report
        broken = [str(r) for r in report.results if r.status == "violated"]
        super().__init__(f"{len(broken)} of {len(report.results)} invariants violated\n" + "\n".join(broken))

    def __reduce__(self) -> tuple[type[InvariantViolation], tuple[Report]]:
        """Rebuild from the report, so that the error survives the way back from a worker process."""
        return (InvariantViolation, (self.report,))


class Unjudged(Exception):  # noqa: N818 - a signal between a check and its runner, no error
    """Raised inside a check that cannot be made; its text becomes the detail of a skipped result."""


def holds(detail: str) -> Result:
    """The invariant holds."""
    return Result("", "passed", detail)


def broken(detail: str, *, counterexample: str, expected: str) -> Result:
    """The invariant is violated."""
    return Result("", "violated", detail, counterexample, expected)


def unless(results: Iterable[Result | None], otherwise: str) -> Result:
    """The first violation among ``results``, lazily; without one the invariant holds, as ``otherwise`` says."""
    return next((r for r in results if r is not None), holds(otherwise))
