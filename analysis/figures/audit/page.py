"""The audit's table, for a terminal and for the page of the report."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence

from analysis.figures.audit.claim import TAGS, Finding
from analysis.figures.audit.verdicts import Verdict
from analysis.lab.report import Check, Report, Section, TableItem

COLOURS: dict[str, str] = {"holds": "yes", "fails": "no", "open": "unknown"}
"""Class of the page's style by verdict."""

_VERDICTS: tuple[Verdict, ...] = ("holds", "fails", "open")
_PARTS = (("The paper", "paper, "), ("Our notes", "theory notes, "))
_WIDEST_NAME, _NUMBER, _EXPECTED = 44, 24, 26


def audit_report(findings: Sequence[Finding], controls: Sequence[Finding]) -> Report:
    """The page: the verdicts in full, and the controls as checks."""
    return Report(
        title="Audit of the theory",
        summary=[
            f"{len(findings)} claims: {count(findings)}. A verdict follows from the measured number by the rule that "
            "stands beside it. Claims of the paper are taken as they are printed.",
            "Hardness is conjectural throughout: what is tested is belief propagation, AMP or a network, and no "
            "outcome here is a statement about all efficient algorithms. Such claims are marked.",
        ],
        checks=[_control_check(control) for control in controls],
        sections=[
            Section(title=title, paragraphs=[count(part)], tables=[_table(part, title)])
            for title, prefix in _PARTS
            if (part := [finding for finding in findings if finding.source.startswith(prefix)])
        ],
        caveats=[
            "Errors of few replicas are poor: Student's t is used throughout, so that an equality needs a large "
            "difference to fail, and holds only where a difference that matters would have been seen.",
            "With more than a hundred claims, about one true equality is called open by chance, and one in ten such "
            "tables has a true one that fails.",
            "Numbers of the notes that come from one instance or one population are given the error that such a "
            "number has; the rules name it.",
            *(f"{finding.name}: {finding.reason}." for finding in findings if finding.reason),
        ],
    )


def count(findings: Sequence[Finding]) -> str:
    """How many have each verdict, in words."""
    counts = Counter(finding.verdict for finding in findings)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in _VERDICTS)


def terminal_table(findings: Sequence[Finding]) -> str:
    """One line per claim, cut to the width of the terminal, and the counts."""
    width = max(100, shutil.get_terminal_size((140, 24)).columns)
    header = f"{'verdict':8}{'claim':{_WIDEST_NAME}}{'number':{_NUMBER}}{'expected':{_EXPECTED}}source, evidence"
    lines = [header, "-" * min(width, 160)]
    for f in findings:
        last = f.reason or f"{f.source} [{f.tag}]; {f.evidence}"
        line = f"{f.verdict:8}{_cut(f.name, _WIDEST_NAME)}{_cut(number(f), _NUMBER)}{_cut(f.expected, _EXPECTED)}{last}"
        lines.append(line[:width].rstrip())
    return "\n".join([*lines, "", f"{len(findings)} claims: {count(findings)}"])


def number(finding: Finding) -> str:
    """Value and error with the digits that they deserve; a dash where nothing was measured."""
    value, error = finding.number, finding.error
    if math.isnan(value):
        return "-"
    if not error > 0:  # exact, or without an error
        return f"{value:.6g}"
    digits = max(0, min(8, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def _cut(text: str, width: int) -> str:
    return textwrap.shorten(text, width - 2, placeholder="...").ljust(width)


def _table(findings: Sequence[Finding], title: str) -> TableItem:
    return TableItem(
        caption=f"{title}: every claim with the number that decides it.",
        header=["verdict", "claim", "where", "measured", "expected", "rule", "would have falsified it", "rows"],
        rows=[
            [
                f.verdict,
                f.claim + (" (Conjectural hardness.)" if f.conjectural else ""),
                f"{f.source}; {_tag_words(f.tag)}",
                _measured(f),
                f.expected or "-",
                f.rule or "-",
                f.falsified_by,
                f"{f.experiment}: {f.evidence}",
            ]
            for f in findings
        ],
        marks=COLOURS,
    )


def _measured(finding: Finding) -> str:
    if finding.reason:
        return finding.reason
    drawn = "" if finding.method == "exact" else f", n = {finding.samples}"
    return f"{finding.quantity}: {number(finding)} ({finding.method}{drawn})"


def _tag_words(tag: str) -> str:
    return {str(key): words for key, words in TAGS.items()}[tag]


def _control_check(control: Finding) -> Check:
    return Check(
        text=f"control, deliberately false: {control.claim}",
        expected="fails",
        measured=f"{control.verdict} ({number(control)} against {control.expected})",
        met=control.verdict == "fails",
    )
