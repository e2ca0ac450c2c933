"""What finished units are called: by what differs between them, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Fields = dict[str, Any]
_SYMBOLS = {"n_latents": "N", "n_observations": "P", "arity": "k"}
_KIND = "kind"


def unit_names(configs: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None) -> list[str]:
    """A name for each unit, from its configuration as it is stored.

    Units are compared with those of their own kind. A name holds the fields in which they differ, nested ones too:
    texts first, then numbers, the seed last; the kind stands in front where there are several. A unit that is alone of
    its kind is called by its texts and its seed.

    Args:
        configs: JSON forms, ``kind`` the name of the unit's class.
        names: words for people by value, such as ``{"mdm": "masked diffusion model"}``.
    """
    names = names or {}
    groups: dict[str, list[Fields]] = {}
    flat = [_flat(config) for config in configs]
    for fields in flat:
        groups.setdefault(fields[_KIND], []).append(fields)
    different = {kind: _different(group) for kind, group in groups.items()}
    return [_name(fields, different[fields[_KIND]], len(groups) > 1, names) for fields in flat]


def words(value: Any, names: Mapping[str, str] | None = None) -> str:
    """A value of a configuration in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {words(v, names)}" for k, v in value.items())
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    return (names or {}).get(value, value) if isinstance(value, str) else json.dumps(value)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Fields:
    """Fields of nested configurations by their dotted path."""
    fields: Fields = {} if prefix else {_KIND: "unit"}
    for name, value in config.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
        fields |= inner
    return fields


def _different(group: Sequence[Fields]) -> list[str]:
    """The fields in which units of one kind differ, texts first, seeds last; those of one unit: its texts and seed."""
    every = list(dict.fromkeys(name for fields in group for name in fields if name != _KIND))
    if len(group) == 1:
        kept = [name for name in every if "." not in name and (name == "seed" or isinstance(group[0][name], str))]
    else:
        kept = [name for name in every if len({json.dumps(fields.get(name)) for fields in group}) > 1]
    return sorted(kept, key=lambda name: _rank(name, group))


def _rank(name: str, group: Sequence[Fields]) -> int:
    if _leaf(name) == "seed":
        return 2
    return 0 if any(isinstance(fields.get(name), str) for fields in group) else 1


def _name(fields: Fields, different: Sequence[str], several: bool, names: Mapping[str, str]) -> str:
    kind = _camel(fields[_KIND])
    leaves = [_leaf(name) for name in different]
    parts = [
        _part(name if leaves.count(_leaf(name)) > 1 else _leaf(name), fields[name], names)
        for name in different
        if name in fields
    ]
    parts = [kind, *parts] if several else parts
    return ("; " if any("," in part for part in parts) else ", ").join(parts) or kind


def _part(name: str, value: Any, names: Mapping[str, str]) -> str:
    """``margin``, ``seed 0``, ``N = 20``, ``degrees 3 to 6``, ``no noise``."""
    spoken = name.replace("_", " ").replace(".", " ")
    if isinstance(value, str):
        return _camel(value) if _leaf(name) == _KIND else names.get(value, value)
    if value is None or isinstance(value, bool):
        return spoken if value else f"no {spoken}"
    if name in _SYMBOLS:
        return f"{_SYMBOLS[name]} = {value}"
    if isinstance(value, list) and len(value) > 2:  # a range where it is one, else how many
        numbers = all(isinstance(item, int | float) for item in value)
        return f"{spoken} {value[0]} to {value[-1]}" if numbers else f"{len(value)} {spoken}"
    return f"{spoken} {words(value, names)}"


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _camel(kind: str) -> str:
    """``ForwardHashUnit`` -> ``forward hash``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.removesuffix("Unit") or kind).lower()
