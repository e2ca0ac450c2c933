"""A row after the reduction, for algorithms in NumPy: its free roots, and observations as tables over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from lo_theory.posteriors.completions import Scores
from lo_theory.posteriors.elimination.order import Forest, new_forest, new_graph, plan
from lo_theory.posteriors.elimination.pieces import new_pieces
from lo_theory.posteriors.elimination.remainder import new_remainder
from lo_theory.posteriors.elimination.rows import reduce
from lo_theory.posteriors.elimination.ties import new_scope, new_ties, widest_scope
from lo_theory.posteriors.factors import Factors


class Reduced(NamedTuple):
    """What the visible tokens of a row leave open."""

    number: Int64[np.ndarray, "N"]
    """Of the free root that determines a latent, -1 where the latent is settled."""
    values: list[Int64[np.ndarray, "c"]]
    """Of every latent: its value for each choice of its root, a single one where it is settled."""
    members: list[list[int]]
    """Latents of every root, lowest first; the roots are in the order of their lowest."""


def reduced(factors: Factors, row: Int64[np.ndarray, "L"], mask_id: int) -> Reduced | None:
    """Settle what the visible tokens settle; None where they contradict each other at first sight."""
    n, m, n_observations = len(factors.latent_position), len(factors.log_prior), len(factors.alphabet)
    ties, scope = new_ties(n, m, n_observations), new_scope(widest_scope(factors), m)
    if not reduce(factors, row, mask_id, ties, scope, new_pieces(n, n_observations)):
        return None
    number, values, members = np.full(n, -1), [], []
    of_root: dict[int, int] = {}
    for latent in range(n):
        root = int(ties.root[latent])
        values.append(ties.value[latent, ties.alive[root]])
        if len(values[-1]) > 1:
            if root not in of_root:
                of_root[root] = len(members)
                members.append([])
            number[latent] = of_root[root]
            members[of_root[root]].append(latent)
    return Reduced(number, values, members)


def sent(factors: Factors, row: Reduced, observation: int) -> tuple[tuple[int, ...], Int64[np.ndarray, "..."]]:
    """Free roots that an observation reads, ascending, and its noiseless value for each choice of them."""
    scope = slice(factors.scope_start[observation], factors.scope_start[observation + 1])
    latents = factors.scope[scope].tolist()
    axes = tuple(sorted({int(row.number[latent]) for latent in latents} - {-1}))
    index = np.full((1,) * len(axes), factors.table_start[observation])
    for latent, stride in zip(latents, factors.stride[scope].tolist(), strict=True):
        step, shape = row.values[latent] * stride, [1] * len(axes)
        if row.number[latent] >= 0:
            shape[axes.index(int(row.number[latent]))] = len(step)
        index = index + step.reshape(shape)
    return axes, np.asarray(factors.codes[index], dtype=np.int64)


def possible_values(
    factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, vocabulary: int
) -> Bool[np.ndarray, "L V"]:
    """Values of every masked token that the reduction does not rule out; none where the row is impossible."""
    found = np.zeros((len(tokens), vocabulary), dtype=bool)
    row = reduced(factors, tokens, mask_id)
    if row is None:
        return found
    for latent, position in enumerate(factors.latent_position):
        found[position, row.values[latent]] = True
    for j, position in enumerate(factors.observation_position):
        if tokens[position] == mask_id:
            noiseless = factors.log_replaced[j] == -np.inf
            found[position, sent(factors, row, j)[1].ravel() if noiseless else np.arange(factors.alphabet[j])] = True
    return found


class Weights(NamedTuple):
    """Scores of the visible tokens over the free roots of a row."""

    single: list[Float64[np.ndarray, "c"]]
    """Of every choice of a root: the prior of its latents, and observations of it alone."""
    tables: list[tuple[tuple[int, ...], Float64[np.ndarray, "..."]]]
    """Axes, ascending, and scores of every observation of two roots or more."""


def weights(factors: Factors, tokens: Int64[np.ndarray, "L"], mask_id: int, row: Reduced, scores: Scores) -> Weights:
    """Tables of all visible observations, without the axes that they do not depend on; constants are left out."""
    single = [np.stack([scores.prior[row.values[latent]] for latent in members]).sum(axis=0) for members in row.members]
    tables = []
    for j in np.flatnonzero(tokens[factors.observation_position] != mask_id).tolist():
        token = tokens[factors.observation_position[j]]
        axes, values = sent(factors, row, j)
        table = np.where(values == token, scores.kept[j], scores.replaced[j])
        for at in reversed(range(len(axes))):
            first = table.take([0], axis=at)
            if (table == first).all():
                table, axes = first.squeeze(axis=at), axes[:at] + axes[at + 1 :]
        if len(axes) == 1:
            single[axes[0]] = single[axes[0]] + table
        elif axes:
            tables.append((axes, table))
    return Weights(single, tables)


def elimination_order(factors: Factors, row: Weights, max_width: int) -> tuple[Forest, int, float]:
    """The min-fill order of a row's roots: (forest, width, entries of all tables); see :func:`~.order.plan`."""
    roots, widest = len(row.single), max([2, *(len(axes) for axes, _ in row.tables)])
    remainder = new_remainder(max(roots, 1), len(factors.log_prior), max(len(row.tables), 1), widest)
    remainder.size[:roots] = [len(single) for single in row.single]
    for number, (axes, _) in enumerate(row.tables):
        remainder.factor_axes[number, : len(axes)] = axes
        remainder.factor_arity[number] = len(axes)
    forest = new_forest(max(roots, 1))
    width, entries = plan(remainder, roots, len(row.tables), new_graph(max(roots, 1)), forest, max_width)
    return forest, int(width), float(entries)
