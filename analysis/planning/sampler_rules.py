"""The samplers whose exact laws are compared: each rule with its dial, from many calls to few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from generators.distribution import LODistribution
from generators.draws import structure_rng
from generators.families import local_hash, nae_sat, sparse_parity
from lo_theory.samplers.decoder import Decoder, in_order, path_planning
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.information_curve import InformationCurve
from lo_theory.samplers.known_samplers import known, known_random, known_remdm, known_vanilla
from lo_theory.samplers.named_decoders import entropy_bound, klass, scheduled_score, threshold
from lo_theory.samplers.remask import capped
from lo_theory.samplers.reveal import counted, one_per_step, scheduled
from lo_theory.samplers.sampler_law import KnownSampler
from lo_theory.samplers.scores import margin_score, negative_entropy_score, order_score, top_probability_score
from lo_theory.samplers.step_counts import best_counts
from lo_theory.samplers.tokens import sample_token

Kind = Literal["NAE-SAT", "hash of three symbols", "noisy parity"]
RANDOM, TAU, CURVE = "random", "reverse process", "information curve"
NATURAL, REVERSED, TWO_CALLS = "latents first", "observations first", "latents, then observations"
TOP, MARGIN, ENTROPY = "top probability", "margin", "negative entropy"
THRESHOLD, BOUND, KLASS = "threshold", "entropy bound", "KLASS"
DRAWN, P2, REMDM = "low confidence", "path planning", "ReMDM"
VISIBLE_ALONE = (RANDOM, NATURAL, REVERSED, TOP, MARGIN, ENTROPY)
"""Rules whose choice of position depends on the visible tokens alone (and on noise of its own)."""

EXPERIMENT = "samplers"
KL_FROM_TRUTH, KL_FROM_SAMPLER = "kl_from_truth_nats", "kl_from_sampler_nats"
TOTAL_VARIATION, OFF_SUPPORT, CALLS = "total_variation", "off_support", "calls"
CURVE_BOUND = "information_curve_nats"
NOISED = "noised posterior"
STRENGTH, ONE_PER_CALL = "strength", "one per call"
STEPS, BAR, NATS, CONFIDENCE = "steps", "probability", "nats", "confidence"
_BARS = (0.6, 0.7, 0.8, 0.9, 0.99)
_BOUNDS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0)
_KLASS_NATS = 0.05
_REMDM_SIGMA = 0.2
_REMDM_MOVES = 5 * 10**7  # per step: each mask may stay or become a value, each value stay or become a mask
_ORDER_TAG = 7701  # random words of the structure that no other part uses
PARITY_NOISE = 0.1


@dataclass(frozen=True)
class Setting:
    """A rule at one position of its dial.

    Attributes:
        rule: its name in the figures.
        dial, at: what is varied, and its value.
        sampler: the decoder and its law.
    """

    rule: str
    dial: str
    at: int | float
    sampler: KnownSampler


def small_distribution(kind: Kind, n_latents: int, n_observations: int, structure_seed: int) -> LODistribution:
    """A distribution that can be listed, its tokens in a random order.

    Ties of a score go to the lower position. With latents in front that would be a silent advantage to every rule that
    ties, and on parities everything ties at first.
    """
    length = n_latents + n_observations
    order = structure_rng(structure_seed, _ORDER_TAG).permutation(length)
    if kind == "NAE-SAT":
        return nae_sat(n_latents, n_observations, structure_seed=structure_seed, order=order)
    if kind == "noisy parity":
        return sparse_parity(
            n_latents, n_observations, 3, noise=PARITY_NOISE, structure_seed=structure_seed, order=order
        )
    return local_hash(
        n_latents, n_observations, arity=2, alphabet=3, latent_alphabet=3, structure_seed=structure_seed, order=order
    )


def step_grid(length: int) -> tuple[int, ...]:
    """Numbers of steps from L to 1, about geometric."""
    return tuple(dict.fromkeys(max(1, round(length / divisor)) for divisor in (1, 1.5, 2, 3, 4, length)))


def one_per_call(distribution: LODistribution) -> dict[str, KnownSampler]:
    """Rules that reveal one token per call, those that must be exact and the one that looks at drawn tokens."""
    natural = _order(distribution)
    length = distribution.length
    return {
        RANDOM: known_vanilla(),
        NATURAL: known(in_order(natural)),
        REVERSED: known(in_order(natural[::-1])),
        TOP: known(Decoder(top_probability_score, one_per_step(), sample_token())),
        MARGIN: known(Decoder(margin_score, one_per_step(), sample_token())),
        ENTROPY: known(Decoder(negative_entropy_score, one_per_step(), sample_token())),
        DRAWN: known(low_confidence(length)),
    }


def counting_rules(distribution: LODistribution) -> Iterator[Setting]:
    """Rules that reveal a given number of positions per step, the same numbers for all of them."""
    natural = order_score(_order(distribution))
    for steps in step_grid(distribution.length):
        yield Setting(RANDOM, STEPS, steps, known_random(scheduled(steps)))
        yield Setting(MARGIN, STEPS, steps, known(scheduled_score(steps, margin_score)))
        yield Setting(TOP, STEPS, steps, known(scheduled_score(steps, top_probability_score)))
        yield Setting(ENTROPY, STEPS, steps, known(scheduled_score(steps, negative_entropy_score)))
        yield Setting(NATURAL, STEPS, steps, known(scheduled_score(steps, natural)))
        yield Setting(DRAWN, STEPS, steps, known(low_confidence(steps)))


def confidence_rules() -> Iterator[Setting]:
    """Rules that reveal as many positions as the denoiser is sure of."""
    for bar in _BARS:
        yield Setting(THRESHOLD, BAR, bar, known(threshold(bar)))
        yield Setting(KLASS, CONFIDENCE, bar, known(klass(_KLASS_NATS, bar), remembers=True))
    for nats in _BOUNDS:
        yield Setting(BOUND, NATS, nats, known(entropy_bound(nats)))


def other_rules(distribution: LODistribution, curve: InformationCurve) -> Iterator[Setting]:
    """Tau-leaping, remasking, planning, the information curve, and the generative order in two calls."""
    few_moves = (3 * distribution.vocabulary + 1) ** distribution.length <= _REMDM_MOVES
    for steps in step_grid(distribution.length):
        yield Setting(TAU, STEPS, steps, known_vanilla(steps))
        yield Setting(P2, STEPS, steps, known(path_planning(steps)))
        yield Setting(CURVE, STEPS, steps, known_random(counted(best_counts(curve, steps))))
        if few_moves and 1 < steps <= (distribution.length + 1) / 2:
            yield Setting(REMDM, STEPS, steps, known_remdm(steps, capped(_REMDM_SIGMA)))
    halves = counted((distribution.n_latents, distribution.n_observations))
    yield Setting(TWO_CALLS, STEPS, 2, known(Decoder(order_score(_order(distribution)), halves, sample_token())))


def _order(distribution: LODistribution) -> np.ndarray:
    assert distribution.order is not None
    return distribution.order
