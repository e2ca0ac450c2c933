"""The menu of decoders: the names that rows and the command line carry, and what each was varied by.

Every rule is a method of :data:`~lo_theory.samplers.named_decoders.NAMED_DECODERS` at some pace, with some token rule.
Sequences of a distribution are drawn: their tokens are sampled. A puzzle has one answer, and the published code takes
the argmax: there tokens are the most likely ones unless the name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lo_theory.samplers.decoder import Decoder, full_rewrite, vanilla
from lo_theory.samplers.named_decoders import NAMED_DECODERS, left_to_right, noisy_log_probability
from lo_theory.samplers.reveal import RevealRule, binomial, one_per_step, scheduled
from lo_theory.samplers.scores import margin_score, top_probability_score, with_gumbel
from lo_theory.samplers.tokens import TokenRule, argmax_token, sample_token

VANILLA, TOP, MARGIN = "vanilla", "top probability", "margin"
PAPERS = (VANILLA, TOP, MARGIN)
"""The rules of the paper's tables."""
ENTROPY, LEFT_TO_RIGHT, OWN_ORDER = "negative entropy", "left to right", "own order"
BINOMIAL = f"{MARGIN}, binomial K"
REMDM, PATH_PLANNING, FULL_REWRITE = "remdm", "path planning", "full rewrite"
THRESHOLD, BOUND, KLASS = "threshold", "entropy bound", "klass"
GUMBEL = 0.5  # coefficient of noise on a score, the paper's (appendix on puzzles)
NOISED = f"Gumbel {GUMBEL}"
ANNEALED_LOG = f"log-probability, annealed {NOISED}"
NOISY = (f"{TOP}, {NOISED}", f"{MARGIN}, {NOISED}", ANNEALED_LOG)
"""Rules with the paper's noise, one cell of a puzzle per call."""

IN_STEPS, IN_CALLS = "steps", "calls"
ONE_EACH, ONE_TOKEN = "cells per call", "tokens per call"
TRUST = {THRESHOLD: "probability", BOUND: "nats", KLASS: "divergence"}
"""The dial of a rule that reveals as many tokens as it trusts."""
USUAL: Mapping[str, Sequence[float]] = {THRESHOLD: (0.9,), BOUND: (0.1,), KLASS: (0.01,)}
"""Where it stands when one position is enough."""
SWEPT: Mapping[str, Sequence[float]] = {
    THRESHOLD: (0.99, 0.9, 0.8, 0.7),
    BOUND: (0.01, 0.1, 0.5, 1.0),
    KLASS: (0.001, 0.01, 0.1),
}
"""Where Table 1 puts it."""

_SAMPLED = sample_token()


@dataclass(frozen=True)
class SamplingRule:
    """A decoder and what was varied to get it.

    Attributes:
        name: in rows and figures.
        swept, at: the dial that sets its calls, and where it stands.
    """

    name: str
    decoder: Decoder
    swept: str
    at: float


def sequence_rules(length: int, steps: int) -> list[SamplingRule]:
    """Rules that take ``steps`` network calls for a sequence of ``length`` masks, tokens sampled.

    The rules that rank reveal as many tokens per step as vanilla in expectation, the best ones first. With one token
    per step vanilla is its limit of infinitely many steps, so that no two tokens come together.

    Raises:
        ValueError: steps outside 1..length.
    """
    if not 1 <= steps <= length:
        raise ValueError(f"calls lie in 1..{length}, the tokens of a sequence; got {steps}.")
    decoders = {
        VANILLA: vanilla(None if steps == length else steps),
        **{name: _paced(name, scheduled(steps)) for name in (TOP, MARGIN, ENTROPY)},
        BINOMIAL: _paced(MARGIN, binomial(steps)),
        LEFT_TO_RIGHT: left_to_right(math.ceil(length / steps)),
        **_correcting(steps),
    }
    return _rules(decoders, IN_STEPS, steps)


def paper_rules(length: int, calls: int) -> dict[str, Decoder]:
    """The paper's three of :func:`sequence_rules`, by name.

    With two values the margin is 2 p - 1, p the top probability, so those two rules are one.

    Raises:
        ValueError: calls outside 1..length.
    """
    return {rule.name: rule.decoder for rule in sequence_rules(length, calls) if rule.name in PAPERS}


