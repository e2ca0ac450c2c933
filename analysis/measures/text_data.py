"""What text networks are trained and measured on: a corpus cut in three, or a law with the statistics of one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from generators.distribution import LODistribution
from generators.families import nae_sat
from generators.ground.draws import derived_seed
from generators.text.corpus import Corpus, Splits, read_corpus
from generators.text.fitting import fit_markov
from generators.text.markov import MarkovChain
from generators.text.standard_library import standard_library
from generators.text.units import LETTERS, Bytes, Characters
from generators.text.windows import TextWindows

PYTHON, PYTHON_BYTES, SHAKESPEARE, CHAIN, CHAIN_2, LAW = (
    "python", "python bytes", "shakespeare", "chain", "chain 2", "NAE-SAT"
)  # fmt: skip
FIRST_HALF, SECOND_HALF = "python, first half", "python, second half"
OWN = "own text"
DATA_FOLDER, OWN_PLACE = "LO_THEORY_DATA", "LO_THEORY_TEXT"
"""Environment variables: the folder that holds ``tinyshakespeare.txt``; a file or folder of text of your own."""
_SHAKESPEARE_FILE = "tinyshakespeare.txt"
_TRAIN, _VALIDATION, _TEST = 11, 12, 13  # streams of sample seeds of a law
_LAW_LATENTS = 4  # one latent in so many tokens: N = L / 4, P / N = 3

_VOCABULARY = {PYTHON: 27, PYTHON_BYTES: 256, SHAKESPEARE: 65, CHAIN: 27, CHAIN_2: 27, LAW: 2, OWN: 256}
_VOCABULARY |= {FIRST_HALF: 27, SECOND_HALF: 27}

Law = MarkovChain | LODistribution


@dataclass(frozen=True, eq=False)
class TextData:
    """Rows to train on and rows to measure on, all of length L.

    Attributes:
        name: a key of :data:`TEXTS`.
        train: windows of the training text, or the law itself: a stream of rows for ``FreshRows``.
        validation, test: windows of the two other texts; None: rows are drawn from the law.
        law: the truth, where it is known.
    """

    name: str
    train: TextWindows | Law
    validation: TextWindows | None = None
    test: TextWindows | None = None
    law: Law | None = None

    @property
    def length(self) -> int:
        """Tokens per row, L."""
        return self.train.length

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self.train.vocabulary

    @property
    def fingerprint(self) -> str:
        """Of what is trained on; it depends on the corpus, which may be another one with every version of Python."""
        return self.train.fingerprint

    @property
    def floor(self) -> float | None:
        """Exact entropy in nats per token, where the truth is known: no model of the rows is below it."""
        return None if self.law is None else float(self.law.entropy()) / self.length

    @property
    def tokens(self) -> float:
        """Tokens of the training text; of a law infinitely many."""
        return float(len(self.train.corpus)) if isinstance(self.train, TextWindows) else np.inf

    def fixed(self, count: int, seed: int = 0) -> Integer[np.ndarray, "n L"]:
        """``count`` rows to train on again and again."""
        return self.train.rows(derived_seed(_TRAIN, seed), 0, count)

    def sample_seed(self, seed: int) -> int:
        """Names the stream of fresh training rows of a run; no row for validation or test is ever drawn from it."""
        return derived_seed(_TRAIN, seed)

    def held_out(self, count: int, *, test: bool = False) -> Integer[np.ndarray, "n L"]:
        """``count`` rows of validation or test, the same for every learner.

        Of a text windows that do not overlap, spread evenly over it, at most as many as there are; of a law its draws.
        """
        if self.law is not None:
            return self.law.rows(derived_seed(_TEST if test else _VALIDATION, 0), 0, count)
        windows = self.test if test else self.validation
        assert windows is not None  # one of the two is there
        every = windows.consecutive()
        return every[np.unique(np.linspace(0, len(every) - 1, count).round().astype(np.int64))]


def text_data(name: str, length: int) -> TextData:
    """The rows of that name, in windows of ``length`` tokens.

    Raises:
        ValueError: no such name, a length that a text or a law cannot have, or a file with another alphabet.
        FileNotFoundError: ``tinyshakespeare.txt`` is not in the folder that ``LO_THEORY_DATA`` names, or
            ``LO_THEORY_TEXT`` names no text of your own.
    """
    _require_known(name)
    return _made(name, length)


def text_vocabulary(name: str) -> int:
    """Number of tokens of that text, V, known before it is read.

    Raises:
        ValueError: no such name.
    """
    _require_known(name)
    return _VOCABULARY[name]


def _require_known(name: str) -> None:
    if name not in TEXTS:
        raise ValueError(f"unknown text {name!r}; there are {', '.join(TEXTS)}.")


@lru_cache(maxsize=8)
def _made(name: str, length: int) -> TextData:
    made = TEXTS[name](length)
    if made.vocabulary != _VOCABULARY[name]:
        raise ValueError(
            f"{name!r} should have {_VOCABULARY[name]} kinds of tokens and has {made.vocabulary}; is it the usual file?"
        )
    return made


@cache
def _python(letters: bool) -> Splits:
    return standard_library(LETTERS if letters else Bytes())


@cache
def _half(second: bool) -> Splits:
    """Half of the training text, so that who judges what is written has not read what the writer has."""
    whole = _python(letters=True)
    middle = len(whole.train) // 2
    tokens = whole.train.tokens[middle:] if second else whole.train.tokens[:middle]
    name = f"{'second' if second else 'first'} half of {whole.train.name}"
    return Splits(Corpus(name, tokens, whole.train.units), whole.validation, whole.test)


@cache
def _shakespeare() -> Splits:
    folder = Path(os.environ.get(DATA_FOLDER, "data"))
    path = folder / _SHAKESPEARE_FILE
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there; set {DATA_FOLDER} to the folder of {_SHAKESPEARE_FILE} (1,115,394 characters, as "
            "public character models are trained on)."
        )
    text = path.read_text(encoding="utf-8")
    return read_corpus(path, units=Characters.of([text])).split(validation=0.05, test=0.05)


@cache
def _own() -> Splits:
    place = os.environ.get(OWN_PLACE)
    if not place:
        raise FileNotFoundError(
            f"a scale of the paper's size needs a large text: set {OWN_PLACE} to a text file or a folder of them."
        )
    return read_corpus(place).split(validation=0.01, test=0.01)


def _windows(name: str, splits: Callable[[], Splits]) -> Callable[[int], TextData]:
    def made(length: int) -> TextData:
        parts = splits()
        train, validation, test = (TextWindows(part, length) for part in (parts.train, parts.validation, parts.test))
        return TextData(name, train, validation, test)

    return made


def _law(name: str, law: Callable[[int], Law]) -> Callable[[int], TextData]:
    def made(length: int) -> TextData:
        drawn = law(length)
        return TextData(name, drawn, law=drawn)

    return made


def _nae_sat(length: int) -> LODistribution:
    latents = length // _LAW_LATENTS
    return nae_sat(latents, length - latents, structure_seed=0)


TEXTS: dict[str, Callable[[int], TextData]] = {
    PYTHON: _windows(PYTHON, lambda: _python(letters=True)),
    PYTHON_BYTES: _windows(PYTHON_BYTES, lambda: _python(letters=False)),
    FIRST_HALF: _windows(FIRST_HALF, lambda: _half(second=False)),
    SECOND_HALF: _windows(SECOND_HALF, lambda: _half(second=True)),
    SHAKESPEARE: _windows(SHAKESPEARE, _shakespeare),
    CHAIN: _law(CHAIN, lambda length: fit_markov(_python(letters=True).train, length)),
    CHAIN_2: _law(CHAIN_2, lambda length: fit_markov(_python(letters=True).train, length, memory=2)),
    LAW: _law(LAW, _nae_sat),
    OWN: _windows(OWN, _own),
}
"""Documentation that ships with Python in 27 letters or in bytes, the halves of its training letters, Shakespeare by
characters, the chains of memory 1 and 2 counted in the first, and the paper's NAE-SAT with three observations a latent.
"""
