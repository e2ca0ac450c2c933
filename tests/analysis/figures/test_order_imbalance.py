"""One masked model along many orders: exact along each, zero for the exact posterior, paired sequence by sequence."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.figures.order_imbalance.along import CLOSER, IDENTITY, NLL, UNIFORM, nats_along, orders
from analysis.figures.order_imbalance.own_order import RULES, SAVED, OwnOrderTextUnit, when_free
from analysis.figures.order_imbalance.plot import draw_imbalance
from analysis.figures.order_imbalance.report import EXPERIMENT, imbalance_checks, report
from analysis.figures.order_imbalance.units import (
    ENTROPY,
    OVER_CLOSER,
    OVER_IDENTITY,
    RANGE,
    SIZES,
    VARIANCE,
    ImbalanceSize,
    ImbalanceUnit,
    units,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import CONTROL, MDM, Row, Rows, Subject
from analysis.measures.gap_closed import GAP_CLOSED
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, PYTHON
from analysis.measures.text_networks import TextNetwork, TextSetting, text_denoiser
from generators.ground.ownership import DirectoryInUseError
from generators.text.random_chains import random_markov
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import Estimate
from lo_theory.likelihood import chain_nll_by_order
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.menu import MARGIN
from tests.analysis.figures.small_text import small_text

TINY = TextSetting(length=12, steps=3, batch_size=4, layers=1, width=16, heads=2)
TINY_SIZE = ImbalanceSize(setting=TINY, windows=20, closer_draws=1, uniform_draws=3, seeds=1)
DRAWS = {IDENTITY: 1, CLOSER: 2, UNIFORM: 3}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small texts in the places of Python's documentation."""
    monkeypatch.setattr("analysis.measures.text_networks.text_data", small_text)


def measured(model: str, text: str, tmp_path) -> Rows:
    network = TextNetwork(text=text, model=model, seed=0, setting=TINY)
    unit = ImbalanceUnit(network=network, windows=20, closer_draws=1, uniform_draws=3)
    return Rows(unit.measure(tmp_path, torch.device("cpu")))


def test_the_exact_posterior_has_one_likelihood_for_a_sequence():
    chain = random_markov(5, 20, structure_seed=1)
    rows = chain.rows(0, 0, 6)
    found = nats_along(PosteriorDenoiser(exact_posterior(chain)), rows, DRAWS, 0)
    for kind, nats in found.items():
        assert nats.shape == (6, DRAWS[kind])
        assert np.allclose(nats, -chain.log_prob(rows)[:, None] / 20, atol=1e-12)


def test_a_wrong_one_has_several_and_they_are_those_of_the_library():
    """The control, and the orders of each row one by one."""
    chain = random_markov(5, 20, structure_seed=1)
    rows = chain.rows(0, 0, 4)
    wrong = NoisedDenoiser(PosteriorDenoiser(exact_posterior(chain)), uniform_hardness, noise=0.5)
    found = nats_along(wrong, rows, DRAWS, 7)
    assert np.ptp(found[UNIFORM], axis=1).min() > 1e-3
    for number in range(3):
        for row, order in enumerate(orders(UNIFORM, 4, 20, 7, number)):
            alone = chain_nll_by_order(wrong, torch.from_numpy(rows[row : row + 1].astype(np.int64)), order[None])
            assert found[UNIFORM][row, number] == pytest.approx(alone[0, 0] / 20, abs=1e-12)


def test_orders_are_of_their_kind_and_each_row_has_its_own():
    assert np.array_equal(orders(IDENTITY, 3, 40, 0, 0), np.arange(40))
    close, far = orders(CLOSER, 50, 40, 0, 0), orders(UNIFORM, 50, 40, 0, 0)
    assert all(len(set(map(bytes, some))) == 50 for some in (close, far))
    assert ((close != np.arange(40)).sum(axis=1) <= 2 * 4).all()  # L / 10 swaps
    assert (far != np.arange(40)).mean() > 0.9
    assert not np.array_equal(far, orders(UNIFORM, 50, 40, 0, 1))
    assert np.array_equal(far[:5], orders(UNIFORM, 5, 40, 0, 0))  # a function of the row's number


