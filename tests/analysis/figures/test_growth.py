"""Growth: where budgets suffice, what laws are fitted to them and to those that did not, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from analysis.figures.growth import units as growth_units
from analysis.figures.growth.laws import laws
from analysis.figures.growth.passages import GOALS, Goal, reached
from analysis.figures.growth.plot import draw_growth
from analysis.figures.growth.power_law import PowerLaw, Reached, bracket, fit_power_law
from analysis.figures.growth.report import EXPERIMENT, growth_checks
from analysis.figures.growth.units import (
    SECONDS,
    SIZES,
    STEP_FLOPS,
    TARGET,
    TARGET_FLOPS,
    TAUGHT,
    GrowthSize,
    GrowthUnit,
    units,
)
from analysis.lab.rows import CONTROL, MDM, Row, Rows, Subject
from analysis.measures.forward_loss import FORWARD
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.setting import DISTRIBUTIONS, Setting
from lo_theory.estimate import Estimate
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import NetworkConfig

CPU = torch.device("cpu")
ARM = ARM_NATURAL.name
TINY = Setting(
    n_latents=0, n_observations=0, steps=0, layers=1, width=16, heads=2, batch_size=8, generated=20, test_rows=60
)
TINY_SIZE = GrowthSize(latents=(3, 4), network=TINY, budgets=(2, 4), chain_budgets=(2, 4), seeds=1)


def power(exponent: float, sizes=(4, 6, 9), seeds: int = 3, spread: float = 0.0, seed: int = 0) -> list[Reached]:
    rng = np.random.default_rng(seed)
    return [
        Reached(n, 5.0 * n**exponent * math.exp(spread * rng.standard_normal())) for n in sizes for _ in range(seeds)
    ]


def law_of(runs: list[Reached], **options) -> PowerLaw:
    found = fit_power_law(runs, **options)
    assert found is not None
    return found


class TestPowerLaw:
    @pytest.mark.parametrize("exponent", [-1.0, 0.0, 2.5])
    def test_an_exact_law_is_found_and_continued(self, exponent):
        law = law_of(power(exponent))
        assert law.exponent == pytest.approx(exponent, abs=1e-9)
        assert law.cost(100) == pytest.approx(5.0 * 100**exponent)
        assert law.cost_interval(100) == pytest.approx((law.cost(100), law.cost(100)))

    def test_without_bounds_it_is_least_squares_of_logarithms(self):
        runs = power(1.7, spread=0.5)
        slope, intercept = np.polyfit(np.log([r.n_latents for r in runs]), np.log([r.cost for r in runs]), 1)
        law = law_of(runs)
        assert (law.exponent, law.intercept) == pytest.approx((slope, intercept))

    @pytest.mark.parametrize("seed", range(4))
    def test_bounds_count_with_their_probability(self, seed):
        """The same law by maximising the likelihood directly."""
        drawn = power(1.5, sizes=(3, 5, 8, 13), seeds=4, spread=0.6, seed=seed)
        bounded = [Reached(r.n_latents, min(max(r.cost, 40.0), 150.0), (r.cost > 150) - (r.cost < 40)) for r in drawn]
        assert {run.known for run in bounded} == {-1, 0, 1}
        x, y = np.log([r.n_latents for r in bounded]), np.log([r.cost for r in bounded])
        known = np.array([r.known for r in bounded])

        def nats(parameters: np.ndarray) -> float:
            a, b, log_spread = parameters
            z = (y - a - b * x) / math.exp(log_spread)
            parts = np.where(known == 0, norm.logpdf(z) - log_spread, norm.logsf(known * z))
            return -float(parts.sum())

        best = minimize(nats, np.array([1.0, 1.0, 0.0]), method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-7})
        law = law_of(bounded, resamples=1)
        assert (law.intercept, law.exponent, math.log(law.spread)) == pytest.approx(tuple(best.x), abs=2e-3)

    def test_runs_that_never_got_there_are_not_left_out(self):
        """Cut at a budget, a law without them is too flat; with them it is right."""
        every = power(2.0, sizes=(4, 6, 9, 13), seeds=24, spread=0.4)
        cut = [Reached(r.n_latents, min(r.cost, 400.0), int(r.cost > 400.0)) for r in every]
        assert 0 < sum(run.known for run in cut) < len(cut)
        kept, left_out = (law_of(runs, resamples=1).exponent for runs in (cut, [run for run in cut if not run.known]))
        assert kept == pytest.approx(2.0, abs=0.4)  # four standard errors
        assert left_out < kept - 0.2

    def test_intervals_cover_the_truth_about_as_often_as_they_say(self):
        """With eight seeds; 60 laws, of which at least 48 shall hold the exponent (a false alarm in 10^5 at 95%)."""
        held = 0
        for seed in range(60):
            low, high = law_of(power(1.5, seeds=8, spread=0.3, seed=seed), resamples=300).exponent_interval()
            held += low <= 1.5 <= high
        assert held >= 48
        wrong = law_of(power(1.5, seeds=8, spread=0.3)).exponent_interval()
        assert not wrong[0] <= 3.0 <= wrong[1]  # the control

    @pytest.mark.parametrize(
        "runs",
        [
            [],
            power(1.0, sizes=(4,)),
            [Reached(4, 10.0), Reached(6, 20.0, 1), Reached(9, 20.0, 1)],
            [Reached(4, 10.0, -1), Reached(6, 10.0, -1)],
        ],
    )
    def test_one_size_alone_has_no_law(self, runs):
        assert fit_power_law(runs) is None

    def test_intervals_are_as_wide_as_the_spread_of_independent_laws(self):
        """Three seeds: mean variance of stretched resamples, within 2.5 standard errors of that of 200 laws."""
        laws_of = [law_of(power(1.5, spread=0.3, seed=seed), resamples=200) for seed in range(200)]
        true = np.var([law.exponent for law in laws_of], ddof=1)
        told = np.mean([law.resampled[:, 1].var() for law in laws_of])
        assert 0.75 < told / true < 1.25

    def test_a_single_run_of_each_size_has_a_law_and_no_interval(self):
        law = law_of(power(1.5, seeds=1))
        assert law.exponent == pytest.approx(1.5)
        assert np.isnan([*law.exponent_interval(), *law.cost_interval(100)]).all()
        assert bracket(law.exponent_interval(), ".1f") == ""
        assert bracket((1.25, 2.0), ".2f") == " [1.25, 2.00]"

    def test_resamples_that_lose_a_size_are_left_out(self):
        runs = [Reached(4, 10.0), Reached(4, 40.0, 1), Reached(6, 20.0), Reached(6, 25.0)]
        law = law_of(runs, resamples=400)
        assert 200 < len(law.resampled) < 400  # a quarter of them has no run of four that got there
        assert np.isfinite(law.resampled).all()


def curve(missing: dict[int, float], goal: Goal = GOALS[0], n: int = 4, model: str = MDM, seed: int = 0) -> list[Row]:
    """Rows of one run that has so much left of the goal at each budget, in units of the goal's own rest."""
    about = Subject(distribution="NAE-SAT", fingerprint="", model=model, seed=seed)
    rest = 1 - goal.value if goal.metric == AGREEMENT else goal.value
    values = {b: 1 - rest * m if goal.metric == AGREEMENT else rest * m for b, m in missing.items()}
    where = {"swept": "latents", "at": float(n)}

    def row(metric: str, value: float, **more) -> Row:
        number = Estimate(value=value, standard_error=0.0, samples=1, method="exact")
        return about.row("growth", metric, number, **where, **more)

    rows = [row(goal.metric, value, step=budget) for budget, value in values.items()]
    return [row(STEP_FLOPS, 100.0 * n), row(TARGET_FLOPS, 1e4), *rows, row(SECONDS, 2.0, step=max(missing))]


