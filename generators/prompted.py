"""Rows with a prompt: what is given is told apart from what is to be found, in one array of integers.

A given token t stands in a row as its bitwise complement ``~t``, a negative number, every other token as itself. So a
stream of such rows is a stream of plain integers, and no second array has to travel with it. Given tokens are never
masked and never predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, Integer

from generators.ground.codec import fingerprint
from generators.ground.draws import words

FORMAT = "lo-theory/prompted/1"
Order = Literal["fixed", "solver", "random"]  # in which an answer is written down
_ORDERS = ("fixed", "solver", "random")
_STREAM = 1  # of generators.ground.draws.words; the puzzles of a source take 0


@runtime_checkable
class PuzzleForm(Protocol):
    """How the puzzles of a source become prompted rows: an endless stream, as a distribution is.

    The mask id is ``vocabulary``, the pad id ``vocabulary + 1``; pads are always given.
    """

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the form, its source and its options."""
        ...

    @property
    def length(self) -> int:
        """Tokens per row, L, the prompt included."""
        ...

    @property
    def vocabulary(self) -> int:
        """Number of tokens that an answer or a prompt may hold, V; mask and pad are not among them."""
        ...

    def rows(self, sample_seed: int, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Prompted rows ``start`` to ``stop``; row i depends on (form, sample_seed, i) only."""
        ...


def mark_given(tokens: Integer[np.ndarray, "n L"], given: Bool[np.ndarray, "n L"]) -> Int64[np.ndarray, "n L"]:
    """Prompted rows, (n, L): ``~token`` where given, the token elsewhere.

    Raises:
        ValueError: a mask of another shape, or a negative token, with its place.
    """
    if tokens.shape != given.shape:
        raise ValueError(f"the mask of givens needs one entry per token; got {given.shape} for {tokens.shape}.")
    if (tokens < 0).any():
        row, position = (int(i) for i in np.argwhere(tokens < 0)[0])
        raise ValueError(
            f"row {row}, position {position} holds {tokens[row, position]}; tokens are 0, 1, ... A row that is marked "
            f"already is taken apart by split_given."
        )
    wide = tokens.astype(np.int64)
    return np.where(given, ~wide, wide)


def split_given(rows: Integer[np.ndarray, "n L"]) -> tuple[Int64[np.ndarray, "n L"], Bool[np.ndarray, "n L"]]:
    """Tokens and where they are given, both (n, L): the inverse of :func:`mark_given`."""
    given = rows < 0
    wide = rows.astype(np.int64)
    return np.where(given, ~wide, wide), given


def form_fingerprint(form: str, source: Mapping[str, Any], **options: Any) -> str:
    """The name of a form: a hash of its class, the fields of its source and its own options."""
    return fingerprint({"format": FORMAT, "form": form, "source": dict(source), **options})


def check_answer_order(order: str, levels: tuple[int, int] | None, solvable: tuple[int, int]) -> None:
    """Refuse at once what would stop a training run on its way: a puzzle without a solver's order.

    Raises:
        ValueError: an unknown order, or "solver" for puzzles of ``levels`` that exceed the ``solvable`` ones.
    """
    if order not in _ORDERS:
        raise ValueError(f"order must be one of {', '.join(_ORDERS)}; got {order!r}.")
    if order == "solver" and (levels is None or levels[1] > solvable[1]):
        raise ValueError(
            f"the strategies get stuck in some puzzles of a source with levels={levels}, so these have no solver's "
            f"order. Use levels={solvable} in the source."
        )


def random_order(last: Bool[np.ndarray, "n T"], seed: int, start: int) -> Int64[np.ndarray, "n T"]:
    """Independent, uniformly random orders of T places, with those that are ``last`` behind all others.

    Row i is a function of (seed, start + i, last[i]), so a batch can be cut anywhere.

    Raises:
        ValueError: a negative seed or start.
    """
    n, places = last.shape
    keys = words(seed, _STREAM, start * places, (start + n) * places).reshape(n, places)
    return np.argsort(keys >> np.uint64(1) | last.astype(np.uint64) << np.uint64(63), axis=1, kind="stable")


def agreed(
    places: Int64[np.ndarray, "n T"], values: Integer[np.ndarray, "n T"], count: int, nothing: int
) -> Int64[np.ndarray, "n count"]:
    """What n lists of (place, value) say about ``count`` places: the value that every entry of a place has.

    Args:
        places: in ``range(count)``; -1 for an entry that names no place.
        values: beside them; ``nothing`` for an entry that names a place and no value.
        count: number of places.
        nothing: stands where no entry names the place, or where two entries disagree.
    """
    target = np.where(places < 0, count, places)  # one more place collects what names none
    out = np.full((len(places), count + 1), nothing, dtype=np.int64)
    np.put_along_axis(out, target, values.astype(np.int64), axis=1)
    differs = np.take_along_axis(out, target, axis=1) != values
    np.put_along_axis(out, np.where(differs, target, count), nothing, axis=1)
    return out[:, :count]