def per_call_rules(masks: int, tokens: int) -> list[SamplingRule]:
    """``tokens`` of ``masks`` masked ones per network call, sampled.

    Vanilla and the rules that correct themselves take the steps that this makes; those of trust decide themselves.
    """
    steps = math.ceil(masks / tokens)
    decoders = {
        VANILLA: vanilla(None if tokens == 1 else steps),
        **{name: NAMED_DECODERS[name](tokens) for name in (TOP, MARGIN, ENTROPY, LEFT_TO_RIGHT)},
        **_correcting(steps),
    }
    return [*_rules(decoders, ONE_TOKEN, tokens), *trusting_rules()]


def trusting_rules(settings: Mapping[str, Sequence[float]] = USUAL, token: TokenRule = _SAMPLED) -> list[SamplingRule]:
    """Rules that reveal as many tokens as they trust.

    Args:
        settings: positions of each rule's dial, a key of ``TRUST``.
    """
    return [
        SamplingRule(name, replace(NAMED_DECODERS[name](at), token=token), TRUST[name], at)
        for name, positions in settings.items()
        for at in positions
    ]


def one_cell_rules(answers: int) -> list[SamplingRule]:
    """One cell of a puzzle per call: the order alone is compared.

    Args:
        answers: largest number of cells to be filled, over which annealed noise dies out.
    """
    decoders = {
        **{name: _paced(name, one_per_step(), argmax_token) for name in (*PAPERS, ENTROPY, LEFT_TO_RIGHT)},
        **{f"{name}, sampled": NAMED_DECODERS[name]() for name in PAPERS},
        **_noised(one_per_step()),
        ANNEALED_LOG: replace(noisy_log_probability(scale=GUMBEL, total=answers), token=argmax_token),
    }
    return _rules(decoders, ONE_EACH, 1)


def board_rules(steps: int) -> list[SamplingRule]:
    """``steps`` calls whatever the number of cells of a puzzle, several cells per call.

    Raises:
        ValueError: no steps.
    """
    if steps < 1:
        raise ValueError(f"decoding takes at least one call; got {steps}.")
    decoders = {
        **{name: _paced(name, scheduled(steps), argmax_token) for name in (*PAPERS, ENTROPY)},
        **_noised(scheduled(steps)),
        FULL_REWRITE: full_rewrite(steps),
        f"{FULL_REWRITE}, {NOISED}": full_rewrite(steps, noise=GUMBEL),
        **{name: replace(NAMED_DECODERS[name](steps), token=argmax_token) for name in (PATH_PLANNING, REMDM)},
    }
    return _rules(decoders, IN_CALLS, steps)


def own_order_rule() -> SamplingRule:
    """One token per call from the first to the last: where an autoregressive network writes is its own decision."""
    return SamplingRule(OWN_ORDER, _paced(LEFT_TO_RIGHT, one_per_step(), argmax_token), ONE_TOKEN, 1.0)


def _paced(name: str, reveal: RevealRule, token: TokenRule = _SAMPLED) -> Decoder:
    """The method of that name with so many tokens at a time."""
    return replace(NAMED_DECODERS[name](), reveal=reveal, token=token)


def _noised(reveal: RevealRule) -> dict[str, Decoder]:
    """Top probability and margin with noise on the score, tokens by argmax."""
    scores = {TOP: top_probability_score, MARGIN: margin_score}
    return {
        f"{name}, {NOISED}": Decoder(with_gumbel(score, GUMBEL), reveal, argmax_token) for name, score in scores.items()
    }


def _correcting(steps: int) -> dict[str, Decoder]:
    """Rules that mask generated tokens again."""
    return {
        **{name: NAMED_DECODERS[name](steps) for name in (REMDM, PATH_PLANNING)},
        FULL_REWRITE: full_rewrite(steps, noise=GUMBEL),
    }


def _rules(decoders: Mapping[str, Decoder], dial: str, at: int) -> list[SamplingRule]:
    return [SamplingRule(name, decoder, dial, float(at)) for name, decoder in decoders.items()]
