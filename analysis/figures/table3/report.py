"""The report on Table 3."""

from __future__ import annotations

from analysis.figures.table3.units import EXPERIMENT_NAME, SIZES
from analysis.puzzles.paper import TABLE_3
from analysis.puzzles.table_report import PuzzleTable

TABLE = PuzzleTable(
    name=EXPERIMENT_NAME,
    title="Table 3: Zebra puzzles, decoded in an order of the model's own",
    paper=(TABLE_3,),  # the paper has no hard Zebra puzzles
    goal=True,
)

EXPERIMENT = TABLE.experiment(SIZES)
