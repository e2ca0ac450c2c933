"""Shapes and types of the annotations are checked while the tests run; examples are the same on every machine."""

from __future__ import annotations

import matplotlib
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

matplotlib.use("Agg")
torch.set_num_threads(1)

settings.register_profile(
    "repository",
    deadline=None,  # this project asserts no times; speed lives in benchmarks/
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repository")

# The hook must precede the first import of the packages: test modules import them, and pytest loads this file first.
_hook = install_import_hook(["generators", "lo_theory", "analysis"], "beartype.beartype")
