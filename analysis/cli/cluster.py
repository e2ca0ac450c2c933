"""Work on a Dask cluster: the client behind ``--cluster ADDRESS``, and what is wrong with an address in one line."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import lo_theory
from generators.ground.optional import optional_library

_PATIENCE = 5.0
"""Seconds that a scheduler may take to answer."""
ALL_WORKERS = -1


@contextlib.contextmanager
def cluster(address: str | None, jobs: int | None, *, shared: Path | None = None) -> Iterator[int | None]:
    """In the block joblib's work goes to the cluster; yields how many jobs to ask for.

    Without an address nothing changes and ``jobs`` comes back.

    Args:
        address: of the scheduler, such as ``tcp://host:8786``.
        shared: a directory that every worker must see, as it writes there itself; made if needed.
    Raises:
        ValueError: the extra is not installed, nothing answers at the address within seconds, there are no workers, or
            they lack this version of lo-theory or the shared directory.
    """
    if address is None:
        yield jobs
        return
    if jobs not in (None, 1):
        raise ValueError(f"--jobs {jobs} is for one machine; with --cluster the workers of the cluster decide.")
    distributed = optional_library("distributed", "--cluster")
    import joblib

    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=True)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"--cluster {address}: no Dask scheduler answers there ({reason}). Start one with dask scheduler, and give "
            "the address that it prints."
        ) from error
    with client:
        _check_workers(client, address, shared)
        with joblib.parallel_config(backend="dask"):
            yield ALL_WORKERS


def _check_workers(client: object, address: str, shared: Path | None) -> None:
    """There are workers, with the same version of lo-theory, and they see the shared directory."""
    token = secrets.token_hex(8)
    mark = None
    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
        mark = shared.absolute() / f".cluster.{token}.part"  # swept by the next owner if we die now
        mark.touch()
    try:
        answers = client.run(_seen, None if mark is None else str(mark))  # type: ignore[attr-defined]
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--cluster {address}: a worker cannot load lo-theory ({error}). Install the same version on all of them."
        ) from error
    finally:
        if mark is not None:
            mark.unlink(missing_ok=True)
    if not answers:
        raise ValueError(f"--cluster {address}: it has no workers. Start some with: dask worker {address}")
    for worker, (version, seen) in answers.items():
        if version != lo_theory.__version__:
            raise ValueError(
                f"--cluster {address}: worker {worker} has lo-theory {version}, not {lo_theory.__version__}. "
                "Install the same version on all of them."
            )
        if not seen:
            raise ValueError(
                f"--cluster {address}: worker {worker} does not see {shared}. Workers write the shards themselves: "
                "choose a directory on a file system that all machines share."
            )


def _seen(mark: str | None) -> tuple[str, bool]:
    """On a worker: the version there, and whether a file is visible."""
    return lo_theory.__version__, mark is None or Path(mark).exists()
