"""What a page promises: Python that runs and prints what stands below it, and commands that parse.

A block of ``text`` right below a block of ``python`` is what that block prints. Words must be the same; numbers with a
point may differ by ``TOLERANCE``, as a trained network is another one on another processor.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass

TOLERANCE = 0.03
SHELLS = ("bash", "console", "sh")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n?", flags=re.MULTILINE | re.DOTALL)
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: of the page, before the first of the block.
        output: what a block of Python is said to print; None if the page does not say.
    """

    language: str
    line: int
    content: str
    output: str | None = None


def blocks(text: str, *languages: str) -> Iterator[Block]:
    """Every fenced block in one of these languages."""
    found = list(_FENCE.finditer(text))
    for here, after in zip(found, [*found, None][1:], strict=True):
        if here[1] in languages:
            printed = after if after and after[1] == "text" and not text[here.end() : after.start()].strip() else None
            yield Block(here[1], text.count("\n", 0, here.start(2)), here[2], printed[2] if printed else None)


def commands(text: str) -> list[str]:
    """Commands of all shell blocks, with prompts and comments removed and continued lines joined."""
    lines = "\n".join(block.content for block in blocks(text, *SHELLS)).replace("\\\n", " ").splitlines()
    plain = [shlex.join(shlex.split(line.removeprefix("$ "), comments=True)) for line in lines]
    return [line for line in plain if line]


def whole_commands(text: str) -> list[str]:
    """Every ``lo-theory`` command of a page that could be run: no bare name, no placeholder in capitals, no help."""
    found = [command for command in (*commands(text), *quoted_commands(text)) if command.startswith("lo-theory ")]
    partial = re.compile(r"lo-theory \w+( sudoku)?|.*\b[A-Z]{3,}\b.*|.*(--help|\.\.\.)")
    return [one for one in found if not partial.fullmatch(one)]


def quoted_commands(text: str) -> list[str]:
    """Whole ``lo-theory`` commands between backticks within sentences."""
    prose = _FENCE.sub("", text)
    return re.findall(r"`(lo-theory [a-z][^`]*)`", prose)


def run_python(text: str, name: str) -> list[str]:
    """Run the blocks of a page one after another in one namespace; what is not as the page says.

    Returns:
        A line per block whose output is another one; nothing if all is as promised.
    """
    page, wrong = types.ModuleType(name), []
    for block in blocks(text, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), _imported(page):
            exec(compile("\n" * block.line + block.content, name, "exec"), vars(page))
        if block.output is not None and not agrees(printed.getvalue(), block.output):
            wrong.append(f"{name}:{block.line} prints\n{printed.getvalue()}and not\n{block.output}")
    return wrong


@contextlib.contextmanager
def _imported(page: types.ModuleType) -> Iterator[None]:
    """While its code runs, a page is a module like others: dataclasses look theirs up."""
    sys.modules[page.__name__] = page
    try:
        yield
    finally:
        del sys.modules[page.__name__]


def agrees(printed: str, promised: str) -> bool:
    """Whether the words are the same and the numbers with a point close."""
    ours, theirs = (text.strip() for text in (printed, promised))
    if _DECIMAL.sub("#", ours) != _DECIMAL.sub("#", theirs):
        return False
    pairs = zip(_DECIMAL.findall(ours), _DECIMAL.findall(theirs), strict=True)
    return all(abs(float(left) - float(right)) <= TOLERANCE for left, right in pairs)
