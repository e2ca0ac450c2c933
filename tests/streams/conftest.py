"""Streams that are promised: a seed names the same draws for every later version and, where it is said, on any machine.

The tests of this folder are tables: something that is drawn, and what was drawn when the promise was made. A golden
value is the first values as text and eight hex digits of SHA-256 of all of them. It never changes: another stream needs
another name, or a recorded run, a dataset and a checkpoint no longer mean what they say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def seen() -> Callable[[Any], str]:
    """Golden value of an array of whole numbers: digits stand close together, rows apart."""
    return _seen


def _seen(drawn: Any) -> str:
    values = np.asarray(drawn)
    assert values.dtype.kind in "bui", values.dtype
    values = values.astype("<u8" if values.dtype == np.uint64 else "<i8")
    rows = (values.reshape(len(values), -1) if values.ndim > 1 else values[None])[:3].tolist()
    between = "" if all(0 <= value < 10 for row in rows for value in row) else ","
    text = " ".join(between.join(map(str, row)) for row in rows)
    digest = hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()
    return f"{text[:20].rstrip(', ')} #{digest[:8]}"
