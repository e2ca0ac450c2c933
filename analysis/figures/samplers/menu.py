"""The samplers whose exact laws are compared: each rule with its dial, from many calls to few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from generators.distribution import LODistribution
from lo_theory.laws.information_curve import InformationCurve
from lo_theory.laws.known_samplers import known, known_random, known_remdm, known_vanilla
from lo_theory.laws.sampler_law import KnownSampler
from lo_theory.laws.step_counts import best_counts
from lo_theory.samplers.decoder import Decoder, in_order
from lo_theory.samplers.drawn_confidence import low_confidence
from lo_theory.samplers.menu import (
    BOUND,
    ENTROPY,
    IN_STEPS,
    MARGIN,
    PATH_PLANNING,
    THRESHOLD,
    TOP,
    TRUST,
    sequence_rules,
)
from lo_theory.samplers.named_decoders import NAMED_DECODERS, entropy_bound, klass, scheduled_score, threshold
from lo_theory.samplers.remask import capped
from lo_theory.samplers.reveal import counted, scheduled
from lo_theory.samplers.scores import order_score
from lo_theory.samplers.tokens import sample_token

RANDOM, TAU, CURVE = "random", "reverse process", "information curve"
NATURAL, REVERSED, TWO_CALLS = "latents first", "observations first", "latents, then observations"
DRAWN, REMDM, KLASS = "low confidence", "ReMDM", "KLASS"
VISIBLE_ALONE = (RANDOM, NATURAL, REVERSED, TOP, MARGIN, ENTROPY)
"""Rules whose choice of position depends on the visible tokens alone (and on noise of its own)."""

_BARS = (0.6, 0.7, 0.8, 0.9, 0.99)
_BOUNDS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0)
_KLASS_NATS = 0.05
_REMDM_SIGMA = 0.2
_REMDM_MOVES = 5 * 10**7  # per step: each mask may stay or become a value, each value stay or become a mask


@dataclass(frozen=True)
class KnownRule:
    """A rule at one position of its dial, and its law.

    Attributes:
        name: in rows and figures.
        sampler: the decoder and its law.
        swept, at: the dial that sets its calls, and where it stands.
    """

    name: str
    sampler: KnownSampler
    swept: str
    at: float


def step_grid(length: int) -> tuple[int, ...]:
    """Numbers of steps from L to 1, about geometric."""
    return tuple(dict.fromkeys(max(1, round(length / divisor)) for divisor in (1, 1.5, 2, 3, 4, length)))


def one_per_call(distribution: LODistribution) -> dict[str, KnownSampler]:
    """Rules that reveal one token per call, those that must be exact and the one that looks at drawn tokens."""
    natural = _order(distribution)
    return {
        RANDOM: known_vanilla(),
        NATURAL: known(in_order(natural)),
        REVERSED: known(in_order(natural[::-1])),
        **{name: known(NAMED_DECODERS[name]()) for name in (TOP, MARGIN, ENTROPY)},
        DRAWN: known(low_confidence(distribution.length)),
    }


def counting_rules(distribution: LODistribution) -> Iterator[KnownRule]:
    """Rules that reveal a given number of positions per step, the same numbers for all of them."""
    natural = order_score(_order(distribution))
    for steps in step_grid(distribution.length):
        menu = {rule.name: rule.decoder for rule in sequence_rules(distribution.length, steps)}
        samplers = {
            RANDOM: known_random(scheduled(steps)),
            **{name: known(menu[name]) for name in (MARGIN, TOP, ENTROPY)},
            NATURAL: known(scheduled_score(steps, natural)),
            DRAWN: known(low_confidence(steps)),
        }
        yield from _in_steps(samplers, steps)


def confidence_rules() -> Iterator[KnownRule]:
    """Rules that reveal as many positions as the denoiser is sure of."""
    for bar in _BARS:
        yield KnownRule(THRESHOLD, known(threshold(bar)), TRUST[THRESHOLD], bar)
        yield KnownRule(KLASS, known(klass(_KLASS_NATS, bar), remembers=True), "confidence", bar)
    for nats in _BOUNDS:
        yield KnownRule(BOUND, known(entropy_bound(nats)), TRUST[BOUND], nats)


def other_rules(distribution: LODistribution, curve: InformationCurve) -> Iterator[KnownRule]:
    """Tau-leaping, remasking, planning, the information curve, and the generative order in two calls."""
    few_moves = (3 * distribution.vocabulary + 1) ** distribution.length <= _REMDM_MOVES
    for steps in step_grid(distribution.length):
        samplers = {
            TAU: known_vanilla(steps),
            PATH_PLANNING: known(NAMED_DECODERS[PATH_PLANNING](steps)),
            CURVE: known_random(counted(best_counts(curve, steps))),
        }
        if few_moves and 1 < steps <= (distribution.length + 1) / 2:
            samplers[REMDM] = known_remdm(steps, capped(_REMDM_SIGMA))
        yield from _in_steps(samplers, steps)
    halves = counted((distribution.n_latents, distribution.n_observations))
    in_two = known(Decoder(order_score(_order(distribution)), halves, sample_token()))
    yield from _in_steps({TWO_CALLS: in_two}, 2)


def _in_steps(samplers: Mapping[str, KnownSampler], steps: int) -> Iterator[KnownRule]:
    for name, sampler in samplers.items():
        yield KnownRule(name, sampler, IN_STEPS, float(steps))


def _order(distribution: LODistribution) -> np.ndarray:
    assert distribution.order is not None
    return distribution.order
