"""``lo-theory evaluate zebra``: a person's file in, its numbers out, and one line for everything that cannot be."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro

from analysis.cli import main as cli
from analysis.cli.suggest import menu_of
from analysis.cli.zebra.evaluate import EvaluateZebra
from analysis.cli.zebra.evaluation import read_zebra_boards
from analysis.puzzles.judging import judge_zebra
from generators.zebra import ZebraCells, ZebraSource, everyday_names, sentences, solve_by_strategies
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.learning.checkpoint import load_network
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score
from lo_theory.samplers.tokens import argmax_token

MADE = ZebraSource(houses=(3, 3), attributes=(3, 3)).rows(0, 0, 12)
HARD = ZebraSource(houses=(5, 5), attributes=(5, 5), levels=(6, 6)).rows(0, 0, 4)


def run(*words: object) -> int:
    """Exit code of ``lo-theory evaluate ...``, whichever way it comes."""
    try:
        return cli.main(["evaluate", *(str(word) for word in words)])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1


def write(path: Path, rows=MADE, *, broken: int = 0) -> Path:
    forms = []
    for number in range(len(rows.puzzles)):
        puzzle = rows.puzzles[number]
        names = everyday_names(puzzle.houses, puzzle.attributes)
        clues = sentences(puzzle, names)[1 if number < broken else 0 :]
        forms.append({"attributes": names.attributes[1:], "values": names.values[1:], "sentences": clues})
    path.write_text("".join(json.dumps(form) + "\n" for form in forms))
    return path


def measured(path: Path, *words: object) -> dict[tuple[str, str], dict[str, str]]:
    table = path.with_suffix(".csv")
    assert run("zebra", "--puzzles", path, "--out", table, *words) == 0
    with table.open(newline="") as stream:
        return {(row["decoder"], row["metric"]): row for row in csv.DictReader(stream)}


def test_what_a_file_holds_is_what_was_written(tmp_path):
    boards, rejections = read_zebra_boards(write(tmp_path / "mine.jsonl"))
    assert rejections == []
    assert np.array_equal(boards.solutions, MADE.solutions)
    assert len(read_zebra_boards(tmp_path / "mine.jsonl", 5)[0]) == 5


def test_the_solution_is_right_and_a_person_comes_as_far_as_the_strategies(tmp_path, capsys):
    path = write(tmp_path / "hard.jsonl", HARD)
    assert {row["value"] for row in measured(path, "--denoiser", "exact").values()} == {"1.0"}
    for name, dialect in (("clues", "clues"), ("strategies", "pairs")):
        found = measured(path, "--denoiser", name)
        filled = solve_by_strategies(HARD.puzzles, dialect).solutions  # type: ignore[arg-type]
        assert float(found["", "board_accuracy"]["value"]) == 0.0
        share = (filled[:, :5, :5] >= 0).mean()
        assert float(found["", "cell_accuracy"]["value"]) == pytest.approx(share)
    assert "4 puzzles (houses x attributes: 4 of 5x5)" in capsys.readouterr().out


def test_what_is_left_out_is_counted(tmp_path, capsys):
    assert run("zebra", "--puzzles", write(tmp_path / "mine.jsonl", broken=3)) == 0
    out = capsys.readouterr().out
    assert "mine.jsonl: 9 puzzles" in out
    assert re.search(r"left out: 3 puzzle that is not taken; the first is puzzle 1: two solutions", out)


@pytest.mark.parametrize("compact", [False, True])
def test_a_masked_network_fills_cells(write_network, tmp_path, capsys, compact):
    source = ZebraSource(houses=(3, 3), attributes=(3, 3), most_tokens=241)
    form = ZebraCells(source, compact)
    file = write_network(tmp_path / "m", form.length, form.vocabulary)
    found = measured(write(tmp_path / "mine.jsonl"), "--model", file, "--rule", "margin")
    decoder = Decoder(margin_score, one_per_step(), argmax_token)
    prompt = torch.from_numpy(form.prompt(MADE.puzzles))
    tokens = decode(MaskedDenoiser(load_network(file), everywhere=True), prompt, decoder, torch.Generator()).tokens
    judged = judge_zebra(MADE.puzzles, MADE.solutions, form.read(tokens.numpy(), MADE.puzzles))
    assert int(judged.asked.sum()) == 12 * 9
    assert found["margin", "cell_accuracy"]["value"] == repr(float(judged.right.sum() / judged.asked.sum()))
    assert {row["model"] for row in found.values()} == {"mdm"}


def test_an_autoregressive_network_has_its_own_order(write_network, tmp_path, capsys):
    file = write_network(tmp_path / "a", 241 + 27, 22, causal=True)
    found = measured(write(tmp_path / "mine.jsonl"), "--model", file)
    assert {decoder for decoder, _ in found} == {"own order"}


REFUSED = [
    (("--puzzles", "{}/none.json"), "No such file"),
    (("--puzzles", "{}/mine.jsonl", "--denoiser", "network"), "add --model DIR"),
    (("--puzzles", "{}/mine.jsonl", "--denoiser", "exact", "--model", "{}"), "--model is not used by --denoiser exact"),
    (("--puzzles", "{}/mine.jsonl", "--rule", "margin"), "answers at once"),
    (("--puzzles", "{}/mine.jsonl", "--limit", "0"), "--limit must be at least 1; got 0"),
    (("--puzzles", "{}/empty.json"), "holds no puzzle that can be judged. Left out: none"),
    (("--puzzles", "{}/mine.jsonl", "--model", "{}/small"), "are no zebra puzzles of 3 houses and 3 attributes"),
    (("--puzzles", "{}/mine.jsonl", "--model", "{}/arm", "--rule", "margin"), "leave out --rule and --per-step"),
]


@pytest.mark.parametrize(("words", "named"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_cannot_be_is_one_line(words, named, tmp_path, write_network, capsys):
    write(tmp_path / "mine.jsonl")
    (tmp_path / "empty.json").write_text("[]")
    write_network(tmp_path / "small", 10, 22)
    write_network(tmp_path / "arm", 241 + 27, 22, causal=True)
    assert run("zebra", *(word.replace("{}", str(tmp_path)) for word in words)) == 2
    said = capsys.readouterr().err
    assert said.startswith("lo-theory: ")
    assert said.count("\n") == 1
    assert named in said


def test_the_menu_is_what_tyro_shows(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(EvaluateZebra, args=["--help"])
    shown = re.findall(r"^[^\w\n-]*(--[a-z][a-z-]*)", capsys.readouterr().out, re.MULTILINE)
    assert set(shown) == set(menu_of(EvaluateZebra).options)


def test_a_wrong_word_ends_with_the_right_one(capsys):
    assert run("zebr", "--puzzles", "x") == 2
    assert "'zebr' is not known here; did you mean 'zebra'?" in capsys.readouterr().err
