"""Values of other people's classes: torch tensors and plain lists become arrays, and go back as what they came as."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np

TORCH_TAKES_ITS_OWN = (
    "sample handed `rng`, a numpy Generator, to torch, which takes only its own. Seed one from it: "
    "generator=torch.Generator().manual_seed(int(rng.integers(2**63)))"
)


def array(value: Any, what: str) -> np.ndarray:
    """A torch tensor (of any device and type), a list of rows or an array, as an array; nothing is imported for it.

    Raises:
        TypeError: None, as of a method that forgot to return.
        ValueError: rows of different lengths.
    """
    if value is None:
        raise TypeError(f"{what} returned None; return an array, a torch tensor or a list of rows.")
    if callable(getattr(value, "detach", None)) and callable(getattr(value, "cpu", None)):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} is no rectangular array: {error}. All rows have one length.") from error


def as_given(x: np.ndarray, model: Any) -> Any:
    """A copy of rows ``x`` in the form of ``model``, which the generator made: its tensor type, its kind of list."""
    if callable(getattr(model, "new_tensor", None)):
        return model.new_tensor(x)
    if isinstance(model, list | tuple):
        inner = type(model[0]) if model and isinstance(model[0], list | tuple) else None
        return type(model)(inner(row) if inner else np.array(row) for row in x.tolist())
    return x.astype(model.dtype if isinstance(model, np.ndarray) else x.dtype)


def gave_rng_to_torch(error: Exception) -> bool:
    """Whether an exception of ``sample`` comes from torch, which was given the numpy Generator."""
    text = str(error)
    if "torch" not in sys.modules or "numpy.random" not in text:
        return False
    return "torch" in text or "manual_seed" in text or _within_torch(error.__traceback__)


def _within_torch(trace: TracebackType | None) -> bool:
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0] == "torch":
            return True
        trace = trace.tb_next
    return False
