"""Order accuracy: do the observations that a model generates agree with the latents that it generated?

Kim et al. (2025, Table 1) report "accuracy in predicting the observation tokens" and leave the protocol open. Here
sequences are generated from all masks, and the accuracy is the share of generated observations that equal the noiseless
observation of the generated latents. Two lines need no learning: always giving an observation's commoner value, and
drawing each observation from its marginal (for NAE-3 on fair bits 0.75 and 0.75**2 + 0.25**2 = 0.625).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Integer

from analysis.lab.rows import Row, Subject
from generators.distribution import LODistribution
from generators.observations.function import noiseless_tables
from lo_theory.agreement import observation_agreement
from lo_theory.estimate import clustered_interval, mean_estimate, share_estimate, wilson_interval
from lo_theory.samplers.batches import Sequences

EXPERIMENT_NAME = "order_accuracy"
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


def reveal_ranks(drawn: Sequences, distribution: LODistribution, *, about: Subject, decoder: str) -> list[Row]:
    """When latents are revealed: their mean rank in the order of revelation, 0 if first of all, 1 if last of all.

    Tokens of one step share its rank. A uniformly random order gives 1/2; "latents first" would give
    ``(N - 1) / (2 (L - 1))``, the reverse of it one minus that.

    Returns:
        one row with metric ``latent_reveal_rank``; the standard error counts a sequence as one draw.
    """
    last = max(int(drawn.revealed_at.max()), 1)
    ranks = drawn.revealed_at[:, distribution.latent_positions].mean(axis=1) / last
    return [about.row(EXPERIMENT_NAME, REVEAL_RANK, mean_estimate(ranks), decoder=decoder, calls=drawn.batch_calls)]


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
    n, whole = len(agree), int(agree.all(axis=1).sum())
    measured = (
        (AGREEMENT, mean_estimate(agree.mean(axis=1)), clustered_interval(agree)),
        (WHOLE, share_estimate(whole, n), wilson_interval(whole, n)),
    )
    return [
        about.row(EXPERIMENT_NAME, metric, estimate, decoder=decoder, calls=calls, low=low, high=high)
        for metric, estimate, (low, high) in measured
    ]


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
