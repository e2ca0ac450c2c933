"""Puzzles in prose: the texts of three public sets, every form of a clue, and what is told where they go further."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from generators.zebra import ZebraPuzzle, ZebraSource, clue_text, read_logic_grids
from generators.zebra.files.mentions import Mentions
from generators.zebra.files.prose import FOREIGN, SIZE, UNREADABLE, ProseError, read_prose

LISTS = """There are 3 houses, numbered 1 to 3 from left to right, as seen from across the street. Each house is
occupied by a different person. Each house has a unique attribute for each of the following characteristics:
 - Each person has a unique name: `Peter`, `Eric`, `Arnold`
 - The people are of nationalities: `swede`, `dane`, `german`
 - Each person has a unique favorite drink: `tea`, `green tea`, `milk`
"""
BENCH = f"""{LISTS}
## Clues:
1. Peter is in the second house.
2. Arnold is directly left of the person who likes milk.
3. The Swedish person is not in the third house.
4. The one who only drinks green tea is Eric.
5. The Danish person is somewhere to the left of the German.
6. The person who likes milk is Peter.
7. Arnold is the Swede.
"""
TABLE = {
    "header": ["House", "Name", "Nationality", "Drink"],
    "rows": [["1", "Arnold", "swede", "tea"], ["2", "Peter", "dane", "milk"], ["3", "Eric", "german", "green tea"]],
}
HIDDEN = {"header": TABLE["header"], "rows": [["___"] * 4] * 3}
GYM = """This is a logic puzzle. There are 3 houses (numbered 1 on the left, 3 on the right), from the perspective of
someone standing across the street from them. Each has a different person in them. They have different characteristics:
 - Each person has a unique name: carol, arnold, alice
 - People have unique hair colors: black, blonde, red
 - They all have a different favorite flower: daffodils, lilies, roses

1. The person who loves a bouquet of daffodils is Carol.
2. Alice is in the first house.
3. The person who has blonde hair and Carol are next to each other.
4. The person who loves lilies is directly right of the person who has red hair.
5. The person who has black hair is in the third house.
6. Alice is the person who has red hair.

What is Name of the person who lives in House 1? Provide only the name of the person as your final answer.
"""
BBEH = """There are 3 people next to each other in a row who have the following characteristics.
Everyone has a different name: mark, luis, amy
Everyone has a different job: teacher, nurse, pilot
Everyone has a different favorite sport: golf, tennis, chess
Match the people to the correct value for each of their characteristics using the clues provided.

Clue 1: The person that likes golf is at one of the ends.
Clue 2: The teacher is somewhere between the person that likes golf and the person that likes chess.
Clue 3: The nurse is immediately to the left of the teacher.
Clue 4: Mark is not the nurse.
Clue 5: Luis likes tennis.

