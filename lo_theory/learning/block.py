"""One block of the transformer: attention and MLP, and the places at which the last of them need answer."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from lo_theory.learning.attention import attention
from lo_theory.learning.choices import Shape
from lo_theory.learning.dropout import Dropout
from lo_theory.learning.key_value_cache import BlockCache
from lo_theory.learning.rms_norm import rms_norm
from lo_theory.learning.visible_keys import VisibleKeys

_FEW = 0.75  # of the places: with fewer queries than this in every row, only those are made


class AskedPlaces:
    """The places whose answers are wanted, M in all, in row-major order.

    Args:
        asked: True where one is.
        keys: by which the places are sorted; None: they are as they came.
    """

    def __init__(self, asked: Bool[Tensor, "B T"], keys: VisibleKeys | None = None) -> None:
        self.asked = asked if keys is None else keys.sorted(asked)
        self._keys = keys

    def in_order(self, x: Float[Tensor, "M W"]) -> Float[Tensor, "M W"]:
        """As the places came."""
        return x if self._order is None else x.index_select(0, self._order)

    def of(self, x: Float[Tensor, "B T W"]) -> Float[Tensor, "M W"]:
        """What lies there."""
        return x.flatten(0, 1).index_select(0, self._numbers)

    @cached_property
    def queries(self) -> Int64[Tensor, "B most"] | None:
        """For each row its asked places in ascending order and then others, as many as the row that has most of them.

        None where that is nearly all, as with masks of every size in one batch; decoding asks alike in all rows.
        """
        most = int(self._counts.max()) if len(self.asked) else 0
        if not 0 < most < _FEW * self.asked.shape[1]:
            return None
        return self.asked.long().argsort(dim=1, descending=True, stable=True)[:, :most]

    def of_queries(self, x: Float[Tensor, "B most W"]) -> Float[Tensor, "M W"]:
        """Of what was made for :attr:`queries` the asked ones."""
        return x[torch.arange(x.shape[1], device=x.device) < self._counts[:, None]]

    @cached_property
    def _order(self) -> Int64[Tensor, " M"] | None:
        """Once for all layers that are asked."""
        return None if self._keys is None else self._keys.numbers[self.asked].argsort()

    @cached_property
    def _counts(self) -> Int64[Tensor, " B"]:
        return self.asked.sum(dim=1)

    @cached_property
    def _numbers(self) -> Int64[Tensor, " M"]:
        """Counted through all rows."""
        return self.asked.flatten().nonzero().squeeze(1)


class Block(nn.Module):
    """Attention and MLP, each normalised before and added after."""

    def __init__(self, shape: Shape, generator: torch.Generator, *, causal: bool) -> None:
        super().__init__()
        width, hidden = shape.width, shape.hidden_width
        out_std = 1 / math.sqrt(2 * shape.layers)
        self.heads, self.causal, self.gated = shape.heads, causal, shape.mlp == "swiglu"
        self.attention_gain = nn.Parameter(torch.ones(width))
        self.qkv = normal_weights(generator, 3 * width, width, std=width**-0.5)
        self.attention_out = normal_weights(generator, width, width, std=out_std * width**-0.5)
        self.mlp_gain = nn.Parameter(torch.ones(width))
        self.mlp_in = normal_weights(generator, hidden * (2 if self.gated else 1), width, std=width**-0.5)
        self.mlp_out = normal_weights(generator, width, hidden, std=out_std * hidden**-0.5)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor] | None,
        past: BlockCache | None = None,
        visible: Tensor | None = None,
        keys: VisibleKeys | None = None,
        asked: AskedPlaces | None = None,
        dropout: Dropout | None = None,
    ) -> Tensor:
        """(B, T, W) of all places, or (M, W) of the asked ones.

        Args:
            rotation: of queries and keys; None: positions are learned.
            past: keys and values of places before these, to which those of these are added.
            visible: (T, keys), which keys each place sees; None: all, or those up to itself if the block is causal.
            keys: which places are seen, in a block without cache and ``visible``; None: all, as above.
            dropout: of what is added to the residual stream.
        """
        normed = rms_norm(x, self.attention_gain)
        if asked is None:
            mixed = self._attend(normed, rotation, past, visible, keys)
        elif asked.queries is None or self.causal:
            mixed, x = asked.of(self._attend(normed, rotation, past, visible, keys)), asked.of(x)
        else:
            mixed, x = asked.of_queries(self._attend_from(normed, rotation, asked.queries, keys)), asked.of(x)
        written = functional.linear(mixed, self.attention_out)
        x = x + (written if dropout is None else dropout(written))
        inner = self._activate(functional.linear(rms_norm(x, self.mlp_gain), self.mlp_in))  # (..., hidden)
        written = functional.linear(inner, self.mlp_out)
        return x + (written if dropout is None else dropout(written))

    def _attend(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor] | None,
        past: BlockCache | None,
        visible: Tensor | None,
        keys: VisibleKeys | None,
    ) -> Tensor:
        query, key, value = self._heads(x, self.qkv)
        if rotation is not None:
            query, key = _rotate(query, rotation), _rotate(key, rotation)
        if keys is not None:
            return _joined(keys.attend(query, key, value))
        if past is not None:
            key, value = past.extended(key, value)
        causal = self.causal and visible is None
        return _joined(attention(query, key, value, causal=causal, visible=visible))

    def _attend_from(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor] | None,
        queries: Int64[Tensor, "B most"],
        keys: VisibleKeys | None,
    ) -> Float[Tensor, "B most W"]:
        """Attention of these places alone, to all of their row."""
        width = x.shape[-1]
        asking = x.gather(1, queries[..., None].expand(-1, -1, width))
        (query,) = self._heads(asking, self.qkv[:width])
        key, value = self._heads(x, self.qkv[width:])
        if rotation is not None:
            query, key = _rotate(query, turned(rotation, queries)), _rotate(key, rotation)
        return _joined(attention(query, key, value) if keys is None else keys.attend(query, key, value, queries))

    def _heads(self, x: Float[Tensor, "B T W"], weights: Float[Tensor, "parts_W W"]) -> Float[Tensor, "parts B H T D"]:
        batch, length, width = x.shape
        heads = functional.linear(x, weights).view(
            batch, length, len(weights) // width, self.heads, width // self.heads
        )
        return heads.permute(2, 0, 3, 1, 4)

    def _activate(self, x: Tensor) -> Tensor:
        if not self.gated:
            return functional.gelu(x)
        gate, value = x.chunk(2, dim=-1)
        return functional.silu(gate) * value


def normal_weights(generator: torch.Generator, rows: int, columns: int, *, std: float) -> nn.Parameter:
    """A matrix of independent N(0, std^2)."""
    return nn.Parameter(torch.randn(rows, columns, generator=generator) * std)


def _joined(heads: Float[Tensor, "B H T D"]) -> Float[Tensor, "B T W"]:
    return heads.transpose(1, 2).flatten(2)


def rotary_angles(length: int, head_width: int) -> Float[Tensor, "L half"]:
    """Angle of each position and pair of coordinates (Su et al. 2021, base 10000)."""
    half = head_width // 2
    frequencies = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / max(half, 1))
    return torch.outer(torch.arange(length, dtype=torch.float64), frequencies).float()


def rotation_of(angles: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, in the type of ``like``."""
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def turned(rotation: tuple[Tensor, Tensor], places: Int64[Tensor, "B M"]) -> tuple[Tensor, Tensor]:
    """Those of these places of each row, (B, 1, M, half); of (T, half), or of (B, 1, T, half) that differ by row."""
    if rotation[0].dim() == 2:
        cos, sin = (part[places][:, None] for part in rotation)
    else:
        index = places[:, None, :, None].expand(-1, -1, -1, rotation[0].shape[-1])
        cos, sin = (part.gather(2, index) for part in rotation)
    return cos, sin


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1).to(x.dtype)
