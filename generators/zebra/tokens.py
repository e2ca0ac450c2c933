"""Puzzles as tokens in the layout of Shah et al. (2024): clues, ``ANSWER``, then cells in the order of filling.

A clue is its type, ``LHS`` and the first entity, ``RHS`` and the others, ``CLUE_END``; an entity is ``c`` attribute
value, or ``n`` 0 house. A cell of the answer is the triple attribute, house, value. All numbers count from 0, so digits
go to 5, as in the published evaluation code. For example, with three houses:

    found-at LHS c 0 1 RHS n 0 2 CLUE_END between LHS c 1 0 RHS c 0 2 c 2 1 CLUE_END ... ANSWER 0 2 1 1 1 0 ...

What is ours: ``RHS`` with nothing after it ("ends") or with two entities, as their repository shows binary clues only;
the names of all types but ``immediate-left``; the ids. Theirs number the tokens they meet in alphabetical order and
come to 19, which leaves room for seven types; here the digits are their own ids and there are 22 tokens. The size of a
puzzle is not among the tokens, there as here: it shows in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, Int16, Int64, Integer

from generators.ground.compiled import kernel
from generators.zebra.clue import CLUE_TYPES, MOST, NOTHING, TYPE_NUMBERS, entity
from generators.zebra.puzzle import ZebraPuzzle, ZebraPuzzles
from generators.zebra.search import clue_count

_FIRST_TYPE = MOST
_LHS = _FIRST_TYPE + len(CLUE_TYPES)
_RHS, _ATTRIBUTE, _HOUSE, _CLUE_END, _ANSWER = range(_LHS + 1, _LHS + 6)
VOCABULARY = (*(str(d) for d in range(MOST)), *TYPE_NUMBERS, "LHS", "RHS", "c", "n", "CLUE_END", "ANSWER")
_OWN_TOKENS, _ENTITY_TOKENS = 4, 3  # of a clue: type, LHS, RHS, CLUE_END; and of each of its entities
SHORTEST_CLUE, LONGEST_CLUE = _OWN_TOKENS + _ENTITY_TOKENS, _OWN_TOKENS + 3 * _ENTITY_TOKENS
PAD = len(VOCABULARY) + 1  # len(VOCABULARY) itself is the mask
_IDS = {token: number for number, token in enumerate(VOCABULARY)}
_MARKS = {"c": 1, "n": 0}


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Sequences of n puzzles.

    Attributes:
        ids: (n, L), indices into :data:`VOCABULARY`, then :data:`PAD`.
        answers: (n,), where the token ``ANSWER`` stands; triple t begins at ``answers + 1 + 3 * t``.
        lengths: (n,), tokens before the padding.
    """

    ids: Int16[np.ndarray, "n L"]
    answers: Int64[np.ndarray, "n"]
    lengths: Int64[np.ndarray, "n"]


def encode(puzzles: ZebraPuzzles, cells: Integer[np.ndarray, "n 36 3"], length: int | None = None) -> TokenRows:
    """Token sequences of puzzles and their answers.

    Args:
        puzzles: n of them.
        cells: triples (attribute, house, value) in the order in which they shall stand, then -1: ``order`` of
            :func:`~generators.zebra.human.solve_by_strategies`, or :func:`row_major`.
        length: of all rows; the longest if left out.
    Raises:
        ValueError: a puzzle takes more than ``length`` tokens, or not one list of cells per puzzle.
    Cost: 3 microseconds for all sizes mixed. Created puzzles of 6 houses and 6 attributes take 324 tokens on average.
    """
    if len(cells) != len(puzzles):
        raise ValueError(f"need one list of cells per puzzle; got {len(cells)} for {len(puzzles)}.")
    answers = prompt_lengths(puzzles) - 1
    lengths = answers + 1 + 3 * (cells[:, :, 0] >= 0).sum(axis=1)
    longest = int(lengths.max(initial=0))
    if length is not None and longest > length:
        number = int(np.flatnonzero(lengths > length)[0])
        raise ValueError(f"puzzle {number} takes {lengths[number]} tokens, more than length={length}.")
    ids = np.full((len(puzzles), longest if length is None else length), PAD, dtype=np.int16)
    _encode_rows(puzzles.clues, np.ascontiguousarray(cells, dtype=np.int8), ids)
    return TokenRows(ids, answers, lengths)


def prompt_lengths(puzzles: ZebraPuzzles) -> Int64[np.ndarray, "n"]:
    """Tokens of all clues of each puzzle and of ``ANSWER``, (n,)."""
    lengths = np.empty(len(puzzles), dtype=np.int64)
    _measure_rows(puzzles.clues, lengths)
    return lengths


