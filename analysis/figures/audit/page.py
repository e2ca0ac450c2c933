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
_WIDEST_NAME, _NUMBER, _EXPECTED = 40, 24, 26


def audit_report(findings: Sequence[Finding], controls: Sequence[Finding]) -> Report:
    """The page: the verdicts in full, and the controls as checks."""
    return Report(
        title="Audit of the theory",
        summary=[
            f"{headline(findings)} A verdict follows from the number by the rule that stands beside it. Claims of the "
            "paper are taken as they are printed.",
            "What decides a claim is one of three. A theorem: a proof does, or only a proof could, and rows show it on "
            "examples. Arithmetic: formulas are evaluated, and nothing is drawn, trained or iterated. Measured: the "
            "number could have come out otherwise.",
            "Hardness is conjectural throughout: what is tested is belief propagation, AMP or a network, and no "
            "outcome here is a statement about all efficient algorithms. Such claims are marked.",
        ],
        checks=[_control_check(control) for control in controls],
        sections=[
            Section(title=title, paragraphs=[headline(part)], tables=[_table(part, title)])
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


def headline(findings: Sequence[Finding]) -> str:
    """The verdicts on measured claims with numbers of their own; besides, those on all others, by what decides them."""
    own = [f for f in findings if f.kind == "measured" and not f.repeats and not f.reason]
    again = [f for f in findings if f.kind == "measured" and f.repeats and not f.reason]
    others = [
        _besides(again, "measured by the number of another claim"),
        _besides([f for f in findings if f.kind == "theorem"], "decided by a theorem"),
        _besides([f for f in findings if f.kind == "arithmetic"], "decided by arithmetic"),
        _besides([f for f in findings if f.kind == "measured" and f.reason], "not measured in this run"),
    ]
    besides = "; ".join(filter(None, others))
    return (
        f"{len(findings)} claims: {len(own)} measured ones with numbers of their own, of which {_count(own)}"
        f"{'; besides, ' + besides if besides else ''}."
    )


def _besides(findings: Sequence[Finding], words: str) -> str:
    if not findings:
        return ""
    verdicts = "" if all(f.reason for f in findings) else f" ({_count(findings)})"
    return f"{len(findings)} {words}{verdicts}"


def _count(findings: Sequence[Finding]) -> str:
    """How many have each verdict, in words; verdicts that none has are left out."""
    counts = Counter(finding.verdict for finding in findings)
    words = [_agree(counts[verdict], verdict) for verdict in _VERDICTS if counts[verdict]]
    return ", ".join(words) or "none"


def _agree(number: int, verdict: Verdict) -> str:
    if verdict == "open":
        return f"{number} {'is' if number == 1 else 'are'} open"
    return f"{number} {verdict if number == 1 else verdict.removesuffix('s')}"


def terminal_table(findings: Sequence[Finding]) -> str:
    """One line per claim, cut to the width of the terminal, and the counts."""
    width = max(100, shutil.get_terminal_size((140, 24)).columns)
    header = f"{'verdict':8}{'claim':{_WIDEST_NAME}}{'by':12}"
    header += f"{'number':{_NUMBER}}{'expected':{_EXPECTED}}source, evidence"
    lines = [header, "-" * min(width, 160)]
    for f in findings:
        last = f.reason or f"{f.source} [{f.tag}]; {f.evidence}"
        line = f"{f.verdict:8}{_cut(f.name, _WIDEST_NAME)}{f.kind:12}"
        line += f"{_cut(number(f), _NUMBER)}{_cut(f.expected, _EXPECTED)}{last}"
        lines.append(line[:width].rstrip())
    notes = [f"{f.name}, {f.verdict}: {f.note}" for f in findings if f.note]
    return "\n".join([*lines, "", *(textwrap.fill(text, min(width, 120)) for text in [*notes, headline(findings)])])


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
        header=[
            "verdict",
            "claim",
            "decided by",
            "where",
            "number",
            "expected",
            "rule",
            "would have falsified it",
            "rows",
        ],
        rows=[
            [
                f.verdict,
                _claim(f),
                f.kind,
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


def _claim(finding: Finding) -> str:
    marks = [
        "Conjectural hardness." if finding.conjectural else "",
        f"Its number is that of {finding.repeats!r}." if finding.repeats else "",
        finding.note,
    ]
    return " ".join([finding.claim, *(f"({mark})" for mark in marks if mark)])


def _measured(finding: Finding) -> str:
    if finding.reason:
        return finding.reason
    drawn = "" if finding.method == "exact" else f", n = {finding.samples}"
    return f"{finding.quantity}: {number(finding)} ({str(finding.method).replace('_', ' ')}{drawn})"


def _tag_words(tag: str) -> str:
    return {str(key): words for key, words in TAGS.items()}[tag]


def _control_check(control: Finding) -> Check:
    return Check(
        text=f"control, deliberately false: {control.claim}",
        expected="fails",
        measured=f"{control.verdict} ({number(control)} against {control.expected})",
        met=control.verdict == "fails",
    )
