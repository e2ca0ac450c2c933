"""Training rows from a written dataset."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from generators.datasets.dataset import Dataset
from generators.datasets.formats import Layout
from generators.ground.numbers import whole_number
from generators.ground.shuffle import shuffled


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of a dataset on disk, in a new order at each epoch that is computed and takes no memory.

    The epochs follow one another without a break, so a batch may end one and begin the next. The order is that of
    :class:`~lo_theory.learning.token_dataset.ShuffledSampler`; tokens stand at their positions of the distribution,
    whatever the columns of the files.

    Attributes:
        shuffle_seed: fixes every order.
    Raises:
        TypeError: a batch size or seed that is no integer.
        ValueError: a batch size below 1 or a negative seed.
    """

    dataset: Dataset
    batch_size: int
    shuffle_seed: int = 0

    def __post_init__(self) -> None:
        whole_number(self.batch_size, "batch_size", least=1)
        whole_number(self.shuffle_seed, "shuffle_seed", least=0)

    @property
    def fingerprint(self) -> str:
        """That of the distribution."""
        return self.dataset.fingerprint

    @property
    def length(self) -> int:
        """Tokens per row."""
        return self.dataset.distribution.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.dataset.distribution.vocabulary

    @property
    def digest(self) -> str:
        """Names the dataset: 16 hexadecimal digits of the manifest's digest, or of an unsealed manifest as it is."""
        manifest = self.dataset.manifest
        named = manifest.get("digest") or hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        return named[:16]

    def batch(self, step: int) -> Int64[Tensor, "B L"]:
        """The ``step``-th run of B places in the endless sequence of epochs.

        Raises:
            FileNotFoundError, ValueError: a shard is gone or not as it was written.
        """
        rows, start, stop = len(self.dataset), step * self.batch_size, (step + 1) * self.batch_size
        parts = []
        while start < stop:
            epoch, place = divmod(start, rows)
            taken = min(stop - start, rows - place)
            parts.append(shuffled(rows, self.shuffle_seed, epoch, place, place + taken))
            start += taken
        layout = Layout.of(self.dataset.distribution, self.dataset.manifest)
        return torch.from_numpy(layout.restored(self.dataset[np.concatenate(parts)]).astype(np.int64))

    def to_json(self) -> dict[str, Any]:
        """Kind, which dataset, seeds and batch size."""
        return {
            "source": "stored",
            "fingerprint": self.fingerprint,
            "sample_seed": self.dataset.sample_seed,
            "digest": self.digest,
            "shuffle_seed": self.shuffle_seed,
            "batch_size": self.batch_size,
        }
