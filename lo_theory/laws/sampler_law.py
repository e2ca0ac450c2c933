"""The exact law that a denoiser and a decoder induce on sequences, and how far it is from the truth.

For distributions small enough to list all sequences. Decoding is a Markov chain over partly revealed sequences; its law
is pushed forward one step at a time, and the denoiser is asked once for every sequence with masks that the chain can
reach. Nothing is sampled, so an error of 1e-9 is an error and not noise. With the exact posterior as denoiser what is
left is the sampler's own error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, Integer
from scipy.special import rel_entr
from torch import Tensor

from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser, require_answers, whole_tokens
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.step_law import StepLaw
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import DecodingStalledError
from lo_theory.samplers.situation import Situation

_MOVES_AT_ONCE = 2**18


@dataclass(frozen=True)
class KnownSampler:
    """A decoder beside the exact law of its steps.

    Attributes:
        decoder: draws; its reveal rule says how many steps there are.
        step: the law of one step. That it is the decoder's is a promise, which tests keep by chi-square.
        remembers: the decoder looks at ``Situation.previous``, so the law depends on the sequence one step ago.
    """

    decoder: Decoder
    step: StepLaw
    remembers: bool = False


@dataclass(frozen=True, eq=False)
class SamplerLaw:
    """What comes out of a sampler.

    Attributes:
        probability: of every sequence, in the order of :func:`all_sequences`; adds up to one.
        calls: expected number of denoiser calls per sequence, every step before the row is finished being one.
    """

    probability: Float64[np.ndarray, " S"]
    calls: float


@dataclass(frozen=True)
class LawError:
    """How far a sampler's law q is from the truth p; divergences in nats, ``inf`` where one misses mass of the other.

    Attributes:
        kl_from_truth: KL(p || q), what the truth loses when it is coded by q.
        kl_from_sampler: KL(q || p); infinite as soon as a sequence off the support can come out.
        total_variation: half of the sum of |p - q|, in [0, 1].
        off_support: mass of q where p is zero.
    """

    kl_from_truth: float
    kl_from_sampler: float
    total_variation: float
    off_support: float


def all_sequences(length: int, vocabulary: int) -> Int64[np.ndarray, "S L"]:
    """All V^L sequences, the last position changing fastest."""
    return np.indices((vocabulary,) * length, dtype=np.int64).reshape(length, -1).T


def true_law(distribution: LODistribution) -> Float64[np.ndarray, " S"]:
    """p(x) of all sequences."""
    return np.exp(distribution.log_prob(all_sequences(distribution.length, distribution.vocabulary)))


def law_error(truth: Float64[np.ndarray, " S"], law: Float64[np.ndarray, " S"]) -> LawError:
    """Both divergences, total variation and mass off the support, of two laws on the same sequences.

    >>> error = law_error(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.25, 0.25]))
    >>> error.total_variation, error.off_support, error.kl_from_sampler
    (0.25, 0.25, inf)
    """
    return LawError(
        kl_from_truth=float(rel_entr(truth, law).sum()),
        kl_from_sampler=float(rel_entr(law, truth).sum()),
        total_variation=float(np.abs(truth - law).sum() / 2),
        off_support=float(law[truth == 0].sum()),
    )


@torch.no_grad()
def sampler_law(denoiser: Denoiser, sampler: KnownSampler, tokens: Integer[Tensor, " L"] | None = None) -> SamplerLaw:
    """The exact law of ``decode(denoiser, tokens, sampler.decoder)``.

    Args:
        denoiser: a function of the tokens alone; where decoding may contradict itself, one that answers there too
            (``forgiving_posterior``). Laws of several samplers share the answers of one :class:`TabulatedDenoiser`.
        tokens: a start with some tokens given; all masks if not given.
    Raises:
        TypeError: tokens that are no integers.
        ValueError: more than 2**19 sequences with masks; tokens of another length or out of range; an answer that is no
            distribution (``+inf``, or every value impossible), or none (NaN) where the decoder needs one.
        DecodingStalledError: positions may be hidden after the last step.
    Cost: one answer per reachable sequence with masks, at most (V + 1)^L; per step the moves of all of them, at most
        (2 V + 1)^L for a rule that may reveal any subset.
    """
    table = denoiser if isinstance(denoiser, TabulatedDenoiser) else TabulatedDenoiser(denoiser)
    start = torch.full((table.length,), table.mask_id)
    if tokens is not None:
        start = whole_tokens(tokens[None] if isinstance(tokens, Tensor) else tokens, table.length, many="1")[0]
    chain = _Chain(table, sampler, given=start != table.mask_id)
    allowed = sampler.decoder.reveal.steps or int((start == table.mask_id).sum())
    level = _Level(table.number(start[None]), torch.full((1,), -1), torch.ones(1, dtype=torch.float64))
    finished, calls, step = torch.zeros(table.vocabulary**table.length, dtype=torch.float64), 0.0, 0
    while True:
        level = chain.harvest(level, finished, last=step >= allowed)
        if not len(level.state):
            return SamplerLaw(finished.numpy(), calls)
        if step >= allowed:
            raise DecodingStalledError(
                f"positions are still hidden after {allowed} steps with probability {float(level.mass.sum()):.3g}."
            )
        calls += float(level.mass.sum())
        level = chain.advance(level, step)
        step += 1


@dataclass(frozen=True, eq=False)
class _Level:
    """Numbers of the sequences that the chain may hold after a step, and with what probability.

    ``before`` is the sequence one step ago, or -1 where the sampler does not remember it.
    """

    state: Int64[Tensor, " n"]
    before: Int64[Tensor, " n"]
    mass: Float64[Tensor, " n"]

    def where(self, index: Tensor | slice) -> _Level:
        return _Level(self.state[index], self.before[index], self.mass[index])


@dataclass(frozen=True, eq=False)
class _Chain:
    """Decoding as a Markov chain on the numbers of sequences with masks."""

    table: TabulatedDenoiser
    sampler: KnownSampler
    given: Bool[Tensor, " L"]

    def harvest(self, level: _Level, finished: Float64[Tensor, " F"], *, last: bool) -> _Level:
        """Add finished sequences to ``finished`` and return the others; one that may be revised is not finished yet."""
        tokens = self.table.tokens(level.state)
        open_ = (tokens == self.table.mask_id).any(dim=1)
        if self.sampler.decoder.revises and not last:
            open_ = torch.ones_like(open_)
        place = self.table.vocabulary ** torch.arange(self.table.length).flip(0)
        finished.index_add_(0, (tokens[~open_] * place).sum(dim=1), level.mass[~open_])
        return level.where(open_)

    def advance(self, level: _Level, step: int) -> _Level:
        """The level after one more step; equal sequences are merged."""
        keys, masses = [], []
        for piece in self._pieces(level):
            moves = self.sampler.step(self._situation(piece, step))
            key = self.table.number(moves.tokens)
            if self.sampler.remembers:
                key += piece.state[moves.row] * self.table.states
            merged, mass = _summed(key, moves.probability * piece.mass[moves.row])
            keys.append(merged)
            masses.append(mass)
        merged, mass = _summed(torch.cat(keys), torch.cat(masses))
        before = merged // self.table.states if self.sampler.remembers else torch.full_like(merged, -1)
        reached = _Level(merged % self.table.states, before, mass).where(mass > 0)
        return reached.where(_pattern(self._masked(reached)).argsort(stable=True))  # laws take equal masks together

    def _situation(self, level: _Level, step: int) -> Situation:
        tokens = self.table.tokens(level.state)
        given = self.given.expand(tokens.shape)
        remembered = self.sampler.remembers and step > 0
        hidden = tokens == self.table.mask_id if self.sampler.decoder.planner is None else ~given
        log_probs = self.table(tokens)
        require_answers(log_probs, hidden, torch.zeros_like(hidden))
        return Situation(
            step=step,
            tokens=tokens,
            given=given,
            hidden=hidden,
            score=torch.zeros(tokens.shape, dtype=torch.float64),
            log_probs=log_probs,
            previous=self.table(self.table.tokens(level.before)) if remembered else None,
        )

    def _masked(self, level: _Level) -> Bool[Tensor, "n L"]:
        return self.table.tokens(level.state) == self.table.mask_id

    def _pieces(self, level: _Level) -> Iterator[_Level]:
        """The level in pieces whose moves are not too many to be held at once."""
        bound = ((self.table.vocabulary + 1) ** self._masked(level).sum(dim=1)).cumsum(0)
        start = 0
        while start < len(bound):
            spent = int(bound[start - 1]) if start else 0
            stop = max(start + 1, int(torch.searchsorted(bound, spent + _MOVES_AT_ONCE, right=True)))
            yield level.where(slice(start, stop))
            start = stop


def _summed(key: Int64[Tensor, " n"], mass: Float64[Tensor, " n"]) -> tuple[Int64[Tensor, " m"], Float64[Tensor, " m"]]:
    """Distinct keys, ascending, and the mass of each."""
    distinct, member = key.unique(return_inverse=True)
    return distinct, torch.zeros(len(distinct), dtype=torch.float64).index_add_(0, member, mass)


def _pattern(masked: Bool[Tensor, "n L"]) -> Int64[Tensor, " n"]:
    """A set of positions as a number."""
    return (masked.long() << torch.arange(masked.shape[1])).sum(dim=1)
