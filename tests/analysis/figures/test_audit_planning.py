"""The audit's claims on orders and schedules: a verdict from rows, and another one from rows that are wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from analysis.figures.audit.claim import COMPUTED, Evidence, Finding, settle
from analysis.figures.audit.claims import planning
from analysis.figures.audit.claims.planning import BOUNDS, ORDERS, PLANNING_CLAIMS
from analysis.figures.audit.plans import plans
from analysis.figures.bounds.units import BOUND, DUAL, LOSS, TOTAL, BoundsUnit, Chain
from analysis.figures.optimal_order.case import KL, KL_EXCESS, VALIDITY
from analysis.figures.optimal_order.units import EVERYWHERE, PosteriorUnit
from analysis.lab.recorded import Source
from analysis.lab.rows import Rows
from analysis.measures.small_distributions import Listed
from lo_theory.samplers.menu import MARGIN

NAE = Listed(kind="NAE-SAT", n_latents=4, n_observations=3)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Rows:
    directory = tmp_path_factory.mktemp("planning")
    units = [
        BoundsUnit(instance=Chain(vocabulary=2, length=5), seed=0, sequences=False),
        BoundsUnit(instance=NAE, seed=0, sequences=False),
        *(PosteriorUnit(instance=NAE, seed=seed) for seed in range(3)),
    ]
    return Rows(row for unit in units for row in unit.measure(directory, torch.device("cpu")))


def findings(rows: Rows) -> dict[str, Finding]:
    sources = {name: Source(words="here", rows=rows.where(experiment=name)) for name in (BOUNDS, ORDERS)}
    evidence = Evidence({**sources, COMPUTED: Source(words="computed", rows=Rows())})
    return {claim.name: settle(claim, evidence) for claim in PLANNING_CLAIMS}


def scaled(rows: Rows, factor: float, shift: float = 0.0, **where: object) -> Rows:
    return Rows(
        replace(row, value=factor * row.value + shift)
        if all(getattr(row, name) == value for name, value in where.items())
        else row
        for row in rows
    )


def test_verdicts_of_true_rows(rows):
    found = {name: finding.verdict for name, finding in findings(rows).items()}
    assert found["2505.21400, rate"] == "holds"
    assert found["2511.04647, O(log L) calls"] == "holds"
    assert found["2511.04647, equal steps, DTC"] == "fails"
    assert found["best order"] == "holds"
    assert found["margin is near the truth"] == "fails"
    assert found["2603.01367, adaptive likelihood"] == "holds"


def test_verdicts_hang_on_no_last_digit(rows):
    moved = Rows(
        replace(row, at=None if row.at is None else math.nextafter(row.at, math.inf if number % 2 else 0.0))
        for number, row in enumerate(rows)
    )
    assert {n: f.verdict for n, f in findings(moved).items()} == {n: f.verdict for n, f in findings(rows).items()}


@pytest.mark.parametrize(
    ("name", "verdict", "change"),
    [
        ("2505.21400, rate", "fails", {"factor": 0.1, "metric": BOUND}),
        ("2511.04647, O(log L) calls", "fails", {"factor": 0.1, "metric": BOUND}),
        ("2511.04647, equal steps, TC", "fails", {"factor": 0.1, "metric": TOTAL}),
        ("2511.04647, equal steps, TC", "holds", {"factor": 0.1, "metric": LOSS}),
        ("2511.04647, equal steps, DTC", "holds", {"factor": 10.0, "metric": DUAL}),
        ("best order", "fails", {"factor": 0.0, "shift": -0.1, "metric": KL_EXCESS, "decoder": MARGIN}),
        ("sec. 4, margin is valid", "fails", {"factor": 0.0, "metric": VALIDITY, "decoder": MARGIN}),
        ("sec. 4, margin is valid", "holds", {"factor": 1.0, "shift": 5.0, "metric": VALIDITY, "decoder": MARGIN}),
        ("margin is near the truth", "holds",
         {"factor": 1.0, "shift": -9.0, "metric": KL, "decoder": MARGIN, "model": EVERYWHERE}),
    ],
)  # fmt: skip
def test_a_wrong_number_turns_the_verdict(rows, name, verdict, change):
    assert findings(scaled(rows, **change))[name].verdict == verdict


def test_a_likelihood_that_is_wrong_fails(rows, monkeypatch):
    class Doubled:
        def __init__(self, found):
            self.nats = found.rows().nats + 1e-6

        def rows(self):
            return self

    true = planning.decoder_nll
    monkeypatch.setattr(planning, "decoder_nll", lambda *args: Doubled(true(*args)))
    assert findings(rows)["2603.01367, adaptive likelihood"].verdict == "fails"


def test_the_audit_measures_what_they_need_and_says_so_where_it_is_missing():
    assert {BOUNDS, ORDERS} <= set(plans("smoke"))
    missing = findings(Rows())
    for name, finding in missing.items():
        assert (finding.verdict == "open") == (name != "2603.01367, adaptive likelihood"), name
        assert finding.reason.startswith("not measured") == (finding.verdict == "open")
