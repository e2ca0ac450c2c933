"""The decorators of this floor's compiled kernels, which depend on no text but that of the files named here."""

from __future__ import annotations

from pathlib import Path

from generators.ground.compiled import SOURCES, kernels_of

_KERNEL_FILES = (
    "phases/message_passing",
    "posteriors/factors",
    "posteriors/elimination/tables",
    "posteriors/elimination/ties",
    "posteriors/elimination/bits",
    "posteriors/elimination/reduction",
    "posteriors/elimination/remainder",
    "posteriors/elimination/order",
    "posteriors/elimination/bucket_tree",
    "posteriors/elimination/joint_queries",
    "posteriors/elimination/pieces",
    "posteriors/elimination/piece_trees",
    "posteriors/elimination/tree_counts",
    "posteriors/elimination/tree_questions",
    "posteriors/elimination/counted_answers",
    "posteriors/elimination/summed_answers",
    "posteriors/elimination/counted_rows",
    "posteriors/elimination/rows",
    "posteriors/elimination/foresight",
    "posteriors/elimination/price",
    "attacks/noisy_parity",
    "phases/population_kernel",
)
_PUZZLE_FILES = ("puzzles/candidates", "puzzles/completions")
_HERE = Path(__file__).parent

_FILES = [_HERE / f"{name}.py" for name in _KERNEL_FILES]

kernel = kernels_of(_HERE, _FILES)
lean_kernel = kernels_of(_HERE, _FILES, allocates=False)
"""For kernels that make no array and call none that does."""
puzzle_kernel = kernels_of(_HERE / "puzzles", [*SOURCES, *(_HERE / f"{name}.py" for name in _PUZZLE_FILES)])
"""For kernels that call the solvers of the floor below: their cache follows the text of those as well."""
