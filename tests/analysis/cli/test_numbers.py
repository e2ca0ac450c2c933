"""Whole numbers as people type them, and what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cli import main as cli
from analysis.cli.numbers import whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("-3", -3), ("1_000_000", 10**6), ("1e6", 10**6), ("1.5e3", 1500), ("2.0", 2), ("1E+2", 100)],
)
def test_one_number_is_written_in_many_ways(text, number):
    assert whole_number(text) == number


@given(st.integers())
def test_what_python_writes_is_read_back(number):
    assert whole_number(str(number)) == whole_number(f"{number:_}") == number


@given(st.integers(-(10**6), 10**6), st.integers(0, 11))
def test_an_exponent_is_exact(digits, exponent):
    assert whole_number(f"{digits}e{exponent}") == digits * 10**exponent


@pytest.mark.parametrize("text", ["1.5", "1e-3", "ten", "", "nan", "inf", "0x10", "1e6e6"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(text)


def test_an_exponent_without_end_is_refused_at_once():
    with pytest.raises(ValueError, match="more than 18 digits"):
        whole_number("1e999999999")


def parsed(line: str) -> Any:
    return cli.parse(line.split())


def test_every_integer_of_a_command_is_read_so():
    command = parsed("train --out m --steps 2e3 --batch-size 1_0 --seed 1e1 --layers 1e0 nae-sat --n-latents 2e1")
    assert (command.steps, command.batch_size, command.seed) == (2000, 10, 10)
    assert (command.network.layers, command.distribution.n_latents, command.train_rows) == (1, 20, None)
    assert parsed("generate --out d --rows 1e6 --shard-rows 1e5 nae-sat").shard_rows == 10**5


@pytest.mark.parametrize("text", ["1.5", "1e-3", "many"])
def test_a_refusal_names_option_and_value(text, capsys):
    with pytest.raises(SystemExit):
        cli.parse(["generate", "--out", "d", "--rows", text, "nae-sat"])
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"--rows: {text!r} is not a whole number" in told
