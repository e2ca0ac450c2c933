"""The audit: every rule can give every verdict, false claims fail, missing rows leave a claim open."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.audit import report as audit
from analysis.figures.audit.claim import COMPUTED, Claim, Evidence, Measured, exact, settle
from analysis.figures.audit.claims.controls import CONTROLS
from analysis.figures.audit.claims.predicates import PRINTED
from analysis.figures.audit.measurements import loss as audit_loss
from analysis.figures.audit.measurements import unit as audit_unit
from analysis.figures.audit.measurements import windows as audit_windows
from analysis.figures.audit.measurements.exact import balanced_channel
from analysis.figures.audit.measurements.loss import LossUnit
from analysis.figures.audit.measurements.sampled import Hash
from analysis.figures.audit.measurements.unit import MeasurementUnit
from analysis.figures.audit.measurements.windows import EventsUnit, nonempty_share, slab_event
from analysis.figures.audit.page import number, terminal_table
from analysis.figures.audit.plans import OVERLAPS, plans
from analysis.figures.audit.report import CLAIMS, EXPERIMENT, RECORDED, save_findings
from analysis.figures.audit.report import audit as judge_all
from analysis.figures.audit.verdicts import (
    Judgement,
    above,
    all_of,
    all_zero,
    below,
    equals,
    identical,
    meets,
    rounds_to,
    steady,
    two_sided,
)
from analysis.figures.orders.units import KINDS, IdentityUnit
from analysis.figures.thresholds.predicates import CASES
from analysis.lab.recorded import Source
from analysis.lab.rows import Row, Rows, read_csv, write_csv
from analysis.planted.curve import CurveUnit
from lo_theory.estimate import Estimate
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import is_balanced

EXACT_CLAIMS = {
    "loss sign": "fails", "loss sign, corrected": "holds", "bound": "fails", "bound, corrected": "holds",
    "loss forms": "holds", "D_KS quoted, NAE-3, m = 3": "fails", "D_KS quoted, 5-colouring": "fails",
    "A2, factor": "holds", "masked latents, symmetric g": "fails", "A4": "holds", "naive accuracy": "holds",
    "naive accuracy, repeated indices": "holds", "Prop. B.5, interval": "fails", "Prop. B.2, k = 4": "fails",
    "Prop. B.2, k = 5": "holds", "Prop. B.2, event": "holds", "Prop. B.5, event": "holds", "A5, share": "holds",
    "A5, steps": "holds", "1.1, 1-in-3": "holds", "1.3, (1 - gamma) law": "holds", "1.3, eigenvalues": "holds",
    "1.3, Fourier": "holds", "1.3, k-NAE": "holds", "1.3, 2-XOR": "holds", "1.3, infinite": "holds",
    "2, condition for a gap": "holds", "I1": "holds", "I2": "holds", "I4, share formula": "holds",
    "I4, steps formula": "holds", "2-in-4, exact columns": "holds", "3-XOR, kind": "holds",
    "1-in-3, P(1)=1/3, 1 only, exact columns": "fails",
}  # fmt: skip
"""What exact numbers decide; the last prints D_1st = 2.36, which is 2.3548."""


def drawn(value, error, samples=4):
    return Estimate(value=value, standard_error=error, samples=samples, method="monte_carlo")


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        (identical(1.0, 1.0 + 1e-12), "holds"),
        (identical(1.0, 1.0 + 1e-6), "fails"),
        (identical(math.inf, math.inf), "holds"),
        (rounds_to(2.3548, "2.35"), "holds"),
        (rounds_to(2.3548, "2.36"), "fails"),
        (rounds_to(32.2, "32"), "fails"),
        (rounds_to(math.inf, "inf"), "holds"),
        (equals(drawn(1.0, 0.01), 1.01, claim_error=0.0, resolution=0.1), "holds"),
        (equals(drawn(1.0, 0.01), 1.5, claim_error=0.0, resolution=0.1), "fails"),
        (equals(drawn(1.0, 0.01), 1.08, claim_error=0.0, resolution=0.1), "open"),  # p between 0.1% and 1%
        (equals(drawn(1.0, 0.5), 1.01, claim_error=0.0, resolution=0.1), "open"),  # too coarse
        (equals(drawn(1.0, math.nan, 1), 1.0, claim_error=0.0, resolution=0.1), "open"),
        (above(drawn(1.0, 0.1), 0.5), "holds"),
        (above(drawn(1.0, 0.1), 1.5), "fails"),
        (above(drawn(1.0, 0.1), 0.9), "open"),
        (above(drawn(1.0, 0.0), 1.0), "fails"),
        (below(drawn(1.0, 0.1), 1.5), "holds"),
        (below(drawn(1.0, 0.1), 0.5), "fails"),
        (below(drawn(1.0, 0.1), 1.1), "open"),
        (meets((3.5, 3.6), (3.55, 3.7), slack=0.05), "holds"),
        (meets((3.5, 3.6), (3.7, 3.8), slack=0.05), "fails"),
        (meets((3.5, 3.6), (3.62, 3.8), slack=0.05), "open"),
        (meets((1.0, 9.0), (3.5, 3.6), slack=0.05), "open"),
        (steady([10.0, 100.0], [0.3, 0.31]), "holds"),
        (steady([10.0, 100.0], [0.3, 0.03]), "fails"),
        (steady([10.0, 100.0], [0.3, 0.2]), "open"),
        (steady([10.0, 100.0], [0.3, 0.0]), "fails"),
        (all_of([]), "open"),
    ],
)
def test_every_rule_gives_every_verdict(judgement, verdict):
    assert judgement.verdict == verdict


@pytest.mark.parametrize("sign", [1, -1])
def test_bands_lie_alike_on_both_sides(sign):
    """An equality, a bound and an interval have an open band on either side, between what holds and what fails."""

    def judged(distance, **more):
        return equals(drawn(1.0 + sign * distance, 0.01, 10**6), 1.0, claim_error=0.0, resolution=0.1, **more).verdict

    assert [judged(x) for x in (0.0, 0.0257, 0.0259, 0.0328, 0.0330)] == ["holds", "holds", "open", "open", "fails"]
    beyond, short = (above, below) if sign > 0 else (below, above)
    for distance, said in ((0.0197, "holds"), (0.0195, "open"), (-0.0195, "open"), (-0.0197, "fails")):
        far = drawn(sign * distance, 0.01, 10**6)
        assert beyond(far, 0.0).verdict == said
        assert short(far, 0.0).verdict == {"holds": "fails", "fails": "holds"}.get(said, said)
    claimed, width, slack = (0.0, 1.0) if sign > 0 else (-1.0, 0.0), 0.125, 0.0625  # sums of halves: the edge is exact
    for gap, said in ((-0.125, "holds"), (0.0, "holds"), (0.03125, "open"), (slack, "open"), (0.09375, "fails")):
        low = 1.0 + gap if sign > 0 else -1.0 - gap - width
        assert meets((low, low + width), claimed, slack=slack).verdict == said


@pytest.mark.parametrize(
    ("slope", "verdict"),
    [
        (0.049, "holds"),
        (-0.049, "holds"),
        (0.051, "open"),
        (-0.051, "open"),
        (0.49, "open"),
        (0.51, "fails"),
        (-0.51, "fails"),
    ],
)
def test_a_constant_has_a_flat_logarithm_either_way(slope, verdict):
    assert steady([10.0, 100.0], [0.3, 0.3 * 10**slope]).verdict == verdict


def test_a_claim_of_several_numbers_is_as_good_as_its_worst():
    holds, fails, unknown = (Judgement(verdict, "", "") for verdict in ("holds", "fails", "open"))
    assert all_of([holds, holds]).verdict == "holds"
    assert all_of([holds, unknown]).verdict == "open"
    assert all_of([unknown, fails, holds]).verdict == "fails"


def test_of_many_differences_the_least_likely_decides():
    small, large, coarse = (drawn(value, error, 50) for value, error in ((0.01, 0.01), (0.2, 0.01), (0.0, 1.0)))
    worst, judgement = all_zero([small, large], [0.0, 0.0], resolution=0.1)
    assert (worst, judgement.verdict) == (1, "fails")
    assert all_zero([small, large], [0.0, 0.1], resolution=1.0)[1].verdict == "holds"
    assert all_zero([small, coarse], [0.0, 0.0], resolution=0.1)[1].verdict == "open"
    near = drawn(0.027, 0.01, 10**6)  # p = 0.7%: open alone, nothing among ten
    assert all_zero([near], [0.0], resolution=0.1)[1].verdict == "open"
    assert all_zero([near, *[small] * 9], [0.0] * 10, resolution=0.1)[1].verdict == "holds"
    with pytest.raises(ValueError, match="at least one"):
        all_zero([], [], resolution=0.1)


@pytest.mark.parametrize("samples", [3, 4, 10])
def test_true_equalities_rarely_fail_even_with_few_replicas(samples):
    """2,000 true equalities: 20 below 1% expected, 2 below 0.1%; false alarm of the bounds below one in 10^4."""
    rng = np.random.default_rng(samples)
    draws = rng.normal(size=(2000, samples))
    errors = draws.std(axis=1, ddof=1) / math.sqrt(samples)
    p = np.array([two_sided(m, e, 0.0, samples) for m, e in zip(draws.mean(axis=1), errors, strict=True)])
    assert 4 <= (p < 0.01).sum() <= 40
    assert (p < 0.001).sum() <= 9


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """Small runs of everything that the exact claims and the controls read."""
    folder = tmp_path_factory.mktemp("audit")
    curves = [
        CurveUnit(
            experiment=OVERLAPS, case="2-in-4", asked="both", seed=seed, n_latents=800, degrees=(4.4,), iterations=150,
            fresh=200,
        )
        for seed in range(3)
    ]  # fmt: skip
    units = {
        audit_loss.EXPERIMENT: [LossUnit(distributions=3)],
        audit_windows.EXPERIMENT: [EventsUnit(sizes=(30, 100, 1000, 10_000))],
        audit_unit.EXPERIMENT: [
            MeasurementUnit(name=name, amount=10) for name in ("laws", "symmetric marginals", "naive accuracy")
        ],
        OVERLAPS: curves,
        "orders": [IdentityUnit(kind=kind, distributions=2) for kind in KINDS],
    }
    sources = {
        name: Source(words="test", rows=Rows(r for u in some for r in u.measure(folder, torch.device("cpu"))))
        for name, some in units.items()
    }
    return Evidence({**sources, COMPUTED: Source(words="computed", rows=Rows())})


def test_exact_numbers_decide_the_claims_that_need_no_more(evidence):
    found = {f.name: f for f in judge_all([c for c in CLAIMS if c.name in EXACT_CLAIMS], evidence)}
    assert {name: f.verdict for name, f in found.items()} == EXACT_CLAIMS
    assert all(f.method == "exact" and not f.reason for f in found.values())


def test_deliberately_false_claims_fail(evidence):
    assert {f.name: f.verdict for f in judge_all(CONTROLS, evidence)} == {c.name: "fails" for c in CONTROLS}


def test_without_rows_every_other_claim_is_open_and_says_why():
    nothing = Evidence({COMPUTED: Source(words="computed", rows=Rows())})
    for finding in judge_all(CLAIMS, nothing):
        if finding.experiment == COMPUTED:
            assert finding.verdict != "open"
        else:
            assert finding.verdict == "open"
            assert finding.reason.startswith("not measured: no r")


def test_claims_are_unique_named_and_say_what_would_falsify_them():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    assert set(PRINTED) == set(CASES)
    experiments = {*plans("smoke"), COMPUTED}
    for claim in CLAIMS:
        assert claim.falsified_by
        assert claim.experiment in experiments
    assert all(c.conjectural for c in CLAIMS if c.name.startswith(("Prop. 3.3, zeros", "Conj.", "4, slab 1 no")))
    with pytest.raises(ValueError, match="there twice"):
        judge_all([CLAIMS[0], CLAIMS[0]], Evidence({}))


ROW = Row(
    distribution="2-in-4", fingerprint="", model="m", seed=0, experiment="leak", metric="x", value=1.5,
    standard_error=math.inf, samples=3, method="monte_carlo", degree=4.4, start="random", swept="zeros", at=0.0,
)  # fmt: skip


def test_the_experiment_writes_verdicts_and_a_coloured_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        audit, "plans", lambda scale: {"audit_loss": [LossUnit(distributions=2)], "leak": [], "task_error": []}
    )
    monkeypatch.setattr(audit, "RECORDED", tmp_path / "none")
    write_csv(tmp_path / "leak-small" / "leak.csv", [ROW])
    directory = tmp_path / "audit-smoke"
    report = EXPERIMENT.reproduce("smoke", directory, jobs=1).read_text()
    for style in ("yes", "no", "unknown"):
        assert f'<td class="{style}">' in report
    assert "Conjectural hardness" in report
    forms = json.loads((tmp_path / "audit-smoke" / "audit.json").read_text())
    assert [form["name"] for form in forms] == [claim.name for claim in CLAIMS]
    assert len((tmp_path / "audit-smoke" / "audit.csv").read_text().splitlines()) == len(CLAIMS) + 1
    assert f"{len(CLAIMS)} claims:" in capsys.readouterr().out
    assert "leak" in EXPERIMENT.found("smoke", directory)
    monkeypatch.setattr(LossUnit, "measure", lambda *_: pytest.fail("a finished unit was computed again"))
    EXPERIMENT.reproduce("smoke", directory, jobs=1)


def test_numbers_are_shown_with_their_errors(tmp_path):
    claim = Claim(
        name="a", text="b", source="paper, c", tag="paper", experiment=COMPUTED, falsified_by="d", kind="measured",
        judge=lambda _: Measured("q", drawn(1.23456, 0.0123), identical(0.0, 0.0)),
    )  # fmt: skip
    finding = settle(claim, Evidence({}))
    assert number(finding) == "1.235 +- 0.012"
    assert number(replace(finding, number=math.nan)) == "-"
    assert number(replace(finding, error=0.0)) == "1.23456"
    assert terminal_table([finding]).splitlines()[2].startswith("holds   a")
    save_findings(tmp_path, [replace(finding, number=math.nan)])
    assert json.loads((tmp_path / "audit.json").read_text())[0]["number"] == "nan"


def test_random_channels_are_balanced():
    rng = np.random.default_rng(0)
    for _ in range(20):
        channel, prior = balanced_channel(int(rng.integers(2, 5)), int(rng.integers(2, 4)), rng)
        assert is_balanced(Ensemble(channel, prior))
        assert not np.allclose(channel, channel.ravel()[0])


def test_the_closed_forms_of_small_events():
    assert nonempty_share(10) == 0.5
    assert exact(Hash(1, 0, 1).mean_excess_bits).value == -1.0
    few, many = slab_event(100, 0.5), slab_event(10_000, 0.5)
    assert few == pytest.approx(math.exp(-0.25), rel=0.01)  # (1 - c_beta N / (2 P))^N with P = 2 c_beta N^2
    assert many == pytest.approx(math.exp(-0.25), rel=1e-4)


def test_the_recorded_runs_of_a_checkout_are_found():
    assert (RECORDED / "README.md").exists()
    found = EXPERIMENT.found("smoke", RECORDED / "nowhere")
    assert {"thresholds", "slabs", "gap"} <= set(found)


@pytest.fixture(scope="module")
def recorded_evidence():
    """All rows of the recorded audit: those that it found in other runs, and its own."""
    found = EXPERIMENT.found("smoke", RECORDED / "nowhere")
    own = {
        path.stem: Source(words="recorded", rows=read_csv(path)) for path in (RECORDED / "audit-smoke").glob("*.csv")
    }
    return {**own, **found, COMPUTED: Source(words="computed", rows=Rows())}


def verdicts(sources):
    return {finding.name: finding.verdict for finding in judge_all(CLAIMS, Evidence(sources))}


def moved(rows):
    """Every degree and every swept value by one unit in the last place, up and down by turns: another processor."""

    def one_ulp(value, number):
        return None if value is None else math.nextafter(value, math.inf if number % 2 else -math.inf)

    return Rows(replace(row, degree=one_ulp(row.degree, n), at=one_ulp(row.at, n // 2)) for n, row in enumerate(rows))


def test_the_recorded_verdicts_come_from_the_recorded_rows_and_hang_on_no_last_digit(recorded_evidence):
    forms = json.loads((RECORDED / "audit-smoke" / "audit.json").read_text())
    recorded = {form["name"]: form["verdict"] for form in forms}
    assert verdicts(recorded_evidence) == recorded
    elsewhere = {
        name: Source(words=source.words, rows=moved(source.rows)) for name, source in recorded_evidence.items()
    }
    assert verdicts(elsewhere) == recorded
