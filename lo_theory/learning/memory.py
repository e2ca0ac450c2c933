"""How much memory a network and its training take, counted from its shape before any of it is asked for."""

from __future__ import annotations

from generators.ground.memory import check_memory
from lo_theory.learning.network import NetworkConfig

_FLOAT = 4  # bytes of a float32
_COPIES = 4  # of every weight: itself, its gradient, and two moments of AdamW


def weight_count(config: NetworkConfig) -> int:
    """Trainable numbers of a network; those of coordinates and of patches, a few per cent, are not counted.

    Loops have no weights of their own.
    """
    matrices = 4 * config.width**2 + (3 if config.mlp == "swiglu" else 2) * config.width * config.hidden_width
    positions = config.places * config.width if config.positions == "learned" else 0
    norms = (2 * config.layers + 1) * config.width
    told = (2 * config.length + 1) * config.width if config.any_order else 0
    return config.layers * matrices + norms + positions + told + (2 * config.vocabulary + 2) * config.width


def activation_bytes(config: NetworkConfig, batch_size: int) -> int:
    """What the backward pass must find of a batch, from below: the inputs of each layer's matrices, in 16 bits.

    Every loop through the layers has its own.
    """
    per_token = config.loops * config.layers * (5 * config.width + config.hidden_width)
    return 2 * batch_size * config.places * per_token


def check_network_fits(config: NetworkConfig) -> None:
    """Refuse a network whose training does not fit into the memory of this machine.

    Raises:
        ValueError: with its number of weights and the memory that it would take.
    """
    count = weight_count(config)
    check_memory(
        _COPIES * _FLOAT * count,
        what=f"training {count:.3g} weights ({config.layers} layers of width {config.width})",
        advice="Choose fewer layers or a smaller width.",
    )


def check_batch_fits(config: NetworkConfig, batch_size: int) -> None:
    """Refuse a batch whose forward pass alone does not fit into the memory of this machine.

    Raises:
        ValueError: with the memory that it would take.
    """
    check_memory(
        activation_bytes(config, batch_size),
        what=f"a batch of {batch_size} sequences of {config.length} tokens in {config.loops * config.layers} layers",
        advice="Choose a smaller batch_size.",
    )
