"""Belief propagation in the place of the exact posterior: what a local algorithm knows, at any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.phases.belief_propagation import DEFAULT, Beliefs, Settings, perturbed_messages, propagate
from lo_theory.phases.factor_graph import Channels, observation_channels, sequence_graph, slots
from lo_theory.posteriors.enumeration import ImpossibleEvidence, while_decoding
from lo_theory.posteriors.factors import checked_tokens


@dataclass(frozen=True)
class Convergence:
    """How belief propagation ended on each row of a batch; the words are those of ``Beliefs``."""

    converged: Bool[np.ndarray, "B"]
    iterations: Int64[np.ndarray, "B"]
    last_change: Float64[np.ndarray, "B"]


@dataclass(frozen=True)
class Answer:
    """Approximate marginals and evidence of a batch, with the account of their convergence."""

    log_marginals: Float64[np.ndarray, "B L V"]
    bethe_log_evidence: Float64[np.ndarray, "B"]
    convergence: Convergence


class BeliefPropagationPosterior:
    """``p(x_i | visible tokens)`` approximated by belief propagation: a posterior's methods, no claim to be exact.

    Every row is its own factor graph of prior, visible latents and visible observations. A masked observation is
    predicted from the beliefs of its latents as if they were independent. Where the visible observations form a forest
    (two of them sharing two free latents make a cycle) the latents' marginals and the evidence are exact, and so is a
    masked observation whose free latents are not connected otherwise. Rows never influence each other. Log odds beyond
    about 300 nats are held there: an observation has to be noisy and a latent read some hundred times to get there.

    With symmetric predicates, all latents masked and ``start="prior"`` the beliefs stay on the symmetric point and
    masked observations are predicted at their base rate; ``start="random"`` breaks the symmetry, which predicts
    observations better and makes the latents' marginals those of one symmetry class, not the posterior's.

    Args:
        distribution: any alphabets, prior and noise, as long as each observation reads few latents.
        settings: damping, tolerance, limit of iterations.
        start: first messages, from the prior or perturbed by factors from [0.5, 1.5].
        seed: of the random start: every row starts from the same perturbation, whatever else is in the batch.
        report: is handed the :class:`Convergence` of every batch; how a caller behind the ``Denoiser`` socket sees it.
    Raises:
        ValueError: an observation of too many latents to be tabulated, an unknown start.
    Cost: per row and iteration O(E m^k / k) for E visible (observation, latent) pairs.
    """

    def __init__(
        self,
        distribution: LODistribution,
        *,
        settings: Settings = DEFAULT,
        start: Literal["prior", "random"] = "prior",
        seed: int = 0,
        report: Callable[[Convergence], object] | None = None,
    ) -> None:
        if start not in ("prior", "random"):
            raise ValueError(f"start is 'prior' or 'random'; got {start!r}. Tokens do not tell a planted start.")
        self.distribution, self.settings, self.report = distribution, settings, report
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        self._channels = observation_channels(distribution)
        self._groups = _groups(self._channels)
        shape = (len(self._channels.scope), distribution.alphabet)
        drawn = np.random.default_rng(seed).uniform(0.5, 1.5, shape)
        self._perturbation = drawn if start == "random" else np.ones(shape)

    def query(self, tokens: Integer[np.ndarray, "B L"]) -> Answer:
        """Marginals, evidence and convergence in one pass.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
            ImpossibleEvidence: a row's visible tokens were found to have probability zero. Not every such row is found.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_marginals = np.full((*tokens.shape, self.vocabulary), -np.inf)
        rows, columns = np.nonzero(tokens != self.mask_id)
        log_marginals[rows, columns, tokens[rows, columns]] = 0.0
        ends = [self._row(row, number, log_marginals[number]) for number, row in enumerate(tokens)]
        convergence = Convergence(
            np.array([end.converged for end in ends], dtype=bool),
            np.array([end.iterations for end in ends], dtype=np.int64),
            np.array([end.last_change for end in ends], dtype=np.float64),
        )
        if self.report is not None:
            self.report(convergence)
        return Answer(log_marginals, np.array([end.log_evidence for end in ends], dtype=np.float64), convergence)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log beliefs about every token in nats; visible positions hold the point mass on their token."""
        return self.query(tokens).log_marginals

    def bethe_log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Bethe approximation of the log probability of the visible tokens, in nats: no bound in either direction."""
        return self.query(tokens).bethe_log_evidence

    def _row(self, row: Int64[np.ndarray, "L"], number: int, out: Float64[np.ndarray, "L V"]) -> Beliefs:
        """Fill the masked positions of one row of log-marginals."""
        latent_at, observation_at = self.distribution.latent_positions, self.distribution.observation_positions
        values = np.where(row == self.mask_id, -1, row)
        observations = values[observation_at]
        graph = sequence_graph(self._channels, values[latent_at], observations)
        seen = slots(self._channels, np.flatnonzero(observations >= 0))
        try:
            beliefs = propagate(graph, perturbed_messages(graph, self._perturbation[seen]), self.settings)
        except ImpossibleEvidence as error:
            raise ImpossibleEvidence(f"row {number}: {error} {while_decoding(self.distribution)}") from None
        with np.errstate(divide="ignore"):
            hidden = np.flatnonzero(values[latent_at] < 0)
            out[latent_at[hidden], : self.distribution.alphabet] = np.log(beliefs.marginals[hidden])
            for group in self._groups:
                chosen = np.flatnonzero(observations[group.members] < 0)
                predicted = _predict(group.channels[chosen], beliefs.marginals[group.scopes[chosen]])
                out[observation_at[group.members[chosen]], : predicted.shape[1]] = np.log(predicted)
        return beliefs


@dataclass(frozen=True)
class _Group:
    """Observations of one arity and alphabet."""

    members: Int64[np.ndarray, "n"]
    scopes: Int64[np.ndarray, "n k"]
    channels: Float64[np.ndarray, "n A s"]


def _groups(channels: Channels) -> list[_Group]:
    arity = channels.arity
    found = []
    for k, alphabet in sorted(set(zip(arity.tolist(), channels.alphabet.tolist(), strict=True))):
        members = np.flatnonzero((arity == k) & (channels.alphabet == alphabet)).astype(np.int64)
        size = len(channels.prior) ** k
        table = channels.channels[channels.block[members, None] + np.arange(alphabet * size)]
        scopes = channels.scope[channels.start[members, None] + np.arange(k)]
        found.append(_Group(members, scopes, table.reshape(len(members), alphabet, size)))
    return found


def _predict(
    channels: Float64[np.ndarray, "n A s"], beliefs: Float64[np.ndarray, "n k m"]
) -> Float64[np.ndarray, "n A"]:
    """``sum_x Q(y | x) prod_i belief_i(x_i)``, slot after slot."""
    count, alphabet, _ = channels.shape
    for slot in range(beliefs.shape[1]):
        m = beliefs.shape[2]
        split = channels.reshape(count, alphabet, m, channels.shape[2] // m)
        channels = np.einsum("nyxr,nx->nyr", split, beliefs[:, slot])
    return channels[..., 0]
