"""Order accuracy: do the observations that a model generates agree with the latents that it generated?

Kim et al. (2025, Table 1) report "accuracy in predicting the observation tokens" and leave the protocol open. Here
sequences are generated from all masks, and the accuracy is the share of generated observations that equal the noiseless
observation of the generated latents. Two lines need no learning: always giving an observation's commoner value, and
drawing each observation from its marginal (for NAE-3 on fair bits 0.75 and 0.75**2 + 0.25**2 = 0.625).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Integer
from scipy.stats import norm

from analysis.rows import Row, Subject
from generators.distribution import LODistribution
from generators.observation import noiseless_tables
from lo_theory.agreement import observation_agreement
from lo_theory.denoiser import Denoiser
from lo_theory.estimate import wilson_interval
from lo_theory.samplers.decoding import Decoder, decode, vanilla
from lo_theory.samplers.reveal import scheduled
from lo_theory.samplers.scores import margin_score, top_probability_score
from lo_theory.samplers.tokens import sample_token

EXPERIMENT = "order_accuracy"
AGREEMENT = "agreement"
WHOLE = "whole_sequence_agreement"
REVEAL_RANK = "latent_reveal_rank"


@dataclass(frozen=True)
class NaiveLines:
    """Agreement without knowing how observations depend on latents, mean over observations.

    Attributes:
        commoner_value: every observation gets the commoner of its values.
        marginal_draw: every observation is drawn from its own marginal, as the distribution's channel emits it.
    """

    commoner_value: float
    marginal_draw: float


def three_rules(length: int, calls: int) -> dict[str, Decoder]:
    """The paper's three rules at an equal number of network calls per sequence, from 1 to ``length``.

    With as many calls as tokens each reveals one token per step. With fewer, vanilla is the reverse process in that
    many steps, and the other two reveal as many tokens per step as it does in expectation, the best ones first.
    With two values the margin is 2 p - 1, p the top probability, so those two rules are one.

    Raises:
        ValueError: calls outside 1..length.
    """
    if not 1 <= calls <= length:
        raise ValueError(f"calls lie in 1..{length}, the tokens of a sequence; got {calls}.")
    return {
        "vanilla": vanilla(None if calls == length else calls),
        "top probability": Decoder(top_probability_score, scheduled(calls), sample_token()),
        "margin": Decoder(margin_score, scheduled(calls), sample_token()),
    }


@dataclass(frozen=True, eq=False)
class Generated:
    """Sequences from all masks.

    Attributes:
        tokens: (n, L), without masks.
        revealed_at: (n, L), the step at which each token was revealed, from 0.
        calls: of the network, per batch that a sequence was in.
        row_calls: mean over sequences of the calls that saw them; a finished one leaves its batch.
    """

    tokens: Int64[np.ndarray, "n L"]
    revealed_at: Int64[np.ndarray, "n L"]
    calls: float
    row_calls: float


def generate_traced(
    denoiser: Denoiser, decoder: Decoder, samples: int, generator: torch.Generator, *, batch_size: int = 1024
) -> Generated:
    """``samples`` sequences from all masks, and when each token was revealed.

    Raises:
        ValueError: no samples; what ``lo_theory.samplers.decoding.decode`` raises is passed on.
    """
    if samples < 1:
        raise ValueError(f"generate at least one sequence; got samples = {samples}.")
    tokens, steps, calls, row_calls = [], [], 0, 0
    for start in range(0, samples, batch_size):
        count = min(batch_size, samples - start)
        masks = torch.full((count, denoiser.length), denoiser.vocabulary, dtype=torch.int64)
        decoded = decode(denoiser, masks, decoder, generator)
        tokens.append(decoded.tokens.cpu().numpy())
        steps.append(decoded.trace.revealed_at().numpy())
        calls += decoded.trace.calls * count
        row_calls += decoded.trace.row_calls
    return Generated(np.concatenate(tokens), np.concatenate(steps), calls / samples, row_calls / samples)


def generate(
    denoiser: Denoiser, decoder: Decoder, samples: int, generator: torch.Generator, *, batch_size: int = 1024
) -> tuple[Int64[np.ndarray, "n L"], float]:
    """Tokens and calls of :func:`generate_traced`."""
    generated = generate_traced(denoiser, decoder, samples, generator, batch_size=batch_size)
    return generated.tokens, generated.calls


def reveal_ranks(generated: Generated, distribution: LODistribution, *, about: Subject, decoder: str) -> list[Row]:
    """When latents are revealed: their mean rank in the order of revelation, 0 if first of all, 1 if last of all.

    Tokens of one step share its rank. A uniformly random order gives 1/2; "latents first" would give
    ``(N - 1) / (2 (L - 1))``, the reverse of it one minus that.

    Returns:
        one row with metric ``latent_reveal_rank``; the standard error counts a sequence as one draw.
    """
    last = max(int(generated.revealed_at.max()), 1)
    ranks = generated.revealed_at[:, distribution.latent_positions].mean(axis=1) / last
    return [
        Row(
            **asdict(about),
            experiment=EXPERIMENT,
            metric=REVEAL_RANK,
            value=float(ranks.mean()),
            standard_error=_standard_error(ranks),
            samples=len(ranks),
            method="monte_carlo",
            decoder=decoder,
            calls=generated.calls,
        )
    ]


def order_accuracy(
    generated: Integer[np.ndarray, "n L"], distribution: LODistribution, *, about: Subject, decoder: str, calls: float
) -> list[Row]:
    """Agreement of generated sequences: per observation token, and of all observations of a sequence at once.

    Args:
        generated: sequences without masks, from one decoder at one number of calls.
        decoder: name of the reveal rule in the figure.
        calls: network calls per sequence that it took.
    Returns:
        two rows: ``agreement`` with a 95% interval that counts a sequence, not a token, as one trial, and
        ``whole_sequence_agreement`` with Wilson's interval.
    Raises:
        ValueError: no sequences, no observations, or masks left.
    """
    if not len(generated) or not distribution.n_observations:
        raise ValueError(
            f"agreement needs sequences and observations; got {len(generated)} and {distribution.n_observations}."
        )
    if (generated == distribution.mask_id).any():
        raise ValueError(
            f"{int((generated == distribution.mask_id).sum())} tokens are still masked; decode to the end."
        )
    agree = observation_agreement(distribution, generated)
    share, whole = agree.mean(axis=1), int(agree.all(axis=1).sum())
    n = len(agree)
    rate = whole / n
    return [
        _row(
            about, decoder, calls, AGREEMENT, float(share.mean()), _standard_error(share), n, clustered_interval(agree)
        ),
        _row(about, decoder, calls, WHOLE, rate, math.sqrt(rate * (1 - rate) / n), n, wilson_interval(whole, n)),
    ]


def clustered_interval(agree: Bool[np.ndarray, "n P"], confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of ``agree``, when the tokens of a sequence depend on each other and sequences do not."""
    share = agree.mean(axis=1)
    return effective_interval(float(share.mean()), _standard_error(share), len(share), confidence)


