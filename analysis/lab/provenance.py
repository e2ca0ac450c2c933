"""Where a result comes from: commit, versions, device and seeds; never a path, a user or a host."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

UNKNOWN = "unknown"
_PACKAGES = ("lo-theory", "numpy", "scipy", "torch", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What it takes to run a unit again.

    Attributes:
        date: UTC, ISO 8601, of the end of the run.
        commit: of the checkout when the process began to measure; ``unknown`` outside one.
        dirty: tracked files differed from the commit; None outside a checkout.
        versions: of Python and of the packages that make numbers.
        device: model of the processor or of the GPU.
        threads: of torch.
        seeds: by name.
        seconds: wall clock of the unit since it was last begun or resumed, None if not measured.
    """

    date: str
    commit: str
    dirty: bool | None
    versions: dict[str, str]
    device: str
    threads: int
    seeds: dict[str, int]
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


def collect(
    seeds: Mapping[str, int], *, device: str | torch.device = "cpu", seconds: float | None = None
) -> Provenance:
    """The provenance of what this process computes now."""
    commit, dirty = checkout()
    return Provenance(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit,
        dirty=dirty,
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        device=device_name(torch.device(device)),
        threads=torch.get_num_threads(),
        seeds=dict(seeds),
        seconds=seconds,
    )


@cache
def checkout() -> tuple[str, bool | None]:
    """:func:`git_state` of this package, looked at once: a process goes on with the code that it has loaded."""
    return git_state(Path(__file__).resolve())


def git_state(file: Path) -> tuple[str, bool | None]:
    """Commit of the checkout that tracks ``file``, and whether its tracked files were changed since.

    An installed copy inside somebody else's checkout is not tracked there, so it yields ``("unknown", None)``, as does
    a machine without git.
    """
    try:
        _git(file.parent, "ls-files", "--error-unmatch", file.name)
        commit = _git(file.parent, "rev-parse", "HEAD").strip()
        return commit, bool(_git(file.parent, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN, None


def device_name(device: torch.device) -> str:
    """Model of the GPU or of the processor, such as ``AMD EPYC 7B13``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, [*models, platform.processor(), platform.machine()]), UNKNOWN)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN
