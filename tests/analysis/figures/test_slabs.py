"""Random slabs: rows, figure and report; the checks of the report can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.figures.slabs.plot import draw_slabs
from analysis.figures.slabs.report import EXPERIMENT, checks
from analysis.figures.slabs.units import (
    AMP,
    EVOLUTION,
    EXACT,
    FIRST_MOMENT,
    LINEARISED,
    NO_TEACHER,
    OVERLAP,
    SHOWN,
    WIDTHS,
    SlabAmpUnit,
    SlabEvolutionUnit,
    SlabsSize,
    amp_densities,
    panel_name,
)
from analysis.lab.rows import Rows
from lo_theory.phases.slab_evolution import Slabs
from lo_theory.phases.slab_thresholds import slab_thresholds

LINE = SlabEvolutionUnit(width=1.0, shown="both", points=12)
TINY = SlabAmpUnit(width=1.0, shown="both", seed=0, n_latents=400, iterations=100, densities=(0.5, 1.2, 2.2))
NAME = panel_name(1.0, "both")


def rows_of(unit, tmp_path):
    return Rows(unit.measure(tmp_path, torch.device("cpu")))


def test_the_lines_of_state_evolution_are_ordered_and_jump_at_the_thresholds(tmp_path):
    rows = rows_of(LINE, tmp_path)
    found = slab_thresholds(Slabs(width=1.0, shown="both"))
    assert rows.one(distribution=NAME, model=EVOLUTION, metric=EXACT).value == found.exact
    lines = {
        start: {r.at or 0.0: r.value for r in rows.where(metric=OVERLAP, start=start)}
        for start in ("random", "best", "planted")
    }
    for density, value in lines["random"].items():
        assert 0 <= value <= lines["best"][density] + 1e-9
        assert lines["best"][density] <= lines["planted"][density] == 1.0
        assert (lines["best"][density] == 1.0) == (density > found.exact)
        assert (value == 1.0) == (density > found.algorithmic)


def test_points_come_with_their_control_and_are_the_same_every_time(tmp_path):
    rows = rows_of(TINY, tmp_path)
    assert rows == rows_of(TINY, tmp_path)
    found = {(r.model, r.start, r.at): r.value for r in rows.where(metric=OVERLAP)}
    assert set(found) == {(AMP, s, d) for s in ("random", "planted") for d in TINY.densities} | {
        (NO_TEACHER, "random", 0.5)
    }
    assert found[AMP, "random", 0.5] < 0.1
    assert found[AMP, "random", 2.2] > 0.99
    assert min(found[AMP, "planted", d] for d in (1.2, 2.2)) > 0.99
    assert found[NO_TEACHER, "random", 0.5] < 0.3


def test_densities_span_all_thresholds():
    for shown in SHOWN:
        for width in WIDTHS:
            problem = Slabs(width=width, shown=shown)
            found, densities = slab_thresholds(problem), amp_densities(problem)
            assert densities[0] < found.informative < found.algorithmic < 0.9 * densities[-1]
            assert list(densities) == sorted(set(densities))


def test_the_checks_are_met_by_the_theory_and_fail_when_it_is_contradicted(tmp_path):
    rows = Rows([*rows_of(LINE, tmp_path), *rows_of(TINY, tmp_path)])
    assert rows.values("distribution") == [NAME]
    assert [check.met for check in checks(rows, 400)] == [True] * 4
    wrong = {
        0: lambda r: replace(r, value=1.01 * r.value) if r.metric == LINEARISED else r,
        1: lambda r: replace(r, value=0.5) if r.metric == FIRST_MOMENT else r,
        2: lambda r: replace(r, value=0.3) if (r.model, r.metric) == (AMP, OVERLAP) else r,
        3: lambda r: replace(r, value=0.9) if (r.model, r.metric) == (NO_TEACHER, OVERLAP) else r,
    }
    for number, change in wrong.items():
        met = [check.met for check in checks(Rows(change(r) for r in rows), 400)]
        assert met == [i != number for i in range(4)]


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = SlabsSize(n_latents=60, iterations=5, instances=1, widths=(1.0,))
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"slabs.png", "slabs.svg"}


def test_rows_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match="no rows of slabs"):
        draw_slabs(Rows())
    rows = Rows(row for row in rows_of(LINE, tmp_path) if row.metric != LINEARISED)
    with pytest.raises(
        LookupError, match=f"{NAME}, model state evolution, metric linearised_density is wanted; there are 0"
    ):
        checks(rows, 400)
