"""What an elimination would take, known before it is done."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from lo_theory.compiled import kernel
from lo_theory.posteriors.elimination.foresight import foresee, new_climb
from lo_theory.posteriors.elimination.order import new_forest, new_graph, plan
from lo_theory.posteriors.elimination.pieces import new_pieces
from lo_theory.posteriors.elimination.remainder import collect, new_remainder
from lo_theory.posteriors.elimination.rows import reduce
from lo_theory.posteriors.elimination.ties import new_scope, new_ties, widest_scope
from lo_theory.posteriors.factors import Factors


class Price(NamedTuple):
    """One number per sequence; ``width`` is -1 where its visible tokens contradict each other at first sight."""

    width: Int64[np.ndarray, "B"]
    """Latents of the largest table, less one."""
    entries: Float64[np.ndarray, "B"]
    """Of all tables of one sweep together, about the number of operations."""
    joint_products: Float64[np.ndarray, "B"]
    """That the joints of the hidden observations take one by one, beyond the sweep; a lower bound above 1e12."""
    evidence_seconds: Float64[np.ndarray, "B"]
    """For the evidence alone, or one sample, on one core; see :mod:`.rates`."""
    seconds: Float64[np.ndarray, "B"]
    """For all marginals."""

    @property
    def bytes(self) -> Float64[np.ndarray, "B"]:
        """Memory of the tables of one sequence; it is reused by the next."""
        return 24 * self.entries


@kernel
def price(
    factors: Factors,
    tokens: Int64[np.ndarray, "B L"],
    mask_id: int,
    width: Int64[np.ndarray, "B"],
    entries: Float64[np.ndarray, "B"],
    work: Float64[np.ndarray, "B 2"],
) -> None:
    """Reduce every sequence and choose its elimination order, but sum nothing.

    ``work`` are the entries to be summed, fewer where completions are counted, and the products of the joints.
    """
    n, m, n_observations = len(factors.latent_position), len(factors.log_prior), len(factors.alphabet)
    arity = widest_scope(factors)
    ties, scope, pieces = new_ties(n, m, n_observations), new_scope(arity, m), new_pieces(n, n_observations)
    remainder, graph, forest = new_remainder(n, m, n_observations, arity), new_graph(n), new_forest(n)
    climb, pool = new_climb(n), np.empty(64)
    for row in range(len(tokens)):
        width[row], entries[row] = -1, 0.0
        work[row, 0] = work[row, 1] = 0.0
        if reduce(factors, tokens[row], mask_id, ties, scope, pieces):
            roots, count, _, pool = collect(factors, tokens[row], mask_id, ties, scope, remainder, pool)
            width[row], entries[row] = plan(remainder, roots, count, graph, forest, n)
            work[row, 0], work[row, 1] = foresee(
                factors, tokens[row], mask_id, ties, scope, remainder, roots, forest, climb
            )
