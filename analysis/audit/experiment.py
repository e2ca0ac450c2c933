"""The audit: every claim of the paper's theory and of our notes, with the number that decides it.

A verdict follows from rows by a stated rule (:mod:`analysis.audit.rules`), never by hand. Rows are those of finished
runs of the other experiments, where there are any beside the audit's directory or among the recorded ones, else of
small runs of the same units.
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

from analysis.audit.claim import Claim, Evidence, Finding, Source, settle
from analysis.audit.claims_identities import IDENTITY_CLAIMS
from analysis.audit.claims_paper import PAPER_CLAIMS
from analysis.audit.claims_slabs import SLAB_CLAIMS
from analysis.audit.claims_table import TABLE_CLAIMS
from analysis.audit.claims_theory import THEORY_CLAIMS
from analysis.audit.controls import CONTROLS
from analysis.audit.evidence import NEVER_RUN, gather, recorded
from analysis.audit.page import audit_report, terminal_table
from analysis.audit.plans import plans
from analysis.experiment import run_units, write_tables
from analysis.report import write_report
from analysis.scales import ScaleName
from analysis.units import Unit
from generators.storage import write_atomic, write_json_atomic

CLAIMS: tuple[Claim, ...] = (*PAPER_CLAIMS, *THEORY_CLAIMS, *SLAB_CLAIMS, *TABLE_CLAIMS, *IDENTITY_CLAIMS)
RECORDED = Path(__file__).resolve().parents[2] / "results"
"""Recorded runs of a checkout; an installed copy has none."""

_OWN_PREFIX = "audit"


@dataclass(frozen=True, kw_only=True)
class AuditExperiment:
    """All claims.

    Attributes:
        scale: of the audit's own runs: "smoke" takes two minutes of one core and leaves predicates of the large table
            open, "small" measures all of them in half an hour on two cores, "paper" is larger.
        directory: for rows, verdicts and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used.
        runs: folder of finished runs, named NAME-SCALE, whose rows are used instead of own ones if their scale is at
            least this one; the parent of ``directory`` if not given. The recorded runs of a checkout come second.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"
    runs: Path | None = None

    @property
    def units(self) -> list[Unit]:
        """What it measures itself: the units of every experiment without a finished run."""
        return [unit for units in self._own(self.found()).values() for unit in units]

    def run(self) -> Path:
        """Compute what is missing, print and write the table of verdicts and the report; returns the report's file."""
        started = time.perf_counter()
        found = self.found()
        own = self._own(found)
        wanted = [unit for units in own.values() for unit in units]
        units = run_units(wanted, self.directory, name=f"audit {self.scale}", jobs=self.jobs)
        write_tables(units, self.directory / "tables")
        evidence = gather(units, found, {name: len(units) for name, units in own.items()})
        findings, controls = audit(CLAIMS, evidence), audit(CONTROLS, evidence)
        save_findings(self.directory, findings)
        print(terminal_table(findings))
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, audit_report(findings, controls, units, self.scale, minutes))

    def _own(self, found: Mapping[str, Source]) -> dict[str, list[Unit]]:
        """Units by experiment, of those that no finished run has measured."""
        return {name: list(units) for name, units in plans(self.scale).items() if name not in found}

    def found(self) -> dict[str, Source]:
        """Finished runs by experiment. Those that the audit cannot make itself are taken at any scale."""
        folders = [self.directory.parent if self.runs is None else self.runs, RECORDED]
        sources: dict[str, Source] = {}
        for name in plans(self.scale):
            if name.startswith(_OWN_PREFIX):
                continue
            source = recorded(name, folders, "smoke" if name in NEVER_RUN else self.scale)
            if source is not None:
                sources[name] = source
        return sources


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


def _plain(finding: Finding) -> dict[str, Any]:
    """JSON values; numbers that are not finite become text, as in rows."""
    form = dataclasses.asdict(finding)
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in form.items()}
