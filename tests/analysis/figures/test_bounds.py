"""Bounds beside losses: rows against an enumeration, checks that a wrong row breaks, figures and report from rows."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from analysis.figures.bounds.plot import draw_bounds, draw_schedules, draw_sequences, times_least
from analysis.figures.bounds.report import EXPERIMENT, broken_rates, readings, theorems
from analysis.figures.bounds.units import (
    BOUND,
    BOUNDED,
    CALLS,
    DUAL,
    ENTROPY,
    EQUAL,
    INFORMATION,
    LEAST,
    LOSS,
    OVER_STEPS,
    RANDOM_SIZES,
    SCHEDULES,
    SEQUENCE_KL,
    TOTAL,
    BoundsSize,
    BoundsUnit,
    Chain,
    counts_of,
    listed,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import Rows
from analysis.measures.small_distributions import Listed
from lo_theory.laws.information_curve import curve_of_law
from lo_theory.laws.sampler_law import all_sequences
from lo_theory.laws.step_counts import parallel_kl

HASH = Listed(kind="hash of three symbols", n_latents=2, n_observations=2)
CHAIN = Chain(vocabulary=2, length=5)
LONG = Chain(vocabulary=2, length=6)
TINY = BoundsSize(
    instances=(HASH, CHAIN), long=(Listed(kind="parity", n_latents=3, n_observations=3), LONG), distributions=2
)


def measured(unit: BoundsUnit, tmp_path) -> Rows:
    return Rows(unit.measure(tmp_path, torch.device("cpu")))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Rows:
    directory = tmp_path_factory.mktemp("bounds")
    return Rows(row for unit in EXPERIMENT.units(TINY) for row in unit.measure(directory, torch.device("cpu")))


@pytest.mark.parametrize("instance", [HASH, CHAIN], ids=["hash", "chain"])
def test_the_least_loss_is_that_of_all_schedules(instance, tmp_path):
    found = measured(BoundsUnit(instance=instance, seed=1, sequences=False), tmp_path)
    truth, length, vocabulary = listed(instance, 1)
    curve = curve_of_law(all_sequences(length, vocabulary), truth)
    for steps in range(1, length + 1):
        cuts = itertools.combinations(range(1, length), steps - 1)
        every = [parallel_kl(curve, np.diff([0, *cut, length]).tolist()).value for cut in cuts]
        at = {"metric": LOSS, "swept": CALLS, "at": float(steps)}
        assert found.one(decoder=LEAST, **at).value == pytest.approx(min(every), abs=1e-12)
        for schedule in SCHEDULES[1:]:
            assert found.one(decoder=schedule, **at).value >= min(every) - 1e-12
    assert found.one(metric=ENTROPY).value == pytest.approx(-float(truth[truth > 0] @ np.log(truth[truth > 0])))
    total = sum(row.value for row in found.where(metric=INFORMATION))
    assert total == pytest.approx(found.one(metric=ENTROPY).value)


def test_equal_steps_sum_to_the_length_and_random_sizes_are_none():
    truth, length, vocabulary = listed(CHAIN, 0)
    curve = curve_of_law(all_sequences(length, vocabulary), truth)
    for schedule in SCHEDULES:
        if schedule == RANDOM_SIZES:
            with pytest.raises(KeyError):
                counts_of(schedule, curve, 2)
        else:
            assert sum(counts_of(schedule, curve, 2)) == length


def test_sequences_alone_are_nearer_and_exact_one_by_one(rows):
    short = rows.where(metric=SEQUENCE_KL)
    assert short.values("distribution") == [HASH.label, CHAIN.label]
    for row in short:
        with_order = rows.one(metric=LOSS, distribution=row.distribution, seed=row.seed, decoder=row.decoder, at=row.at)
        assert row.value <= with_order.value + 1e-9
        if row.at == 1.0:
            assert row.value == pytest.approx(with_order.value, abs=1e-9)  # one order, and no mixture
    assert any(row.value < 0.9 * rows.one(metric=LOSS, distribution=row.distribution, seed=row.seed,
                                          decoder=row.decoder, at=row.at).value for row in short)  # fmt: skip


def test_theorems_hold_and_each_is_broken_by_a_wrong_row(rows):
    assert all(check.met for check in theorems(rows))
    for number, (metric, decoder, factor) in enumerate(
        [(BOUND, OVER_STEPS, 0.01), (LOSS, EQUAL, 0.01), (SEQUENCE_KL, EQUAL, 2.0), (TOTAL, None, 0.5)]
    ):
        wrong = Rows(
            dataclasses.replace(row, value=factor * row.value)
            if row.metric == metric and row.decoder == decoder
            else row
            for row in rows
        )
        assert not theorems(wrong)[number].met, (metric, decoder)


def test_rates_without_their_factors_are_broken_by_some_and_kept_where_the_number_is_large(rows):
    assert any(broken_rates(rows, EQUAL, DUAL))
    large = Rows(dataclasses.replace(row, value=100.0) if row.metric == DUAL else row for row in rows)
    assert not any(broken_rates(large, EQUAL, DUAL))
    assert len(broken_rates(rows, RANDOM_SIZES, TOTAL)) == len({(row.distribution, row.seed) for row in rows})
    assert len(readings(rows)) == 4


def test_every_bound_has_a_schedule_and_rows_at_all_calls(rows):
    assert set(BOUNDED.values()) <= set(SCHEDULES)
    here = rows.where(distribution=LONG.label, seed=0)
    for name in BOUNDED:
        assert [row.at for row in here.where(metric=BOUND, decoder=name)] == [1, 2, 3, 4, 5, 6]
    assert times_least(here, LEAST) == 1.0


def test_figures_and_report(rows, tmp_path):
    names = [draw(rows)._suptitle.get_text() for draw in (draw_bounds, draw_schedules, draw_sequences)]
    assert all(names)
    figure = SavedFigure(tmp_path / "a.png", tmp_path / "a.svg")
    figures = dict.fromkeys(EXPERIMENT.figures(rows, TINY), figure)
    report = EXPERIMENT.report(Run(scale="smoke", size=TINY, units=[], rows=rows, figures=figures))
    assert {check.met for check in report.checks[:4]} == {True}
    assert len(report.sections) == 3
    assert all(len(line) == len(item.header) for part in report.sections for item in part.tables for line in item.rows)
