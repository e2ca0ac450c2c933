"""Distributions as command-line choices: each a frozen dataclass that builds one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import generators as families

if TYPE_CHECKING:
    from generators import LODistribution


@dataclass(frozen=True, kw_only=True)
class NaeSat:
    """Not-all-equal over random distinct tuples of latents (paper section 2.1).

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        arity: k, latents that one observation reads.
        latent_alphabet: m, values of a latent.
        structure_seed: fixes the scopes; the rows have a seed of their own.
    """

    n_latents: int = 20
    n_observations: int = 280
    arity: int = 3
    latent_alphabet: int = 2
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.nae_sat(
            self.n_latents,
            self.n_observations,
            arity=self.arity,
            latent_alphabet=self.latent_alphabet,
            structure_seed=self.structure_seed,
        )


@dataclass(frozen=True, kw_only=True)
class LocalHash:
    """A keyed hash of small random scopes: easy forwards, jointly hard to invert.

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        arity: k, latents that one observation reads.
        alphabet: values of an observation.
        latent_alphabet: m, values of a latent.
        noise: probability that an observation is replaced by another value.
        structure_seed: fixes scopes and key; the rows have a seed of their own.
    """

    n_latents: int = 20
    n_observations: int = 280
    arity: int = 3
    alphabet: int = 2
    latent_alphabet: int = 2
    noise: float = 0.0
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.local_hash(
            self.n_latents,
            self.n_observations,
            arity=self.arity,
            alphabet=self.alphabet,
            latent_alphabet=self.latent_alphabet,
            noise=self.noise,
            structure_seed=self.structure_seed,
        )


@dataclass(frozen=True, kw_only=True)
class WholeHash:
    """A keyed hash of the whole latent vector: one-way in earnest, and not learnable forwards either.

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        alphabet: values of an observation.
        latent_alphabet: m, values of a latent.
        structure_seed: fixes the key; the rows have a seed of their own.
    """

    n_latents: int = 40
    n_observations: int = 40
    alphabet: int = 2
    latent_alphabet: int = 2
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.whole_hash(
            self.n_latents,
            self.n_observations,
            alphabet=self.alphabet,
            latent_alphabet=self.latent_alphabet,
            structure_seed=self.structure_seed,
        )


@dataclass(frozen=True, kw_only=True)
class RandomLogic:
    """Random logic formulas, one per observation.

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        size: literals of a formula.
        arity: k, latents that a formula reads.
        latent_alphabet: m, values of a latent.
        noise: probability that an observation is replaced by another value.
        structure_seed: fixes the formulas; the rows have a seed of their own.
    """

    n_latents: int = 6
    n_observations: int = 18
    size: int = 4
    arity: int = 3
    latent_alphabet: int = 2
    noise: float = 0.0
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.random_logic(
            self.n_latents,
            self.n_observations,
            size=self.size,
            arity=self.arity,
            latent_alphabet=self.latent_alphabet,
            noise=self.noise,
            structure_seed=self.structure_seed,
        )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Logic rules of your own, one observation each.

    Attributes:
        rules: the rules, each in quotes: "x0 and not x1" "at_least(2, x0, x1, x2)".
        n_latents: N, latents drawn from the prior; they are called x0, x1, ...
        latent_alphabet: m, values of a latent.
        noise: probability that an observation is replaced by another value.
    """

    rules: tuple[str, ...]
    n_latents: int
    latent_alphabet: int = 2
    noise: float = 0.0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.logic_rules(self.rules, self.n_latents, latent_alphabet=self.latent_alphabet, noise=self.noise)


@dataclass(frozen=True, kw_only=True)
class SparseParity:
    """Noisy sparse parities (Example B.1).

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        arity: k, latents that one parity sums.
        noise: probability that a parity is flipped.
        structure_seed: fixes the scopes; the rows have a seed of their own.
    """

    n_latents: int = 20
    n_observations: int = 280
    arity: int = 3
    noise: float = 0.05
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.sparse_parity(
            self.n_latents, self.n_observations, arity=self.arity, noise=self.noise, structure_seed=self.structure_seed
        )


@dataclass(frozen=True, kw_only=True)
class RandomSlabs:
    """Random slabs (Example B.4): is the latent vector close to a random hyperplane?

    Attributes:
        n_latents: N, latents drawn from the prior.
        n_observations: P, observations computed from them.
        width: half the thickness of a slab, in units of sqrt(N).
        noise: probability that an observation is flipped.
        structure_seed: fixes the directions; the rows have a seed of their own.
    """

    n_latents: int = 20
    n_observations: int = 280
    width: float = 0.6745
    noise: float = 0.0
    structure_seed: int = 0

    def build(self) -> LODistribution:
        """The distribution."""
        return families.random_slabs(
            self.n_latents, self.n_observations, self.width, noise=self.noise, structure_seed=self.structure_seed
        )


@dataclass(frozen=True, kw_only=True)
class FromFile:
    """A distribution from its JSON form, such as the one beside a checkpoint, or from the manifest of a dataset.

    Attributes:
        path: the file.
    """

    path: Path

    def build(self) -> LODistribution:
        """The distribution; ValueError if the file holds none."""
        from analysis.cli.distribution_file import read_distribution

        return read_distribution(self.path)


Family = NaeSat | LocalHash | WholeHash | RandomLogic | Rules | SparseParity | RandomSlabs | FromFile
