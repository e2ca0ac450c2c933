"""What decides a claim is what it says: a measured one hangs on its rows, a theorem and arithmetic on none drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from analysis.figures.audit.claim import COMPUTED, Claim, Evidence, Finding, settle
from analysis.figures.audit.claims.controls import CONTROLS
from analysis.figures.audit.page import audit_report, headline, terminal_table
from analysis.figures.audit.report import CLAIMS, EXPERIMENT, RECORDED, audit, save_findings
from analysis.lab.recorded import Source
from analysis.lab.rows import Row, Rows, read_csv

FAR: tuple[Callable[[float], float], ...] = (
    lambda x: x + 10.0,
    lambda x: x - 10.0,
    lambda x: -3.0 * x,
    lambda x: 1.0 - x,
)
"""Far-off values: what a measurement would give if the world were another; the last turns yes into no."""

UNMOVED = {
    "I5, 0.05 revealed": "the recorded run has no such share of revealed latents",
}
"""Measured claims whose verdict no value of a recorded row can change, and why."""

ITERATED = {
    "4, slab weak recovery": "where state evolution leaves zero, found by running it",
    "4, slab 0.6745 hard": "the best fixed point of state evolution, found by running it",
    "4, slab 0.5 hard": "the best fixed point of state evolution, found by running it",
    "4, slab 1 no window": "where state evolution reaches the latents, found by running it",
}
"""Measured claims all of whose rows are exact: an algorithm ran, without any draw."""


@dataclass(frozen=True)
class Watched(Evidence):
    """Evidence that remembers which rows were read."""

    read: dict[int, Row] = field(default_factory=dict)

    def rows(self, experiment: str, **fields: Any) -> Rows:
        found = super().rows(experiment, **fields)
        self.read.update((id(row), row) for row in found)
        return found


@pytest.fixture(scope="module")
def recorded() -> dict[str, Source]:
    """All rows of the recorded audit."""
    own = {
        path.stem: Source(words="recorded", rows=read_csv(path))
        for path in sorted((RECORDED / "audit-smoke").glob("audit_*.csv"))
    }
    own["audit"] = Source(words="recorded", rows=read_csv(RECORDED / "audit-smoke" / "audit.csv"))
    found = EXPERIMENT.found("smoke", RECORDED / "nowhere")
    return {**own, **found, COMPUTED: Source(words="computed", rows=Rows())}


@dataclass(frozen=True)
class Judged:
    """A claim, what was found, and the rows that were read for it."""

    claim: Claim
    finding: Finding
    read: list[Row]


@pytest.fixture(scope="module")
def judged(recorded) -> list[Judged]:
    """Every claim on the recorded rows."""
    every = []
    for claim in CLAIMS:
        watched = Watched(recorded)
        every.append(Judged(claim, settle(claim, watched), list(watched.read.values())))
    return every


@pytest.fixture(scope="module")
def findings(judged) -> list[Finding]:
    return [one.finding for one in judged]


def changed(rows: list[Row], chosen: list[Row], far: Callable[[float], float]) -> Evidence:
    """These rows as evidence, the values of the chosen ones replaced."""
    ids = {id(row) for row in chosen}
    sources: dict[str, list[Row]] = {COMPUTED: []}
    for row in rows:
        moved = replace(row, value=far(row.value), low=None, high=None) if id(row) in ids else row
        sources.setdefault(row.experiment, []).append(moved)
    return Evidence({name: Source(words="changed", rows=Rows(some)) for name, some in sources.items()})


def can_change(one: Judged) -> bool:
    """Whether far-off values of some quantity that the claim reads, the rest kept, give another verdict."""
    groups: dict[Any, list[Row]] = {}
    for row in one.read:
        groups.setdefault((row.experiment, row.metric, row.start, row.role, row.model), []).append(row)
    for rows in sorted(groups.values(), key=len):  # the quickest verdicts first
        for far in FAR:
            other = settle(one.claim, changed(one.read, rows, far))
            if not other.reason and other.verdict != one.finding.verdict:
                return True
    return False


def test_the_verdict_of_every_measured_claim_hangs_on_its_rows(judged):
    unmoved = [one.claim.name for one in judged if one.claim.kind == "measured" and not can_change(one)]
    assert unmoved == list(UNMOVED)


def test_a_measured_claim_reads_a_row_that_was_drawn_or_comes_from_an_algorithm(judged):
    measured = [one for one in judged if one.claim.kind == "measured"]
    exact = [one.claim.name for one in measured if all(row.method == "exact" for row in one.read)]
    assert exact == list(ITERATED)


def test_theorems_and_arithmetic_hang_on_no_drawn_row(judged):
    """Far-off values of all rows that are not exact leave the verdict; so does their absence, or it says so."""
    nothing = Evidence({COMPUTED: Source(words="computed", rows=Rows())})
    for one in judged:
        if one.claim.kind == "measured":
            continue
        drawn = [row for row in one.read if row.method != "exact"]
        elsewhere = {settle(one.claim, changed(one.read, drawn, far)).verdict for far in FAR if drawn}
        assert elsewhere <= {one.finding.verdict}, one.claim.name
        bare = settle(one.claim, nothing)
        assert bare.verdict == one.finding.verdict or bare.reason, one.claim.name


def test_a_claim_that_repeats_a_number_says_whose(findings):
    """Equal numbers of measured claims are declared, and what is declared is equal, but for the sign of an erratum."""
    place = {finding.name: i for i, finding in enumerate(findings)}
    for i, finding in enumerate(findings):
        if finding.repeats:
            first = findings[place[finding.repeats]]
            assert place[finding.repeats] < i
            assert not first.repeats
            assert math.isclose(abs(finding.number), abs(first.number), abs_tol=1e-12), finding.name
    seen: dict[tuple[float, float], str] = {}
    for finding in findings:
        if finding.kind != "measured" or finding.reason:
            continue
        first = seen.setdefault((finding.number, finding.error), finding.name)
        if finding.error > 0 and first != finding.name:
            assert finding.repeats == first


def test_the_headline_counts_measured_claims_with_numbers_of_their_own(findings):
    own = [f for f in findings if f.kind == "measured" and not f.repeats and not f.reason]
    said = headline(findings)
    assert said.startswith(f"{len(CLAIMS)} claims: {len(own)} measured ones with numbers of their own, of which ")
    assert f"{sum(f.verdict == 'holds' for f in own)} hold, {sum(f.verdict == 'fails' for f in own)} fail" in said
    assert sum(claim.kind != "measured" for claim in CLAIMS) >= 55
    assert said in audit_report(findings, []).summary[0]
    assert headline(findings[:1]) == (
        "1 claims: 0 measured ones with numbers of their own, of which none; besides, 1 decided by a theorem (1 fails)."
    )


def test_what_decides_a_claim_is_on_the_page_in_the_terminal_and_in_the_files(findings, tmp_path):
    page = audit_report(findings, audit(CONTROLS[:1], Evidence({})))
    table = page.sections[0].tables[0]
    assert table.header[:3] == ["verdict", "claim", "decided by"]
    assert {row[2] for row in table.rows} == {"theorem", "arithmetic", "measured"}
    assert any("(Its number is that of 'loss sign'.)" in row[1] for row in table.rows)
    lines = terminal_table(findings).splitlines()
    assert "theorem" in lines[2]
    save_findings(tmp_path, findings)
    forms = json.loads((tmp_path / "audit.json").read_text())
    assert [form["kind"] for form in forms] == [claim.kind for claim in CLAIMS]
    assert [form["repeats"] for form in forms] == [claim.repeats or "" for claim in CLAIMS]
    assert ",kind,repeats,note," in (tmp_path / "audit.csv").read_text().splitlines()[0]


def test_an_exchanged_judge_is_disclosed_beside_its_verdict(findings, recorded):
    (finding,) = [f for f in findings if f.note]
    assert finding.name == "Fig. 4, D_cond"
    assert finding.verdict == "fails"
    assert "p = 0.016" in finding.note
    assert "which is 'holds'" in finding.note
    (row,) = [row for row in audit_report(findings, []).sections[0].tables[0].rows if "was exchanged" in row[1]]
    assert row[0] == "fails"
    without = Evidence({name: source for name, source in recorded.items() if name != "thresholds"})
    (claim,) = [claim for claim in CLAIMS if claim.name == finding.name]
    assert "not measured here" in settle(claim, without).note
