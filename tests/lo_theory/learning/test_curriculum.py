"""Latents visible at first: which masks when, that nothing else changes, and that stopped trainings go on."""

from __future__ import annotations

import dataclasses

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.learner import masked_objective
from analysis.measures.setting import DISTRIBUTIONS, Setting
from lo_theory.learning.curriculum import Curriculum, LatentsFirst
from lo_theory.learning.masking import stratified_count_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective, per_mask
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

LATENTS = (1, 4)
LENGTH, ROWS = 7, 20
FIRST = LatentsFirst(LATENTS, share=0.25)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def natural(hidden):
    """Which rows ask every observation, and only those."""
    observations = torch.ones(LENGTH, dtype=torch.bool)
    observations[list(LATENTS)] = False
    return (hidden == observations).all(dim=1)


@given(progress=st.floats(0, 0.25, exclude_max=True), seed=st.integers(0, 10**6))
def test_at_first_every_row_asks_all_observations_and_no_latent(progress, seed):
    masks = FIRST.masks(ROWS, LENGTH, draws(seed), progress)
    assert masks is not None
    assert natural(masks.hidden).all()
    assert torch.equal(masks.weight, torch.full((ROWS,), LENGTH / (LENGTH - len(LATENTS))))


@given(progress=st.floats(0.25, 0.5, exclude_max=True), seed=st.integers(0, 10**6))
def test_then_two_fifths_of_the_rows_and_the_others_are_the_usual_ones(progress, seed):
    masks = FIRST.masks(ROWS, LENGTH, draws(seed), progress)
    assert masks is not None
    assert natural(masks.hidden[:8]).all()
    assert torch.equal(masks.hidden[8:], stratified_count_masks(12, LENGTH, draws(seed)).hidden)
    assert torch.equal(masks.weight, LENGTH / masks.hidden.sum(dim=1).float())


def test_every_step_of_the_middle_hides_about_as_many_tokens():
    """What a training needs at once hardly changes."""
    hidden = [int(FIRST.masks(64, 300, draws(seed), 0.3).hidden.sum()) for seed in range(50)]
    assert max(hidden) - min(hidden) <= 300  # one row: what evenly spread numbers of masks differ by


@given(progress=st.floats(0.5, 1), seed=st.integers(0, 10**6))
def test_at_last_masks_are_the_usual_ones_bit_for_bit(progress, seed):
    objective = MaskedObjective(curriculum=FIRST)
    assert FIRST.masks(ROWS, LENGTH, draws(seed), progress) is None
    network = Transformer(NetworkConfig(length=LENGTH, vocabulary=2, layers=1, width=8, heads=2), draws())
    rows = torch.randint(2, (ROWS, LENGTH), generator=draws(1))
    with torch.no_grad():
        early = objective.loss(network, rows, draws(seed), progress=progress)
        assert early == MaskedObjective().loss(network, rows, draws(seed))


@pytest.mark.parametrize(
    ("latents", "share", "message"),
    [
        ((), 0.2, "one or more different positions"),
        ((0, 0), 0.2, r"got \(0, 0\)"),
        ((-1, 0), 0.2, "none below 0"),
        ((0,), 0.0, r"share of the natural order lies in \(0, 1/2\]; got 0.0"),
        ((0,), 0.6, "got 0.6"),
        ((0,), float("nan"), "got nan"),
    ],
)
def test_what_is_no_curriculum_is_refused(latents, share, message):
    with pytest.raises(ValueError, match=message):
        LatentsFirst(latents, share)


@pytest.mark.parametrize("latents", [(0, LENGTH), tuple(range(LENGTH))], ids=["outside", "all"])
def test_latents_that_a_network_has_not_are_refused_before_training(latents):
    objective = MaskedObjective(curriculum=LatentsFirst(latents, 0.2))
    config = NetworkConfig(length=LENGTH, vocabulary=2, layers=1, width=8, heads=2)
    with pytest.raises(ValueError, match="name the positions of the latents"):
        objective.check(config)
    MaskedObjective(curriculum=FIRST).check(config)


