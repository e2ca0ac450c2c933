"""What the README says can be done: its Python runs, its commands parse, and what it names is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FLOORS = ("generators", "lo_theory", "analysis")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
SHELLS = ("bash", "console", "sh")


def blocks(text: str, *languages: str) -> Iterator[tuple[int, str]]:
    """(line in the file, content) of every fenced block in one of these languages."""
    for found in FENCE.finditer(text):
        if found[1] in languages:
            yield text.count("\n", 0, found.start(2)), found[2]


def commands(text: str) -> list[str]:
    """Commands of all shell blocks, with prompts and comments removed and continued lines joined."""
    lines = "\n".join(block for _, block in blocks(text, *SHELLS)).replace("\\\n", " ").splitlines()
    plain = [shlex.join(shlex.split(line.removeprefix("$ "), comments=True)) for line in lines]
    return [line for line in plain if line]


def parse(command: str) -> object:
    """The value that ``lo-theory`` would run; SystemExit if it would refuse the words."""
    return cli.parse(shlex.split(command)[1:])


def targets(text: str) -> set[str]:
    """Every ``make`` target that the text names, in blocks or between backticks."""
    return set(re.findall(r"(?:^|`|\$ |&& )make ([a-z][\w-]*)", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def test_the_python_blocks_run_in_their_order(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = list(blocks(text, "python"))
    assert found
    namespace = {"__name__": "readme"}
    for line, block in found:
        exec(compile("\n" * line + block, str(README), "exec"), namespace)
    assert "exact posterior margin 1.0" in capsys.readouterr().out


def test_the_commands_parse(text):
    found = [command for command in commands(text) if command.startswith("lo-theory ")]
    assert {command.split()[1] for command in found} == {"generate", "train", "evaluate", "sample", "reproduce"}
    for command in found:
        assert hasattr(parse(command), "run")


def test_commands_between_backticks_parse_too(text):
    for command in re.findall(r"`(lo-theory [a-z][^`]*)`", text):
        if command.endswith(" --help"):
            with pytest.raises(SystemExit) as stopped:
                parse(command)
            assert stopped.value.code == 0
        else:
            parse(command)


def test_the_make_targets_exist(text):
    rules = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"reproduce", "test"} <= targets(text) <= rules


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
    assert re.findall(r"@@\w+@@|\bTODO\b|\bTBD\b", text) == []


def test_the_readers_see_what_is_wrong():
    text = (
        "```bash\n$ lo-theory trian --out x  # a comment\nmake tset && make test\n```\nRun `make nothing`; we make no\n"
    )
    assert commands(text) == ["lo-theory trian --out x", "make tset '&&' make test"]
    assert targets(text) == {"tset", "test", "nothing"}
    with pytest.raises(SystemExit):
        parse(commands(text)[0])
    assert list(blocks("a\n```python\nx = 1\n```\n", "python")) == [(2, "x = 1\n")]
