"""Learners of the hardness experiment: their orders, their seeds, and units that are equal in everything else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.networks import learners
from analysis.networks.learners import (
    GapUnit,
    LearnerUnit,
    PlanningUnit,
    learner_units,
    masked_denoiser,
    order_of,
    train_unit,
)
from analysis.networks.likelihood_gap import GAP
from analysis.plots.style import CONTROL
from analysis.scales import DISTRIBUTIONS, SCALES, Scale, Setting
from analysis.store import unit_key
from analysis.units import finish
from generators import LODistribution, nae_sat
from lo_theory import AutoregressiveObjective, MaskedDenoiser, PosteriorDenoiser
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.flops import training_flops
from lo_theory.learning.objective import MaskedObjective

SIZES = Setting(
    n_latents=4, n_observations=6, layers=1, width=16, heads=2, steps=4, batch_size=8, test_rows=16, task_samples=12,
    masked_counts=3, generated=8, call_divisors=(1, 2),
)  # fmt: skip
SCALE = Scale(planning=SIZES, learning=replace(SIZES, n_latents=5), seeds=2, permutations=2)
SHUFFLED = np.random.default_rng(0).permutation(26)
MIXED = nae_sat(6, 20, structure_seed=0, order=SHUFFLED)
CPU = torch.device("cpu")


def unit(model: str, seed: int = 0, kind: type[LearnerUnit] = GapUnit) -> LearnerUnit:
    return kind(distribution="NAE-SAT", model=model, seed=seed, setting=SIZES)


class TestOrders:
    @pytest.mark.parametrize("model", ["arm natural", "arm reversed", "pi closer 0", "pi uniform 0", "pi uniform 17"])
    def test_are_permutations_and_always_the_same(self, model):
        order = order_of(model, MIXED, 0)
        assert sorted(order) == list(range(26))
        assert (order_of(model, MIXED, 0) == order).all()

    def test_natural_follows_the_distribution_and_reversed_runs_backwards(self):
        assert (order_of("arm natural", MIXED, 0) == SHUFFLED).all()
        assert (order_of("arm reversed", MIXED, 0) == SHUFFLED[::-1]).all()

    def test_pi_orders_are_relative_to_the_natural_one(self):
        """The same permutation on top of another natural order: positions are renamed, nothing else."""
        plain = nae_sat(6, 20, structure_seed=0)
        for model in ("pi closer 0", "pi uniform 0"):
            assert (order_of(model, MIXED, 0) == SHUFFLED[order_of(model, plain, 0)]).all()

    def test_closer_is_closer(self):
        """Each swap moves two positions at most, and there are L / 10 of them."""
        plain = nae_sat(6, 20, structure_seed=0)
        moved = {
            kind: [int((order_of(f"pi {kind} {i}", plain, 0) != np.arange(26)).sum()) for i in range(5)]
            for kind in ("closer", "uniform")
        }
        assert max(moved["closer"]) <= 2 * 3
        assert min(moved["uniform"]) > 2 * 3

    def test_numbers_and_structure_seeds_give_different_ones(self):
        orders = {tuple(order_of(f"pi uniform {i}", MIXED, seed)) for i in range(4) for seed in range(3)}
        assert len(orders) == 12

    @pytest.mark.parametrize(
        "model",
        [
            "",
            "mdm",
            CONTROL,
            "arm",
            "arm Natural",
            "pi",
            "pi closer",
            "pi closer x",
            "pi closer -1",
            "pi nearer 0",
            "arm natural ",
        ],
    )
    def test_an_unknown_learner_is_named_with_the_known_ones(self, model):
        with pytest.raises(ValueError, match="unknown learner") as refused:
            order_of(model, MIXED, 0)
        assert repr(model) in str(refused.value)
        assert "'pi uniform 0'" in str(refused.value)


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

    @pytest.mark.parametrize("scale", SCALES)
    @pytest.mark.parametrize("part", ["planning", "learning"])
    def test_the_three_families_have_one_size(self, scale, part):
        setting = getattr(SCALES[scale], part)
        built = {name: family(setting) for name, family in DISTRIBUTIONS.items()}
        assert {(d.n_latents, d.n_observations, d.vocabulary) for d in built.values()} == {
            (setting.n_latents, setting.n_observations, 2)
        }
        assert len({d.fingerprint for d in built.values()}) == 3

    def test_test_rows_are_shared_and_training_rows_apart(self):
        """Of one seed: all learners are tested on the same rows, and none of them meets those in training."""
        first, second = unit("mdm"), unit("arm natural")
        seeds = [first.sample_seed(stream) for stream in (learners._TRAIN, learners._TEST)]
        assert seeds == [second.sample_seed(stream) for stream in (learners._TRAIN, learners._TEST)]
        assert len({u.sample_seed(s) for u in (first, unit("mdm", 1)) for s in (learners._TRAIN, learners._TEST)}) == 4
        assert min(seeds) >= 0


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

    def test_a_stopped_unit_goes_on_and_ends_the_same(self, tmp_path):
        longer = replace(unit("arm reversed"), setting=replace(SIZES, steps=6))
        objective = AutoregressiveObjective(order_of("arm reversed", longer.build(), 0))
        whole = train_unit(longer, objective, tmp_path / "whole", CPU)
        again = train_unit(longer, objective, tmp_path / "whole", CPU)  # reads the checkpoint, makes no step
        for a, b in zip(whole.parameters(), again.parameters(), strict=True):
            assert torch.equal(a, b)

    def test_seeds_give_different_networks(self, tmp_path):
        first, second = (
            train_unit(unit("mdm", seed), MaskedObjective(), tmp_path, CPU).head.detach() for seed in (0, 1)
        )
        assert not torch.equal(first, second)

    def test_the_posterior_stands_where_the_network_does(self, tmp_path):
        distribution = unit("mdm").build()
        assert isinstance(masked_denoiser(unit(CONTROL), distribution, tmp_path, CPU), PosteriorDenoiser)
        assert list(tmp_path.iterdir()) == []  # nothing is trained for it
        assert isinstance(masked_denoiser(unit("mdm"), distribution, tmp_path, CPU), MaskedDenoiser)

    def test_a_finished_unit_is_read(self, tmp_path, monkeypatch):
        rows = finish(unit("arm natural"), tmp_path)
        assert [row.metric for row in rows] == [GAP]
        assert rows[0].fingerprint == unit("arm natural").build().fingerprint
        assert rows[0].seed == 0
        monkeypatch.setattr(learners, "train", None)
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


def test_the_distribution_of_a_unit_is_fixed_by_its_setting():
    first = unit("mdm").build()
    assert isinstance(first, LODistribution)
    assert first == unit("arm natural", seed=7).build()
    assert first != replace(unit("mdm"), setting=replace(SIZES, structure_seed=1)).build()
