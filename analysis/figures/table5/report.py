"""The report on Table 5."""

from __future__ import annotations

from analysis.figures.table5.units import EXPERIMENT_NAME, SIZES
from analysis.puzzles.paper import TABLE_2, TABLE_5
from analysis.puzzles.table_report import PuzzleTable

TABLE = PuzzleTable(
    name=EXPERIMENT_NAME,
    title="Table 5: puzzles harder than any in training",
    paper=(TABLE_2, TABLE_5),
    goal=False,
)

EXPERIMENT = TABLE.experiment(SIZES)
