"""Streams of learning: which rows a step reads, which tokens it hides, with which weights a network begins.

Rows and masks are whole numbers, made by comparisons of draws of NumPy's PCG64 and of PyTorch's generator on a CPU: the
same on any machine. PyTorch makes the float32 draws of initial weights by other instructions on other processors; they
are compared to within 1e-5. Trained weights are no promise: they depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from generators import nae_sat
from generators.ground.shuffle import shuffled
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.masking import answer_masks, count_masks, subsets_of_size, time_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import Curriculum, MaskedObjective
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective
from lo_theory.learning.recipe import build_network
from lo_theory.learning.source import FixedRows, FreshRows, RowSource
from lo_theory.learning.training import TrainConfig, train
from lo_theory.schedules import COSINE


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


NAE = nae_sat(5, 4, structure_seed=0)
FRESH = FreshRows(NAE, 0, 4)
FIXED = FixedRows(np.arange(50)[:, None], "0" * 16, 64, 8)
OTHER = FixedRows(np.arange(50)[:, None], "0" * 16, 64, 8, shuffle_seed=1)
ANSWERS = torch.arange(160).reshape(20, 8) % 3 > 0
PROMPTED = FixedRows(np.where(ANSWERS, 0, ~0), "0" * 16, 2, 4)

ROWS: dict[str, tuple[RowSource, int, str]] = {
    "fresh": (FreshRows(NAE, 3, 10), 0, "111101100 011000111 #1ca3f0f6"),
    "fresh, a later step": (FreshRows(NAE, 3, 10), 1000, "011111110 000011100 #41bd33d7"),
    "fixed": (FIXED, 0, "18 23 36 #e7721608"),
    "fixed, the end of an epoch and the next": (FIXED, 6, "15 31 9 #1a52f9c7"),
    "fixed, a later epoch": (FIXED, 1000, "6 17 32 #a5942c96"),
    "fixed, another seed": (OTHER, 0, "15 25 37 #a3f209e9"),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_step(seen, name):
    source, step, golden = ROWS[name]
    assert seen(source.batch(step)) == golden


ORDERS: dict[str, tuple[tuple[int, int, int, int, int], str]] = {
    "of few rows": ((50, 0, 0, 0, 50), "33,34,26,41,20,49,9 #14fd1831"),
    "of few rows, a later epoch": ((50, 0, 1, 0, 50), "35,2,10,20,25,31,9,6 #5bc76f7f"),
    "of 5,000 rows": ((5000, 0, 0, 0, 5000), "3113,3147,3341,3580 #ac179b50"),
    "of 5,000 rows, another seed": ((5000, 1, 0, 0, 5000), "1807,1640,1843,4186 #f36c1717"),
    "of 10^8 rows, far in": ((10**8, 2**70, 3, 99_999_000, 10**8), "49588345,18278544,23 #c83beb85"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_written_rows(seen, name):
    """Of ``StoredRows`` and ``ShuffledSampler``; whole numbers alone."""
    arguments, golden = ORDERS[name]
    assert seen(shuffled(*arguments)) == golden


SPREAD = partial(count_masks, stratified=True)
BY_COSINE = partial(time_masks, schedule=COSINE, stratified=True)

SIZES = torch.arange(9)

MASKS: dict[str, tuple[Callable[[torch.Generator], Tensor], str]] = {
    "subsets of given sizes": (lambda draws: subsets_of_size(SIZES, 8, draws), "00000000 00001000 00 #4c29e9d8"),
    "by count": (lambda draws: count_masks(20, 9, draws).hidden, "111111111 110110111 #b927d1d1"),
    "by count, spread": (lambda draws: SPREAD(20, 9, draws).hidden, "111111111 010000000 #3c8e5fb7"),
    "by count, at most three": (lambda draws: SPREAD(20, 9, draws, most=3).hidden, "111000000 010000000 #962e7eb7"),
    "of answers": (lambda draws: answer_masks(ANSWERS, draws).hidden, "01101101 00100000 10 #fd4f28c2"),
    "of answers, more": (lambda draws: answer_masks(ANSWERS, draws, draws=3).hidden, "01101101 00110000 11 #cdf4fda3"),
    "by time": (lambda draws: time_masks(20, 9, draws).hidden, "000000000 100110000 #95016c55"),
    "by time, spread": (lambda draws: BY_COSINE(20, 9, draws).hidden, "000000000 111111111 #e5af2d14"),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(seen, name):
    make, golden = MASKS[name]
    assert seen(make(draws())) == golden


GROWING = partial(MaskedObjective, curriculum=Curriculum(share=0.5, first=0.2))
BY_TIME = partial(MaskedObjective, masker=time_masks)

RUNS: dict[str, tuple[Callable[[Any], Any], RowSource, int, int, str]] = {
    "masked": (MaskedObjective, FRESH, 4, 0, "000001000 100100010 #462c340b"),
    "masked, another seed": (MaskedObjective, FRESH, 4, 1, "111111111 011000100 #c782e6ed"),
    "masked by time": (BY_TIME, FRESH, 4, 0, "101111111 111001000 #5fbe5a69"),
    "under a curriculum": (GROWING, FRESH, 8, 0, "000001000 000100000 #3f526599"),
    "answers": (AnswerObjective, PROMPTED, 4, 0, "00000100 00100010 01 #318b8281"),
}


@pytest.mark.parametrize("name", RUNS)
def test_masks_of_a_run(seen, name):
    """What each step hides, the rows of all steps below each other; the reduction of the loss is told."""
    objective, source, steps, seed, golden = RUNS[name]
    hidden: list[Tensor] = []

    def listening(cross_entropy, masks):
        hidden.append(masks.hidden)
        return cross_entropy.mean()

    shape = NetworkConfig(length=source.length, vocabulary=source.vocabulary, layers=1, width=4, heads=1)
    train(Transformer(shape, draws()), objective(listening), source, TrainConfig(steps=steps, seed=seed))
    assert seen(torch.cat(hidden)) == golden


WEIGHTS: dict[str, tuple[float, float]] = {
    "embedding": (-0.076644, -0.689474),
    "positions": (0.000000, 1.334309),
    "blocks.0.qkv": (0.234156, 0.708665),
    "blocks.0.attention_out": (-0.058843, 0.062437),
    "blocks.0.mlp_in": (-0.085207, 0.231918),
    "blocks.0.mlp_out": (-0.177646, 0.009136),
    "coordinates.tables.column": (0.934900, 0.273536),
    "coordinates.tables.row": (-0.560526, -0.604402),
    "patches.tables": (-0.583930, 1.128709),
}


def test_initial_weights():
    """First and last entry of everything that is drawn; learned positions of patches begin at zero."""
    grid, patches = GridCoordinates(rows=2, columns=2, start=4), PromptPatches(tokens=4, size=2)
    shape = NetworkConfig(length=8, vocabulary=3, layers=1, width=8, heads=2, coordinates=grid, patches=patches)
    made = dict(Transformer(shape, draws(3)).named_parameters())
    found = {name: made[name].flatten()[[0, -1]].tolist() for name in WEIGHTS}
    assert found == {name: pytest.approx(ends, abs=1e-5) for name, ends in WEIGHTS.items()}
    assert not {name for name in made.keys() - WEIGHTS.keys() if made[name].std() > 0}, "what is missing is not drawn"


def test_a_recipe_begins_with_the_weights_of_its_seed():
    shape = NetworkConfig(length=NAE.length, vocabulary=NAE.vocabulary, layers=1, width=8, heads=2)
    made = build_network(shape, MaskedObjective(), FRESH, seed=3)
    assert made.embedding[0, :2].tolist() == pytest.approx([-0.07664429396391, 0.3598815202713], abs=1e-5)
    assert made.blocks[0].mlp_out[-1, -2:].tolist() == pytest.approx([0.08604046702385, 0.1142078116536], abs=1e-5)
