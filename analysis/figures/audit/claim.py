"""A claim under audit: its words, where it is made, what would have falsified it, and how rows decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis.figures.audit.verdicts import Judgement, Verdict
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import all_rows
from analysis.lab.recorded import Source
from analysis.lab.rows import Row, Rows
from analysis.lab.store import StoredUnit
from lo_theory.estimate import Estimate, Method

Tag = Literal["paper", "C", "D", "CD", "own", "published"]
TAGS: dict[Tag, str] = {
    "paper": "the paper",
    "own": "our reading",
    "published": "another paper",
    "C": "computed by a prototype",
    "D": "derived by us",
    "CD": "derived by us, checked by a prototype",
}

Kind = Literal["theorem", "arithmetic", "measured"]
"""What decides a claim.

``theorem``: a proof does, or nothing but a proof could; rows show it on examples. ``arithmetic``: formulas are
evaluated, printed ones or exact laws, and nothing is drawn, trained or iterated. ``measured``: a number that instances,
training or an algorithm give, and that could have come out otherwise.
"""

Values = tuple[str, str, Estimate]
"""Distribution, metric and number: what the audit's own measurements give."""


COMPUTED = "exact formula"
"""The experiment of claims that need no rows."""


class MissingRowsError(LookupError):
    """The rows that a claim needs are not there; the message says which and why."""


@dataclass(frozen=True)
class Evidence:
    """Rows by experiment, each with its source."""

    sources: Mapping[str, Source]

    def rows(self, experiment: str, **fields: Any) -> Rows:
        """The rows of one experiment whose fields have these values, floats but for rounding.

        Raises:
            MissingRowsError: none.
        """
        source = self.sources.get(experiment)
        if source is None:
            raise MissingRowsError(f"no run of {experiment} was found, and the audit does not run it")
        found = source.rows.where(**fields)
        if not found:
            wanted = ", ".join(f"{name} {value}" for name, value in fields.items())
            raise MissingRowsError(f"no row of {wanted} ({source.words})")
        return found

    def words(self, experiment: str) -> str:
        """The source of an experiment's rows."""
        source = self.sources.get(experiment)
        return "not run" if source is None else source.words


def gather(units: Sequence[StoredUnit], found: Mapping[str, Source], wanted: Mapping[str, int]) -> Evidence:
    """The audit's evidence: recorded sources, and the rows of its own units for all other experiments.

    Args:
        wanted: number of own units by experiment.
    """
    own = {
        name: Source(words=f"run for this audit, {wanted.get(name, 0)} units", rows=rows)
        for name, rows in all_rows(units).by("experiment").items()
        if name not in found
    }
    return Evidence({**own, **found, COMPUTED: Source(words="computed, exact", rows=Rows())})


@dataclass(frozen=True)
class Measured:
    """What a claim's experiment found: the number, in words what it is, and the judgement on it.

    ``experiment`` if it was another one than the claim names: the second best, where the best was not run. ``note``:
    what a reader of the verdict should know besides.
    """

    quantity: str
    estimate: Estimate
    judgement: Judgement
    experiment: str | None = None
    note: str = ""


Judge = Callable[[Evidence], Measured]


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """One row of the audit.

    Attributes:
        name: short and unique.
        text: the claim, as a sentence.
        source: paper place, or section of the theory notes.
        tag: who says so.
        experiment: whose rows decide.
        falsified_by: the outcome that would have contradicted it.
        judge: a pure function of the rows.
        kind: what decides it.
        repeats: name of an earlier claim that is judged by the same number; None: the number is its own.
        conjectural: the claim, or what is inferred from it, is about all efficient algorithms; what is tested is one.
    """

    name: str
    text: str
    source: str
    tag: Tag
    experiment: str
    falsified_by: str
    judge: Judge
    kind: Kind
    repeats: str | None = None
    conjectural: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim with its verdict; all text and numbers, as it is saved.

    ``reason`` says why it is open where nothing was measured; the number is then NaN. ``repeats`` is empty where the
    number is the claim's own.
    """

    name: str
    claim: str
    source: str
    tag: str
    conjectural: bool
    experiment: str
    evidence: str
    quantity: str
    expected: str
    number: float
    error: float
    samples: int
    method: Method | None
    verdict: Verdict
    rule: str
    falsified_by: str
    kind: Kind
    repeats: str = ""
    note: str = ""
    reason: str = ""


def settle(claim: Claim, evidence: Evidence) -> Finding:
    """The verdict on one claim; ``open`` with the reason where its experiment was not run."""
    about = {
        "name": claim.name, "claim": claim.text, "source": claim.source, "tag": claim.tag,
        "conjectural": claim.conjectural, "experiment": claim.experiment, "falsified_by": claim.falsified_by,
        "evidence": evidence.words(claim.experiment), "kind": claim.kind, "repeats": claim.repeats or "",
    }  # fmt: skip
    try:
        found = claim.judge(evidence)
    except MissingRowsError as missing:
        nan = float("nan")
        return Finding(
            **about, quantity="", expected="", number=nan, error=nan, samples=0, method=None, verdict="open", rule="",
            reason=f"not measured: {missing}",
        )  # fmt: skip
    number, verdict = found.estimate, found.judgement
    if found.experiment is not None:
        about |= {"experiment": found.experiment, "evidence": evidence.words(found.experiment)}
    return Finding(
        **about, quantity=found.quantity, expected=verdict.expected, number=number.value, error=number.standard_error,
        samples=number.samples, method=number.method, verdict=verdict.verdict, rule=verdict.rule, note=found.note,
    )  # fmt: skip


def exact(value: float, samples: int = 1) -> Estimate:
    """A number without error; ``samples`` distributions or states behind it."""
    return Estimate(value=value, standard_error=0.0, samples=samples, method="exact")


def estimate(row: Row) -> Estimate:
    """The number of a row."""
    return Estimate(value=row.value, standard_error=row.standard_error, samples=row.samples, method=row.method)


def mean(evidence: Evidence, experiment: str, **fields: Any) -> Row:
    """The mean over seeds of the rows with these fields, which must be one number."""
    return one(combine_seeds(evidence.rows(experiment, **fields)))


def one(rows: Sequence[Row]) -> Row:
    """The only row.

    Raises:
        ValueError: several, so that the claim does not say which it means.
    """
    if len(rows) != 1:
        raise ValueError(f"a claim needs one row here; got {len(rows)} of {rows[0].metric} on {rows[0].distribution}.")
    return rows[0]
