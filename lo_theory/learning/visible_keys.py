"""Attention to what is visible, and of each place to itself: a hidden token is no key for others.

A mask says nothing but where it stands, which the places that ask know; as keys masks water attention down. Fewer keys
are fewer products, too. What a hidden place has found out is not read by any other, though: it is a network that asks
the visible tokens once a layer, not one whose hidden tokens exchange messages. So too in Partition Generative Models
(Deschenaux et al. 2025, arXiv 2505.18883), whose two groups of tokens do not see each other.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from lo_theory.learning.products import no_autocast

_GROUPS = 8
_EVEN = 0.25  # of the places: rows whose numbers of keys differ by less are one group
_ALIGNED = 16


class _Group(NamedTuple):
    """Rows ``start..stop`` with between ``least`` and ``most`` keys, all of them among the first places."""

    start: int
    stop: int
    least: int
    most: int


class VisibleKeys:
    """Rows sorted by how many keys they have, and in each the keys before the other places: so keys are a slice.

    Args:
        visible: True where a place is a key for all places of its row; the others are one for themselves alone.
    """

    def __init__(self, visible: Bool[Tensor, "B T"]) -> None:
        counts = visible.sum(dim=1)
        rows = counts.argsort(stable=True)
        places = visible[rows].long().argsort(dim=1, descending=True, stable=True)
        self.counts = counts[rows]
        self.places = places  # (B, T): of each row, as they are numbered in it
        self.numbers = rows[:, None] * visible.shape[1] + places  # (B, T): counted through all rows

    def sorted(self, x: Tensor) -> Tensor:
        """(B, T, ...), of which each row and place goes where it is wanted."""
        return x.flatten(0, 1).index_select(0, self.numbers.flatten()).view(x.shape)

    def in_order(self, x: Float[Tensor, "B T W"]) -> Float[Tensor, "B T W"]:
        """Rows and places as they came."""
        return x.flatten(0, 1).index_select(0, self.numbers.flatten().argsort()).view(x.shape)

    def attend(
        self,
        query: Float[Tensor, "B H M D"],
        key: Float[Tensor, "B H T D"],
        value: Float[Tensor, "B H T D"],
        at: Int64[Tensor, "B M"] | None = None,
    ) -> Float[Tensor, "B H M D"]:
        """Softmax of ``query key^T / sqrt(D)`` over the keys of each query, times the values; all of them sorted.

        Args:
            at: the place of each query, among the sorted ones; None: all of them.
        """
        numbers = torch.arange(key.shape[2], device=key.device)
        places = (numbers if at is None else at).expand(len(key), -1)  # (B, M)
        if not _sliced(key):
            seen = (numbers < self.counts[:, None])[:, None] | (places[..., None] == numbers)
            return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None])
        hidden = places >= self.counts[:, None]
        with no_autocast(query.device):  # which would take every softmax to float32
            return _Attention.apply(query, key, value, at, hidden[:, None], self.counts, self.groups)

    @cached_property
    def groups(self) -> list[_Group]:
        """Few where all rows have about as many keys, as in decoding."""
        counts = self.counts.tolist()
        if len(counts) < 2 * _GROUPS or counts[-1] - counts[0] <= _EVEN * self.places.shape[1]:
            bounds = [0, len(counts)]
        else:
            bounds = [len(counts) * part // _GROUPS for part in range(_GROUPS + 1)]
        return [
            _Group(start, stop, counts[start], counts[stop - 1]) for start, stop in pairwise(bounds) if start < stop
        ]


def _sliced(key: Tensor) -> bool:
    """Whether products of slices are faster than a kernel with a mask for every pair, as on a CPU."""
    return key.device.type == "cpu"


class _Attention(torch.autograd.Function):
    """Of a group's columns the first are keys, the one behind its largest number of keys is the query's own place."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        at: Int64[Tensor, "B M"] | None,
        hidden: Bool[Tensor, "B 1 M"],
        counts: Int64[Tensor, " B"],
        groups: list[_Group],
    ) -> Tensor:
        query = query * query.shape[-1] ** -0.5
        answer, weights = torch.empty_like(query), []
        own_key, own_value = _at(key, at), _at(value, at)
        own = (query * own_key).sum(-1).masked_fill_(~hidden, -torch.inf)  # (B, H, M)
        for start, stop, least, most in groups:
            rows = slice(start, stop)
            scores = query[rows] @ _columns(key[rows], most).transpose(-1, -2)  # (R, H, M, columns)
            numbers = torch.arange(least, scores.shape[-1], device=query.device)
            scores[..., least:].masked_fill_((numbers >= counts[rows, None])[:, None, None], -torch.inf)
            scores[..., most] = own[rows]
            weight = torch.softmax(scores, dim=-1)
            with _others(weight, most) as (others, share):
                answer[rows] = others @ _columns(value[rows], most)
                answer[rows].addcmul_(share, own_value[rows])
            weights.append(weight)
        ctx.save_for_backward(query, key, value, at, *weights)
        ctx.groups = groups
        return answer

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query, key, value, at, *weights = ctx.saved_tensors
        own_key, own_value = _at(key, at), _at(value, at)
        to_query, to_own_key, to_own_value = torch.empty_like(query), torch.empty_like(query), torch.empty_like(query)
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        own = (grad * own_value).sum(-1)
        for (start, stop, _, most), weight in zip(ctx.groups, weights, strict=True):
            rows = slice(start, stop)
            along = grad[rows] @ _columns(value[rows], most).transpose(-1, -2)
            along[..., most] = own[rows]
            scores = torch.ops.aten._softmax_backward_data(along, weight, -1, weight.dtype)
            with _others(scores, most) as (others, share):
                to_query[rows] = others @ _columns(key[rows], most)
                to_query[rows].addcmul_(share, own_key[rows])
                to_own_key[rows] = share * query[rows]
                to_key[rows, :, :most] = (others.transpose(-1, -2) @ query[rows])[:, :, :most]
            with _others(weight, most) as (others, share):
                to_own_value[rows] = share * grad[rows]
                to_value[rows, :, :most] = (others.transpose(-1, -2) @ grad[rows])[:, :, :most]
        if at is None:
            to_key.add_(to_own_key)
            to_value.add_(to_own_value)
        else:
            index = _over_heads(at, key)
            to_key.scatter_add_(2, index, to_own_key)
            to_value.scatter_add_(2, index, to_own_value)
        return to_query.mul_(query.shape[-1] ** -0.5), to_key, to_value, None, None, None, None


