"""``lo-theory sample sudoku``: a puzzle in, its solving out, and one line for everything that cannot be."""

from __future__ import annotations

import os
import re
from typing import get_args

import pytest
import tyro
from PIL import Image

from analysis.cli import main as cli
from analysis.cli.decoders import Rule
from analysis.cli.sudoku.sample import SampleSudoku
from analysis.cli.sudoku.solvers import Reasoner
from analysis.cli.suggest import menu_of
from generators.sudoku import SudokuSource, completes, grid_text, parse_grid

SMALL, SOLVED = "...12...42......", "3421213442131342"
EASY = "....4..2..1.....3...7.....8..8.5.2..9....7..13....64.......5....926.3.4...3..26.5"  # singles suffice


def run(*words: object) -> int:
    """Exit code of ``lo-theory sample ...``, whichever way it comes."""
    try:
        return cli.main(["sample", *(str(word) for word in words)])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1


def said_lines(capsys) -> dict[str, str]:
    """Lines that begin with a word and two spaces, by that word."""
    return dict(re.findall(r"^(puzzle|answer|solution) +(\S+)$", capsys.readouterr().out, flags=re.MULTILINE))


class TestSolving:
    @pytest.mark.parametrize("denoiser", ["singles", "strategies", "exact"])
    def test_who_can_solve_it_does(self, denoiser, capsys):
        assert run("sudoku", "--puzzle", EASY, "--denoiser", denoiser) == 0
        out = capsys.readouterr().out
        answer = re.search(r"answer +(\S+)", out)
        assert answer
        assert completes(parse_grid(answer[1])[None], parse_grid(EASY)[None]).all()
        assert "56 of 56 cells right, in 56 steps" in out
        assert "solution" not in out

    def test_singles_fill_what_a_person_sees(self, capsys):
        """One token per step, sure cells first: every step of this reasoner is a lone or a hidden single."""
        assert run("sudoku", "--puzzle", EASY, "--denoiser", "singles") == 0
        assert re.search(r"for a person: \d+ (lone|hidden) single, \d+ (lone|hidden) single$", capsys.readouterr().out)

    @pytest.mark.parametrize("rule", get_args(Rule))
    @pytest.mark.parametrize("denoiser", [d for d in get_args(Reasoner) if d != "network"])
    def test_every_rule_fills_every_cell_and_keeps_the_givens(self, rule, denoiser, capsys):
        words = ("--puzzle", SMALL, "--rule", rule, "--denoiser", denoiser, "--per-step", 2, "--seed", 3)
        assert run("sudoku", *words) == 0
        said = said_lines(capsys)
        assert said["puzzle"] == SMALL
        assert len(said["answer"]) == 16
        assert "." not in said["answer"]
        assert all(given in (".", digit) for given, digit in zip(SMALL, said["answer"], strict=True))
        assert said.get("solution", SOLVED) == SOLVED
        assert ("solution" in said) == (said["answer"] != SOLVED)

    @pytest.mark.parametrize("side", [4, 6, 9])
    def test_without_a_puzzle_a_new_one_is_made(self, side, capsys):
        drawn = []
        for seed in (0, 0, 1):
            assert run("sudoku", "--side", side, "--seed", seed, "--denoiser", "exact") == 0
            drawn.append(said_lines(capsys)["puzzle"])
        assert drawn[0] == drawn[1] != drawn[2]
        assert drawn[0] == grid_text(SudokuSource(side=side, levels=(2, 8)).rows(0, 0, 1).puzzles[0])

    def test_nine_is_the_side_and_singles_answer_if_nothing_is_said(self, capsys):
        assert run("sudoku", "--show") == 0
        assert "9x9 Sudoku, 24 givens: singles, margin" in capsys.readouterr().out

    def test_a_file(self, tmp_path, capsys):
        (tmp_path / "mine.txt").write_text("...1\n2...\n42..\n....\n")
        assert run("sudoku", "--puzzle", tmp_path / "mine.txt") == 0
        assert said_lines(capsys)["puzzle"] == SMALL

    def test_a_written_grid_may_be_longer_than_a_file_name(self, capsys):
        puzzle = grid_text(SudokuSource(side=16).rows(0, 0, 1).puzzles[0])
        assert run("sudoku", "--puzzle", puzzle, "--denoiser", "exact") == 0
        assert said_lines(capsys)["puzzle"] == puzzle

    def test_shown_where_no_terminal_is_it_lists_every_step(self, capsys):
        assert run("sudoku", "--puzzle", SMALL, "--show") == 0
        out = capsys.readouterr().out
        assert "4x4 Sudoku, 4 givens: singles, margin" in out
        assert "\x1b" not in out
        steps = re.findall(r"^ *(\d+)  r(\d)c(\d) = (\d).*  p = (\d\.\d\d)$", out, flags=re.MULTILINE)
        assert [int(step[0]) for step in steps] == list(range(1, 13))
        assert len({step[1:3] for step in steps}) == 12

    @pytest.mark.parametrize("given", ["directory", "file"])
    def test_a_network_from_a_directory_or_a_file(self, given, write_network, tmp_path, capsys):
        path = write_network(tmp_path / "checkpoint.safetensors", 16, 4)
        model = tmp_path if given == "directory" else path
        for words in ((), ("--denoiser", "network"), ("--rule", "path-planning")):
            assert run("sudoku", "--side", 4, "--model", model, *words, "--show") == 0
            out = capsys.readouterr().out
            assert ": network, " in out
            assert "p = 0.25" in out  # untrained


