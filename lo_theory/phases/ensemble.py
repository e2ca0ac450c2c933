"""A random constraint ensemble: one observation channel over random scopes, and which of its values are seen."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer

from generators.observations.function import freeze
from generators.observations.predicate import check_table
from generators.planted.constraints import PlantedEnsemble, Shown


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What thresholds depend on: the channel Q(y | x_S) of a constraint, the latents' prior and the visible values.

    Constraints sit on uniformly random ordered scopes. One whose value is not in ``visible`` is not seen at all, not
    even that it exists (Def. B.9 has ``visible=(1,)``). Degrees always count *visible* constraints: D = k c, c of them
    per latent. No property here depends on N.

    Args:
        channel: (A,) + (m,) * k probabilities; ``channel[y]`` is Q(y | .), they sum to 1 over y.
        prior: (m,) positive probabilities of a latent's values.
        visible: the values that are seen; all of them if not given.
    Raises:
        ValueError: shapes that do not fit, entries that are no probabilities, a prior with zeros (leave the impossible
            value out), a visible value that never occurs.
    """

    channel: Float64[np.ndarray, "..."]
    prior: Float64[np.ndarray, "m"]
    visible: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Check the parts against each other and freeze them."""
        channel, prior = np.array(self.channel, dtype=np.float64), np.array(self.prior, dtype=np.float64)
        _check_prior(prior)
        _check_channel(channel, len(prior))
        visible = tuple(range(len(channel))) if self.visible is None else tuple(sorted(set(self.visible)))
        freeze(self, channel=channel, prior=prior, visible=visible)
        rates = self.value_rates
        unseen = [y for y in visible if not (0 <= y < len(channel) and rates[y] > 0)]
        if unseen or not visible:
            raise ValueError(
                f"visible values must occur with positive probability, and there must be one; got {visible}, "
                f"the values 0..{len(channel) - 1} have probabilities {rates.tolist()}."
            )

    @classmethod
    def from_table(
        cls,
        table: Integer[np.ndarray, "..."],
        *,
        prior: Float64[np.ndarray, "m"] | None = None,
        shown: Shown = "both",
        noise: float = 0.0,
        alphabet: int | None = None,
    ) -> Ensemble:
        """A predicate ``(m,) * k`` through a symmetric channel of rate ``noise``.

        ``generators.observations.named_tables`` has tables.

        Args:
            table: entries in ``range(alphabet)``; ``alphabet`` is by default the largest entry plus one, at least 2.
            prior: uniform if not given.
            shown: "both" shows every value, "satisfied" the value 1 alone.
            noise: probability that a value is replaced by a uniformly drawn other one.
        Raises:
            ValueError: a table, rate or prior that the parts refuse.
        """
        table = np.asarray(table)
        size = max(2, int(table.max(initial=0)) + 1) if alphabet is None else alphabet
        check_table(table, size)
        if not 0.0 <= noise <= 1.0:
            raise ValueError(f"the noise rate is a probability in [0, 1]; got {noise}.")
        if shown not in ("both", "satisfied"):
            raise ValueError(f"shown is 'both' or 'satisfied'; got {shown!r}.")
        m = table.shape[0]
        channel = np.stack([np.where(table == y, 1.0 - noise, noise / (size - 1)) for y in range(size)])
        uniform = np.full(m, 1.0 / m)
        return cls(channel, uniform if prior is None else prior, (1,) if shown == "satisfied" else None)

    @classmethod
    def from_planted(cls, planted: PlantedEnsemble) -> Ensemble:
        """The ensemble of a planted problem, whatever its N and degree."""
        return cls.from_table(planted.table, prior=planted.prior, shown=planted.shown)

    @property
    def arity(self) -> int:
        """k."""
        return self.channel.ndim - 1

    @property
    def alphabet(self) -> int:
        """Values of a latent, m."""
        return len(self.prior)

    @property
    def value_rates(self) -> Float64[np.ndarray, "A"]:
        """gamma_y: probability of each value, visible or not, under independent draws from the prior."""
        rates = self.channel
        for _ in range(self.arity):
            rates = rates @ self.prior
        return rates

    @property
    def visible_rates(self) -> Float64[np.ndarray, "Y"]:
        """Shares of the visible values among visible constraints, in the order of ``visible``; they sum to 1."""
        rates = self.value_rates[list(self.labels)]
        return rates / rates.sum()

    @property
    def labels(self) -> tuple[int, ...]:
        """The visible values, ascending."""
        assert self.visible is not None  # set in __post_init__
        return self.visible

    @property
    def weights(self) -> Float64[np.ndarray, "..."]:
        """F_y = Q(y | .) / gamma_y of the visible values, (Y,) + (m,) * k; its mean under the prior is 1."""
        shape = (-1,) + (1,) * self.arity
        labels = list(self.labels)
        return self.channel[labels] / self.value_rates[labels].reshape(shape)

    @property
    def seen_weight(self) -> Float64[np.ndarray, "..."]:
        """Probability that a scope's constraint is seen, over its mean, ``(m,) * k``: constant 1 if all are visible."""
        return np.tensordot(self.visible_rates, self.weights, axes=1)

    def label_symmetries(self) -> tuple[tuple[int, ...], ...]:
        """Permutations s of a latent's values that change neither the prior nor any visible weight: the identity first.

        What is visible cannot tell z from s(z), so with no latent revealed every overlap is up to these. NAE has all
        m! of them, 2-in-4 the swap, 1-in-3 none but the identity.
        """
        return tuple(s for s in itertools.permutations(range(self.alphabet)) if self._invariant(list(s)))

    def _invariant(self, permutation: list[int]) -> bool:
        weights = self.weights
        moved = weights[np.ix_(range(len(weights)), *[permutation] * self.arity)]
        return bool(np.allclose(self.prior[permutation], self.prior) and np.allclose(moved, weights))


def _check_prior(prior: Float64[np.ndarray, "..."]) -> None:
    if prior.ndim != 1 or len(prior) < 2 or not (prior > 0).all() or not abs(prior.sum() - 1.0) < 1e-9:
        raise ValueError(
            f"the prior holds m >= 2 positive probabilities that sum to 1; got {prior.tolist()}. "
            "Leave values of probability zero out of the prior and the channel."
        )


def _check_channel(channel: Float64[np.ndarray, "..."], m: int) -> None:
    if channel.ndim < 2 or channel.shape[1:] != (m,) * (channel.ndim - 1):
        raise ValueError(
            f"the channel has shape (A,) + (m,) * k with m = {m}, the prior's size, and k >= 1; got {channel.shape}."
        )
    if not (channel >= 0).all() or not np.allclose(channel.sum(axis=0), 1.0, rtol=0, atol=1e-9):
        raise ValueError("channel[:, x] must be a distribution over the values for every x: >= 0, with sum 1.")
