"""Calls side by side in worker processes, which end when their parent does; the backend is joblib's."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from multiprocessing import current_process
from typing import Any, TypeVar

from generators.ground.allocator import keep_freed_memory
from generators.ground.ownership import end_with_parent

Result = TypeVar("Result")

_LOKY = "LokyProcess"  # how joblib's own worker processes are called
_DEAD = {"TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "FutureCancelledError", "CancelledError"}
"""Errors of loky and of dask, which may not be installed."""


def side_by_side(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], *, jobs: int, in_order: bool = True
) -> Iterator[Result]:
    """``function(*call)`` for each of ``calls``, so many at once, in processes that joblib starts.

    ``joblib.parallel_config`` may send them elsewhere, such as to a cluster, and then decides how many run at once.

    Args:
        function: what a worker can load by its name; its results travel back.
        in_order: results come in the order of the calls, else as they are finished.
    Raises:
        ChildProcessError: a worker was killed or ended by itself, or the cluster was lost. Errors of ``function`` are
            passed on as they are.
    """
    from joblib import Parallel, delayed  # needed for parallel work only

    parent = os.getpid()
    tasks = (delayed(_in_worker)(parent, function, call) for call in calls)
    results: Any = Parallel(n_jobs=jobs, return_as="generator" if in_order else "generator_unordered")(tasks)
    try:
        for result in results:  # noqa: UP028 - the end of yield from would be joblib's, with its warning
            yield result
    except Exception as error:
        if type(error).__name__ not in _DEAD:
            raise
        raise ChildProcessError(
            f"workers were lost before their work was done ({type(error).__name__}): they were killed, the memory was "
            "not enough, or a cluster ended. What is finished is kept; the same command goes on from there, with fewer "
            "jobs if memory was short."
        ) from error
    finally:
        with warnings.catch_warnings():  # who stops early, as Ctrl-C does, knows that tasks are cancelled
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _in_worker(parent: int, function: Callable[..., Result], call: tuple[Any, ...]) -> Result:
    if current_process().name.startswith(_LOKY):
        _follow(parent)
    return function(*call)


@cache
def _follow(parent: int) -> None:
    """Watch the parent and keep freed memory, once per process; a cluster's workers have their own parent and rules."""
    if os.getppid() != parent:
        os._exit(1)
    end_with_parent()
    keep_freed_memory()
