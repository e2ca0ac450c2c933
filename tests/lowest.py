"""Print the lowest version of each direct dependency that ``pyproject.toml`` admits, as constraints for pip.

``make test-lowest`` installs these. PyTorch is left out: old releases come as builds of several gigabytes, so the tests
take the one of ``constraints.txt`` and say so.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

LEFT_OUT = {"torch", "lo-theory"}
OPTIONAL = ("sat", "bench", "cluster", "data", "docs", "hf", "dev")
"""Extras that the tests need; floors of the others are not tested here."""


def lowest(pyproject: Path) -> list[str]:
    """``name==floor`` for the dependencies and the extras of the tests.

    Raises:
        ValueError: a dependency without a floor.
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in OPTIONAL:
        wanted += project["optional-dependencies"][extra]
    return [line for text in wanted if (line := _floor(Requirement(text))) is not None]


def _floor(requirement: Requirement) -> str | None:
    if requirement.name in LEFT_OUT:
        return None
    floors = [part.version for part in requirement.specifier if part.operator == ">="]
    if len(floors) != 1:
        raise ValueError(f"{requirement} has no lowest version; write {requirement.name}>=...")
    return f"{requirement.name}=={floors[0]}"


if __name__ == "__main__":
    print("\n".join(lowest(Path(__file__).resolve().parents[1] / "pyproject.toml")))
