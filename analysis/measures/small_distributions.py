"""Distributions small enough that all their sequences can be listed, their tokens in a random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, sparse_parity
from generators.ground.draws import structure_rng

Kind = Literal["NAE-SAT", "hash of three symbols", "noisy parity", "parity"]

GRID = 2.0**-32
"""Log-probabilities are multiples of it: ties between positions are ties, whatever the rounding."""
_ORDER_TAG = 7701  # random words of the structure that no other part uses
_PARITY_NOISE: dict[Kind, float] = {"noisy parity": 0.1, "parity": 0.0}


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A small distribution by kind and sizes."""

    kind: Kind
    n_latents: int
    n_observations: int

    @property
    def label(self) -> str:
        """Kind and sizes."""
        return f"{self.kind} ({self.n_latents}, {self.n_observations})"

    def with_structure(self, structure_seed: int) -> LODistribution:
        """With its tokens in a random order."""
        return small_distribution(self.kind, self.n_latents, self.n_observations, structure_seed)


def small_distribution(kind: Kind, n_latents: int, n_observations: int, structure_seed: int) -> LODistribution:
    """A distribution that can be listed, its tokens in a random order.

    Ties of a score go to the lower position. With latents in front that would be a silent advantage to every rule that
    ties, and on parities everything ties at first.
    """
    length = n_latents + n_observations
    order = structure_rng(structure_seed, _ORDER_TAG).permutation(length)
    if kind == "NAE-SAT":
        return nae_sat(n_latents, n_observations, structure_seed=structure_seed, order=order)
    if kind in _PARITY_NOISE:
        noise = _PARITY_NOISE[kind]
        return sparse_parity(
            n_latents, n_observations, arity=3, noise=noise, structure_seed=structure_seed, order=order
        )
    return local_hash(
        n_latents, n_observations, arity=2, alphabet=3, latent_alphabet=3, structure_seed=structure_seed, order=order
    )
