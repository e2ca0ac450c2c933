"""The exact posterior of a batch, one sequence after the other: reduce, eliminate, ask."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel, lean_kernel
from lo_theory.posteriors.elimination.bits import settle_bits
from lo_theory.posteriors.elimination.bucket_tree import eliminate, new_buckets
from lo_theory.posteriors.elimination.counted_rows import DONE, IMPOSSIBLE, TOO_LARGE, TOO_WIDE, solve_counted
from lo_theory.posteriors.elimination.joint_queries import Query, apart, calibrate, draw, joint, new_query, pick
from lo_theory.posteriors.elimination.order import Forest, new_forest, new_graph, plan
from lo_theory.posteriors.elimination.pieces import FEW, Pieces, new_pieces
from lo_theory.posteriors.elimination.reduction import settle
from lo_theory.posteriors.elimination.remainder import collect, new_remainder
from lo_theory.posteriors.elimination.tables import grown
from lo_theory.posteriors.elimination.ties import (
    Scope,
    Ties,
    advance,
    first,
    look,
    new_scope,
    new_ties,
    settled_index,
    widest_scope,
)
from lo_theory.posteriors.factors import COUNTED, Factors

_ROOMY = 2**24
"""Entries that must be allowed where pieces are counted; a smaller limit is meant for elimination."""


def solve(
    factors: Factors,
    tokens: Int64[np.ndarray, "B L"],
    mask_id: int,
    max_width: int,
    max_entries: int,
    uniform: Float64[np.ndarray, "drawn L"],
    log_evidence: Float64[np.ndarray, "weighed"],
    marginals: Float64[np.ndarray, "asked L V"],
    samples: Int64[np.ndarray, "drawn L"],
) -> tuple[int, int, int, float]:
    """Fill the outputs that have rows: one without rows is not wanted. ``marginals`` are logs.

    Returns (status, row, width, entries): DONE, or why and at which row it stopped. One of two kernels, which are kept
    apart so that nobody waits for the compilation of the other.
    """
    if factors.kind == COUNTED and len(samples) == 0 and max_width >= FEW - 1 and max_entries >= _ROOMY:
        return solve_counted(factors, tokens, mask_id, max_width, max_entries, log_evidence, marginals)
    return solve_summed(factors, tokens, mask_id, max_width, max_entries, uniform, log_evidence, marginals, samples)


@kernel
def solve_summed(
    factors: Factors,
    tokens: Int64[np.ndarray, "B L"],
    mask_id: int,
    max_width: int,
    max_entries: int,
    uniform: Float64[np.ndarray, "drawn L"],
    log_evidence: Float64[np.ndarray, "weighed"],
    marginals: Float64[np.ndarray, "asked L V"],
    samples: Int64[np.ndarray, "drawn L"],
) -> tuple[int, int, int, float]:
    """As :func:`solve`, by elimination, whatever the factors are."""
    n, m, n_observations = len(factors.latent_position), len(factors.log_prior), len(factors.alphabet)
    arity = widest_scope(factors)
    ties, scope, choice = new_ties(n, m, n_observations), new_scope(arity, m), np.empty(n, np.int64)
    remainder, buckets, query = new_remainder(n, m, n_observations, arity), new_buckets(n, n_observations), new_query(n)
    nothing = 0 * n  # and not the literal, for which these would be compiled once more
    graph, forest, pieces = new_graph(nothing), new_forest(nothing), new_pieces(n, n_observations)
    factor_pool, conditionals, messages, joints = np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    root_marginals, buffers, width, entries = np.empty((n, m)), (np.empty(64), np.empty(64)), 0, 0.0
    for row in range(len(tokens)):
        line = tokens[row]
        if not reduce(factors, line, mask_id, ties, scope, pieces):
            return IMPOSSIBLE, row, 0, 0.0
        roots, count, constant, factor_pool = collect(factors, line, mask_id, ties, scope, remainder, factor_pool)
        if roots:
            if roots > len(forest.size):
                graph, forest = new_graph(min(n, 2 * roots)), new_forest(min(n, 2 * roots))
            width, entries = plan(remainder, roots, count, graph, forest, max_width)
            if width > max_width or 3 * entries > max_entries:
                return TOO_WIDE, row, width, 3 * entries
            conditionals, messages = grown(conditionals, int(entries)), grown(messages, int(entries))
            constant += eliminate(remainder, roots, count, factor_pool, forest, buckets, conditionals, messages)
        if constant == -np.inf:
            return IMPOSSIBLE, row, 0, 0.0
        if len(log_evidence):
            log_evidence[row] = constant
        if len(samples):
            draw(forest, roots, conditionals, remainder.latent, uniform[row], choice)
            _write_sample(factors, line, mask_id, ties, remainder.number, uniform[row], choice, samples[row])
        if len(marginals) == 0:
            continue
        joints = grown(joints, int(entries))
        buffers = calibrate(forest, roots, conditionals, joints, root_marginals, buffers, query)
        too_large, buffers = _write_observations(
            factors, line, mask_id, ties, scope, remainder.number, forest,
            conditionals, joints, root_marginals, buffers, query, max_entries, marginals[row],
        )  # fmt: skip
        if too_large:
            return TOO_LARGE, row, width, too_large
    return DONE, 0, 0, 0.0


@lean_kernel
def reduce(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, ties: Ties, scope: Scope, pieces: Pieces
) -> bool:
    """Settle what the visible tokens settle, by words where they serve; False when they contradict each other."""
    if factors.kind:
        return settle_bits(factors, tokens, mask_id, ties, pieces.axes) >= 0
    return settle(factors, tokens, mask_id, ties, scope)


@kernel
def _write_observations(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    scope: Scope,
    number: Int64[np.ndarray, "N"],
    forest: Forest,
    conditionals: Float64[np.ndarray, "n"],
    joints: Float64[np.ndarray, "n"],
    root_marginals: Float64[np.ndarray, "R m"],
    buffers: tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]],
    query: Query,
    max_entries: int,
    out: Float64[np.ndarray, "L V"],
) -> tuple[float, tuple[Float64[np.ndarray, "s"], Float64[np.ndarray, "s"]]]:
    """Log marginals of all tokens; returns (entries of a joint beyond the limit or 0, the buffers)."""
    out[:] = 0.0
    _write_latents(factors, ties, number, root_marginals, out)
    asked = np.empty(len(scope.roots), np.int64)
    for j in range(len(factors.alphabet)):
        if tokens[factors.observation_position[j]] != mask_id:
            continue
        line = out[factors.observation_position[j]]
        index = settled_index(factors.scope_start, factors.scope, factors.stride, ties.only, j)
        if index >= 0:
            _receive(factors, j, index, 1.0, line)
            continue
        count, base = look(factors, ties, j, scope)
        for a in range(count):
            asked[a] = number[scope.roots[a]]
        if count == 1:
            for i in range(scope.sizes[0]):
                _receive(factors, j, base + scope.offsets[0, i], root_marginals[asked[0], i], line)
            continue
        if apart(forest.tree, asked, count):
            entries = 1
            for a in range(count):
                entries *= scope.sizes[a]
            if entries > max_entries:
                return float(entries), buffers
            buffers = (grown(buffers[0], entries), buffers[1])
            _product(forest.size, asked, count, root_marginals, query.axes, buffers[0])
        else:
            too_large, buffers = joint(forest, asked, count, conditionals, joints, buffers, query, max_entries)
            if too_large:
                return too_large, buffers
        _spread(factors, j, base, count, scope, number, query.axes, buffers[0], line)
    _finish(tokens, mask_id, out)
    return 0.0, buffers


@lean_kernel
def _product(
    size: Int64[np.ndarray, "N"],
    roots: Int64[np.ndarray, "d"],
    count: int,
    root_marginals: Float64[np.ndarray, "R m"],
    axes: Int64[np.ndarray, "R"],
    out: Float64[np.ndarray, "s"],
) -> None:
    """Joint of roots of different components: the product of their marginals, C-ordered over ``axes``."""
    out[0], entries = 1.0, 1
    for a in range(count):
        axes[a] = roots[a]
        for at in range(entries - 1, -1, -1):
            p, n = out[at], size[roots[a]]
            for i in range(n):
                out[at * n + i] = p * root_marginals[roots[a], i]
        entries *= size[roots[a]]


@lean_kernel
def _write_latents(
    factors: Factors,
    ties: Ties,
    number: Int64[np.ndarray, "N"],
    root_marginals: Float64[np.ndarray, "R m"],
    out: Float64[np.ndarray, "L V"],
) -> None:
    for latent in range(len(ties.root)):
        root, i = ties.root[latent], 0
        v = number[root]
        for x in range(ties.value.shape[1]):
            if ties.alive[root, x]:
                p = 1.0 if v < 0 else root_marginals[v, i]
                out[factors.latent_position[latent], ties.value[latent, x]] += p
                i += 1


@lean_kernel
def _spread(
    factors: Factors,
    observation: int,
    base: int,
    count: int,
    scope: Scope,
    number: Int64[np.ndarray, "N"],
    axes: Int64[np.ndarray, "R"],
    table: Float64[np.ndarray, "s"],
    out: Float64[np.ndarray, "V"],
) -> None:
    """Add the joint of the free roots of an observation to the values that it yields; ``axes`` is the joint's order."""
    stride_of = scope.partner[0, :count, 0]
    stride = 1
    for k in range(count - 1, -1, -1):
        for a in range(count):
            if number[scope.roots[a]] == axes[k]:
                stride_of[a] = stride
                stride *= scope.sizes[a]
                break
    index = first(scope, count, base)
    while index >= 0:
        at = 0
        for a in range(count):
            at += stride_of[a] * scope.digits[a]
        _receive(factors, observation, index, table[at], out)
        index = advance(scope, count, index)


