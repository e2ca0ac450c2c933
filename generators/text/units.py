"""What a token of a text is: a byte, a character of a small alphabet, or a piece that a tokenizer knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from generators.ground.codec import shown
from generators.ground.optional import MissingLibraryError, optional_library


@runtime_checkable
class Units(Protocol):
    """A text as tokens and back."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        ...

    @property
    def single(self) -> int | None:
        """A token that never follows itself, also where two pieces of a text meet; None where there is none."""
        ...

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Tokens in ``range(V)``, of the smallest unsigned type."""
        ...

    def decode(self, tokens: Integer[np.ndarray, "n"]) -> str:
        """Text of tokens, also of windows that begin within a character."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What tells these units from others; part of a corpus' digest."""
        ...


@dataclass(frozen=True)
class Bytes:
    """The 256 bytes of UTF-8."""

    @property
    def vocabulary(self) -> int:
        """256."""
        return 256

    @property
    def single(self) -> None:
        """None."""
        return None

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """The bytes.

        Raises:
            ValueError: half a surrogate pair, which UTF-8 has no bytes for.
        """
        try:
            return np.frombuffer(text.encode(), dtype=np.uint8)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"character {error.start} of the text is {shown(text[error.start])}, half of a surrogate pair, which "
                "UTF-8 cannot say. Replace it, or read the text with errors='replace'."
            ) from error

    def decode(self, tokens: Integer[np.ndarray, "n"]) -> str:
        """The text; bytes that are no UTF-8 become U+FFFD."""
        return np.asarray(tokens, dtype=np.uint8).tobytes().decode(errors="replace")

    def to_json(self) -> dict[str, Any]:
        """Their name."""
        return {"units": "bytes"}


