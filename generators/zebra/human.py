"""A person's solver: five strategies, always the simplest that applies, no guessing; the order of its fills.

1 lone house (a value has one house left), 2 lone value (a house has one value of an attribute left), 3 one clue,
4 locked values (k values of an attribute have k houses between them: no other value lives there), 5 two clues (what
no assignment of all entities of two clues supports). The first two fill a cell, the others strike candidates. After
every step the search for the next starts again at the first strategy; clues are tried as they are listed, attributes
and values in their order, so the fill order is a function of the puzzle.

The solver of Shah et al. (2024) is not published, so its order cannot be repeated; it too fills what is easy first,
they say. Dialects: "clues" stops after strategy 4, "pairs" uses all five. Of created puzzles without a superfluous clue
they solve 97% and 99% at 3 houses and 3 attributes, 76% and 91% at 4 and 4, 51% and 75% at 5 and 5, 28% and 48% at 6
and 6: the rest needs more than two clues at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int8, Int16, Int64, UInt8

from generators.ground.compiled import kernel
from generators.zebra.clue import LEAST, MOST, support_tables, truth_tables
from generators.zebra.pairs import strike_by_two_clues
from generators.zebra.puzzle import ZebraPuzzle, ZebraPuzzles, stack
from generators.zebra.search import ENTITIES, clue_count, open_candidates, strike_by_clue

Dialect = Literal["clues", "pairs"]
LONE_HOUSE, LONE_VALUE, ONE_CLUE, LOCKED_VALUES, TWO_CLUES, STUCK = 1, 2, 3, 4, 5, 6
STRATEGY_NAMES = {
    LONE_HOUSE: "lone house",
    LONE_VALUE: "lone value",
    ONE_CLUE: "one clue",
    LOCKED_VALUES: "locked values",
    TWO_CLUES: "two clues",
    STUCK: "stuck",
}
CELLS = MOST * MOST
MOST_STEPS = CELLS * MOST + CELLS  # every step but a fill strikes at least one candidate
_HARDEST = {"clues": LOCKED_VALUES, "pairs": TWO_CLUES}


@dataclass(frozen=True, eq=False)
class HumanResult:
    """What the strategies make of n puzzles.

    Attributes:
        solutions: (n, 6, 6), as far as cells were filled; -1 elsewhere and beyond the puzzle's size.
        order: (n, 36, 3); ``order[i, t]`` is (attribute, house, value) of fill t, from 0; -1 after the last one.
        strategies: (n, 36); bit s of ``strategies[i, t]`` says that strategy s was used after fill t - 1 to get fill t.
        solved: (n,), False where the strategies got stuck.
        levels: (n,), the hardest strategy that the puzzle takes, ``STUCK`` where it is not solved.
    """

    solutions: Int8[np.ndarray, "n 6 6"]
    order: Int8[np.ndarray, "n 36 3"]
    strategies: Int16[np.ndarray, "n 36"]
    solved: Bool[np.ndarray, "n"]
    levels: Int64[np.ndarray, "n"]


@dataclass(frozen=True)
class HumanStep:
    """One step: a fill of (attribute, house) with ``value``, or the striking of candidates (``cell`` is None).

    ``clues`` are the numbers, from 1, of the clues that a strike used.
    """

    strategy: int
    cell: tuple[int, int] | None
    value: int | None
    clues: tuple[int, ...]

    @property
    def name(self) -> str:
        """The strategy in words."""
        return STRATEGY_NAMES[self.strategy]


def solve_by_strategies(puzzles: ZebraPuzzles, dialect: Dialect = "pairs") -> HumanResult:
    """Solve each puzzle as a person would, as far as that goes; every step is a proof.

    Args:
        puzzles: with at least one solution. From clues that contradict each other anything may follow: ask
            :func:`generators.zebra.check_puzzle`.
        dialect: "clues" or "pairs", see the module.
    Raises:
        ValueError: another dialect.
    Cost: 1 microsecond (3 houses, 3 attributes) to 20 (6, 6) with "clues", to 330 with "pairs".
    """
    n, hardest = len(puzzles), _hardest(dialect)
    solutions, order = np.full((n, MOST, MOST), -1, np.int8), np.full((n, CELLS, 3), -1, np.int8)
    strategies, levels = np.zeros((n, CELLS), np.int16), np.zeros(n, dtype=np.int64)
    _solve_rows(
        puzzles.houses,
        puzzles.attributes,
        puzzles.clues,
        support_tables(),
        truth_tables(),
        hardest,
        solutions,
        order,
        strategies,
        levels,
    )
    return HumanResult(solutions, order, strategies, levels < STUCK, levels)


def explain(puzzle: ZebraPuzzle, dialect: Dialect = "pairs") -> list[HumanStep]:
    """Every step that the strategies make on one puzzle, strikes too, until it is solved or they are stuck.

    Raises:
        ValueError: another dialect.
    """
    hardest = _hardest(dialect)
    one = stack([puzzle])
    steps, cand = np.empty((MOST_STEPS, 4), np.int64), np.empty(ENTITIES, np.uint8)
    size = puzzle.houses - LEAST
    made, _ = solve_one(
        one.clues[0],
        puzzle.houses,
        puzzle.attributes,
        support_tables()[size],
        truth_tables()[size],
        hardest,
        cand,
        np.empty((MOST, MOST), np.int8),
        steps,
    )
    return [_step(*row) for row in steps[:made].tolist()]


def _step(strategy: int, one: int, two: int, value: int) -> HumanStep:
    if strategy <= LONE_VALUE:
        return HumanStep(strategy, (one, two), value, ())
    return HumanStep(strategy, None, None, tuple(number + 1 for number in (one, two) if number >= 0))


def _hardest(dialect: str) -> int:
    if dialect not in _HARDEST:
        raise ValueError(f"dialect must be one of {sorted(_HARDEST)}; got {dialect!r}.")
    return _HARDEST[dialect]


@kernel
def _lone_cell(
    cand: UInt8[np.ndarray, "entities"], houses: int, attributes: int, filled: Int8[np.ndarray, "6 6"]
) -> tuple[int, int, int, int]:
    """Strategy, attribute, house and value of the first cell that follows at once; strategy 0 if none does."""
    for row in range(attributes):
        for value in range(houses):
            mask = cand[MOST * (row + 1) + value]
            if mask & (mask - 1) == 0:
                house = 0
                while mask > 1:
                    mask >>= 1
                    house += 1
                if filled[row, house] < 0:
                    return LONE_HOUSE, row, house, value
    for row in range(attributes):
        for house in range(houses):
            if filled[row, house] >= 0:
                continue
            found, last = 0, -1
            for value in range(houses):
                if cand[MOST * (row + 1) + value] >> house & 1:
                    found += 1
                    last = value
            if found == 1:
                return LONE_VALUE, row, house, last
    return 0, -1, -1, -1


@kernel
def _fill(cand: UInt8[np.ndarray, "entities"], row: int, house: int, value: int, houses: int) -> None:
    bit = 1 << house
    for other in range(houses):
        entity = MOST * (row + 1) + other
        cand[entity] = bit if other == value else cand[entity] & ~bit


@kernel
def strike_locked_values(cand: UInt8[np.ndarray, "entities"], houses: int, attributes: int) -> bool:
    """The smallest set of values of some attribute that shuts others out of its houses."""
    for size in range(2, houses - 1):
        for row in range(1, attributes + 1):
            for subset in range(1, 1 << houses):
                members, union = 0, 0
                for value in range(houses):
                    if subset >> value & 1:
                        members += 1
                        union |= cand[MOST * row + value]
                wide = 0
                for house in range(houses):
                    wide += union >> house & 1
                if members != size or wide != size:
                    continue
                struck = False
                for value in range(houses):
                    entity = MOST * row + value
                    if not subset >> value & 1 and cand[entity] & union:
                        cand[entity] &= ~union
                        struck = True
                if struck:
                    return True
    return False


@kernel
def _strike_by_one_clue(
    cand: UInt8[np.ndarray, "entities"],
    clues: Int8[np.ndarray, "m 4"],
    count: int,
    support: UInt8[np.ndarray, "types 3 64 64"],
) -> int:
    """Number of the first clue that strikes something, which it does; -1 if none does."""
    for number in range(count):
        if strike_by_clue(cand, clues[number], support) > 0:
            return number
    return -1


@kernel
def solve_one(
    clues: Int8[np.ndarray, "m 4"],
    houses: int,
    attributes: int,
    support: UInt8[np.ndarray, "types 3 64 64"],
    truth: Bool[np.ndarray, "types 6 6 6"],
    hardest: int,
    cand: UInt8[np.ndarray, "entities"],
    filled: Int8[np.ndarray, "6 6"],
    steps: Int64[np.ndarray, "most 4"],
) -> tuple[int, int]:
    """Number of steps made and the level.

    Rows of ``steps`` become (strategy, attribute, house, value) for fills, (strategy, clue, clue, -1) for strikes.
    """
    open_candidates(cand, houses, attributes)
    filled[:] = -1
    count, made, empty, level = clue_count(clues), 0, houses * attributes, 0
    while empty > 0:
        strategy, one, two, value = _lone_cell(cand, houses, attributes, filled)
        if strategy > 0:
            filled[one, two] = value
            _fill(cand, one, two, value, houses)
            empty -= 1
        else:
            one = _strike_by_one_clue(cand, clues, count, support)
            if one >= 0:
                strategy = ONE_CLUE
            elif strike_locked_values(cand, houses, attributes):
                strategy = LOCKED_VALUES
            elif hardest >= TWO_CLUES:
                one, two = strike_by_two_clues(cand, clues, count, houses, truth)
                strategy = TWO_CLUES if one >= 0 else STUCK
            else:
                strategy = STUCK
        level = max(level, strategy)
        if strategy == STUCK:
            break
        steps[made, 0], steps[made, 1], steps[made, 2], steps[made, 3] = strategy, one, two, value
        made += 1
    return made, level


@kernel
def _solve_rows(
    houses: Int64[np.ndarray, "n"],
    attributes: Int64[np.ndarray, "n"],
    clues: Int8[np.ndarray, "n M 4"],
    support: UInt8[np.ndarray, "sizes types 3 64 64"],
    truth: Bool[np.ndarray, "sizes types 6 6 6"],
    hardest: int,
    solutions: Int8[np.ndarray, "n 6 6"],
    order: Int8[np.ndarray, "n 36 3"],
    strategies: Int16[np.ndarray, "n 36"],
    levels: Int64[np.ndarray, "n"],
) -> None:
    steps, cand = np.empty((MOST_STEPS, 4), np.int64), np.empty(ENTITIES, np.uint8)
    for n in range(len(houses)):
        size = houses[n] - LEAST
        made, levels[n] = solve_one(
            clues[n], houses[n], attributes[n], support[size], truth[size], hardest, cand, solutions[n], steps
        )
        used, fills = 0, 0
        for i in range(made):
            used |= 1 << steps[i, 0]
            if steps[i, 0] <= LONE_VALUE:
                for j in range(3):
                    order[n, fills, j] = steps[i, 1 + j]
                strategies[n, fills] = used
                used = 0
                fills += 1