def _columns(part: Float[Tensor, "R H T D"], most: int) -> Float[Tensor, "R H columns D"]:
    """More than ``most`` places, in a number that memory likes; what stands in the others does not matter."""
    columns = _ALIGNED * math.ceil((most + 1) / _ALIGNED)
    lacking = columns - part.shape[2]
    return part[:, :, :columns] if lacking <= 0 else functional.pad(part, (0, 0, 0, lacking))


@contextlib.contextmanager
def _others(
    weights: Float[Tensor, "R H M columns"], most: int
) -> Iterator[tuple[Float[Tensor, "R H M columns"], Float[Tensor, "R H M 1"]]]:
    """Without a query's own place, for as long as the block takes, and its own: a slice would be copied to multiply."""
    share = weights[..., most, None].clone()
    weights[..., most] = 0.0
    yield weights, share
    weights[..., most, None] = share


def _at(part: Float[Tensor, "B H T D"], at: Int64[Tensor, "B M"] | None) -> Float[Tensor, "B H M D"]:
    return part if at is None else part.gather(2, _over_heads(at, part))


def _over_heads(places: Int64[Tensor, "B M"], part: Float[Tensor, "B H T D"]) -> Int64[Tensor, "B H M D"]:
    return places[:, None, :, None].expand(-1, part.shape[1], -1, part.shape[3])
