"""The strategies: every step is a proof, their order is complete, and what each of them may not miss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.zebra import (
    CLUE_TYPES,
    STUCK,
    ZebraPuzzle,
    ZebraSource,
    explain,
    solutions_by_sat,
    solve,
    solve_by_strategies,
    stack,
)
from generators.zebra.clue import LEAST, MOST, NOTHING, truth_tables
from generators.zebra.human import strike_locked_values
from generators.zebra.pairs import strike_by_two_clues
from generators.zebra.search import ENTITIES, open_candidates

ALL_SIZES = ZebraSource(houses=(3, 6), attributes=(3, 6))


@pytest.mark.parametrize("dialect", ["clues", "pairs"])
def test_what_is_filled_is_right_and_solved_means_full(dialect):
    rows = ALL_SIZES.rows(4, 0, 200)
    result = solve_by_strategies(rows.puzzles, dialect)
    assert ((result.solutions < 0) | (result.solutions == rows.solutions)).all()
    assert (result.solved == (result.solutions == rows.solutions).all(axis=(1, 2))).all()
    assert (result.solved == (result.levels < STUCK)).all()
    assert 0.5 < result.solved.mean() < 1.0


def test_the_order_fills_every_cell_once_with_its_value():
    rows = ALL_SIZES.rows(5, 0, 100)
    result = solve_by_strategies(rows.puzzles)
    for order, used, solution, filled in zip(
        result.order, result.strategies, rows.solutions, result.solutions, strict=True
    ):
        cells = order[order[:, 0] >= 0]
        assert (order[len(cells) :] == -1).all()
        assert (used[len(cells) :] == 0).all()
        assert len({(a, h) for a, h, _ in cells.tolist()}) == len(cells) == (filled >= 0).sum()
        assert (solution[cells[:, 0], cells[:, 1]] == cells[:, 2]).all()
        assert ((used[: len(cells)] & 0b110) > 0).all()  # each fill is a lone house or a lone value


def test_explain_tells_the_same_story():
    rows = ALL_SIZES.rows(6, 0, 30)
    result = solve_by_strategies(rows.puzzles)
    for number in range(30):
        steps = explain(rows.puzzles[number])
        fills = [(*step.cell, step.value) for step in steps if step.cell is not None]
        order = result.order[number]
        assert fills == [tuple(cell) for cell in order[order[:, 0] >= 0].tolist()]
        if result.solved[number]:
            assert max(step.strategy for step in steps) == result.levels[number]
        assert {len(step.clues) for step in steps if step.name == "one clue"} <= {1}
        assert {len(step.clues) for step in steps if step.name == "two clues"} <= {2}


def test_one_small_puzzle_step_by_step():
    """House 1 by number, its neighbour by a clue, the rest by exclusion."""
    puzzle = ZebraPuzzle.of(
        3,
        3,
        [
            ("found-at", (1, 0), (0, 0)),
            ("next-to", (1, 1), (1, 0)),
            ("same-house", (2, 0), (1, 2)),
            ("same-house", (2, 2), (1, 0)),
            ("same-house", (3, 1), (1, 1)),
            ("left-of", (3, 2), (3, 0)),
        ],
    )
    steps = [(step.name, step.cell, step.value, step.clues) for step in explain(puzzle)]
    assert steps[:6] == [
        ("one clue", None, None, (1,)),
        ("lone house", (0, 0), 0, ()),
        ("one clue", None, None, (2,)),
        ("lone house", (0, 1), 1, ()),
        ("lone house", (0, 2), 2, ()),
        ("one clue", None, None, (3,)),
    ]
    assert solve_by_strategies(stack([puzzle])).levels.tolist() == [3]


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), missing=st.integers(1, 3))
def test_with_clues_missing_only_what_all_solutions_share_is_filled(seed, missing):
    pytest.importorskip("pysat")
    puzzle = ZebraSource(houses=(4, 4), attributes=(3, 3)).rows(seed, 0, 1).puzzles[0]
    fewer = ZebraPuzzle(4, 3, puzzle.clues[missing:])
    everything = np.array(solutions_by_sat(fewer, limit=50))
    filled = solve_by_strategies(stack([fewer])).solutions[0, :3, :4]
    assert ((filled < 0) | (everything == filled).all(axis=0)).all()


def candidates(rng: np.random.Generator, houses: int, attributes: int) -> np.ndarray:
    """Open candidates of which some are struck at random, none of value h living in house h."""
    cand = np.empty(ENTITIES, dtype=np.uint8)
    open_candidates(cand, houses, attributes)
    for row, value in itertools.product(range(1, attributes + 1), range(houses)):
        cand[MOST * row + value] = rng.integers(1 << houses) | 1 << value
    return cand


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), houses=st.integers(LEAST, 4))
def test_two_clues_strike_exactly_what_no_joint_assignment_supports(seed, houses):
    rng = np.random.default_rng(seed)
    puzzle = ZebraSource(houses=(houses, houses), attributes=(3, 3)).rows(seed, 0, 1)
    names = {(r, int(v)): h for r in range(3) for h, v in enumerate(puzzle.solutions[0, r, :houses])}
    two = puzzle.puzzles.clues[0, :2].copy()
    for code in np.ndindex(2, 3):  # rename values after their houses, so that the clues are true of value h in house h
        entity = int(two[code[0], 1 + code[1]])
        if MOST <= entity < NOTHING:
            two[code[0], 1 + code[1]] = MOST * (entity // MOST) + names[entity // MOST - 1, entity % MOST]
    cand = candidates(rng, houses, 3)
    before = cand.copy()
    struck = strike_by_two_clues(cand, two, 2, houses, truth_tables()[houses - LEAST])
    kept = joint_support(before, two, houses)
    shares_attribute = bool(({e // MOST for e in two[0, 1:] if MOST <= e < NOTHING}) & {e // MOST for e in two[1, 1:]})
    if shares_attribute:
        assert (cand == kept).all()
        assert (struck == (0, 1)) == bool((kept != before).any())
    else:
        assert (cand == before).all()


def joint_support(cand: np.ndarray, two: np.ndarray, houses: int) -> np.ndarray:
    """Candidates that some assignment of all entities of both clues has, values of an attribute in different houses."""
    entities = sorted({int(code) for code in two[:, 1:].ravel() if code != NOTHING})
    union = dict.fromkeys(entities, 0)
    for houses_of in itertools.product(range(houses), repeat=len(entities)):
        at = dict(zip(entities, houses_of, strict=True))
        inside = all(cand[entity] >> house & 1 for entity, house in at.items())
        clash = any(at[a] == at[b] and a // MOST == b // MOST for a, b in itertools.combinations(entities, 2))
        at[NOTHING] = 0
        holds = all(CLUE_TYPES[k].holds(at[a], at[b], at[c], houses) for k, a, b, c in two.tolist())
        if inside and not clash and holds:
            for entity in entities:
                union[entity] |= 1 << at[entity]
    kept = cand.copy()
    for entity in entities:
        kept[entity] = union[entity]
    return kept


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), houses=st.integers(4, MOST))
def test_locked_values_strike_nothing_that_exclusion_allows(seed, houses):
    cand = candidates(np.random.default_rng(seed), houses, 3)
    before = cand.copy()
    struck = strike_locked_values(cand, houses, 3)
    assert struck == bool((cand != before).any())
    for row in range(1, 4):
        line = before[MOST * row : MOST * row + houses]
        union = np.zeros(houses, dtype=int)
        for order in itertools.permutations(range(houses)):
            if all(line[value] >> house & 1 for value, house in enumerate(order)):
                union |= 1 << np.array(order)
        assert ((union & ~cand[MOST * row : MOST * row + houses]) == 0).all()


def test_a_locked_pair_is_found():
    cand = np.empty(ENTITIES, dtype=np.uint8)
    open_candidates(cand, 4, 3)
    cand[MOST : MOST + 2] = 0b0101
    assert strike_locked_values(cand, 4, 3)
    assert cand[MOST : MOST + 4].tolist() == [0b0101, 0b0101, 0b1010, 0b1010]
    assert not strike_locked_values(cand, 4, 3)


@pytest.mark.parametrize("dialect", ["clues", "pairs"])
def test_single_clues_suffice_exactly_where_the_search_makes_no_guess(dialect):
    """Two programs strike by clues and exclusion until nothing changes; the order in which they do cannot matter."""
    rows = ALL_SIZES.rows(7, 0, 300)
    levels, branches = solve_by_strategies(rows.puzzles, dialect).levels, solve(rows.puzzles).branches
    assert ((levels <= 3) == (branches == 0)).all()
    assert 0 < (branches == 0).sum() < 300


def test_more_strategies_solve_more():
    rows = ZebraSource(houses=(5, 5), attributes=(5, 5)).rows(1, 0, 200)
    fewer, more = (solve_by_strategies(rows.puzzles, dialect) for dialect in ("clues", "pairs"))
    assert (fewer.solved <= more.solved).all()
    assert ((fewer.solutions < 0) | (fewer.solutions == more.solutions)).all()
    assert fewer.solved.sum() < more.solved.sum() < 200


def test_an_unknown_dialect_is_refused():
    with pytest.raises((ValueError, TypeError), match="guess"):
        explain(ZebraPuzzle.of(3, 3, []), "guess")
