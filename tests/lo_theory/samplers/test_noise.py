"""Random numbers of decoding: their laws, and that they are no float32 numbers in disguise."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import kstest

from lo_theory.samplers.noise import gaussian_noise, gumbel, gumbel_noise, uniform_noise

CPU = torch.device("cpu")
DRAWS = {"uniform": uniform_noise, "gumbel_r": gumbel_noise, "norm": gaussian_noise}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("law", DRAWS)
def test_noise_is_float64_finite_and_of_its_law(law):
    """Kolmogorov-Smirnov on 20,000 draws; false alarm 1e-5."""
    draws = DRAWS[law]((20_000,), seeded(), CPU)
    assert draws.dtype == torch.float64
    assert draws.isfinite().all()
    assert kstest(draws.numpy(), law).pvalue > 1e-5
    assert kstest(draws.numpy() * 1.1, law).pvalue < 1e-10, "negative control"


def ties(draws: torch.Tensor) -> int:
    return len(draws) - len(draws.unique())


@pytest.mark.parametrize("law", DRAWS)
def test_noise_has_the_resolution_of_float64(law):
    """100,000 draws on a grid of 2^-24 meet about 300 times; on one of 2^-53 once in 10^6 runs (the false alarm)."""
    assert ties(DRAWS[law]((100_000,), seeded(), CPU)) == 0
    single = torch.rand(100_000, generator=seeded())
    assert ties(single.double()) > 200, "negative control: float32 draws, cast afterwards"
    assert ties(gumbel(single.double())) > 200


def test_the_ends_of_the_grid_are_finite_and_the_upper_one_lies_far_out():
    edges = gumbel(torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64))
    assert edges.isfinite().all()
    assert edges[1] > 36, "float32 ends at 17"


def test_float32_gumbel_noise_would_sharpen_the_law():
    """How often a value of probability 1e-8 wins the Gumbel-max, by integration over its uniform u; nothing is sampled.

    It wins where its rival's noise stays below its own minus the gap, with probability F(gumbel(u) - gap). On the grid
    of float32 u only its upper cells matter. float64's grid, too fine to sum over, is integrated from 1 - u = 2^-53 on.
    """
    gap = math.log(1e8)

    def wins(noise: torch.Tensor) -> torch.Tensor:
        return torch.exp(-torch.exp(gap - noise))

    single = wins(gumbel(1 - torch.arange(1, 2**16 + 1, dtype=torch.float64) * 2.0**-24)).sum() * 2.0**-24
    above = torch.logspace(-53 * math.log10(2), -3, 400_001, dtype=torch.float64)  # 1 - u
    double = torch.trapezoid(wins(-(-torch.log1p(-above)).log()), above)
    assert double.item() == pytest.approx(1e-8, rel=1e-4)
    assert single.item() < 0.02e-8
