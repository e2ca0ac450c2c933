"""Random access draws: word i of a stream is a pure function of (seed, stream, i), so a sample can be cut anywhere."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Integer, UInt8, UInt64

_WORDS_PER_COUNTER = 4  # Philox yields four 64-bit words for each step of its counter


def structure_rng(structure_seed: int, tag: int) -> np.random.Generator:
    """The generator of one kind of structure, named by ``tag``: scopes, rules, directions and so on do not share draws.

    Raises:
        ValueError: a negative seed.
    """
    if structure_seed < 0:
        raise ValueError(f"structure_seed must be a non-negative integer; got {structure_seed}.")
    return np.random.default_rng([structure_seed, tag])


def named_stream(rng: np.random.Generator, n: int) -> int:
    """The seed of the stream that a sample of ``n`` rows is read from: one word of ``rng``.

    Raises:
        TypeError: ``rng`` is no Generator, such as a seed.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"sample takes a numpy Generator, not {rng!r}: rng=np.random.default_rng(0), for example. "
            f"A sample that a seed names is rows(sample_seed, 0, {n})."
        )
    return int(rng.integers(2**63))


def check_range(start: int, stop: int) -> None:
    """Raise ValueError unless rows ``start..stop-1`` are none or ascend from a row that there is."""
    if not 0 <= start <= stop:
        raise ValueError(f"rows start..stop must satisfy 0 <= start <= stop; got start={start}, stop={stop}.")


def words(seed: int, stream: int, start: int, stop: int) -> UInt64[np.ndarray, "w"]:
    """64-bit words ``start..stop-1`` of a counter-based generator (Philox-4x64; Salmon et al. 2011).

    Raises:
        ValueError: a negative seed, or a range that runs backwards.
    """
    if seed < 0:
        raise ValueError(f"sample_seed must be a non-negative integer; got {seed}.")
    check_range(start, stop)
    generator = np.random.Philox(key=stream_key(seed, stream))
    generator.advance(start // _WORDS_PER_COUNTER)
    skip = start % _WORDS_PER_COUNTER
    return generator.random_raw(skip + stop - start)[skip:]


def stream_key(seed: int, stream: int) -> UInt64[np.ndarray, "2"]:
    """The key of a stream of :func:`words`."""
    # A list [seed, stream] would not do: seeds above 2**32 take two words of it, and meet other (seed, stream) pairs.
    return np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(2, np.uint64)


def derived_seed(*key: int) -> int:
    """A seed below 2**63 that is a function of the key, such as (stream, seed): for generators that take one number.

    Use keys of one length for one purpose: zeros at the end of a key count for nothing, (5,) is (5, 0). Numbers from
    2**32 on take two words each, see :func:`words`.
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def uniforms(raw: UInt64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """The upper 53 bits of each word as a float in [0, 1)."""
    return (raw >> np.uint64(11)) * 2.0**-53


def latent_columns(
    prior: Float64[np.ndarray, "m"], n_latents: int, seed: int, start: int, stop: int
) -> Integer[np.ndarray, "N n"]:
    """Latents of rows ``start..stop-1``, one column per row, independent draws from ``prior``.

    A uniform prior over a power of two takes log2(m) bits per latent, exactly; any other takes one word per latent by
    inversion of the distribution function, exact to 2**-53.
    """
    m, rows = len(prior), stop - start
    if m & (m - 1) == 0 and np.all(prior == 1.0 / m):
        return _uniform_bits(m, n_latents, seed, start, rows)
    raw = words(seed, 0, start * n_latents, stop * n_latents).reshape(rows, n_latents)
    edges = np.cumsum(prior)
    edges[np.flatnonzero(prior)[-1] :] = np.inf  # rounding of the last edge must not open a value of probability zero
    values = np.searchsorted(edges, uniforms(raw), side="right")
    return np.ascontiguousarray(values.T.astype(np.min_scalar_type(m - 1)))


def _uniform_bits(m: int, n_latents: int, seed: int, start: int, rows: int) -> Integer[np.ndarray, "N n"]:
    bits = m.bit_length() - 1
    per_word = 64 // bits
    n_words = -(-n_latents // per_word)
    raw = words(seed, 0, start * n_words, (start + rows) * n_words).reshape(rows, n_words)
    if bits == 1:
        unpacked = _unpack(raw)[:, :n_latents]
        return np.ascontiguousarray(unpacked.T)
    shifts = np.uint64(bits) * np.arange(per_word, dtype=np.uint64)
    values = (raw.T[:, None, :] >> shifts[None, :, None]) & np.uint64(m - 1)
    return values.reshape(n_words * per_word, rows)[:n_latents].astype(np.min_scalar_type(m - 1))


def _unpack(raw: UInt64[np.ndarray, "n w"]) -> UInt8[np.ndarray, "n b"]:
    little = raw.astype("<u8", copy=False)
    return np.unpackbits(little.view(np.uint8), axis=1, bitorder="little")


def replace_noisily(
    values: Integer[np.ndarray, "P n"], rate: float, alphabet: int, raw: UInt64[np.ndarray, "P n"]
) -> Integer[np.ndarray, "P n"]:
    """Symmetric channel: where ``u < rate`` the value moves to one of the other ``alphabet - 1`` values, uniformly.

    ``u < rate`` is decided on the raw words, as an integer comparison that is equivalent to the one of the floats; only
    the words that hit become floats.
    """
    if rate <= 0.0:
        return values
    limit = np.uint64((math.ceil(rate * 2**53) << 11) - 1)
    hit = np.ascontiguousarray((limit >= raw.T).T)  # compared in the order in which the words lie in memory
    if alphabet == 2:
        return values ^ hit.astype(values.dtype)
    replaced = values.copy()
    other = np.minimum(uniforms(raw[hit]) / rate * (alphabet - 1), alphabet - 2).astype(np.int64)
    replaced[hit] = (values[hit].astype(np.int64) + 1 + other) % alphabet
    return replaced
