"""The nearest right word for a wrong one on the command line, be it a command, an option or a value."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any


def advice(words: Sequence[str], command: Any) -> list[str]:
    """A line for each word that is no known one but looks like one.

    Args:
        words: the command line.
        command: a union of frozen dataclasses, as given to tyro.
    """
    known = set(vocabulary(command))
    lines = []
    for word in words:
        head = word.split("=")[0]
        near = difflib.get_close_matches(head, known, n=1, cutoff=0.6)
        if head not in known and near and not re.fullmatch(r"[-+.\d]+", head):
            lines.append(f"{head!r} is not known here; did you mean {near[0]!r}?\n")
    return lines


def vocabulary(hint: Any) -> Iterator[str]:
    """Names of commands (from class names), options (from fields) and values (from Literal types) below a type."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield kebab(hint.__name__)
        hints = typing.get_type_hints(hint)
        for field in dataclasses.fields(hint):
            yield f"--{field.name.replace('_', '-')}"
            yield from vocabulary(hints[field.name])
    elif typing.get_origin(hint) is typing.Literal:
        yield from map(str, typing.get_args(hint))
    else:
        for part in typing.get_args(hint):
            yield from vocabulary(part)


def kebab(name: str) -> str:
    """``NaeSat`` -> ``nae-sat``, as tyro spells it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
