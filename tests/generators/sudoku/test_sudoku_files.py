"""The files that people have: a catalogue of kinds, each written here and read back with its boards and counts."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from generators.sudoku import PuzzleBatch, SudokuSource, count_reasons, grid_text, read_puzzles, reading, stream_puzzles
from generators.sudoku.files.duplicates import Seen

NINE = SudokuSource(levels=(2, 8)).rows(7, 0, 3)
SIX, FOUR, SIXTEEN = (SudokuSource(side=side).rows(1, 0, 3) for side in (6, 4, 16))
P, S = [grid_text(p) for p in NINE.puzzles], [grid_text(s) for s in NINE.solutions]
ZERO = [p.replace(".", "0") for p in P]
ROWS = {9: NINE, 6: SIX, 4: FOUR, 16: SIXTEEN}


def lines(*text: str) -> bytes:
    return ("\n".join(text) + "\n").encode()


def table(separator: str, *header: str, front: bool = False, behind: bool = False, solved: bool = True) -> bytes:
    """Columns with a separator: numbers in front, ratings behind."""
    rows = [
        [*([f"id{i}"] * front), p, *([s] * solved), *(["3.4", "Hard"] * behind)]
        for i, (p, s) in enumerate(zip(P, S, strict=True))
    ]
    return lines(*([separator.join(header)] if header else []), *(separator.join(row) for row in rows))


def square(text: str, side: int = 9) -> list[str]:
    return [text[i : i + side] for i in range(0, side * side, side)]


def drawn(row: Callable[[str], str], *, top: str = "", middle: str = "", between: Sequence[str] = ()) -> bytes:
    """Every puzzle with a line per row; ``top`` above and below, ``middle`` between bands, ``between`` two grids."""
    out: list[str] = []
    for number, puzzle in enumerate(P, start=1):
        out += [line.format(number) for line in between]
        out += [top] if top else []
        for i, text in enumerate(square(puzzle)):
            out += [middle] if middle and i in (3, 6) else []
            out.append(row(text))
        out += [top] if top else []
    return lines(*out)


def thirds(text: str, between: str, inside: str = "", outside: str = "") -> str:
    parts = [inside.join(text[i : i + 3]) for i in (0, 3, 6)]
    return outside + between.join(parts) + outside[::-1]


def array(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(value), allow_pickle=False)
    return stream.getvalue()


def arrays(compressed: bool = False, **values: object) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **{n: np.asarray(v) for n, v in values.items()})  # type: ignore[arg-type]
    return stream.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def one_hot(grids: np.ndarray, classes: int) -> np.ndarray:
    """Class 0 is "empty" if there are ten."""
    codes = np.eye(10, dtype=np.int8)[grids]
    return codes if classes == 10 else codes[..., 1:]


PUZZLES, SOLUTIONS = NINE.puzzles, NINE.solutions
LISTS = [p.tolist() for p in PUZZLES]
PAIRS = [{"puzzle": p, "solution": s} for p, s in zip(P, S, strict=True)]
CSV = table(",", "puzzle", "solution")
SPACED = [" ".join(z) for z in ZERO]
RULE9 = "------+-------+------"

Kind = tuple[bytes, dict[str, int]]
"""Content of a file, and what is skipped in it."""
HEADER = {"header": 1}
KINDS: dict[str, bytes | Kind] = {
    # separators, with and without a header
    "commas, puzzle and solution": (CSV, HEADER),
    "commas, no header": table(","),
    "commas, quizzes and solutions": (table(",", "quizzes", "solutions"), HEADER),
    "commas, question and answer": (table(",", "question", "answer"), HEADER),
    "commas, board": (table(",", "board", solved=False), HEADER),
    "commas, sudoku and solved": (table(",", "sudoku", "solved"), HEADER),
    "commas, input and output": (table(",", "input", "output"), HEADER),
    "commas, unsolved and label": (table(",", "Unsolved", "Label"), HEADER),
    "commas, grid": (table(",", "grid", solved=False), HEADER),
    "commas, sudoku_puzzle and sudoku_solution": (table(",", "sudoku_puzzle", "sudoku_solution"), HEADER),
    "commas, capitals": (table(",", "PUZZLE", "SOLUTION"), HEADER),
    "commas, names that say nothing": (table(",", "first", "second"), HEADER),
    "semicolons": table(";"),
    "semicolons with a header": (table(";", "puzzle", "solution"), HEADER),
    "tabs": table("\t"),
    "tabs with a header": (table("\t", "quizzes", "solutions"), HEADER),
    "blanks": table(" "),
    "strokes": table("|"),
    "colons": table(":"),
    "several blanks": table("   "),
    "commas and blanks": table(", "),
    # ids in front, ratings behind
    "ids in front": table(",", front=True),
    "ids in front, header": (table(",", "id", "puzzle", "solution", front=True), HEADER),
    "ratings behind": table(",", behind=True),
    "ids and ratings": (table(",", "id", "quizzes", "solutions", "rating", "level", front=True, behind=True), HEADER),
    "ids and ratings, semicolons, no header": table(";", front=True, behind=True),
    "ids and ratings, tabs, no solution": table("\t", front=True, behind=True, solved=False),
    "rating behind a blank": lines(*(f"{p} 7.1" for p in P)),
    "number before a blank": lines(*(f"{i} {p}" for i, p in enumerate(P))),
    "solution first": (lines("solution,puzzle", *(f"{s},{p}" for p, s in zip(P, S, strict=True))), HEADER),
    "quoted": (lines('"puzzle","solution"', *(f'"{p}","{s}"' for p, s in zip(P, S, strict=True))), HEADER),
    "quoted over several lines": (lines("puzzle", *('"' + "\n".join(square(p)) + '"' for p in P)), {"title line": 1}),
    "single quotes": lines(*(f"'{p}','{s}'" for p, s in zip(P, S, strict=True))),
    # comments, solutions that are not there
    "comments": (b"# ten puzzles\n" + CSV + b"# the end\n", {**HEADER, "comment line": 2}),
    "comments between lines": (lines("# a", P[0], "# b, c", *P[1:]), {"comment line": 2}),
    "empty solution column": (lines("puzzle,solution", *(f"{p}," for p in P)), HEADER),
    "solution of zeros": (lines("puzzle,solution", *(f"{p},{'0' * 81}" for p in P)), HEADER),
    "solution of dots": lines(*(f"{p},{'.' * 81}" for p in P)),
    "some solutions": lines(f"{P[0]},{S[0]}", P[1], f"{P[2]},"),
    # one line a puzzle
    "bare lines": lines(*P),
    "sdm": ("\r\n".join(ZERO)).encode(),
    "old Macintosh line ends": "\r".join(P).encode(),
    "blank lines": lines("", P[0], "", "", *P[1:], ""),
    "header alone": (lines("puzzle", *P), HEADER),
    "title above": (lines("My favourite ones", *P), HEADER),
    "puzzle and solution in one word": lines(*(p + s for p, s in zip(P, S, strict=True))),
    "HoDoKu library": lines(*(f":0000:x:{p}:::" for p in P)),
    "HoDoKu library with placed digits": lines(
        *(f":0100:1:{p[: p.index('.')]}+{s[p.index('.')]}{p[p.index('.') + 1 :]}:::" for p, s in zip(P, S, strict=True))
    ),
    "81 digits with blanks": lines(*SPACED),
    "81 columns": lines(*(",".join(z) for z in ZERO)),
    "81 columns, empty where open": lines(*(",".join(p).replace(".", "") for p in P)),
    "81 columns with names": (lines(",".join(f"c{i}" for i in range(81)), *(",".join(z) for z in ZERO)), HEADER),
    "162 columns": lines(*(",".join(z + s) for z, s in zip(ZERO, S, strict=True))),
    "82 columns": lines(*(",".join([str(100 + i), *z]) for i, z in enumerate(ZERO))),
    "81 columns of floats": lines(*(",".join(f"{c}.0" for c in z) for z in ZERO)),
    # drawn
    "rows": drawn(str, between=("",)),
    "Euler 96": (drawn(lambda r: r.replace(".", "0"), between=("Grid {:02}",)), {"title line": 3}),
    "spaced rows": drawn(" ".join, between=("",)),
    "rows with commas": drawn(",".join),
    "rows with commas, empty where open": drawn(lambda r: ",".join(r).replace(".", "")),
    "sdk": (
        lines("#ASome One", "#D2006", "[Puzzle]", *square(P[0]), "[State]", *square(S[0])),
        {"comment line": 2, "title line": 2, "line of another section": 9},
    ),
    "ss": (drawn(lambda r: thirds(r, "|"), middle="-----------", between=("",)), {"rule of a frame": 6}),
    "ss with a frame": (
        drawn(lambda r: thirds(r, "|", outside="|"), top="*-----------*", middle="|---+---+---|"),
        {"rule of a frame": 12},
    ),
    "HoDoKu grid": (
        drawn(
            lambda r: thirds(r, " | ", " ", "| "), top=".-------.-------.-------.", middle=":-------+-------+-------:"
        ),
        {"rule of a frame": 12},
    ),
    "HoDoKu pencil marks": (
        drawn(lambda r: "| " + " ".join("1279" if c == "." else c for c in r) + " |", top="'" + "-" * 30 + "'"),
        {"rule of a frame": 6},
    ),
    "strokes and blanks": (drawn(lambda r: thirds(r, " | ", " "), middle=RULE9), {"rule of a frame": 6}),
    "box drawing": (
        drawn(lambda r: thirds(r, "│", outside="│"), top="┌───┬───┬───┐", middle="├───┼───┼───┤"),
        {"rule of a frame": 12},
    ),
    "bands apart": drawn(str, middle=" "),
    "comments among drawn grids": (b"# two\n" + drawn(str), {"comment line": 1}),
    "python lists": lines(*(str(row) + "," for p in LISTS for row in np.array(p).reshape(9, 9).tolist())),
    # empties
    **{
        f"empty is {sign}": lines(*(f"{p.replace('.', sign)},{s}" for p, s in zip(P, S, strict=True)))
        for sign in "0*_-x?X"
    },
    "empty is -, drawn": drawn(lambda r: r.replace(".", "-"), between=("",)),
    # JSON
    "JSON objects": json.dumps(PAIRS).encode(),
    "JSON objects, indented": json.dumps(PAIRS, indent=2).encode(),
    "JSON of texts": json.dumps(P).encode(),
    "JSON of numbers": json.dumps(LISTS).encode(),
    "JSON of squares": json.dumps(PUZZLES.reshape(-1, 9, 9).tolist()).encode(),
    "JSON of pairs": json.dumps([[p, s] for p, s in zip(P, S, strict=True)]).encode(),
    "JSON in a wrapper": json.dumps({"version": 1, "data": PAIRS}).encode(),
    "JSON of columns": json.dumps({"quizzes": P, "solutions": S}).encode(),
    "JSON by name": json.dumps({f"p{i}": pair for i, pair in enumerate(PAIRS)}).encode(),
    "JSON with nulls": json.dumps([{"board": [c or None for c in p]} for p in LISTS]).encode(),
    "JSON of rows of text": json.dumps([{"grid": square(p)} for p in P]).encode(),
    "JSON, question and answer": json.dumps([{"question": p, "answer": s} for p, s in zip(P, S, strict=True)]).encode(),
    "JSONL": lines(*map(json.dumps, PAIRS)),
    "JSONL of numbers": lines(
        *(json.dumps({"input": p, "label": s.tolist()}) for p, s in zip(LISTS, SOLUTIONS, strict=True))
    ),
    "JSONL of texts": lines(*map(json.dumps, P)),
    "JSONL without solutions": lines(*(json.dumps({"id": i, "puzzle": p, "solution": ""}) for i, p in enumerate(P))),
    # bytes
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + CSV, HEADER),
    "UTF-16": (CSV.decode().encode("utf-16"), HEADER),
    "UTF-16 big-endian": (b"\xfe\xff" + CSV.decode().encode("utf-16-be"), HEADER),
    "UTF-32": (CSV.decode().encode("utf-32"), HEADER),
    "gzip": (gzip.compress(CSV), HEADER),
    "bzip2": (bz2.compress(CSV), HEADER),
    "xz": (lzma.compress(CSV), HEADER),
    "zip": (archive({"puzzles.csv": CSV}), HEADER),
    "zip from a Macintosh": (archive({"mine.csv": CSV, "__MACOSX/._mine.csv": b"\0\5"}), HEADER),
    "gzip in a zip": (archive({"puzzles.csv.gz": gzip.compress(CSV)}), HEADER),
    "gzip of JSON": gzip.compress(json.dumps(PAIRS).encode()),
    # arrays
    "npy (n, 81)": array(PUZZLES),
    "npy (n, 9, 9)": array(PUZZLES.reshape(-1, 9, 9)),
    "npy (n, 2, 81)": array(np.stack([PUZZLES, SOLUTIONS], axis=1)),
    "npy (n, 2, 9, 9)": array(np.stack([PUZZLES, SOLUTIONS], axis=1).reshape(-1, 2, 9, 9)),
    "npy (n, 162)": array(np.concatenate([PUZZLES, SOLUTIONS], axis=1)),
    "npy of floats": array(PUZZLES.astype(np.float32)),
    "npy of floats, NaN for empty": array(np.where(PUZZLES == 0, np.nan, PUZZLES)),
    "npy of int64": array(PUZZLES.astype(np.int64)),
    "npy in Fortran order": array(np.asfortranarray(PUZZLES)),
    "npy one-hot (n, 81, 10)": array(one_hot(PUZZLES, 10)),
    "npy one-hot (n, 9, 9, 10)": array(one_hot(PUZZLES, 10).reshape(-1, 9, 9, 10)),
    "npy one-hot (n, 9, 9, 9)": array(one_hot(PUZZLES, 9).reshape(-1, 9, 9, 9)),
    "npy one-hot of truth values": array(one_hot(PUZZLES, 9).astype(bool)),
    "npy one-hot of floats": array(one_hot(PUZZLES, 10).astype(np.float64)),
    "npy of texts": array(np.array(P)),
    "npy of bytes": array(np.array(P, dtype="S81")),
    "npz of one array": arrays(data=PUZZLES),
    "npz of puzzles and solutions": arrays(puzzles=PUZZLES, solutions=SOLUTIONS),
    "npz of quizzes and solutions, packed": arrays(compressed=True, quizzes=PUZZLES, solutions=SOLUTIONS, seed=[1]),
    "npz of x and y, squares": arrays(x=PUZZLES.reshape(-1, 9, 9), y=SOLUTIONS.reshape(-1, 9, 9)),
    "npy in gzip": gzip.compress(array(PUZZLES)),
}


def found_in(tmp_path: Path, content: bytes, **options: object) -> PuzzleBatch:
    path = tmp_path / "puzzles.dat"  # a name that says nothing
    path.write_bytes(content)
    return read_puzzles(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_file_is_read(tmp_path, name):
    kind = KINDS[name]
    content, skipped = kind if isinstance(kind, tuple) else (kind, {})
    found = found_in(tmp_path, content, side=None, strict=True)
    n = 1 if name == "sdk" else 3
    assert (found.puzzles == PUZZLES[:n]).all()
    assert (found.solutions == SOLUTIONS[:n]).all()
    assert len(found.puzzles) == n
    assert Counter(what for _, what in found.skipped) == skipped
    assert found.repeats is not None
    assert not found.repeats.any()


def test_there_are_ninety_kinds_and_more():
    assert len(KINDS) >= 90


@pytest.mark.parametrize("side", [4, 6, 16])
@pytest.mark.parametrize("kind", ["lines", "pairs", "drawn", "JSON", "array", "squares", "columns"])
def test_other_sizes_are_found_out(tmp_path, side, kind):
    rows = ROWS[side]
    texts, solved = [grid_text(p) for p in rows.puzzles], [grid_text(s) for s in rows.solutions]
    numbers = [",".join(str(d) for d in p) for p in rows.puzzles.tolist()]
    content = {
        "lines": lines(*texts),
        "pairs": lines(*(f"{p};{s}" for p, s in zip(texts, solved, strict=True))),
        "drawn": lines(*("\n".join(square(text, side)) + "\n" for text in texts)),
        "JSON": json.dumps([{"puzzle": p} for p in rows.puzzles.tolist()]).encode(),
        "array": array(rows.puzzles),
        "squares": array(rows.puzzles.reshape(-1, side, side)),
        "columns": lines(*numbers),
    }[kind]
    found = found_in(tmp_path, content, side=None, strict=True)
    assert (found.puzzles == rows.puzzles).all()
    assert (found.solutions == rows.solutions).all()


SHIFTED = str.maketrans("123456789", "012345678")
HEXADECIMAL = str.maketrans("123456789ABCDEFG", "0123456789ABCDEF")
HEX = [grid_text(p).translate(HEXADECIMAL) for p in SIXTEEN.puzzles]


class TestDigits:
    """A file whose digits are one less than ours is never guessed, and never read wrongly in silence."""

    def test_shifted_text_is_refused_unless_it_is_said(self, tmp_path):
        content = lines(*(f"{p.translate(SHIFTED)},{s.translate(SHIFTED)}" for p, s in zip(P, S, strict=True)))
        found = found_in(tmp_path, content)
        assert count_reasons(found.rejections) == {"ambiguous zero": 3}
        assert "digits 0-8" in found.rejections[0].detail
        found = found_in(tmp_path, content, digits="0-8", strict=True)
        assert (found.puzzles == PUZZLES).all()
        assert (found.solutions == SOLUTIONS).all()

    @pytest.mark.parametrize("lower", [True, False])
    def test_hexadecimal(self, tmp_path, lower):
        content = lines(*(text.lower() if lower else text for text in HEX))
        found = found_in(tmp_path, content, side=None)
        assert count_reasons(found.rejections) == {"ambiguous zero": 3}
        assert "digits 0-f" in found.rejections[0].detail
        for side in (None, 16):
            found = found_in(tmp_path, content, side=side, digits="0-f", strict=True)
            assert (found.puzzles == SIXTEEN.puzzles).all()

    def test_letters_alone_are_bad_characters_of_their_size(self, tmp_path):
        letters = [text.translate(str.maketrans("0123456789ABCDEF", "ABCDEFGHIJKLMNOP")) for text in HEX]
        found = found_in(tmp_path, lines(*letters), side=None)
        assert count_reasons(found.rejections) == {"bad character": 3}
        assert "a cell of a 16x16 grid holds one of" in found.rejections[0].detail

    def test_zeros_that_are_said_to_be_empty(self, tmp_path):
        mixed = P[0].replace(".", "0", 5)
        assert count_reasons(found_in(tmp_path, lines(mixed)).rejections) == {"ambiguous zero": 1}
        assert (found_in(tmp_path, lines(mixed), digits="1-9").puzzles == PUZZLES[:1]).all()

    @pytest.mark.parametrize("empty", [-1, 9])
    def test_shifted_arrays(self, tmp_path, empty):
        content = array(np.where(PUZZLES == 0, empty, PUZZLES.astype(np.int64) - 1))
        found = found_in(tmp_path, content)
        assert len(found.rejections) == 3
        if empty < 0:
            assert "say digits 0-8" in found.rejections[0].detail
        assert (found_in(tmp_path, content, digits="0-8", strict=True).puzzles == PUZZLES).all()

    def test_those_of_another_size_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="digits 0-f are those of 16x16 grids, and these are 9x9"):
            found_in(tmp_path, CSV, digits="0-f")
        with pytest.raises(ValueError, match="digits are one of 0-3, "):
            found_in(tmp_path, CSV, digits="2-10")


REFUSED = {
    "a PyTorch file": (archive({"archive/data.pkl": b"\x80\x02"}), r"weights_only=True"),
    "an old PyTorch file": (b"\x80\x02\x8a\x0al\xfc\x9c", "weights_only=True"),
    "a pickle": (b"\x80\x04\x95\x00", "can run anything"),
    "an array of objects": (array(np.zeros(3))[:-24].replace(b"<f8", b"|O "), "no pickle is read"),
    "a workbook": (archive({"xl/workbook.xml": b"<a/>"}), "Save the sheet as CSV"),
    "several files": (archive({"a.csv": CSV, "b.csv": CSV}), "2 files .'a.csv', 'b.csv'.*name one"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "a picture"),
    "zstd": (b"\x28\xb5\x2f\xfd\0\0", "zstd -d"),
    "bytes": (bytes(range(256)) * 4, "begins with the bytes 00 01 02"),
    "UTF-16 without its mark": (CSV.decode().encode("utf-16-le"), "byte order mark"),
    "half a gzip": (gzip.compress(CSV * 2000)[:-4000], "damaged archive"),
    "half an array": (array(PUZZLES)[:-50], "truncated"),
    "half of a JSON": (json.dumps(PAIRS).encode()[:-30], "item 3 is no JSON"),
    "another array": (array(np.zeros((3, 80), dtype=np.int64)), r"\(n, 81\).*got \(3, 80\)"),
    "one number": (array(np.array(3)), "no array of numbers that NumPy wrote"),
    "JSON without end": (b"[" * 5000, "is no JSON"),
    "several arrays": (arrays(a=PUZZLES, b=SOLUTIONS), "call one of them puzzles"),
    "arrays that do not fit": (arrays(x=PUZZLES, y=SOLUTIONS[:2]), "belong together"),
    "other fields": (json.dumps([{"clue": 1}]).encode(), "its fields are 'clue'"),
    "other columns": (b"a,b\n1,2\n", "no column named puzzle"),
    "a line without end": (b"1" * (1 << 25), "16,777,216 characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_puzzles_is_named_and_never_printed(tmp_path, name):
    content, named = REFUSED[name]
    with pytest.raises(ValueError, match=named) as refused:
        found_in(tmp_path, content, strict=name != "a line without end")
    message = str(refused.value)
    assert message.startswith(str(tmp_path / "puzzles.dat"))
    assert message.isprintable()
    assert len(message) < 500


def test_rows_that_are_no_code_are_named(tmp_path):
    codes = one_hot(PUZZLES, 10)
    codes[1, 4] = 1
    found = found_in(tmp_path, array(codes))
    assert [(r.line, r.reason) for r in found.rejections] == [(2, "malformed row")]
    halves = PUZZLES.astype(np.float64)
    halves[2, 80] = 0.5
    halves[1, 80] = np.inf
    found = found_in(tmp_path, array(halves))
    assert [(r.line, r.reason) for r in found.rejections] == [(2, "bad character"), (3, "bad character")]
    assert "row 9, column 9" in found.rejections[0].detail


def test_a_drawn_grid_that_ends_early_is_told(tmp_path):
    content = lines("Grid 01", *square(P[0])[:7], "Grid 02", *square(P[1]))
    found = found_in(tmp_path, content)
    assert [(r.line, r.reason) for r in found.rejections] == [(2, "wrong length")]
    assert (found.puzzles == PUZZLES[1:2]).all()
    assert found.lines.tolist() == [10]


def test_repeated_puzzles_are_marked_over_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_BATCH", 2)
    path = tmp_path / "puzzles.txt"
    path.write_bytes(lines(P[0], P[1], ZERO[0], P[2], P[2], P[1]))
    found = [batch.repeats.tolist() for batch in stream_puzzles(path) if batch.repeats is not None]
    assert found == [[False, False], [True, False], [True, True]]


def test_what_was_seen_is_what_a_set_says():
    rng = np.random.default_rng(0)
    grids, seen, known = rng.integers(0, 3, size=(4000, 16)).astype(np.uint8) // 2, Seen(16), set[bytes]()
    for start in range(0, 4000, 300):
        piece = grids[start : start + 300]
        wanted = []
        for row in piece:
            wanted.append(row.tobytes() in known)
            known.add(row.tobytes())
        assert seen.repeats(piece).tolist() == wanted
    assert len(known) < 4000


def test_the_beginning_decides_and_the_rest_is_read_in_pieces(tmp_path, monkeypatch):
    """A JSON list far longer than what is read at once, as texts that are cut anywhere."""
    monkeypatch.setattr("generators.sudoku.files.containers._HEAD", 100)
    monkeypatch.setattr("generators.sudoku.files.containers._CHUNK", 37)
    for content in (json.dumps(PAIRS, indent=1).encode(), json.dumps(LISTS).encode(), CSV, KINDS["JSONL"]):
        assert isinstance(content, bytes)
        assert (found_in(tmp_path, content, strict=True).puzzles == PUZZLES).all()


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "puzzles.parquet"
    parquet.write_table(pyarrow.table({"quizzes": P, "solutions": S, "rating": [1.0, 2.0, 3.0]}), path)
    assert (read_puzzles(path, strict=True).puzzles == PUZZLES).all()
