"""Scaling: isoFLOP analysis on curves whose exponents are known, units, and what is said of a run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.figures.scaling.checks import goal_checks, scaling_checks
from analysis.figures.scaling.iso_flop import best_size, best_sizes, compute_multiplier, fit_scaling_law
from analysis.figures.scaling.losses import curve, kind_of, kinds, losses, texts
from analysis.figures.scaling.plot import draw_orders, draw_scaling, gap_of
from analysis.figures.scaling.report import EXPERIMENT
from analysis.figures.scaling.units import ARM, BUDGET, EPOCHS, SECONDS, SIZES, WEIGHTS, ScalingSize, steps_of, units
from analysis.lab.experiment import all_rows
from analysis.lab.rows import CONTROL, MDM, Row, Rows, Subject
from analysis.lab.store import RowStore
from analysis.measures.text_data import SHAKESPEARE
from analysis.measures.text_networks import EXCESS, FLOOR, LOSS
from lo_theory.estimate import Estimate, exact_estimate

TINY = ScalingSize(
    texts=("python", "chain"), length=12, batch_size=4, budgets=(1.2e6, 3e6), shapes=((1, 8), (1, 16)), seeds=1,
    permutations=1, orders=(1, None), orders_budget=0, test_rows=20, draws=2,
)  # fmt: skip
BUDGETS, SIZES_OF = (1e12, 4e12, 1.6e13, 6.4e13), tuple(np.geomspace(1e4, 1e7, 9))


def synthetic(shift: float = 1.0, seeds: int = 1, spread: float = 0.0, seed: int = 0):
    """Losses 5 (C / shift)^-0.1 at the best size 0.1 C^0.5, and a parabola in log N around it."""
    rng = np.random.default_rng(seed)
    return {
        budget: {
            size: [
                5 * (budget / shift) ** -0.1
                + 0.01 * math.log(size / (0.1 * budget**0.5)) ** 2
                + spread * rng.standard_normal()
                for _ in range(seeds)
            ]
            for size in SIZES_OF
        }
        for budget in BUDGETS
    }


class TestIsoFlop:
    def test_exponents_of_exact_curves_are_found(self):
        law = fit_scaling_law(synthetic())
        assert law is not None
        assert law.size[1] == pytest.approx(0.5, abs=1e-9)
        assert math.exp(law.size[0]) == pytest.approx(0.1)
        assert law.loss[1] == pytest.approx(-0.1, abs=1e-9)
        assert law.budget(5 * 3e12**-0.1) == pytest.approx(3e12)
        assert math.isnan(law.size_interval[0])  # one run each

    def test_the_lowest_point_lies_between_sizes(self):
        best = best_size(1.0, {1.0: 2.0, math.e: 1.0, math.e**2: 2.0 + 4.0})
        a, b = 3.0, -4.0  # of the parabola 2 + b x + a x^2 through the three
        assert best.interior
        assert math.log(best.size) == pytest.approx(-b / (2 * a))
        assert best.loss == pytest.approx(2 - b**2 / (4 * a))

    @pytest.mark.parametrize(
        "values",
        [(1.0, 2.0, 3.0), (3.0, 2.0, 1.0), (2.0, 1.0), (1.0,), (2.0, 2.0, 2.0), (1.0, 2.0, 1.5), (1.0, 1.05, 1.1, 2.0)],
    )
    def test_a_best_size_at_an_edge_is_none(self, values):
        best = best_size(1.0, {float(i + 1): value for i, value in enumerate(values)})
        assert not best.interior
        assert best.loss == min(values)

    def test_without_an_interior_best_size_everywhere_there_is_no_law(self):
        whole = synthetic()
        cut = {budget: dict(list(sizes.items())[5:]) for budget, sizes in whole.items()}
        assert [best.interior for best in best_sizes(whole)] == [True] * 4
        assert not best_sizes(cut)[0].interior
        assert fit_scaling_law(cut) is None
        assert fit_scaling_law({1e12: whole[1e12]}) is None
        assert compute_multiplier(whole, cut) is None
        with pytest.raises(ValueError, match="no size at budget"):
            best_size(1.0, {})

    def test_a_shifted_law_needs_so_much_more_compute(self):
        gap = compute_multiplier(synthetic(), synthetic(shift=16.0))
        assert gap is not None
        assert gap.value == pytest.approx(16.0)
        assert not gap.measured  # the middle of what the dear one reached is above all that the cheap one has
        near = compute_multiplier(synthetic(), synthetic(shift=4.0))
        assert near is not None
        assert near.measured
        far = compute_multiplier(synthetic(), synthetic(shift=1e6))
        assert far is not None
        assert not far.measured

    def test_intervals_hold_the_truth_about_as_often_as_they_say(self):
        """40 experiments of 3 runs; at 95% fewer than 30 that hold it are a false alarm in 10^5."""
        held = {"size": 0, "loss": 0, "gap": 0}
        for seed in range(40):
            noisy = [synthetic(shift, 3, 0.002, seed=2 * seed + i) for i, shift in enumerate((1.0, 16.0))]
            law = fit_scaling_law(noisy[0], resamples=100)
            gap = compute_multiplier(noisy[0], noisy[1], resamples=100)
            assert law is not None
            assert gap is not None
            held["size"] += law.size_interval[0] <= 0.5 <= law.size_interval[1]
            held["loss"] += law.loss_interval[0] <= -0.1 <= law.loss_interval[1]
            held["gap"] += gap.low <= 16.0 <= gap.high
            assert not law.loss_interval[0] <= -0.2 <= law.loss_interval[1]  # the control
        assert min(held.values()) >= 30


class TestUnits:
    @pytest.mark.parametrize("scale", list(SIZES))
    def test_every_point_costs_its_budget_within_a_step(self, scale):
        for unit in units(SIZES[scale]):
            if unit.model == CONTROL:
                assert unit.setting.steps == 0
                continue
            step = unit.flops / unit.setting.steps
            assert abs(unit.flops - unit.budget) <= step / 2
            assert unit.setting.positions == "learned"

    def test_small_has_what_it_promises(self):
        size = SIZES["small"]
        assert (len(size.budgets), len(size.shapes), size.permutations) == (4, 4, 3)
        assert size.orders == (1, 2, 4, 16, None)
        found = units(size)
        assert len(found) == len(set(found))
        assert {kind_of(unit.model) for unit in found if unit.text == "python"} >= {
            ARM, MDM, "pi closer", "pi much-closer", "pi uniform"
        }  # fmt: skip
        assert {unit.model for unit in found if unit.text == "chain"} == {ARM, MDM, CONTROL}

    @pytest.mark.parametrize("scale", list(SIZES))
    def test_steps_tell_the_sizes_at_one_budget_apart(self, scale):
        found = [(unit.text, unit.model, unit.seed, unit.budget, unit.setting.steps) for unit in units(SIZES[scale])]
        assert len(set(found)) == len(found)

    def test_a_budget_below_a_step_is_one_step(self):
        assert steps_of(replace(units(TINY)[0], budget=1.0)) == 1


@pytest.mark.usefixtures("small_text")
def test_a_run_ends_in_rows_and_a_report(tmp_path):
    page = replace(EXPERIMENT, sizes={"smoke": TINY}).reproduce("smoke", tmp_path, jobs=1, quiet=True)
    text = page.read_text()
    for words in ("Every point", "The number of orders", "SMDM", "Markov chain", "control: the exact posterior"):
        assert words in text
    rows = all_rows(RowStore(tmp_path / "units").units(units(TINY)))
    assert rows.one(model=CONTROL, metric=EXCESS).value == 0.0
    assert texts(rows) == ["python", "chain"]
    assert kinds(rows, "python") == [ARM, MDM, "pi closer", "pi much-closer", "pi uniform"]
    assert kinds(rows, "python", any_order=True) == ["any-order 1", "any-order all"]
    points = curve(rows, "chain", MDM)
    assert [len(sizes) for sizes in points.values()] == [2, 2]
    assert all(len(runs) == 1 for sizes in points.values() for runs in sizes.values())


def measured(found, kind: str, text: str = "python", metric: str = LOSS) -> list[Row]:
    rows = []
    for budget, sizes in found.items():
        for step, (size, runs) in enumerate(sizes.items(), start=1):
            for seed, value in enumerate(runs):
                about = Subject(distribution=text, fingerprint="", model=kind, seed=seed)
                where = {"swept": BUDGET, "at": budget, "step": step}
                loss = Estimate(value=value, standard_error=0.001, samples=9, method="chain")
                rows.append(about.row("scaling", metric, loss, **where))
                for name, number in ((WEIGHTS, size), (EPOCHS, 1.0), (SECONDS, 2.0)):
                    rows.append(about.row("scaling", name, exact_estimate(number), **where))
    return rows


class TestWords:
    rows = Rows([*measured(synthetic(), ARM), *measured(synthetic(16.0), MDM)])

    def test_the_gap_is_that_of_the_laws(self):
        gap = gap_of(self.rows, "python")
        assert gap is not None
        assert gap.value == pytest.approx(16.0)
        assert losses(curve(self.rows, "python", ARM)) == {
            budget: {size: list(runs) for size, runs in sizes.items()} for budget, sizes in synthetic().items()
        }

    def test_checks_say_who_is_above_whom(self):
        checks = {check.text: check.met for check in scaling_checks(self.rows)}
        assert checks["Python's documentation: the MDM's bound is above the ARM's loss"] is True
        swapped = Rows([*measured(synthetic(16.0), ARM), *measured(synthetic(), MDM)])
        assert scaling_checks(swapped)[0].met is False

    def test_goals_are_met_or_not_and_unknown_before(self):
        def met(arm: float, mdm: float):
            pairs = ((ARM, arm), (MDM, mdm))
            rows = Rows(row for kind, loss in pairs for row in measured({1.0: {1.0: [loss]}}, kind, SHAKESPEARE))
            return [check.met for check in goal_checks(rows, (1.75, 1.15))]

        assert met(1.7, 1.8) == [True, True]
        assert met(1.8, 2.2) == [False, False]
        assert [check.met for check in goal_checks(Rows(), (1.75, 1.15))] == [None, None]
        assert goal_checks(Rows(), None) == []

    def test_an_exact_posterior_that_is_off_is_noticed(self):
        about = Subject(distribution="chain", fingerprint="", model=CONTROL)
        loss = Estimate(value=2.5, standard_error=0.01, samples=9, method="monte_carlo")
        rows = [about.row("scaling", LOSS, loss), about.row("scaling", FLOOR, exact_estimate(2.4))]
        assert scaling_checks(Rows([*rows, about.row("scaling", EXCESS, exact_estimate(0.0))]))[0].met is False

    def test_figures_need_rows(self):
        assert len(draw_scaling(self.rows).axes) == 2
        assert draw_orders(self.rows).axes
        with pytest.raises(ValueError, match="no rows of scaling"):
            draw_scaling(Rows())
