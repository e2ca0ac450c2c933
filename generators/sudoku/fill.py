"""Random full grids: a randomized search, then moves that have the uniform law as their stationary law.

The search alone favours some classes of grids over others. Each of the moves that follow takes two random digits, or
two rows of a band, or two columns of a stack, and redraws all their cells, uniformly among the ways that keep the grid
valid and the rest of it as it is (heat bath). So uniform stays uniform, and what the search favours is forgotten. A
random element of the symmetry group makes the law the same for all grids of a class, whatever the number of moves.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt64

from generators.ground.compiled import kernel
from generators.sudoku.grid import Size
from generators.sudoku.search import below, propagate, search

MOVES_PER_SIDE = 16
_RESTART = 500  # guesses; a search that has met none of the many full grids by then was unlucky early


@kernel
def shuffle(items: Int64[np.ndarray, "n"], state: UInt64[np.ndarray, "1"]) -> None:
    """A uniformly random order, in place (Fisher and Yates)."""
    for i in range(len(items) - 1, 0, -1):
        j = below(state, i + 1)
        items[i], items[j] = items[j], items[i]


@kernel
def redraw_two_digits(
    grid: UInt8[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    where: Int32[np.ndarray, "g 2"],
    state: UInt64[np.ndarray, "1"],
) -> None:
    """Redraw the cells of two random digits, uniformly among all ways to fill them.

    A group holds one cell of each, so a filling is a two-colouring of the graph that joins them in every group, and
    each of its components may be exchanged or not.
    """
    side = groups.shape[1]
    a = 1 + below(state, side)
    b = 1 + (a + below(state, side - 1)) % side
    for cell in range(len(grid)):
        if grid[cell] == a or grid[cell] == b:
            for kind in range(3):
                where[group_of[cell, kind], int(grid[cell] == b)] = cell
    stack = np.empty(6 * side, np.int64)
    seen = np.zeros(len(grid), np.uint8)
    for start in range(side):
        first = where[start, 0]
        if seen[first]:
            continue
        flip = below(state, 2) == 1
        stack[0], top = first, 1
        seen[first] = 1
        while top:
            top -= 1
            cell = stack[top]
            mine = int(grid[cell] == b)
            for kind in range(3):
                other = where[group_of[cell, kind], 1 - mine]
                if not seen[other]:
                    seen[other] = 1
                    stack[top] = other
                    top += 1
            seen[cell] = 2 + flip
    for cell in range(len(grid)):
        if seen[cell] == 3:
            grid[cell] = a + b - grid[cell]


@kernel
def redraw_two_lines(
    grid: UInt8[np.ndarray, "cells"], one: int, two: int, step: int, state: UInt64[np.ndarray, "1"]
) -> None:
    """Redraw two lines of a band or stack, the cells ``one + step * i`` and ``two + step * i``.

    Exchanging what stands at place i leaves the line across and the box as they are; both lines keep all their digits
    if i is exchanged together with every place of its cycle of the permutation that maps one line onto the other.
    """
    side = np.int64(np.sqrt(len(grid)))
    at = np.empty(side + 1, np.int64)
    seen = np.zeros(side, np.uint8)
    for i in range(side):
        at[grid[one + step * i]] = i
    for start in range(side):
        if seen[start]:
            continue
        flip = below(state, 2) == 1
        i = start
        while not seen[i]:
            seen[i] = 1
            following = at[grid[two + step * i]]
            if flip:
                grid[one + step * i], grid[two + step * i] = grid[two + step * i], grid[one + step * i]
            i = following


@kernel
def _move(
    grid: UInt8[np.ndarray, "cells"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    box_rows: int,
    box_columns: int,
    where: Int32[np.ndarray, "g 2"],
    state: UInt64[np.ndarray, "1"],
) -> None:
    side = groups.shape[1]
    kind = below(state, 3)
    if kind == 0:
        redraw_two_digits(grid, groups, group_of, where, state)
        return
    height = box_rows if kind == 1 else box_columns
    one = below(state, side)
    block = one - one % height
    two = block + (one - block + 1 + below(state, height - 1)) % height
    if kind == 1:
        redraw_two_lines(grid, one * side, two * side, 1, state)
    else:
        redraw_two_lines(grid, one, two, side, state)


@kernel
def random_symmetry_of(
    grid: UInt8[np.ndarray, "cells"], box_rows: int, box_columns: int, state: UInt64[np.ndarray, "1"]
) -> None:
    """Replace the grid by its image under a uniformly random element of the symmetry group."""
    side = box_rows * box_columns
    rows, columns = np.empty(side, np.int64), np.empty(side, np.int64)
    for lines, height in ((rows, box_rows), (columns, box_columns)):
        blocks = np.arange(side // height)
        shuffle(blocks, state)
        for block in range(len(blocks)):
            within = np.arange(height)
            shuffle(within, state)
            for i in range(height):
                lines[block * height + i] = blocks[block] * height + within[i]
    labels = np.arange(1, side + 1)
    shuffle(labels, state)
    turned = box_rows == box_columns and below(state, 2) == 1
    before = grid.copy()
    for i in range(side):
        for j in range(side):
            source = columns[j] * side + rows[i] if turned else rows[i] * side + columns[j]
            grid[i * side + j] = labels[before[source] - 1]


@kernel
def fill_grid(
    grid: UInt8[np.ndarray, "cells"],
    cand: Int32[np.ndarray, "levels cells"],
    done: UInt8[np.ndarray, "levels cells"],
    queue: Int32[np.ndarray, "cells"],
    choice: Int32[np.ndarray, "levels 2"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    box_rows: int,
    box_columns: int,
    moves: int,
    state: UInt64[np.ndarray, "1"],
) -> None:
    """Write a random full grid."""
    side = box_rows * box_columns
    count = 0
    while count != 1:
        cand[0] = (1 << side) - 1
        done[0] = 0
        row = np.arange(side)  # the first row is any permutation, which spares the search its widest guesses
        shuffle(row, state)
        for cell in range(side):
            cand[0, cell] = 1 << row[cell]
            queue[cell] = cell
        propagate(cand[0], done[0], queue, side, groups, peers)
        count, _ = search(cand, done, queue, choice, groups, peers, 1, _RESTART, state, True, grid)
    where = np.empty((len(groups), 2), np.int32)
    for _ in range(moves):
        _move(grid, groups, group_of, box_rows, box_columns, where, state)
    random_symmetry_of(grid, box_rows, box_columns, state)


@kernel
def _fill_rows(
    out: UInt8[np.ndarray, "n cells"],
    keys: UInt64[np.ndarray, "n"],
    groups: Int64[np.ndarray, "g side"],
    group_of: Int64[np.ndarray, "cells 3"],
    peers: Int64[np.ndarray, "cells p"],
    box_rows: int,
    box_columns: int,
    moves: int,
) -> None:
    cells = out.shape[1]
    cand, done = np.empty((cells + 1, cells), np.int32), np.empty((cells + 1, cells), np.uint8)
    queue, choice, state = np.empty(cells, np.int32), np.empty((cells + 1, 2), np.int32), np.empty(1, np.uint64)
    for row in range(len(out)):
        state[0] = keys[row]
        fill_grid(out[row], cand, done, queue, choice, groups, group_of, peers, box_rows, box_columns, moves, state)


def full_grids(size: Size, keys: UInt64[np.ndarray, "n"], moves: int | None = None) -> UInt8[np.ndarray, "n cells"]:
    """One random full grid per key, (n, cells); the grid is a function of its key alone.

    The law is uniform within every class of the symmetry group, exactly. Over the classes it is uniform as nearly as
    ``moves`` moves make it; more moves bring it nearer.

    Args:
        size: of the grids.
        keys: random words, for instance of :func:`generators.ground.draws.words`.
        moves: how many; 16 per digit if left out: by then 6x6 grids are uniform over their 49 classes, as far as
            20,000 of them can tell, and statistics of 9x9 grids have stopped changing.
    """
    out = np.empty((len(keys), size.cells), dtype=np.uint8)
    count = MOVES_PER_SIDE * size.side if moves is None else moves
    _fill_rows(out, keys, size.groups, size.group_of, size.peers, size.box_rows, size.box_columns, count)
    return out
