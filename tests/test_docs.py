"""The pages of the site: numbers from rows, Python that runs, commands that parse, links that lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import shutil
import types
from pathlib import Path

import jinja2
import pytest

from analysis.cli import main as cli
from docs import numbers
from docs.snippets import blocks, run_python, whole_commands

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAMES = [str(page.relative_to(DOCS)) for page in PAGES]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
DOCUMENTED = ("generators", "generators.testing", "lo_theory", "analysis.lab.rows", "analysis.lab.experiment")
FLOORS = ("generators.", "lo_theory.", "analysis.")
ROW = '{{ percent("hardness-smoke", "order_accuracy", distribution="NAE-SAT", model="mdm", metric="agreement", '
ROW += 'decoder="margin", calls=20.0) }}'


def rendered(page: Path) -> str:
    return numbers.environment().from_string(page.read_text(encoding="utf-8")).render()


@pytest.fixture
def copied_rows(tmp_path, monkeypatch):
    """A copy of the rows of one run in the place of the recorded ones."""
    shutil.copytree(numbers.RESULTS / "hardness-smoke", tmp_path / "hardness-smoke")
    monkeypatch.setattr(numbers, "RESULTS", tmp_path)
    forget()
    yield tmp_path / "hardness-smoke" / "order_accuracy.csv"
    forget()


def forget() -> None:
    """Read rows from their files again."""
    numbers.single.cache_clear()
    numbers.table.cache_clear()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_renders_its_commands_parse_and_its_links_lead_somewhere(page):
    text = rendered(page)
    for command in whole_commands(text):
        assert hasattr(cli.parse(shlex.split(command)[1:]), "run")
    inside = [link for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", WITH_PYTHON, ids=[str(page.relative_to(DOCS)) for page in WITH_PYTHON])
def test_the_python_of_a_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(ROOT / "results")
    assert run_python(rendered(page), page.name) == []


def test_every_user_and_every_way_to_add_something_has_a_page():
    assert {"start/dataset.md", "start/hardness.md", "start/generator.md"} <= set(NAMES)
    adding = ("decoding_rule", "figure", "observation_function", "learner", "denoiser")
    assert {f"howto/{name}.md" for name in adding} <= set(NAMES)
    assert all(any(blocks(rendered(DOCS / f"howto/{name}.md"), "python")) for name in adding)


def test_a_page_follows_its_row(copied_rows):
    page = numbers.environment().from_string(f"margin {ROW}")
    before = page.render()
    assert before == "margin 99.5% [99.2, 99.6]"
    lines = copied_rows.read_text(encoding="utf-8").splitlines()
    at = next(
        i
        for i, line in enumerate(lines)
        if "NAE-SAT,dbf1e7aa2ca52fd2,mdm,0,order_accuracy,agreement" in line and ",margin,20.0," in line
    )
    cells = lines[at].split(",")
    cells[6] = "0.5"
    copied_rows.write_text("\n".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]), encoding="utf-8")
    forget()
    assert page.render().startswith("margin 50.0%")
    copied_rows.write_text("\n".join([*lines[:at], *lines[at + 1 :]]), encoding="utf-8")
    forget()
    with pytest.raises(LookupError, match=r"results/hardness-smoke/order_accuracy\.csv: one row"):
        page.render()


def test_a_page_with_an_ambiguous_row_or_an_unknown_word_does_not_build():
    with pytest.raises(LookupError, match="one row"):
        numbers.environment().from_string(ROW.replace(", calls=20.0", "")).render()
    with pytest.raises(jinja2.UndefinedError):
        numbers.environment().from_string("{{ prozent }}").render()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_examples_of_the_reference_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False)
    for example in examples(module):
        runner.run(example)
    assert runner.failures == 0


def examples(module: types.ModuleType) -> list[doctest.DocTest]:
    """Those of a module's docstring, and of the public classes and functions that it names."""
    finder = doctest.DocTestFinder()
    named = [getattr(module, word) for word in getattr(module, "__all__", dir(module))]
    ours = [one for one in named if isinstance(one, type | types.FunctionType) and one.__module__.startswith(FLOORS)]
    alone = [test for test in finder.find(module) if test.name == module.__name__]
    return alone + [test for one in ours for test in finder.find(one, one.__name__)]


def test_the_most_used_functions_show_an_example():
    shown = {
        example.name for name in DOCUMENTED for example in examples(importlib.import_module(name)) if example.examples
    }
    assert {"nae_sat", "logic_rules", "check_invariants", "decode", "exact_posterior", "law_error", "Rows"} <= shown
