"""Files of every public layout, streamed; what is wrong with a row is said with its line and its place."""

from __future__ import annotations

import numpy as np
import pytest

from generators.sudoku import (
    SIZES,
    PuzzleBatch,
    SudokuSource,
    count_reasons,
    grid_text,
    pack_rows,
    read_puzzles,
    reading,
    solve_by_strategies,
    stream_puzzles,
    unpack_rows,
)

ROWS = SudokuSource(levels=(2, 8)).rows(3, 0, 8)
PUZZLES = [grid_text(puzzle) for puzzle in ROWS.puzzles]
SOLUTIONS = [grid_text(solution) for solution in ROWS.solutions]


def write(tmp_path, lines: list[str], name: str = "puzzles.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def assert_all_rows(found: PuzzleBatch) -> None:
    assert found.rejections == ()
    assert (found.puzzles == ROWS.puzzles).all()
    assert (found.solutions == ROWS.solutions).all()


PAIRS = list(zip(PUZZLES, SOLUTIONS, strict=True))
LAYOUTS = {
    "Radcliffe": ["puzzle,solution,clues,level", *(f"{p},{s},24,Easy" for p, s in PAIRS)],
    "Park": ["quizzes,solutions", *(f"{p.replace('.', '0')},{s}" for p, s in PAIRS)],
    "columns in another order": ["id,Solution,Puzzle", *(f"{i},{s},{p}" for i, (p, s) in enumerate(PAIRS))],
    "puzzles alone with a header": ["puzzle", *PUZZLES],
    "bare lines": PUZZLES,
    "bare pairs": [f"{p},{s}" for p, s in PAIRS],
    "quoted, with blank lines": ["", '"puzzle","solution"', *(f'"{p}","{s}"\n' for p, s in PAIRS)],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_public_layouts_are_read(tmp_path, name):
    assert_all_rows(read_puzzles(write(tmp_path, LAYOUTS[name]), strict=True))


def test_lines_count_from_one_with_the_header(tmp_path):
    assert read_puzzles(write(tmp_path, LAYOUTS["Park"])).lines.tolist() == list(range(2, 10))
    assert read_puzzles(write(tmp_path, PUZZLES)).lines.tolist() == list(range(1, 9))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "puzzles.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(LAYOUTS["Radcliffe"]).encode())
    assert_all_rows(read_puzzles(path))


def test_batches_are_pieces_of_the_whole(tmp_path, monkeypatch):
    path = write(tmp_path, LAYOUTS["Radcliffe"])
    monkeypatch.setattr(reading, "_BATCH", 3)
    pieces = list(stream_puzzles(path))
    assert [len(piece.puzzles) for piece in pieces] == [2, 3, 3]  # the header takes a place
    assert_all_rows(read_puzzles(path))


EMPTY = "." * 81
ARABIC_FIVE = "\u0665"  # a digit for Python, not for a grid


def with_digit(text: str, cell: int, digit: str) -> str:
    return text[:cell] + digit + text[cell + 1 :]


def no_solution() -> str:
    """Row 1 wants a 9 in its last cell, which column 9 has already; no given contradicts another."""
    return with_digit("12345678." + "." * 72, 80, "9")


def wrong_elsewhere() -> str:
    empty = [cell for cell in range(81) if PUZZLES[0][cell] == "."]
    swapped = list(SOLUTIONS[0])
    first = empty[0]
    second = next(cell for cell in empty if swapped[cell] != swapped[first])
    swapped[first], swapped[second] = swapped[second], swapped[first]
    return "".join(swapped)


GIVEN = next(cell for cell in range(81) if PUZZLES[0][cell] != ".")
OTHER = "1" if PUZZLES[0][GIVEN] != "1" else "2"
BAD = {
    "wrong length": (f"{EMPTY[:-1]},{SOLUTIONS[0]}", "81 characters; got 80"),
    "wrong length ": (f"{PUZZLES[0]},{SOLUTIONS[0]}1", "got 82"),
    "bad character": (f"{with_digit(EMPTY, 10, 'z')},{SOLUTIONS[0]}", "row 2, column 2 holds 'z'"),
    "bad character ": (f"{PUZZLES[0]},{with_digit(SOLUTIONS[0], 80, '!')}", "row 9, column 9 holds '!'"),
    "bad character  ": (f"{with_digit(EMPTY, 4, ARABIC_FIVE)},{SOLUTIONS[0]}", "row 1, column 5 holds"),
    "contradicting givens": (f"{with_digit(with_digit(EMPTY, 0, '7'), 5, '7')},{SOLUTIONS[0]}", "row 1, column 6"),
    "no solution": (f"{no_solution()},{SOLUTIONS[0]}", "no filling"),
    "two solutions": (f"{EMPTY},{SOLUTIONS[0]}", "more than one"),
    "solution contradicts the givens": (
        f"{PUZZLES[0]},{with_digit(SOLUTIONS[0], GIVEN, OTHER)}",
        f"row {GIVEN // 9 + 1}, column {GIVEN % 9 + 1} is given as {PUZZLES[0][GIVEN]}; the solution has {OTHER}",
    ),
    "solution is no valid grid": (f"{PUZZLES[0]},{wrong_elsewhere()}", "repeats a digit"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_left_out_and_named(tmp_path, name):
    line, detail = BAD[name]
    lines = [*LAYOUTS["Radcliffe"][:4], line, *LAYOUTS["Radcliffe"][4:]]
    path = write(tmp_path, lines)
    found = read_puzzles(path)
    assert [(r.line, r.reason) for r in found.rejections] == [(5, name.strip())]
    assert detail in found.rejections[0].detail
    assert (found.puzzles == ROWS.puzzles).all()
    with pytest.raises(ValueError, match=f"line 5: {name.strip()}"):
        read_puzzles(path, strict=True)


def test_reasons_are_counted(tmp_path):
    lines = [line for line, _ in BAD.values()]
    found = read_puzzles(write(tmp_path, ["puzzle,solution", *lines]))
    counts = count_reasons(found.rejections)
    assert counts == {name: sum(key.strip() == name for key in BAD) for name in counts}
    assert sum(counts.values()) == len(BAD)
    assert found.puzzles.shape == (0, 81)


def test_a_grid_of_another_size_is_a_wrong_length(tmp_path):
    small = SudokuSource(side=6).rows(0, 0, 3)
    path = write(tmp_path, [grid_text(puzzle) for puzzle in small.puzzles])
    assert count_reasons(read_puzzles(path).rejections) == {"wrong length": 3}
    assert (read_puzzles(path, side=6).solutions == small.solutions).all()
    with pytest.raises(ValueError, match="got 5"):
        read_puzzles(path, side=5)


def test_files_without_puzzles(tmp_path):
    assert read_puzzles(write(tmp_path, [])).puzzles.shape == (0, 81)
    with pytest.raises(ValueError, match="no column named puzzle"):
        read_puzzles(write(tmp_path, ["hints,level", "x,1"]))
    with pytest.raises(FileNotFoundError):
        read_puzzles(tmp_path / "absent.csv")


@pytest.mark.parametrize("side", [4, 6, 9])
def test_rows_of_shah_et_al_go_there_and_back(tmp_path, side):
    rows = SudokuSource(side=side, levels=(2, 8)).rows(1, 0, 20)
    result = solve_by_strategies(rows.puzzles)
    packed = pack_rows(rows.puzzles, result)
    assert packed.shape == (20, 1 + 4 * SIZES[side].cells)
    back = unpack_rows(packed)
    assert back.well_formed.all()
    assert (back.puzzles == rows.puzzles).all()
    assert (back.solutions == rows.solutions).all()
    assert (back.order == result.order).all()
    assert (back.strategies == result.hardest_per_fill).all()
    np.save(tmp_path / "rows.npy", packed)
    found = read_puzzles(tmp_path / "rows.npy", side=side, strict=True)
    assert (found.puzzles == rows.puzzles).all()
    assert found.order is not None
    assert (found.order == result.order).all()


def test_the_quadruples_are_row_column_digit_strategy_givens_first():
    packed = pack_rows(ROWS.puzzles, solve_by_strategies(ROWS.puzzles))[0]
    givens = int(packed[0])
    quadruples = packed[1:].reshape(81, 4)
    cells = quadruples[:, 0] * 9 + quadruples[:, 1]
    assert givens == (ROWS.puzzles[0] > 0).sum()
    assert cells[:givens].tolist() == np.flatnonzero(ROWS.puzzles[0]).tolist()
    assert (quadruples[:, 2] == ROWS.solutions[0][cells]).all()
    assert not quadruples[:givens, 3].any()
    assert ((quadruples[givens:, 3] >= 2) & (quadruples[givens:, 3] <= 8)).all()


def test_bad_rows_of_shah_et_al_are_named(tmp_path):
    packed = pack_rows(ROWS.puzzles, solve_by_strategies(ROWS.puzzles))
    packed[1, 1] = 9  # a row that does not exist
    packed[2, 5:7] = packed[2, 1:3]  # a cell twice
    packed[3, 0] = 0  # no givens
    packed[4, 4 * 80 + 3] = packed[4, 4 * 80 + 3] % 9 + 1  # another digit in the cell that is filled last
    packed[5, 0] = 82
    np.save(tmp_path / "rows.npy", packed)
    found = read_puzzles(tmp_path / "rows.npy")
    assert sorted((r.line, r.reason) for r in found.rejections) == [
        (2, "malformed row"),
        (3, "malformed row"),
        (4, "two solutions"),
        (5, "solution is no valid grid"),
        (6, "malformed row"),
    ]
    assert found.lines.tolist() == [1, 7, 8]
    np.save(tmp_path / "other.npy", packed[:, :-1])
    with pytest.raises(ValueError, match=r"\(n, 325\)"):
        read_puzzles(tmp_path / "other.npy")


def test_stuck_puzzles_are_not_packed():
    stuck = SudokuSource(levels=(9, 9)).rows(0, 0, 2)
    with pytest.raises(ValueError, match="puzzle 0 is not solved"):
        pack_rows(stuck.puzzles, solve_by_strategies(stuck.puzzles))


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_broken_array_file_is_named(tmp_path, content):
    path = tmp_path / "broken.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.npy is no array of numbers that NumPy wrote"):
        read_puzzles(path)
