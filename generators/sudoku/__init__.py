"""Sudoku as a generator: puzzles made, read, solved by search and by strategies, told apart up to symmetry."""

from generators.sudoku.canonical import CanonicalForm, canonical_form, shared_up_to_symmetry
from generators.sudoku.create import PuzzleRows, SudokuSource
from generators.sudoku.fill import full_grids
from generators.sudoku.forms import SudokuCells, SudokuTriples
from generators.sudoku.grid import SIZES, Size, check_givens, completes, contradicting, grid_text, parse_grid, size_of
from generators.sudoku.human import STRATEGY_NAMES, STUCK, HumanResult, HumanStep, explain, solve_by_strategies
from generators.sudoku.reading import PuzzleBatch, Rejection, count_reasons, read_puzzles, stream_puzzles
from generators.sudoku.search import SearchResult, solve
from generators.sudoku.shah import ShahRows, pack_rows, unpack_rows
from generators.sudoku.symmetry import Symmetry, group_order, held_out, random_symmetry, symmetry_key

__all__ = [
    "SIZES",
    "STRATEGY_NAMES",
    "STUCK",
    "CanonicalForm",
    "HumanResult",
    "HumanStep",
    "PuzzleBatch",
    "PuzzleRows",
    "Rejection",
    "SearchResult",
    "ShahRows",
    "Size",
    "SudokuCells",
    "SudokuSource",
    "SudokuTriples",
    "Symmetry",
    "canonical_form",
    "check_givens",
    "completes",
    "contradicting",
    "count_reasons",
    "explain",
    "full_grids",
    "grid_text",
    "group_order",
    "held_out",
    "pack_rows",
    "parse_grid",
    "random_symmetry",
    "read_puzzles",
    "shared_up_to_symmetry",
    "size_of",
    "solve",
    "solve_by_strategies",
    "stream_puzzles",
    "symmetry_key",
    "unpack_rows",
]
