"""From a shape, an objective and rows to a trained network."""

from __future__ import annotations

from pathlib import Path

import torch

from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.memory import check_network_fits
from lo_theory.learning.network import NetworkConfig, Shape, Transformer
from lo_theory.learning.objective import Objective
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.source import RowSource
from lo_theory.learning.training import TrainConfig, TrainResult, train


def build_network(
    shape: Shape,
    objective: Objective,
    source: RowSource,
    *,
    seed: int,
    device: str | torch.device = "cpu",
    coordinates: GridCoordinates | None = None,
    patches: PromptPatches | None = None,
    any_order: bool = False,
) -> Transformer:
    """An untrained network of this shape that reads the rows of ``source``, causal if the objective is.

    Args:
        shape: its size; of a value with more fields, such as a setting, the others do not matter.
        seed: of the initial weights.
        any_order: it is told the order of each row, as :mod:`lo_theory.learning.any_order` asks.
    Raises:
        ValueError: a shape that no network has or that does not fit into memory, or coordinates or patches that do not
            fit the rows.
    """
    config = NetworkConfig.of(
        shape,
        length=source.length,
        vocabulary=source.vocabulary,
        causal=objective.causal,
        coordinates=coordinates,
        patches=patches,
        any_order=any_order,
    )
    check_network_fits(config)
    return Transformer(config, torch.Generator().manual_seed(seed)).to(device)


def train_network(
    shape: Shape,
    objective: Objective,
    source: RowSource,
    config: TrainConfig,
    *,
    directory: Path | None = None,
    device: str | torch.device = "cpu",
    coordinates: GridCoordinates | None = None,
    patches: PromptPatches | None = None,
    any_order: bool = False,
) -> TrainResult:
    """:func:`build_network` with the seed of ``config``, trained; a run that was stopped goes on from its checkpoint.

    Args:
        directory: for weights, checkpoint and log; nothing is written without it.
    Raises:
        ValueError, TrainingDiverged, KeyboardInterrupt: as :func:`lo_theory.learning.training.train`.
    """
    network = build_network(
        shape,
        objective,
        source,
        seed=config.seed,
        device=device,
        coordinates=coordinates,
        patches=patches,
        any_order=any_order,
    )
    return train(network, objective, source, config, directory=directory)
