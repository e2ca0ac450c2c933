"""The share of a gap that is closed: a ratio of paired differences, with an interval that few pairs allow.

Three costs of the same sequences: a masked model's bound, its likelihood along the order that it decodes in, and that
of an autoregressive model of equal operations. The share is (bound - own order) / (bound - autoregressive), means over
the same seeds or sequences; below 0 where the own order costs more than the bound. "DUEL" (arXiv 2603.01367) reports
shares of a gap in perplexity; here they are of nats, nearly the same where the gap is a small part of the cost.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.lab.rows import Row, Rows
from lo_theory.estimate import ratio_estimate, ratio_interval

GAP_CLOSED = "saved_over_gap"
PUBLISHED = (0.32, 0.82)
"""Its largest shares: of a model on the text that it was trained on, and on others."""


def gap_closed(saved: Rows, gap: Rows) -> Row:
    """Mean of ``saved`` over mean of ``gap``, paired by seed, with Fieller's 95% interval over the seeds.

    Args:
        saved: a row per seed, how far the own order is below the bound.
        gap: a row per seed, how far the autoregressive model is below it.
    Raises:
        ValueError: no rows, or not one of each kind for every seed.
    """
    above, below = ({row.seed: row.value for row in rows} for rows in (saved, gap))
    if not saved or above.keys() != below.keys() or not len(above) == len(saved) == len(gap):
        raise ValueError(f"a row of each for every seed; got seeds {[row.seed for row in saved]} and {list(below)}.")
    totals, cells = np.array(list(above.values())), np.array([below[seed] for seed in above])
    found, (low, high) = ratio_estimate(totals, cells, saved[0].method), ratio_interval(totals, cells)
    return dataclasses.replace(
        saved[0], metric=GAP_CLOSED, seed=None, value=found.value, standard_error=found.standard_error,
        samples=found.samples, over="seeds", low=low, high=high,
    )  # fmt: skip
