"""What the README says can be done: its Python prints what it shows, its commands parse, what it names is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from analysis.cli import main as cli
from docs.render import readme
from docs.snippets import agrees, blocks, commands, run_python, whole_commands

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FLOORS = ("generators", "lo_theory", "analysis")
MOST_WORDS = 900


def parse(command: str) -> object:
    """The value that ``lo-theory`` would run; SystemExit if it would refuse the words."""
    return cli.parse(shlex.split(command)[1:])


def targets(text: str) -> set[str]:
    """Every ``make`` target that the text names, in blocks or between backticks."""
    return set(re.findall(r"(?:^|`|\$ |&& )make ([a-z][\w-]*)", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def test_it_is_what_its_template_and_the_recorded_rows_make(text):
    assert text == readme(), "README.md is old: python -m docs.render"


def test_it_is_one_page(text):
    assert len(text.split()) <= MOST_WORDS


def test_the_python_blocks_print_what_they_are_said_to_print(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sum(block.output is not None for block in blocks(text, "python")) == 2
    assert run_python(text, "README.md") == []


def test_the_first_snippet_has_twenty_lines_and_the_second_ten(text):
    lines = [len([line for line in block.content.splitlines() if line.strip()]) for block in blocks(text, "python")]
    assert lines[0] <= 20
    assert lines[1] <= 10


def test_the_commands_parse(text):
    named = re.findall(r"^\| [^`|]*\| `([a-z]\w+[^`|.]*)` \|", text, flags=re.MULTILINE)
    assert len(named) == 6
    for command in [*whole_commands(text), *(f"lo-theory reproduce {words}" for words in named)]:
        assert hasattr(parse(command), "run")


def test_the_make_targets_exist(text):
    rules = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"reproduce", "test", "docs"} <= targets(text) <= rules


def test_links_and_pictures_lead_somewhere(text):
    inside = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_the_map_names_every_room_and_no_other():
    rooms = {path.parent.relative_to(ROOT) for floor in FLOORS for path in (ROOT / floor).rglob("__init__.py")}
    figures = ROOT / "analysis" / "figures"
    named = set()
    for cell in re.findall(r"^\| (`[^|]*) \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE):
        first, *others = (Path(name) for name in re.findall(r"`([\w/]+)/`", cell))
        named |= {first, *(beside(first, name, rooms) for name in others)}
    plain = {room for room in rooms if (ROOT / room).parent != figures or room.name == "audit"}
    assert plain - named == {Path("analysis"), Path("analysis/figures")}
    assert {name for name in named if not (ROOT / name).exists()} == {Path("analysis/figures/NAME")}


def beside(first, name, rooms):
    """The folder that a name behind another one means: below one of its parents."""
    return next((parent / name for parent in (first, *first.parents) if parent / name in rooms), name)


def test_no_placeholder_is_left(text):
    assert re.findall(r"@@\w+@@|\bTODO\b|\bTBD\b|\{\{|\{%", text) == []


def test_the_readers_see_what_is_wrong():
    text = (
        "```bash\n$ lo-theory trian --out x  # a comment\nmake tset && make test\n```\nRun `make nothing`; we make no\n"
    )
    assert commands(text) == ["lo-theory trian --out x", "make tset '&&' make test"]
    assert targets(text) == {"tset", "test", "nothing"}
    with pytest.raises(SystemExit):
        parse(commands(text)[0])
    page = "a\n```python\nprint(1.5)\n```\n\n```text\n1.5\n```\n```python\nprint(2)\n```\n"
    assert [(block.line, block.output) for block in blocks(page, "python")] == [(2, "1.5\n"), (9, None)]
    assert run_python(page, "page") == []
    assert len(run_python(page.replace("1.5\n```", "1.6\n```"), "page")) == 1


@pytest.mark.parametrize(
    ("printed", "same"), [("a 0.97\n", True), ("a 1.10\n", False), ("b 0.97\n", False), ("", False)]
)
def test_an_output_may_differ_in_the_last_digits_only(printed, same):
    assert agrees(printed, "a 0.95\n") is same
