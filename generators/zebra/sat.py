"""The independent check: a puzzle as a formula of propositional logic, decided by a SAT solver.

Nothing is shared with the search of this package but the predicates of the clue types.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Int8

from generators.ground.optional import optional_library
from generators.zebra.clue import CLUE_TYPES, NOTHING, place_of
from generators.zebra.puzzle import ZebraPuzzle

_Literals = list[int]


def solutions_by_sat(puzzle: ZebraPuzzle, limit: int = 2) -> list[Int8[np.ndarray, "attributes houses"]]:
    """Up to ``limit`` solutions of a puzzle, by python-sat (CaDiCaL 1.5.3).

    Raises:
        MissingLibraryError: python-sat is not installed.
        ValueError: a limit below 1.
    Cost: 0.7 milliseconds for 4 houses and 4 attributes, 6 for 6 and 6; a created puzzle takes some 50 such proofs,
    which is why it is not this solver that makes them.
    """
    if limit < 1:
        raise ValueError(f"limit must be positive; got {limit}.")
    solver_of = optional_library("pysat.solvers", "proving a puzzle by clauses").Cadical153
    found: list[Int8[np.ndarray, "attributes houses"]] = []
    with solver_of(bootstrap_with=zebra_formula(puzzle)) as solver:
        while len(found) < limit and solver.solve():
            model = [literal for literal in solver.get_model() or [] if literal > 0]
            found.append(_grid(model, puzzle))
            solver.add_clause([-literal for literal in model])
    return found


def zebra_formula(puzzle: ZebraPuzzle) -> list[_Literals]:
    """Clauses in conjunctive normal form over "this value lives in that house", numbered by :func:`_variable`.

    Every value lives in some house and in one only, every house has each attribute once, and for every clue each
    combination of houses that makes it false is forbidden.
    """
    n = puzzle.houses
    clauses: list[_Literals] = []
    for row in range(1, puzzle.attributes + 1):
        table = [[_variable(row, value, house, n) for house in range(n)] for value in range(n)]
        for line in [*table, *(list(column) for column in zip(*table, strict=True))]:
            clauses.append(line)
            clauses += [[-a, -b] for a, b in itertools.combinations(line, 2)]
    for clue in puzzle.clues.tolist():
        clauses += _forbidden(clue, n)
    return clauses


def _forbidden(clue: list[int], n: int) -> list[_Literals]:
    number, *codes = clue
    places = [place_of(code) for code in codes if code != NOTHING]
    clauses = []
    for houses in itertools.product(*([value] if row == 0 else range(n) for row, value in places)):
        three = [*houses, *[0] * (3 - len(houses))]
        if not CLUE_TYPES[number].holds(three[0], three[1], three[2], n):
            clauses.append(
                [-_variable(row, value, house, n) for (row, value), house in zip(places, houses, strict=True) if row]
            )
    return clauses


def _variable(row: int, value: int, house: int, n: int) -> int:
    return 1 + ((row - 1) * n + value) * n + house


def _grid(model: list[int], puzzle: ZebraPuzzle) -> Int8[np.ndarray, "attributes houses"]:
    grid = np.full((puzzle.attributes, puzzle.houses), -1, dtype=np.int8)
    for literal in model:
        rest, house = divmod(literal - 1, puzzle.houses)
        attribute, value = divmod(rest, puzzle.houses)
        grid[attribute, house] = value
    return grid
