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


@dataclass(frozen=True)
class PuzzlesOfPaper:
    """A row of the paper's Tables 2, 3 or 5: share of puzzles completely solved.

    Attributes:
        model, decoder: as rows name them here. The large autoregressive models have 42 million weights, the masked ones
            6 (Sudoku) and 19 million (Zebra).
    """

    model: str
    decoder: str
    solved: float


LARGE = ", large"
"""Behind the name of a learner: more weights than masked diffusion has."""

TABLE_2 = (
    PuzzlesOfPaper("arm, fixed order" + LARGE, "own order", 0.0973),
    PuzzlesOfPaper("arm, solver order" + LARGE, "own order", 0.8718),
    PuzzlesOfPaper("mdm", "vanilla", 0.0688),
    PuzzlesOfPaper("mdm", "top probability", 0.1851),
    PuzzlesOfPaper("mdm", "margin", 0.8949),
)
TABLE_3 = (
    PuzzlesOfPaper("arm, fixed order" + LARGE, "own order", 0.8031),
    PuzzlesOfPaper("arm, solver order" + LARGE, "own order", 0.9117),
    PuzzlesOfPaper("mdm", "vanilla", 0.769),
    PuzzlesOfPaper("mdm", "top probability", 0.985),
    PuzzlesOfPaper("mdm", "margin", 0.983),
)
TABLE_5 = (
    PuzzlesOfPaper("arm, solver order" + LARGE, "own order", 0.3257),
    PuzzlesOfPaper("mdm", "vanilla", 0.0362),
    PuzzlesOfPaper("mdm", "top probability", 0.0944),
    PuzzlesOfPaper("mdm", "margin", 0.4988),
)
