"""The seven strategies of a person, compiled: each looks for its first use on the board and makes it.

Candidates are bits as in the search; a decided cell has none. Groups are looked at in the order rows, columns, boxes,
cells in reading order, so the order of a solution is a function of the puzzle. Two dialects, see
:mod:`generators.sudoku.human`, differ in three of the strategies.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from generators.ground.compiled import kernel
from generators.sudoku.strikes import strike, strike_shared

LONE_SINGLE, HIDDEN_SINGLE, NAKED_PAIR, NAKED_TRIPLET, LOCKED_CANDIDATE, XY_WING, UNIQUE_RECTANGLE = range(2, 9)
SOUND, DOKUSAN = 0, 1
_ALL = 1 << 20  # groups; no board has as many


@kernel
def bit_count(mask: int) -> int:
    """Number of set bits."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@kernel
def fill_cell(
    grid: UInt8[np.ndarray, "cells"],
    cand: Int32[np.ndarray, "cells"],
    cell: int,
    bit: int,
    peers: Int64[np.ndarray, "cells p"],
) -> None:
    """Write a digit and strike it from the cell's peers."""
    digit = 0
    while bit >> digit:
        digit += 1
    grid[cell] = digit
    cand[cell] = 0
    for i in range(peers.shape[1]):
        cand[peers[cell, i]] &= ~bit


@kernel
def _place_in_set(digit: int, mask: int) -> int:
    """Where CPython's iteration over a small set of integers meets ``digit``; published fill orders depend on it.

    A set of up to four lies in a table of eight slots: 8 in slot 0, 9 in slot 1 or, behind 1, in the first free one of
    6, 7 and 4. Larger sets are met in ascending order.
    """
    if bit_count(mask) > 4:
        return digit
    if digit != 9 or not mask & 1:
        return digit % 8
    if not mask >> 5 & 1:
        return 6
    return 4 if mask >> 6 & 1 else 7


@kernel
def _first_in_set(left: int, mask: int) -> int:
    best, place = 0, 99
    for digit in range(1, 17):
        if left >> (digit - 1) & 1 and _place_in_set(digit, mask) < place:
            best, place = digit, _place_in_set(digit, mask)
    return 1 << (best - 1)


@kernel
def lone_single(cand: Int32[np.ndarray, "cells"]) -> int:
    """The first cell with one candidate, or -1."""
    for cell in range(len(cand)):
        if cand[cell] and cand[cell] & (cand[cell] - 1) == 0:
            return cell
    return -1


@kernel
def hidden_single(cand: Int32[np.ndarray, "cells"], groups: Int64[np.ndarray, "g side"]) -> tuple[int, int]:
    """The first cell that alone in a group may hold some digit, and the digit's bit; cell -1 if there is none."""
    for g in range(len(groups)):
        once, twice = 0, 0
        for cell in groups[g]:
            twice |= once & cand[cell]
            once |= cand[cell]
        hidden = once & ~twice
        if hidden == 0:
            continue
        for cell in groups[g]:
            bit = cand[cell] & hidden
            if bit:  # two bits only on a board that is contradictory already
                return cell, _first_in_set(bit, cand[cell])
    return -1, 0


