"""What NumPy takes between brackets, as row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int64

from generators.ground.codec import shown

_TAKEN = (
    "A dataset takes an integer, a slice, a list or array of integers, or a mask of its rows; tokens are cut from what "
    "it returns, as in dataset[rows][:, columns]."
)


def row_numbers(index: Any, rows: int) -> Int64[np.ndarray, "..."]:
    """The rows from 0 on that ``array[index]`` would pick from ``rows`` of them, in its order and shape.

    Args:
        index: a slice, a mask of all rows, or integers in a list, array or tensor of any shape, negative from the end.
    Raises:
        IndexError: a number outside the rows, a mask of another length, or another kind of index.
    """
    if isinstance(index, slice):
        return np.arange(*index.indices(rows), dtype=np.int64)
    if isinstance(index, tuple) or index is None or index is Ellipsis:
        raise IndexError(f"{shown(index)} is no index of rows. {_TAKEN}")
    given = np.asarray(index)
    if given.size == 0 and isinstance(index, list):
        given = given.astype(np.int64)  # NumPy's own reading of an empty list
    if given.dtype == bool:
        if given.shape != (rows,):
            raise IndexError(f"a mask of {rows} rows has shape ({rows},); got shape {given.shape}.")
        return np.flatnonzero(given)
    if not np.issubdtype(given.dtype, np.integer):
        raise IndexError(f"{shown(index)} is no index of rows (its type is {given.dtype}). {_TAKEN}")
    outside = (given < -rows) | (given >= rows)
    if outside.any():
        raise IndexError(f"row {given[outside][0]} of a dataset of {rows} rows.")
    return np.where(given < 0, given + rows, given).astype(np.int64)
