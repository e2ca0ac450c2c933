"""The audit: every claim of the paper's theory and of our notes, with the number that decides it.

A verdict follows from rows by a stated rule (:mod:`analysis.figures.audit.verdicts`), never by hand. Rows are
those of finished runs of the other experiments, where there are any beside the audit's directory or among the recorded
ones, else of small runs of the same units.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.figures.audit.claim import Claim, Evidence, Finding, gather, settle
from analysis.figures.audit.claims.controls import CONTROLS
from analysis.figures.audit.claims.identities import IDENTITY_CLAIMS
from analysis.figures.audit.claims.paper import PAPER_CLAIMS
from analysis.figures.audit.claims.planning import PLANNING_CLAIMS
from analysis.figures.audit.claims.predicates import TABLE_CLAIMS
from analysis.figures.audit.claims.slabs import SLAB_CLAIMS
from analysis.figures.audit.claims.theory import THEORY_CLAIMS
from analysis.figures.audit.page import audit_report, terminal_table
from analysis.figures.audit.plans import SCALES, plans
from analysis.lab.experiment import TABLES, ScaleName, kept_report, run_units, write_tables
from analysis.lab.recorded import Source, recorded
from analysis.lab.report import Account, write_report
from analysis.lab.store import OF_BEFORE
from generators.ground.ownership import owned_directory
from generators.ground.storage import write_atomic, write_json_atomic

CLAIMS: tuple[Claim, ...] = (
    *PAPER_CLAIMS,
    *THEORY_CLAIMS,
    *SLAB_CLAIMS,
    *TABLE_CLAIMS,
    *IDENTITY_CLAIMS,
    *PLANNING_CLAIMS,
)
RECORDED = Path(__file__).resolve().parents[3] / "results"
"""Recorded runs of a checkout; an installed copy has none."""

NEVER_RUN = ("task_error",)
"""Experiments that train networks: the audit reads their rows and does not make them."""

EXPERIMENT_NAME = "audit"  # its own measurements bear names that begin like it


@dataclass(frozen=True, kw_only=True)
class AuditExperiment:
    """All claims: an experiment whose units depend on the finished runs that it finds.

    At "smoke" its own runs take two minutes of one core and leave predicates of the large table open; "small" measures
    all of them in half an hour on two cores, "paper" is larger.

    Attributes:
        runs: folder of finished runs, named NAME-SCALE, whose rows are used instead of own ones if their scale is at
            least that of the audit; the parent of its directory if not given. The recorded runs of a checkout come
            second.
    """

    runs: Path | None = None

    @property
    def scales(self) -> tuple[ScaleName, ...]:
        """Those that it has, ascending."""
        return SCALES

    def reproduce(
        self, scale: ScaleName, directory: Path, *, jobs: int | None = None, device: str = "cpu", quiet: bool = False
    ) -> Path:
        """Compute what is missing, print and write the table of verdicts and the report; returns the report's file.

        Raises:
            ValueError: it has no such scale.
        """
        started = time.perf_counter()
        if scale not in self.scales:
            raise ValueError(f"{EXPERIMENT_NAME} has no scale {scale!r}; it has {', '.join(self.scales)}.")
        found = self.found(scale, directory)
        own = {name: units for name, units in plans(scale).items() if name not in found}
        wanted = [unit for units in own.values() for unit in units]
        name = f"{EXPERIMENT_NAME} {scale}"
        page = kept_report(wanted, directory)
        if page is not None:
            return page
        with owned_directory(directory, f"reproduce {name}"):
            units = run_units(wanted, directory, name=name, jobs=jobs, device=device, quiet=quiet)
            write_tables(units, directory / TABLES)
            evidence = gather(units, found, {name: len(units) for name, units in own.items()})
            findings, controls = audit(CLAIMS, evidence), audit(CONTROLS, evidence)
            save_findings(directory, findings)
            print(terminal_table(findings))
            _tell_unchecked(found)
            account = Account(scale=scale, minutes=(time.perf_counter() - started) / 60, units=units)
            return write_report(directory, audit_report(findings, controls), account)

    def found(self, scale: ScaleName, directory: Path) -> dict[str, Source]:
        """Finished runs by experiment. Those that the audit cannot make itself are taken at any scale."""
        folders = [directory.parent if self.runs is None else self.runs, RECORDED]
        sources = {
            name: recorded(name, folders, "smoke" if name in NEVER_RUN else scale, but=EXPERIMENT_NAME)
            for name in plans(scale)
            if not name.startswith(EXPERIMENT_NAME)
        }
        return {name: source for name, source in sources.items() if source is not None}


def audit(claims: Sequence[Claim], evidence: Evidence) -> list[Finding]:
    """A verdict on each claim, in their order.

    Raises:
        ValueError: two claims of one name.
    """
    names = [claim.name for claim in claims]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the names of claims are unique; {twice!r} is there twice.")
    return [settle(claim, evidence) for claim in claims]


def save_findings(directory: Path, findings: Sequence[Finding]) -> None:
    """``audit.csv`` and ``audit.json``, atomically: all fields of every finding."""
    forms = [_plain(finding) for finding in findings]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in dataclasses.fields(Finding)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(forms)
    write_atomic(directory / "audit.csv", text.getvalue().encode())
    write_json_atomic(directory / "audit.json", forms)


def _tell_unchecked(found: Mapping[str, Source]) -> None:
    """Say which recorded rows were read without a check."""
    runs = sorted({source.words.partition(",")[0] for source in found.values() if not source.checked})
    if runs:
        print(f"unchecked, {OF_BEFORE}: {', '.join(runs)}")


def _plain(finding: Finding) -> dict[str, Any]:
    """JSON values; numbers that are not finite become text, as in rows."""
    form = dataclasses.asdict(finding)
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in form.items()}


EXPERIMENT = AuditExperiment()
