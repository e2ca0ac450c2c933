"""Learners are read back from their names; their orders, their seeds, and what is trained for a unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.lab.rows import CONTROL, MDM
from analysis.measures.learner import (
    ARM_NATURAL,
    ARM_REVERSED,
    TEST,
    TRAIN,
    Learner,
    LearnerUnit,
    masked_denoiser,
    masked_objective,
    network_config,
    order_of,
    pi_learner,
    read_learner,
    spoken_learners,
    train_config,
    train_unit,
)
from analysis.measures.setting import DISTRIBUTIONS, SCALES, Setting
from generators import LODistribution, nae_sat
from generators.ground.later import plain
from lo_theory import AutoregressiveObjective, MaskedDenoiser, PosteriorDenoiser
from lo_theory.learning.flops import training_flops
from lo_theory.learning.network import Shape
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.training import TrainConfig

SIZES = Setting(n_latents=4, n_observations=6, layers=1, width=16, heads=2, steps=4, batch_size=8)
SHUFFLED = np.random.default_rng(0).permutation(26)
MIXED = nae_sat(6, 20, structure_seed=0, order=SHUFFLED)
CPU = torch.device("cpu")


def unit(model: str, seed: int = 0) -> LearnerUnit:
    return LearnerUnit(distribution="NAE-SAT", model=model, seed=seed, setting=SIZES)


class TestNames:
    @pytest.mark.parametrize(
        "learner",
        [Learner(MDM), Learner(CONTROL), ARM_NATURAL, ARM_REVERSED, pi_learner("closer", 0), pi_learner("uniform", 17)],
    )
    def test_are_read_back_into_the_learner(self, learner):
        assert read_learner(learner.name) == learner

    def test_are_those_that_rows_carry(self):
        learners = (Learner(MDM), Learner(CONTROL), ARM_NATURAL, ARM_REVERSED, pi_learner("closer", 3))
        assert [learner.name for learner in learners] == [
            "mdm", "exact posterior", "arm natural", "arm reversed", "pi closer 3"
        ]  # fmt: skip
        assert [learner.order for learner in learners] == [None, None, "natural", "reversed", "closer"]

    @pytest.mark.parametrize("name", ["", "arm", "pi uniform", "pi uniform 0 ", "pi natural 0", "mdm 0", "net"])
    def test_of_nobody_are_none(self, name):
        assert read_learner(name) is None

    def test_are_words_for_people_on_a_page(self):
        models = ["mdm", "exact posterior", "arm natural", "arm reversed", "pi closer 0", "pi uniform 1", "nobody"]
        assert spoken_learners(models) == {
            "mdm": "MDM",
            "exact posterior": "exact posterior",
            "arm natural": "ARM, natural order",
            "arm reversed": "ARM, reversed order",
            "pi closer 0": "pi-learner, closer to the natural order, permutation 0",
            "pi uniform 1": "pi-learner, uniform order, permutation 1",
        }


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


class TestSettings:
    @pytest.mark.parametrize("scale", SCALES)
    @pytest.mark.parametrize("part", ["planning", "learning"])
    def test_the_three_families_have_one_size(self, scale, part):
        setting = getattr(SCALES[scale], part)
        built = {name: family(setting) for name, family in DISTRIBUTIONS.items()}
        assert {(d.n_latents, d.n_observations, d.vocabulary) for d in built.values()} == {
            (setting.n_latents, setting.n_observations, 2)
        }
        assert len({d.fingerprint for d in built.values()}) == 3

    def test_have_a_shape_in_them(self):
        assert SIZES.shape == Shape(layers=1, width=16, heads=2)
        assert Setting(n_latents=4, n_observations=6, steps=4).shape == Shape(heads=8)


class TestTraining:
    def test_settings_of_before_say_what_they_said(self):
        setting = Setting(n_latents=4, n_observations=6, steps=4)
        assert "optimizer" not in plain(setting)
        assert plain(replace(setting, optimizer="muon", weight_decay=0.2)) == plain(setting) | {
            "optimizer": "muon", "weight_decay": 0.2
        }  # fmt: skip
        one = LearnerUnit(distribution="NAE-SAT", model="mdm", seed=3, setting=setting)
        assert train_config(one, masked_objective(setting), CPU) == TrainConfig(steps=4, learning_rate=4e-3, seed=3)

    def test_every_part_of_the_recipe_reaches_the_training(self):
        recipe = {"learning_rate": 1e-3, "optimizer": "muon", "min_ratio": 0.02, "weight_decay": 0.3}
        one = replace(unit("mdm"), setting=replace(SIZES, **recipe, curriculum=0.4, weighting="likelihood"))
        config = train_config(one, masked_objective(one.setting), CPU)
        assert {name: getattr(config, name) for name in recipe} == recipe
        said = masked_objective(one.setting).to_json()
        assert (said["reduction"], said["curriculum"]["share"]) == ("likelihood", 0.4)

    def test_a_large_network_is_saved_often_on_a_processor(self):
        """About a trillion operations apart, five hundred steps at most; a GPU makes them in a moment."""
        large = Setting(n_latents=25, n_observations=275, steps=9, layers=6, width=128)
        for setting, device, least, most in (
            (SIZES, CPU, 500, 500), (large, CPU, 2, 10), (large, torch.device("cuda"), 500, 500)
        ):  # fmt: skip
            one = replace(unit("mdm"), setting=setting)
            every = train_config(one, masked_objective(setting), device).checkpoint_every
            assert least <= every <= most
        apart = every_flops(large)
        assert 5e11 < apart < 2e12

    def test_the_network_of_a_unit_is_known_before_it_is_trained(self, tmp_path):
        for model in ("mdm", "arm natural"):
            one = unit(model)
            order = AutoregressiveObjective(order_of("arm natural", one.build(), 0))
            objective = masked_objective(SIZES) if model == "mdm" else order
            assert train_unit(one, objective, tmp_path, CPU).config == network_config(one, objective)


def every_flops(setting: Setting) -> float:
    """Operations between two checkpoints on a processor."""
    one, objective = replace(unit("mdm"), setting=setting), masked_objective(setting)
    step = setting.batch_size * training_flops(network_config(one, objective))
    return step * train_config(one, objective, CPU).checkpoint_every


class TestUnits:
    def test_test_rows_are_shared_and_training_rows_apart(self):
        """Of one seed: all learners are tested on the same rows, and none of them meets those in training."""
        first, second = unit("mdm"), unit("arm natural")
        seeds = [first.sample_seed(stream) for stream in (TRAIN, TEST)]
        assert seeds == [second.sample_seed(stream) for stream in (TRAIN, TEST)]
        assert len({u.sample_seed(s) for u in (first, unit("mdm", 1)) for s in (TRAIN, TEST)}) == 4
        assert min(seeds) >= 0

    def test_the_distribution_of_a_unit_is_fixed_by_its_setting(self):
        first = unit("mdm").build()
        assert isinstance(first, LODistribution)
        assert first == unit("arm natural", seed=7).build()
        assert first != replace(unit("mdm"), setting=replace(SIZES, structure_seed=1)).build()

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