class TestPassages:
    @pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.words)
    def test_lie_between_budgets_as_a_power_law_of_what_is_missing(self, goal):
        """From four times too much to a quarter of it in one doubling: half way on logarithmic axes."""
        (run,) = reached(Rows(curve({64: 8.0, 128: 4.0, 256: 0.25, 512: 0.1}, goal)), goal)
        assert (run.n_latents, run.known) == (4, 0)
        assert run.cost == pytest.approx(128 * math.sqrt(2))

    def test_are_bounds_at_the_ends(self):
        never, at_once = ({64: 8.0, 128: 2.0}, {64: 0.5, 128: 0.1})
        assert reached(Rows(curve(never)), GOALS[0]) == [Reached(4, 128.0, 1)]
        assert reached(Rows(curve(at_once)), GOALS[0]) == [Reached(4, 64.0, -1)]

    def test_are_the_first_and_exactly_at_the_goal_counts(self):
        (run,) = reached(Rows(curve({64: 2.0, 128: 1.0, 256: 3.0, 512: 0.5})), GOALS[0])
        assert run.cost == pytest.approx(128.0, rel=1e-9)

    def test_no_disagreement_at_all_is_no_infinity(self):
        (run,) = reached(Rows(curve({64: 2.0, 128: 0.0})), GOALS[0])
        assert 64 < run.cost < 128

    def test_come_in_operations_too_and_by_run(self):
        rows = Rows(curve({64: 4.0, 128: 0.25}, n=4) + curve({64: 4.0, 128: 4.0}, n=6, seed=1))
        runs = reached(rows, GOALS[0], operations=True)
        assert [(run.n_latents, run.known) for run in runs] == [(4, 0), (6, 1)]
        assert runs[1].cost == 128 * 600.0
        assert runs[0].cost == pytest.approx(64 * math.sqrt(2) * 400.0)


