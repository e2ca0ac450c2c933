"""A text of random words, and a chain in 27 letters, in the places of those that are read from Python's sources."""

from __future__ import annotations

from functools import cache

import numpy as np

from analysis.measures.text_data import CHAIN, TextData
from generators.text.corpus import Corpus
from generators.text.random_chains import random_markov
from generators.text.units import LETTERS
from generators.text.windows import TextWindows

MODULES = ("analysis.figures.generative.units", "analysis.measures.text_networks")


@cache
def small_text(name: str, length: int) -> TextData:
    """A chain for ``chain``, else windows of three texts of random words, drawn by the name."""
    if name.startswith(CHAIN):
        chain = random_markov(27, length, structure_seed=0)
        return TextData(name, chain, law=chain)
    rng = np.random.default_rng(list(name.encode()))
    words = ["".join(chr(97 + i) for i in rng.integers(26, size=rng.integers(2, 7))) for _ in range(30)]
    corpora = [Corpus.of([" ".join(rng.choice(words, size=400))], units=LETTERS, name=part) for part in "abc"]
    train, validation, test = (TextWindows(corpus, length) for corpus in corpora)
    return TextData(name, train, validation=validation, test=test)
