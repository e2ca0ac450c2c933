"""``lo-theory evaluate sudoku``: a file of puzzles in, its numbers out, and one line for everything that cannot be."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import tyro
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cli import main as cli
from analysis.cli.decoders import PuzzleRule, puzzle_rules
from analysis.cli.sudoku.evaluate import EvaluateSudoku
from analysis.cli.sudoku.puzzle_file import read_boards
from analysis.cli.sudoku.solvers import Reasoner
from analysis.cli.suggest import menu_of
from analysis.lab.rows import Subject
from analysis.puzzles.by_level import GROUPS, group_members, rows_by_level
from analysis.puzzles.judging import BOARD, CELL, VALIDITY, judge_sudoku, puzzle_rows
from generators.sudoku import (
    SudokuCells,
    SudokuSource,
    SudokuTriples,
    grid_text,
    pack_rows,
    solve_by_strategies,
)
from generators.sudoku.create import PuzzleRows
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.estimate import wilson_interval
from lo_theory.learning.checkpoint import load_network
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.menu import IN_CALLS, board_rules, one_cell_rules, trusting_rules
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score, order_score
from lo_theory.samplers.tokens import argmax_token

SMALL, SOLVED = "...12...42......", "3421213442131342"
FOUR, NINE = SudokuSource(side=4).rows(0, 0, 30), SudokuSource().rows(0, 0, 120)


def run(*words: object) -> int:
    """Exit code of ``lo-theory evaluate ...``, whichever way it comes."""
    try:
        return cli.main(["evaluate", *(str(word) for word in words)])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1


def write_lines(path: Path, rows: PuzzleRows, header: str = "puzzle,solution") -> Path:
    """A CSV file of puzzles with solutions."""
    lines = [f"{grid_text(p)},{grid_text(s)}" for p, s in zip(rows.puzzles, rows.solutions, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def measured(path: Path, *words: object) -> dict[tuple[str, str, str], dict[str, str]]:
    """Rows of the table that a run writes, by group of levels ("" for all), rule and metric."""
    table = path.with_suffix(".rows.csv")
    assert run("sudoku", "--puzzles", path, "--out", table, *words) == 0
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = {(r["distribution"].removeprefix(path.name).strip(", "), r["decoder"], r["metric"]): r for r in rows}
    assert len(found) == len(rows)
    return found


class TestReasoners:
    @pytest.mark.parametrize("words", [(), ("--per-step", 3)], ids=["one cell", "three cells"])
    def test_the_solution_is_right_by_every_rule(self, words, tmp_path, capsys):
        path = write_lines(tmp_path / "mine.csv", FOUR)
        found = measured(path, "--denoiser", "exact", "--rule", "all", *words)
        rules = {rule for _, rule, _ in found}
        assert {"margin", "full rewrite", "threshold"} <= rules
        assert ("left to right" in rules) == (not words)
        assert {row["value"] for row in found.values()} == {"1.0"}
        assert {row["model"] for row in found.values()} == {"exact posterior"}
        assert {row["low"] for (_, _, metric), row in found.items() if metric == BOARD} == {
            repr(wilson_interval(30, 30)[0])
        }

    def test_each_reasoner_solves_its_levels_and_needs_luck_beyond(self, tmp_path, capsys):
        """Sure cells come first by margin, so up to a level a reasoner never guesses: no board is lost there.

        "strategies" may lose one in a few hundred at level 8 (its docstring says why); none of these.
        """
        path, levels = write_lines(tmp_path / "nine.csv", NINE), solve_by_strategies(NINE.puzzles).levels
        counts = {name: int(members.sum()) for name, members in group_members(levels).items()}
        assert min(counts.values()) >= 20
        singles, strategies = (
            measured(path, "--denoiser", denoiser, "--rule", "margin") for denoiser in ("singles", "strategies")
        )
        for found in (singles, strategies):
            right = {name: float(found[name, "margin", BOARD]["value"]) for name in ("", *GROUPS)}
            assert {name: int(found[name, "margin", BOARD]["samples"]) for name in GROUPS} == counts
            assert right[""] * 120 == pytest.approx(sum(right[name] * n for name, n in counts.items()))
        assert float(singles["singles", "margin", BOARD]["value"]) == 1.0
        assert float(singles["strategies", "margin", BOARD]["value"]) < 0.8
        assert float(strategies["strategies", "margin", BOARD]["value"]) == 1.0
        assert float(strategies["beyond", "margin", BOARD]["value"]) < 0.9

    def test_what_is_printed_is_what_is_written(self, tmp_path, capsys):
        path = write_lines(tmp_path / "nine.csv", NINE)
        found = measured(path, "--limit", 40, "--rule", "vanilla", "margin")
        out = capsys.readouterr().out
        givens = (NINE.puzzles[:40] > 0).sum(axis=1)
        assert f"nine.csv: 40 puzzles of 9x9 with {givens.min()} to {givens.max()} givens\nleft out: none\n" in out
        assert re.search(r"^singles reasoner +boards right +cells right +boards valid +calls$", out, re.MULTILINE)
        for rule in ("vanilla", "margin"):
            whole, by_level = re.findall(rf"^{rule}  .*$", out, re.MULTILINE)
            shown = re.findall(r"([\d.]+)% \[([\d.]+), ([\d.]+)\]", whole + by_level)
            wanted = [found["", rule, metric] for metric in (BOARD, CELL, VALIDITY)]
            wanted += [found[name, rule, BOARD] for name in GROUPS]
            for numbers, row in zip(shown, wanted, strict=True):
                for text, name in zip(numbers, ("value", "low", "high"), strict=True):
                    assert float(text) == pytest.approx(100 * float(row[name]), abs=0.0501)
            assert float(whole.split()[-1]) == pytest.approx(float(found["", rule, BOARD]["calls"]), rel=1e-3)
        assert float(found["", "margin", BOARD]["calls"]) == pytest.approx(81 - givens.mean())
        counts = [int(found[name, "margin", BOARD]["samples"]) for name in GROUPS]
        names = [f"{name} \\({count}\\)" for name, count in zip(GROUPS, counts, strict=True)]
        assert re.search(rf"^boards right by level +{' +'.join(names)}$", out, re.MULTILINE)
        assert out.endswith(f"\nall {len(found)} numbers: {path.with_suffix('.rows.csv')}\n")

    def test_a_seed_is_a_run(self, tmp_path, capsys):
        path = write_lines(tmp_path / "nine.csv", NINE)
        first, again, other = (measured(path, "--rule", "vanilla", "--seed", seed) for seed in (0, 0, 1))
        assert first == again != other


class TestNetworks:
    @pytest.mark.parametrize("given", ["directory", "file"])
    def test_a_masked_one_fills_cells(self, given, write_network, tmp_path, capsys):
        file = write_network(tmp_path / "checkpoint.safetensors", 16, 4)
        path = write_lines(tmp_path / "four.csv", FOUR)
        found = measured(path, "--model", tmp_path if given == "directory" else file, "--rule", "margin")
        prompt = torch.from_numpy(SudokuCells(SudokuSource(side=4)).prompt(FOUR.puzzles))
        decoder = Decoder(margin_score, one_per_step(), argmax_token)
        tokens = decode(MaskedDenoiser(load_network(file)), prompt, decoder, torch.Generator()).tokens.numpy()
        self.check(found, "mdm", "margin", (tokens + 1).astype(np.uint8))

    def test_an_autoregressive_one_writes_triples_in_its_own_order(self, write_network, tmp_path, capsys):
        file = write_network(tmp_path / "arm.safetensors", 48, 4, causal=True)
        path = write_lines(tmp_path / "four.csv", FOUR)
        found = measured(path, "--model", file)
        form = SudokuTriples(SudokuSource(side=4))
        decoder = Decoder(order_score(np.arange(48)), one_per_step(), argmax_token)
        denoiser, prompt = CausalDenoiser(load_network(file), np.arange(48)), form.prompt(FOUR.puzzles)
        tokens = decode(denoiser, torch.from_numpy(prompt), decoder, torch.Generator()).tokens.numpy()
        grids = np.where(FOUR.puzzles > 0, FOUR.puzzles, form.read(tokens))
        self.check(found, "arm", "own order", grids)
        assert float(found["", "own order", BOARD]["calls"]) == pytest.approx((prompt == 4).sum(axis=1).mean())

    @staticmethod
    def check(found, model: str, rule: str, grids: np.ndarray) -> None:
        judged = judge_sudoku(FOUR.puzzles, FOUR.solutions, grids)
        about = Subject(distribution="", fingerprint="", model=model)
        for row in puzzle_rows(judged, about=about, decoder=rule, calls=None):
            written = found["", rule, row.metric]
            assert (float(written["value"]), float(written["low"])) == (row.value, row.low)
            assert written["model"] == model
        assert float(found["", rule, CELL]["value"]) > 0  # so that there is something to compare


class TestFiles:
    def test_every_way_to_write_puzzles_down_is_the_same(self, tmp_path):
        texts = [grid_text(puzzle) for puzzle in NINE.puzzles]
        write_lines(tmp_path / "a.csv", NINE)
        write_lines(tmp_path / "b.csv", NINE, "quizzes,solutions")
        (tmp_path / "c.txt").write_text("\n".join(texts))
        (tmp_path / "d.csv").write_text("level,puzzle\n" + "".join(f"x,{t.replace('.', '0')}\n" for t in texts))
        few = NINE.puzzles[solve_by_strategies(NINE.puzzles).solved]
        np.save(tmp_path / "e.npy", pack_rows(few, solve_by_strategies(few)))
        for name in ("a.csv", "b.csv", "c.txt", "d.csv"):
            boards, left_out = read_boards(tmp_path / name)
            assert (boards.puzzles == NINE.puzzles).all()
            assert (boards.solutions == NINE.solutions).all()
            assert str(left_out) == "none"
        assert (read_boards(tmp_path / "e.npy")[0].puzzles == few).all()

    @pytest.mark.parametrize("side", [4, 6, 9, 16])
    def test_the_size_is_read_off_the_file(self, side, tmp_path):
        rows = SudokuSource(side=side).rows(0, 0, 3)
        for solved in (True, False):
            path = write_lines(tmp_path / "mine.csv", rows)
            if not solved:
                path.write_text("\n".join(grid_text(puzzle) for puzzle in rows.puzzles))
            boards, _ = read_boards(path)
            assert (boards.solutions == rows.solutions).all()

    def test_an_array_has_a_size_too(self, tmp_path):
        puzzles = SudokuSource(side=4, levels=(2, 8)).rows(0, 0, 3).puzzles
        np.save(tmp_path / "four.npy", pack_rows(puzzles, solve_by_strategies(puzzles)))
        assert (read_boards(tmp_path / "four.npy")[0].puzzles == puzzles).all()
        np.save(tmp_path / "none.npy", np.zeros((3, 7), dtype=np.int64))
        with pytest.raises(ValueError, match=r"rows of 9x9 grids have shape \(n, 325\).*; got \(3, 7\)"):
            read_boards(tmp_path / "none.npy")

    def test_what_is_left_out_is_counted_by_reason(self, tmp_path, capsys):
        path = tmp_path / "mine.txt"
        bad = ["11..............", "...12...4.......", "12", SOLVED, "...12...4.......", f"{SMALL},{SOLVED[::-1]}"]
        path.write_text("\n".join([SMALL, *bad[:3], SMALL, *bad[3:], "12z............."]))
        assert run("sudoku", "--puzzles", path) == 0
        out = capsys.readouterr().out
        said = re.search(
            r"^left out: (.*); the first is line 2: contradicting givens: 1 stands twice", out, re.MULTILINE
        )
        assert said
        assert sorted(said[1].split(", ")) == [
            "1 bad character",
            "1 contradicting givens",
            "1 no empty cell",
            "1 solution contradicts the givens",
            "1 wrong length",
            "2 two solutions",
        ]
        assert "mine.txt: 2 puzzles of 4x4 with 4 givens" in out
        for limit, count in ((1, 0), (2, 3), (3, 7)):  # what comes after the last puzzle was not looked at
            boards, left_out = read_boards(path, limit)
            assert (len(boards), sum(left_out.counts.values())) == (min(limit, 2), count)

    def test_a_beginning_of_nothing_but_bad_rows(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("generators.sudoku.reading._BATCH", 3)
        path, bad = tmp_path / "mine.txt", f"11{14 * '.'}\n"
        path.write_text(3 * bad)
        assert run("sudoku", "--puzzles", path) == 2
        assert "holds no puzzle that can be judged. Left out: 3 contradicting givens" in capsys.readouterr().err
        path.write_text(7 * bad + SMALL)
        assert len(read_boards(path)[0]) == 1

    def test_what_is_skipped_and_what_repeats_is_told(self, tmp_path, capsys):
        path = tmp_path / "mine.csv"
        path.write_text(f"# mine\nquizzes;solutions\n{SMALL};{SOLVED}\n# again\n{SMALL.replace('.', '0')};\n")
        assert run("sudoku", "--puzzles", path) == 0
        out = capsys.readouterr().out
        assert "left out: none\nskipped lines: 2 of kind 'comment line'\nrepeated: 1 puzzles are in the file" in out

    def test_shifted_digits_are_said_and_not_guessed(self, tmp_path, capsys):
        path = tmp_path / "shifted.txt"
        path.write_text("\n".join(grid_text(p).translate(str.maketrans("1234", "0123")) for p in FOUR.puzzles))
        assert run("sudoku", "--puzzles", path) == 2
        assert "30 ambiguous zero" in capsys.readouterr().err
        boards, _ = read_boards(path, digits="0-3")
        assert (boards.puzzles == FOUR.puzzles).all()
        assert run("sudoku", "--puzzles", path, "--digits", "0-3") == 0

    @given(limit=st.integers(1, 9), batch=st.integers(2, 7))
    @settings(max_examples=20)
    def test_a_limit_takes_the_first(self, tmp_path_factory, limit, batch):
        path = tmp_path_factory.mktemp("limit") / "mine.txt"
        path.write_text("\n".join(text for p in FOUR.puzzles[:8] for text in ("12", grid_text(p))))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("generators.sudoku.reading._BATCH", batch)
            boards, left_out = read_boards(path, limit)
        assert (boards.puzzles == FOUR.puzzles[: min(limit, 8)]).all()
        assert left_out.counts == {"wrong length": min(limit, 8)}
        assert left_out.first.startswith("line 1: wrong length: ")


class TestRules:
    def test_the_names_are_those_of_the_tables(self):
        rules = puzzle_rules(["all"], 12, 1)
        tables = [*one_cell_rules(12), *board_rules(12), *trusting_rules(token=argmax_token)]
        assert {rule.name for rule in rules} == {rule.name for rule in tables}
        typed = [name for name in get_args(PuzzleRule) if name != "all"]
        alone = [rule.name for name in typed for rule in puzzle_rules([name], 12, 1)]
        assert alone == [rule.name for rule in puzzle_rules(typed, 12, 1)] == [rule.name for rule in rules]

    def test_without_a_name_it_is_the_papers_three(self):
        assert [rule.name for rule in puzzle_rules([], 12, 1)] == ["vanilla", "top probability", "margin"]

    @pytest.mark.parametrize(("per_step", "calls"), [(2, 6), (5, 3), (12, 1), (100, 1)])
    def test_more_cells_per_call_are_fewer_calls(self, per_step, calls):
        found = {rule.name: rule for rule in puzzle_rules(["all"], 12, per_step)}
        assert "left to right" not in found
        assert {rule.at for rule in found.values() if rule.swept == IN_CALLS} == {float(calls)}
        assert {"threshold", "entropy bound", "klass"} <= found.keys()

    def test_budgets_are_kept(self, tmp_path, capsys):
        found = measured(write_lines(tmp_path / "nine.csv", NINE), "--per-step", 8, "--limit", 20, "--rule", "margin")
        most = int((NINE.puzzles[:20] == 0).sum(axis=1).max())
        assert float(found["", "margin", BOARD]["calls"]) == -(-most // 8)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_groups_are_the_judgement_of_their_own_boards(seed):
    rng = np.random.default_rng(seed)
    grids = np.where((NINE.puzzles == 0) & (rng.random((120, 1)) < 0.4), 1, NINE.solutions)
    levels = solve_by_strategies(NINE.puzzles).levels
    about = Subject(distribution="mine", fingerprint="f", model="m")
    common = {"decoder": "margin", "swept": "cells per call", "at": 1.0}
    judged = judge_sudoku(NINE.puzzles, NINE.solutions, grids)
    found = rows_by_level(judged, levels, about=about, **common)
    assert list(found) == list(GROUPS)
    for name, (low, high) in GROUPS.items():
        part = (levels >= low) & (levels <= high)
        own = judge_sudoku(NINE.puzzles[part], NINE.solutions[part], grids[part])
        for row, wanted in zip(found[name], puzzle_rows(own, about=about, calls=None, **common), strict=True):
            assert (row.value, row.interval, row.samples) == (wanted.value, wanted.interval, wanted.samples)
            assert row.distribution == f"mine, {name}"
        assert found[name][0].interval == wilson_interval(int(judged.solved[part].sum()), int(part.sum()))
    assert len({rows[0].fingerprint for rows in found.values()}) == 3
    assert sum(len(np.flatnonzero(members)) for members in group_members(levels).values()) == 120


NAMED = [
    (("--puzzles", "{}/none.txt"), "No such file"),
    (("--puzzles", "{}"), "directory"),
    (
        ("--puzzles", "{}/empty.txt"),
        "holds no grid: no row at its beginning has as many characters as a grid has cells (16,",
    ),
    (("--puzzles", "{}/short.txt"), "short.txt holds no grid"),
    (("--puzzles", "{}/bytes.npy"), "pickle"),
    (("--puzzles", "{}/names.csv"), "no column named puzzle"),
    (("--puzzles", "{}/full.txt"), "full.txt holds no puzzle that can be judged. Left out: 1 no empty cell; the first"),
    (("--puzzles", "{}/four.txt", "--limit", "0"), "--limit must be at least 1; got 0"),
    (("--puzzles", "{}/four.txt", "--per-step", "0"), "--per-step must be at least 1; got 0"),
    (("--puzzles", "{}/four.txt", "--seed", "-1"), "--seed must be at least 0; got -1"),
    (("--puzzles", "{}/four.txt", "--out", "{}"), "is a directory"),
    (("--puzzles", "{}/four.txt", "--device", "abacus"), "--device abacus cannot be used"),
    (("--puzzles", "{}/four.txt", "--denoiser", "network"), "add --model DIR"),
    (
        ("--puzzles", "{}/four.txt", "--denoiser", "exact", "--model", "{}/m4"),
        "--model is not used by --denoiser exact",
    ),
    (("--puzzles", "{}/four.txt", "--model", "{}/nothing"), "there is no checkpoint at"),
    (("--puzzles", "{}/four.txt", "--model", "{}/short.txt"), "truncated or garbled"),
    (("--puzzles", "{}/four.txt", "--model", "{}/m9"), "four.txt are 4x4 (16 cells, 4 digits). Judge it on 9x9"),
    (("--puzzles", "{}/four.txt", "--model", "{}/a9"), "a9 reads 9x9 puzzles, and those of"),
    (("--puzzles", "{}/nine.csv", "--model", "{}/m4"), "m4 reads 4x4 puzzles, and those of"),
    (("--puzzles", "{}/four.txt", "--model", "{}/other"), "sequences of 10 tokens with 2 values, which are no Sudokus"),
    (("--puzzles", "{}/four.txt", "--model", "{}/a-cells"), "an autoregressive network for sequences of 16 tokens"),
    (("--puzzles", "{}/four.txt", "--model", "{}/a4", "--rule", "margin"), "leave out --rule and --per-step"),
    (("--puzzles", "{}/four.txt", "--model", "{}/a4", "--per-step", "2"), "leave out --rule and --per-step"),
    (("--puzzles", "{}/four.txt", "--per-step", "2", "--rule", "left-to-right"), "--rule left-to-right fills one cell"),
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory, write_network):
    """A folder of files that do not fit."""
    folder = tmp_path_factory.mktemp("bad")
    for name, length, vocabulary, causal in (
        ("m4", 16, 4, False),
        ("m9", 81, 9, False),
        ("a4", 48, 4, True),
        ("a9", 243, 9, True),
        ("other", 10, 2, False),
        ("a-cells", 16, 4, True),
    ):
        write_network(folder / name, length, vocabulary, causal=causal)
    write_lines(folder / "nine.csv", NINE)
    for name, text in {
        "empty.txt": "",
        "short.txt": "123\n4",
        "bytes.npy": "no array",
        "names.csv": "a,b\n1,2",
        "full.txt": SOLVED,
        "four.txt": SMALL,
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("words", "named"), NAMED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_is_one_line(words, named, bad, refused_in_one_line):
    refused_in_one_line(run, words, named, bad)


class TestWords:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (("sudko", "--puzzles", "x"), "'sudko' is not known here; did you mean 'sudoku'?"),
            (("--puzzles", "x", "sudoku"), "'sudoku' must come right after 'evaluate'."),
            (("--model", "m", "--puzzles", "x"), "'--puzzles' is an option of 'sudoku': put it after that word."),
            (("sudoku", "--puzzle", "x"), "'--puzzle' is not known here; did you mean '--puzzles'?"),
            (
                ("sudoku", "--puzzles", "x", "--rule", "vanilla", "margn"),
                "'margn' is not known here; did you mean 'margin'?",
            ),
            (
                ("sudoku", "--puzzles", "x", "--denoiser", "single"),
                "'single' is not known here; did you mean 'singles'?",
            ),
        ],
    )
    def test_a_wrong_word_ends_with_the_right_one(self, words, line, capsys):
        assert run(*words) == 2
        assert line in capsys.readouterr().err.splitlines()

    def test_the_menu_is_what_tyro_shows(self, capsys):
        with pytest.raises(SystemExit):
            tyro.cli(EvaluateSudoku, args=["--help"])
        shown = re.findall(r"^[^\w\n-]*(--[a-z][a-z-]*)(?:, (--no-[a-z-]+))?", capsys.readouterr().out, re.MULTILINE)
        assert {option for pair in shown for option in pair if option} == set(menu_of(EvaluateSudoku).options)

    def test_the_help_of_evaluate_names_it(self, capsys):
        with pytest.raises(SystemExit):
            cli.main(["evaluate", "--help"])
        assert "evaluate sudoku" in re.sub(r"[\s│]+", " ", capsys.readouterr().out)

    def test_both_commands_have_the_same_reasoners(self):
        assert set(get_args(Reasoner)) == {"candidates", "singles", "strategies", "exact", "network"}
