"""A corpus: one long row of tokens that knows its units and its digest, and is read in windows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from generators.ground.codec import shown
from generators.ground.integers import integers
from generators.text.documents import Document, read_documents
from generators.text.overlap import BLOCK, shared
from generators.text.units import Bytes, Units


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tokens of a text, in order.

    Args:
        name: for messages; not part of the digest.
        tokens: (T,) in ``range(units.vocabulary)``; kept read-only in the smallest unsigned type.
        units: what a token is.
    Attributes:
        digest: 16 hex digits over tokens and units; everything that is drawn or learned from the corpus carries it.
    Raises:
        TypeError: tokens that are no integers.
        ValueError: no tokens, or one outside the vocabulary.
    """

    name: str
    tokens: Integer[np.ndarray, "..."]
    units: Units = field(default_factory=Bytes)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Check and freeze."""
        tokens, size = integers(self.tokens, "tokens"), self.units.vocabulary
        if tokens.ndim != 1 or not len(tokens):
            raise ValueError(
                f"{self.name} holds no text: {_shape(tokens)}. Name a file that is not empty, or another field."
            )
        if tokens.min() < 0 or tokens.max() >= size:
            raise ValueError(
                f"tokens of {self.name} must lie in range({size}); got values from {tokens.min()} to {tokens.max()}."
            )
        kept = tokens.astype(np.min_scalar_type(size - 1))
        kept.setflags(write=False)
        object.__setattr__(self, "tokens", kept)
        hashed = hashlib.sha256(json.dumps(self.units.to_json(), sort_keys=True).encode())
        hashed.update(np.ascontiguousarray(kept.astype(kept.dtype.newbyteorder("<"), copy=False)).data)
        object.__setattr__(self, "digest", hashed.hexdigest()[:16])

    @classmethod
    def of(
        cls,
        documents: Iterable[Document],
        *,
        units: Units | None = None,
        name: str = "a corpus",
        separator: str = "\n\n",
    ) -> Corpus:
        """Documents one after the other, each encoded piece by piece; only tokens are held.

        Args:
            documents: iterators over pieces, or texts, as the readers of :mod:`generators.text.documents` give them.
            units: :class:`~generators.text.units.Bytes` if not given.
            separator: stands between documents; with an alphabet that lacks it give another one, or "".
        Raises:
            ValueError: no text at all, or a character that the units lack.
        """
        units = Bytes() if units is None else units
        pieces: list[np.ndarray] = []
        for document in documents:
            between = separator if pieces else ""
            for piece in [document] if isinstance(document, str) else document:
                for text in (between, piece) if piece else ():
                    tokens = units.encode(text)
                    if pieces and len(tokens) and tokens[0] == pieces[-1][-1] == units.single:
                        tokens = tokens[1:]
                    pieces += [tokens] if len(tokens) else []
                between = "" if piece else between
        return cls(name, np.concatenate([np.zeros(0, dtype=np.uint8), *pieces]), units)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self.units.vocabulary

    def __len__(self) -> int:
        """Number of tokens, T."""
        return len(self.tokens)

    def split(self, validation: float = 0.05, test: float = 0.05) -> Splits:
        """The beginning for training, then validation, then test, as shares of the tokens, each in one piece.

        Raises:
            ValueError: shares that leave nothing for training, or nothing for validation or test.
        """
        if validation <= 0 or test <= 0 or validation + test >= 1:
            raise ValueError(
                f"the shares of validation and test must be positive and leave some for training; got {validation} "
                f"and {test}."
            )
        size = len(self)
        ends = [int(size * (1 - validation - test)), int(size * (1 - test))]
        parts = zip(("train", "validation", "test"), np.split(self.tokens, ends), strict=True)
        return Splits(*(Corpus(f"{part} of {self.name}", tokens, self.units) for part, tokens in parts))


@dataclass(frozen=True, eq=False)
class Splits:
    """Three corpora of the same units.

    Raises:
        ValueError: units that differ; or one holds passages of another (:func:`check_apart`).
    """

    train: Corpus
    validation: Corpus
    test: Corpus

    def __post_init__(self) -> None:
        """Apart, or refused."""
        check_apart(self.validation, self.train)
        check_apart(self.test, self.train)
        check_apart(self.test, self.validation)


def read_corpus(
    place: str | Path,
    *,
    units: Units | None = None,
    field: str = "text",
    encoding: str = "utf-8",
    errors: str = "strict",
    pattern: str = "**/*",
    separator: str = "\n\n",
) -> Corpus:
    """A corpus of a text file, a folder of them, JSON lines or a Parquet column.

    Args:
        place: see :func:`~generators.text.documents.read_documents`, which also takes the other arguments.
        units, separator: see :meth:`Corpus.of`.
    Raises:
        FileNotFoundError, ModuleNotFoundError, ValueError: as :func:`~generators.text.documents.read_documents` and
            :meth:`Corpus.of`, for files without a text as well.
    """
    documents = read_documents(place, field=field, encoding=encoding, errors=errors, pattern=pattern)
    return Corpus.of(documents, units=units, name=str(place), separator=separator)


def check_apart(measured: Corpus, trained_on: Corpus, *, block: int = BLOCK, most: float = 0.05) -> None:
    """Refuse to measure on what was trained on.

    Args:
        measured: its consecutive blocks are looked for everywhere in ``trained_on``.
        block: tokens of a passage, a power of two.
        most: share of the blocks that may be there: licences, tables and headings are in many texts.
    Raises:
        ValueError: other units; or more of the blocks are there. The message shows the first one.
    """
    if measured.units.to_json() != trained_on.units.to_json():
        raise ValueError(
            f"{measured.name} has other units than {trained_on.name}, so that they cannot be compared: "
            f"{shown(measured.units)} and {shown(trained_on.units)}. Encode both alike."
        )
    block = min(block, 2 ** (len(measured).bit_length() - 1))  # a text of fewer tokens is a passage itself
    found = shared(measured.tokens, trained_on.tokens, block)
    if found.mean() > most:
        at = int(found.argmax()) * block
        raise ValueError(
            f"{measured.name} lies within {trained_on.name}: {found.mean():.1%} of its passages of {block} tokens are "
            f"there, at most {most:.1%} may be; the first at token {at}: "
            f"{shown(measured.units.decode(measured.tokens[at : at + block]))}. Measure on another text, or split one "
            "corpus by Corpus.split."
        )


def _shape(tokens: np.ndarray) -> str:
    return "it has no tokens" if tokens.ndim == 1 else f"its tokens have shape {tokens.shape}, not (T,)"
