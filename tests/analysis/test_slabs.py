"""Random slabs: rows, figure and report; the checks of the report can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.plots.slabs import draw_slabs
from analysis.theory import slabs
from analysis.theory.slabs import (
    AMP,
    NO_TEACHER,
    OVERLAP,
    SlabAmpUnit,
    SlabEvolutionUnit,
    SlabsExperiment,
    amp_densities,
    panel_name,
)
from analysis.theory.slabs_report import evolution_value, slabs_checks
from lo_theory.phases.slab_evolution import Slabs
from lo_theory.phases.slab_thresholds import slab_thresholds

LINE = SlabEvolutionUnit(width=1.0, shown="both", points=12)
TINY = SlabAmpUnit(width=1.0, shown="both", seed=0, n_latents=400, iterations=100, densities=(0.5, 1.2, 2.2))
NAME = panel_name(1.0, "both")


def rows_of(unit, tmp_path):
    return list(unit.measure(tmp_path, torch.device("cpu")))


def test_the_lines_of_state_evolution_are_ordered_and_jump_at_the_thresholds(tmp_path):
    rows = rows_of(LINE, tmp_path)
    found = slab_thresholds(Slabs(width=1.0, shown="both"))
    assert evolution_value(rows, NAME, "exact_density") == found.exact
    lines = {
        start: {r.at: r.value for r in rows if (r.metric, r.start) == (OVERLAP, start)}
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
    found = {(r.model, r.start, r.at): r.value for r in rows if r.metric == OVERLAP}
    assert set(found) == {(AMP, s, d) for s in ("random", "planted") for d in TINY.densities} | {
        (NO_TEACHER, "random", 0.5)
    }
    assert found[AMP, "random", 0.5] < 0.1
    assert found[AMP, "random", 2.2] > 0.99
    assert min(found[AMP, "planted", d] for d in (1.2, 2.2)) > 0.99
    assert found[NO_TEACHER, "random", 0.5] < 0.3


def test_densities_span_all_thresholds():
    for shown in slabs.SHOWN:
        for width in slabs.WIDTHS:
            problem = Slabs(width=width, shown=shown)
            found, densities = slab_thresholds(problem), amp_densities(problem)
            assert densities[0] < found.informative < found.algorithmic < 0.9 * densities[-1]
            assert list(densities) == sorted(set(densities))


def test_the_checks_are_met_by_the_theory_and_fail_when_it_is_contradicted(tmp_path):
    rows = [*rows_of(LINE, tmp_path), *rows_of(TINY, tmp_path)]
    checks = slabs_checks(rows, [NAME], 400)
    assert [check.met for check in checks] == [True] * 4
    wrong = {
        0: lambda r: replace(r, value=1.01 * r.value) if r.metric == "linearised_density" else r,
        1: lambda r: replace(r, value=0.5) if r.metric == "first_moment_density" else r,
        2: lambda r: replace(r, value=0.3) if (r.model, r.metric) == (AMP, OVERLAP) else r,
        3: lambda r: replace(r, value=0.9) if (r.model, r.metric) == (NO_TEACHER, OVERLAP) else r,
    }
    for number, change in wrong.items():
        met = [check.met for check in slabs_checks([change(r) for r in rows], [NAME], 400)]
        assert met == [i != number for i in range(4)]


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path, monkeypatch):
    monkeypatch.setitem(slabs._SIZES, "smoke", (60, 5, 1))
    monkeypatch.setattr(slabs, "WIDTHS", (1.0,))
    report = SlabsExperiment(scale="smoke", directory=tmp_path, jobs=1).run()
    assert report.read_text().count("<figure>") == 1
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"slabs.png", "slabs.svg"}


def test_rows_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match="no rows of state evolution"):
        draw_slabs([])
    with pytest.raises(ValueError, match="no row of exact_density for 'width 2"):
        evolution_value(rows_of(LINE, tmp_path), "width 2", "exact_density")
