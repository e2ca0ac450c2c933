"""Created puzzles: the law that is claimed, targets, train and test apart, and a stream that can be cut anywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generators.testing.statistics import multinomial_p_value
from generators.zebra import (
    STUCK,
    ZebraSource,
    held_out,
    shared_up_to_symmetry,
    solve_by_strategies,
    symmetry_key,
)
from generators.zebra.clue import CLUE_TYPES, MOST, NOTHING, TYPE_NUMBERS, truth_tables
from generators.zebra.create import _bounds
from generators.zebra.draw import draw_clue

ALARM = 1e-9  # false-alarm rate of each statistical test here; seeds are fixed, so a pass stays a pass

CASES = {
    "default": ZebraSource(),
    "3x3": ZebraSource(houses=(3, 3), attributes=(3, 3)),
    "6x6": ZebraSource(houses=(6, 6), attributes=(6, 6)),
    "all sizes": ZebraSource(houses=(3, 6), attributes=(3, 6)),
    "easy": ZebraSource(houses=(5, 5), attributes=(5, 5), levels=(1, 3)),
    "stuck": ZebraSource(levels=(STUCK, STUCK)),
    "few types": ZebraSource(weights={"same-house": 2.0, "left-of": 1.0}),
    "test": ZebraSource(part="test", test_share=0.3),
}


@pytest.mark.parametrize("name", CASES)
def test_puzzles_are_as_asked_for(name):
    """Uniqueness and minimality are shown with a SAT solver in test_zebra_search."""
    source = CASES[name]
    rows = source.rows(5, 0, 60)
    houses, attributes = rows.puzzles.houses, rows.puzzles.attributes
    assert (houses >= source.houses[0]).all()
    assert (houses <= source.houses[1]).all()
    assert set(attributes.tolist()) <= set(range(source.attributes[0], source.attributes[1] + 1))
    if source.levels:
        levels = solve_by_strategies(rows.puzzles).levels
        assert ((levels >= source.levels[0]) & (levels <= source.levels[1])).all()
    if source.weights:
        kinds = {CLUE_TYPES[number].name for number in np.unique(rows.puzzles.clues[:, :, 0]) if number >= 0}
        assert kinds == set(source.weights)
    if source.part == "test":
        assert held_out(symmetry_key(rows.puzzles, rows.solutions), source.test_share).all()


@pytest.mark.parametrize("name", ["all sizes", "stuck", "test"])
def test_the_stream_may_be_cut_anywhere(name):
    source = CASES[name]
    whole = source.rows(9, 0, 30)
    pieces = [source.rows(9, *piece) for piece in ((0, 7), (7, 8), (8, 30))]
    assert (np.concatenate([p.puzzles.clues for p in pieces]) == whole.puzzles.clues).all()
    assert (np.concatenate([p.solutions for p in pieces]) == whole.solutions).all()
    assert (np.concatenate([p.puzzles.houses for p in pieces]) == whole.puzzles.houses).all()
    assert (source.rows(10, 0, 30).solutions != whole.solutions).any()
    assert source.rows(9, 3, 3).solutions.shape == (0, MOST, MOST)


def test_sizes_and_solutions_are_uniform():
    rows = CASES["all sizes"].rows(1, 0, 4000)
    sizes = (rows.puzzles.houses - 3) * 4 + rows.puzzles.attributes - 3
    assert multinomial_p_value(np.bincount(sizes, minlength=16), np.full(16, 1 / 16)) > ALARM
    small = CASES["3x3"].rows(1, 0, 20_000).solutions[:, :3, :3].reshape(-1, 9).astype(int)
    _, counts = np.unique(small @ 3 ** np.arange(9), return_counts=True)
    grids = math.factorial(3) ** 3
    counts = np.pad(counts, (0, grids - len(counts)))
    assert multinomial_p_value(counts, np.full(grids, 1 / grids)) > ALARM
    assert multinomial_p_value(counts + np.where(np.arange(grids) < 20, 60, 0), np.full(grids, 1 / grids)) < ALARM


@pytest.mark.parametrize("name", [kind.name for kind in CLUE_TYPES])
def test_a_type_draws_each_of_its_true_clues_alike(name):
    """Over the houses of the operands, uniform over all that make the clue true; over attributes too."""
    houses, attributes, draws = 4, 3, 6000
    solution = np.full((MOST, MOST), -1, dtype=np.int8)
    solution[:attributes, :houses] = np.arange(houses)
    number, state, clue = TYPE_NUMBERS[name], np.array([7], dtype=np.uint64), np.empty(4, dtype=np.int8)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        draw_clue(clue, solution, houses, attributes, _bounds({name: 1.0}), state)
        assert clue[0] == number
        seen[tuple(clue[1:].tolist())] = seen.get(tuple(clue[1:].tolist()), 0) + 1
    kind = CLUE_TYPES[number]
    expected = np.argwhere(truth_tables()[1, number, :houses, :houses, :houses])
    where = len({tuple(row[: kind.operands]) for row in expected.tolist()})
    rows = attributes**kind.operands
    if kind.numbered:
        rows = attributes
    elif name in {"same-house", "not-same"}:
        rows = attributes * (attributes - 1)
    for codes in seen:
        at = [code % MOST if code != NOTHING else 0 for code in codes]
        assert kind.holds(at[0], at[1], at[2], houses)
    counts = np.pad(np.array(list(seen.values())), (0, where * rows - len(seen)))
    assert multinomial_p_value(counts, np.full(where * rows, 1 / (where * rows))) > ALARM


def test_train_and_test_have_no_puzzle_in_common_up_to_symmetry():
    """At 3x3 two streams without parts share many classes, so the split has work to do."""
    n = 1500
    keys = {}
    for part, seed in (("train", 1), ("test", 2), ("all", 3)):
        rows = ZebraSource(houses=(3, 3), attributes=(3, 3), part=part, test_share=0.3).rows(seed, 0, n)
        keys[part] = symmetry_key(rows.puzzles, rows.solutions)
    assert len(shared_up_to_symmetry(keys["train"], keys["test"])) == 0
    assert len(shared_up_to_symmetry(keys["train"], keys["all"])) > n // 20


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"houses": (2, 4)}, "got 2"),
        ({"attributes": (3, 7)}, "got 7"),
        ({"houses": (5, 4)}, r"got \(5, 4\)"),
        ({"weights": {"above": 1.0}}, "'above'; known: found-at"),
        ({"weights": {"ends": -1.0}}, "not negative"),
        ({"weights": {"ends": 1.0, "next-to": 1.0, "left-of": 0.0}}, "same from both ends"),
        ({"levels": (3, 7)}, r"6 stuck; got \(3, 7\)"),
        ({"part": "valid"}, "'valid'"),
        ({"test_share": 0.0}, "got 0.0"),
    ],
)
def test_impossible_sources_are_refused(fields, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ZebraSource(**fields)


def test_a_target_that_no_draw_meets_ends_with_an_error():
    """Puzzles of house numbers alone take one clue at a time."""
    source = ZebraSource(houses=(3, 3), attributes=(3, 3), weights={"found-at": 1.0}, levels=(STUCK, STUCK))
    with pytest.raises(ValueError, match=r"row 3: none of 10000 draws"):
        source.rows(0, 3, 4)


def test_bad_ranges_and_seeds_are_refused():
    with pytest.raises(ValueError, match="start=3, stop=2"):
        ZebraSource().rows(0, 3, 2)
    with pytest.raises(ValueError, match="-1"):
        ZebraSource().rows(-1, 0, 1)
