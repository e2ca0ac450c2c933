"""Rows of bits, 64 at a time: latents from their words, observations by their tables, noise, and the turn to rows.

Column words throughout: bit r of word w of a column belongs to row ``64 w + r``. The draws are those of
:mod:`generators.ground.draws`, bit for bit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8, UInt64
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from generators.ground.compiled import kernels_of
from generators.ground.draws import stream_key

WORD = 64

_kernel = kernels_of(Path(__file__).parent, [Path(__file__)])
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)  # Philox-4x64, Salmon et al. 2011, table 2
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ONE, _ALL = np.uint64(1), np.uint64(2**64 - 1)


def words_of_rows(raw: UInt64[np.ndarray, "n w"], length: int) -> UInt64[np.ndarray, "L W"]:
    """Column words of rows of bits: position i of a row is bit ``i % 64`` of its word ``i // 64``."""
    out = np.zeros((length, -(-len(raw) // WORD)), dtype=np.uint64)
    _columns_of_rows(raw, out)
    return out


def words_of_columns(bits: Integer[np.ndarray, "P n"]) -> UInt64[np.ndarray, "P W"]:
    """Columns with a bit per entry as column words; what is left of the last word is zero."""
    packed = np.packbits(bits.astype(np.uint8, copy=False), axis=1, bitorder="little")
    padded = np.zeros((len(bits), -(-bits.shape[1] // WORD) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view("<u8").astype(np.uint64, copy=False)


def columns_of_words(columns: UInt64[np.ndarray, "P W"], rows: int) -> UInt8[np.ndarray, "P n"]:
    """Inverse of :func:`words_of_columns`: the first ``rows`` bits of each column, a byte each."""
    return np.unpackbits(columns.astype("<u8", copy=False).view(np.uint8), axis=1, count=rows, bitorder="little")


def table_words(
    tables: UInt8[np.ndarray, "P t"], scopes: Int64[np.ndarray, "P k"], latents: UInt64[np.ndarray, "N W"]
) -> UInt64[np.ndarray, "P W"]:
    """Values of P observations that read k bits each: ``tables`` (P, 2**k) in the order of ``np.ndindex``."""
    out = np.empty((len(scopes), latents.shape[1]), dtype=np.uint64)
    _fold_tables(_algebraic_normal_forms(tables), scopes, latents, out)
    return out


def flip_noisily(values: UInt64[np.ndarray, "P W"], rate: float, seed: int, stream: int, start: int, rows: int) -> None:
    """Flip bits in place with probability ``rate``, as :func:`generators.ground.draws.replace_noisily` does.

    Observation j of row i is decided by word ``i P + j`` of the stream.

    Args:
        start: number of the first row.
        rows: how many of the bits belong to rows; the others, up to a full word, are left alone.
    """
    if rate > 0.0:
        limit = np.uint64((math.ceil(rate * 2**53) << 11) - 1)
        _flip(values, limit, stream_key(seed, stream), np.uint64(start * len(values)), rows)


def unpacked_rows(columns: UInt64[np.ndarray, "L W"], out: UInt8[np.ndarray, "n L"]) -> None:
    """Write column words as rows of bytes 0 and 1."""
    _rows_of_columns(columns, out)


def packed_rows(columns: UInt64[np.ndarray, "L W"], out: UInt8[np.ndarray, "n B"]) -> None:
    """Write column words as rows of bits, ``ceil(L / 8)`` bytes each, as ``np.packbits(..., axis=1)`` orders them."""
    words = np.empty((WORD * columns.shape[1], -(-out.shape[1] // 8)), dtype=np.uint64)
    _words_of_packed_rows(columns, words)
    out[:] = words.astype("<u8", copy=False).view(np.uint8)[: len(out), : out.shape[1]]


def _algebraic_normal_forms(tables: UInt8[np.ndarray, "P t"]) -> UInt64[np.ndarray, "P t"]:
    """Coefficients over GF(2) as words of all zeros or all ones: a table is the XOR of the monomials that have a 1."""
    forms = tables.astype(np.uint64) * _ALL
    step = 1
    while step < forms.shape[1]:
        pairs = forms.reshape(len(forms), -1, 2, step)
        pairs[:, :, 1] ^= pairs[:, :, 0]
        step *= 2
    return forms


@intrinsic
def _product(typing_context: Any, left: Any, right: Any) -> Any:
    """The upper and the lower 64 bits of a product of two words."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(value, wide) for value in arguments))
        halves = [builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow), builder.trunc(product, narrow)]
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@_kernel
def _philox(counter: np.uint64, key0: np.uint64, key1: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four words; NumPy counts a block before it makes it, so block b has counter b + 1."""
    c0, c1, c2, c3 = counter + _ONE, np.uint64(0), np.uint64(0), np.uint64(0)
    for _ in range(10):
        high0, low0 = _product(_M0, c0)  # pyright: ignore[reportCallIssue] - the context is numba's to give
        high1, low1 = _product(_M1, c2)  # pyright: ignore[reportCallIssue]
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0 += _W0
        key1 += _W1
    return c0, c1, c2, c3


@_kernel
def _flip(values: np.ndarray, limit: np.uint64, key: np.ndarray, first: np.uint64, rows: int) -> None:
    count = values.shape[0]
    key0, key1 = key[0], key[1]
    drawn = np.empty(count + 8, dtype=np.uint64)  # the words of one row, from the block of its first one
    hits = np.zeros(count, dtype=np.uint64)  # of 64 rows
    for row in range(rows):
        block = first // np.uint64(4)
        skip = np.int64(first - block * np.uint64(4))
        for number in range(0, skip + count, 4):
            drawn[number], drawn[number + 1], drawn[number + 2], drawn[number + 3] = _philox(block, key0, key1)
            block += _ONE
        bit, here = np.uint64(row & 63), drawn[skip : skip + count]
        for column in range(count):
            hits[column] |= np.uint64(limit >= here[column]) << bit
        first += np.uint64(count)
        if row & 63 == 63 or row + 1 == rows:
            for column in range(count):
                values[column, row >> 6] ^= hits[column]
                hits[column] = np.uint64(0)


@_kernel
def _fold_tables(forms: np.ndarray, scopes: np.ndarray, latents: np.ndarray, out: np.ndarray) -> None:
    count, arity = scopes.shape
    entries, words = forms.shape[1], latents.shape[1]
    value = np.empty((entries, words), dtype=np.uint64)
    for j in range(count):
        for entry in range(entries):
            value[entry, :] = forms[j, entry]
        half = entries // 2
        for axis in range(arity):
            x = latents[scopes[j, axis]]
            for entry in range(half):
                low, high = value[entry], value[half + entry]
                for word in range(words):
                    low[word] ^= x[word] & high[word]
            half //= 2
        out[j, :] = value[0]


@_kernel
def _transpose_block(block: np.ndarray) -> None:
    """Transpose 64 words of 64 bits in place: bit c of word r becomes bit r of word c (Hacker's Delight, 7-3)."""
    width, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while width:
        shift = np.uint64(width)
        for low in range(0, 64, 2 * width):
            upper, lower = block[low : low + width], block[low + width : low + 2 * width]
            for row in range(width):
                swapped = ((upper[row] >> shift) ^ lower[row]) & mask
                upper[row] ^= swapped << shift
                lower[row] ^= swapped
        width >>= 1
        mask ^= mask << np.uint64(width)


@_kernel
def _columns_of_rows(raw: np.ndarray, out: np.ndarray) -> None:
    block = np.empty(64, dtype=np.uint64)
    rows, columns = raw.shape[0], out.shape[0]
    for word in range(out.shape[1]):
        for group in range(raw.shape[1]):
            for r in range(64):
                row = 64 * word + r
                block[r] = raw[row, group] if row < rows else np.uint64(0)
            _transpose_block(block)
            for c in range(min(64, columns - 64 * group)):
                out[64 * group + c, word] = block[c]


@_kernel
def _rows_of_columns(columns: np.ndarray, out: np.ndarray) -> None:
    rows, length = out.shape[0], columns.shape[0]
    group = np.zeros((8, length), dtype=np.uint8)  # a byte of every column: eight rows, eight times
    for word in range(columns.shape[1]):
        for c in range(length):
            bits = columns[c, word]
            for eight in range(8):
                group[eight, c] = np.uint8((bits >> np.uint64(8 * eight)) & np.uint64(255))
        for r in range(min(64, rows - 64 * word)):
            taken, shift, row = group[r >> 3], np.uint8(r & 7), out[64 * word + r]
            for c in range(length):
                row[c] = (taken[c] >> shift) & np.uint8(1)


@_kernel
def _words_of_packed_rows(columns: np.ndarray, out: np.ndarray) -> None:
    """Transpose as ``_transpose_block``, the blocks of all words side by side."""
    length, words = columns.shape
    block = np.empty((64, words), dtype=np.uint64)
    for group in range(out.shape[1]):
        for place in range(64):
            c = 64 * group + (place ^ 7)  # the first of eight columns is the highest bit of their byte
            for word in range(words):
                block[place, word] = columns[c, word] if c < length else np.uint64(0)
        width, mask = 32, np.uint64(0x00000000FFFFFFFF)
        while width:
            shift = np.uint64(width)
            for k in range(32):
                row = (k & (width - 1)) + 2 * (k - (k & (width - 1)))  # those whose bit ``width`` is not set
                upper, lower = block[row], block[row + width]
                for word in range(words):
                    swapped = ((upper[word] >> shift) ^ lower[word]) & mask
                    upper[word] ^= swapped << shift
                    lower[word] ^= swapped
            width >>= 1
            mask ^= mask << np.uint64(width)
        for word in range(words):
            for r in range(64):
                out[64 * word + r, group] = block[r, word]
