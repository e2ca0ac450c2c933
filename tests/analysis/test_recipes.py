"""Recipes: each changes what it says, and what is drawn comes from rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.networks.learners import masked_objective
from analysis.planning import recipes
from analysis.planning.recipes import BASE, CHANGES, RecipesExperiment
from analysis.plots.recipes import draw_recipes
from analysis.scales import Setting
from lo_theory.learning.objective import Curriculum, likelihood, per_mask

TINY = Setting(n_latents=3, n_observations=5, steps=2, width=16, heads=2, generated=20)


def test_every_recipe_but_the_base_changes_the_setting():
    base = Setting(n_latents=6, n_observations=18, steps=10)
    for name, change in CHANGES.items():
        assert (replace(base, **change) == base) == (name == BASE)


def test_a_setting_names_its_objective():
    assert masked_objective(TINY).reduction is per_mask
    changed = masked_objective(replace(TINY, weighting="likelihood", curriculum=0.5))
    assert changed.reduction is likelihood
    assert changed.curriculum == Curriculum(share=0.5)


def test_from_nothing_to_the_report(tmp_path, monkeypatch):
    monkeypatch.setitem(recipes._SCALES, "smoke", (3, 5, 2, 2, (BASE, "rotary positions")))
    report = RecipesExperiment(scale="smoke", directory=tmp_path, jobs=1).run()
    assert "rotary positions" in report.read_text()
    assert len(list((tmp_path / "units").glob("*.json"))) == 4


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no agreement"):
        draw_recipes([], BASE)
