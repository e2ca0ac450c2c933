"""The window experiment: drawn masks against the exact law, the diagram's decisions, a report from nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from analysis.figures.window.plot import draw_window
from analysis.figures.window.report import EXPERIMENT
from analysis.figures.window.units import (
    DRAWN,
    EXACT,
    HARD,
    HIDDEN_OVERLAP,
    LIMIT,
    SATISFIED,
    SHARE,
    SILENT,
    STEPS,
    RevealedUnit,
    WindowSize,
    WindowUnit,
    coexistence,
    units,
    window_of,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import Rows, read_csv, write_csv
from analysis.planted.cases import CASES
from analysis.planted.curve import CONVERGED, PHI

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
    assert few[HIDDEN_OVERLAP, "planted"] > 0.9 > 0.75 > few[HIDDEN_OVERLAP, "prior"]
    assert few[PHI, "planted"] > few[PHI, "prior"]
    assert many[HIDDEN_OVERLAP, "prior"] > 0.9
    assert many[CONVERGED, "prior"] == 1.0


def test_coexistence_is_read_off_the_rows(tmp_path):
    rows = Rows(r for share in (0.02, 0.2) for r in replace(TINY, revealed=share).measure(tmp_path, CPU))
    assert coexistence(rows) == {0.02: [(4.2, True)], 0.2: []}


SMALL = WindowSize(
    masks=100, orders=10, n_latents=100, iterations=20, instances=1, shares=(0.02, 0.2), degrees=(3.0, 4.2),
    sparse={HARD: (5.0, 10.0), SATISFIED: (15.0, 20.0, 40.0)}, dense={HARD: (8, 9), SATISFIED: (8, 9)},
)  # fmt: skip


def test_last_digits_and_the_way_through_a_file_change_nothing(tmp_path):
    """Shares and degrees of one start may come from another machine than those of the other, and back from a table."""
    rows = Rows(row for unit in units(SMALL) for row in unit.measure(tmp_path, CPU))
    nudged = [
        replace(row, degree=row.degree and math.nextafter(row.degree, 9), at=math.nextafter(row.at, 0))
        if row.start == "prior" or row.model == EXACT
        else row
        for row in rows
    ]
    write_csv(tmp_path / "nudged.csv", nudged)
    again = read_csv(tmp_path / "nudged.csv")
    assert again == tuple(nudged) != rows
    assert coexistence(again) == coexistence(rows)
    assert set(coexistence(again)) == {0.02, 0.2}
    saved = {"window": SavedFigure(tmp_path, tmp_path)}
    reports = [
        EXPERIMENT.report(Run(scale="smoke", size=SMALL, units=[], rows=found, figures=saved))
        for found in (rows, again)
    ]
    assert reports[0] == reports[1]
    draw_window(again)


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    report = replace(EXPERIMENT, sizes={"smoke": SMALL}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"window.png", "window.svg"}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of window"):
        draw_window(Rows())
