"""Units around learners: equal in everything but the learner, trained once, read ever after."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.figures.hardness.units import GapUnit, PlanningUnit, learner_units
from analysis.lab.experiment import finish
from analysis.lab.rows import CONTROL
from analysis.lab.store import unit_key
from analysis.measures import learner as learners
from analysis.measures.learner import LearnerUnit
from analysis.measures.likelihood_gap import GAP
from analysis.measures.setting import DISTRIBUTIONS, SCALES, Scale, Setting
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.flops import training_flops

SIZES = Setting(
    n_latents=4, n_observations=6, layers=1, width=16, heads=2, steps=4, batch_size=8, test_rows=16, task_samples=12,
    masked_counts=3, generated=8, call_divisors=(1, 2),
)  # fmt: skip
SCALE = Scale(planning=SIZES, learning=replace(SIZES, n_latents=5), seeds=2, permutations=2)
CPU = torch.device("cpu")


def unit(model: str, seed: int = 0, kind: type[LearnerUnit] = GapUnit) -> LearnerUnit:
    return kind(distribution="NAE-SAT", model=model, seed=seed, setting=SIZES)


class TestUnits:
    def test_every_learner_of_every_distribution_with_every_seed(self):
        units = learner_units(SCALE)
        assert len({unit_key(u) for u in units}) == len(units)
        assert len({u.label for u in units if isinstance(u, GapUnit)}) == sum(isinstance(u, GapUnit) for u in units)
        gaps = {(u.distribution, u.model, u.seed) for u in units if isinstance(u, GapUnit)}
        trained = ["mdm", "arm natural", "arm reversed"] + [
            f"pi {k} {i}" for k in ("closer", "uniform") for i in (0, 1)
        ]
        assert gaps == {(d, m, s) for d in DISTRIBUTIONS for m in trained for s in (0, 1)} | {
            (d, CONTROL, 0) for d in DISTRIBUTIONS
        }
        planning = {(u.distribution, u.model, u.seed) for u in units if isinstance(u, PlanningUnit)}
        assert planning == {(d, "mdm", s) for d in DISTRIBUTIONS for s in (0, 1)} | {
            (d, CONTROL, 0) for d in DISTRIBUTIONS
        }

    @pytest.mark.parametrize("scale", SCALES)
    def test_learners_that_are_compared_share_one_setting(self, scale):
        """Equal networks and equal FLOPs, by construction."""
        assert len({u.setting for u in learner_units(SCALES[scale]) if isinstance(u, GapUnit)}) == 1


class TestWork:
    def test_compared_networks_cost_the_same(self, tmp_path):
        spent = {}
        for model in ("mdm", "arm natural", "pi uniform 0"):
            list(unit(model).measure(tmp_path / model, CPU))
            (path,) = tmp_path.glob(f"{model}/training/*/checkpoint.safetensors")
            checkpoint = load_checkpoint(path)
            spent[model] = (checkpoint.step, checkpoint.tokens, sum(t.numel() for t in checkpoint.tensors.values()))
            assert checkpoint.flops == 4 * 8 * training_flops(checkpoint.network)
            assert checkpoint.fingerprint == unit(model).build().fingerprint
        assert len(set(spent.values())) == 1

    def test_a_finished_unit_is_read(self, tmp_path, monkeypatch):
        rows = finish(unit("arm natural"), tmp_path)
        assert [row.metric for row in rows] == [GAP]
        assert rows[0].fingerprint == unit("arm natural").build().fingerprint
        assert rows[0].seed == 0
        monkeypatch.setattr(learners, "train_network", None)
        assert finish(unit("arm natural"), tmp_path) == rows
        with pytest.raises(TypeError):
            finish(unit("arm natural", seed=1), tmp_path)

    def test_an_unknown_model_trains_nothing(self, tmp_path):
        with pytest.raises(ValueError, match="unknown learner 'arm sideways'"):
            finish(unit("arm sideways"), tmp_path)
        assert list(tmp_path.rglob("*.*")) == []

    def test_planning_measures_both_experiments(self, tmp_path):
        rows = list(unit("mdm", kind=PlanningUnit).measure(tmp_path, CPU))
        assert {row.experiment for row in rows} == {"task_error", "order_accuracy"}
        counts = {row.n_masked for row in rows if row.metric == "kl_nats"}
        assert counts == {1, 6, 10}  # three, evenly spaced from 1 to L
