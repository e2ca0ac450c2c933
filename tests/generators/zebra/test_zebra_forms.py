"""Zebra puzzles as prompted rows: what is written is read back, prompts end at one place, bad input is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.prompted import split_given
from generators.zebra import (
    PAD,
    STUCK,
    VOCABULARY,
    ZebraCells,
    ZebraSource,
    ZebraTriples,
    decode,
    encode,
    explain,
    prompt_lengths,
    row_major,
    solve_by_strategies,
    tokens_of,
)

ORDERS = ("fixed", "solver", "random")
ASKS = ("value", "house")
MASK = len(VOCABULARY)
SOURCE = ZebraSource(houses=(3, 4), attributes=(3, 5), levels=(1, 5))
MADE = SOURCE.rows(4, 0, 30)
FORMS = {"cells": ZebraCells(SOURCE)} | {order: ZebraTriples(SOURCE, order) for order in ORDERS}
HOUSES = {name: replace(form, asks="house") for name, form in FORMS.items()}
RANGES = st.tuples(st.integers(3, 5), st.integers(3, 5)).map(lambda pair: (min(pair), max(pair)))


@st.composite
def forms(draw):
    weights = draw(st.sampled_from([None, {"between": 1.0, "found-at": 6.0}]))
    part = draw(st.sampled_from(["all", "test"]))
    source = ZebraSource(houses=draw(RANGES), attributes=draw(RANGES), weights=weights, levels=(1, 5), part=part)
    name, compact, asks = draw(st.sampled_from(["cells", *ORDERS])), draw(st.booleans()), draw(st.sampled_from(ASKS))
    return ZebraCells(source, compact, asks) if name == "cells" else ZebraTriples(source, name, compact, asks)


def answers_of(form: ZebraTriples, tokens: np.ndarray, number: int) -> list[list[int]]:
    """The triples of one row, without the pads behind them."""
    answer = tokens[number, form.prompt_length :]
    return answer[answer != PAD].reshape(-1, 3).tolist()


def homes(number: int) -> dict[tuple[int, int], int]:
    """(attribute, value) -> house of one puzzle, by reading its solution cell by cell."""
    puzzle = MADE.puzzles[number]
    grid = MADE.solutions[number, : puzzle.attributes, : puzzle.houses]
    return {(attribute, int(value)): house for (attribute, house), value in np.ndenumerate(grid)}


@settings(max_examples=50)
@given(form=forms(), seed=st.integers(0, 2**40), start=st.integers(0, 10**6))
def test_what_is_written_is_read_back(form, seed, start):
    made = form.source.rows(seed, start, start + 5)
    rows = form.rows(seed, start, start + 5)
    tokens, shown = split_given(rows)
    assert rows.shape == (5, form.length)
    mask, pad = form.vocabulary, form.vocabulary + 1
    entities = 42 if form.compact and form.asks == "value" else 6
    assert ((tokens[~shown] >= 0) & (tokens[~shown] < entities)).all()
    assert (((tokens >= 0) & (tokens < mask)) | (tokens == pad)).all()
    assert shown[:, : form.prompt_length].all()
    assert (shown[tokens == pad]).all()
    assert (form.read(tokens, made.puzzles) == made.solutions).all()
    prompt = np.where(shown, tokens, mask)
    assert (form.prompt(made.puzzles) == prompt).all()
    assert (form.read(prompt, made.puzzles) == -1).all()
    keys = {"seed": seed, "start": start} if isinstance(form, ZebraTriples) else {}
    assert (form.encode(made.puzzles, made.solutions, **keys) == rows).all()
    assert (form.rows(seed, start + 2, start + 3) == rows[2:3]).all()


@pytest.mark.parametrize("name", FORMS)
def test_a_prompt_holds_the_clues_and_ends_with_answer(name):
    form = FORMS[name]
    tokens, _ = split_given(form.rows(4, 0, 30))
    lengths = prompt_lengths(MADE.puzzles)
    for number in range(30):
        puzzle, prompt = MADE.puzzles[number], tokens[number, : form.prompt_length]
        assert (prompt != PAD).sum() == lengths[number]
        assert (prompt[-lengths[number] :] != PAD).all()
        read, none = decode(tokens_of(prompt), puzzle.houses, puzzle.attributes)
        assert np.array_equal(read.clues, puzzle.clues)
        assert len(none) == 0
    assert (lengths == encode(MADE.puzzles, row_major(MADE.puzzles, MADE.solutions)).answers + 1).all()


def test_cells_lie_in_a_fixed_layout():
    tokens, shown = split_given(FORMS["cells"].rows(4, 0, 30))
    answer = tokens[:, SOURCE.prompt_length :].reshape(30, 5, 4)
    solutions = MADE.solutions[:, :5, :4]
    assert (answer == np.where(solutions < 0, PAD, solutions)).all()
    assert (shown[:, SOURCE.prompt_length :].reshape(30, 5, 4) == (solutions < 0)).all()
    assert (solutions < 0).any()
    assert FORMS["cells"].vocabulary == 22


@pytest.mark.parametrize("order", ORDERS)
def test_triples_name_every_cell_of_the_puzzle_once(order):
    tokens, _ = split_given(FORMS[order].rows(4, 0, 30))
    for number in range(30):
        puzzle = MADE.puzzles[number]
        triples = answers_of(FORMS[order], tokens, number)
        named = {(attribute, house): value for attribute, house, value in triples}
        grid = MADE.solutions[number, : puzzle.attributes, : puzzle.houses]
        assert len(triples) == grid.size
        assert named == {(int(i), int(j)): int(value) for (i, j), value in np.ndenumerate(grid)}
        assert (tokens[number, SOURCE.prompt_length + 3 * grid.size :] == PAD).all()


def test_where_houses_are_asked_for_a_cell_is_a_value():
    for compact in (False, True):
        form = replace(HOUSES["cells"], compact=compact)
        tokens, shown = split_given(form.rows(4, 0, 30))
        assert form.length == replace(FORMS["cells"], compact=compact).length
        answer = tokens[:, form.prompt_length :].reshape(30, 5, 4)
        given_ = shown[:, form.prompt_length :].reshape(30, 5, 4)
        for number in range(30):
            expected = homes(number)
            for attribute, value in np.ndindex(5, 4):
                here = answer[number, attribute, value]
                assert here == expected.get((attribute, value), form.vocabulary + 1)
                assert given_[number, attribute, value] == ((attribute, value) not in expected)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_where_houses_are_asked_for_a_triple_ends_with_one(order, compact):
    form = replace(HOUSES[order], compact=compact)
    tokens, _ = split_given(form.rows(4, 0, 30))
    pad = form.vocabulary + 1
    for number in range(30):
        answer = tokens[number, form.prompt_length :]
        triples = answer[answer != pad].reshape(-1, 3).tolist()
        assert {(attribute, value): house for attribute, value, house in triples} == homes(number)
        assert len(triples) == len(homes(number))
        fills = [step for step in explain(MADE.puzzles[number]) if step.cell is not None]
        in_solvers_order = [[step.cell[0], step.value, step.cell[1]] for step in fills]
        if order == "fixed":
            assert triples == sorted(triples)
        elif order == "solver":
            assert triples == in_solvers_order
        else:
            assert triples not in (sorted(triples), in_solvers_order)


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("compact", [False, True])
def test_places_are_where_a_cell_is_answered(asks, compact):
    """Change the token at a place: the cell there is the one that is lost."""
    form = ZebraCells(SOURCE, compact, asks)
    places = form.places(MADE.puzzles, MADE.solutions)
    assert ((places < 0) == (MADE.solutions < 0)).all()
    tokens, shown = split_given(form.rows(4, 0, 30))
    for number in range(30):
        used = places[number][places[number] >= 0]
        assert sorted(used.tolist()) == np.flatnonzero(~shown[number]).tolist()
    for attribute, house in np.ndindex(3, 3):
        broken = tokens.copy()
        broken[np.arange(30), places[:, attribute, house]] = form.vocabulary
        lost = np.argwhere(form.read(broken, MADE.puzzles) != MADE.solutions)
        assert lost.tolist() == [[number, attribute, house] for number in range(30)]


def test_a_house_that_two_values_claim_is_nobodys():
    """Values 0 and 1 of attribute 1 change places or claim one house; a value that claims two has none."""
    cells, fixed = HOUSES["cells"], HOUSES["fixed"]
    at, puzzles = SOURCE.prompt_length, MADE.puzzles
    tokens = split_given(cells.rows(4, 0, 30))[0]
    first, second = (int(house) for house in tokens[0, at + 4 : at + 6])
    tokens[0, at + 4] = second
    expected = MADE.solutions.copy()
    expected[0, 1, [first, second]] = -1
    assert (cells.read(tokens, puzzles) == expected).all()
    tokens[0, at + 5] = first
    expected[0, 1, [second, first]] = 0, 1
    assert (cells.read(tokens, puzzles) == expected).all()
    tokens = split_given(fixed.rows(4, 0, 30))[0]
    start = at + 3 * int(puzzles.houses[0])  # the triples of attribute 1
    assert tokens[0, start : start + 6].tolist() == [1, 0, first, 1, 1, second]
    tokens[0, start + 4] = 0  # now value 0 has two houses, and value 1 is not named
    expected[0, 1, [first, second]] = -1
    assert (fixed.read(tokens, puzzles) == expected).all()
    tokens[0, start + 4 : start + 6] = 1, first  # both values in the first house
    assert (fixed.read(tokens, puzzles) == expected).all()


@settings(max_examples=30)
@given(data=st.data(), name=st.sampled_from(["cells", *ORDERS]), compact=st.booleans())
def test_any_houses_are_read_as_a_loop_over_values_reads_them(data, name, compact):
    """Whatever is written: a house belongs to the one value that claims it."""
    form, count = replace(HOUSES[name], compact=compact), 4
    puzzles = SOURCE.rows(4, 0, count).puzzles
    tokens = form.prompt(puzzles)
    answers = data.draw(st.lists(st.integers(-1, 7), min_size=tokens.size, max_size=tokens.size))
    tokens = np.where(tokens == form.vocabulary, np.array(answers).reshape(tokens.shape), tokens)
    read = form.read(tokens, puzzles)
    for number in range(count):
        houses, attributes = int(puzzles.houses[number]), int(puzzles.attributes[number])
        answer = tokens[number, form.prompt_length :].tolist()
        if name == "cells":
            said = {(a, v): {answer[4 * a + v]} for a in range(attributes) for v in range(houses)}
        else:
            triples = [answer[i : i + 3] for i in range(0, len(answer), 3)]
            said = {(a, v): {t[2] for t in triples if t[:2] == [a, v]} for a in range(5) for v in range(houses)}
        for attribute, house in np.ndindex(6, 6):
            claims = [v for v in range(houses) if said.get((attribute, v)) == {house}]
            inside = attribute < attributes and house < houses
            assert read[number, attribute, house] == (claims[0] if inside and len(claims) == 1 else -1)


def test_the_three_orders():
    rows = {order: split_given(FORMS[order].rows(4, 0, 30))[0] for order in ORDERS}
    for number in range(30):
        answers = {order: answers_of(FORMS[order], rows[order], number) for order in ORDERS}
        fills = [[*step.cell, step.value] for step in explain(MADE.puzzles[number]) if step.cell is not None]
        assert answers["fixed"] == sorted(answers["fixed"])
        assert answers["solver"] == fills
        assert fills != answers["fixed"]  # three different orders, so that the lines above can fail
        assert answers["random"] not in (answers["fixed"], fills)


def test_random_orders_belong_to_their_row():
    form, one = FORMS["random"], MADE.puzzles
    rows = form.rows(4, 0, 30)
    assert (form.encode(one, MADE.solutions, seed=4) == rows).all()
    assert (form.encode(one, MADE.solutions, seed=4, start=1) != rows).any(axis=1).all()
    assert (form.encode(one, MADE.solutions, seed=5) != rows).any(axis=1).all()


def test_strange_tokens_are_no_values():
    cells, fixed, at = FORMS["cells"], FORMS["fixed"], SOURCE.prompt_length
    made, puzzles = MADE.solutions, MADE.puzzles
    tokens = split_given(cells.rows(4, 0, 30))[0]
    for strange in (MASK, PAD, int(puzzles.houses[0]), 5, -1):
        broken = tokens.copy()
        broken[0, at + 1] = strange
        wrong = np.argwhere(cells.read(broken, puzzles) != made).tolist()
        assert wrong == [[0, 0, 1]]
        assert cells.read(broken, puzzles)[0, 0, 1] == -1
    beyond = np.where(tokens == PAD, 0, tokens)
    assert (cells.read(beyond, puzzles) == made).all()
    tokens = split_given(fixed.rows(4, 0, 30))[0]
    for part, strange in ((0, MASK), (0, 5), (1, 4), (2, 5), (2, PAD)):
        broken = tokens.copy()
        broken[0, at + 3 + part] = strange
        assert np.argwhere(fixed.read(broken, puzzles) != made).tolist() == [[0, 0, 1]]
        assert fixed.read(broken, puzzles)[0, 0, 1] == -1


def test_a_cell_that_is_named_twice_counts_only_if_both_agree():
    fixed, at = FORMS["fixed"], SOURCE.prompt_length
    tokens = split_given(fixed.rows(4, 0, 30))[0]
    tokens[0, at + 3 : at + 6] = tokens[0, at : at + 3]
    assert np.argwhere(fixed.read(tokens, MADE.puzzles) != MADE.solutions).tolist() == [[0, 0, 1]]
    tokens[0, at + 5] = (tokens[0, at + 5] + 1) % 3
    assert np.argwhere(fixed.read(tokens, MADE.puzzles) != MADE.solutions).tolist() == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("asks", ASKS)
def test_empty_batches(name, asks):
    form = replace(FORMS[name], asks=asks)
    none = SOURCE.rows(4, 2, 2)
    assert form.rows(4, 2, 2).shape == form.prompt(none.puzzles).shape == (0, form.length)
    assert form.read(form.rows(4, 2, 2), none.puzzles).shape == (0, 6, 6)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("asks", ASKS)
def test_bad_puzzles_and_solutions_are_refused(name, asks):
    form = replace(FORMS[name], asks=asks)
    large = ZebraSource(houses=(6, 6), attributes=(3, 3)).rows(0, 0, 1)
    for call in (lambda: form.prompt(large.puzzles), lambda: form.encode(large.puzzles, large.solutions)):
        with pytest.raises(ValueError, match=r"row 0: a puzzle of 6 houses and 3 attributes .* at most 4 and 5"):
            call()
    with pytest.raises((ValueError, TypeError), match=r"need one solution per puzzle; got 2 for 30|encode"):
        form.encode(MADE.puzzles, MADE.solutions[:2])
    wrong = MADE.solutions.copy()
    wrong[7, 1, 2] = MADE.puzzles.houses[7]
    with pytest.raises(ValueError, match=r"row 7: the solution has \d at attribute 1, house 2; values"):
        form.encode(MADE.puzzles, wrong)
    with pytest.raises((ValueError, TypeError), match=rf"have shape \(30, {form.length}\); got \(30, 4\)|read"):
        form.read(np.zeros((30, 4), dtype=np.int64), MADE.puzzles)
    short = replace(form, source=replace(SOURCE, most_tokens=60))
    with pytest.raises(ValueError, match=r"puzzle \d+ takes \d+ tokens, more than length=60"):
        short.prompt(MADE.puzzles)


@pytest.mark.parametrize("name", FORMS)
def test_a_value_without_a_house_cannot_be_written_as_one(name):
    wrong = MADE.solutions.copy()
    wrong[7, 1, 2] = wrong[7, 1, 0]
    twice = int(wrong[7, 1, 0])
    with pytest.raises(
        ValueError, match=r"row 7: value \d of attribute 1 lives in houses (\[\]|\[0, 2\]); it must"
    ) as told:
        HOUSES[name].encode(MADE.puzzles, wrong)
    assert str(twice if "[0, 2]" in str(told.value) else int(MADE.solutions[7, 1, 2])) in str(told.value)
    with pytest.raises((ValueError, TypeError), match=r"asks|houses"):
        replace(FORMS[name], asks="houses")


def test_a_puzzle_without_a_solvers_order_is_refused_early_or_by_its_row():
    source = ZebraSource(levels=(STUCK, STUCK))
    hard = source.rows(0, 0, 3)
    assert not solve_by_strategies(hard.puzzles).solved.any()
    with pytest.raises(ValueError, match=r"row 0: .*no solver's order.*levels=\(1, 5\)"):
        FORMS["solver"].encode(hard.puzzles, hard.solutions)
    for levels in (None, (1, STUCK)):
        with pytest.raises(ValueError, match=r"get stuck in some puzzles.*levels=\(1, 5\)"):
            ZebraTriples(ZebraSource(levels=levels), "solver")
    with pytest.raises((ValueError, TypeError), match="'sorted'"):
        ZebraTriples(SOURCE, "sorted")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("limit", [50, None])
def test_no_puzzle_of_a_source_is_longer_than_its_prompts(limit):
    source = ZebraSource(houses=(3, 3), attributes=(3, 3), most_tokens=limit)
    free = ZebraSource(houses=(3, 3), attributes=(3, 3), most_tokens=625)
    made, unlimited = source.rows(2, 0, 2000), free.rows(2, 0, 2000)
    lengths = prompt_lengths(unlimited.puzzles)
    assert prompt_lengths(made.puzzles).max() <= source.prompt_length == (limit or 88)
    short = lengths <= source.prompt_length
    assert (made.puzzles.clues[short] == unlimited.puzzles.clues[short]).all()  # the others alone are drawn again
    assert (made.attempts[~short] > unlimited.attempts[~short]).all()
    assert (~short).any() == (limit == 50)


def test_prompt_lengths_of_other_laws_and_impossible_limits():
    assert ZebraSource(weights={"between": 1.0}).prompt_length == 625
    assert ZebraSource(houses=(3, 6), attributes=(3, 5)).prompt_length == 16 + 8 * 30
    assert ZebraCells(ZebraSource(most_tokens=100)).length == 116
    with pytest.raises(ValueError, match="fewer than 27 tokens; got most_tokens=26"):
        ZebraSource(most_tokens=26)


def test_fingerprints_tell_forms_apart():
    sources = [ZebraSource(), ZebraSource(weights={"found-at": 1.0}), ZebraSource(most_tokens=99), SOURCE]
    every = [*(ZebraCells(source) for source in sources), *(FORMS[order] for order in ORDERS), *HOUSES.values()]
    assert len({form.fingerprint for form in every}) == len(every)
    weights = ({"ends": 1.0, "not-at": 2.0}, {"not-at": 2.0, "ends": 1.0})
    same = [ZebraCells(ZebraSource(weights=named)) for named in weights]
    assert same[0].fingerprint == same[1].fingerprint
    assert ZebraCells(ZebraSource(most_tokens=144)).fingerprint == ZebraCells(ZebraSource()).fingerprint


def test_forms_that_ask_for_values_keep_the_names_of_their_rows():
    """As they were before houses could be asked for: checkpoints and recorded results are found by them."""
    source = ZebraSource(houses=(3, 3), attributes=(3, 3), levels=(1, 5), part="train", most_tokens=64)
    cells, triples = ZebraCells(source, compact=True), ZebraTriples(source, "solver", compact=True)
    assert cells.fingerprint == "5d2551a56bbbecfe"
    assert triples.fingerprint == "0b07572554893e6e"


def test_a_compact_prompt_is_the_clues_four_tokens_each_behind_pads():
    form = ZebraCells(SOURCE, compact=True)
    tokens, _ = split_given(form.rows(4, 0, 30))
    pad = form.vocabulary + 1
    for number in range(30):
        clues = MADE.puzzles[number].clues.astype(int)
        prompt = tokens[number, : form.prompt_length].reshape(-1, 4)
        assert (prompt[: -len(clues)] == pad).all()
        assert (prompt[-len(clues) :, 0] == 42 + clues[:, 0]).all()
        assert (prompt[-len(clues) :, 1:] == np.where(clues[:, 1:] == 42, pad, clues[:, 1:])).all()


def test_the_compact_prompt_has_room_for_every_puzzle_that_the_published_one_has_room_for():
    """A published clue takes seven tokens at least, "ends", and ``ANSWER`` one; one clue more does not fit."""
    source = ZebraSource(houses=(3, 3), attributes=(3, 3), most_tokens=29)
    form = ZebraCells(source, compact=True)
    assert form.prompt_length == 16
    roomy = replace(source, most_tokens=None)
    counts = (roomy.rows(0, 0, 200).puzzles.clues[:, :, 0] >= 0).sum(axis=1)
    many = int(np.flatnonzero(counts > 4)[0])
    with pytest.raises(ValueError, match="clues, a prompt of 16 tokens room for 4"):
        form.prompt(roomy.rows(0, many, many + 1).puzzles)
    assert (form.rows(0, 0, 200)[:, : form.prompt_length] < 0).all()
