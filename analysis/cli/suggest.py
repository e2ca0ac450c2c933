"""The nearest right word for a wrong one on the command line, be it a command, an option or a value."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import tyro

_HELP = ("--help", "-h")


@dataclass(frozen=True)
class Menu:
    """What can be typed at one place of a command line.

    Attributes:
        options: their names, and the types of their values.
        commands: their names, and the dataclasses behind them.
        values: words that stand without an option.
    """

    options: dict[str, Any]
    commands: dict[str, Any]
    values: tuple[str, ...] = ()


def advice(
    words: Sequence[str], command: Any, beyond: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> list[str]:
    """A line for each word that is not known at its place but looks like one that is, or that belongs elsewhere.

    Values that are not chosen from a list, such as paths and numbers, are never judged.

    Args:
        words: the command line.
        command: a union of frozen dataclasses, as given to tyro; a field annotated ``Annotated`` has no option name,
            unless it may be given several times.
        beyond: words that make another command of one of these if they come right after it, and the dataclasses behind
            those. Where they do, ``command`` is not the one that was meant; so here they stand in a wrong place.
    """
    menu, left, here = menu_of(command), dict[str, str](), "lo-theory"
    awaited, lines, second = list[Any](), list[str](), dict[str, Any]()
    for word in words:
        reach = replace(menu, commands=menu.commands | second)
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            name = name.replace("_", "-")
            lines += [left[name]] if name in left.keys() - menu.options else _option_advice(name, reach, words)
            hint = menu.options.get(name, str)
            awaited = [] if hint is bool else [hint]
            if equals and awaited:
                lines += _nearest(value, _choices(awaited.pop()))
        elif awaited:
            lines += _nearest(word, _choices(awaited[0]))
            awaited = awaited if typing.get_origin(awaited[0]) is tuple else []  # a tuple takes all that follow
        elif word in menu.commands:
            left |= {name: f"{name!r} is an option of {here!r}: put it before {word!r}.\n" for name in menu.options}
            menu, here, second = menu_of(menu.commands[word]), word, dict(beyond.get(word, {}))
        elif word in second:
            lines.append(f"{word!r} must come right after {here!r}.\n")
        elif not word.startswith("-"):
            lines += _nearest(word, [*reach.commands, *menu.values])
    return lines


def as_typed(message: str, command: Any) -> str:
    """What the library says, with arguments that are options of this command spelled so: ``--learning-rate``.

    Switches take no value: ``even_order=True`` is ``--even-order``, and ``even_order=False`` is ``--no-even-order``.

    Args:
        command: the parsed one. Names of a single word, such as ``rows``, are left as they are.
    """
    names = "|".join(name for name in _fields(command) if "_" in name)
    if not names:
        return message

    def typed(found: re.Match[str]) -> str:
        name = found[1].replace("_", "-")
        return f"--no-{name}" if found[2] == "False" else f"--{name}"

    return re.sub(rf"(?<![\w./-])({names})(?:=(True|False)\b|(?![\w/-]|\.\w))", typed, message)


def menu_of(hint: Any) -> Menu:
    """What can be typed for a dataclass (its fields), or for a union of them (their names)."""
    if not _is_class(hint):
        return Menu({}, {kebab(part.__name__): part for part in _classes(hint)})
    options, commands, values = dict[str, Any](), dict[str, Any](), list[str]()
    for name, below in typing.get_type_hints(hint, include_extras=True).items():
        if _is_class(below) or any(_classes(below)):
            part = menu_of(below)
            options |= part.options
            commands |= part.commands
        elif typing.get_origin(below) is typing.Annotated and not _is_repeated(below):
            values += _choices(below)
        else:
            below = _once(below) if _is_repeated(below) else below
            dashed = name.replace("_", "-")
            options |= {f"--{dashed}": below} | ({f"--no-{dashed}": below} if below is bool else {})
    return Menu(options, commands, tuple(values))


def _once(hint: Any) -> Any:
    """What one mention takes of an option that may be given several times."""
    return typing.get_args(typing.get_args(hint)[0])[0]


def _is_repeated(hint: Any) -> bool:
    return tyro.conf.UseAppendAction in getattr(hint, "__metadata__", ())


def kebab(name: str) -> str:
    """``NaeSat`` -> ``nae-sat``, as tyro spells it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _option_advice(name: str, menu: Menu, words: Sequence[str]) -> list[str]:
    owners = [command for command, below in menu.commands.items() if name in menu_of(below).options]
    if name in menu.options or not owners:
        return _nearest(name, [*(menu.options or ["--version"]), *_HELP])
    owner = next((word for word in words if word in owners), owners[0])
    return [f"{name!r} is an option of {owner!r}: put it after that word.\n"]


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    known = list(known)
    if word in known:
        return []
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return [f"{word!r} is not known here; did you mean {match!r}?\n" for match in near]


def _choices(hint: Any) -> list[str]:
    """Values of the Literal types in a hint."""
    if typing.get_origin(hint) is typing.Literal:
        return [str(value) for value in typing.get_args(hint)]
    return [value for part in typing.get_args(hint) for value in _choices(part)]


def _classes(hint: Any) -> Iterator[Any]:
    """Dataclasses of a union, through ``Annotated``."""
    for part in typing.get_args(hint):
        yield from [part] if _is_class(part) else _classes(part)


def _fields(command: Any) -> Iterator[str]:
    """Names of all fields, of the dataclasses in fields too."""
    for field in dataclasses.fields(command):
        value = getattr(command, field.name)
        yield from _fields(value) if dataclasses.is_dataclass(value) else [field.name]


def _is_class(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)
