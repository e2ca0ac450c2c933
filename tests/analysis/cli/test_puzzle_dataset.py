"""``lo-theory generate sudoku | zebra``: splits that share no class, a sealed manifest, files that mend themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.cli import main as cli
from analysis.cli.zebra.evaluation import read_zebra_boards
from generators.ground.codec import unseal
from generators.sudoku import read_puzzles, solve, solve_by_strategies, symmetry_key
from generators.zebra import symmetry_key as zebra_key


def run(*words: object) -> int:
    """Exit code of ``lo-theory generate ...``."""
    try:
        return cli.main(["generate", *(str(word) for word in words)])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


SMALL = ("sudoku", "--rows", 20, "--side", 6, "--split", "test=10", "validation=5")


def test_sudokus_hold_what_they_say(tmp_path, capsys):
    assert run(*SMALL, "--out", tmp_path) == 0
    assert "test.jsonl: 10 puzzles" in capsys.readouterr().out
    keys = list[int]()
    for name, count in (("train", 20), ("test", 10), ("validation", 5)):
        rows, found = lines(tmp_path / f"{name}.jsonl"), read_puzzles(tmp_path / f"{name}.jsonl", side=6, strict=True)
        assert len(rows) == len(found.puzzles) == count
        assert [row["level"] for row in rows] == solve_by_strategies(found.puzzles).levels.tolist()
        assert [row["guesses"] for row in rows] == solve(found.puzzles).branches.tolist()
        assert [row["givens"] for row in rows] == (found.puzzles > 0).sum(axis=1).tolist()
        keys += symmetry_key(found.puzzles, found.solutions).tolist()
    assert len(set(keys)) == 35


def test_splits_of_a_law_of_few_classes_share_none(tmp_path, capsys):
    """Of 4x4 there are 36 classes as keys tell them, so plain streams would repeat nearly everything."""
    assert run("sudoku", "--out", tmp_path / "a", "--side", 4, "--rows", 15, "--split", "test=15") == 0
    both = [read_puzzles(tmp_path / "a" / f"{name}.jsonl", side=4) for name in ("train", "test")]
    keys = np.concatenate([symmetry_key(found.puzzles, found.solutions) for found in both])
    assert len(set(keys.tolist())) == 30
    assert run("sudoku", "--out", tmp_path / "b", "--side", 4, "--rows", 200) == 2
    assert "puzzles of this kind up to symmetry" in capsys.readouterr().err
    assert contents(tmp_path / "b") == {}
    assert not list((tmp_path / "b").glob(".*.part"))


def test_zebras_are_read_back(tmp_path, capsys):
    out = tmp_path / "z"
    assert run("zebra", "--out", out, "--rows", 12, "--houses", 3, 4, "--levels", 1, 4, "--split", "test=6") == 0
    keys = list[int]()
    for name, count in (("train", 12), ("test", 6)):
        boards, rejections = read_zebra_boards(out / f"{name}.jsonl")
        assert rejections == []
        assert len(boards) == count
        keys += zebra_key(boards.puzzles, boards.solutions).tolist()
        rows = lines(out / f"{name}.jsonl")
        assert all(row["level"] <= 4 for row in rows)
        assert [len(row["clues"]) for row in rows] == [len(row["sentences"]) for row in rows]
    assert len(set(keys)) == 18


def test_the_manifest_is_sealed_and_the_card_names_the_files(tmp_path):
    assert run(*SMALL, "--out", tmp_path) == 0
    manifest, sealed = unseal(json.loads((tmp_path / "manifest.json").read_text()), what="manifest")
    assert sealed
    assert [(split["name"], split["rows"]) for split in manifest["splits"]] == manifest_rows(manifest)
    assert sum(manifest["splits"][0]["levels"].values()) == 20
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nconfigs:\n")
    assert "split: validation\n        path: validation.jsonl\n" in card


def manifest_rows(manifest: dict) -> list[tuple[str, int]]:
    return [(name, n) for name, n in manifest["rows"]]


def test_the_same_call_again_mends(tmp_path, capsys):
    assert run(*SMALL, "--out", tmp_path) == 0
    before = contents(tmp_path)
    assert run(*SMALL, "--out", tmp_path) == 0
    (tmp_path / "test.jsonl").write_text("garbled")
    (tmp_path / "train.jsonl").unlink()
    assert run(*SMALL, "--out", tmp_path) == 0
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--rows", 21), "holds another dataset: its rows is"),
        (
            ("--rows", 20, "--split", "test=10", "validation=5", "--sample-seed", 1),
            "its --sample-seed is 0, asked for was 1",
        ),
        (("--rows", 20, "--split", "test"), "such as test=1000"),
        (("--rows", 20, "--split", "train=5"), "such as test=1000"),
        (("--rows", 20, "--split", "test=5", "test=5"), "such as test=1000"),
        (("--rows", 0), "--rows must be at least 1; got 0"),
        (("--rows", 5, "--levels", 8, 3), "levels are a lowest and a highest"),
    ],
)
def test_what_cannot_be_is_one_line_and_touches_nothing(words, named, tmp_path, capsys):
    assert run(*SMALL, "--out", tmp_path) == 0
    before = contents(tmp_path)
    capsys.readouterr()
    assert run("sudoku", "--side", 6, "--out", tmp_path, *words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert contents(tmp_path) == before


def test_parquet_holds_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(*SMALL, "--out", tmp_path / "a") == 0
    assert run(*SMALL, "--out", tmp_path / "b", "--format", "parquet") == 0
    for name in ("train", "test", "validation"):
        table = parquet.read_table(tmp_path / "b" / f"{name}.parquet")
        assert table.to_pylist() == lines(tmp_path / "a" / f"{name}.jsonl")


def test_a_dataset_that_was_edited_is_told(tmp_path, capsys):
    assert run(*SMALL, "--out", tmp_path) == 0
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"sample_seed": 0', '"sample_seed": 1'))
    assert run(*SMALL, "--out", tmp_path) == 2
    assert "is damaged or was edited" in capsys.readouterr().err
