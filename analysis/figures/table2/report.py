"""The report on Table 2."""

from __future__ import annotations

from analysis.figures.table2.units import EXPERIMENT_NAME, SIZES
from analysis.puzzles.paper import TABLE_2, TABLE_5
from analysis.puzzles.table_report import PuzzleTable

TABLE = PuzzleTable(
    name=EXPERIMENT_NAME,
    title="Table 2: Sudoku, decoded in an order of the model's own",
    paper=(TABLE_2, TABLE_5),
    goal=True,
)

EXPERIMENT = TABLE.experiment(SIZES)
