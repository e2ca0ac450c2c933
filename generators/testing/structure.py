"""Invariants of one sample and its log-probabilities, exact: shapes, alphabet, support, independence of rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from generators.testing.foreign import array
from generators.testing.power import share_of_rows
from generators.testing.report import Result, Unjudged, broken, holds
from generators.testing.subject import PROMISES, Subject, show, smallest

PROBES = 64  # rows that are asked one at a time
_TYPED = 1024  # rows that are asked in every integer type


def shape(subject: Subject) -> Result:
    """``sample(n)`` is an integer array (n, L), for every n of one L, which is ``length`` if that is promised."""
    length = getattr(subject.generator, "length", None) or subject.length
    for n in (1, 3, subject.n):
        x = subject.draw(0, n)
        if x.shape != (n, length) or not np.issubdtype(x.dtype, np.integer):
            return broken(
                "a sample has another shape or type",
                counterexample=f"sample({n}) has shape {x.shape}, dtype {x.dtype}",
                expected=f"an integer array of shape {(n, length)}",
            )
    return holds(f"samples of 1, 3 and {subject.n} rows have length {length}")


def log_prob_shape(subject: Subject) -> Result:
    """``log_prob`` makes (n,) of (n, L), and no entry is NaN."""
    for n in (1, 3, subject.n):
        values = array(subject.generator.log_prob(subject.given(subject.sample[:n])), "log_prob")
        if values.shape != (n,):
            return broken(
                "log_prob has another shape",
                counterexample=f"log_prob of {n} sequences has shape {values.shape}",
                expected=f"shape {(n,)}",
            )
        undefined = np.isnan(values.astype(np.float64))
        if undefined.any():
            return broken(
                "log_prob is not a number",
                counterexample=f"{show(subject.sample[smallest(subject.sample[:n], undefined)])} has log_prob nan",
                expected="a number, or -inf where the sequence is impossible",
            )
    return holds(f"log_prob of 1, 3 and {subject.n} rows has one number per row")


def alphabet(subject: Subject) -> Result:
    """Tokens lie in the alphabet of their position: ``alphabets`` if promised, else ``vocabulary`` everywhere.

    Where neither is promised, the other checks take the tokens of each position that were drawn for its alphabet.
    """
    if not subject.promises("vocabulary") and not subject.promises("alphabets"):
        most = max(map(len, subject.tokens))
        raise Unjudged(
            f"the generator has no `vocabulary`; up to {most} tokens a position were seen in {subject.n} rows",
            PROMISES["vocabulary"],
        )
    sizes = subject.sizes
    outside = np.argwhere((subject.sample < 0) | (subject.sample >= sizes))
    if not outside.size:
        return holds(f"all tokens lie below {int(sizes.max())}", share_of_rows(subject.n, "a foreign token"))
    row, position = outside[0].tolist()
    return broken(
        "a token lies outside its alphabet",
        counterexample=f"row {row}, position {position}: {subject.sample[row, position]}",
        expected=f"a value in range({sizes[position]})",
    )


def support(subject: Subject) -> Result:
    """Every sampled sequence has a finite log-probability, at most 0."""
    values = subject.sample_log_prob
    failing = ~np.isfinite(values) | (values > 1e-9)
    if not failing.any():
        rare = share_of_rows(subject.n, "impossible sequences")
        return holds(f"{subject.n} sequences lie on the support", rare)
    row = smallest(subject.sample, failing)
    return broken(
        f"{int(failing.sum())} of {subject.n} sampled sequences are impossible",
        counterexample=f"row {row}: {show(subject.sample[row])} has log_prob {values[row]}",
        expected="a finite number, at most 0",
    )


def off_support(subject: Subject) -> Result:
    """A sequence with a false deterministic observation has log-probability ``-inf``."""
    certain = np.flatnonzero(subject.noise == 0.0)
    if not certain.size:
        raise Unjudged("no observation is deterministic")
    x = np.array(subject.sample[:PROBES], dtype=np.int64)
    rows = np.arange(len(x))
    changed = certain[rows % len(certain)]
    places = subject.observation_positions[changed]
    x[rows, places] = np.where(subject.noiseless[rows, changed] == 0, 1, 0)
    values = subject.log_prob(x)
    if (values == -np.inf).all():
        return holds(f"{len(x)} sequences with a false observation are impossible")
    row = smallest(x, values != -np.inf)
    return broken(
        "a false observation is possible",
        counterexample=f"{show(x[row])}, false at position {places[row]}, has log_prob {values[row]}",
        expected="-inf",
    )


def row_independence(subject: Subject) -> Result:
    """``log_prob`` of a sequence does not depend on the other rows of the batch."""
    probes = min(PROBES, subject.n)
    reverse = subject.log_prob(np.ascontiguousarray(subject.sample[::-1]))[::-1]
    alone = np.array([subject.log_prob(subject.sample[i : i + 1])[0] for i in range(probes)])
    differs = ~same(reverse, subject.sample_log_prob)
    differs[:probes] |= ~same(alone, subject.sample_log_prob[:probes])
    if not differs.any():
        return holds(f"{subject.n} rows reversed and {probes} rows alone agree with the batch")
    row = int(np.flatnonzero(differs)[0])
    return broken(
        "log_prob depends on the other rows",
        counterexample=f"row {row}: {show(subject.sample[row])} in another batch has log_prob "
        f"{(alone[row] if row < probes else reverse[row])}",
        expected=f"{subject.sample_log_prob[row]}, its value in the whole batch",
    )


def integer_types(subject: Subject) -> Result:
    """``log_prob`` depends on the tokens, not on the integer type that holds them; a type may be refused."""
    if not isinstance(subject.model, np.ndarray):
        raise Unjudged("tokens are no numpy arrays, and have one type only")
    x, wanted = subject.sample[:_TYPED], subject.sample_log_prob[:_TYPED]
    kinds = [k for k in (np.uint8, np.int16, np.int32, np.int64) if x.min() >= 0 and x.max() <= np.iinfo(k).max]
    for kind in kinds:
        try:
            values = array(subject.generator.log_prob(x.astype(kind)), "log_prob").astype(np.float64)
        except TypeError:  # said aloud, so nobody is misled
            continue
        differs = ~same(values, wanted)
        if differs.any():
            row = smallest(x, differs)
            return broken(
                f"log_prob of {np.dtype(kind)} tokens is another",
                counterexample=f"{show(x[row])} as {np.dtype(kind)} has log_prob {values[row]}",
                expected=f"{wanted[row]}, as for {x.dtype}",
            )
    return holds(f"{len(x)} rows as {', '.join(np.dtype(k).name for k in kinds)} agree")


def same(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    """Where two log-probabilities agree, up to rounding; -inf agrees with itself and with nothing else."""
    with np.errstate(invalid="ignore"):  # -inf minus -inf; such entries are equal
        return (a == b) | (np.isfinite(b) & (np.abs(a - b) <= 1e-9 * (1.0 + np.abs(b))))
