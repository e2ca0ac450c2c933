"""Invariants of repetition, exact: seeds, structure, order, stream and JSON form make the same distribution again."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from generators.testing.foreign import array
from generators.testing.report import Result, Unjudged, broken, holds, unless
from generators.testing.structure import PROBES, same
from generators.testing.subject import Subject, show, smallest


def determinism(subject: Subject) -> Result:
    """Equal seeds make equal samples."""
    again = subject.draw(0)
    differs = (again != subject.sample).any(axis=1)
    if not differs.any():
        return holds(f"{subject.n} rows drawn twice agree")
    row = int(np.flatnonzero(differs)[0])
    return broken(
        "two samples of one seed differ",
        counterexample=f"row {row}: {show(again[row])}",
        expected=f"{show(subject.sample[row])}, as at the first time: every draw comes from `rng`",
    )


def seeds_differ(subject: Subject) -> Result:
    """Different seeds make different samples, unless the support is so small that they may well coincide."""
    if subject.sample_log_prob.sum() > math.log(subject.level):
        raise Unjudged("so few sequences are possible that two samples may coincide")  # nothing could tell them apart
    if (subject.draw(1) != subject.sample).any():
        return holds("samples of two seeds differ")
    return broken(
        f"samples of two seeds agree in all {subject.n} rows",
        counterexample=f"row 0: {show(subject.sample[0])} for both seeds",
        expected="another sample for another seed",
    )


def fixed_structure(subject: Subject) -> Result:
    """Samples of other seeds belong to the same distribution: scopes, keys and rules are never drawn anew."""
    before = subject.sample_log_prob
    return unless(_structures(subject, before), "samples of three seeds share one support, before and after drawing")


def _structures(subject: Subject, before: np.ndarray) -> Iterator[Result | None]:
    for seed in (1, 2):
        drawn = subject.draw(seed)
        yield _changed(subject, before)
        yield _impossible(subject, drawn, f"sample seed {seed}")
    if not subject.promises("rows"):
        return
    for seed in (1, 2):
        yield _impossible(subject, subject.stream(seed, 0, min(subject.n, PROBES)), f"rows of sample seed {seed}")


def _changed(subject: Subject, before: np.ndarray) -> Result | None:
    after = subject.log_prob(subject.sample)
    failing = ~same(after, before)
    if not failing.any():
        return None
    row = smallest(subject.sample, failing)
    return broken(
        "drawing another sample changed the distribution",
        counterexample=f"{show(subject.sample[row])} now has log_prob {after[row]}",
        expected=f"{before[row]}, as before",
    )


def _impossible(subject: Subject, x: np.ndarray, source: str) -> Result | None:
    values = subject.log_prob(x)
    if np.isfinite(values).all():
        return None
    row = smallest(x, ~np.isfinite(values))
    return broken(
        f"{source} leaves the support",
        counterexample=f"{show(x[row])} has log_prob {values[row]}",
        expected="a finite number: all seeds share the structure",
    )


def order_is_a_permutation(subject: Subject) -> Result:
    """``order`` holds every position once."""
    if not subject.promises("order"):
        raise Unjudged("no `order` is promised, so that latents come first")
    order = np.asarray(subject.promised("order"))
    values, counts = np.unique(order, return_counts=True)
    missing = np.setdiff1d(np.arange(subject.length), values)
    if order.shape == (subject.length,) and not missing.size:
        return holds(f"all {subject.length} positions occur once")
    repeated = values[counts > 1]
    return broken(
        f"order of shape {order.shape} is no permutation",
        counterexample=f"{show(order)} repeats {show(repeated)} and lacks {show(missing)}",
        expected=f"every position of range({subject.length}) once",
    )


def stream(subject: Subject) -> Result:
    """``rows(seed, start, stop)`` in pieces of any size, in any sequence, equals the rows at once."""
    n = subject.n
    whole = subject.stream(subject.seed, 0, n)
    cuts = sorted({0, n, *(c for c in (1, 2, 7, 8, 63, 64, 65, 1000, 4095, 4096, 4097, n - 1) if 0 < c < n)})
    pieces = [*itertools.pairwise(cuts), *((c, c + 1) for c in cuts[:-1])]
    differing = [_first_difference(subject, whole, piece) for piece in reversed(pieces)]
    found = [d for d in differing if d is not None]
    if not found:
        return holds(f"{len(pieces)} pieces agree with {n} rows at once")
    row, piece, value = min(found, key=lambda d: d[0])
    return broken(
        "a piece of the stream differs from the whole",
        counterexample=f"row {row} of the piece {piece}: {value}",
        expected=f"{show(whole[row])}, row {row} of the whole" if row < n else "no such row",
    )


def _first_difference(subject: Subject, whole: np.ndarray, piece: tuple[int, int]) -> Any:
    start, stop = piece
    x = subject.stream(subject.seed, start, stop)
    if x.shape != whole[start:stop].shape:
        return start, piece, f"shape {x.shape} instead of {whole[start:stop].shape}"
    differing = np.flatnonzero((x != whole[start:stop]).any(axis=1))
    return (start + int(differing[0]), piece, show(x[differing[0]])) if differing.size else None


def json_round_trip(subject: Subject) -> Result:
    """``from_json(to_json())``, through text, is the same distribution: same form, sample, log_prob and fingerprint."""
    form = subject.promised("to_json")()
    back = subject.promised("from_json")(json.loads(json.dumps(form, allow_nan=False)))
    few_rows = min(PROBES, subject.n)
    few = subject.given(subject.sample[:few_rows])
    pairs = {
        "to_json()": (json.dumps(back.to_json(), sort_keys=True), json.dumps(form, sort_keys=True)),
        "fingerprint": (getattr(back, "fingerprint", None), getattr(subject.generator, "fingerprint", None)),
        "sample": tuple(_list(one.sample(few_rows, subject.rng(0))) for one in (back, subject.generator)),
        "log_prob": tuple(_list(one.log_prob(few)) for one in (back, subject.generator)),
    }
    for what, (seen, wanted) in pairs.items():
        if seen != wanted:
            return _first_character(what, str(seen), str(wanted))
    return holds(f"{', '.join(pairs)} survive")


def _list(value: Any) -> list[Any]:
    return array(value, "the generator").tolist()


def _first_character(what: str, seen: str, wanted: str) -> Result:
    agreeing = (a == b for a, b in zip(seen, wanted, strict=False))
    at = next((i for i, same in enumerate(agreeing) if not same), min(len(seen), len(wanted)))
    window = slice(max(0, at - 30), at + 30)
    return broken(
        f"{what} differs after the round trip, from character {at} on",
        counterexample=f"...{seen[window]}...",
        expected=f"...{wanted[window]}...",
    )
