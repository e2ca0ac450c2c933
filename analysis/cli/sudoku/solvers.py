"""What answers a Sudoku on the command line: a trained network, a reasoner of bounded depth, or the solution itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.cli.names import Reasoner
from analysis.cli.workspace import tell_unchecked
from analysis.lab.rows import CONTROL, MDM
from analysis.puzzles.learner import PEERS, SINGLES
from generators.sudoku.create import SudokuSource
from generators.sudoku.forms import SudokuCells, SudokuTriples
from generators.sudoku.grid import SIZES, Size
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_checkpoint, network_in
from lo_theory.learning.training import CHECKPOINT_NAME
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.puzzles.completions import CompletionsDenoiser

_WITHOUT_MODEL: dict[str, tuple[str, Callable[[Size], Denoiser]]] = {
    "candidates": (PEERS.name, lambda size: CandidateDenoiser(size, "peers")),
    "singles": (SINGLES.name, lambda size: CandidateDenoiser(size, "singles")),
    "strategies": ("strategies reasoner", lambda size: CandidateDenoiser(size, "strategies")),
    "exact": (CONTROL, CompletionsDenoiser),
}


@dataclass(frozen=True, eq=False)
class SudokuSolver:
    """A denoiser of Sudokus.

    Attributes:
        name: as it is typed.
        model: as rows and figures call it.
        form: how it reads a puzzle: cell by cell, or as the triples that an autoregressive network writes.
    """

    name: Reasoner
    model: str
    form: SudokuCells | SudokuTriples
    denoiser: Denoiser

    @property
    def size(self) -> Size:
        """Of the puzzles that it reads."""
        return self.form.source.size

    @property
    def own_order(self) -> bool:
        """Whether it decides by itself which cell comes next, so that no rule can."""
        return isinstance(self.form, SudokuTriples)


def chosen_solver(
    name: Reasoner | None, model: Path | None, size: Size, device: torch.device | None = None
) -> SudokuSolver:
    """The solver that ``--denoiser`` and ``--model`` ask for: the network if there is a model, else singles.

    Args:
        size: of the puzzles. A network may read others: compare with :attr:`SudokuSolver.size`.
        device: of a network; None: the CPU.
    Raises:
        FileNotFoundError, ValueError: a network without a model, a model that is not used, or as
            :func:`network_solver`.
    """
    name = name or ("singles" if model is None else "network")
    if name == "network":
        if model is None:
            raise ValueError("--denoiser network needs a trained one: add --model DIR.")
        return network_solver(model, device)
    if model is not None:
        raise ValueError(f"--model is not used by --denoiser {name}: leave one of them out.")
    full_name, build = _WITHOUT_MODEL[name]
    return SudokuSolver(name, full_name, SudokuCells(SudokuSource(side=size.side)), build(size))


def network_solver(model: Path, device: torch.device | None = None) -> SudokuSolver:
    """The network of a checkpoint, or of the one in a directory.

    A masked one reads cells; a causal one writes triples, givens first. The checkpoint does not name the order that
    its triples were trained in: the givens are shown in reading order, which "random" has seen as one of many.

    Raises:
        FileNotFoundError: no checkpoint there.
        ValueError: a damaged one, or one that reads other sequences than Sudokus; the message names their length.
    """
    path = checkpoint_path(model)
    checkpoint = load_checkpoint(path)
    tell_unchecked(path, checkpoint.checked)
    network = network_in(path, checkpoint).to(device or torch.device("cpu"))
    config = network.config
    size = SIZES.get(config.vocabulary)
    if size is None or config.length != size.cells * (3 if config.causal else 1):
        kind = "an autoregressive network" if config.causal else "a masked network"
        wanted = ", ".join(
            f"{(3 if config.causal else 1) * known.cells} tokens with {side} values ({side}x{side})"
            for side, known in SIZES.items()
        )
        raise ValueError(
            f"{path} holds {kind} for sequences of {config.length} tokens with {config.vocabulary} values, which are "
            f"no Sudokus. One of this kind reads {wanted}."
        )
    source = SudokuSource(side=size.side)
    if config.causal:
        denoiser = CausalDenoiser(network, np.arange(config.length), remembers=True)
        return SudokuSolver("network", "arm", SudokuTriples(source), denoiser)
    return SudokuSolver("network", MDM, SudokuCells(source), MaskedDenoiser(network, everywhere=True))


def checkpoint_path(model: Path) -> Path:
    """The file that ``--model`` names: a checkpoint, or the one in a directory."""
    return model / CHECKPOINT_NAME if model.is_dir() else model