def row_major(puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"]) -> Int8[np.ndarray, "n 36 3"]:
    """The cells of solutions attribute by attribute, house by house: an order that says nothing about the puzzle."""
    attribute, house = (np.broadcast_to(axis, (MOST, MOST)).ravel() for axis in np.ogrid[:MOST, :MOST])
    cells = np.stack([np.broadcast_to(x, (len(puzzles), MOST**2)) for x in (attribute, house)], axis=2)
    cells = np.concatenate([cells, solutions.reshape(-1, MOST**2, 1)], axis=2)
    outside = (attribute >= puzzles.attributes[:, None]) | (house >= puzzles.houses[:, None])
    first = np.argsort(outside, axis=1, kind="stable")
    cells = np.where(outside[:, :, None], -1, cells)
    return np.take_along_axis(cells, first[:, :, None], axis=1).astype(np.int8)


def tokens_of(ids: Integer[np.ndarray, "L"]) -> list[str]:
    """Tokens in words, without the padding.

    Raises:
        ValueError: an id of no token, with its position; the mask has no word.
    """
    known = ids[ids != PAD]
    for position in np.flatnonzero((known < 0) | (known >= len(VOCABULARY))).tolist():
        raise ValueError(f"position {position} holds id {known[position]}; tokens are 0..{len(VOCABULARY) - 1}.")
    return [VOCABULARY[number] for number in known.tolist()]


def decode(
    tokens: Sequence[str], houses: int | None = None, attributes: int | None = None
) -> tuple[ZebraPuzzle, Int8[np.ndarray, "k 3"]]:
    """Puzzle and cells (attribute, house, value) of a token sequence: the inverse of :func:`encode`.

    Args:
        tokens: in words, see :func:`tokens_of`.
        houses, attributes: the size; left out, it is read off the answer, which must then be complete.
    Raises:
        ValueError: a clue of another form, of an unknown type, attribute, value or house, with its number and text; an
            answer that is not made of triples of digits.
    """
    words = list(tokens)
    if words.count("ANSWER") != 1:
        raise ValueError(f"a sequence holds ANSWER once; got {words.count('ANSWER')} of {len(words)} tokens.")
    middle = words.index("ANSWER")
    cells = _read_cells(words[middle + 1 :])
    if (houses is None or attributes is None) and len(cells) == 0:
        raise ValueError("the size of a puzzle shows in its answer; this one has none: pass houses and attributes.")
    size = cells.max(axis=0, initial=-1) + 1
    rows = [_read_clue(number, part) for number, part in enumerate(_split_clues(words[:middle]), start=1)]
    clues = np.array(rows, dtype=np.int8).reshape(-1, 4)
    n_houses = int(size[1]) if houses is None else houses
    return ZebraPuzzle(n_houses, int(size[0]) if attributes is None else attributes, clues), cells


def _split_clues(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "CLUE_END":
            parts.append([])
        else:
            parts[-1].append(word)
    last = parts.pop()
    if last:
        raise ValueError(f"clue {len(parts) + 1} ({' '.join(last)}): no CLUE_END before ANSWER.")
    return parts


def _read_clue(number: int, words: list[str]) -> list[int]:
    text = f"clue {number} ({' '.join(words)})"
    if not words or words[0] not in TYPE_NUMBERS:
        first = words[0] if words else "nothing"
        raise ValueError(f"{text}: unknown type {first!r}; known: {', '.join(TYPE_NUMBERS)}.")
    if words[1:2] != ["LHS"] or words[5:6] != ["RHS"] or len(words) % 3:
        raise ValueError(f"{text}: a clue reads TYPE LHS c/n attribute value RHS c/n attribute value ...")
    operands = [words[2:5], *(words[i : i + 3] for i in range(6, len(words), 3))]
    if len(operands) > 3:
        raise ValueError(f"{text}: a clue has at most 3 operands; got {len(operands)}.")
    codes = [_read_operand(text, *operand) for operand in operands]
    return [TYPE_NUMBERS[words[0]], *codes, *[NOTHING] * (3 - len(codes))]


def _read_operand(text: str, mark: str, attribute: str, value: str) -> int:
    digits = VOCABULARY[:MOST]
    if mark not in _MARKS or attribute not in digits or value not in digits:
        raise ValueError(
            f"{text}: unknown entity '{mark} {attribute} {value}'; it is c attribute value or n 0 house, with digits "
            f"0..{MOST - 1}."
        )
    return entity(1 + int(attribute) if _MARKS[mark] else 0, int(value))


def _read_cells(words: list[str]) -> Int8[np.ndarray, "k 3"]:
    strange = [word for word in words if word not in VOCABULARY[:MOST]]
    if strange or len(words) % 3:
        seen = f"{strange[0]!r}" if strange else f"{len(words)} tokens"
        raise ValueError(f"an answer is triples of digits (attribute, house, value); got {seen}.")
    return np.array(words, dtype=np.int8).reshape(-1, 3)


@kernel
def prompt_length(clues: Int8[np.ndarray, "m 4"]) -> int:
    """Tokens of the clues of one puzzle and of ``ANSWER``."""
    length = 1
    for number in range(clue_count(clues)):
        length += _OWN_TOKENS
        for slot in range(1, 4):
            if clues[number, slot] != NOTHING:
                length += _ENTITY_TOKENS
    return length


@kernel
def _measure_rows(clues: Int8[np.ndarray, "n M 4"], lengths: Int64[np.ndarray, "n"]) -> None:
    for n in range(len(clues)):
        lengths[n] = prompt_length(clues[n])


@kernel
def _encode_rows(
    clues: Int8[np.ndarray, "n M 4"], cells: Int8[np.ndarray, "n 36 3"], ids: Int16[np.ndarray, "n L"]
) -> None:
    for n in range(len(clues)):
        at = 0
        for i in range(clue_count(clues[n])):
            ids[n, at], ids[n, at + 1] = _FIRST_TYPE + clues[n, i, 0], _LHS
            at += 2
            for slot in range(3):
                code = clues[n, i, 1 + slot]
                if code != NOTHING:
                    row = code // MOST
                    ids[n, at] = _HOUSE if row == 0 else _ATTRIBUTE
                    ids[n, at + 1], ids[n, at + 2] = max(row - 1, 0), code % MOST
                    at += 3
                if slot == 0:
                    ids[n, at] = _RHS
                    at += 1
            ids[n, at] = _CLUE_END
            at += 1
        ids[n, at] = _ANSWER
        at += 1
        for t in range(cells.shape[1]):
            if cells[n, t, 0] >= 0:
                for j in range(3):
                    ids[n, at + j] = cells[n, t, j]
                at += 3
