"""Recipes: each changes what it says, and what is drawn comes from rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.figures.recipes.plot import draw_recipes
from analysis.figures.recipes.report import EXPERIMENT, checks
from analysis.figures.recipes.units import BASE, CHANGES, DEEPER, DEEPER_NATURAL_KEYS, RecipesSize
from analysis.lab.rows import Rows, Subject
from analysis.measures.learner import masked_objective
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.setting import Setting
from lo_theory.estimate import exact_estimate
from lo_theory.learning.deep_supervision import DeepSupervision
from lo_theory.learning.objective import Curriculum, likelihood, per_mask
from lo_theory.samplers.menu import MARGIN, VANILLA

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


@pytest.mark.parametrize(("fewer", "met"), [(0.9, True), (0.7, False)])
def test_fewer_keys_are_expected_to_agree_better_by_both_rules(fewer, met):
    def row(recipe, rule, value):
        about = Subject(distribution="NAE-SAT (3, 5)", fingerprint="", model=recipe, seed=0)
        return about.row("recipes", AGREEMENT, exact_estimate(value), decoder=rule)

    rows = [row(DEEPER, rule, 0.8) for rule in (MARGIN, VANILLA)]
    rows += [row(DEEPER_NATURAL_KEYS, MARGIN, fewer), row(DEEPER_NATURAL_KEYS, VANILLA, 0.9)]
    assert [check.met for check in checks(Rows(rows))] == [met, True]
    assert checks(Rows(rows[:2])) == []