class TestFilms:
    def test_both_kinds_are_whole(self, tmp_path, capsys):
        for name in ("a.html", "a.gif"):
            assert run("sudoku", "--puzzle", SMALL, "--film", tmp_path / name) == 0
            assert f"film: {tmp_path / name}" in capsys.readouterr().out
        assert (tmp_path / "a.html").read_text().endswith("</html>\n")
        with Image.open(tmp_path / "a.gif") as picture:
            assert picture.n_frames == 13
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "a.html"]

    def test_a_failed_write_leaves_the_film_that_was_there(self, tmp_path, monkeypatch, capsys):
        path = tmp_path / "a.html"
        path.write_text("before")

        def full(*_: object) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(os, "replace", full)
        assert run("sudoku", "--puzzle", SMALL, "--film", path) == 2
        assert "no space left" in capsys.readouterr().err
        assert path.read_text() == "before"
        assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


TWICE_IN_A_ROW, TWICE_IN_A_COLUMN = "11..............", "1...1..........."
NAMED = [
    (("--puzzle", "12x............."), "row 1, column 3 holds 'x'"),
    (("--puzzle", "12............."), "got 15"),
    (("--puzzle", "nosuch.txt"), "the name of no file"),
    (("--puzzle", "{}/short.txt"), "short.txt holds no grid: a grid has"),
    (("--puzzle", "{}/bytes.txt"), "bytes.txt holds no grid"),
    (("--puzzle", "{}"), "the name of no file"),
    (("--puzzle", ""), "got 0"),
    (("--puzzle", TWICE_IN_A_ROW), "1 stands twice in row 1: at row 1, column 1 and at row 1, column 2"),
    (("--puzzle", TWICE_IN_A_COLUMN), "1 stands twice in column 1: at row 1, column 1 and at row 2, column 1"),
    (("--puzzle", "123...4........."), "no solution"),
    (("--puzzle", "...12...4......."), "several solutions: row 2, column 3 holds 3 in one and 4 in another"),
    (("--puzzle", SOLVED), "the grid is full"),
    (("--puzzle", SMALL, "--side", "9"), "--side 9 is that of a new puzzle; the one given is 4x4"),
    (("--side", "4", "--denoiser", "network"), "add --model DIR"),
    (("--side", "4", "--denoiser", "exact", "--model", "{}/four"), "--model is not used by --denoiser exact"),
    (("--model", "{}/nothing"), "there is no checkpoint at"),
    (("--model", "{}"), "there is no checkpoint at"),
    (("--model", "{}/four"), "four reads 4x4 puzzles, and this puzzle is 9x9 (81 cells, 9 digits). Use --side 4"),
    (("--side", "4", "--model", "{}/other"), "a masked network for sequences of 10 tokens with 2 values, which are no"),
    (("--side", "4", "--model", "{}/causal"), "holds an autoregressive network, which fills cells in its own order"),
    (("--side", "4", "--model", "{}/causal-cells"), "an autoregressive network for sequences of 16 tokens with 4"),
    (("--side", "4", "--model", "{}/short.txt"), "truncated or garbled"),
    (("--per-step", "0"), "--per-step must be at least 1; got 0"),
    (("--seed", "-1"), "--seed must be at least 0; got -1"),
    (("--film", "{}/new.mp4"), ".html or .gif; got"),
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory, write_network):
    """A folder of files that do not fit."""
    folder = tmp_path_factory.mktemp("bad")
    write_network(folder / "four", 16, 4)
    write_network(folder / "other", 10, 2)
    write_network(folder / "causal", 48, 4, causal=True)
    write_network(folder / "causal-cells", 16, 4, causal=True)
    (folder / "short.txt").write_text("123")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    return folder


@pytest.mark.parametrize(("words", "named"), NAMED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_is_one_line(words, named, bad, refused_in_one_line):
    refused_in_one_line(run, words, named, bad)


class TestWords:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (("sudko", "--show"), "'sudko' is not known here; did you mean 'sudoku'?"),
            (("--show", "sudoku"), "'sudoku' must come right after 'sample'."),
            (("--model", "m", "--puzzle", SMALL), "'--puzzle' is an option of 'sudoku': put it after that word."),
            (("sudoku", "--puzle", SMALL), "'--puzle' is not known here; did you mean '--puzzle'?"),
            (("sudoku", "--denoiser", "single"), "'single' is not known here; did you mean 'singles'?"),
            (("sudoku", "--rule", "margn"), "'margn' is not known here; did you mean 'margin'?"),
        ],
    )
    def test_a_wrong_word_ends_with_the_right_one(self, words, line, capsys):
        assert run(*words) == 2
        assert capsys.readouterr().err.splitlines()[-1] == line

    def test_help_names_it_at_every_level(self, capsys):
        for words in (("--help",), ("sample", "--help")):
            with pytest.raises(SystemExit):
                cli.main([*words])
            assert "sample sudoku" in re.sub(r"[\s│]+", " ", capsys.readouterr().out)

    def test_the_menu_is_what_tyro_shows(self, capsys):
        with pytest.raises(SystemExit):
            tyro.cli(SampleSudoku, args=["--help"])
        shown = re.findall(r"^[^\w\n-]*(--[a-z][a-z-]*)(?:, (--no-[a-z-]+))?", capsys.readouterr().out, re.MULTILINE)
        assert {option for pair in shown for option in pair if option} == set(menu_of(SampleSudoku).options)

    def test_a_directory_of_that_name_is_no_second_word(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert run("--model", "sudoku") == 2
        assert "sudoku holds no distribution.json" in capsys.readouterr().err
