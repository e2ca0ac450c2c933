"""Shapes and types of the annotations are checked while the tests run; examples are the same on every machine."""

from __future__ import annotations

import signal
import threading

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


# The hook must precede the first import of the packages: test modules import them, and pytest loads this file first.
_hook = install_import_hook(["generators", "lo_theory", "analysis"], "beartype.beartype")
