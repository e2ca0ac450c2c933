"""The best order: rows that keep the theorems, a biased table that breaks its check, figures and report from rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.optimal_order.case import (
    BEST_CHOICE,
    KL,
    KL_EXCESS,
    KL_OVER_ORDERS,
    LEARNED,
    LEAST_KL,
    MOST_VALID,
    NATURAL,
    RANDOM,
    RULES,
    SAVED,
    VALIDITY,
    VALIDITY_LOST,
    row,
)
from analysis.figures.optimal_order.networks import FLOPS, NetworkUnit, OwnOrderUnit, autoregressive_law, trained
from analysis.figures.optimal_order.own_order import closed, own_order_checks, own_order_section
from analysis.figures.optimal_order.plot import draw_choices, draw_pairs, draw_regret
from analysis.figures.optimal_order.report import EXPERIMENT
from analysis.figures.optimal_order.units import (
    EVERYWHERE,
    INVERSIONS,
    UNCERTAIN,
    LearnedUnit,
    OrderSize,
    PairUnit,
    PosteriorUnit,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import MDM, Rows, Subject
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.small_distributions import Listed
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.estimate import ratio_interval
from lo_theory.laws.known_samplers import known, known_vanilla
from lo_theory.laws.partial_sequences import LawDenoiser
from lo_theory.laws.sampler_law import all_sequences, law_error, sampler_law, true_law
from lo_theory.learning.objective import AutoregressiveObjective
from lo_theory.likelihood import chain_nll
from lo_theory.samplers.decoder import margin
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP

BINARY = Listed(kind="NAE-SAT", n_latents=3, n_observations=2)
TERNARY = Listed(kind="hash of three symbols", n_latents=2, n_observations=2)
CPU = torch.device("cpu")
PARITY = Listed(kind="parity", n_latents=3, n_observations=2)
TINY = OrderSize(
    instances=(BINARY, TERNARY),
    distributions=1,
    paired=(TERNARY,),
    networks=1,
    steps=2,
    layers=1,
    width=8,
    learned=1,
    own_orders=1,
)


def measured(unit, tmp_path) -> Rows:
    return Rows(unit.measure(tmp_path, torch.device("cpu")))


@pytest.mark.parametrize("instance", [BINARY, TERNARY, PARITY], ids=["binary", "ternary", "parity"])
def test_no_order_beats_the_best_and_each_is_best_at_its_own(instance, tmp_path):
    rows = measured(PosteriorUnit(instance=instance, seed=1), tmp_path)
    assert {row.model for row in rows} == {EVERYWHERE, INVERSIONS, UNCERTAIN}
    for here in rows.by("model").values():
        found = {(row.decoder, row.metric): row.value for row in here if row.n_masked is None}
        assert found[MOST_VALID, VALIDITY_LOST] == pytest.approx(0.0, abs=1e-12)
        assert found[LEAST_KL, KL_EXCESS] == pytest.approx(0.0, abs=1e-10)
        for rule in (*RULES, MOST_VALID, LEAST_KL):
            assert found[rule, VALIDITY_LOST] > -1e-9
            assert found[rule, VALIDITY] + found[rule, VALIDITY_LOST] == pytest.approx(found[MOST_VALID, VALIDITY])
            assert rule == RANDOM or found[rule, KL_EXCESS] > -1e-9
        assert found[RANDOM, KL_OVER_ORDERS] > found[RANDOM, KL] - 1e-9
    inverted = {(row.decoder, row.metric): row.value for row in rows.where(model=INVERSIONS)}
    assert abs(inverted[NATURAL, KL]) < 1e-7
    assert inverted[NATURAL, VALIDITY] == pytest.approx(1.0, abs=1e-7)
    everywhere = {(row.decoder, row.metric): row.value for row in rows.where(model=EVERYWHERE)}
    assert max(everywhere[rule, KL_EXCESS] for rule in RULES) > 0.05  # negative control
    assert max(everywhere[rule, VALIDITY_LOST] for rule in RULES) > 0.05


def test_rows_are_the_laws_of_the_samplers(tmp_path):
    unit = PosteriorUnit(instance=TERNARY, seed=2)
    rows = measured(unit, tmp_path).where(model=EVERYWHERE)
    distribution = unit.instance.with_structure(2)
    truth = true_law(distribution)
    wrong = NoisedDenoiser(
        LawDenoiser(truth, distribution.length, 3), uniform_hardness, noise=unit.noise, doubt=unit.doubt, seed=2
    )
    for rule, sampler in {RANDOM: known_vanilla(), MARGIN: known(margin())}.items():
        error = law_error(truth, sampler_law(wrong, sampler).probability)
        assert rows.one(decoder=rule, metric=KL).value == pytest.approx(error.kl_from_truth, abs=1e-7)
        assert rows.one(decoder=rule, metric=VALIDITY).value == pytest.approx(1 - error.off_support, abs=1e-7)


def test_margin_top_probability_and_entropy_are_one_rule_on_bits_and_three_on_symbols(tmp_path):
    for instance, same in ((BINARY, True), (TERNARY, False)):
        rows = measured(PosteriorUnit(instance=instance, seed=0), tmp_path).where(metric=KL)
        by_model = rows.by("model").values()
        spread = [np.ptp([here.one(decoder=rule).value for rule in (TOP, MARGIN, ENTROPY)]) for here in by_model]
        assert (max(spread) < 1e-12) == same


def test_shares_of_best_choices_are_shares_and_reach_one_where_any_choice_will_do(tmp_path):
    rows = measured(PosteriorUnit(instance=BINARY, seed=0, noise=0.0, doubt=0.0), tmp_path)
    shares = rows.where(metric=BEST_CHOICE)
    assert {row.n_masked for row in shares} == {2, 3, 4, 5}
    assert min(row.value for row in shares) == pytest.approx(1.0, abs=1e-9)  # no errors: every order is exact
    wrong = measured(PosteriorUnit(instance=BINARY, seed=0), tmp_path).where(metric=BEST_CHOICE)
    assert all(-1e-12 < row.value < 1 + 1e-9 for row in wrong)
    assert min(row.value for row in wrong) < 0.5


def test_two_tokens_per_call_cost_nothing_at_best_and_something_in_margins_order(tmp_path):
    for instance in (TERNARY, Listed(kind="NAE-SAT", n_latents=4, n_observations=3)):
        rows = measured(PairUnit(instance=instance, seed=0), tmp_path)
        found = {(row.decoder, row.metric): row.value for row in rows}
        assert abs(found[LEAST_KL, KL]) < 1e-7
        assert found[MARGIN, KL] > 0.05
        assert all(value > -1e-9 for (_, metric), value in found.items() if metric in (KL_EXCESS, VALIDITY_LOST))
        assert {(row.swept, row.at) for row in rows} == {("tokens per call", 2.0)}
        assert len(rows) == 4 * (len(RULES) + 2)


def test_a_network_has_its_seed_and_is_trained(tmp_path):
    unit = NetworkUnit(instance=BINARY, seed=0, steps=20, layers=1, width=16, heads=2)
    rows, again = measured(unit, tmp_path), measured(unit, tmp_path)
    assert rows == again
    assert {row.model for row in rows} == {MDM}
    other = measured(replace(unit, seed=1), tmp_path)
    assert rows.one(decoder=MARGIN, metric=KL).value != other.one(decoder=MARGIN, metric=KL).value
    longer = measured(replace(unit, steps=100), tmp_path)
    assert longer.one(decoder=RANDOM, metric=KL).value < rows.one(decoder=RANDOM, metric=KL).value


def test_a_learned_order_is_between_the_best_and_a_random_one_along_its_orders(tmp_path):
    unit = LearnedUnit(instance=BINARY, seed=1, width=32, steps=200, share=1.0)
    rows = measured(unit, tmp_path)
    assert {(row.model, row.decoder) for row in rows} == {(EVERYWHERE, LEARNED)}
    assert measured(unit, tmp_path) == rows
    beside = measured(PosteriorUnit(instance=BINARY, seed=1), tmp_path).where(model=EVERYWHERE)
    learned, least = rows.one(metric=KL), beside.one(decoder=LEAST_KL, metric=KL)
    assert learned.value == pytest.approx(least.value + rows.one(metric=KL_EXCESS).value)
    assert least.value - 1e-9 <= learned.value < beside.one(decoder=RANDOM, metric=KL_OVER_ORDERS).value
    assert rows.one(metric=VALIDITY_LOST).value >= -1e-9
    assert len(rows.where(metric=BEST_CHOICE)) == 4
    untaught = measured(replace(unit, steps=1), tmp_path)  # negative control
    assert untaught.one(metric=KL).value > learned.value


OWN = OwnOrderUnit(network=NetworkUnit(instance=BINARY, seed=0, steps=20, layers=1, width=16, heads=2), steps=100)


def test_a_network_has_an_order_learned_for_it_and_an_arm_beside_it(tmp_path):
    rows, beside = measured(OWN, tmp_path), measured(OWN.network, tmp_path)
    masked, arm = rows.where(model=MDM), rows.where(model=ARM_NATURAL.name)
    learned, least = masked.one(decoder=LEARNED, metric=KL), beside.one(decoder=LEAST_KL, metric=KL)
    assert learned.value == pytest.approx(least.value + masked.one(decoder=LEARNED, metric=KL_EXCESS).value)
    assert masked.one(decoder=LEARNED, metric=KL_EXCESS).value > -1e-9
    bound = beside.one(decoder=RANDOM, metric=KL_OVER_ORDERS).value
    for rule in (TOP, MARGIN, ENTROPY, NATURAL, LEAST_KL):  # the same network as that of the other unit, from the rows
        saved = bound - beside.one(decoder=rule, metric=KL).value
        assert masked.one(decoder=rule, metric=SAVED).value == pytest.approx(saved, abs=1e-9)
    assert masked.one(decoder=LEARNED, metric=SAVED).value == pytest.approx(bound - learned.value)
    assert arm.one(metric=SAVED).value == pytest.approx(bound - arm.one(metric=KL).value)
    assert masked.one(metric=FLOPS).value == arm.one(metric=FLOPS).value > 0
    longer = measured(replace(OWN, network=replace(OWN.network, steps=100)), tmp_path)
    assert longer.one(model=ARM_NATURAL.name, metric=KL).value < arm.one(metric=KL).value


def test_the_arms_law_is_a_law_and_that_of_its_chain(tmp_path):
    distribution = TERNARY.with_structure(1)
    network = trained(
        replace(OWN.network, instance=TERNARY), AutoregressiveObjective(distribution.order), distribution, CPU
    )
    denoiser = CausalDenoiser(network, distribution.order)
    law, every = autoregressive_law(denoiser), torch.from_numpy(all_sequences(4, 3))
    assert law.sum() == pytest.approx(1.0, abs=1e-5)
    along = chain_nll(denoiser, every, distribution.order).sum(axis=1)
    assert np.allclose(np.exp(-along), law, rtol=1e-5)
    assert np.ptp(law) > 1e-3


def shares(saved, gap):
    """Rows of invented seeds: what margin and the ARM are below the bound."""
    about = Subject(distribution="some", fingerprint="", model=MDM)
    pairs = [*((MDM, MARGIN, value) for value in saved), *((ARM_NATURAL.name, NATURAL, value) for value in gap)]
    seeds = [*range(len(saved)), *range(len(gap))]
    return Rows(
        replace(row(about, rule, SAVED, value), model=model, seed=seed)
        for seed, (model, rule, value) in zip(seeds, pairs, strict=True)
    )


def test_the_share_of_the_gap_is_that_of_means_and_its_checks_can_fail():
    found = closed(shares([0.1, 0.2, 0.3], [0.5, 0.4, 0.6]), "some", MARGIN)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert found.interval == ratio_interval(np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.4, 0.6]))
    assert closed(shares([0.1, 0.2], [0.5]), "some", MARGIN) is None
    for saved, met in ((0.1, True), (0.45, False)):
        checks = own_order_checks(shares([saved, saved + 0.01, saved - 0.01], [0.5, 0.51, 0.49]))
        assert [check.met for check in checks] == [True, met]
    assert not own_order_checks(shares([0.1], [-0.5]))[0].met
    (section,) = own_order_section(shares([-0.1, -0.2, -0.3], [0.5, 0.4, 0.6]))
    assert section.tables[1].rows[0][3].startswith("-40% [")


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = replace(EXPERIMENT, sizes={"smoke": TINY})
    page = tiny.reproduce("smoke", tmp_path, jobs=1, quiet=True).read_text()
    assert page.count("<figure>") == 3
    assert len(list((tmp_path / "figures").iterdir())) == 6
    assert "most valid order" in page
    assert "told the exact values at a random half" in page
    assert "An order of its own, and an autoregressive network" in page


def test_an_order_that_beats_the_best_fails_its_check(tmp_path):
    rows = measured(PosteriorUnit(instance=BINARY, seed=0), tmp_path)
    spoiled = Rows(
        replace(row, value=-0.1) if row.metric in (VALIDITY_LOST, KL_EXCESS) and row.decoder == MARGIN else row
        for row in rows
    )
    figure = SavedFigure(tmp_path / "a.png", tmp_path / "a.svg")
    figures: dict[str, SavedFigure] = dict.fromkeys(("optimal_order", "optimal_choices", "optimal_pairs"), figure)
    for given, met in ((rows, True), (spoiled, False)):
        report = EXPERIMENT.report(Run(scale="smoke", size=TINY, units=[], rows=given, figures=figures))
        assert [check.met for check in report.checks[:3]] == [met, met, True]


def test_figures_need_rows():
    for draw in (draw_regret, draw_choices, draw_pairs):
        with pytest.raises(ValueError, match="`lo-theory reproduce optimal-order` measures them"):
            draw(Rows())
