"""Invariants of independence, finite-sample: between rows, between calls, between seeds, and along the stream.

Two tests of rows that should have nothing to do with each other. Contingency tables of a position of the one against
a position of the other find copies, complements and anything that shows in two tokens. The number of positions in which
the two agree, compared with that of rows paired at random in another sample, finds what shows in no two tokens, such as
rows that copy or complement by the fall of a coin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, Integer

from generators.testing.coding import Coding
from generators.testing.crowd import count_known
from generators.testing.enumeration import hashes
from generators.testing.power import detectable_correlation
from generators.testing.report import Power, Result, broken, unless
from generators.testing.statistics import binomial_p_value, independence_p_value, least_independent
from generators.testing.subject import Subject, show

CALLS = 64  # small calls, and seeds, whose first rows are looked at
_QUANTILES = np.linspace(0, 1, 9)[1:-1]

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]
Samples = dict[str, tuple[np.ndarray, ...]]


def rows_independent(subject: Subject) -> Result:
    """Rows of one sample are independent: neighbours in pairs, at lag 1 and 2, halves, and the ends mirrored."""
    pairs = _within(subject.sample)
    return unless(
        _dependent(subject, pairs, subject.level),
        f"rows {', '.join(pairs)} of {subject.n} are independent",
        copying_found(subject, pairs, subject.level),
    )


def row_index(subject: Subject) -> Result:
    """Rows have one law, whatever their index: even and odd, first half and second half."""
    x, half = subject.sample, subject.n // 2
    samples: Samples = {"at even and odd index": (x[::2], x[1::2]), "of both halves": (x[:half], x[half:])}
    return unless(
        _different(subject, samples, subject.level),
        f"rows {' and '.join(samples)} have one law",
        difference_found(subject, samples, subject.level),
    )


def calls_independent(subject: Subject) -> Result:
    """Two calls with one ``rng`` make independent samples of one law; so do many calls for few rows."""
    rng = subject.rng(40)
    first, second = subject.drawn_with(rng, subject.n), subject.drawn_with(rng, subject.n)
    short = [subject.drawn_with(rng, 2) for _ in range(CALLS)]
    starts = np.stack([x[0] for x in short])
    pairs: Pairs = {"with one index of two calls": (first, second)}
    samples: Samples = {
        "of the first and second call": (first, second),
        f"0 of {CALLS} calls for 2 rows and all rows of another sample": (starts, subject.reference),
        f"1 of {CALLS} calls for 2 rows and all rows of another sample": (np.stack([x[1] for x in short]), first),
    }
    return unless(
        _both(subject, pairs, samples),
        f"2 calls for {subject.n} rows and {CALLS} calls for 2 rows are independent and have one law",
        copying_found(subject, pairs, subject.level / 2),
        difference_found(subject, samples, subject.level / 2),
    )


def seeds_independent(subject: Subject) -> Result:
    """Samples of two seeds are independent and have one law; first rows of many seeds differ as they should."""
    first, second = subject.draw(1), subject.draw(2)
    starts = np.concatenate([subject.draw(1000 + number, 1) for number in range(2 * CALLS)])
    pairs: Pairs = {"with one index of two seeds": (first, second)}
    samples: Samples = {
        "of two seeds": (first, second),
        f"0 of {2 * CALLS} seeds and all rows of another": (starts, subject.reference),
    }

    def found() -> Iterator[Result | None]:
        yield from _both(subject, pairs, samples, subject.level / 2)
        yield _repeated_starts(subject, starts, subject.level / 2)

    return unless(
        found(),
        f"{subject.n} rows of 2 seeds and the first row of {2 * CALLS} seeds are independent and have one law",
        copying_found(subject, pairs, subject.level / 4),
        difference_found(subject, samples, subject.level / 4),
    )


def stream_law(subject: Subject) -> Result:
    """Rows of the stream are independent, also those of two seeds, and have the law of ``sample``."""
    x, other = subject.stream(subject.seed, 0, subject.n), subject.stream(subject.seed + 1, 0, subject.n)
    pairs: Pairs = {**_within(x), "with one index of two streams": (x, other)}
    samples: Samples = {"of the stream and of a sample": (x, subject.reference)}
    return unless(
        _both(subject, pairs, samples),
        f"{subject.n} rows of 2 streams are independent and have the law of a sample",
        copying_found(subject, pairs, subject.level / 2),
        difference_found(subject, samples, subject.level / 2),
    )


def copying_found(subject: Subject, pairs: Pairs, level: float) -> Power:
    """The share of rows that copy a fair token of their partners and are found out."""
    coding, fewest = subject.coding, min(len(a) for a, _ in pairs.values())
    tables = len(coding.frequent) ** 2 if coding.crossed else len(coding.frequent)
    size = detectable_correlation(coding.categories**2 - 1, fewest, level / len(pairs) / 2 / tables)
    return Power(size, "rows that copy or complement their partner in a share {} of all cases")


def difference_found(subject: Subject, samples: Samples, level: float) -> Power:
    """The difference in the frequency of a fair token that is found out, for the largest of the samples."""
    coding, level = subject.coding, level / len(samples)
    sizes = max((tuple(map(len, both)) for both in samples.values()), key=min)
    each = level / 2 / len(coding.frequent)
    size = detectable_correlation(2 * coding.categories - 1, sum(sizes), each)
    return Power(size * sum(sizes) / 2 / math.sqrt(math.prod(sizes)), "frequencies of a token that differ by {}")


def _within(x: Integer[np.ndarray, "n L"]) -> Pairs:
    n, half = len(x), len(x) // 2
    fourth = n // 4
    return {
        "2k and 2k + 1": (x[: 2 * half : 2], x[1 : 2 * half : 2]),
        "2k + 1 and 2k + 2": (x[1 : n - 1 : 2], x[2:n:2]),
        "at lag 2": (
            np.concatenate([x[0 : 4 * fourth : 4], x[1 : 4 * fourth : 4]]),
            np.concatenate([x[2 : 4 * fourth : 4], x[3 : 4 * fourth : 4]]),
        ),
        "k and k + n/2": (x[:half], x[half : 2 * half]),
        "k and n - 1 - k": (x[:half], x[::-1][:half]),
    }


def _both(subject: Subject, pairs: Pairs, samples: Samples, level: float | None = None) -> Iterator[Result | None]:
    level = subject.level if level is None else level
    yield from _dependent(subject, pairs, level / 2)
    yield from _different(subject, samples, level / 2)


def _dependent(subject: Subject, pairs: Pairs, level: float) -> Iterator[Result | None]:
    coding, each = subject.coding, level / len(pairs) / 2
    for name, (a, b) in pairs.items():
        yield _tables(coding, name, a, b, each)
        yield _agreement(subject, name, a, b, each)


def _tables(coding: Coding, name: str, a: np.ndarray, b: np.ndarray, level: float) -> Result | None:
    tables = coding.joint(a, b)
    worst, p_value = least_independent(tables)
    if p_value >= level:
        return None
    of_a, of_b = coding.positions(worst)
    table = tables[worst]
    product = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    equal = int((a == b).all(axis=1).sum())
    return broken(
        f"rows {name} depend on each other",
        counterexample=f"position {of_a} of the one and {of_b} of the other have joint counts {show(table)}; "
        f"{equal} of {len(a)} pairs of rows are equal; the first is {show(a[0])} with {show(b[0])}",
        expected=f"about {show(np.round(product))} (false-alarm rate {level:.1e})",
    )


def _agreement(subject: Subject, name: str, a: np.ndarray, b: np.ndarray, level: float) -> Result | None:
    edges, usual = _usual_agreement(subject)
    seen = _binned((a == b).sum(axis=1), edges)
    if independence_p_value(np.stack([seen, usual])) >= level:
        return None
    return broken(
        f"rows {name} agree in other numbers of positions than rows that have nothing to do with each other",
        counterexample=f"among {len(a)} pairs, agreements up to {show(edges)} and above occur {show(seen)} times",
        expected=f"proportions of about {show(usual)} (false-alarm rate {level:.1e})",
    )


def _usual_agreement(subject: Subject) -> tuple[Int64[np.ndarray, "e"], Int64[np.ndarray, "k"]]:
    """Edges of the bins from one half of the reference, counts from the other; its rows are paired at random."""
    x = subject.reference
    shuffled = x[np.random.default_rng(len(x)).permutation(len(x))]
    half = len(x) // 2
    agree = (shuffled[:half] == shuffled[half : 2 * half]).sum(axis=1)
    few = max(1, half // 4)
    inner = np.quantile(agree[:few], _QUANTILES, method="lower")
    edges = np.unique([0, *inner, subject.length - 1]).astype(np.int64)
    return edges, _binned(agree[few:], edges)


def _binned(agree: Integer[np.ndarray, "n"], edges: Int64[np.ndarray, "e"]) -> Int64[np.ndarray, "k"]:
    return np.bincount(np.searchsorted(edges, agree), minlength=len(edges) + 1).astype(np.int64)


def _different(subject: Subject, samples: Samples, level: float) -> Iterator[Result | None]:
    coding, each = subject.coding, level / len(samples) / 2
    frequent = _frequent(subject)
    for name, both in samples.items():
        tables = coding.groups(*both)
        worst, p_value = least_independent(tables)
        if p_value < each:
            shares = np.round(tables[worst] / tables[worst].sum(axis=1, keepdims=True), 4)
            yield broken(
                f"rows {name} have different laws",
                counterexample=f"tokens at position {worst} occur {show(tables[worst])} times, {show(shares)}",
                expected=f"equal shares (false-alarm rate {each:.1e})",
            )
        whole = np.stack([np.append(*count_known(frequent, hashes(x))) for x in both])
        if independence_p_value(whole) < each:
            yield broken(
                f"rows {name} have different laws",
                counterexample=f"the {len(frequent)} sequences most frequent elsewhere, and all others, occur "
                f"{show(whole)} times",
                expected=f"equal shares (false-alarm rate {each:.1e})",
            )


def _frequent(subject: Subject) -> np.ndarray:
    words, counts = np.unique(hashes(subject.reference), return_counts=True)
    return np.sort(words[np.argsort(-counts, kind="stable")][:15])


def _repeated_starts(subject: Subject, starts: Integer[np.ndarray, "n L"], level: float) -> Result | None:
    half = len(starts) // 2
    words, first = np.unique(hashes(starts[:half]), return_index=True)
    mass = min(1.0, float(np.exp(subject.log_prob(starts[:half][first])).sum()))
    again = half - count_known(words, hashes(starts[half:]))[1]
    if again <= half * mass or binomial_p_value(again, half, mass) >= level:
        return None
    return broken(
        "different seeds make the same first row too often",
        counterexample=f"{again} of {half} seeds begin with a row that one of {half} other seeds begins with",
        expected=f"about {half * mass:.2g} of them (false-alarm rate {level:.1e})",
    )