def grown(exponents: dict[str, float], goal: Goal = GOALS[0], seeds: int = 3) -> Rows:
    """Curves of learners whose cost grows with these exponents; what is missing is the square of budget over cost."""
    rows = list[Row]()
    for model, exponent in exponents.items():
        for n in (4, 6, 9):
            for seed in range(seeds):
                cost = 20.0 * n**exponent * (1 + 0.1 * seed)
                budgets = [32 * 2**i for i in range(12)]
                rows += curve({b: (cost / b) ** 2 for b in budgets}, goal, n=n, model=model, seed=seed)
    return Rows(rows)


class TestLaws:
    def test_find_the_exponents_and_the_cost_at_the_target(self):
        mdm, arm = (law for law in laws(grown({MDM: 2.0, ARM: 1.0})) if law.goal == GOALS[0])
        for law, exponent in ((mdm, 2.0), (arm, 1.0)):
            assert law.steps_law is not None
            assert law.operations_law is not None
            assert law.steps_law.exponent == pytest.approx(exponent, abs=1e-6)
            assert law.operations_law.exponent == pytest.approx(exponent + 1, abs=1e-6)  # 100 N operations a step
            assert law.target is not None
            middle = 20.0 * (1.0 * 1.1 * 1.2) ** (1 / 3)
            assert law.target[0] == pytest.approx(1e4 * middle * TARGET**exponent, rel=1e-6)
            assert law.target[1] < law.target[0] < law.target[2]
            assert (law.never, law.at_once) == (0, 0)

    def test_the_figure_says_the_exponents_and_bounds_alone_have_none(self):
        figure = draw_growth(grown({MDM: 2.0, ARM: 1.0}))
        texts = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
        assert "MDM $N^{3.0}$ [2.8, 3.2], ARM $N^{2.0}$ [1.8, 2.2]" in texts
        assert "MDM, 95% agreement: operations grow as $N$ to the power 3.0" in figure.get_suptitle()
        figure = draw_growth(grown({MDM: 2.0, TAUGHT: 1.5, ARM: 1.0}))
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert any(text.endswith("ARM $N^{2.0}$ [1.8, 2.2]\nlatents first $N^{2.5}$ [2.3, 2.7]") for text in texts)
        assert [text.get_text() for text in figure.legends[0].get_texts()][:3] == [
            "MDM, a run", "latents first, a run", "ARM, a run"
        ]  # fmt: skip
        never = Rows(curve({64: 4.0, 128: 2.0}, n=4) + curve({64: 8.0, 128: 4.0}, n=6))
        figure = draw_growth(never)
        assert "too few runs got there" in figure.get_suptitle()
        assert any("MDM: no fit" in text.get_text() for axes in figure.axes for text in axes.texts)

    def test_a_figure_needs_curves(self):
        with pytest.raises(ValueError, match="no curve over budgets"):
            draw_growth(Rows())

    def test_expectations_can_fail(self):
        for exponents, met in (({MDM: 2.0, ARM: 1.0}, [True, True]), ({MDM: 1.0, ARM: 1.5}, [False, False])):
            rows = grown(exponents)
            assert [check.met for check in growth_checks(rows, laws(rows))] == met

    def test_latents_first_is_held_against_uniform_masks(self):
        forward = GOALS[2]
        for exponents, met in (({MDM: 2.0, TAUGHT: 1.5}, [True, True]), ({MDM: 1.0, TAUGHT: 1.5}, [False, False])):
            rows = grown(exponents, forward)
            checks = [check for check in growth_checks(rows, laws(rows)) if "latents first" in check.text]
            assert [check.met for check in checks] == met
        never = [row for n in (4, 6) for row in curve({64: 4.0, 128: 2.0}, forward, n=n, model=TAUGHT)]
        rows = Rows([*grown({MDM: 2.0}, forward), *never])
        checks = [check for check in growth_checks(rows, laws(rows)) if "latents first" in check.text]
        assert [check.met for check in checks] == [False, None]

    def test_functions_before_agreement_is_judged_run_by_run(self):
        strict, forward = GOALS[1], GOALS[2]
        for cost, met in ((1.0, True), (4.0, False)):
            fast = {32 * 2**i: (200 * cost / (32 * 2**i)) ** 2 for i in range(8)}
            slow = {32 * 2**i: (300 / (32 * 2**i)) ** 2 for i in range(8)}
            rows = Rows([*curve(fast, forward), *(r for r in curve(slow, strict) if r.metric == AGREEMENT)])
            (check,) = [c for c in growth_checks(rows, laws(rows)) if "functions" in c.text]
            assert check.met is met


