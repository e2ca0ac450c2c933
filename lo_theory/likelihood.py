"""Likelihoods of a denoiser, each with how it was obtained. All in nats per sequence, float64.

The quantity is the order-averaged negative log-likelihood (Prop. 2.1 and section 3.2 of the paper),

    NELBO(x) = E_order sum_t -log p(x[order[t]] | x[order[:t]])
             = sum_M sum_{i in M} -log p(x_i | x outside M) / (|M| C(L, |M|)),

which is at least -log p(x) of the order-averaged model (Jensen; the paper prints the inequality the other way round).
Three ways to it: :func:`exact_nelbo` visits every mask, :func:`chain_nelbo` is exact along given orders,
:func:`monte_carlo_nelbo` draws masks. Rows are torch tokens, integers of any width, results NumPy numbers for the
statistics that follow. All three raise TypeError for rows that are no integers or a denoiser that does not answer with
floats, and ValueError for an answer at a masked position that is no distribution (``+inf``, or all values ``-inf``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Integer
from torch import Tensor

from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser, ask, require_answers, whole_tokens
from lo_theory.estimate import Estimate, Method, mean_estimate
from lo_theory.learning.masking import subproblem_weight, subsets_of_size
from lo_theory.orders import check_order

EXACT_LENGTH_LIMIT = 8


@dataclass(frozen=True, eq=False)
class RowNats:
    """A negative log-likelihood per row.

    Attributes:
        nats: (n,) nats per sequence; ``inf`` where the denoiser holds the row impossible.
        method: how each of them was obtained.
    """

    nats: Float64[np.ndarray, " n"]
    method: Method

    def estimate(self) -> Estimate:
        """Mean over the rows, taken as independent draws of the data; ``inf`` with error NaN if a row is impossible.

        For the error of one fixed row (of the drawn masks alone) repeat the row.
        """
        if np.isinf(self.nats).any():
            return Estimate(value=np.inf, standard_error=np.nan, samples=len(self.nats), method=self.method)
        return mean_estimate(self.nats, self.method)


@runtime_checkable
class ChainDenoiser(Protocol):
    """A denoiser that knows all conditionals along its own order from one pass (an autoregressive network)."""

    order: Int64[np.ndarray, " L"]

    def chain_log_probs(self, rows: Int64[Tensor, "n L"]) -> Float[Tensor, "n L"]:
        """Log-probabilities of the tokens of clean rows; entry t belongs to position ``order[t]``."""
        ...


def exact_nelbo(denoiser: Denoiser, rows: Integer[Tensor, "n L"], *, batch_size: int = 4096) -> RowNats:
    """The NELBO of each row, every one of the 2^L - 1 masks visited.

    Masks are visited from many to few hidden positions and a row leaves once it is known to be impossible, so an exact
    posterior is never asked about evidence of probability zero.

    Args:
        batch_size: sequences per denoiser call; the memory it may take, without influence on the result.
    Raises:
        TypeError, ValueError: L > 8; rows that are not clean; a denoiser without an answer (NaN) to some subproblem.
    Cost: n (2^L - 1) sequences through the denoiser.
    """
    rows = clean_rows(denoiser, rows, batch_size)
    length = rows.shape[1]
    if length > EXACT_LENGTH_LIMIT:
        raise ValueError(
            f"the exact NELBO visits 2**L - 1 masks and is limited to L <= {EXACT_LENGTH_LIMIT}; got L = {length}. "
            "Use monte_carlo_nelbo, or chain_nelbo along given orders."
        )
    total = torch.zeros(len(rows), dtype=torch.float64)
    for n_masked in range(length, 0, -1):
        alive = total.isfinite().nonzero().squeeze(1).to(rows.device)
        masks = _masks_of_size(n_masked, length).to(rows.device)  # (C, L)
        pairs = torch.cartesian_prod(alive, torch.arange(len(masks), device=rows.device)).reshape(-1, 2)
        for part in pairs.split(batch_size):
            hidden = masks[part[:, 1]]
            nats = _token_nats(denoiser, rows[part[:, 0]], hidden, hidden, batch_size, numbers=part[:, 0]).sum(dim=1)
            total.index_add_(0, part[:, 0].cpu(), nats * subproblem_weight(n_masked, length))
    return RowNats(total.numpy(), "exact")


def chain_nll(
    denoiser: Denoiser, rows: Integer[Tensor, "n L"], orders: Integer[np.ndarray, "..."], *, batch_size: int = 4096
) -> Float64[np.ndarray, "n L"]:
    """Negative log-likelihood of each row along an order, split into steps: the pi-learner's eq. (3).

    Args:
        orders: (L,) one for all rows, or (n, L) one per row; ``order[t]`` is the position revealed at step t.
        batch_size: sequences per denoiser call.
    Returns:
        (n, L) nats; entry t belongs to position ``order[t]``. ``inf`` from the first token on that the denoiser holds
        impossible: what is conditioned on it has no meaning. A row sums to its negative log-likelihood.
    Raises:
        TypeError, ValueError: an order that is no permutation; rows that are not clean; no answer (NaN) along it.
    Cost: L denoiser calls per batch; a single one for a :class:`ChainDenoiser` along its own order.
    """
    rows = clean_rows(denoiser, rows, batch_size)
    checked = _check_orders(orders, rows)
    if isinstance(denoiser, ChainDenoiser) and np.ndim(orders) == 1 and np.array_equal(orders, denoiser.order):
        parts = [-denoiser.chain_log_probs(part).double().cpu() for part in rows.split(batch_size)]
        nats = torch.cat(parts)
        _require_nats(nats, checked)
        return torch.where(nats.isinf().cumsum(dim=1) > 0, torch.inf, nats).numpy()
    step_of = checked.argsort(dim=1)  # (n, L) step at which each position is revealed
    nats = torch.full(rows.shape, torch.inf, dtype=torch.float64)
    alive = torch.arange(len(rows), device=rows.device)
    for step in range(rows.shape[1]):
        steps = step_of[alive]
        all_nats = _token_nats(denoiser, rows[alive], steps >= step, steps == step, batch_size, numbers=alive)
        here = all_nats.gather(1, checked[alive, step].cpu()[:, None]).squeeze(1)
        nats[alive.cpu(), step] = here
        alive = alive[here.isfinite().to(alive.device)]
    return nats.numpy()


def chain_nll_by_order(
    denoiser: Denoiser, rows: Integer[Tensor, "n L"], orders: Integer[np.ndarray, "K L"], *, batch_size: int = 4096
) -> Float64[np.ndarray, "n K"]:
    """Negative log-likelihood of every row along every order, (n, K) nats per sequence.

    For the exact posterior a row's entries are all equal, to -log p(x); with deterministic observations and a uniform
    prior all entries are N log m (identity I1).

    Raises:
        TypeError, ValueError: as :func:`chain_nll`; no orders.
    """
    totals = [chain_nll(denoiser, rows, order, batch_size=batch_size).sum(axis=1) for order in orders]
    if not totals:
        raise ValueError("a row has a likelihood along at least one order; got none.")
    return np.stack(totals, axis=1)


def chain_nelbo(
    denoiser: Denoiser, rows: Integer[Tensor, "n L"], orders: Integer[np.ndarray, "K L"], *, batch_size: int = 4096
) -> RowNats:
    """Mean of :func:`chain_nll_by_order` over the orders: the NELBO if they are all orders or uniformly drawn ones.

    With K shared orders the error over rows says nothing of the choice of orders. To cover both, draw an order per row
    and sum :func:`chain_nll` over its steps.
    """
    return RowNats(chain_nll_by_order(denoiser, rows, orders, batch_size=batch_size).mean(axis=1), "chain")


def monte_carlo_nelbo(
    denoiser: Denoiser,
    rows: Integer[Tensor, "n L"],
    draws: int,
    generator: torch.Generator,
    *,
    stratified: bool = True,
    batch_size: int = 4096,
) -> RowNats:
    """Unbiased estimate of the NELBO of each row from drawn masks: mean of L/n times the cross-entropy under n masks.

    The number of masks n is uniform on 1..L and the subset uniform given n (paper, App. E.1). Stratified, the draws
    of a row spread their n evenly, (u + d/draws) mod 1 with one u per row: unbiased all the same, with the variance
    between numbers of masks removed (all of it where L divides ``draws``). Rows stay independent, so the error over
    rows in ``estimate()`` is right, for the masks and the data together.

    Args:
        draws: masks per row.
        batch_size: sequences per denoiser call; without influence on the draws.
    Raises:
        TypeError, ValueError: ``draws < 1``; rows that are not clean; a denoiser without an answer (NaN). What the
            denoiser raises is passed on: an exact posterior refuses rows off its support.
    Cost: n * draws sequences through the denoiser.
    """
    rows = clean_rows(denoiser, rows, batch_size)
    if draws < 1:
        raise ValueError(f"an estimate needs at least one mask per row; got draws = {draws}.")
    count, length = rows.shape
    total = torch.zeros(count, dtype=torch.float64)
    for uniform in _uniforms(draws, count, generator, stratified):
        n_masked = (uniform * length).long().clamp(max=length - 1) + 1
        hidden = subsets_of_size(n_masked, length, generator).to(rows.device)
        nats = _token_nats(denoiser, rows, hidden, hidden, batch_size).sum(dim=1)
        total += nats * (length / n_masked.cpu())
    return RowNats(total.numpy() / draws, "monte_carlo")


def entropy_gap(measured: RowNats, distribution: LODistribution, rows: Integer[np.ndarray, "n L"]) -> Estimate:
    """Nats per sequence above the exact entropy, the row's own -log p(x) as control variate.

    For rows drawn from the distribution E[-log p(x)] = H, so the mean of NLL(x) + log p(x) estimates E[NLL] - H: a KL
    divergence averaged over orders (identity I2), with the variance of log p between rows removed. Zero row by row for
    the exact posterior along any order.

    Args:
        rows: the rows that were measured, in the same order.
    Raises:
        ValueError: rows of another number, or off the distribution's support.
    """
    log_prob = distribution.log_prob(rows)
    if len(log_prob) != len(measured.nats):
        raise ValueError(f"{len(measured.nats)} rows were measured, {len(log_prob)} are given.")
    impossible = np.flatnonzero(np.isneginf(log_prob))
    if impossible.size:
        raise ValueError(f"row {impossible[0]} is off the support; pass rows that the distribution has drawn.")
    return RowNats(measured.nats + log_prob, measured.method).estimate()


def _token_nats(
    denoiser: Denoiser,
    rows: Int64[Tensor, "n L"],
    hidden: Bool[Tensor, "n L"],
    needed: Bool[Tensor, "n L"],
    batch_size: int,
    *,
    numbers: Int64[Tensor, " n"] | None = None,
) -> Float64[Tensor, "n L"]:
    """-log p of each hidden token given the visible ones, 0 at visible positions; on the CPU.

    Args:
        needed: the hidden positions that must have an answer; elsewhere it may be NaN.
        numbers: of the rows, for whoever is told that one has none.
    """
    out = torch.zeros(rows.shape, dtype=torch.float64)
    for start in range(0, len(rows), batch_size):
        piece = slice(start, start + batch_size)
        part, below = rows[piece], hidden[piece]
        with torch.no_grad():
            log_probs = ask(denoiser, part.masked_fill(below, denoiser.vocabulary)).to(torch.float64)
        named = torch.arange(start, start + len(part)) if numbers is None else numbers[piece]
        require_answers(log_probs, below, needed[piece], rows=named)
        picked = log_probs.gather(2, part[..., None]).squeeze(2)
        out[piece] = torch.where(below, -picked, 0.0).cpu()
    return out


def _require_nats(nats: Float64[Tensor, "n L"], orders: Int64[Tensor, "n L"]) -> None:
    """Refuse a chain that holds a token for more than certain, or has no answer for it; impossible (inf) is one."""
    wrong = nats.isnan() | (nats == -torch.inf)
    if wrong.any():
        row, step = (int(i) for i in wrong.nonzero()[0])
        raise ValueError(
            f"the denoiser's chain has no answer for row {row}, position {int(orders[row, step])}: "
            f"{-float(nats[row, step])} as the log-probability of its token. Look at the network's weights."
        )


def _masks_of_size(n_masked: int, length: int) -> Bool[Tensor, "C L"]:
    subsets = list(itertools.combinations(range(length), n_masked))
    return torch.zeros(len(subsets), length, dtype=torch.bool).scatter(1, torch.tensor(subsets), True)


def _uniforms(draws: int, count: int, generator: torch.Generator, stratified: bool) -> Iterator[Float64[Tensor, " n"]]:
    """``draws`` times (n,) uniform numbers; a row's are independent, or evenly spaced after one shift per row."""

    def fresh() -> Float64[Tensor, " n"]:
        return torch.rand(count, generator=generator, device=generator.device, dtype=torch.float64)

    if not stratified:
        return (fresh() for _ in range(draws))
    shift = fresh()
    return ((shift + draw / draws) % 1 for draw in range(draws))


