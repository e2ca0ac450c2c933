"""Whether an order is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64


def check_permutation(order: Sequence[int] | np.ndarray, length: int, way_out: str) -> Int64[np.ndarray, " L"]:
    """``order`` as a fresh int64 array, once it is known to be a permutation of ``range(length)``.

    Args:
        way_out: a sentence that ends the message, such as how to get the identity.
    Raises:
        ValueError: it is none; the message names the first entry that is no integer, out of range or seen before, or
            the first position that is missing.
    """
    shape = f"shape {order.shape}" if isinstance(order, np.ndarray) else f"{len(order)} entries"
    entries = order.ravel().tolist() if isinstance(order, np.ndarray) else [_plain(entry) for entry in order]
    seen: set[int] = set()
    offence = ""
    for entry in entries:
        if type(entry) is not int or not 0 <= entry < length or entry in seen:
            offence = f"first offender {entry!r}"
            break
        seen.add(entry)
    if not offence and len(entries) != length:
        offence = f"first missing position {next(i for i in range(length) if i not in seen)}"
    if offence or np.ndim(order) != 1:
        said = f", {offence}" if offence else ""
        raise ValueError(f"order must be a permutation of range({length}); got {shape}{said}. {way_out}")
    return np.asarray(entries, dtype=np.int64)


def _plain(entry: Any) -> Any:
    return int(entry) if isinstance(entry, np.integer) else entry
