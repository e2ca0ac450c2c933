"""An endless, reproducible stream of puzzles with unique solutions: sizes, clue types, difficulty, train or test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.ground.draws import words
from generators.zebra.clue import CLUE_TYPES, LEAST, MOST, TYPE_NUMBERS, support_tables, truth_tables
from generators.zebra.draw import below, draw_clues, draw_solution
from generators.zebra.human import MOST_STEPS, STRATEGY_NAMES, STUCK, TWO_CLUES, solve_one
from generators.zebra.puzzle import PADDING, ZebraPuzzles, check_size
from generators.zebra.search import ENTITIES, LEVELS
from generators.zebra.symmetry import attribute_orders, key_limit, key_of, operand_rules
from generators.zebra.tokens import LONGEST_CLUE, prompt_length

Part = Literal["all", "train", "test"]
MOST_CLUES = 48  # of a created puzzle; a draw with more is thrown away (6 houses, 6 attributes: about 20 are usual)
_DRAWN = 192  # clues of a draw before superfluous ones go
_FEWEST_TOKENS = 2 * LONGEST_CLUE + 1  # at 3 houses, 3 attributes: six places settle it
_STREAM = 0  # of generators.ground.draws.words
_ATTEMPTS = 10_000  # for one puzzle
_PARTS = {"all": 0, "train": 1, "test": 2}


@dataclass(frozen=True, eq=False)
class ZebraRows:
    """Created puzzles.

    Attributes:
        puzzles: n of them, ``clues`` of shape (n, 48, 4).
        solutions: (n, 6, 6), ``[i, attribute, house]`` is the value that lives there, -1 beyond the puzzle's size.
        attempts: (n,), draws that each puzzle took.
    """

    puzzles: ZebraPuzzles
    solutions: Int8[np.ndarray, "n 6 6"]
    attempts: Int64[np.ndarray, "n"]


@dataclass(frozen=True, kw_only=True)
class ZebraSource:
    """A law of puzzles, as plain values.

    A draw takes a size and a uniformly random solution. While the clues leave another solution, true clues are drawn
    until one excludes it; then superfluous clues go, in random order: no clue of the rest can be spared. A draw that
    misses what is asked for below is thrown away and repeated. Attributes of every entity are uniform, house numbers
    stand only in "found-at" and "not-at".

    Args:
        houses: lowest and highest number, within 3..6, drawn uniformly.
        attributes: likewise, and independent of the houses.
        weights: relative frequency of every type among the clues drawn; types that are left out have none. None: all
            ten alike. Types that exclude more stay more often, so frequencies in puzzles are others.
        levels: lowest and highest strategy that a puzzle may take at its hardest step (dialect "pairs"): (1, 5) are
            those that no guess is needed for. None: any.
        part: "train" and "test" never have a puzzle in common up to symmetry, whatever the seeds: the key of its class
            decides where a puzzle belongs.
        test_share: the share of puzzles that belong to "test".
        most_tokens: that the clues and ``ANSWER`` may take (see :mod:`generators.zebra.tokens`), as a network wants
            prompts of one length. None: 16 and 8 per cell of the largest size, which fewer than one draw in 10,000
            exceeds; but with ``weights``, which may want more, whatever 48 clues can take, 625.
    Raises:
        ValueError: sizes outside 3..6 or in reverse, an unknown type, negative or no weights, weights that can never
            tell houses apart, levels outside 1..6, an unknown part, a share outside (0, 1), fewer
            tokens than a puzzle takes.
    """

    houses: tuple[int, int] = (4, 4)
    attributes: tuple[int, int] = (4, 4)
    weights: Mapping[str, float] | None = None
    levels: tuple[int, int] | None = None
    part: Part = "all"
    test_share: float = 0.1
    most_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no stream can deliver."""
        for low, high in (self.houses, self.attributes):
            if low > high:
                raise ValueError(f"sizes are a lowest and a highest number; got ({low}, {high}).")
        check_size(self.houses[0], self.attributes[0])
        check_size(self.houses[1], self.attributes[1])
        _check_weights(self.weights)
        if self.levels is not None and not 1 <= self.levels[0] <= self.levels[1] <= STUCK:
            known = ", ".join(f"{number} {name}" for number, name in STRATEGY_NAMES.items())
            raise ValueError(f"levels are a lowest and a highest of {known}; got {self.levels}.")
        if self.part not in _PARTS:
            raise ValueError(f"part must be one of {sorted(_PARTS)}; got {self.part!r}.")
        key_limit(self.test_share)
        if self.most_tokens is not None and self.most_tokens < _FEWEST_TOKENS:
            raise ValueError(f"no puzzle takes fewer than {_FEWEST_TOKENS} tokens; got most_tokens={self.most_tokens}.")

    @property
    def prompt_length(self) -> int:
        """Tokens that the clues and ``ANSWER`` of a puzzle may take: see ``most_tokens``."""
        if self.most_tokens is not None:
            return self.most_tokens
        if self.weights is not None:
            return MOST_CLUES * LONGEST_CLUE + 1
        return 16 + 8 * self.houses[1] * self.attributes[1]

    def rows(self, sample_seed: int, start: int, stop: int) -> ZebraRows:
        """Puzzles ``start..stop-1`` of the endless sample named by ``sample_seed``.

        Row i depends on (source, sample_seed, i) alone, so pieces agree with the whole and rows can be made in
        parallel, by threads too: the kernels release the interpreter's lock.

        Raises:
            ValueError: a bad range, a negative seed, or no puzzle of the wanted kind in 10,000 draws of a row.
        Cost: a draw takes 0.013 ms for 3 houses and 3 attributes, 0.06 ms for 4 and 4, 0.5 ms for 6 and 6; a part adds
            the key, levels the strategies. Levels (1, 5) take 1.1 draws at 4 and 4, 2 at 6 and 6.
        """
        keys = words(sample_seed, _STREAM, start, stop)
        n = len(keys)
        houses, attributes, attempts = np.zeros((3, n), dtype=np.int64)
        clues = np.full((n, MOST_CLUES, 4), PADDING, dtype=np.int8)
        solutions = np.full((n, MOST, MOST), -1, dtype=np.int8)
        _create_rows(
            keys,
            np.array([*self.houses, *self.attributes]),
            _bounds(self.weights),
            support_tables(),
            truth_tables(),
            np.array(self.levels or (0, STUCK)),
            _PARTS[self.part],
            key_limit(self.test_share),
            self.prompt_length,
            attribute_orders(),
            operand_rules(),
            houses,
            attributes,
            clues,
            solutions,
            attempts,
        )
        if not attempts.all():
            row = start + int(np.flatnonzero(attempts == 0)[0])
            raise ValueError(
                f"row {row}: none of {_ATTEMPTS} draws gave a puzzle of the wanted kind: {self}. Ask for a wider range "
                f"of levels, for more types of clues or for more tokens."
            )
        return ZebraRows(ZebraPuzzles(houses, attributes, clues), solutions, attempts)


