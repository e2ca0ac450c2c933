"""What is finished of a run, in its directory: one line of JSON per answer, and the settings that they hold for."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from analysis.lab.provenance import UNKNOWN, device_name, git_state
from generators.ground.draws import derived_seed
from generators.ground.storage import naming, parse_json, read_json, write_json_atomic

SETTINGS = "settings.json"
_PACKAGES = ("lo-theory", "torch", "transformers", "tokenizers", "datasets", "lm-eval")


class Journal:
    """Finished answers by key, in a file of JSON lines that grows; a line that was cut off is written again.

    Args:
        path: of the file; it need not exist.
    Raises:
        ValueError: a line before the last that is none of ours; the message names it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.done = path, dict[str, dict[str, Any]]()
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                form = parse_json(line)
                self.done[form.pop("key")] = form
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number} is damaged; remove the line, or choose another --out."
                ) from error
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)

    def add(self, key: str, form: dict[str, Any]) -> None:
        """Keep one more answer, on the disk too."""
        line = json.dumps({"key": key, **form}, ensure_ascii=True) + "\n"
        with naming(self.path, len(line)), self.path.open("a", encoding="ascii", newline="\n") as file:
            file.write(line)
        self.done[key] = form

    def answer(self, key: str, **fields: type) -> dict[str, Any]:
        """A finished answer that has these fields of these types.

        Raises:
            ValueError: it lacks one, or has it of another type; the message names the file, the answer and the field.
        """
        form = self.done[key]
        for name, kind in fields.items():
            if not isinstance(form.get(name), kind):
                raise ValueError(
                    f"{self.path}: the answer {key!r} has no {name!r} of type {kind.__name__}; got "
                    f"{form.get(name)!r:.40}. Remove its line, or choose another --out."
                )
        return form


def settle(directory: Path, decides: Mapping[str, Any], beside: Mapping[str, Any], *, begun: bool) -> None:
    """Write the settings, or see that the directory's are the same.

    Args:
        decides: what the answers depend on; plain JSON values.
        beside: what they do not depend on, such as how many are wanted; replaced at every call.
        begun: whether there are answers.
    Raises:
        ValueError: the directory holds answers for other settings, which the message names; or answers whose settings
            are lost or damaged.
    """
    path, wanted = directory / SETTINGS, json.loads(json.dumps(dict(decides)))
    if begun:
        known = _decided(path)
        others = [name for name in {**known, **wanted} if known.get(name) != wanted.get(name)]
        if others:
            told = ", ".join(f"{name} {known.get(name)!r} and not {wanted.get(name)!r}" for name in others)
            raise ValueError(f"{directory} holds answers with {told}. Take the same settings, or another --out.")
    write_json_atomic(path, {"decides": wanted, "beside": dict(beside)})


def _decided(path: Path) -> dict[str, Any]:
    """What the answers beside this file depend on."""
    if not path.exists():
        raise ValueError(
            f"{path.parent} holds answers and no {path.name}, so nothing says which settings they are for. Put the "
            "file back, or take another --out."
        )
    form = read_json(path)
    known = form.get("decides") if isinstance(form, dict) else None
    if not isinstance(known, dict):
        raise ValueError(
            f"{path} is damaged: it names no settings under 'decides'. Put back the file that was written with the "
            "answers, or take another --out."
        )
    return known


def surroundings(device: str) -> dict[str, Any]:
    """Versions, commit and device; what may move the last digits of an answer."""
    commit, dirty = git_state(Path(__file__).resolve())
    versions = {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}
    return {"versions": versions, "commit": commit, "dirty": dirty, "device": device_name(torch.device(device))}


def seed_of(seed: int, key: str) -> int:
    """Of one answer's draws: they depend on nothing that was answered before."""
    return derived_seed(seed, int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big"))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN
