"""No two purposes share a stream, and no seed is ignored: what is drawn for one says nothing about the other.

Statistical tests have a false-alarm rate of 1e-9 for each pair; seeds are fixed, so a pass stays a pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from generators import (
    LODistribution,
    Noisy,
    Predicate,
    local_hash,
    nae_sat,
    random_logic,
    random_scopes,
    random_slabs,
    regular_scopes,
    whole_hash,
)
from generators.ground.draws import derived_seed, words
from generators.observations import scopes, slab
from generators.observations.named_tables import parity
from generators.observations.rules import random_rules
from generators.prompted import random_order
from generators.testing.statistics import independence_p_value
from lo_theory.learning.masking import WeightedMasks, answer_masks, count_masks, time_masks
from lo_theory.learning.source import FixedRows
from lo_theory.samplers.noise import gaussian_noise, gumbel_noise, uniform_noise

ALARM = 1e-9
BITS = np.array([[0], [1], [2]])


def dependent(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two columns of bits are not independent."""
    return bool(independence_p_value(np.bincount(2 * first + second, minlength=4).reshape(2, 2)) < ALARM)


@pytest.mark.parametrize("start", [0, 1_000_003])
def test_every_noisy_function_flips_by_itself(start):
    """Three copies of three latents with noise, as many observations each as there are latents, all at one rate."""
    copies = [Noisy(Predicate(parity(arity=1), BITS), 0.3) for _ in range(3)]
    distribution = LODistribution(np.array([0.3, 0.7]), 3, tuple(copies))
    latents, seen = distribution.split(distribution.rows(5, start, start + 4000).astype(np.int64))
    flips = seen != distribution.observe(latents)
    columns = [*latents.T, *flips.T.astype(np.int64)]
    assert not [pair for pair in itertools.combinations(range(12), 2) if dependent(*(columns[i] for i in pair))]
    assert dependent(columns[3], columns[3]), "negative control"
    assert not any(dependent(column[:-1], column[1:]) for column in columns), "nor a row by the next one"


def test_orders_of_answers_take_other_words_than_the_puzzles():
    """One order in 12! would agree by chance."""
    nothing_last = np.zeros((50, 12), dtype=bool)
    orders = [random_order(nothing_last, seed, 0) for seed in (0, 1)]
    of_puzzles = np.argsort(words(0, 0, 0, 600).reshape(50, 12), axis=1)
    assert not (orders[0] == of_puzzles).all(axis=1).any()
    assert not (orders[0] == orders[1]).all(axis=1).any()


STRUCTURES: dict[str, Callable[[int], Any]] = {
    "scopes": lambda seed: random_scopes(6, 4, arity=3, structure_seed=seed),
    "regular scopes": lambda seed: regular_scopes(6, 4, arity=3, structure_seed=seed),
    "directions": lambda seed: slab.gaussian_directions(6, 4, structure_seed=seed),
    "Horn clauses": lambda seed: random_rules.horn_rules(6, 4, structure_seed=seed),
    "DNF": lambda seed: random_rules.dnf_rules(6, 4, terms=2, width=2, structure_seed=seed),
    "formulas": lambda seed: random_rules.random_formulas(6, 4, size=4, structure_seed=seed),
}


def test_every_kind_of_structure_has_draws_of_its_own(monkeypatch):
    """Each asks for the generator of the seed that it was given, under a tag that no other has."""
    asked: list[tuple[int, int]] = []
    rng = scopes.structure_rng

    def listening(structure_seed: int, tag: int) -> np.random.Generator:
        asked.append((structure_seed, tag))
        return rng(structure_seed, tag)

    for module in (scopes, slab, random_rules):
        monkeypatch.setattr(module, "structure_rng", listening)
    for make in STRUCTURES.values():
        make(7)
    assert [seed for seed, _ in asked] == [7] * len(STRUCTURES)
    assert len({tag for _, tag in asked}) == len(STRUCTURES)


@pytest.mark.parametrize("family", [nae_sat, local_hash, whole_hash, random_logic])
def test_a_family_of_another_structure_seed_is_another_distribution(family):
    names = {family(6, 5, structure_seed=seed).fingerprint for seed in (0, 1, 2**32)}
    assert len(names) == 3
    assert random_slabs(6, 5, 0.7, structure_seed=0) != random_slabs(6, 5, 0.7, structure_seed=1)


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    """30 rows: two of six orders agree with probability 15/30!."""
    sources = [FixedRows(np.arange(30)[:, None], "0" * 16, 30, 30, shuffle_seed=seed) for seed in (0, 1)]
    orders = {tuple(source.batch(epoch)[:, 0].tolist()) for source in sources for epoch in range(3)}
    assert len(orders) == 6


def test_derived_seeds_of_keys_of_one_length_differ_and_a_zero_at_the_end_is_as_good_as_nothing():
    """NumPy fills a short key up with zeros: keys of different lengths are no different names."""
    keys = list(itertools.product((0, 1, 2, 3, 2**31), repeat=3))
    assert len({derived_seed(*key) for key in keys}) == len(keys)
    assert derived_seed(5) == derived_seed(5, 0)


EVERYWHERE = torch.ones(40, 16, dtype=torch.bool)
MASKERS: dict[str, Callable[[torch.Generator], WeightedMasks]] = {
    "count": lambda draws: count_masks(40, 16, draws),
    "count, spread": lambda draws: count_masks(40, 16, draws, stratified=True),
    "answers": lambda draws: answer_masks(EVERYWHERE, draws),
    "time": lambda draws: time_masks(40, 16, draws),
    "time, spread": lambda draws: time_masks(40, 16, draws, stratified=True),
}


def nested(hidden: torch.Tensor) -> float:
    """Share of the pairs of rows of which one is inside the other."""
    first, second = (torch.tensor(side) for side in zip(*itertools.combinations(range(len(hidden)), 2), strict=True))
    smaller = torch.minimum(hidden[first].sum(dim=1), hidden[second].sum(dim=1))
    return float(((hidden[first] & hidden[second]).sum(dim=1) == smaller).double().mean())


@pytest.mark.parametrize("name", MASKERS)
def test_every_row_of_a_batch_is_masked_by_itself(name):
    """Subsets that are read off one order of the positions lie one inside the other."""
    hidden = MASKERS[name](torch.Generator().manual_seed(0)).hidden
    assert nested(hidden) < 0.7
    assert nested(hidden.sort(dim=1).values) == 1, "negative control"


@pytest.mark.parametrize("noise", [uniform_noise, gumbel_noise, gaussian_noise])
def test_every_number_of_noise_is_drawn_by_itself(noise):
    draws = torch.Generator().manual_seed(0)
    twice = torch.stack([noise((5, 7, 3), draws, torch.device("cpu")) for _ in range(2)])
    assert len(twice.unique()) == twice.numel()
