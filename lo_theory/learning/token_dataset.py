"""A written dataset for PyTorch: rows for a ``DataLoader``, in an order that is computed and resumes exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor
from torch.utils import data

from generators.datasets.dataset import Dataset, read_dataset
from generators.ground.forms import Count, Form, read_form
from generators.ground.numbers import whole_number
from generators.ground.shuffle import MOST_ROWS, shuffled

_AHEAD = 4096  # places whose rows are computed at a time


class TokenDataset(data.Dataset[Tensor]):
    """Rows of a written dataset as tensors, read where they lie and checked against their digests when first touched.

    A ``DataLoader`` fetches a batch at a time; its workers, forked or spawned, map the files for themselves. What is
    checked before they start they need not check again.
    """

    def __init__(self, rows: Dataset | str | Path, *, dtype: torch.dtype = torch.int64) -> None:
        """Open it.

        Args:
            rows: a dataset, or the directory of one.
            dtype: of the tensors; embeddings want int64.
        Raises:
            FileNotFoundError, ValueError: as :func:`~generators.datasets.dataset.read_dataset`.
        """
        self.rows, self.dtype = rows if isinstance(rows, Dataset) else read_dataset(rows), dtype

    @property
    def fingerprint(self) -> str:
        """That of the distribution."""
        return self.rows.fingerprint

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, index: Any) -> Integer[Tensor, "*rows L"]:
        """Rows by number, as NumPy picks them: (L,) for an integer, (k, L) for a slice, k numbers, or a mask.

        Raises:
            IndexError: a number outside the dataset, or another kind of index.
            FileNotFoundError, ValueError: a shard is gone or not as it was written.
        """
        return torch.from_numpy(self.rows[index]).to(self.dtype)

    def __getitems__(self, indices: Sequence[int]) -> list[Integer[Tensor, "L"]]:
        """The rows of a batch, which PyTorch asks for at once and puts together itself."""
        return list(self[np.asarray(indices, dtype=np.int64)].unbind(0))


class ShuffledSampler(data.Sampler[int]):
    """The rows of one epoch in an order that is a function of (seed, epoch) and takes no memory, from any position on.

    An iteration starts at (``epoch``, ``position``); one that comes to its end moves the sampler to the next epoch.
    ``state_dict`` says where the last iteration stands: how many row numbers it has given out. Workers are given
    numbers ahead of the rows that have arrived, so with them let torchdata's ``StatefulDataLoader`` keep the state, or
    count the rows and start again with ``ShuffledSampler(rows, seed=seed, epoch=epoch, position=count)``.
    """

    def __init__(self, rows: int, *, seed: int, epoch: int = 0, position: int = 0) -> None:
        """An order of ``range(rows)``.

        Raises:
            TypeError: one of them is no integer.
            ValueError: no rows, a negative seed or epoch, or a position outside the epoch.
        """
        self.rows = whole_number(rows, "rows", least=1, most=MOST_ROWS)
        self.seed = whole_number(seed, "seed", least=0)
        self._start_at(epoch, position)

    def _start_at(self, epoch: int, position: int) -> None:
        self.epoch = whole_number(epoch, "epoch", least=0)
        self.position = whole_number(position, "position", least=0, most=self.rows)
        if self.position == self.rows:
            self.epoch, self.position = self.epoch + 1, 0
        self._running: _Epoch | None = None

    def set_epoch(self, epoch: int) -> None:
        """Start the next iteration at the beginning of ``epoch``."""
        self._start_at(epoch, 0)

    def __len__(self) -> int:
        """Row numbers of the next iteration."""
        return self.rows - self.position

    def __iter__(self) -> _Epoch:
        """From here to the end of the epoch."""
        self._running = _Epoch(self)
        return self._running

    def state_dict(self) -> dict[str, Any]:
        """Where the last iteration stands, or the first will start: seed, epoch and position, and rows in all."""
        return self._state(self.epoch, self.position) if self._running is None else self._running.state_dict()

    def _state(self, epoch: int, position: int) -> dict[str, Any]:
        """The end of an epoch is the beginning of the next."""
        over = position == self.rows
        return {"rows": self.rows, "seed": self.seed, "epoch": epoch + over, "position": 0 if over else position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Start the next iteration where that one stood.

        Raises:
            ValueError: no such state, or one of other rows or another seed.
        """
        state = read_form(state_dict, _State, what="state of a ShuffledSampler")
        for name in ("rows", "seed"):
            if (there := getattr(state, name)) != (here := getattr(self, name)):
                raise ValueError(
                    f"the state is of a ShuffledSampler with {name}={there}, this one has {name}={here}. Make one with "
                    "the same rows and seed to go on."
                )
        self._start_at(state.epoch, state.position)

    def _ended(self, iteration: _Epoch, epoch: int) -> None:
        """The next iteration is of the next epoch, unless another was asked for meanwhile."""
        if iteration is self._running:
            self._start_at(epoch + 1, 0)


class _State(Form, frozen=True):
    rows: Count
    seed: int
    epoch: Count
    position: Count


class _Epoch(Iterator[int]):
    """An iteration. PyTorch's loaders keep several, and torchdata's asks each for its own state."""

    def __init__(self, sampler: ShuffledSampler) -> None:
        self._sampler = sampler
        self._start()

    def _start(self) -> None:
        self._epoch, self._position = self._sampler.epoch, self._sampler.position
        self._numbers = iter(list[int]())

    def __next__(self) -> int:
        number = next(self._numbers, None)
        if number is None:
            number = self._further()
        self._position += 1
        return number

    def _further(self) -> int:
        """The first of the next few thousand."""
        rows, here = self._sampler.rows, self._position
        if here == rows:
            self._sampler._ended(self, self._epoch)
            raise StopIteration
        ahead = shuffled(rows, self._sampler.seed, self._epoch, here, min(here + _AHEAD, rows))
        self._numbers = iter(ahead.tolist())
        return next(self._numbers)

    def state_dict(self) -> dict[str, Any]:
        """As the sampler's, of this iteration."""
        return self._sampler._state(self._epoch, self._position)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, and the sampler with it."""
        self._sampler.load_state_dict(state_dict)
        self._sampler._running = self
        self._start()
