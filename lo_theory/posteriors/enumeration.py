"""The exact posterior by enumeration of all m^N latent vectors: the Bayes-optimal answer, in NumPy and float64."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.posteriors.answers import Answers, Completions, Status
from lo_theory.posteriors.completions import Scores, checked_count, likeliest, scores
from lo_theory.posteriors.factors import checked_tokens, is_local
from lo_theory.posteriors.faint import Spread, restore, spread
from lo_theory.posteriors.joints import log_joint, mutual_information

_CHUNK_BYTES = 2**26  # of one (states, L, V) table of float64


class ImpossibleEvidence(ValueError):  # noqa: N818 - the name says what the evidence is
    """The visible tokens have probability zero."""


def way_out(distribution: LODistribution) -> str:
    """What to do about impossible evidence, as the end of a message."""
    return f"Mask one of them, or check that the sequence comes from this distribution. {while_decoding(distribution)}"


def while_decoding(distribution: LODistribution) -> str:
    """The same for a decoder, which writes such evidence itself once it reveals several tokens per step."""
    forgiving = "ask PosteriorDenoiser(forgiving_posterior(distribution)), which answers such tokens too, or "
    return (
        "A decoder that reveals several tokens per step leaves the support: "
        f"{forgiving if is_local(distribution) else ''}reveal one token per step."
    )


class EnumeratedPosterior:
    """``p(x_i | visible tokens)`` for every masked position of a batch in one pass.

    Given the latents every token is independent, so the posterior weight of a latent vector z is
    ``prior(z) * prod_{visible i} Q_i(x_i | z)`` and a masked token's marginal is the weighted mean of ``Q_i(. | z)``.
    Both are matrix products over the table of all states.

    Args:
        distribution: any L&O distribution; its functions are only evaluated forwards, so a hash of all latents is fine.
        max_states: refuse above this many latent vectors, 2**20 unless said otherwise.
    Raises:
        ValueError: ``m**N > max_states``.
    Cost: O(B m^N L V) time per call, O(m^N L) bytes held.
    """

    def __init__(self, distribution: LODistribution, *, max_states: int = 2**20) -> None:
        m, n = distribution.alphabet, distribution.n_latents
        if m**n > max_states:
            raise ValueError(
                f"enumeration would visit m**N = {m}**{n} = {m**n:.3g} latent vectors, more than max_states = "
                f"{max_states}, and hold {m**n * distribution.length / 2**30:.3g} GiB. Use fewer latents, raise "
                "max_states, or measure with likelihoods alone, which need no posterior."
            )
        self.distribution = distribution
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        latents = np.indices((m,) * n, dtype=np.min_scalar_type(m - 1)).reshape(n, -1).T
        with np.errstate(divide="ignore"):
            log_prior = np.log(distribution.prior)[latents].sum(axis=1)
        possible = log_prior > -np.inf  # states that the prior excludes never matter
        self._log_prior = log_prior[possible]
        self._codes = distribution.join(latents[possible], distribution.observe(latents[possible]))
        self._kept, self._replaced = _channel_table(distribution)
        per_state = self.length * self.vocabulary * 8
        self._chunk = max(1, _CHUNK_BYTES // per_state)
        self._cached = self._tables(0, self.states) if self.states <= self._chunk else None

    @property
    def states(self) -> int:
        """Number of latent vectors of positive prior probability."""
        return len(self._codes)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, (B, L) -> (B, L, V) in nats; ``-inf`` where a value is impossible.

        Visible positions hold the point mass on their token. Values below the smallest float64 are
        asked for one by one.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
            ImpossibleEvidence: a row's visible tokens have probability zero; the message names a minimal conflict.
        """
        return self._log_marginals(checked_tokens(tokens, self.length, self.vocabulary))

    def log_evidence(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B"]:
        """Log probability of the visible tokens, in nats; raises as :meth:`log_marginals` does."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_evidence, _ = self._query(tokens)
        self._require_possible(tokens, log_evidence)
        return log_evidence

    def answers(self, tokens: Integer[np.ndarray, "B L"]) -> Answers:
        """Marginals and evidence of every row, NaN and ``-inf`` where its visible tokens are impossible.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length or a token outside ``range(V + 1)``.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        log_evidence, log_marginals = self._query(tokens)
        possible = log_evidence > -np.inf
        log_marginals[~possible] = np.nan
        self._restore(tokens, log_marginals)
        return Answers(log_marginals, log_evidence, np.where(possible, int(Status.DONE), int(Status.IMPOSSIBLE)))

    def most_probable(self, tokens: Integer[np.ndarray, "B L"]) -> Completions:
        """As :meth:`.EliminatedPosterior.most_probable`."""
        best = self.k_most_probable(tokens, 1)
        return Completions(best.tokens[:, 0], best.log_probabilities[:, 0])

    def k_most_probable(self, tokens: Integer[np.ndarray, "B L"], k: int) -> Completions:
        """As :meth:`.EliminatedPosterior.k_most_probable`, in O(m^N (L + log m^N)) for each row."""
        tokens, k = checked_tokens(tokens, self.length, self.vocabulary), checked_count(k)
        positions, observations = self.distribution.latent_positions, self.distribution.observation_positions

        def best(row: np.ndarray, _: int) -> tuple[np.ndarray, np.ndarray]:
            total = self._scores.prior[self._codes[:, positions]].sum(axis=1)
            for latent in positions[row[positions] != self.mask_id]:
                total[self._codes[:, latent] != row[latent]] = -np.inf
            for j in np.flatnonzero(row[observations] != self.mask_id):
                hit = self._codes[:, observations[j]] == row[observations[j]]
                total += np.where(hit, self._scores.kept[j], self._scores.replaced[j])
            order = np.argsort(-total, kind="stable")[:k]
            order = order[total[order] > -np.inf]
            return self._codes[np.ix_(order, positions)].astype(np.int64), total[order]

        return likeliest(self.distribution, self._scores, tokens, self.log_evidence(tokens), k, best)

    def log_joint(
        self, tokens: Integer[np.ndarray, "B L"], positions: Sequence[int] | Integer[np.ndarray, "k"]
    ) -> Float64[np.ndarray, "B ..."]:
        """As :meth:`.EliminatedPosterior.log_joint`."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        self.log_evidence(tokens)
        return log_joint(tokens, positions, self.vocabulary, lambda copies, _: self._query(copies)[0])

    def mutual_information(
        self,
        tokens: Integer[np.ndarray, "B L"],
        pairs: Sequence[Sequence[int]] | Integer[np.ndarray, "n 2"] | None = None,
    ) -> Float64[np.ndarray, "B ..."]:
        """As :meth:`.EliminatedPosterior.mutual_information`."""
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        self.log_evidence(tokens)
        latents = self.distribution.latent_positions
        return mutual_information(
            tokens, pairs, self.vocabulary, latents, lambda copies, _: self._log_marginals(copies)
        )

    @cached_property
    def _scores(self) -> Scores:
        return scores(self.distribution)

    @cached_property
    def _spread(self) -> Spread:
        return spread(self.distribution)

    def _log_marginals(self, tokens: Int64[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        log_evidence, log_marginals = self._query(tokens)
        self._require_possible(tokens, log_evidence)
        self._restore(tokens, log_marginals)
        return log_marginals

    def _restore(self, tokens: Int64[np.ndarray, "B L"], log_marginals: Float64[np.ndarray, "B L V"]) -> None:
        def possible(_: np.ndarray) -> np.ndarray:
            return np.arange(self.vocabulary) < self.distribution.alphabets[:, None]

        restore(tokens, log_marginals, self._spread, self.mask_id, possible, lambda copies: self._query(copies)[0])

    def _query(self, tokens: np.ndarray) -> tuple[Float64[np.ndarray, "B"], Float64[np.ndarray, "B L V"]]:
        """Log evidence, ``-inf`` where impossible, and log marginals, of no meaning there."""
        batch, flat = len(tokens), self.length * self.vocabulary
        seen = (tokens[..., None] == np.arange(self.vocabulary)).reshape(batch, flat).astype(np.float64)
        peak, total = np.full(batch, -np.inf), np.zeros(batch)
        sums = np.zeros((batch, flat))
        for start in range(0, self.states, self._chunk):
            stop = min(start + self._chunk, self.states)
            finite, blocked, likelihood = self._cached or self._tables(start, stop)
            log_weight = self._log_prior[start:stop] + seen @ finite.T
            log_weight[seen @ blocked.T > 0.5] = -np.inf
            new_peak = np.maximum(peak, log_weight.max(axis=1))
            shift = np.where(new_peak > -np.inf, new_peak, 0.0)
            rescale, weight = np.exp(peak - shift), np.exp(log_weight - shift[:, None])
            total = total * rescale + weight.sum(axis=1)
            sums = sums * rescale[:, None] + weight @ likelihood
            peak = new_peak
        marginals = sums.reshape(batch, self.length, self.vocabulary)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_marginals = np.log(marginals / marginals.sum(axis=-1, keepdims=True))
            log_evidence = peak + np.log(total)
        rows, columns = np.nonzero(tokens != self.mask_id)
        log_marginals[rows, columns] = -np.inf
        log_marginals[rows, columns, tokens[rows, columns]] = 0.0
        return log_evidence, log_marginals

    def _tables(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Three (states, L V) tables for states start..stop-1: finite log-likelihoods, forbidden, likelihoods."""
        hit = self._codes[start:stop, :, None] == np.arange(self.vocabulary)  # (states, L, V)
        log_likelihood = np.where(hit, self._kept, self._replaced).reshape(stop - start, -1)
        blocked = np.isneginf(log_likelihood)
        return np.where(blocked, 0.0, log_likelihood), blocked.astype(np.float64), np.exp(log_likelihood)

    def _require_possible(self, tokens: np.ndarray, log_evidence: Float64[np.ndarray, "B"]) -> None:
        impossible = np.flatnonzero(log_evidence == -np.inf)
        if not impossible.size:
            return
        row = int(impossible[0])
        conflict = self._conflict(tokens[row])
        shown = ", ".join(f"x[{i}] = {tokens[row, i]}" for i in conflict)
        raise ImpossibleEvidence(
            f"row {row}: the visible tokens have probability zero; these conflict: {shown}. "
            f"{way_out(self.distribution)}"
        )

    def _conflict(self, row: Integer[np.ndarray, "L"]) -> list[int]:
        """A minimal set of visible positions without a common latent vector, by deleting one after the other."""
        needed = [int(i) for i in np.flatnonzero(row != self.mask_id)]
        for candidate in list(needed):
            rest = [i for i in needed if i != candidate]
            if not self._supported(row, rest).any():
                needed = rest
        return needed

    def _supported(self, row: Integer[np.ndarray, "L"], positions: list[int]) -> Bool[np.ndarray, "states"]:
        alive = np.ones(self.states, dtype=bool)
        for i in positions:
            likelihood = np.where(self._codes[:, i] == row[i], self._kept[i, row[i]], self._replaced[i, row[i]])
            alive &= likelihood > -np.inf
        return alive


def _channel_table(distribution: LODistribution) -> tuple[Float64[np.ndarray, "L V"], Float64[np.ndarray, "L V"]]:
    """Log-likelihood of each value at each position when it equals the noiseless one, and when it does not."""
    length, vocabulary = distribution.length, distribution.vocabulary
    noise, size = np.zeros(length), distribution.alphabets
    rates = [np.full(len(f.scopes), f.noise) for f in distribution.functions]
    noise[distribution.observation_positions] = np.concatenate(rates) if rates else 0.0
    with np.errstate(divide="ignore"):
        kept = np.log1p(-noise)[:, None].repeat(vocabulary, axis=1)
        replaced = (np.log(noise) - np.log(size - 1))[:, None].repeat(vocabulary, axis=1)
    outside = np.arange(vocabulary) >= size[:, None]
    return np.where(outside, -np.inf, kept), np.where(outside, -np.inf, replaced)
