"""Forward loss: nothing for the exact posterior, a coin's price for a coin, and the naive sum for anything between."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from analysis.measures.forward_loss import chain_forward_nats, masked_forward_nats
from generators import local_hash, nae_sat
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.orders import identity
from lo_theory.posteriors.exact import exact_posterior

FAMILIES = [nae_sat(5, 9, structure_seed=0), local_hash(5, 9, structure_seed=1)]


class Uneven:
    """Answers that depend on the position alone: value 0 has probability (i + 1) / (L + 1) at position i."""

    def __init__(self, length: int) -> None:
        self.length, self.vocabulary = length, 2

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        share = (torch.arange(self.length, dtype=torch.float64) + 1) / (self.length + 1)
        return torch.stack([share, 1 - share], dim=-1).log().expand(len(tokens), -1, -1)


@pytest.mark.parametrize("distribution", FAMILIES)
def test_the_exact_posterior_pays_nothing(distribution):
    rows = distribution.rows(0, 0, 100)
    denoiser = PosteriorDenoiser(exact_posterior(distribution))
    nats = masked_forward_nats(denoiser, distribution, rows, np.random.default_rng(0))
    assert abs(nats.value) < 1e-9
    assert 10 < nats.samples < 100


@pytest.mark.parametrize("distribution", FAMILIES)
def test_every_answer_is_weighed_as_its_own_scope_says(distribution):
    """The same masks, drawn again and gone through one by one."""
    rows, length = distribution.rows(0, 0, 300), distribution.length
    nats = masked_forward_nats(Uneven(length), distribution, rows, np.random.default_rng(5))
    rng, spent = np.random.default_rng(5), []
    counts = rng.integers(1, length + 1, size=len(rows))
    for row, count in zip(rows, counts, strict=True):
        hidden = np.zeros(length, dtype=bool)
        hidden[rng.permutation(length)[: int(count)]] = True
        scopes = [scope for function in distribution.functions for scope in function.scopes]
        for place, scope in enumerate(scopes):
            position = distribution.n_latents + place
            if hidden[position] and not hidden[scope].any():
                zero = (position + 1) / (length + 1)
                spent.append(-math.log(zero if row[position] == 0 else 1 - zero))
    assert nats.value == pytest.approx(np.mean(spent))


def test_a_row_without_such_an_observation_is_left_out_and_none_at_all_is_refused():
    distribution = FAMILIES[0]
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="none of 0 rows"):
        masked_forward_nats(Uneven(14), distribution, distribution.rows(0, 0, 0), rng)


def test_a_coin_in_natural_order_pays_log_two():
    network = Transformer(
        NetworkConfig(length=14, vocabulary=2, layers=1, width=8, heads=2, causal=True), torch.Generator()
    )
    nats = chain_forward_nats(CausalDenoiser(network, identity(14)), FAMILIES[0], FAMILIES[0].rows(0, 0, 20))
    assert nats.value == pytest.approx(math.log(2), abs=1e-6)
    with pytest.raises(ValueError, match="natural order"):
        chain_forward_nats(CausalDenoiser(network, identity(14)[::-1].copy()), FAMILIES[0], FAMILIES[0].rows(0, 0, 20))
