"""What a causal network has read: the keys and values of its blocks, kept from one call to the next.

A causal network answers token by token, and what it made of a token depends on that token and those before it alone. So
inputs that begin like those of the call before need not be read again from the start. Whether they begin so is looked
up in the inputs themselves, and whether the weights are those of the call before in the weights: a cache changes an
answer by rounding at most, whatever is asked in which order and trained in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(eq=False)
class BlockCache:
    """Keys and values of one block.

    Attributes:
        places: room for so many.
        read: places that were read.
    """

    places: int
    read: int = 0
    _keys: Float[Tensor, "B H places D"] | None = None
    _values: Float[Tensor, "B H places D"] | None = None

    def extended(
        self, keys: Float[Tensor, "B H m D"], values: Float[Tensor, "B H m D"]
    ) -> tuple[Float[Tensor, "B H n D"], Float[Tensor, "B H n D"]]:
        """Keys and values of all places up to these new ones, which are kept."""
        if self._keys is None or self._values is None:
            batch, heads, _, width = keys.shape
            self._keys, self._values = (keys.new_empty(batch, heads, self.places, width) for _ in range(2))
        start, self.read = self.read, self.read + keys.shape[2]
        self._keys[:, :, start : self.read] = keys
        self._values[:, :, start : self.read] = values
        return self._keys[:, :, : self.read], self._values[:, :, : self.read]

    def rewind(self, read: int, rows: Int64[Tensor, " b"] | None = None) -> None:
        """Forget all but the first ``read`` places, and all rows but these, which are put in this order (None: all)."""
        self.read = read
        if not read:
            self._keys = self._values = None
        elif rows is not None and self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[rows], self._values[rows]


class Weights:
    """Which weights were used last, to notice that they are others.

    They are others where one lies elsewhere in memory (``.data`` assigned, moved to a device, a new parameter) or was
    written to since, which PyTorch counts: optimizer steps, ``load_state_dict`` and every operation in place but those
    on ``.data`` itself, ``weight.data.copy_(...)``, which it keeps no count of. Tensors made under
    ``torch.inference_mode`` have no count and are always taken for others.

    Args:
        now: the weights, in the same order at every call.
    """

    def __init__(self, now: Callable[[], Iterable[Tensor]]) -> None:
        self._now = now
        self._used: list[tuple[Tensor, int]] = []  # the memory is kept, so that no other weight can lie there

    def changed(self) -> bool:
        """Whether they are others than at the call before; at the first call they are."""
        weights = list(self._now())
        if any(weight.is_inference() for weight in weights):
            return True
        if len(weights) == len(self._used) and all(map(_is_as_used, weights, self._used)):
            return False
        self._used = [(weight.detach(), weight._version) for weight in weights]
        return True


def _is_as_used(weight: Tensor, used: tuple[Tensor, int]) -> bool:
    memory, version = used
    return weight._version == version and weight.data_ptr() == memory.data_ptr() and weight.dtype == memory.dtype


class KeyValueCache:
    """The caches of all blocks, and the inputs that they belong to; new weights empty it.

    Memory: two floats per row, place, block and unit of width.

    Args:
        blocks: number of them.
        places: of the network, which its attention sees.
        places_of: how many places the first n inputs take; 0 if fewer cannot be read.
        weights: of the network.
    """

    def __init__(
        self, blocks: int, places: int, places_of: Callable[[int], int], weights: Callable[[], Iterable[Tensor]]
    ) -> None:
        self._weights = Weights(weights)
        self.blocks = [BlockCache(places) for _ in range(blocks)]
        self._places_of = places_of
        self._inputs: Int64[Tensor, "B T"] | None = None

    def begin(self, inputs: Int64[Tensor, "b t"], most: int) -> int:
        """The first place that must be read for these inputs; everything from there on is forgotten.

        Until :meth:`end` all is forgotten for the next call.

        All rows begin at the same place. If there are fewer rows or more than in the last call, any of those that
        begins alike will do for each.

        Args:
            most: inputs that need not be read again, whatever is known.
        """
        known, rows = 0, None
        before, self._inputs = self._inputs, None  # a call that fails on its way has read nothing
        if self._weights.changed():
            before = None
        if before is not None and before.device == inputs.device and len(inputs):
            rows, shared = _alike(before, inputs)
            known = min(most, int(shared.min()))
        start = self._places_of(known)
        for block in self.blocks:
            block.rewind(start, rows)
        return start

    def end(self, inputs: Int64[Tensor, "b t"]) -> None:
        """All blocks have read these inputs, which :meth:`begin` was given; they may be written over later."""
        self._inputs = inputs.clone()


def _alike(
    old: Int64[Tensor, "B T"], new: Int64[Tensor, "b t"]
) -> tuple[Int64[Tensor, " b"] | None, Int64[Tensor, " b"]]:
    """For each new row an old one (None: each its own) and the length of their common beginning."""
    length = min(old.shape[1], new.shape[1])
    old, new = old[:, :length], new[:, :length]
    if len(old) == len(new):
        return None, _beginning(old == new)
    best = [_beginning(old == row).max(dim=0) for row in new]
    return torch.stack([found.indices for found in best]), torch.stack([found.values for found in best])


def _beginning(same: Bool[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """How many entries are True before the first that is not."""
    return same.long().cumprod(dim=1).sum(dim=1)
