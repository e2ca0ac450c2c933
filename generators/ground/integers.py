"""Whether an array holds integers: 0.7 is not token 0, and a set of positions is no row."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Integer


def integers(array: Any, what: str) -> Integer[np.ndarray, "..."]:
    """The array, of whatever integer type; nothing is rounded.

    Args:
        what: its name in the message, in the plural.
    Raises:
        TypeError: floats, truth values, objects or anything else but integers.
        ValueError: what forms no array, such as rows of different lengths.
    """
    try:
        found = np.asarray(array)
    except (ValueError, RuntimeError) as error:  # NumPy of rows of different lengths, torch of a tensor with a gradient
        raise ValueError(f"{what} must form an array of integers: {error}") from None
    if found.dtype.kind not in "iu":
        raise TypeError(f"{what} are integers, of any width; got {found.dtype}. Use .astype(int) if they are whole.")
    return found
