"""What answers zebra puzzles on the command line: a person's strategies, the solution, or a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int8

from analysis.cli.sudoku.solvers import checkpoint_path
from analysis.lab.rows import CONTROL, MDM
from analysis.puzzles.problems import ZebraBoards
from generators.zebra.answer_grid import Asks
from generators.zebra.create import ZebraSource
from generators.zebra.forms import ZebraCells, ZebraTriples
from generators.zebra.human import Dialect, solve_by_strategies
from generators.zebra.tokens import SHORTEST_CLUE
from generators.zebra.writing import COMPACT, PUBLISHED
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_network

_PERSONS: dict[str, tuple[Dialect, str]] = {
    "clues": ("clues", "one clue at a time"),
    "strategies": ("pairs", "strategies of a person"),
}


@dataclass(frozen=True, eq=False)
class ZebraNetwork:
    """A trained network and how it reads puzzles.

    Attributes:
        model: as rows and figures call it.
        own_order: whether it decides by itself which cell comes next, so that no rule can.
    """

    model: str
    form: ZebraCells | ZebraTriples
    denoiser: MaskedDenoiser | CausalDenoiser
    own_order: bool


def person_answers(boards: ZebraBoards, name: str) -> tuple[str, Int8[np.ndarray, "n 6 6"]]:
    """Name in rows, and what is filled in without a guess, -1 elsewhere; all of it for "exact"."""
    if name == "exact":
        return CONTROL, boards.solutions
    dialect, told = _PERSONS[name]
    return told, solve_by_strategies(boards.puzzles, dialect).solutions


def load_zebra_network(model: Path, houses: int, attributes: int, asks: Asks, device: torch.device) -> ZebraNetwork:
    """The network of a checkpoint, for puzzles of at most that size.

    Its vocabulary tells the writing, its length what the prompt may take.

    Raises:
        FileNotFoundError: no checkpoint there.
        ValueError: a damaged one, or one that reads other sequences than these puzzles.
    """
    path = checkpoint_path(model)
    network = load_network(path).to(device)
    config, cells = network.config, houses * attributes
    prompt = config.length - cells * (3 if config.causal else 1)
    compact = config.vocabulary == COMPACT.vocabulary
    if config.vocabulary not in (COMPACT.vocabulary, PUBLISHED.vocabulary) or prompt < 8 or (compact and prompt % 4):
        raise ValueError(
            f"{path} holds a network for sequences of {config.length} tokens with {config.vocabulary} values, which "
            f"are no zebra puzzles of {houses} houses and {attributes} attributes ({PUBLISHED.vocabulary} or "
            f"{COMPACT.vocabulary} values, {cells * (3 if config.causal else 1)} tokens after the prompt). Name the "
            "largest size that it was trained on by --houses and --attributes."
        )
    most = prompt // 4 * SHORTEST_CLUE + 1 if compact else prompt
    source = ZebraSource(houses=(houses, houses), attributes=(attributes, attributes), most_tokens=most)
    if config.causal:
        denoiser = CausalDenoiser(network, np.arange(config.length), remembers=True)
        return ZebraNetwork("arm", ZebraTriples(source, "fixed", compact, asks), denoiser, own_order=True)
    return ZebraNetwork(
        MDM, ZebraCells(source, compact, asks), MaskedDenoiser(network, everywhere=True), own_order=False
    )
