"""Libraries that only some of the work needs: one way to ask for them, one way to say that one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType

EXTRAS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "datasets": ("datasets", "hf"),
        "distributed": ("dask[distributed]", "cluster"),
        "lm_eval": ("lm-eval[math]", "lm-eval"),
        "pyagrum": ("pyAgrum", "bench"),
        "pyarrow": ("pyarrow", "data"),
        "pysat": ("python-sat", "sat"),
        "tokenizers": ("tokenizers", "hf"),
        "transformers": ("transformers", "hf"),
    }
)
"""The package as it is imported -> its name where it is installed from, and the extra of ours that has it."""


class MissingLibraryError(ModuleNotFoundError, ValueError):
    """An optional library is not installed. A ``ValueError`` too: what was asked for cannot be had as things stand."""


def optional_library(module: str, purpose: str, *, otherwise: str = "") -> ModuleType:
    """The module, imported now that it is needed.

    Args:
        module: its dotted name; the package is one of ``EXTRAS``.
        purpose: what needs it, as the beginning of a sentence.
        otherwise: what does without it, as a sentence.
    Raises:
        MissingLibraryError: it is not installed; the message says what for, and how to install it.
        ImportError: it is installed and cannot be loaded, or lacks something of its own: as it came.

    >>> optional_library("pyarrow.parquet", "a Parquet file").__name__
    'pyarrow.parquet'
    """
    package = module.partition(".")[0]
    name, extra = EXTRAS[package]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        message = f"{purpose} needs {name}, which is not installed: pip install 'lo-theory[{extra}]'."
        raise MissingLibraryError(" ".join([message, otherwise]).strip(), name=error.name) from error
