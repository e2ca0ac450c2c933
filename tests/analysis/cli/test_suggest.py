"""The nearest right word: commands, options, values of a list; never a path or a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from analysis.cli.main import Command
from analysis.cli.suggest import advice, as_typed, kebab, menu_of


def told(line: str) -> list[str]:
    return [text.strip() for text in advice(line.split(), Command)]


@pytest.mark.parametrize(
    ("line", "wrong", "right"),
    [
        ("genrate", "genrate", "generate"),
        ("generate --rwos 5 nae-sat", "--rwos", "--rows"),
        ("generate --rows 5 --out x nae-sta", "nae-sta", "nae-sat"),
        ("generate --rows 5 nae-sat --arty 3", "--arty", "--arity"),
        ("generate --format=jsn nae-sat", "jsn", "jsonl"),
        ("train --learner revresed nae-sat", "revresed", "reversed"),
        ("train --layrs 3 nae-sat", "--layrs", "--layers"),
        ("train --no-restrt nae-sat", "--no-restrt", "--no-restart"),
        ("train --mlp geluu", "geluu", "gelu"),
        ("sample --exakt", "--exakt", "--exact"),
        ("sample --rule margn", "margn", "margin"),
        ("evaluate --helo", "--helo", "--help"),
        ("reproduce hardnes", "hardnes", "hardness"),
        ("reproduce hardness --scale smal", "smal", "small"),
        ("merg", "merg", "merge"),
    ],
)
def test_a_wrong_word_names_the_nearest_right_one(line, wrong, right):
    assert told(line) == [f"{wrong!r} is not known here; did you mean {right!r}?"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "train --out trian --seed 3 nae-sat",  # a directory may be called anything
        "evaluate --model evalute --out vanila",
        "generate --rows 5 --sample_seed 3 rules --n-latents 3 --rules trian nae-sta",  # as may a rule; tyro takes a _
        "train --restart --no-restart local-hash --arity -3",
        "sample --rule margin --exact --help",
        "reproduce hardness --scale small",
        "generate --qqqqqqqq 3",  # nothing is near
    ],
)
def test_right_and_free_words_are_left_alone(line):
    assert told(line) == []


def test_an_option_in_the_wrong_place_is_told_its_place():
    assert told("generate nae-sat --rows 5") == ["'--rows' is an option of 'generate': put it before 'nae-sat'."]
    assert told("generate --n-latents 5 local-hash") == [
        "'--n-latents' is an option of 'local-hash': put it after that word."
    ]


def test_suggestions_come_from_the_chosen_command_only():
    assert told("evaluate --restat") == []  # --restart belongs to train
    assert told("train --restat") == ["'--restat' is not known here; did you mean '--restart'?"]


COMMANDS = menu_of(Command).commands
FAMILIES = menu_of(COMMANDS["train"]).commands


@pytest.mark.parametrize(
    ("words", "menu"),
    [([name], menu_of(command)) for name, command in COMMANDS.items()]
    + [(["train", "--out", "x", name], menu_of(family)) for name, family in FAMILIES.items()],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_the_menu_holds_exactly_the_options_that_tyro_shows(words, menu, capsys):
    with pytest.raises(SystemExit):
        tyro.cli(Command, args=[*words, "--help"], prog="lo-theory")
    shown = set(
        re.findall(r"^[^\w\n-]*(--[a-z][a-z-]*)(?:, (--no-[a-z-]+))?", capsys.readouterr().out, flags=re.MULTILINE)
    )
    assert {option for pair in shown for option in pair if option} - {"--help"} == set(menu.options)


def test_there_are_seven_commands():
    assert set(COMMANDS) == {"generate", "dataset", "train", "evaluate", "sample", "reproduce", "merge"}


@dataclass(frozen=True)
class Nothing:
    pass


@dataclass(frozen=True)
class Inner:
    """Nested options.

    Attributes:
        width: a number.
    """

    width: int = 3


@dataclass(frozen=True)
class FirstChoice:
    """A command.

    Attributes:
        kind: a positional word.
        inner: nested.
        flag: a switch.
        folder: a path.
        size: a choice or nothing.
    """

    kind: Annotated[Literal["red", "green"], "positional"]
    inner: Inner
    flag: bool = False
    folder: Path = Path()
    size: Literal[1, 2] | None = None


@dataclass(frozen=True)
class SecondChoice:
    """Another command."""


@dataclass(frozen=True)
class ManyChoices:
    """A command.

    Attributes:
        colours: any number of words of a list.
        names: any number of free words.
        size: one word of a list.
    """

    colours: tuple[Literal["red", "green"], ...] = ()
    names: tuple[str, ...] = ()
    size: Literal["small", "large"] | None = None


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("--colours red green red --size small", []),
        ("--colours red gren rd --size large", ["'gren' .* 'green'", "'rd' .* 'red'"]),
        ("--colours=gren", ["'gren' .* 'green'"]),
        ("--names gren rd smal", []),
        ("--colours red --size smal", ["'smal' .* 'small'"]),
    ],
)
def test_every_word_of_an_option_that_takes_many_is_judged(line, lines):
    found = advice(line.split(), ManyChoices)
    assert len(found) == len(lines)
    assert all(re.search(wanted, text) for wanted, text in zip(lines, found, strict=True))


@dataclass(frozen=True)
class NoOption:
    pass


@dataclass(frozen=True)
class Rates:
    learning_rate: float = 1.0


@dataclass(frozen=True)
class Outer:
    train_rows: int = 3
    own_code: bool = False
    rows: int = 4
    inner: Rates = Rates()


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("learning_rate must be positive", "--learning-rate must be positive"),
        ("got train_rows = 0. Lower learning_rate.", "got --train-rows = 0. Lower --learning-rate."),
        ("its training has learning_rate=1, this one 2", "its training has --learning-rate=1, this one 2"),
        ("Pass the argument `own_code=True` for it.", "Pass the argument `--own-code` for it."),
        ("it has own_code=False, own_code=Truest", "it has --no-own-code, --own-code=Truest"),
        ("min_ratio and rows are no options", "min_ratio and rows are no options"),
        ("/data/train_rows/train_rows.npy: my_train_rows", "/data/train_rows/train_rows.npy: my_train_rows"),
    ],
)
def test_arguments_are_spelled_as_options(message, typed):
    assert as_typed(message, Outer()) == typed
    assert as_typed(message, NoOption()) == message


def test_menus_are_read_off_the_types():
    assert list(menu_of(Annotated[FirstChoice | SecondChoice, "marker"]).commands) == ["first-choice", "second-choice"]
    menu = menu_of(FirstChoice)
    assert list(menu.options) == ["--width", "--flag", "--no-flag", "--folder", "--size"]
    assert menu.values == ("red", "green")
    assert menu.commands == {}


def test_kebab_is_tyros_spelling():
    assert [kebab(name) for name in ("NaeSat", "Train", "FromFile")] == ["nae-sat", "train", "from-file"]
