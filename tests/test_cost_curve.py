"""The page on what exact answers cost: the benchmark's rows are those that it reads, and that its picture shows."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from analysis.lab.rows import CONTROL, Rows
from docs import cost_curve

ROOT = Path(__file__).resolve().parents[1]


def test_the_benchmark_measures_what_the_page_reads(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark = importlib.import_module("cost_curve")

    monkeypatch.setattr(benchmark, "BASE", benchmark.Case(n_latents=6, n_observations=8))
    monkeypatch.setattr(benchmark, "MAX_BYTES", 2**12)
    monkeypatch.setattr(benchmark, "TURNS", (2, 2))
    monkeypatch.setattr(benchmark, "LIBRARY_TOKENS", 1)
    case = benchmark.Case(n_latents=8, n_observations=12)
    wide = benchmark.Case(n_latents=30, n_observations=60, arity=6, share=0.8)
    found = Rows(benchmark.measure({"N": {8: case}, "arity": {6: wide}}, sequences=6))
    assert {row.metric for row in found} == {row.metric for row in cost_curve.cost_rows()}
    ratio = found.one(swept="N", at=8.0, model=CONTROL, metric="time_ratio")
    assert ratio.interval[0] <= ratio.value <= ratio.interval[1]
    assert ratio.samples == 2
    assert found.one(swept="arity", metric="too_wide_share").value > 0
    assert found.one(swept="N", metric="too_wide_share").value == 0
    assert set(benchmark.SWEEPS) == set(cost_curve.SWEPT)
    kept = cost_curve.cost_rows().where(metric="too_wide_share")
    assert [(row.swept, row.at) for row in kept] == [
        (s, float(at)) for s, cases in benchmark.SWEEPS.items() for at in cases
    ]
    assert benchmark.KEPT == cost_curve.ROWS


def test_the_picture_shows_every_quantity_and_the_table_every_case():
    rows = cost_curve.cost_rows()
    figure = cost_curve.draw_costs(rows)
    assert len(figure.axes) == 2 * len(cost_curve.SWEPT)
    assert len(cost_curve.cost_table()) == len(rows.where(metric="too_wide_share"))
    assert cost_curve.PICTURE.exists()
    with pytest.raises(ValueError, match="do not vary alphabet, arity"):
        cost_curve.draw_costs(Rows(row for row in rows if row.swept not in ("arity", "alphabet")))


def test_a_number_of_the_page_is_its_row_and_a_row_that_is_gone_is_an_error():
    row = cost_curve.cost_rows().one(swept="arity", at=4.0, model=CONTROL, metric="time_ratio")
    assert float(cost_curve.cost("arity", 4)) == pytest.approx(row.value, rel=0.05)
    with pytest.raises(LookupError, match="one row of"):
        cost_curve.cost("arity", 40)