@kernel
def naked_pair(
    cand: Int32[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    start: int = 0,
    stop: int = _ALL,
) -> bool:
    """Two cells of a group that share the same two candidates keep them from every cell that sees both.

    Only groups ``start..stop-1`` are looked at, as by the two strategies that follow.
    """
    side = groups.shape[1]
    chosen = np.empty(2, np.int64)
    for g in range(start, min(stop, len(groups))):
        for i in range(side):
            mask = cand[groups[g, i]]
            if bit_count(mask) != 2:
                continue
            for j in range(i + 1, side):
                if cand[groups[g, j]] == mask:
                    chosen[0], chosen[1] = groups[g, i], groups[g, j]
                    if strike_shared(cand, chosen, 2, mask, groups, group_of):
                        return True
    return False


@kernel
def naked_triplet(
    cand: Int32[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    dialect: int,
    start: int = 0,
    stop: int = _ALL,
) -> bool:
    """Three cells of a group with three candidates between them keep those from every cell that sees all three.

    The dialect of dokusan knows only triplets two or three of whose cells have identical candidates.
    """
    side = groups.shape[1]
    chosen, few = np.empty(3, np.int64), np.empty(side, np.int64)
    for g in range(start, min(stop, len(groups))):
        group, count = groups[g], 0
        for i in range(side):
            if cand[group[i]] == 0 or bit_count(cand[group[i]]) > 3:
                continue
            if dialect != DOKUSAN:
                few[count] = group[i]
                count += 1
            elif _triplet_of_twins(cand, group, i, chosen) and strike_shared(
                cand, chosen, 3, _union(cand, chosen), groups, group_of
            ):
                return True
        if count >= 3 and _triplet_of(cand, few[:count], chosen, groups, group_of):
            return True
    return False


@kernel
def _triplet_of(
    cand: Int32[np.ndarray, "cells"],
    few: Int64[np.ndarray, "m"],
    chosen: Int64[np.ndarray, "3"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
) -> bool:
    """The first naked triplet among cells of a group that have at most three candidates, and its strike."""
    for i in range(len(few)):
        first = cand[few[i]]
        for j in range(i + 1, len(few)):
            pair = first | cand[few[j]]
            if bit_count(pair) > 3:
                continue
            for k in range(j + 1, len(few)):
                union = pair | cand[few[k]]
                if bit_count(union) == 3:
                    chosen[0], chosen[1], chosen[2] = few[i], few[j], few[k]
                    if strike_shared(cand, chosen, 3, union, groups, group_of):
                        return True
    return False


@kernel
def _union(cand: Int32[np.ndarray, "cells"], chosen: Int64[np.ndarray, "3"]) -> int:
    return int(cand[chosen[0]] | cand[chosen[1]] | cand[chosen[2]])


@kernel
def _triplet_of_twins(
    cand: Int32[np.ndarray, "cells"], group: Int64[np.ndarray, "side"], i: int, chosen: Int64[np.ndarray, "3"]
) -> bool:
    """Whether cell i is the first of two or three twins, and exactly three cells fit into three digits with it."""
    first = cand[group[i]]
    twins, fitting = 0, 0
    for j in range(len(group)):
        mask = cand[group[j]]
        if mask == first:
            if j < i:
                return False
            twins += 1
        if mask and bit_count(mask | first) < 4:
            if fitting == 3:
                return False
            chosen[fitting] = group[j]
            fitting += 1
    return 2 <= twins <= 3 and fitting == 3


@kernel
def locked_candidate(
    cand: Int32[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    dialect: int,
    start: int = 0,
    stop: int = _ALL,
) -> bool:
    """A digit that a group can hold only in cells of another group leaves the rest of that other group.

    The dialect of dokusan knows only pairs of such cells, and takes the digits of a cell in the order of a Python set.
    """
    side = groups.shape[1]
    chosen = np.empty(side, np.int64)
    for g in range(start, min(stop, len(groups))):
        tried = 0
        for i in range(side):
            left = cand[groups[g, i]] & ~tried
            tried |= left
            while left:
                bit = left & -left
                if dialect == DOKUSAN:
                    bit = _first_in_set(left, cand[groups[g, i]])
                left ^= bit
                count = 0
                for cell in groups[g]:
                    if cand[cell] & bit:
                        chosen[count] = cell
                        count += 1
                if count < 2 or (dialect == DOKUSAN and count > 2):
                    continue
                if strike_shared(cand, chosen, count, bit, groups, group_of):
                    return True
    return False


@kernel
def _cells_with_two(cand: Int32[np.ndarray, "cells"]) -> Int64[np.ndarray, "m"]:
    out = np.empty(len(cand), np.int64)
    count = 0
    for cell in range(len(cand)):
        if bit_count(cand[cell]) == 2:
            out[count] = cell
            count += 1
    return out[:count]


@kernel
def xy_wing(cand: Int32[np.ndarray, "cells"], sees: Bool[np.ndarray, "cells cells"], dialect: int) -> bool:
    """A pivot {x, y} sees pincers {x, z} and {y, z}, so z leaves every cell that sees both pincers.

    The dialect of dokusan takes the middle cell in reading order for the pivot, whatever the cells see, and so may
    strike the right digit.
    """
    twos = _cells_with_two(cand)
    pincers = np.empty(2, np.int64)
    for i in range(len(twos)):
        for j in range(i + 1, len(twos)):
            a, b = twos[i], twos[j]
            if bit_count(cand[a] & cand[b]) != 1:
                continue
            for k in range(j + 1, len(twos)):
                c = twos[k]
                if bit_count(cand[a] | cand[b] | cand[c]) != 3 or cand[c] == cand[a] or cand[c] == cand[b]:
                    continue
                if cand[a] & cand[b] & cand[c]:
                    continue
                if int(sees[a, b]) + int(sees[a, c]) + int(sees[b, c]) != 2:
                    continue
                pincers[0], pincers[1] = a, c
                if dialect == SOUND:
                    if not sees[a, b]:
                        pincers[1] = b
                    elif not sees[b, c]:
                        pincers[0] = b
                if strike(cand, pincers, cand[pincers[0]] & cand[pincers[1]], sees):
                    return True
    return False


@kernel
def unique_rectangle(
    cand: Int32[np.ndarray, "cells"], group_of: Int64[np.ndarray, "cells 3"], sees: Bool[np.ndarray, "cells cells"]
) -> bool:
    """Three corners of a rectangle over two boxes with the same two candidates: the fourth corner holds another digit.

    Otherwise the two digits could be exchanged in all four corners, and the solution would not be the only one.
    """
    side = np.int64(np.sqrt(len(cand)))
    twos = _cells_with_two(cand)
    for i in range(len(twos)):
        for j in range(i + 1, len(twos)):
            a, b = twos[i], twos[j]
            if cand[a] != cand[b]:
                continue
            for k in range(j + 1, len(twos)):
                c = twos[k]
                if cand[c] != cand[a] or not _three_corners(a, b, c, group_of):
                    continue
                row = a // side ^ b // side ^ c // side  # what two of the three share drops out
                column = a % side ^ b % side ^ c % side
                corner = row * side + column
                if cand[corner] & cand[a] == cand[a] and cand[corner] != cand[a]:
                    cand[corner] &= ~cand[a]
                    return True
    return False


@kernel
def _three_corners(a: int, b: int, c: int, group_of: Int64[np.ndarray, "cells 3"]) -> bool:
    """Whether among three cells one pair shares a row, one a column and one a box."""
    for kind in range(3):
        x, y, z = group_of[a, kind], group_of[b, kind], group_of[c, kind]
        if int(x == y) + int(x == z) + int(y == z) != 1:
            return False
    return True
