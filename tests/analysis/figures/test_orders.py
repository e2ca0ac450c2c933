"""Identity I1 in figures: totals that do not depend on the order, and a network's that do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.orders import units as orders
from analysis.figures.orders.plot import draw_orders
from analysis.figures.orders.report import EXPERIMENT
from analysis.figures.orders.units import (
    CUMULATED,
    ERROR,
    KINDS,
    LARGEST,
    OVER_ORDERS,
    SHOWN_ORDERS,
    SMALLEST,
    TOTAL,
    IdentityUnit,
    OrdersSize,
    OrdersUnit,
    random_distribution,
    tokens_nats,
)
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.setting import Setting

CPU = torch.device("cpu")
TINY = Setting(n_latents=4, n_observations=6, layers=1, width=16, heads=2, steps=5, test_rows=20)


@pytest.mark.parametrize("kind", KINDS)
def test_the_identity_holds_on_random_distributions(kind, tmp_path):
    (row,) = IdentityUnit(kind=kind, distributions=15, rows=4, orders=3).measure(tmp_path, CPU)
    assert row.metric == ERROR
    assert row.samples == 180
    assert row.value < 1e-10


def test_a_wrong_expectation_would_be_noticed(tmp_path, monkeypatch):
    """The control: an expectation that is one per cent off is told from the sums."""
    monkeypatch.setattr(orders, "tokens_nats", lambda d, rows: 0.99 * tokens_nats(d, rows))
    (row,) = IdentityUnit(kind="noisy channel", distributions=5).measure(tmp_path, CPU)
    assert row.value > 1e-3


def test_random_distributions_are_of_their_kind():
    rng = np.random.default_rng(0)
    for kind in KINDS:
        drawn = [random_distribution(kind, rng) for _ in range(20)]
        uniform = [len(set(np.round(d.prior, 12))) == 1 for d in drawn]
        assert all(uniform) if kind == "uniform prior" else not any(uniform)
        assert all((d.noise > 0).all() if kind == "noisy channel" else not d.noise.any() for d in drawn)


def test_what_the_identity_expects_is_the_log_probability():
    rng = np.random.default_rng(0)
    for kind in KINDS:
        for _ in range(10):
            distribution = random_distribution(kind, rng)
            rows = distribution.sample(5, rng)
            np.testing.assert_allclose(tokens_nats(distribution, rows), -distribution.log_prob(rows), atol=1e-9)


def unit(model):
    return OrdersUnit(distribution="NAE-SAT", model=model, seed=0, setting=TINY, random_orders=3)


def test_the_exact_posterior_pays_the_same_along_every_order(tmp_path):
    rows = list(unit(CONTROL).measure(tmp_path, CPU))
    assert len([r for r in rows if r.metric == TOTAL]) == len(SHOWN_ORDERS) + 2
    for row in rows:
        at_end = row.at == TINY.length and row.metric in (CUMULATED, SMALLEST, LARGEST)
        if row.metric == TOTAL or at_end:
            assert row.value == pytest.approx(4 * math.log(2), abs=1e-10)
        if row.metric == OVER_ORDERS:
            assert row.value < 1e-10
    natural = {r.at: r.value for r in rows if r.metric == CUMULATED and r.decoder == "arm natural"}
    assert natural[4.0] == pytest.approx(4 * math.log(2))  # all is paid once the latents are there


def test_a_network_pays_more_and_not_the_same(tmp_path):
    rows = list(unit(MDM).measure(tmp_path, CPU))
    totals = [r.value for r in rows if r.metric == TOTAL]
    assert min(totals) > 4 * math.log(2)
    assert max(totals) - min(totals) > 1e-3


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = OrdersSize(setting=TINY, distributions=("NAE-SAT",), seeds=1, identities=3)
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"orders.png", "orders.svg"}


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no rows of orders"):
        draw_orders(Rows(), 1.0)