def test_rows_are_means_and_paired_differences(tmp_path):
    rows = measured(MDM, PYTHON, tmp_path)
    cost = {kind: rows.one(metric=NLL, decoder=kind).value for kind in (IDENTITY, CLOSER, UNIFORM)}
    for metric, kind, base in ((OVER_IDENTITY, CLOSER, IDENTITY), (OVER_CLOSER, UNIFORM, CLOSER)):
        apart = rows.one(metric=metric, decoder=kind)
        assert apart.value == pytest.approx(cost[kind] - cost[base], abs=1e-12)
        both = [rows.one(metric=NLL, decoder=name).standard_error for name in (kind, base)]
        assert apart.standard_error < 0.5 * np.hypot(*both)  # pairing takes out what sequences differ by
    assert rows.values("decoder") == [IDENTITY, CLOSER, UNIFORM]
    assert [row.decoder for row in rows.where(metric=VARIANCE)] == [UNIFORM]
    assert rows.one(metric=RANGE).value ** 2 >= rows.one(metric=VARIANCE).value


def test_the_posterior_shows_the_zero_and_an_autoregressive_model_one_order(tmp_path):
    control, arm = measured(CONTROL, CHAIN, tmp_path), measured(ARM_NATURAL.name, CHAIN, tmp_path)
    assert all(abs(row.value) < 1e-12 for row in control.where(metric=[OVER_IDENTITY, OVER_CLOSER, RANGE, VARIANCE]))
    assert control.one(metric=ENTROPY).value == small_text(CHAIN, 12).floor
    assert [row.metric for row in arm] == [NLL]


def story(closer: float, uniform: float, control: float = 0.0) -> Rows:
    def row(text: str, model: str, metric: str, kind: str, value: float) -> Row:
        number = Estimate(value=value, standard_error=0.001, samples=9, method="chain")
        return Subject(distribution=text, fingerprint="", model=model, seed=0).row(
            "order_imbalance", metric, number, decoder=kind
        )

    rows = []
    for text in (PYTHON, CHAIN):
        rows += [row(text, MDM, NLL, kind, 2.0) for kind in (IDENTITY, CLOSER, UNIFORM)]
        rows += [row(text, MDM, OVER_IDENTITY, kind, v) for kind, v in ((CLOSER, closer), (UNIFORM, closer + uniform))]
        rows += [row(text, MDM, OVER_CLOSER, UNIFORM, uniform), row(text, MDM, VARIANCE, UNIFORM, closer**2)]
    return Rows([*rows, row(CHAIN, CONTROL, RANGE, UNIFORM, control)])


def test_expectations_can_fail():
    def met(rows: Rows) -> list[bool | None]:
        return [check.met for check in imbalance_checks(rows)]

    assert met(story(0.04, 0.03)) == [True, True, True, True]
    assert met(story(0.04, 0.0)) == [True, False, False, True]
    assert met(story(0.0, 0.03)) == [True, False, False, False]
    assert met(story(0.04, 0.03, control=1e-6))[0] is False
    assert met(Rows()) == [None] * 4


def test_the_figure_says_which_order_is_cheap():
    assert "costs less from left to right" in draw_imbalance(story(0.04, 0.03)).get_suptitle()
    assert "costs less" not in draw_imbalance(story(-0.04, 0.03)).get_suptitle()
    with pytest.raises(ValueError, match="lo-theory reproduce order-imbalance"):
        draw_imbalance(Rows())


def test_the_page_has_a_line_for_every_kind_of_order():
    figures = {"order_imbalance": SavedFigure(Path("a.png"), Path("a.svg"))}
    page = report(Run(scale="smoke", size=TINY_SIZE, units=[], rows=story(0.04, 0.03), figures=figures))
    assert "3.171, 3.212, 3.245" in page.summary[0]
    assert [line[2] for line in page.sections[0].tables[0].rows] == ["left to right", "closer", "uniform"] * 2


