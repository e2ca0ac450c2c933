"""Repeats: where learners cross, units, and what is said of a run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.figures.repeats.crossing import crossover, first_crossing
from analysis.figures.repeats.curves import lowest, overtakes
from analysis.figures.repeats.plot import crossing_words, draw_repeats
from analysis.figures.repeats.report import EXPERIMENT, repeats_checks
from analysis.figures.repeats.units import ARM, MODELS, SIZES, SWEPT, RepeatsSize, units
from analysis.lab.experiment import all_rows
from analysis.lab.rows import CONTROL, MDM, Row, Rows, Subject
from analysis.lab.store import RowStore
from analysis.measures.text_learners import ARM_DROPOUT
from analysis.measures.text_networks import EXCESS, LOSS
from lo_theory.estimate import Estimate

TINY = RepeatsSize(length=12, batch_size=4, rows=8, epochs=(1, 2), width=8, layers=1, test_rows=20, draws=2, seeds=1)


class TestCrossing:
    @pytest.mark.parametrize(
        ("difference", "expected"),
        [
            ((1.0, 0.5, -0.5), 4.0**1.5),
            ((1.0, 0.0, -1.0), 4.0),
            ((1.0, 0.5, 0.1), None),
            ((-1.0, -2.0, -3.0), None),
            ((-1.0, 1.0, -1.0), 4.0**1.5),
        ],
    )
    def test_it_is_where_the_difference_falls_to_zero(self, difference, expected):
        assert first_crossing((1.0, 4.0, 16.0), difference) == (None if expected is None else pytest.approx(expected))

    def test_exact_curves_cross_where_they_do_in_every_resample(self):
        found = crossover({1.0: [(2.0, 0.0)], 4.0: [(1.0, 0.0)]}, {1.0: [(1.0, 0.0)], 4.0: [(2.0, 0.0)]}, resamples=50)
        assert (found.epoch, found.low, found.high, found.share) == pytest.approx((2.0, 2.0, 2.0, 1.0))

    def test_an_interval_holds_the_truth_about_as_often_as_it_says(self):
        """A difference 1 - log2(E) with errors of 0.1, 60 experiments; fewer than 48 are a false alarm in 10^5."""
        held = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            curve = {e: [(1 - math.log2(e) + 0.1 * rng.standard_normal(), 0.1)] for e in (1.0, 2.0, 4.0)}
            flat = {e: [(0.0, 0.0)] for e in curve}
            found = crossover(curve, flat, resamples=100, seed=seed)
            held += found.low <= 2.0 <= found.high
        assert held >= 48

    def test_none_in_common_is_refused_and_never_is_said(self):
        with pytest.raises(ValueError, match="none in common"):
            crossover({1.0: [(1.0, 0.0)]}, {2.0: [(1.0, 0.0)]})
        never = crossover({1.0: [(2.0, 0.0)]}, {1.0: [(1.0, 0.0)]}, resamples=3)
        assert never.epoch is None
        assert math.isnan(never.low)
        assert crossing_words(never) == "the MDM never overtakes the ARM"
        assert crossing_words(None) == "not both trained yet"


@pytest.mark.parametrize("scale", list(SIZES))
def test_rows_are_met_as_often_as_is_said(scale):
    for unit in units(SIZES[scale]):
        assert unit.epochs == unit.epochs_wanted
    assert len(set(units(SIZES[scale]))) == len(units(SIZES[scale]))


@pytest.mark.usefixtures("small_text")
def test_a_run_ends_in_rows_and_a_report(tmp_path):
    page = replace(EXPERIMENT, sizes={"smoke": TINY}).reproduce("smoke", tmp_path, jobs=1, quiet=True)
    assert "control: the exact posterior" in page.read_text()
    rows = all_rows(RowStore(tmp_path / "units").units(units(TINY)))
    assert [abs(row.value) < 1e-9 for row in rows.where(model=CONTROL, metric=EXCESS)] == [True, True]
    assert len(rows.where(metric=LOSS, model=MODELS)) == 3 * 3 * 2
    assert overtakes(rows, "chain") is not None


def rows_of(curves: dict[str, tuple[float, ...]]) -> Rows:
    found: list[Row] = []
    for model, values in curves.items():
        about = Subject(distribution="python", fingerprint="", model=model, seed=0)
        for epochs, value in zip((1.0, 4.0, 16.0), values, strict=True):
            loss = Estimate(value=value, standard_error=0.001, samples=9, method="chain")
            found.append(about.row("repeats", LOSS, loss, swept=SWEPT, at=epochs))
    return Rows(found)


class TestWords:
    rows = rows_of({ARM: (2.0, 1.5, 3.0), ARM_DROPOUT: (2.1, 1.3, 1.35), MDM: (2.5, 2.0, 1.4)})

    def test_best_epochs_are_compared(self):
        assert lowest(self.rows, "python", ARM) == (1.5, 4.0)
        assert [check.met for check in repeats_checks(self.rows)] == [True, True, True]
        worse = rows_of({ARM: (2.0, 1.2, 3.0), ARM_DROPOUT: (2.1, 1.5, 1.6), MDM: (2.5, 2.0, 3.5)})
        assert [check.met for check in repeats_checks(worse)] == [False, False, True]

    def test_figures_need_rows(self):
        assert len(draw_repeats(self.rows).axes) == 1
        with pytest.raises(ValueError, match="no rows of repeats"):
            draw_repeats(Rows())
