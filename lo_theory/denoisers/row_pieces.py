"""Row by row, a piece at a time: over a vocabulary of a hundred thousand the temporaries outgrow the answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Shaped
from torch import Tensor

PIECE = 2**24
"""Numbers of a temporary at most (one row's where a row has more): 128 MiB in float64."""


def by_rows(function: Callable[..., Tensor], *tables: Shaped[Tensor, "M ..."]) -> Shaped[Tensor, "M ..."]:
    """``function(*tables)``, some rows at a time, as few as keep a piece of the first table within ``PIECE`` numbers.

    Args:
        function: rows in, as many rows out; each row's answer depends on that row alone. Then the result is that of
            one call with all rows, bit for bit: pieces are even, so that none is of one row, whose sums PyTorch
            shares out among threads.
        tables: equally many rows each.

    >>> by_rows(lambda rows: rows.sum(dim=1), torch.ones(3, 4)).tolist()
    [4.0, 4.0, 4.0]
    """
    count, width = len(tables[0]), tables[0][:1].numel()
    pieces = -(-count // max(1, PIECE // max(1, width)))
    if pieces <= 1:
        return function(*tables)
    split = zip(*(table.tensor_split(pieces) for table in tables), strict=True)
    return torch.cat([function(*piece) for piece in split])