def _check_weights(weights: Mapping[str, float] | None) -> None:
    if weights is None:
        return
    unknown = sorted(set(weights) - set(TYPE_NUMBERS))
    if unknown:
        raise ValueError(f"unknown type of clue {unknown[0]!r}; known: {', '.join(TYPE_NUMBERS)}.")
    if any(not 0.0 <= weight < np.inf for weight in weights.values()):
        raise ValueError(f"weights are finite and not negative; got {dict(weights)}.")
    used = {name for name, weight in weights.items() if weight > 0}
    placed = used & {"found-at", "not-at", "left-of", "immediate-left", "between"}
    if not placed:
        raise ValueError(
            f"clues of the types {sorted(used)} look the same from both ends of the street, so no puzzle of them has a "
            f"unique solution. Add one of found-at, not-at, left-of, immediate-left, between."
        )


def _bounds(weights: Mapping[str, float] | None) -> Float64[np.ndarray, "types"]:
    """Cumulative probabilities of the types; at rounding's mercy nothing falls to a type of weight zero."""
    weight = np.array([1.0 if weights is None else weights.get(kind.name, 0.0) for kind in CLUE_TYPES])
    bounds = np.cumsum(weight) / weight.sum()
    bounds[np.flatnonzero(weight)[-1] :] = 1.0
    return bounds


@kernel
def _create_rows(
    keys: UInt64[np.ndarray, "n"],
    sizes: Int64[np.ndarray, "4"],
    bounds: Float64[np.ndarray, "types"],
    support: UInt8[np.ndarray, "sizes types 3 64 64"],
    truth: Bool[np.ndarray, "sizes types 6 6 6"],
    levels: Int64[np.ndarray, "2"],
    part: int,
    cut: np.uint64,
    most_tokens: int,
    orders: Int64[np.ndarray, "orders 6"],
    rules: Int64[np.ndarray, "types 3"],
    houses: Int64[np.ndarray, "n"],
    attributes: Int64[np.ndarray, "n"],
    clues: Int8[np.ndarray, "n M 4"],
    solutions: Int8[np.ndarray, "n 6 6"],
    attempts: Int64[np.ndarray, "n"],
) -> None:
    stack, choice = np.empty((LEVELS, ENTITIES), np.uint8), np.empty((LEVELS, 2), np.int64)
    state, drawn = np.empty(1, np.uint64), np.empty((_DRAWN, 4), np.int8)
    steps, cand = np.empty((MOST_STEPS, 4), np.int64), np.empty(ENTITIES, np.uint8)
    filled = np.empty((MOST, MOST), np.int8)
    for row in range(len(keys)):
        state[0] = keys[row]
        for attempt in range(1, _ATTEMPTS + 1):
            h, a = sizes[0] + below(state, 1 + sizes[1] - sizes[0]), sizes[2] + below(state, 1 + sizes[3] - sizes[2])
            houses[row], attributes[row] = h, a
            draw_solution(h, a, solutions[row], state)
            drawn[:] = PADDING
            tables, facts = support[h - LEAST], truth[h - LEAST]
            count = draw_clues(drawn, solutions[row], h, a, bounds, tables, facts, stack, choice, state)
            if count == 0 or count > clues.shape[1] or prompt_length(drawn) > most_tokens:
                continue
            clues[row] = drawn[: clues.shape[1]]
            if part and (part == 2) != (key_of(clues[row], solutions[row], h, a, orders, rules) < cut):
                continue
            if levels[0] > 1 or levels[1] < STUCK:
                _, level = solve_one(clues[row], h, a, tables, facts, TWO_CLUES, cand, filled, steps)
                if not levels[0] <= level <= levels[1]:
                    continue
            attempts[row] = attempt
            break