def test_own_orders_are_the_decoders_beside_the_bound_and_the_arm(tmp_path):
    network = TextNetwork(text=CHAIN, model=MDM, seed=0, setting=TINY)
    rows = Rows(OwnOrderTextUnit(network=network, windows=6, uniform_draws=2).measure(tmp_path, torch.device("cpu")))
    windows = small_text(CHAIN, 12).held_out(6)
    masked = text_denoiser(network, tmp_path, torch.device("cpu"))
    along = nats_along(masked, windows, {UNIFORM: 2}, 0)
    causal = text_denoiser(replace(network, model=ARM_NATURAL.name), tmp_path, torch.device("cpu"))
    gap = along[UNIFORM].mean(axis=1) - nats_along(causal, windows, {IDENTITY: 1}, 0)[IDENTITY][:, 0]
    assert rows.one(model=ARM_NATURAL.name, metric=SAVED).value == pytest.approx(gap.mean())
    path = margin_order(masked, windows[0])
    alone = chain_nll_by_order(masked, torch.from_numpy(windows[:1].astype(np.int64)), path[None])[0, 0] / 12
    one = Rows(OwnOrderTextUnit(network=network, windows=1, uniform_draws=2).measure(tmp_path, torch.device("cpu")))
    assert one.one(metric=NLL, decoder=MARGIN).value == pytest.approx(alone)
    for rule in RULES:
        saved, share = (rows.one(metric=metric, decoder=rule) for metric in (SAVED, GAP_CLOSED))
        assert saved.value == pytest.approx(along[UNIFORM].mean() - rows.one(metric=NLL, decoder=rule).value)
        assert share.value == pytest.approx(saved.value / gap.mean())
        assert share.interval[0] < share.value < share.interval[1]


def margin_order(denoiser, row):
    """The order in which margin reveals a row, step by step."""
    tokens, order = torch.full((1, len(row)), denoiser.vocabulary), list[int]()
    while len(order) < len(row):
        two = denoiser(tokens)[0].double().exp().topk(2, dim=-1).values
        lead = (two[:, 0] - two[:, 1]).nan_to_num(nan=-1.0)
        order.append(int(lead.argmax()))
        tokens[0, order[-1]] = int(row[order[-1]])
    return np.array(order)


def test_a_network_that_another_unit_trains_is_waited_for(monkeypatch):
    monkeypatch.setattr("analysis.figures.order_imbalance.own_order._PAUSE", 0.0)
    known = PosteriorDenoiser(exact_posterior(random_markov(2, 3, structure_seed=0)))
    busy = [True, True, False]

    def train():
        if busy.pop(0):
            raise DirectoryInUseError("another process trains here")
        return known

    assert when_free(train) is known
    assert not busy


def own(share: float) -> Rows:
    """Invented shares of the gap, of standard error 0.01."""
    about = Subject(distribution=PYTHON, fingerprint="", model=MDM, seed=0)
    number = Estimate(value=share, standard_error=0.01, samples=9, method="chain")
    made = partial(about.row, "order_imbalance", decoder=MARGIN)
    gap = replace(about, model=ARM_NATURAL.name).row("order_imbalance", SAVED, number, decoder=IDENTITY)
    return Rows([made(NLL, number), made(SAVED, number), made(GAP_CLOSED, number), gap])


def test_shares_have_a_table_and_expectations_that_can_fail():
    for share, met in ((0.3, True), (0.9, False), (-0.1, False), (0.01, False)):
        assert imbalance_checks(own(share))[-1].met is met
    figures = {"order_imbalance": SavedFigure(Path("a.png"), Path("a.svg"))}
    page = report(Run(scale="smoke", size=TINY_SIZE, units=[], rows=own(-0.1), figures=figures))
    assert page.sections[1].tables[0].rows[0][-1] == "-10.0% [-12.0, -8.0]"


def test_the_plan():
    assert [type(unit) for unit in units(SIZES["smoke"])] == [ImbalanceUnit] * 5 + [OwnOrderTextUnit] * 2
    assert {unit.network.model for unit in units(SIZES["small"])[-4:]} == {MDM}
    assert all(size.windows >= 1024 for size in SIZES.values())
    assert EXPERIMENT.scales == ("smoke", "small", "paper")
