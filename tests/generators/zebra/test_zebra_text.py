"""Tokens, sentences and files: what is written is read back, and what is wrong is said with number and text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from generators.zebra import (
    PAD,
    VOCABULARY,
    Names,
    ZebraPuzzle,
    ZebraSource,
    clue_text,
    decode,
    encode,
    everyday_names,
    read_logic_grids,
    read_sentences,
    row_major,
    sentences,
    solutions_by_sat,
    solve_by_strategies,
    stack,
    tokens_of,
)
from generators.zebra.clue import CLUE_TYPES
from generators.zebra.files.prose import FOREIGN
from generators.zebra.reading import OTHER

ROWS = ZebraSource(houses=(3, 6), attributes=(3, 6), levels=(1, 5)).rows(11, 0, 60)
EXAMPLE = ZebraPuzzle.of(
    3,
    3,
    [("found-at", (1, 1), (0, 2)), ("between", (2, 0), (1, 2), (3, 1)), ("ends", (3, 0)), ("next-to", (0, 1), (2, 1))],
)
EXAMPLE_TEXT = (
    "found-at LHS c 0 1 RHS n 0 2 CLUE_END between LHS c 1 0 RHS c 0 2 c 2 1 CLUE_END ends LHS c 2 0 RHS CLUE_END "
    "next-to LHS n 0 1 RHS c 1 1 CLUE_END ANSWER 0 2 1 1 1 0"
)
EXAMPLE_TOKENS = EXAMPLE_TEXT.split()


def test_the_layout_in_one_example():
    cells = np.full((1, 36, 3), -1, dtype=np.int8)
    cells[0, :2] = [[0, 2, 1], [1, 1, 0]]
    rows = encode(stack([EXAMPLE]), cells, length=60)
    assert tokens_of(rows.ids[0]) == EXAMPLE_TOKENS
    assert rows.lengths[0] == len(EXAMPLE_TOKENS)
    assert VOCABULARY[rows.ids[0, rows.answers[0]]] == "ANSWER"
    assert (rows.ids[0, rows.lengths[0] :] == PAD).all()
    assert clue_text(EXAMPLE.clues[1]) == "between LHS c 1 0 RHS c 0 2 c 2 1"
    assert [VOCABULARY[d] for d in range(6)] == list("012345")
    assert PAD == len(VOCABULARY) + 1 == 23


@pytest.mark.parametrize("layout", ["solver", "row by row"])
def test_tokens_are_read_back(layout):
    result = solve_by_strategies(ROWS.puzzles)
    cells = result.order if layout == "solver" else row_major(ROWS.puzzles, ROWS.solutions)
    rows = encode(ROWS.puzzles, cells)
    assert rows.ids.shape[1] == rows.lengths.max()
    for number in range(60):
        puzzle, answer = decode(tokens_of(rows.ids[number]))
        original = ROWS.puzzles[number]
        assert (puzzle.houses, puzzle.attributes) == (original.houses, original.attributes)
        assert np.array_equal(puzzle.clues, original.clues)
        assert np.array_equal(answer, cells[number, : len(answer)])
        assert (cells[number, len(answer) :] == -1).all()


def test_row_by_row_is_reading_order():
    cells = row_major(ROWS.puzzles, ROWS.solutions)
    for number in range(10):
        h, a = int(ROWS.puzzles.houses[number]), int(ROWS.puzzles.attributes[number])
        grid = ROWS.solutions[number]
        expected = [[i, j, int(grid[i, j])] for i in range(a) for j in range(h)]
        assert cells[number, : a * h].tolist() == expected


def test_too_short_a_row_is_refused():
    cells = row_major(ROWS.puzzles, ROWS.solutions)
    with pytest.raises(ValueError, match=r"puzzle \d+ takes \d+ tokens, more than length=50"):
        encode(ROWS.puzzles, cells, length=50)
    with pytest.raises(ValueError, match="got 2 for 60"):
        encode(ROWS.puzzles, cells[:2])
    with pytest.raises(ValueError, match="position 1 holds id 22"):
        tokens_of(np.array([0, 22, PAD]))


def swapped(old: str, new: str) -> list[str]:
    return EXAMPLE_TEXT.replace(old, new, 1).split()


BAD_TOKENS = [
    (swapped("ends", "above"), r"clue 3 \(above LHS c 2 0 RHS\): unknown type 'above'"),
    (swapped("between LHS c 1 0", "between LHS c 4 0"), r"clue 2 \(between .*unknown attribute 4; the puzzle has 3"),
    (swapped("c 2 1 CLUE_END", "c 2 5 CLUE_END"), r"clue 2 \(between .*unknown value of attribute 2 5; there are 3"),
    (swapped("n 0 2", "x 0 2"), r"clue 1 \(found-at .*unknown entity 'x 0 2'"),
    (swapped("n 0 2", "n 0 9"), r"clue 1 \(found-at .*unknown entity 'n 0 9'"),
    (swapped("ends LHS", "ends"), r"clue 3 \(ends c 2 0 RHS\): a clue reads TYPE LHS"),
    (swapped("c 0 2 c 2 1", "c 0 2 c 2 1 c 2 2"), r"clue 2 .*at most 3 operands"),
    (swapped("c 0 2 c 2 1", "c 0 2"), r"clue 2 \(between LHS c 1 0 RHS c 0 2\): between has 3 operands; got 2"),
    (swapped("CLUE_END ANSWER", "ANSWER"), r"clue 4 \(next-to .*no CLUE_END"),
    (swapped("ANSWER", "CLUE_END"), "holds ANSWER once; got 0"),
    (EXAMPLE_TOKENS[:-1], "triples of digits .* got 5 tokens"),
    ([*EXAMPLE_TOKENS[:-1], "c"], "triples of digits .* got 'c'"),
]


@pytest.mark.parametrize(("tokens", "words"), BAD_TOKENS)
def test_bad_tokens_are_refused(tokens, words):
    with pytest.raises(ValueError, match=words):
        decode(tokens, 3, 3)


def test_a_size_is_needed_where_the_answer_does_not_show_it():
    with pytest.raises(ValueError, match="pass houses and attributes"):
        decode(EXAMPLE_TOKENS[:-6])
    puzzle, cells = decode(EXAMPLE_TOKENS[:-6], 3, 3)
    assert np.array_equal(puzzle.clues, EXAMPLE.clues)
    assert len(cells) == 0


def test_sentences_are_read_back():
    seen = set()
    for number in range(60):
        puzzle = ROWS.puzzles[number]
        seen |= set(puzzle.clues[:, 0].tolist())
        lines = sentences(puzzle)
        assert np.array_equal(
            read_sentences(lines, everyday_names(puzzle.houses, puzzle.attributes)).clues, puzzle.clues
        )
    assert seen == set(range(len(CLUE_TYPES)))


def test_sentences_in_one_example():
    assert sentences(EXAMPLE) == [
        "The person with Nationality Spaniard lives in House 3.",
        "The person with Colour red lives somewhere between the person with Nationality Japanese on the left and the "
        "person with Pet dog on the right.",
        "The person with Pet zebra lives at one of the ends.",
        "The person with House 2 lives next to the person with Colour green.",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("The zebra sings.", r"clue 2 \(The zebra sings\.\): no sentence of a known kind"),
        (
            "The person with Car Volvo also has Pet dog.",
            r"clue 2 \(The person.*unknown attribute in 'Car Volvo'; attrib",
        ),
        (
            "The person with Pet cat also has Colour red.",
            r"clue 2 \(The person.*Pet has no value 'cat'; it has zebra, d",
        ),
        ("The person with Pet dog lives in Colour red.", r"clue 2 .*last operand of found-at is a house number"),
    ],
)
def test_bad_sentences_are_refused(line, words):
    with pytest.raises(ValueError, match=words):
        read_sentences(["The person with Pet dog lives in House 1.", line], everyday_names(3, 3))


def test_names_must_fit():
    with pytest.raises(ValueError, match="4 houses and 3 attributes; the names are for 3 and 3"):
        sentences(ZebraPuzzle.of(4, 3, []), everyday_names(3, 3))
    with pytest.raises(ValueError, match=r"rows of \[3, 2\]"):
        Names(("House", "Pet"), (("1", "2", "3"), ("a", "b")))


FOLDER = Path(os.environ.get("LO_THEORY_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
WANTED = (
    "needs zebra_49.json in the folder that LO_THEORY_DATA names: a JSON list of 49 logic-grid puzzles (Apache-2.0), "
    "each with its entities, its clues as sentences and its solution, in the form that read_logic_grids takes"
)


def test_every_public_puzzle_has_the_stated_solution_and_no_other():
    path = FOLDER / "zebra_49.json"
    if not path.exists():
        pytest.skip(WANTED)
    records, rejections = read_logic_grids(path)
    assert rejections == []
    assert len(records) == 49
    stated = json.loads(path.read_text())
    for record, form in zip(records, stated, strict=True):
        assert record.solution.tolist() == form["solution"][1:]
        assert sentences(record.puzzle, record.names) == form["clues"]
    result = solve_by_strategies(stack([record.puzzle for record in records]), "clues")
    assert (result.levels == 3).all()


def test_public_puzzles_by_a_sat_solver():
    pytest.importorskip("pysat")
    path = FOLDER / "zebra_49.json"
    if not path.exists():
        pytest.skip(WANTED)
    for record in read_logic_grids(path)[0]:
        (only,) = solutions_by_sat(record.puzzle)
        assert (only == record.solution).all()


GOOD = {
    "puzzle_id": 7,
    "dimensions": ["Name", "Pet", "Drink", "Job"],
    "entities": [["Ann", "Ben", "Cid"], ["dog", "cat", "emu"], ["tea", "ale", "gin"], ["cook", "mate", "poet"]],
    "clues": [
        "The person with Name Ann also has Pet dog.",
        "The person with Pet cat does not have Name Cid.",
        "The person with Pet dog also has Drink tea.",
        "The person with Drink gin does not have Pet cat.",
        "The person with Job cook also has Drink tea.",
        "The person with Job poet also has Pet emu.",
    ],
    "solution": [["Person_0", "Person_1", "Person_2"], [2, 0, 1], [0, 1, 2], [1, 2, 0]],
}


def with_clue(number: int, line: str) -> dict:
    clues = list(GOOD["clues"])
    clues[number - 1] = line
    return GOOD | {"clues": clues}


BAD_RECORDS = [
    (with_clue(2, "Ann sings."), r"clue 2 \(Ann sings\.\): no sentence"),
    (
        with_clue(2, "The person with Pet cat also has Name Ann."),
        r"no solution: clue 2 .*contradicts clue 1 \(The person",
    ),
    (GOOD | {"clues": GOOD["clues"][:-1]}, "two solutions"),
    (GOOD | {"solution": [[], [2, 0, 1], [0, 1, 2]]}, "a solution has 4 rows"),
    (GOOD | {"solution": [[], [2, 0, 0], [0, 1, 2], [1, 2, 0]]}, r"permutation of 0\.\.2"),
    (GOOD | {"entities": GOOD["entities"][:3]}, "4 dimensions"),
    (with_clue(6, "The person with Job mate also has Pet emu."), "gives Ben the Job mate; the clues give poet"),
    ({"clues": []}, "an object with the lists"),
    (3, "an object with the lists"),
]


@pytest.mark.parametrize(("form", "words"), BAD_RECORDS)
def test_bad_records_are_left_out_and_named(tmp_path, form, words):
    path = tmp_path / "puzzles.json"
    path.write_text(json.dumps([GOOD, form]))
    records, rejections = read_logic_grids(path)
    assert [record.name for record in records] == ["7"]
    assert records[0].solution.tolist() == GOOD["solution"][1:]
    assert [rejection.number for rejection in rejections] == [2]
    with pytest.raises(ValueError, match=rf"puzzle 2 \(id [27]\): .*{words}"):
        read_logic_grids(path, strict=True)


def test_a_clue_of_another_type_is_counted_as_such(tmp_path):
    path = tmp_path / "puzzles.json"
    path.write_text(json.dumps([with_clue(2, "There is one house between Ann and Ben."), BAD_RECORDS[2][0]]))
    assert [rejection.reason for rejection in read_logic_grids(path)[1]] == [FOREIGN, OTHER]


def test_no_json_is_said(tmp_path):
    path = tmp_path / "puzzles.json"
    path.write_text("[")
    with pytest.raises(ValueError, match="no JSON"):
        read_logic_grids(path)
    path.write_text("{}")
    assert [rejection.number for rejection in read_logic_grids(path)[1]] == [1]
