"""The networks and rows that the parts measure on."""

from __future__ import annotations

import torch
from torch import nn

from generators.distribution import LODistribution
from generators.families import nae_sat
from lo_theory.learning.network import NetworkConfig, Shape, Transformer

PAPER_19M = Shape(layers=8, heads=6, width=384, hidden=1536, mlp="swiglu", positions="rotary")
"""Section 2.2 of the paper; SMDM's Diff_LLaMA_19M."""
PAPER_170M = Shape(layers=18, heads=12, width=768, hidden=3072, mlp="swiglu", positions="rotary")
"""The paper's language model; SMDM's Diff_LLaMA_170M."""
SMALL = Shape(layers=3, heads=8, width=64)
"""That of the experiments on a CPU."""
TINY = Shape(layers=2, heads=2, width=16, mlp="swiglu", positions="rotary")


def distribution(tiny: bool) -> LODistribution:
    """NAE-SAT (25, 275), or something short."""
    return nae_sat(4, 8, structure_seed=0) if tiny else nae_sat(25, 275, structure_seed=0)


def config_of(shape: Shape, length: int, *, causal: bool = False) -> NetworkConfig:
    """That shape, for sequences of bits."""
    return NetworkConfig(length=length, vocabulary=2, causal=causal, **vars(shape))


def network_of(shape: Shape, length: int, device: torch.device, *, causal: bool = False) -> Transformer:
    """With a random head, as an untrained one ties all tokens; the same weights on every device."""
    draws = torch.Generator().manual_seed(0)
    network = Transformer(config_of(shape, length, causal=causal), draws)
    nn.init.normal_(network.head, std=0.1, generator=draws)
    return network.to(device)
