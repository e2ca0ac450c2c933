"""The pages of findings and the gallery: they render, and their numbers come from rows, their samples from the code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from docs import derived, samples
from docs.numbers import ROOT, environment, row
from generators.sudoku import completes, parse_grid

DOCS = ROOT / "docs"
PAGES = [*sorted((DOCS / "findings").glob("*.md")), DOCS / "gallery.md"]
# Taken away before numbers are looked for: templates, code, and what counts the parts of the paper.
_NO_NUMBERS = (
    re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL),
    re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE),
    re.compile(r"`[^`]*`"),
    re.compile(r"\b(?:Prop|Def|Fig|Sec|App|Conj|Example|Table)\.? ?[A-Z]?\.?\d+(?:\.\d+)?"),
)
_NUMBER = re.compile(r"\d+\.\d+|\d\s?%|\+-\s?\d|\d\s?per cent")
_LINK = re.compile(r"\]\(([^)#\s]+)\)")


@cache
def rendered(page: Path) -> str:
    """A page as the rows and the code make it."""
    return environment().from_string(page.read_text(encoding="utf-8")).render()


def typed_numbers(template: str) -> list[str]:
    """Measured numbers that stand in a template in figures, outside of macros, code and references."""
    for pattern in _NO_NUMBERS:
        template = pattern.sub(" ", template)
    return _NUMBER.findall(template)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_number_is_typed_by_hand(page: Path) -> None:
    assert typed_numbers(page.read_text(encoding="utf-8")) == []


def test_a_typed_number_would_be_found() -> None:
    """The control: figures beside macros are seen, those of macros, commands and references are not."""
    assert typed_numbers('{{ f("x", at=0.5) }} 98.3%, 5 %, z +- 2 of Prop. 3.3 and Def. B.9 by `--at 0.5`') == [
        "98.3", "5 %", "+- 2",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_render_and_what_they_point_at_is_there(page: Path) -> None:
    text = rendered(page)
    assert "nan" not in text.split()
    assert not re.search(r"\{\{|\{%", text)
    for target in _LINK.findall(text):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES[:-1], ids=lambda page: page.stem)
def test_a_finding_says_what_would_have_falsified_it(page: Path) -> None:
    if page.stem == "index":
        listed = set(re.findall(r"^[a-z_0-9]+$", rendered(page), re.MULTILINE))
        assert listed == {other.stem for other in PAGES[:-1]} - {"index"}
        return
    headings = re.findall(r"^#+ .*", rendered(page), re.MULTILINE)
    assert headings[1:] == ["## What was run", "## The numbers", "## What would have falsified it", "## Open"]
    runs = re.findall(r"`results/([a-z0-9-]+)`", rendered(page))
    assert runs
    assert all((ROOT / "results" / run / "provenance.json").exists() for run in runs)


def test_every_picture_is_in_the_gallery() -> None:
    template = (DOCS / "gallery.md").read_text(encoding="utf-8")
    pictures = {path.stem for suffix in ("png", "svg") for path in DOCS.glob(f"*.{suffix}")}
    assert pictures == set(re.findall(r'^  \("(\w+)", "', template, re.MULTILINE))


def test_rows_that_are_gone_are_errors() -> None:
    with pytest.raises(LookupError, match="no row"):
        derived.span("hardness-smoke", "order_accuracy", metric="luck")
    with pytest.raises(LookupError, match="one row per seed"):
        derived.seeds("hardness-smoke", "order_accuracy", metric="agreement")
    with pytest.raises(LookupError, match="no picture"):
        derived.picture("of_nothing")
    with pytest.raises(LookupError, match="one claim"):
        derived.claim("of nothing")


def test_calls_are_averaged_where_a_rule_settles_them_and_kept_where_they_are_swept() -> None:
    swept = {"distribution": "NAE-SAT", "model": "mdm", "decoder": "margin", "metric": "agreement"}
    assert {row("hardness-small", "order_accuracy", calls=calls, **swept).samples for calls in (5.0, 10.0, 20.0)} == {3}
    made = derived.calls(
        "table1-small", "table1", distribution="NAE-SAT (7, 21)", model="mdm", decoder="entropy bound",
        metric="agreement", at=0.01,
    )  # fmt: skip
    assert 1 < float(made) < 28


def test_derived_values_agree_with_their_rows() -> None:
    said = derived.verdicts()
    assert said["holds"] + said["fails"] + said["open"] == said["claims"]
    assert [len(derived.judged(verdict)) for verdict in ("holds", "fails")] == [said["holds"], said["fails"]]
    tables = [(0, 1, 1, 0, 1, 0, 0, 1), (1, 0, 1, 0, 0, 1, 0, 1), (0, 0, 0, 0, 1, 1, 1, 1), (0,) * 8]
    assert derived.parities(tables) == 2  # of three inputs and of two; a copy of one input is none
    assert np.isclose(derived.parity_plateau(tables), np.log(2) / 2)
    margin, vanilla = ({"decoder": rule} for rule in ("margin", "vanilla"))
    at = {"distribution": "6x6 Sudoku", "model": "mdm", "metric": "board_accuracy", "swept": "cells per call"}
    lead = derived.points("table2-small", "puzzles", margin, vanilla, 6, **at)
    values = [row("table2-small", "puzzles", **rule, **at).value for rule in (margin, vanilla)]
    assert np.isclose(float(lead), 100 * (values[0] - values[1]))


def test_samples_are_what_they_are_said_to_be() -> None:
    for line in samples.rows_of("NAE-SAT").splitlines():
        latents, observations = (part.split() for part in line.split(" | "))
        scopes = [[int(name[1:]) for name in scope.split()[1:]] for scope in samples.reads_of("NAE-SAT").splitlines()]
        assert [str(int(len({latents[i] for i in scope}) > 1)) for scope in scopes] == observations
    halves = [line.split("   ") for line in samples.sudoku_sample(4).splitlines()]
    puzzle, solution = (parse_grid("".join(half[i].replace(" ", "") for half in halves)) for i in (0, 1))
    assert completes(solution[None], puzzle[None]).all()
    assert samples.zebra_sample(3, 3).startswith("1. The person")
