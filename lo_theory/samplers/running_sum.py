"""Running sums of floats that are the same in every run, also on a GPU.

A GPU's ``cumsum`` of floats adds in an order that it settles while it runs: two runs differ in the last digits, sums of
nonnegative numbers need not rise, and ``torch.use_deterministic_algorithms`` refuses it. (Sums of whole numbers are
exact in any order; it does not object to those.)
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def running_sum(values: Float[Tensor, "*at n"]) -> Float[Tensor, "*at n"]:
    """The sum of the nonnegative ``values`` along the last axis up to each entry, itself included; it never falls.

    NaN from the first NaN on. On a CPU the terms are added one after the other, elsewhere by :func:`doubled_sum`: the
    two differ by rounding.

    Cost: elsewhere about log2(n) additions of all of ``values``.
    """
    return values.cumsum(dim=-1) if values.device.type == "cpu" else doubled_sum(values)


def doubled_sum(values: Float[Tensor, "*at n"]) -> Float[Tensor, "*at n"]:
    """:func:`running_sum` in one fixed order on any device: runs of 1, 2, 4, ... terms, each the sum of two of before.

    Source: Hillis and Steele 1986. The largest sum so far is kept, as two sums of different trees may be rounded apart.
    """
    sums, reach = values, 1
    while reach < values.shape[-1]:
        sums = sums + functional.pad(sums[..., :-reach], (reach, 0))
        reach *= 2
    return sums.cummax(dim=-1).values
