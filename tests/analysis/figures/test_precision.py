"""Precision: what differs between two networks, and whether two precisions differ by more than seeds do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import t, ttest_ind

from analysis.figures.precision.compare import LEVEL, _welch, differences, error_ratio
from analysis.figures.precision.plot import draw_precision
from analysis.figures.precision.report import EXPERIMENT, checks
from analysis.figures.precision.units import BFLOAT16, EXPERIMENT_NAME, FLOAT32, RULES, SIZES, PrecisionSize, units
from analysis.lab.rows import Rows, Subject
from analysis.measures.learner import masked_denoiser, masked_objective, train_config
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.rule_sweep import GENERATE
from analysis.measures.setting import Setting
from analysis.measures.subproblems import LATENT, PROBLEMS
from analysis.measures.task_error import KL
from lo_theory.agreement import observation_agreement
from lo_theory.estimate import exact_estimate
from lo_theory.learning import attention
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import MARGIN, sequence_rules

TINY = Setting(
    n_latents=3, n_observations=5, steps=12, layers=2, width=16, heads=2, masked_counts=4, task_samples=40,
    batch_size=8, generated=30, precision=FLOAT32,
)  # fmt: skip
SIZE = PrecisionSize(networks=(("NAE-SAT", TINY), ("local hash", TINY)), seeds=3)
NAMES = ["NAE-SAT (3, 5)", "local hash (3, 5)"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("precision")


@pytest.fixture(scope="module")
def made(folder):
    return Rows(row for unit in units(SIZE) for row in unit.measure(folder, CPU))


def test_both_kinds_differ_in_precision_alone():
    for size in SIZES.values():
        made = units(size)
        for full, half in zip(made[::2], made[1::2], strict=True):
            assert (full.setting.precision, half.setting.precision) == ("float32", "bfloat16")
            assert replace(full, setting=replace(full.setting, precision="bfloat16")) == half
        labels = [unit.label for unit in made]
        assert len({*labels}) == len(labels)
        for unit in made:
            assert train_config(unit, masked_objective(unit.setting), CPU).precision == unit.setting.precision


def test_one_of_the_recorded_sizes_has_its_softmax_in_bfloat16():
    """Attention of few keys has it in float32, so networks of 24 tokens alone would not say enough."""
    lengths = [setting.length for _, setting in SIZES["small"].networks]
    assert min(lengths) <= attention._SHORTER < max(lengths)


def test_every_number_is_there_once(made):
    assert made.values("distribution") == NAMES
    for name in NAMES:
        for model in (FLOAT32, BFLOAT16):
            for seed in range(3):
                own = made.where(distribution=name, model=model, seed=seed)
                assert [row.swept for row in own.where(metric=KL)] == [*PROBLEMS]
                assert sorted(row.decoder for row in own.where(metric=AGREEMENT)) == sorted(RULES)
                assert {row.calls for row in own.where(metric=AGREEMENT)} == {8.0}
                assert len(own) == 5


def test_the_two_networks_are_two(made):
    pair = [made.one(distribution=NAMES[0], model=model, seed=0, swept=LATENT).value for model in (FLOAT32, BFLOAT16)]
    assert pair[0] != pair[1]
    assert pair[0] == pytest.approx(pair[1], rel=0.05)  # the same weights at the start, and twelve steps


def test_agreement_is_of_sequences_that_the_network_draws_token_by_token(made, folder):
    unit = units(SIZE)[1]
    distribution = unit.build()
    (rule,) = (rule for rule in sequence_rules(8, 8) if rule.name == MARGIN)
    generator = torch.Generator().manual_seed(unit.sample_seed(GENERATE))
    drawn = generate(masked_denoiser(unit, distribution, folder, CPU), rule.decoder, 30, generator)
    found = made.one(distribution=NAMES[0], model=BFLOAT16, seed=0, decoder=MARGIN)
    assert found.value == pytest.approx(observation_agreement(distribution, drawn.tokens).mean(), rel=1e-6)


def rows_of(half, full, name="NAE-SAT (3, 5)"):
    """Rows of one distribution whose subproblems all have the same value; by seed."""
    return Rows(
        Subject(distribution=name, fingerprint="", model=model, seed=seed).row(
            EXPERIMENT_NAME, KL, exact_estimate(value), swept=problem
        )
        for model, values in ((BFLOAT16, half), (FLOAT32, full))
        for seed, value in enumerate(values)
        for problem in PROBLEMS
    )


HALF, FULL = [0.11, 0.13, 0.12], [0.10, 0.12, 0.14]


def test_an_interval_is_welchs_at_the_level_of_all_together():
    found = differences(rows_of(HALF, FULL))
    assert len(found) == 3
    expected = ttest_ind(HALF, FULL, equal_var=False).confidence_interval(1 - (1 - LEVEL) / 3)
    for difference in found:
        assert difference.value == pytest.approx(np.mean(HALF) - np.mean(FULL))
        assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))
        assert difference.is_error
        assert difference.covers_zero
    assert differences(rows_of(HALF[:2], FULL[:2])) == []


@pytest.mark.parametrize(("half", "covers"), [([0.5, 0.5, 0.5], True), ([0.6, 0.6, 0.6], False)])
def test_numbers_that_no_seed_moves_are_equal_or_not(half, covers):
    assert {difference.covers_zero for difference in differences(rows_of(half, [0.5, 0.5, 0.5]))} == {covers}


def test_a_ratio_is_of_logarithms_over_distributions_and_seeds():
    rows = Rows([*rows_of(HALF, FULL), *rows_of(FULL, HALF, name="local hash (3, 5)")])
    assert error_ratio(rows).value == pytest.approx(1.0)
    ratio, logs = error_ratio(rows_of(HALF, FULL)), np.log(np.array(HALF) / FULL)
    assert ratio.samples == 3
    assert ratio.value == pytest.approx(math.exp(logs.mean()))
    reach = t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(logs.mean() - reach), math.exp(logs.mean() + reach)))


@pytest.mark.parametrize(
    ("half", "met"),
    [
        ([0.100, 0.121, 0.139], [True, True]),  # the same
        ([0.104, 0.125, 0.146], [True, False]),  # a little larger at every seed
        ([0.08, 0.12, 0.19], [True, False]),  # nobody knows
        ([0.50, 0.51, 0.52], [False, False]),  # far more than seeds differ by
    ],
)
def test_each_expectation_can_fail(half, met):
    assert [check.met for check in checks(rows_of(half, FULL))] == met


def test_without_seeds_nothing_is_said():
    assert checks(rows_of(HALF[:1], FULL[:1])) == []


def test_intervals_hold_together_as_often_as_they_say():
    """Twelve independent intervals: of 400 tables of equal laws at most 40 have one without 0, twice 5 in 100.

    By chance it is more 1e-5 of the time. Intervals at 95% each are the control.
    """
    rng = np.random.default_rng(0)

    def missed(level):
        pairs = rng.normal(1.0, 0.1, (400, 12, 2, 3))
        return sum(any(low > 0 or high < 0 for _, low, high in (_welch(*pair, level) for pair in row)) for row in pairs)

    assert missed(1 - (1 - LEVEL) / 12) <= 40
    assert missed(LEVEL) > 60


def test_the_title_is_what_the_rows_say(made):
    def title(half, full):
        agreements = [
            Subject(distribution=NAMES[0], fingerprint="", model=model, seed=seed).row(
                EXPERIMENT_NAME, AGREEMENT, exact_estimate(0.9), decoder=rule
            )
            for model in (FLOAT32, BFLOAT16)
            for seed in range(3)
            for rule in RULES
        ]
        return draw_precision(Rows([*rows_of(half, full), *agreements])).get_suptitle()

    assert "err as much as in float32" in title([0.100, 0.121, 0.139], FULL)
    assert "cannot tell" in title([0.08, 0.12, 0.19], FULL)
    assert "by more than seeds do" in title([0.5, 0.51, 0.52], FULL)
    assert "beside" in draw_precision(Rows(row for row in made if row.seed == 0)).get_suptitle()
    with pytest.raises(ValueError, match="lo-theory reproduce precision"):
        draw_precision(Rows())


def test_from_nothing_to_the_report(tmp_path):
    page = replace(EXPERIMENT, sizes={"smoke": SIZE}).reproduce("smoke", tmp_path, jobs=1)
    text = page.read_text()
    assert "covers 1" in text
    assert "latents are all visible" in text