class TestUnits:
    def test_every_learner_at_every_size_with_every_seed_and_a_control(self):
        found = units(SIZES["small"])
        trained = {(u.distribution, u.model, u.setting.n_latents, u.seed) for u in found if u.model != CONTROL}
        assert trained == {
            (name, model, n, seed)
            for name in DISTRIBUTIONS for model in (MDM, ARM) for n in (4, 6, 9, 13) for seed in range(3)
        }  # fmt: skip
        taught = [u for u in found if u.setting.latents_first]
        assert [replace(u, setting=replace(u.setting, latents_first=0.0)) for u in taught] == [
            u for u in found if u.model == MDM and not u.setting.latents_first
        ]
        assert {u.setting.latents_first for u in taught} == {0.2}
        assert {(u.distribution, u.setting.n_latents) for u in found if u.model == CONTROL} == {
            (name, n) for name in DISTRIBUTIONS for n in (4, 6, 9, 13)
        }
        assert {u.setting.n_observations / u.setting.n_latents for u in found} == {2.0}
        assert SIZES["small"].budgets == (128, 256, 512, 1024, 2048, 4096)

    def test_budgets_are_tried_until_one_is_enough(self, tmp_path, monkeypatch):
        unit = replace(units(TINY_SIZE)[0], budgets=(2, 4, 8))
        rows = Rows(unit.measure(tmp_path, CPU))
        assert [row.step for row in rows.where(metric=AGREEMENT)] == [2, 4, 8]
        assert [row.step for row in rows.where(metric=SECONDS)] == [2, 4, 8]
        monkeypatch.setattr(growth_units, "ENOUGH", 0.0)
        assert [row.step for row in Rows(unit.measure(tmp_path, CPU)).where(metric=AGREEMENT)] == [2]

    def test_budgets_are_trainings_of_their_own_and_are_not_repeated(self, tmp_path, monkeypatch):
        unit = units(TINY_SIZE)[0]
        rows = list(unit.measure(tmp_path, CPU))
        assert len(list((tmp_path / "training").iterdir())) == 2
        made = growth_units.train_unit
        spent = list[int]()
        monkeypatch.setattr(growth_units, "train_unit", lambda unit, *rest: spent.append(unit.setting.steps) or made(
            unit, *rest
        ))  # fmt: skip
        assert list(unit.measure(tmp_path, CPU)) == rows  # the seconds too: nothing was trained again
        assert spent == [2, 4]

    @pytest.mark.parametrize("model", [MDM, ARM])
    def test_say_what_a_step_costs_here_and_at_the_target(self, tmp_path, model):
        unit = next(u for u in units(TINY_SIZE) if u.model == model and u.setting.n_latents == 4)
        rows = Rows(unit.measure(tmp_path, CPU))
        for metric, length in ((STEP_FLOPS, 12), (TARGET_FLOPS, 300)):
            config = NetworkConfig(length=length, vocabulary=2, layers=1, width=16, heads=2, causal=model == ARM)
            assert rows.one(metric=metric).value == 8 * training_flops(config)

    def test_rows_of_the_other_recipe_have_its_name_and_are_another_training(self, tmp_path):
        uniform, taught = (
            next(u for u in units(TINY_SIZE) if u.model == MDM and bool(u.setting.latents_first) == first)
            for first in (False, True)
        )
        assert taught.label == "NAE-SAT (4, 8), mdm, latents first, seed 0"
        rows = [Rows(unit.measure(tmp_path, CPU)) for unit in (uniform, taught)]
        assert [one.values("model") for one in rows] == [[MDM], [TAUGHT]]
        assert [r.value for r in rows[0].where(metric=FORWARD)] != [r.value for r in rows[1].where(metric=FORWARD)]
        assert rows[0].one(metric=STEP_FLOPS).value == rows[1].one(metric=STEP_FLOPS).value

    def test_the_control_is_perfect_and_an_untrained_network_is_not(self, tmp_path):
        control = next(u for u in units(TINY_SIZE) if u.model == CONTROL)
        rows = Rows(control.measure(tmp_path, CPU))
        assert rows.one(metric=AGREEMENT).value == 1.0
        assert rows.one(metric=FORWARD).value == pytest.approx(0.0, abs=1e-9)
        trained = Rows(units(TINY_SIZE)[0].measure(tmp_path, CPU))
        assert max(row.value for row in trained.where(metric=AGREEMENT)) < 0.95

    @pytest.mark.soak
    def test_an_arm_learns_a_small_distribution_within_its_budgets(self, tmp_path):
        size = replace(SIZES["smoke"], latents=(4,), seeds=1)
        unit = next(u for u in units(size) if u.model == ARM)
        rows = Rows(unit.measure(tmp_path, CPU))
        assert max(row.value for row in rows.where(metric=AGREEMENT)) >= 0.95


def test_from_nothing_to_the_report(tmp_path):
    page = replace(EXPERIMENT, sizes={"smoke": TINY_SIZE}).reproduce("smoke", tmp_path, jobs=1).read_text()
    for words in ("(100, 200) by extrapolation", "NAE-SAT: agreement and forward loss", "never there", "no fit"):
        assert words in page
    assert "MDM, latents first" in page
    assert len(list((tmp_path / "units").iterdir())) == 3 * 3 * 2 + 3 * 2
    assert isinstance(units(TINY_SIZE)[0], GrowthUnit)
