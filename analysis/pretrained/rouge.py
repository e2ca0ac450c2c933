"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), our own: F-measures on lower-case words, without stemming.

Words are runs of ASCII letters and digits, as in the package ``rouge-score``, whose numbers these are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

ROUGE = ("rouge_1", "rouge_2", "rouge_l")
_WORD = re.compile(r"[a-z0-9]+")


def rouge(reference: str, written: str) -> dict[str, float]:
    """F-measures in [0, 1] by name.

    ROUGE-n counts n-grams that both have, each as often as in the one that has fewer; ROUGE-L the longest common
    subsequence of words. The F-measure is the harmonic mean of the shares of the reference and of the text; 0 where
    nothing is common, so also where one of them has no words.

    >>> {name: round(value, 3) for name, value in rouge("The cat sat down.", "a cat sat").items()}
    {'rouge_1': 0.571, 'rouge_2': 0.4, 'rouge_l': 0.571}
    """
    wanted, found = _words(reference), _words(written)
    by_length = {f"rouge_{n}": _n_grams(wanted, found, n) for n in (1, 2)}
    return by_length | {"rouge_l": _f_measure(_longest_common(wanted, found), len(wanted), len(found))}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _n_grams(wanted: Sequence[str], found: Sequence[str], n: int) -> float:
    left, right = (Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (wanted, found))
    return _f_measure((left & right).total(), left.total(), right.total())


def _longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table at a time."""
    row = [0] * (len(right) + 1)
    for word in left:
        above = row
        row = [0]
        for j, other in enumerate(right):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]


def _f_measure(common: int, wanted: int, found: int) -> float:
    return 2 * common / (wanted + found) if common else 0.0
