"""Decoders beside the exact law of their steps: one line for each way in which a decoder is random."""

from __future__ import annotations

from lo_theory.laws.choice_law import (
    bernoulli,
    binomial_top,
    certain,
    plackett_luce,
    remasked_bernoulli,
    uniform_order,
)
from lo_theory.laws.sampler_law import KnownSampler
from lo_theory.laws.step_law import TokenLaw, planning, revealing
from lo_theory.samplers.decoder import Decoder, remdm, vanilla
from lo_theory.samplers.remask import RemaskSchedule, Strength
from lo_theory.samplers.reveal import RevealRule, binomial, one_per_step, reveal_probability
from lo_theory.samplers.rewrite import Planner
from lo_theory.samplers.scores import Score, random_score, with_gumbel
from lo_theory.samplers.tokens import sample_token
from lo_theory.schedules import LINEAR, NoiseSchedule


def known(decoder: Decoder, token: TokenLaw | None = None, *, remembers: bool = False) -> KnownSampler:
    """A decoder whose score, or planner, and reveal rule draw nothing: its tokens alone are random.

    Args:
        token: the law of ``decoder.token``; that of ``sample_token()`` if not given.
        remembers: its rule looks at the answers of the step before, as KLASS does.
    Raises:
        ValueError: it has a remask rule.
    """
    if decoder.remask is not None:
        raise ValueError("this decoder masks tokens again at random; see known_remdm, which gives the law of that.")
    if isinstance(decoder.score, Planner):
        return KnownSampler(decoder, planning(decoder.score, decoder.reveal, token), remembers)
    return KnownSampler(decoder, revealing(certain(decoder.score, decoder.reveal), token), remembers)


def known_random(reveal: RevealRule, token: TokenLaw | None = None) -> KnownSampler:
    """As many random positions as a counting rule says."""
    decoder = Decoder(random_score, reveal, sample_token())
    return KnownSampler(decoder, revealing(uniform_order(reveal), token))


def known_vanilla(steps: int | None = None, *, schedule: NoiseSchedule = LINEAR) -> KnownSampler:
    """``vanilla(steps)``: the reverse process, or one token per step in random order."""
    if steps is None:
        return known_random(one_per_step())
    choice = bernoulli(lambda step: reveal_probability(step, steps, schedule))
    return KnownSampler(vanilla(steps, schedule=schedule), revealing(choice))


def known_gumbel(score: Score, scale: float, reveal: RevealRule) -> KnownSampler:
    """As many positions as a counting rule says, the best by score plus Gumbel noise."""
    return KnownSampler(
        Decoder(with_gumbel(score, scale), reveal, sample_token()), revealing(plackett_luce(score, scale, reveal))
    )


def known_binomial(score: Score, steps: int, *, schedule: NoiseSchedule = LINEAR) -> KnownSampler:
    """The K best positions, K binomial as in the reverse process."""
    decoder = Decoder(score, binomial(steps, schedule), sample_token())
    return KnownSampler(decoder, revealing(binomial_top(score, steps, schedule)))


def known_remdm(steps: int, strength: Strength, *, schedule: NoiseSchedule = LINEAR) -> KnownSampler:
    """``remdm(steps, strength)``: the reverse process in which generated tokens return to mask, each by itself."""
    timing = RemaskSchedule(steps, schedule, strength)
    law = revealing(bernoulli(timing.reveal_probability), remask=remasked_bernoulli(timing.sigma))
    return KnownSampler(remdm(steps, strength, schedule=schedule), law)