def effective_interval(rate: float, error: float, clusters: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share over tokens that come in independent clusters, of any sizes.

    The number of trials is the effective one, ``rate (1 - rate) / error**2`` (Korn and Graubard 1998), ``error`` being
    a standard error that counts a cluster as one draw. It is at least the number of clusters, and is set to that where
    the error is zero or unknown (NaN), so a share of 100% in n clusters has the lower end of n successes in n trials.
    """
    trials = max(float(clusters), rate * (1 - rate) / error**2) if error > 0 else float(clusters)
    z = float(norm.ppf(0.5 + confidence / 2))
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z * math.sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2) / scale
    return max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate))


def naive_lines(distribution: LODistribution) -> NaiveLines:
    """The two lines of :class:`NaiveLines`, exact, from each observation's truth table and the prior.

    Raises:
        ValueError: a scope so large that its table cannot be written down, such as a hash of all latents; or no
            observations.
    Cost: one evaluation of all observations per assignment to a scope.
    """
    commoner, drawn = [], []
    for function in distribution.functions:
        for table in noiseless_tables(function):
            sent = _value_probabilities(table, distribution.prior, function.alphabet)
            replaced = function.noise / max(function.alphabet - 1, 1)
            emitted = (1 - function.noise) * sent + replaced * (1 - sent)
            commoner.append(sent.max())
            drawn.append(float(sent @ emitted))
    if not commoner:
        raise ValueError("the naive lines need a distribution with observations; this one has none.")
    return NaiveLines(float(np.mean(commoner)), float(np.mean(drawn)))


def _value_probabilities(
    table: Integer[np.ndarray, "..."], prior: Float64[np.ndarray, "m"], alphabet: int
) -> Float64[np.ndarray, "a"]:
    """Probability of each value of an observation whose scope holds independent latents."""
    weight = np.ones(())
    for _ in range(table.ndim):
        weight = np.multiply.outer(weight, prior)
    return np.bincount(table.ravel().astype(np.int64), weights=weight.ravel(), minlength=alphabet)


def _standard_error(share: Float[np.ndarray, "n"]) -> float:
    return float(np.std(share, ddof=1)) / math.sqrt(len(share)) if len(share) > 1 else math.nan


def _row(
    about: Subject,
    decoder: str,
    calls: float,
    metric: str,
    value: float,
    error: float,
    samples: int,
    interval: tuple[float, float],
) -> Row:
    return Row(
        **asdict(about),
        experiment=EXPERIMENT,
        metric=metric,
        value=value,
        standard_error=error,
        samples=samples,
        method="monte_carlo",
        decoder=decoder,
        calls=calls,
        low=interval[0],
        high=interval[1],
    )
