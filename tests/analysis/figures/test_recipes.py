"""Recipes: each changes what it says, and what is drawn comes from rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.recipes.plot import draw_recipes
from analysis.figures.recipes.report import EXPERIMENT
from analysis.figures.recipes.units import BASE, CHANGES, RecipesSize
from analysis.lab.rows import Rows
from analysis.measures.learner import masked_objective
from analysis.measures.setting import Setting
from lo_theory.learning.deep_supervision import DeepSupervision
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
    assert changed.deep == DeepSupervision()
    assert masked_objective(replace(TINY, deep_supervision=0.3)).deep == DeepSupervision(0.3)


def test_from_nothing_to_the_report(tmp_path):
    tiny = RecipesSize(base=TINY, seeds=2, recipes=(BASE, "rotary positions"))
    report = replace(EXPERIMENT, sizes={"smoke": tiny}).reproduce("smoke", tmp_path, jobs=1)
    assert "rotary positions" in report.read_text()
    assert len(list((tmp_path / "units").glob("*.json"))) == 4


def test_a_figure_needs_rows():
    with pytest.raises(ValueError, match="no agreement"):
        draw_recipes(Rows())