def _check_orders(orders: Integer[np.ndarray, "..."], rows: Int64[Tensor, "n L"]) -> Int64[Tensor, "n L"]:
    orders = np.asarray(orders)
    count, length = rows.shape
    if orders.ndim not in (1, 2):
        raise ValueError(f"orders must have shape (L,) or (n, L); got {orders.shape}.")
    if orders.ndim == 2 and len(orders) != count:
        raise ValueError(f"{len(orders)} orders for {count} rows; pass one (L,) for all rows, or one per row.")
    checked = [check_order(order, length) for order in np.atleast_2d(orders)]
    if not checked:
        return torch.empty((0, length), dtype=torch.int64, device=rows.device)
    return torch.from_numpy(np.stack(checked)).to(rows.device).expand(count, length)


def clean_rows(denoiser: Denoiser, rows: Integer[Tensor, "n L"], batch_size: int) -> Int64[Tensor, "n L"]:
    """Rows whose likelihood can be asked for, as int64.

    Raises:
        TypeError: rows that are no integers.
        ValueError: another shape than (n, L), a mask, a pad or another id that is no token, or no row per call.
    """
    rows = whole_tokens(rows, denoiser.length, "rows", "n")
    outside = (rows < 0) | (rows >= denoiser.vocabulary)
    if outside.any():
        raise ValueError(
            f"rows must be clean, tokens in range({denoiser.vocabulary}), no mask or pad; got {int(rows[outside][0])}."
        )
    if batch_size < 1:
        raise ValueError(f"a denoiser is asked at least one sequence per call; got batch_size = {batch_size}.")
    return rows
