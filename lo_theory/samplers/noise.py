"""Random numbers for decoding, in float64: a float32 Gumbel draw truncates the tails and sharpens the sampled law.

Noise always has the full shape of the batch, so what one row receives does not depend on what another row contains.
It is drawn on the generator's device: a CPU generator gives one run on every machine.
"""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

_SMALLEST = 2.0**-54  # half of the grid of float64 uniforms stands for its cell at zero, so that logarithms stay finite


def uniform_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Float64[Tensor, "..."]:
    """Independent uniform draws from [0, 1), moved to ``device``."""
    return torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64).to(device)


def gumbel_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Float64[Tensor, "..."]:
    """Independent standard Gumbel draws, -log(-log u), all finite; moved to ``device``."""
    return gumbel(uniform_noise(shape, generator, device))


def gaussian_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Float64[Tensor, "..."]:
    """Independent standard normal draws, moved to ``device``."""
    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64).to(device)


def gumbel(uniform: Float64[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """Uniform draws from [0, 1) turned into standard Gumbel draws, elementwise and finite."""
    return -(-uniform.clamp_min(_SMALLEST).log()).log()
