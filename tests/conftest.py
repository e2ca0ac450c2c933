"""Shapes and types of annotations are checked in a sample of the calls; examples are the same on every machine."""

from __future__ import annotations

import functools
import inspect
import itertools
import signal
import threading
from typing import Any

import jaxtyping
import matplotlib
import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

matplotlib.use("Agg")
torch.set_num_threads(1)

# A suite that a shell runs in the background ignores Ctrl-C, and so would every process that a test starts and
# interrupts: what is ignored here stays ignored there, what is handled here has its default there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "repository",
    deadline=None,  # this project asserts no times; speed lives in benchmarks/
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", parent=settings.get_profile("repository"), derandomize=False, print_blob=True)
settings.load_profile("repository")

_MORE = 10  # examples under the profile "explore", for each that a test asks for
_SETTINGS = "_hypothesis_internal_use_settings"  # where Hypothesis keeps what a test was decorated with


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``make explore``: other examples every time, and ten times as many, also where a test says how many."""
    if config.getoption("--hypothesis-profile", None) != "explore":
        return
    for test in {getattr(item, "obj", None) for item in items}:
        function = getattr(test, "__func__", test)
        asked = getattr(function, _SETTINGS, None)
        if isinstance(asked, settings):
            setattr(function, _SETTINGS, settings(asked, max_examples=_MORE * asked.max_examples))


_FIRST, _EVERY = 100, 20


def _sampled(function: Any = None, *, typechecker: Any) -> Any:
    """Of the calls of a function in a process, the first hundred and then every twentieth are checked.

    A check takes as long as a hundred lines of plain Python: all calls would double the time of the whole suite.
    """
    if function is None:
        return functools.partial(_sampled, typechecker=typechecker)
    if not inspect.isfunction(function):
        return _jaxtyped(function, typechecker=typechecker)
    checked = functools.cache(lambda: _jaxtyped(function, typechecker=typechecker))  # many are never called
    numbers = itertools.count()

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        number = next(numbers)
        return (checked() if number < _FIRST or number % _EVERY == 0 else function)(*args, **kwargs)

    return either


_jaxtyped, jaxtyping.jaxtyped = jaxtyping.jaxtyped, _sampled

# The hook must precede the first import of the packages: test modules import them, and pytest loads this file first.
_hook = install_import_hook(["generators", "lo_theory", "analysis"], "beartype.beartype")