def test_a_training_that_was_stopped_goes_on_bit_for_bit_and_says_what_it_was_trained_on(tmp_path):
    rows = FixedRows(np.random.default_rng(0).integers(0, 2, (9, LENGTH)), "f" * 16, 2, 4)
    objective = MaskedObjective(per_mask, curriculum=FIRST)
    config = TrainConfig(steps=12, checkpoint_every=2, log_every=1, learning_rate=1e-2)

    def start():
        return Transformer(NetworkConfig(length=LENGTH, vocabulary=2, layers=1, width=8, heads=2), draws())

    whole = train(start(), objective, rows, config).network

    def stop(record):
        if record.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(start(), objective, rows, config, directory=tmp_path, on_step=stop)
    other = MaskedObjective(per_mask, curriculum=LatentsFirst(LATENTS, share=0.3))
    with pytest.raises(ValueError, match="objective"):
        train(start(), other, rows, config, directory=tmp_path)
    resumed = train(start(), objective, rows, config, directory=tmp_path).network
    for here, there in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(here, there)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_setting_names_the_latents_of_its_distribution(name):
    setting = Setting(n_latents=5, n_observations=9, steps=1, latents_first=0.2)
    curriculum = masked_objective(setting).curriculum
    assert isinstance(curriculum, LatentsFirst)
    assert curriculum.latents == tuple(DISTRIBUTIONS[name](setting).latent_positions)
    assert curriculum.share == 0.2


def test_a_setting_has_one_curriculum():
    both = Setting(n_latents=5, n_observations=9, steps=1, latents_first=0.2, curriculum=0.6)
    with pytest.raises(ValueError, match="one curriculum"):
        masked_objective(both)
    assert masked_objective(dataclasses.replace(both, latents_first=0.0)).curriculum == Curriculum(share=0.6)


KEYS = LatentsFirst(LATENTS, share=0.25, keys="visible")


@given(progress=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_keys_of_the_natural_order_are_its_latents_and_all_else_stays(progress, seed):
    usual, alone = (one.masks(ROWS, LENGTH, draws(seed), progress) for one in (FIRST, KEYS))
    assert (usual is None) == (alone is None)
    if usual is None or alone is None:
        return
    assert usual.keys is None
    assert torch.equal(usual.hidden, alone.hidden)
    assert torch.equal(usual.weight, alone.weight)
    assert alone.keys is not None
    rows = ROWS if progress < 0.25 else 8
    assert torch.equal(alone.keys[:rows], ~alone.hidden[:rows])
    assert alone.keys[rows:].all()


def test_the_loss_of_rows_in_the_natural_order_is_that_of_a_network_with_visible_keys():
    rows = torch.randint(2, (ROWS, LENGTH), generator=draws(1))
    every, visible = (
        Transformer(NetworkConfig(length=LENGTH, vocabulary=2, layers=2, width=8, heads=2, keys=keys), draws())
        for keys in ("all", "visible")
    )
    for network in (every, visible):
        torch.nn.init.normal_(network.head, generator=draws(2))
    usual, alone = (MaskedObjective(per_mask, curriculum=one) for one in (FIRST, KEYS))
    first, later = ({"progress": progress} for progress in (0.1, 0.3))
    with torch.no_grad():
        restricted = alone.loss(every, rows, draws(), **first)
        assert torch.allclose(restricted, usual.loss(visible, rows, draws(), **first))
        assert not torch.allclose(restricted, usual.loss(every, rows, draws(), **first))
        mixed = alone.loss(every, rows, draws(), **later)
        assert not torch.allclose(mixed, usual.loss(every, rows, draws(), **later))
        assert not torch.allclose(mixed, usual.loss(visible, rows, draws(), **later))


def test_other_keys_are_refused_and_files_speak_of_them_where_they_are_not_all(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="are 'all' or 'visible'; got 'hidden'"):
        LatentsFirst(LATENTS, share=0.25, keys="hidden")  # type: ignore[arg-type]
    assert "keys" not in FIRST.to_json()["latents_first"]
    assert KEYS.to_json()["latents_first"]["keys"] == "visible"


def test_a_setting_names_the_keys_of_its_curriculum():
    setting = Setting(n_latents=5, n_observations=9, steps=1, latents_first=0.2, natural_keys="visible")
    assert masked_objective(setting).curriculum == LatentsFirst(tuple(range(5)), 0.2, "visible")