If we number the people from left to right starting from 1, what position is mark at?
"""


def read(tmp_path, content: str | bytes):
    path = tmp_path / "puzzles.any"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_logic_grids(path)


ROW = {"id": "lgp-test-3x3-1", "size": "3*3", "puzzle": BENCH}
GYM_ROW = {"question": GYM, "answer": "alice", "metadata": {}}
TAKEN = {
    "ZebraLogicBench": (json.dumps([ROW | {"solution": TABLE}]), 1),
    "ZebraLogicBench, hidden": (json.dumps(ROW | {"solution": HIDDEN}), 1),
    "ZebraLogicBench, lines": ("".join(json.dumps(ROW) + "\n" for _ in range(3)), 3),
    "packed": (gzip.compress(json.dumps([ROW]).encode()), 1),
    "a text": (BENCH, 1),
    "several texts": (BENCH + "\n\n" + BENCH, 2),
    "reasoning-gym": (json.dumps([GYM_ROW]), 1),
    "reasoning-gym, text": (GYM, 1),
    "BBEH": (json.dumps({"examples": [{"input": BBEH, "target": "3"}]}), 1),
    "BBEH, text": (BBEH, 1),
}


@pytest.mark.parametrize("name", TAKEN)
def test_public_forms_are_read(tmp_path, name):
    content, count = TAKEN[name]
    records, rejections = read(tmp_path, content)
    assert rejections == []
    assert len(records) == count
    for record in records:
        assert record.solution.shape == (3, 3)
        if record.puzzle.houses and "swede" in record.names.values[2]:
            shown = [[record.names.values[row + 1][v] for row, v in enumerate(c)] for c in record.solution.T.tolist()]
            assert shown == [row[1:] for row in TABLE["rows"]]


def test_the_header_names_the_characteristics(tmp_path):
    (record,), _ = read(tmp_path, json.dumps(ROW | {"solution": TABLE}))
    assert record.name == "lgp-test-3x3-1"
    assert record.names.attributes == ("House", "Name", "Nationality", "Drink")


def test_a_stated_solution_that_the_clues_refute_is_told(tmp_path):
    rows = [list(row) for row in TABLE["rows"]]
    rows[0][3], rows[1][3] = rows[1][3], rows[0][3]
    _, (wrong,) = read(tmp_path, json.dumps(ROW | {"solution": {"header": TABLE["header"], "rows": rows}}))
    assert "has 'milk' in house 1; the clues give 'tea'" in wrong.detail
    _, (wrong,) = read(tmp_path, json.dumps(GYM_ROW | {"answer": "carol"}))
    assert "the stated answer is 'carol'; the clues give 'alice'" in wrong.detail


CLUES = {
    "Peter is in the second house": "found-at LHS c 0 0 RHS n 0 1",
    "The person who likes milk lives in house 3": "found-at LHS c 2 2 RHS n 0 2",
    "Eric is not in the first house": "not-at LHS c 0 1 RHS n 0 0",
    "Eric does not live in the first house": "not-at LHS c 0 1 RHS n 0 0",
    "Eric is the Danish person": "same-house LHS c 0 1 RHS c 1 1",
    "The tea drinker is the German": "same-house LHS c 2 0 RHS c 1 2",
    "Arnold is not the person who likes green tea": "not-same LHS c 0 2 RHS c 2 1",
    "Arnold is somewhere to the left of the Swede": "left-of LHS c 0 2 RHS c 1 0",
    "Arnold is somewhere to the right of the Swede": "left-of LHS c 1 0 RHS c 0 2",
    "Arnold is directly left of Eric": "immediate-left LHS c 0 2 RHS c 0 1",
    "Arnold is immediately to the right of Eric": "immediate-left LHS c 0 1 RHS c 0 2",
    "Arnold and the German are next to each other": "next-to LHS c 0 2 RHS c 1 2",
    "Arnold is next to the German": "next-to LHS c 0 2 RHS c 1 2",
    "Peter is somewhere between Eric and the German": "between LHS c 0 0 RHS c 0 1 c 1 2",
    "Peter is at one of the ends": "ends LHS c 0 0 RHS",
    "Peter is on the far left or far right": "ends LHS c 0 0 RHS",
}


@pytest.mark.parametrize("clue", CLUES)
def test_every_form_of_a_clue(clue):
    found = read_prose(f"{LISTS}\n1. {clue}.")
    assert [clue_text(row) for row in found.puzzle.clues] == [CLUES[clue]]


@pytest.mark.parametrize(
    ("clue", "reason"),
    [
        ("There is one house between Peter and Eric", FOREIGN),
        ("There are two houses between Peter and the German", FOREIGN),
        ("Either Peter is the German or Eric likes milk", FOREIGN),
        ("Peter likes football", UNREADABLE),
        ("Somebody is in the first house", UNREADABLE),
        ("Peter is in the ninth house", UNREADABLE),
        ("Peter and Eric and Arnold is in the first house", UNREADABLE),
    ],
)
def test_what_is_none_of_ours_is_counted_by_its_kind(tmp_path, clue, reason):
    records, (wrong,) = read(tmp_path, json.dumps([{"id": "a", "puzzle": f"{LISTS}\n1. {clue}."}]))
    assert records == []
    assert (wrong.number, wrong.name, wrong.reason) == (1, "a", reason)
    assert clue[:20] in wrong.detail


def test_other_sizes_are_told():
    two = "There are 2 houses.\n - Names: a, b\n - Pets: cat, dog\n\n1. a is in the first house."
    with pytest.raises(ProseError, match=r"2 houses and 2 characteristics; both lie in 3\.\.6") as refused:
        read_prose(two)
    assert refused.value.reason == SIZE


def test_the_longer_of_two_mentions_counts_and_the_description_decides():
    mentions = Mentions([["pink", "red", "blue"], ["pink", "rose", "lily"]], ["favorite color", "likes the flower"])
    assert mentions.code("the person whose color is pink") == 6
    assert mentions.code("who loves the flower pink") == 12
    assert mentions.code("pink") is None
    assert mentions.code("red and blue") is None


def test_made_puzzles_survive_the_way_through_prose():
    """Forms of our own types, in the words of the public sets, on random puzzles of every size."""
    words = {
        0: "{0} is in {1}", 1: "{0} is not in {1}", 2: "{0} is {1}", 3: "{0} is not {1}",
        4: "{0} is somewhere to the left of {1}", 5: "{0} is directly left of {1}",
        6: "{0} and {1} are next to each other",
        7: "{0} is somewhere between {1} and {2}", 9: "{0} is at one of the ends",
    }  # fmt: skip
    made = ZebraSource(houses=(3, 6), attributes=(3, 6), weights=dict.fromkeys(
        ("found-at", "not-at", "same-house", "not-same", "left-of", "immediate-left", "next-to", "between", "ends"), 1.0
    )).rows(0, 0, 20)  # fmt: skip
    for number in range(20):
        puzzle = made.puzzles[number]
        listed = [[f"v{'abcdef'[a]}{'ghijkl'[v]}" for v in range(puzzle.houses)] for a in range(puzzle.attributes)]
        ordinals = ("first", "second", "third", "fourth", "fifth", "sixth")
        text = "\n".join(f" - Each person has a unique thing {a}: {', '.join(row)}" for a, row in enumerate(listed))
        clues = []
        for kind, *codes in puzzle.clues.tolist():
            places = [divmod(code, 6) for code in codes if code < 42]
            named = [f"the {ordinals[v]} house" if r == 0 else f"the person of {listed[r - 1][v]}" for r, v in places]
            clues.append(words[kind].format(*named))
        found = read_prose(text + "\n" + "\n".join(f"{i}. {clue}." for i, clue in enumerate(clues, start=1)))
        assert isinstance(found.puzzle, ZebraPuzzle)
        assert np.array_equal(found.puzzle.clues, puzzle.clues)