@lean_kernel
def _receive(factors: Factors, observation: int, index: int, p: float, out: Float64[np.ndarray, "V"]) -> None:
    """Add ``p Q(. | z)`` for the value z sent by the setting at ``index`` of the observation's table."""
    if p == 0.0:
        return
    sent = factors.codes[factors.table_start[observation] + index]
    if factors.log_replaced[observation] == -np.inf:
        out[sent] += p
        return
    for y in range(factors.alphabet[observation]):
        log_q = factors.log_kept[observation] if y == sent else factors.log_replaced[observation]
        out[y] += p * np.exp(log_q)


@lean_kernel
def _finish(tokens: Int64[np.ndarray, "L"], mask_id: int, out: Float64[np.ndarray, "L V"]) -> None:
    """Point masses at visible tokens; elsewhere take off the rounding of the sums, so that they are one."""
    for i in range(len(out)):
        if tokens[i] != mask_id:
            out[i] = -np.inf
            out[i, tokens[i]] = 0.0
            continue
        total = 0.0
        for x in range(out.shape[1]):
            total += out[i, x]
        for x in range(out.shape[1]):
            out[i, x] = np.log(out[i, x] / total)


@kernel
def _write_sample(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    number: Int64[np.ndarray, "N"],
    uniform: Float64[np.ndarray, "L"],
    choice: Int64[np.ndarray, "R"],
    out: Int64[np.ndarray, "L"],
) -> None:
    """Latents from their roots, then masked observations from the latents; visible tokens stay."""
    out[:] = tokens
    for latent in range(len(ties.root)):
        root, i = ties.root[latent], 0
        v = number[root]
        for x in range(ties.value.shape[1]):
            if ties.alive[root, x]:
                if v < 0 or i == choice[v]:
                    out[factors.latent_position[latent]] = ties.value[latent, x]
                i += 1
    for j in range(len(factors.alphabet)):
        position = factors.observation_position[j]
        if tokens[position] != mask_id:
            continue
        index = 0
        for at in range(factors.scope_start[j], factors.scope_start[j + 1]):
            index += factors.stride[at] * out[factors.latent_position[factors.scope[at]]]
        probabilities = np.zeros(factors.alphabet[j])
        _receive(factors, j, index, 1.0, probabilities)
        out[position] = pick(probabilities, uniform[position])
