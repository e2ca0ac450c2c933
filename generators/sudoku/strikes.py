"""Striking candidates: bits that go from every cell that sees some chosen ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int32, Int64

from generators.ground.compiled import kernel


@kernel
def strike(
    cand: Int32[np.ndarray, "cells"], chosen: Int64[np.ndarray, "m"], bits: int, sees: Bool[np.ndarray, "cells cells"]
) -> bool:
    """Strike ``bits`` from all cells that see every chosen cell; whether that changed anything."""
    changed = False
    for cell in range(len(cand)):
        if cand[cell] & bits == 0:
            continue
        common = True
        for one in chosen:
            if not sees[cell, one]:
                common = False
                break
        if common:
            cand[cell] &= ~bits
            changed = True
    return changed


@kernel
def strike_shared(
    cand: Int32[np.ndarray, "cells"],
    chosen: Int64[np.ndarray, "m"],
    count: int,
    bits: int,
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
) -> bool:
    """:func:`strike` for the first ``count`` chosen cells, which have a group in common.

    A cell that sees two cells of a group lies in a group with both: one that saw the first by its column and the second
    by its box would lie in the box of both. So a look at the groups that all chosen cells share is enough.
    """
    changed = False
    for kind in range(3):
        shared = group_of[chosen[0], kind]
        for i in range(1, count):
            if group_of[chosen[i], kind] != shared:
                shared = -1
                break
        if shared < 0:
            continue
        for i in range(groups.shape[1]):
            cell = groups[shared, i]
            if cand[cell] & bits == 0:
                continue
            other = True
            for j in range(count):
                if chosen[j] == cell:
                    other = False
            if other:
                cand[cell] &= ~bits
                changed = True
    return changed
