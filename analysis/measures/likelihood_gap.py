"""Likelihood gap: what a model spends per token above the exact entropy, in nats.

The entropy H is known, so is log p(x) of every test sequence. The gap is the mean of ``(NLL(x) + log p(x)) / L``, with
expectation ``(E NLL - H) / L``, a KL divergence per token. Subtracting log p(x) sequence by sequence, rather than H at
the end, removes what the draw of the test set adds to both: a model that equals p has no gap on *any* test set.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from analysis.lab.rows import Row, Subject
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.likelihood import RowNats, chain_nll, entropy_gap
from lo_theory.orders import uniform

EXPERIMENT_NAME = "likelihood_gap"
GAP = "gap_nats_per_token"


def likelihood_gap(
    measured: RowNats, distribution: LODistribution, rows: Integer[np.ndarray, "n L"], *, about: Subject
) -> Row:
    """The gap of one model in nats per token, with its standard error over test sequences.

    Args:
        measured: nats per *sequence*: of an ARM or pi-learner :func:`chain_nats`, of an MDM :func:`order_averaged_nats`
            or ``lo_theory.likelihood.monte_carlo_nelbo``, whose error over sequences covers the draw of orders or masks
            too.
        rows: the test sequences that were measured, drawn from ``distribution``.
        about: names the row.
    Returns:
        a row with metric ``gap_nats_per_token``; ``inf`` if the model excludes a test sequence.
    Raises:
        ValueError: another number of sequences, none, or one that the distribution excludes.
    """
    gap, length = entropy_gap(measured, distribution, rows), distribution.length
    per_token = replace(gap, value=gap.value / length, standard_error=gap.standard_error / length)
    return about.row(EXPERIMENT_NAME, GAP, per_token)


def chain_nats(
    denoiser: Denoiser, rows: Integer[np.ndarray, "n L"], order: Int64[np.ndarray, " L"], *, batch_size: int = 4096
) -> RowNats:
    """Negative log-likelihood of each sequence along one order, exact."""
    return RowNats(chain_nll(denoiser, _tokens(rows), order, batch_size=batch_size).sum(axis=1), "chain")


def order_averaged_nats(
    denoiser: Denoiser,
    rows: Integer[np.ndarray, "n L"],
    rng: np.random.Generator,
    *,
    orders_per_row: int = 1,
    batch_size: int = 4096,
) -> RowNats:
    """Unbiased estimate of each sequence's order-averaged negative log-likelihood: whole chains along fresh random
    orders.

    Against single masks this costs L calls per order, and its noise vanishes where the model does not care about order:
    the exact posterior has a gap of zero sequence by sequence.

    Raises:
        ValueError: no order.
    """
    if orders_per_row < 1:
        raise ValueError(f"an average over orders needs at least one per row; got orders_per_row = {orders_per_row}.")
    total = np.zeros(len(rows))
    for _ in range(orders_per_row):
        orders = np.stack([uniform(rows.shape[1], rng) for _ in rows])
        total += chain_nll(denoiser, _tokens(rows), orders, batch_size=batch_size).sum(axis=1)
    return RowNats(total / orders_per_row, "monte_carlo")


def _tokens(rows: Integer[np.ndarray, "n L"]) -> Int64[Tensor, "n L"]:
    return torch.from_numpy(rows.astype(np.int64))
