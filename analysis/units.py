"""Units of work: what is computed once, kept, and never computed again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch

from analysis.provenance import collect
from analysis.rows import Row
from analysis.store import Config, RowStore

UNITS = "units"


class Unit(Config, Protocol):
    """A frozen dataclass that knows what it measures; all that its rows depend on stands in its fields."""

    @property
    def label(self) -> str:
        """Short name for people."""
        ...

    @property
    def seeds(self) -> dict[str, int]:
        """Seeds by name, for the provenance."""
        ...

    def measure(self, directory: Path, device: torch.device) -> Iterable[Row]:
        """Compute the rows; checkpoints go below ``directory``."""
        ...


def finish(unit: Unit, directory: Path, device: str = "cpu") -> list[Row]:
    """The rows of a unit: read if it is finished, else computed and kept.

    In a process of its own this uses one thread: small networks gain nothing from two.
    """
    store = RowStore(directory / UNITS)
    kept = store.get(unit)
    if kept is not None:
        return kept
    torch.set_num_threads(1)
    started = time.perf_counter()
    rows = list(unit.measure(directory, torch.device(device)))
    store.put(unit, rows, collect(unit.seeds, device=device, seconds=time.perf_counter() - started))
    return rows
