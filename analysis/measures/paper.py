"""Numbers of Kim et al. (2025, arXiv 2502.06768), to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrderAccuracyOfPaper:
    """A line of the paper's Table 1: share of right observation tokens, NAE-3, by reveal rule.

    The margin is the only adaptive rule of that table. Sampling steps, noise and protocol are not stated there.
    """

    n_latents: int
    n_observations: int
    vanilla: float
    margin: float


TABLE_1 = (
    OrderAccuracyOfPaper(25, 275, 0.7806, 0.9376),
    OrderAccuracyOfPaper(30, 270, 0.7570, 0.9354),
    OrderAccuracyOfPaper(40, 260, 0.7460, 0.9221),
    OrderAccuracyOfPaper(50, 250, 0.6794, 0.9001),
    OrderAccuracyOfPaper(100, 200, 0.6284, 0.8891),
)
