"""Zebra puzzles as a generator: made, read, solved by search and by strategies, as tokens and as sentences."""

from generators.zebra.answer_grid import Asks
from generators.zebra.checking import check_puzzle, contradicting_clues
from generators.zebra.clue import CLUE_TYPES, ClueType
from generators.zebra.create import ZebraRows, ZebraSource
from generators.zebra.forms import ZebraCells, ZebraTriples
from generators.zebra.human import STRATEGY_NAMES, STUCK, HumanResult, HumanStep, explain, solve_by_strategies
from generators.zebra.puzzle import ZebraPuzzle, ZebraPuzzles, clue_text, stack
from generators.zebra.reading import ZebraRecord, ZebraRejection, read_logic_grids
from generators.zebra.sat import solutions_by_sat, zebra_formula
from generators.zebra.search import SearchResult, solve
from generators.zebra.sentences import Names, everyday_names, read_sentences, sentences
from generators.zebra.symmetry import held_out, shared_up_to_symmetry, symmetry_key
from generators.zebra.tokens import PAD, VOCABULARY, TokenRows, decode, encode, prompt_lengths, row_major, tokens_of

__all__ = [
    "CLUE_TYPES",
    "PAD",
    "STRATEGY_NAMES",
    "STUCK",
    "VOCABULARY",
    "Asks",
    "ClueType",
    "HumanResult",
    "HumanStep",
    "Names",
    "SearchResult",
    "TokenRows",
    "ZebraCells",
    "ZebraPuzzle",
    "ZebraPuzzles",
    "ZebraRecord",
    "ZebraRejection",
    "ZebraRows",
    "ZebraSource",
    "ZebraTriples",
    "check_puzzle",
    "clue_text",
    "contradicting_clues",
    "decode",
    "encode",
    "everyday_names",
    "explain",
    "held_out",
    "prompt_lengths",
    "read_logic_grids",
    "read_sentences",
    "row_major",
    "sentences",
    "shared_up_to_symmetry",
    "solutions_by_sat",
    "solve",
    "solve_by_strategies",
    "stack",
    "symmetry_key",
    "tokens_of",
    "zebra_formula",
]