@dataclass(frozen=True)
class Characters:
    """The characters of an alphabet, numbered as they stand in it.

    Args:
        alphabet: distinct characters, at least two.
        other: character of the alphabet that stands for every run of characters outside it, and for every run of
            itself; None refuses such characters.
        fold: read capitals as small letters.
    Raises:
        ValueError: an alphabet of one character, or with a repeated one, or without ``other``.

    >>> LETTERS.decode(LETTERS.encode("Chains, 1906"))
    'chains '
    """

    alphabet: str
    other: str | None = None
    fold: bool = False

    def __post_init__(self) -> None:
        repeated = [letter for at, letter in enumerate(self.alphabet) if letter in self.alphabet[:at]]
        if len(self.alphabet) < 2 or repeated:
            what = f"{repeated[0]!r} twice" if repeated else f"{len(self.alphabet)} characters"
            raise ValueError(f"an alphabet has at least two characters, each once; got {what}.")
        if self.other is not None and (len(self.other) != 1 or self.other not in self.alphabet):
            raise ValueError(
                f"other must be one of the alphabet's characters, or None to refuse others; got {self.other!r}."
            )

    @classmethod
    def of(cls, texts: Iterable[str]) -> Characters:
        """The alphabet of all characters that occur, in the order of their code points.

        Raises:
            ValueError: fewer than two characters.
        """
        return cls("".join(sorted(set().union(*texts))))

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet, V."""
        return len(self.alphabet)

    @property
    def single(self) -> int | None:
        """The token of ``other``, which stands for a whole run."""
        return None if self.other is None else self.alphabet.index(self.other)

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """Places of the characters in the alphabet.

        Raises:
            ValueError: a character outside the alphabet where ``other`` is None; the message names it and its place.
        """
        text = text.lower() if self.fold else text
        if self.other is not None:
            text = self._foreign.sub(lambda run: self.other or "", text)
        codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
        letters = np.array([ord(letter) for letter in self.alphabet], dtype=np.uint32)
        by_code = np.argsort(letters)
        at = np.minimum(np.searchsorted(letters, codes, sorter=by_code), len(letters) - 1)
        foreign = np.flatnonzero(letters[by_code[at]] != codes)
        if foreign.size:
            raise ValueError(
                f"character {foreign[0]} of the text is {text[foreign[0]]!r}, which the alphabet of {self.vocabulary} "
                "characters lacks. Use Characters.of([text]), give the alphabet an `other`, or use Bytes()."
            )
        return by_code[at].astype(np.min_scalar_type(self.vocabulary - 1))

    def decode(self, tokens: Integer[np.ndarray, "n"]) -> str:
        """The characters."""
        return "".join(self.alphabet[token] for token in np.asarray(tokens).tolist())

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return {"units": "characters", "alphabet": self.alphabet, "other": self.other, "fold": self.fold}

    @cached_property
    def _foreign(self) -> re.Pattern[str]:
        """Runs of what is outside the alphabet or is ``other``."""
        assert self.other is not None
        inside = "".join(re.escape(letter) for letter in self.alphabet if letter != self.other)
        return re.compile(f"[^{inside}]+")


LETTERS = Characters("abcdefghijklmnopqrstuvwxyz ", other=" ", fold=True)
"""The 27 of text8: small letters, and one space for every run of anything else."""


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer of the library ``tokenizers`` (extra ``hf``), held as its JSON text.

    Attributes:
        text: what ``tokenizers.Tokenizer.to_str`` gives.
    """

    text: str

    @classmethod
    def read(cls, path: str | Path) -> Tokenizer:
        """From a file ``tokenizer.json``.

        Raises:
            FileNotFoundError: there is none.
            MissingLibraryError: the library is not installed.
            ValueError: the file holds no tokenizer.
        """
        text = Path(path).read_text(encoding="utf-8")
        try:
            _library().Tokenizer.from_str(text)
        except MissingLibraryError:
            raise
        except Exception as error:  # the library raises nothing more special
            raise ValueError(f"{path} holds no tokenizer: {error}. It is what Tokenizer.save writes.") from error
        return cls(text)

    @classmethod
    def trained(cls, texts: Iterable[str], vocabulary: int) -> Tokenizer:
        """Byte-pair encoding over bytes, trained on texts; every text can be encoded, and is decoded as it was.

        Args:
            vocabulary: number of tokens, at least the 256 bytes; fewer come out where the texts have too few pairs.
        Raises:
            ValueError: fewer than 256 tokens.
            MissingLibraryError: the library is not installed.
        """
        if vocabulary < 256:
            raise ValueError(f"a byte-pair vocabulary holds the 256 bytes and pairs; got {vocabulary}. Use Bytes().")
        library = _library()
        made = library.Tokenizer(library.models.BPE())
        made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = library.decoders.ByteLevel()
        letters = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=letters, show_progress=False)
        made.train_from_iterator(texts, trainer)
        return cls(made.to_str())

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self._tokenizer.get_vocab_size()

    @property
    def single(self) -> None:
        """None."""
        return None

    def encode(self, text: str) -> Integer[np.ndarray, "n"]:
        """The tokenizer's numbers, without special tokens around them."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return np.array(ids, dtype=np.min_scalar_type(self.vocabulary - 1))

    def decode(self, tokens: Integer[np.ndarray, "n"]) -> str:
        """The tokenizer's text."""
        return self._tokenizer.decode(np.asarray(tokens).tolist(), skip_special_tokens=False)

    def to_json(self) -> dict[str, Any]:
        """The tokenizer."""
        return {"units": "tokenizer", "tokenizer": json.loads(self.text)}

    @cached_property
    def _tokenizer(self) -> Any:
        return _library().Tokenizer.from_str(self.text)

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[str]]:
        """Workers get the text and read it themselves."""
        return Tokenizer, (self.text,)


def _library() -> ModuleType:
    """The library, which is optional.

    Raises:
        MissingLibraryError: it is not installed; the message says how to.
    """
    return optional_library("tokenizers", "a tokenizer of text", otherwise="Bytes() needs nothing.")
