"""The window experiment: drawn masks against the exact law, the diagram's decisions, a report from nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.plots.window import draw_window
from analysis.theory import window
from analysis.theory.known_thresholds import CASES
from analysis.theory.revealed import CONVERGED, FREE_ENTROPY, OVERLAP, RevealedUnit
from analysis.theory.window import WindowExperiment, coexistence, marks
from analysis.theory.window_units import DRAWN, EXACT, LIMIT, SHARE, SILENT, STEPS, WindowUnit, window_of

CPU = torch.device("cpu")
TINY = RevealedUnit(case="2-in-4", revealed=0.02, degrees=(4.2,), n_latents=1500, iterations=150, seed=0)


@pytest.mark.parametrize("case", ["2-in-4", "NAE-3, m = 3, satisfied"])
def test_drawn_masks_follow_the_exact_law(case, tmp_path):
    """Share of 3,000 masks and mean of 100 orders, each within four standard errors: false alarm 1e-4 each."""
    unit = WindowUnit(case=case, n_latents=20, per_latent=16.0, masks=3000, orders=100)
    rows = {(r.metric, r.model): r for r in unit.measure(tmp_path, CPU)}
    assert set(rows) == {(m, how) for m in (SHARE, STEPS, SILENT) for how in (DRAWN, EXACT, LIMIT)}
    law = rows[SHARE, EXACT].value
    assert abs(rows[SHARE, DRAWN].value - law) < 4 * (law * (1 - law) / 3000) ** 0.5
    steps = rows[STEPS, DRAWN]
    assert abs(steps.value - rows[STEPS, EXACT].value) < 4 * steps.standard_error
    assert law == pytest.approx(rows[SHARE, LIMIT].value, rel=0.25)


def test_the_dense_design_has_every_tuple(tmp_path):
    unit = WindowUnit(case="2-in-4", n_latents=7, per_latent=None, masks=50, orders=20)
    assert unit.n_observations == 7 * 6 * 5 * 4
    assert {r.at for r in unit.measure(tmp_path, CPU)} == {120.0}


def test_windows_lie_between_condensation_and_kesten_stigum():
    low, high = window_of(CASES["2-in-4"])
    assert low == pytest.approx(3.89, abs=0.02)
    assert high == pytest.approx(5.0)
    for easy in ("NAE-3", "majority", "P5"):
        with pytest.raises(ValueError, match="no window of finite width"):
            window_of(CASES[easy])


def test_few_revealed_latents_leave_the_gap_and_many_close_it(tmp_path):
    """Degree 4.2: at 2% the planted start alone knows the hidden latents, at 20% both do. Far from either edge."""
    few, many = (
        {(r.metric, r.start): r.value for r in unit.measure(tmp_path, CPU)}
        for unit in (TINY, replace(TINY, revealed=0.2))
    )
    assert few[OVERLAP, "planted"] > 0.9 > 0.75 > few[OVERLAP, "prior"]
    assert few[FREE_ENTROPY, "planted"] > few[FREE_ENTROPY, "prior"]
    assert many[OVERLAP, "prior"] > 0.9
    assert many[CONVERGED, "prior"] == 1.0


def test_coexistence_is_read_off_the_rows(tmp_path):
    rows = [r for share in (0.02, 0.2) for r in replace(TINY, revealed=share).measure(tmp_path, CPU)]
    assert coexistence(rows) == {0.02: [(4.2, True)], 0.2: []}


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path, monkeypatch):
    monkeypatch.setitem(window._COUNTS, "smoke", (100, 10))
    monkeypatch.setitem(window._INSTANCES, "smoke", (100, 20, 1))
    monkeypatch.setitem(window._SHARES, "smoke", (0.02, 0.2))
    monkeypatch.setitem(window._DEGREES, "smoke", (3.0, 4.2))
    monkeypatch.setattr(window, "_DENSE", {window.HARD: (8, 9), window.SATISFIED: (8, 9)})
    monkeypatch.setattr(window, "PER_LATENT", (5.0, 10.0))
    report = WindowExperiment(scale="smoke", directory=tmp_path, jobs=1).run().read_text()
    assert report.count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"window.png", "window.svg"}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of window"):
        draw_window([], marks())
