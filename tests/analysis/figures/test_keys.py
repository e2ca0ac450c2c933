"""Keys: rows say which network they are of, and the checks can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.keys import plateau
from analysis.figures.keys.plateau import ENOUGH, OBSERVATIONS, STEPS, WORDS, PlateauUnit
from analysis.figures.keys.plot import draw_keys, draw_plateau
from analysis.figures.keys.report import EXPERIMENT, key_checks, plateau_checks
from analysis.figures.keys.units import (
    EXPERIMENT_NAME,
    SIZES,
    KeysPuzzleUnit,
    KeysSize,
    KeysUnit,
    units,
)
from analysis.lab.rows import Rows, Subject
from analysis.measures.learner import masked_denoiser
from analysis.measures.setting import Setting
from analysis.measures.subproblems import INFERRED, LATENT, PROBLEMS
from analysis.measures.task_error import KL, task_error
from analysis.puzzles.judging import BOARD
from analysis.puzzles.problems import SudokuProblem
from analysis.puzzles.unit import PuzzleSetting
from lo_theory.estimate import exact_estimate
from lo_theory.learning.log import StepRecord
from lo_theory.learning.network import Shape
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.menu import MARGIN, VANILLA

TINY = Setting(
    n_latents=3, n_observations=5, steps=2, layers=2, width=16, heads=2, masked_counts=4, task_samples=40, batch_size=8
)
PUZZLES = PuzzleSetting(shape=Shape(layers=1, width=16, heads=2), steps=2, batch_size=8, boards=6, rules="paper")
SIZE = KeysSize(
    setting=TINY,
    distributions=("NAE-SAT", "local hash"),
    plateau=replace(TINY, n_latents=3, optimizer="muon", steps=400, batch_size=32),
    observations=(2, 6),
    problem=SudokuProblem(side=4, clues=5, test_share=0.25),
    puzzles=PUZZLES,
    seeds=2,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [row for unit in units(SIZE) for row in unit.measure(folder, torch.device("cpu"))]


def test_both_kinds_differ_in_keys_alone():
    for size in SIZES.values():
        made = units(size)
        for every, visible in zip(made[::2], made[1::2], strict=True):
            if isinstance(every, KeysUnit) and isinstance(visible, KeysUnit):
                assert (every.setting.keys, visible.setting.keys) == ("all", "visible")
                assert replace(every, setting=replace(every.setting, keys="visible")) == visible
            elif isinstance(every, PlateauUnit) and isinstance(visible, PlateauUnit):
                assert (every.setting.natural_keys, visible.setting.natural_keys) == ("all", "visible")
                assert replace(every, setting=replace(every.setting, natural_keys="visible")) == visible
            elif isinstance(every, KeysPuzzleUnit) and isinstance(visible, KeysPuzzleUnit):
                shape = replace(every.setting.shape, keys="visible")
                assert every.setting.shape.keys == "all"
                assert replace(every, setting=replace(every.setting, shape=shape)) == visible
            else:
                raise AssertionError((every, visible))


def test_every_number_is_there_once(made):
    rows = Rows(made)
    assert rows.values("model") == [*WORDS.values()]
    for name in SIZE.distributions:
        for model in WORDS.values():
            for seed in range(2):
                own = rows.where(distribution=name, model=model, seed=seed)
                assert [row.swept for row in own.where(metric=KL)] == [*PROBLEMS]
                steps = own.where(metric=STEPS)
                assert [row.at for row in steps] == ([2.0, 6.0] if name == "NAE-SAT" else [])
    boards = rows.where(metric=BOARD)
    assert {(row.model, row.seed, row.decoder) for row in boards} == {
        (model, seed, rule) for model in WORDS.values() for seed in range(2) for rule in (MARGIN, VANILLA)
    }
    assert len(boards) == 8


def test_an_error_is_the_mean_over_numbers_of_masks(made, tmp_path):
    unit = units(SIZE)[1]
    assert isinstance(unit, KeysUnit)
    distribution = unit.build()
    counts = [1, 3, 6, 8]
    rows = Rows(
        task_error(
            masked_denoiser(unit, distribution, tmp_path, torch.device("cpu")),
            exact_posterior(distribution),
            distribution,
            about=unit.about(distribution),
            masked_counts=counts,
            samples=40,
            rng=np.random.default_rng(unit.sample_seed(2)),
        )
    )
    parts = [row for row in rows.where(metric=KL, role="latent") if row.position is None]
    assert [row.n_masked for row in parts] == counts
    found = Rows(made).one(distribution="NAE-SAT", model=WORDS["visible"], seed=0, swept=LATENT)
    assert found.value == pytest.approx(np.mean([row.value for row in parts]), rel=1e-6)
    assert found.standard_error == pytest.approx(np.linalg.norm([row.standard_error for row in parts]) / 4, rel=1e-6)
    assert found.samples == sum(row.samples for row in parts)


def rows_of(values):
    """Rows of one distribution from value by (keys, seed)."""
    return Rows(
        Subject(distribution="NAE-SAT", fingerprint="", model=WORDS[keys], seed=seed).row(
            EXPERIMENT_NAME, KL, exact_estimate(value), swept=INFERRED
        )
        for (keys, seed), value in values.items()
    )


@pytest.mark.parametrize(("worse", "met"), [(0.3, True), (0.05, False)])
def test_one_seed_the_other_way_breaks_the_expectation(worse, met):
    values = {("visible", 0): 0.1, ("all", 0): 0.2, ("visible", 1): 0.2, ("all", 1): worse}
    (check,) = key_checks(rows_of(values))
    assert check.met == met


def test_boards_are_better_where_more_are_solved(made):
    checks = {check.text: check for check in key_checks(Rows(made))}
    boards = Rows(made).where(metric=BOARD, decoder=MARGIN)
    pairs = [[boards.one(model=WORDS[keys], seed=seed).value for keys in ("visible", "all")] for seed in range(2)]
    check = checks[f"{boards[0].distribution}: {MARGIN}"]
    assert "higher" in check.expected
    assert check.met == all(visible > every for visible, every in pairs)


def test_from_nothing_to_the_report(tmp_path):
    page = replace(EXPERIMENT, sizes={"smoke": SIZE}).reproduce("smoke", tmp_path, jobs=1)
    text = page.read_text()
    assert WORDS["visible"] in text
    assert "latents are all visible" in text


def test_the_claim_is_what_the_rows_say(made):
    def title(values):
        rows = Rows(
            replace(row, swept=problem) for problem in PROBLEMS for row in rows_of(values)
        )  # fmt: skip
        return draw_keys(rows).get_suptitle()

    assert "every subproblem is learned better" in title({("visible", 0): 0.1, ("all", 0): 0.2})
    assert "no subproblem is learned better" in title({("visible", 0): 0.3, ("all", 0): 0.2})
    with pytest.raises(ValueError, match="lo-theory reproduce keys"):
        draw_keys(Rows())


def steps_of(values):
    """Rows by (keys, P, seed)."""
    return Rows(
        Subject(distribution="NAE-SAT", fingerprint="", model=WORDS[keys], seed=seed).row(
            EXPERIMENT_NAME, STEPS, exact_estimate(value), swept=OBSERVATIONS, at=at
        )
        for (keys, at, seed), value in values.items()
    )


@pytest.mark.parametrize("number", [29, 30])
def test_observations_are_learned_when_ten_steps_on_average_cost_little(monkeypatch, tmp_path, number):
    """The training is stopped at the first such step, and at the last one that is allowed."""
    losses = [1.0] * 20 + [ENOUGH / 2] * 20

    def pretend(network, objective, source, config, on_step):
        assert config.steps == 2 * number
        for step in range(1, 41):
            none = {"learning_rate": 0.0, "grad_norm": 0.0, "tokens": 0, "flops": 0, "seconds": 0.0}
            on_step(StepRecord(step=step, loss_nats=losses[step - 1] * 5, **none))
        raise AssertionError("nobody stopped it")

    monkeypatch.setattr(plateau, "train", pretend)
    unit = replace(units(SIZE)[4 * 2], setting=replace(TINY, n_observations=2, steps=number))
    assert isinstance(unit, PlateauUnit)
    (row,) = unit.measure(tmp_path, torch.device("cpu"))
    assert row.value == (30 if number == 30 else float("inf"))


def test_what_is_learned_in_the_natural_order_is_learned_for_good(tmp_path):
    """A training that ends with the step that was found answers observations whose latents are visible."""
    unit = units(SIZE)[4 * 2 + 1]
    assert isinstance(unit, PlateauUnit)
    assert unit.setting.natural_keys == "visible"
    (row,) = unit.measure(tmp_path, torch.device("cpu"))
    assert 10 < row.value < 400
    assert (row.model, row.at) == (WORDS["visible"], 2.0)


@pytest.mark.parametrize(
    ("slow", "met"),
    [((20.0, 90.0), [True, True, True]), ((20.0, 30.0), [True, True, False]), ((5.0, 90.0), [False, True, True])],
)
def test_steps_are_compared_seed_by_seed_and_by_size(slow, met):
    values = {("visible", 2.0, 0): 10.0, ("all", 2.0, 0): slow[0], ("visible", 6.0, 0): 20.0, ("all", 6.0, 0): slow[1]}
    assert [check.met for check in plateau_checks(steps_of(values))] == met


def test_the_title_of_the_steps_is_what_the_rows_say():
    def title(slow):
        return draw_plateau(steps_of({("visible", 2.0, 0): 10.0, ("all", 2.0, 0): slow})).get_suptitle()

    assert title(11.0) == "With latents alone as keys observations are learned in fewer steps"
    assert "fewer" not in title(9.0)
