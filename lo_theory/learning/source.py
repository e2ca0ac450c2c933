"""Where training rows come from. A source is a pure function of the step, so a resumed run sees the same rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from generators.ground.numbers import keep_whole_numbers


@runtime_checkable
class RowStream(Protocol):
    """What :class:`FreshRows` needs of a distribution; ``LODistribution`` has it."""

    @property
    def fingerprint(self) -> str:
        """Tells it from every other distribution."""
        ...

    @property
    def length(self) -> int:
        """Tokens per row, L."""
        ...

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        ...

    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start`` to ``stop`` of the stream; row i depends on (distribution, sample_seed, i) only."""
        ...


@runtime_checkable
class RowSource(Protocol):
    """Clean rows for each step of training. Those of puzzles are prompted (:mod:`lo_theory.learning.prompted`)."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the distribution that the rows come from."""
        ...

    @property
    def length(self) -> int:
        """Tokens per row, L."""
        ...

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        ...

    @property
    def batch_size(self) -> int:
        """Rows per step, B."""
        ...

    def batch(self, step: int) -> Int64[Tensor, "B L"]:
        """The rows of ``step``, counted from 0; the same at every call, in any order of calls."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What checkpoints record, and compare before they resume."""
        ...


@dataclass(frozen=True)
class FreshRows:
    """New draws at every step: row i of the distribution's stream under ``sample_seed`` is used in step i // B only."""

    distribution: RowStream
    sample_seed: int
    batch_size: int

    def __post_init__(self) -> None:
        keep_whole_numbers(self, {"batch_size": 1, "sample_seed": 0})

    @property
    def fingerprint(self) -> str:
        """The distribution's own."""
        return self.distribution.fingerprint

    @property
    def length(self) -> int:
        """Tokens per row."""
        return self.distribution.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.distribution.vocabulary

    def batch(self, step: int) -> Int64[Tensor, "B L"]:
        """Rows step * B to (step + 1) * B of the stream."""
        rows = self.distribution.rows(self.sample_seed, step * self.batch_size, (step + 1) * self.batch_size)
        return torch.from_numpy(rows.astype(np.int64))

    def to_json(self) -> dict[str, Any]:
        """Kind, seed and batch size; the fingerprint is kept beside it."""
        return {"source": "fresh", "sample_seed": self.sample_seed, "batch_size": self.batch_size}


@dataclass(frozen=True, eq=False)
class FixedRows:
    """A fixed set of rows, in a new random permutation at each epoch.

    The permutations follow one another without a break, so a batch may end one epoch and begin the next.

    Attributes:
        rows: (n, L) integers in ``range(vocabulary)``; or prompted rows, where given tokens t in
            ``range(vocabulary + 2)`` are stored as ``~t``: only :mod:`lo_theory.learning.prompted` reads those.
        fingerprint: that of the distribution they were drawn from.
        shuffle_seed: fixes every permutation.
    Raises:
        ValueError: no rows, a token out of range, or a batch size below 1.
    """

    rows: Integer[np.ndarray, "n L"]
    fingerprint: str
    vocabulary: int
    batch_size: int
    shuffle_seed: int = 0
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        keep_whole_numbers(self, {"batch_size": 1, "shuffle_seed": 0, "vocabulary": 1})
        if self.rows.ndim != 2 or self.rows.size == 0:
            raise ValueError(f"rows must have shape (n, L) with at least one token; got shape {self.rows.shape}.")
        if not np.issubdtype(self.rows.dtype, np.integer):
            raise TypeError(f"rows hold tokens, which are integers; got {self.rows.dtype}.")
        low, high = int(self.rows.min()), int(self.rows.max())
        if low < ~(self.vocabulary + 1) or high >= self.vocabulary:
            raise ValueError(
                f"rows must lie in range({self.vocabulary}); got values from {low} to {high}. Given tokens t, "
                f"stored as ~t, lie in range({self.vocabulary + 2})."
            )
        content = np.ascontiguousarray(self.rows, dtype="<i8").tobytes()
        object.__setattr__(self, "digest", hashlib.sha256(content).hexdigest()[:16])

    @property
    def length(self) -> int:
        """Tokens per row."""
        return self.rows.shape[1]

    def batch(self, step: int) -> Int64[Tensor, "B L"]:
        """The ``step``-th run of B places in the endless sequence of permutations."""
        place = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs, within = np.divmod(place, len(self.rows))
        picked = np.empty_like(place)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            picked[here] = _permutation(len(self.rows), self.shuffle_seed, epoch)[within[here]]
        return torch.from_numpy(self.rows[picked].astype(np.int64))

    def to_json(self) -> dict[str, Any]:
        """Kind, hash of the rows, seed and batch size."""
        return {
            "source": "fixed",
            "digest": self.digest,
            "shuffle_seed": self.shuffle_seed,
            "batch_size": self.batch_size,
        }


@lru_cache(maxsize=2)
def _permutation(n: int, seed: int, epoch: int) -> np.ndarray:
    """Kept for the next steps of the same epoch; a pure function of its arguments all the same."""
    return np.random.default_rng((seed, epoch)).permutation(n)
