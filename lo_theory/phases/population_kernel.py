"""The compiled step of population dynamics: every message is drawn anew from the neighbours' of the last sweep.

No kernel of another file is called, so the cache on disk follows the text of this one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel

_FLOOR = 1e-60  # of a possible value in a message: a constraint of six latents multiplies five of them
_RANGE = 1e100  # products of incoming messages are rescaled beyond it


@kernel
def sweep(
    tables: Float64[np.ndarray, "R m^k"],
    accept: Float64[np.ndarray, "m C"],
    alias: Int64[np.ndarray, "m C"],
    log_truth: Float64[np.ndarray, "m C"],
    degrees: Int64[np.ndarray, "m n"],
    field: Float64[np.ndarray, "m"],
    messages: Float64[np.ndarray, "m M m"],
    rng: np.random.Generator,
    renewed: Float64[np.ndarray, "m n m"],
    logs: Float64[np.ndarray, "3 m n"],
) -> None:
    """Fill ``renewed`` with n draws of the message of a latent with planted value a, from the constraints around it.

    A constraint of a latent is a cell: which table (its visible value and the latent's slot in it) and the planted
    values of the other slots, drawn by Walker's alias method given a. The messages of the others are uniform draws
    from the population of their planted value.

    Args:
        tables: F_y with the root's slot in front, C-ordered.
        accept, alias: how to draw a cell in C = R m^(k-1), numbered table first, in constant time.
        log_truth: log F_y at the planted values, per cell.
        degrees: constraints of each new latent.
        field: prior times the weight of what is not shown.
        logs: filled with log Z of the latent, the sum of log Z_a over its constraints, each with a root message that is
            independent of the rest, and the sum of ``log_truth``.
    """
    m, members = messages.shape[0], messages.shape[1]
    cells, size = accept.shape[1], tables.shape[1]
    span = size // m
    work, weights = np.empty(size), np.empty(m)
    for a in range(m):
        for s in range(degrees.shape[1]):
            shift, factors, truth = 0.0, 0.0, 0.0
            for x in range(m):
                weights[x] = field[x]
            for _ in range(degrees[a, s]):
                cell = int(rng.random() * cells)
                if rng.random() >= accept[a, cell]:
                    cell = alias[a, cell]
                truth += log_truth[a, cell]
                table, others = cell // span, cell % span
                for i in range(size):
                    work[i] = tables[table, i]
                n = size
                while n > m:  # sum the slots out, the last one first
                    n //= m
                    planted, others = others % m, others // m
                    member = int(rng.random() * members)
                    for i in range(n):
                        total = 0.0
                        for x in range(m):
                            total += work[i * m + x] * messages[planted, member, x]
                        work[i] = total
                member = int(rng.random() * members)
                total, peak = 0.0, 0.0
                for x in range(m):
                    total += work[x] * messages[a, member, x]
                    weights[x] *= work[x]
                    peak = max(peak, weights[x])
                factors += np.log(total)
                if peak < 1.0 / _RANGE or peak > _RANGE:
                    shift += np.log(peak)
                    for x in range(m):
                        weights[x] /= peak
            total = weights.sum()
            for x in range(m):
                share = weights[x] / total
                renewed[a, s, x] = _FLOOR if 0.0 < share < _FLOOR else share
            logs[0, a, s], logs[1, a, s], logs[2, a, s] = np.log(total) + shift, factors, truth
