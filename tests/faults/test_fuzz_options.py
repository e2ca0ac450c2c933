"""Random words on the command line: a run, a help text, or what is wrong in words; never a traceback.

50 command lines every day; ``make soak`` tries 20,000. What would be asked for in earnest, such as a long training, is
kept small by what the pools hold.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from analysis.cli.main import main

COUNTS = ("1", "2", "3", "7")
NASTY = ("0", "-1", "1e18", "9" * 40, "1e400", "nan", "1.5", "", "x", "٣", "--", "-", "é\udc80", "a\nb", "1_0", "0x10")
NUMBERS, RATES = (*COUNTS, *NASTY), ("0", "0.1", "1", "-0.1", "1.1", "inf", "nan", "5e-324", "1e400", "", "x", "1,5")
NAMES = (
    "nae-sat",
    "local-hash",
    "whole-hash",
    "random-logic",
    "sparse-parity",
    "random-slabs",
    "from-file",
    "rules",
    "x",
)
FAMILY_OPTIONS = {
    "--n-latents": NUMBERS, "--n-observations": NUMBERS, "--arity": NUMBERS, "--latent-alphabet": NUMBERS,
    "--structure-seed": NUMBERS, "--noise": RATES, "--width": RATES, "--alphabet": NUMBERS,
    "--path": ("{}/none.json", "{}/bad.json", "{}", "/dev/null", ""),
    "--rules": ("x0", "x0 and x1", "x0 and and", "(((", ""),
}  # fmt: skip
OPTIONS = {
    "generate": {
        "--rows": NUMBERS, "--sample-seed": NUMBERS, "--shard-rows": NUMBERS, "--jobs": ("1", "0", "-1", "x", ""),
        "--split": ("test=2", "test=0", "train=2", "x", "=", ""), "--data": ("x",),
        "--format": ("npy", "jsonl", "packed", "", "pt"), "--columns": ("position", "order", "apart", "x"),
    },
    "train": {
        "--steps": (*COUNTS, "0", "-1", "nan", "x", ""), "--batch-size": NUMBERS, "--layers": ("1", "0", *NASTY),
        "--heads": NUMBERS, "--width": (*NUMBERS, "16"), "--hidden": NUMBERS, "--learning-rate": RATES,
        "--learner": ("mdm", "natural", "reversed", "", "x"), "--train-rows": NUMBERS, "--seed": NUMBERS,
        "--optimizer": ("adamw", "muon", "x"), "--device": ("cpu", "meta", "abacus", ""), "--order-seed": NUMBERS,
        "--loss": ("per-mask", "likelihood", "x"),
    },
    "evaluate": {"--model": ("{}/none", "{}", "/dev/null", ""), "--rows": NUMBERS, "--sample-seed": NUMBERS},
    "sample": {
        "--model": ("{}/none", "{}", "/dev/null", ""), "--n": NUMBERS, "--rule": ("margin", "vanilla", "x", ""),
        "--per-step": NUMBERS, "--seed": NUMBERS, "--film": ("{}/a.html", "{}/a.mp4", ""),
        "--precision": ("float32", "bfloat16", "half", ""),
    },
    "reproduce": {"--jobs": NASTY, "--scale": ("x", "", "large"), "--device": ("abacus", "meta", "")},
}  # fmt: skip
SMALL = {"generate": ("--rows", "3", "--quiet"), "train": ("--steps", "2", "--batch-size", "4", "--quiet")}


def command_line(rng: random.Random, folder: Path) -> list[str]:
    command = rng.choice(list(OPTIONS))
    words = [command, *SMALL.get(command, ()), "--out", f"{folder}/{rng.randrange(10**9)}"]
    for name in rng.sample(sorted(OPTIONS[command]), rng.randrange(1, 4)):
        words += [name, rng.choice(OPTIONS[command][name])]
    if command == "reproduce":  # always something wrong, as a run takes minutes
        return [*words, rng.choice(("leak", "x")), "--jobs", "0"]
    if command in SMALL:
        words.append(rng.choice(NAMES))
        for name in rng.sample(sorted(FAMILY_OPTIONS), rng.randrange(0, 4)):
            words += [name, rng.choice(FAMILY_OPTIONS[name])]
    return [word.replace("{}", str(folder)) for word in words]


def ended(words: list[str]) -> object:
    try:
        return main(words)
    except SystemExit as stopped:
        return 0 if stopped.code is None else stopped.code


def check_some(count: int, seed: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng, slowest = random.Random(seed), (0.0, [""])
    (folder / "bad.json").write_text('{"format": ')
    codes = set[object]()
    good = ["generate", "--out", str(folder / "good"), *SMALL["generate"], "nae-sat"]
    for words in [good, *(command_line(rng, folder) for _ in range(count))]:
        before = time.process_time()
        code = ended(words)
        said = capsys.readouterr()
        assert code in (0, 2), words
        assert code == 0 or said.err.strip(), f"not a word about {words}"
        assert "Traceback" not in said.err, words
        codes.add(code)
        slowest = max(slowest, (time.process_time() - before, words))
    assert codes == {0, 2}
    print(f"{count} command lines; the slowest took {slowest[0]:.2f} s of processor time: {slowest[1]}")


def test_some_command_lines(tmp_path, capsys):
    check_some(50, 0, tmp_path, capsys)


@pytest.mark.soak
def test_many_command_lines(tmp_path, capsys):
    check_some(20_000, 1, tmp_path, capsys)
