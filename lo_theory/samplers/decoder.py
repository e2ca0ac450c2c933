"""Decoding methods: a score says which position is next, a reveal rule how many, a token rule what stands there.

A method is a value made of these and, optionally, of a rule that masks generated tokens again. A new one from the
literature is one function more. :func:`vanilla`, :func:`top_probability` and :func:`margin` are the paper's
(section 4); :func:`remdm`, :func:`path_planning` and :func:`full_rewrite` correct what they generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lo_theory.samplers.remask import (
    RemaskRule,
    RemaskSchedule,
    Strength,
    capped,
    remask_doubted,
    remask_independently,
    reveal_against_remasking,
)
from lo_theory.samplers.reveal import RevealRule, independent, k_per_step, one_per_step
from lo_theory.samplers.rewrite import Planner, doubting_planner, keep_scheduled, rewriting_planner
from lo_theory.samplers.scores import Score, margin_score, order_score, random_score, top_probability_score
from lo_theory.samplers.tokens import TokenRule, argmax_token, sample_token
from lo_theory.schedules import LINEAR, NoiseSchedule


@dataclass(frozen=True)
class Decoder:
    """A decoding method.

    Attributes:
        score: which hidden position goes first (:mod:`lo_theory.samplers.scores`); or a planner, which decides all
            answers anew at every step (:mod:`lo_theory.samplers.rewrite`).
        reveal: how many go at once (:mod:`lo_theory.samplers.reveal`).
        token: what stands there (:mod:`lo_theory.samplers.tokens`).
        remask: which generated tokens are masked again (:mod:`lo_theory.samplers.remask`); None: none.
    Raises:
        ValueError: a planner or a remask rule with a reveal rule that does not name its number of steps: without one
            it might never end.
    """

    score: Score | Planner
    reveal: RevealRule
    token: TokenRule
    remask: RemaskRule | None = None

    def __post_init__(self) -> None:
        if self.revises and self.reveal.steps is None:
            raise ValueError(
                "a decoder that masks generated tokens again must end after a number of steps: take a reveal rule with "
                "steps, such as keep_scheduled(steps) for a planner, or scheduled(steps)."
            )

    @property
    def planner(self) -> Planner | None:
        """The score, if it is one of drafts."""
        return self.score if isinstance(self.score, Planner) else None

    @property
    def revises(self) -> bool:
        """Whether a generated token may change."""
        return self.remask is not None or self.planner is not None


def vanilla(steps: int | None = None, *, schedule: NoiseSchedule = LINEAR) -> Decoder:
    """The reverse process of the diffusion, blind to the denoiser's confidence.

    Args:
        steps: tau-leaping in this many steps. None is its limit of infinitely many: one token per step in uniformly
            random order (the first-hitting sampler of Zheng et al. 2024, arXiv 2409.02908), whatever the schedule.
    """
    rule = one_per_step() if steps is None else independent(steps, schedule)
    return Decoder(random_score, rule, sample_token())


def top_probability(k: int = 1) -> Decoder:
    """The k positions whose most likely value is most likely, tokens sampled."""
    return Decoder(top_probability_score, k_per_step(k), sample_token())


def margin(k: int = 1) -> Decoder:
    """The k positions with the largest gap between the two most likely values, tokens sampled: the paper's proposal."""
    return Decoder(margin_score, k_per_step(k), sample_token())


def in_order(order: Sequence[int] | np.ndarray) -> Decoder:
    """One token per step along a fixed order, tokens sampled: how a pi-learner generates."""
    return Decoder(order_score(order), one_per_step(), sample_token())


def remdm(
    steps: int,
    strength: Strength | None = None,
    *,
    schedule: NoiseSchedule = LINEAR,
    window: tuple[float, float] = (0.0, 1.0),
    doubted: bool = False,
) -> Decoder:
    """ReMDM: the reverse process in which generated tokens return to mask (Wang et al. 2025, arXiv 2503.00307).

    Args:
        strength: ``capped(eta)`` or ``rescaled(eta)``; None is ``capped(0.02)``.
        schedule: the share of masks over time; ``plateau(0.9, 0.55, 0.05)`` with the window (0.05, 0.55) is the
            paper's ReMDM-loop.
        window: (off, on): tokens return to mask at times ``off < t <= on`` only.
        doubted: the less likely a token was when revealed the sooner it goes (ReMDM-conf).
    """
    timing = RemaskSchedule(steps, schedule, capped(0.02) if strength is None else strength, window)
    if doubted:
        return Decoder(random_score, independent(steps, schedule), sample_token(), remask_doubted(timing))
    return Decoder(random_score, reveal_against_remasking(timing), sample_token(), remask_independently(timing))


def path_planning(
    steps: int, *, doubt: float = 1.0, schedule: NoiseSchedule = LINEAR, token: TokenRule | None = None
) -> Decoder:
    """P2 with self-planning (Peng et al. 2025, arXiv 2502.03540): keep the likeliest tokens, new or old; mask the rest.

    Needs a denoiser that answers everywhere: ``MaskedDenoiser(network, everywhere=True)``.

    Args:
        doubt: their eta, at least 0; larger masks more generated tokens again.
        schedule: their kappa is its alpha: the share kept after each step.
        token: how masked positions are drafted; None samples.
    """
    drawn = sample_token() if token is None else token
    return Decoder(doubting_planner(doubt), keep_scheduled(steps, schedule), drawn)


def full_rewrite(steps: int, *, noise: float = 0.0) -> Decoder:
    """The reference puzzle code's decoding: all answers by argmax at every step, the lowest-scored masked again.

    At step t = T - 1, ..., 0 the ``floor(n t / T)`` answers with the lowest log-probability are masked, the others are
    written, also over what stood there. Needs ``MaskedDenoiser(network, everywhere=True)``. Source: Ye et al. 2024,
    arXiv 2410.14157, code HKUNLP/diffusion-vs-ar.

    Args:
        noise: 0.5 is its default "stochastic0.5-linear", Gumbel noise that is annealed to 0.
    """
    return Decoder(rewriting_planner(steps, noise), keep_scheduled(steps), argmax_token)
