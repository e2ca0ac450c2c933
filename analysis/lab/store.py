"""Finished units of an experiment on disk: a unit that is there is not computed again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from analysis.lab.forms import UnitForm
from analysis.lab.provenance import Provenance
from analysis.lab.rows import Row, Rows, same
from generators.ground.codec import fingerprint, seal, unseal
from generators.ground.forms import read_form
from generators.ground.later import plain
from generators.ground.storage import read_json, write_json_atomic

OF_BEFORE = "written before files had digests"
"""What people read of a file that is read without a check."""

_HASH_DIGITS = 10
_SLUG_LENGTH = 80


@runtime_checkable
class Config(Protocol):
    """An instance of a frozen dataclass: the whole configuration of a unit."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


@dataclass(frozen=True)
class StoredUnit:
    """A finished unit as it lies on disk.

    Attributes:
        config: JSON form of its configuration, with the name of its class as ``kind``.
        provenance: JSON form of its :class:`~analysis.lab.provenance.Provenance`.
        rows: what it measured.
        checked: whether its file has a digest over all of this; files of before have none.
    """

    config: dict[str, Any]
    provenance: dict[str, Any]
    rows: Rows
    checked: bool = True


def config_to_json(config: Config) -> dict[str, Any]:
    """JSON form of a frozen dataclass, its class name as ``kind``; tuples become lists, paths are refused.

    Fields that are :func:`~generators.ground.later.later` stand in it where they say something.

    Raises:
        TypeError: not a frozen dataclass, or a field that JSON has no form for.
    """
    parameters = getattr(type(config), "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise TypeError(f"a unit is configured by an instance of a frozen dataclass; got {config!r}.")
    try:
        form = json.loads(json.dumps(plain(config), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"every field of {type(config).__name__} must have a JSON form: {error}.") from error
    return {"kind": type(config).__name__} | form


def unit_key(config: Config) -> str:
    """Name of the unit: class, strings and seed for people, then ten hex digits over all fields for certainty."""
    form = config_to_json(config)
    words = [form["kind"]] + [v for k, v in form.items() if k != "kind" and isinstance(v, str)]
    if isinstance(form.get("seed"), int):
        words.append(str(form["seed"]))
    kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", "-".join(words)).lower()
    slug = re.sub(r"[^a-z0-9]+", "-", kebab).strip("-")[:_SLUG_LENGTH].rstrip("-")
    return f"{slug}-{fingerprint(form)[:_HASH_DIGITS]}"


@dataclass(frozen=True)
class RowStore:
    """A folder with one JSON file per finished unit: ``{config, provenance, rows, digest}``, the digest over the rest.

    Files are written whole or not at all, so a unit is either finished or to be computed again. Nothing is ever
    overwritten by a different unit: the name holds a hash of the configuration.

    Attributes:
        directory: created at the first write.
    """

    directory: Path

    def path(self, config: Config) -> Path:
        """The file of a unit, there or not."""
        return self.directory / f"{unit_key(config)}.json"

    def get(self, config: Config) -> list[Row] | None:
        """The rows of a finished unit, None if it is not finished.

        Raises:
            ValueError: its file is damaged, or holds another configuration; the message names it and the way out.
        """
        unit = self.find(config)
        return None if unit is None else list(unit.rows)

    def put(self, config: Config, rows: Iterable[Row], provenance: Provenance) -> Path:
        """Keep a finished unit, atomically; returns its file.

        Raises:
            ValueError: a row or the provenance that no reader would accept.
        """
        path = self.path(config)
        form = {
            "config": config_to_json(config),
            "provenance": provenance.to_json(),
            "rows": [row.to_json() for row in rows],
        }
        form = json.loads(json.dumps(form, allow_nan=False))
        read_form(form, UnitForm, what="finished unit")
        write_json_atomic(path, seal(form))
        return path

    def units(self, configs: Sequence[Config] | None = None) -> list[StoredUnit]:
        """Finished units: those of ``configs``, in that order, or all in the folder, by name.

        Passing ``configs`` keeps units of earlier, different runs in the same folder out of a figure.
        """
        if configs is None:
            return [read_unit(path) for path in sorted(self.directory.glob("*.json"))]
        return [unit for config in configs if (unit := self.find(config)) is not None]

    def rows(self, experiment: str | None = None, configs: Sequence[Config] | None = None) -> Rows:
        """All rows of :meth:`units`, of one experiment or of every one."""
        every = Rows(row for unit in self.units(configs) for row in unit.rows)
        return every if experiment is None else every.where(experiment=experiment)

    def find(self, config: Config) -> StoredUnit | None:
        """The finished unit of a configuration, None if there is none.

        A float in it that was computed, such as the node of a quadrature, may differ in its last digit on the machine
        that finished the unit. Its file then bears another hash behind the same words, and is found by them.

        Raises:
            ValueError: as :meth:`get`.
        """
        path, wanted = self.path(config), config_to_json(config)
        if path.exists():
            return read_unit(path)
        words = path.stem.rpartition("-")[0]
        for other in sorted(self.directory.glob(f"{words}-{'?' * _HASH_DIGITS}.json")):
            with contextlib.suppress(ValueError):  # a damaged file is reported to whoever asks for what it should hold
                unit = read_unit(other)
                if alike(unit.config, wanted):
                    return unit
        return None

    def table(self, experiment: str, configs: Sequence[Config] | None = None) -> list[dict[str, Any]]:
        """:meth:`rows` as plain dictionaries."""
        return [row.to_json() for row in self.rows(experiment, configs)]


def alike(left: Any, right: Any) -> bool:
    """Whether two JSON forms are equal but for the rounding of floats."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return type(left) is type(right) and same(left, right)


def read_unit(path: Path) -> StoredUnit:
    """Read the file of one unit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, not a unit or a damaged one, or its name is not that of its configuration; the
            message names the file and the way out.
    """
    try:
        form = read_json(path)
        if not isinstance(form, dict):
            raise ValueError(f"a finished unit is a JSON object; got {type(form).__name__}.")
        form, sealed = unseal(form, what="a finished unit")
        read_form(form, UnitForm, what="finished unit")
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error} Delete it; the unit runs again at the next start.") from error
    if not path.stem.endswith(f"-{fingerprint(form['config'])[:_HASH_DIGITS]}"):
        raise ValueError(f"{path} holds another configuration than its name says. Delete it; the unit runs again.")
    rows = Rows(map(Row.from_checked_json, form["rows"]))
    return StoredUnit(form["config"], form["provenance"], rows, checked=sealed)
