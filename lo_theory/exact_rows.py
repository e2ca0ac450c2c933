"""The exact posterior of a batch, one sequence after the other: reduce, eliminate, ask."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.bucket_tree import Forest, collect, eliminate, new_forest, plan
from lo_theory.compiled import kernel
from lo_theory.factors import Factors
from lo_theory.joint_queries import calibrate, draw, joint, new_query, pick
from lo_theory.reduction import Scope, Ties, advance, first, look, new_scope, new_ties, settle
from lo_theory.tables import grown

DONE, IMPOSSIBLE, TOO_WIDE, TOO_LARGE = 0, 1, 2, 3


@kernel
def solve(
    factors: Factors,
    tokens: Int64[np.ndarray, "B L"],
    mask_id: int,
    max_width: int,
    max_entries: int,
    uniform: Float64[np.ndarray, "B L"],
    log_evidence: Float64[np.ndarray, "B"],
    marginals: Float64[np.ndarray, "B L V"],
    samples: Int64[np.ndarray, "B L"],
) -> tuple[int, int, int, float]:
    """Fill the outputs that have rows: an output with B = 0 is not wanted. ``marginals`` must hold zeros.

    Returns (status, row, width, entries): DONE, or why and at which row it stopped.
    """
    n, m, n_observations = len(factors.latent_position), len(factors.log_prior), len(factors.alphabet)
    arity = 1
    for j in range(n_observations):
        arity = max(arity, factors.scope_start[j + 1] - factors.scope_start[j])
    ties, scope = new_ties(n, m, n_observations), new_scope(arity, m)
    forest, query = new_forest(n, m, n_observations, arity), new_query(n)
    factor_pool, conditionals, messages, clusters = np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    buffers = (np.empty(64), np.empty(64))
    separator = np.empty(64)
    root_marginals, choice, asked = np.empty((n, m)), np.empty(n, np.int64), np.empty(arity, np.int64)
    for row in range(len(tokens)):
        if not settle(factors, tokens[row], mask_id, ties, scope):
            return IMPOSSIBLE, row, 0, 0.0
        roots, count, constant, factor_pool = collect(factors, tokens[row], mask_id, ties, scope, forest, factor_pool)
        width, entries = plan(forest, roots, count)
        if width > max_width or entries > max_entries:
            return TOO_WIDE, row, width, entries
        conditionals, messages = grown(conditionals, int(entries)), grown(messages, int(entries))
        total = eliminate(
            forest, roots, count, factor_pool, conditionals, messages,
            query.left, query.shape, query.digits, query.left_of,
        )  # fmt: skip
        if total + constant == -np.inf:
            return IMPOSSIBLE, row, 0, 0.0
        if len(log_evidence):
            log_evidence[row] = total + constant
        if len(samples):
            draw(forest, roots, conditionals, uniform[row], choice)
            _write_sample(factors, tokens[row], mask_id, ties, scope, forest, uniform[row], choice, samples[row])
        if len(marginals):
            clusters = grown(clusters, int(entries))
            separator = calibrate(forest, roots, conditionals, clusters, root_marginals, separator, query)
            _write_latents(factors, ties, forest, root_marginals, marginals[row])
            for j in range(n_observations):
                if tokens[row, factors.observation_position[j]] != mask_id:
                    continue
                out = marginals[row, factors.observation_position[j]]
                d, base = look(factors, ties, j, scope)
                if d == 0:
                    _receive(factors, j, base, 1.0, out)
                    continue
                for a in range(d):
                    asked[a] = forest.number[scope.roots[a]]
                if d == 1:
                    for i in range(scope.sizes[0]):
                        _receive(factors, j, base + scope.offsets[0, i], root_marginals[asked[0], i], out)
                    continue
                too_large, buffers = joint(forest, asked, d, conditionals, clusters, buffers, query, max_entries)
                if too_large:
                    return TOO_LARGE, row, width, float(too_large)
                _spread(factors, j, base, d, scope, forest, query.axes, buffers[0], out)
            _normalise_rows(factors, marginals[row])
    return DONE, 0, 0, 0.0


@kernel
def _write_latents(
    factors: Factors,
    ties: Ties,
    forest: Forest,
    root_marginals: Float64[np.ndarray, "R m"],
    out: Float64[np.ndarray, "L V"],
) -> None:
    for latent in range(len(ties.root)):
        root, i = ties.root[latent], 0
        v = forest.number[root]
        for x in range(ties.value.shape[1]):
            if ties.alive[root, x]:
                p = 1.0 if v < 0 else root_marginals[v, i]
                out[factors.latent_position[latent], ties.value[latent, x]] += p
                i += 1


@kernel
def _spread(
    factors: Factors,
    observation: int,
    base: int,
    count: int,
    scope: Scope,
    forest: Forest,
    axes: Int64[np.ndarray, "R"],
    table: Float64[np.ndarray, "s"],
    out: Float64[np.ndarray, "V"],
) -> None:
    """Add the joint of the free roots of an observation to the values that it yields; ``axes`` is the joint's order."""
    stride_of = scope.partner[0, :count, 0]
    stride = 1
    for k in range(count - 1, -1, -1):
        for a in range(count):
            if forest.number[scope.roots[a]] == axes[k]:
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


@kernel
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


@kernel
def _normalise_rows(factors: Factors, out: Float64[np.ndarray, "L V"]) -> None:
    """Take off the rounding of the sums, so that each distribution sums to one."""
    for i in range(len(out)):
        total = 0.0
        for x in range(out.shape[1]):
            total += out[i, x]
        if total != 1.0 and total > 0.0:
            for x in range(out.shape[1]):
                out[i, x] /= total


@kernel
def _write_sample(
    factors: Factors,
    tokens: Int64[np.ndarray, "L"],
    mask_id: int,
    ties: Ties,
    scope: Scope,
    forest: Forest,
    uniform: Float64[np.ndarray, "L"],
    choice: Int64[np.ndarray, "R"],
    out: Int64[np.ndarray, "L"],
) -> None:
    """Latents from their roots, then masked observations from the latents; visible tokens stay."""
    out[:] = tokens
    for latent in range(len(ties.root)):
        root, i = ties.root[latent], 0
        v = forest.number[root]
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
