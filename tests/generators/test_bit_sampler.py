"""Rows of bits from compiled kernels are the rows that NumPy draws, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import LODistribution, nae_sat, random_slabs
from generators.bit_sampler import BitSampler
from generators.ground.bit_rows import flip_noisily, packed_rows, unpacked_rows, words_of_columns, words_of_rows
from generators.ground.draws import replace_noisily, words
from generators.testing import distributions


def with_numpy(distribution: LODistribution, seed: int, start: int, stop: int) -> np.ndarray:
    """Too few rows at a time for the kernels."""
    pieces = [distribution.rows(seed, low, min(low + 500, stop)) for low in range(start, stop, 500)]
    return np.concatenate([np.empty((0, distribution.length), dtype=np.uint8), *pieces])


def sampler(distribution: LODistribution) -> BitSampler:
    order = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    return BitSampler(distribution.prior, distribution.n_latents, distribution.functions, order)


bits = distributions(max_length=90).filter(lambda distribution: distribution.vocabulary == 2)


@given(distribution=bits, seed=st.integers(0, 2**63), start=st.integers(0, 10**9), rows=st.integers(0, 200))
@settings(max_examples=100)
def test_every_distribution_of_bits_and_every_piece_of_its_stream(distribution, seed, start, rows):
    expected = with_numpy(distribution, seed, start, start + rows)
    drawn = sampler(distribution).rows(seed, start, start + rows)
    assert drawn.dtype == expected.dtype == np.uint8
    assert np.array_equal(drawn, expected)
    assert np.array_equal(distribution.packed_rows(seed, start, start + rows), np.packbits(expected, axis=1))


@pytest.mark.parametrize("n_latents", [63, 64, 65, 130])
def test_many_latents_take_several_words(n_latents):
    distribution = nae_sat(n_latents, 5, structure_seed=0)
    assert np.array_equal(sampler(distribution).rows(1, 7, 200), with_numpy(distribution, 1, 7, 200))


def test_many_rows_are_drawn_by_the_kernels_and_are_the_same(monkeypatch):
    distribution = nae_sat(20, 60, structure_seed=0)
    expected = with_numpy(distribution, 3, 5, 9005)
    assert np.array_equal(distribution.rows(3, 5, 9005), expected)
    monkeypatch.setattr(BitSampler, "rows", lambda _, seed, start, stop: np.full((stop - start, 80), 7, np.uint8))
    assert (distribution.rows(3, 5, 9005) == 7).all()
    assert np.array_equal(distribution.rows(3, 5, 1028), expected[:1023])


def test_functions_without_tables_are_evaluated_by_themselves():
    slabs = random_slabs(9, 11, 0.5, structure_seed=0)
    assert slabs.functions[0].bit_tables is None
    assert np.array_equal(sampler(slabs).rows(2, 0, 333), with_numpy(slabs, 2, 0, 333))


@given(
    seed=st.integers(0, 2**63), stream=st.integers(1, 9), start=st.integers(0, 2**40), rows=st.integers(1, 150),
    count=st.integers(1, 70), rate=st.sampled_from([0.0, 5e-324, 2**-53, 0.1, 0.5, 1.0 - 2**-53, 1.0]),
)  # fmt: skip
@settings(max_examples=60)
def test_noise_is_that_of_the_stream(seed, stream, start, rows, count, rate):
    values = np.random.default_rng(rows).integers(0, 2, size=(count, rows), dtype=np.uint8)
    packed = words_of_columns(values)
    flip_noisily(packed, rate, seed, stream, start, rows)
    raw = words(seed, stream, start * count, (start + rows) * count).reshape(rows, count).T
    assert np.array_equal(packed, words_of_columns(replace_noisily(values, rate, 2, raw)))


@given(rows=st.integers(1, 200), length=st.integers(1, 150))
@settings(max_examples=40)
def test_columns_become_rows_and_come_back(rows, length):
    values = np.random.default_rng(length).integers(0, 2, size=(rows, length), dtype=np.uint8)
    columns = words_of_columns(values.T)
    out = np.full((rows, length), 7, dtype=np.uint8)
    unpacked_rows(columns, out)
    assert np.array_equal(out, values)
    packed = np.full((rows, -(-length // 8)), 7, dtype=np.uint8)
    packed_rows(columns, packed)
    assert np.array_equal(packed, np.packbits(values, axis=1))
    per_row = -(-length // 64) * 8
    raw = np.zeros((rows, per_row), dtype=np.uint8)
    little = np.packbits(values, axis=1, bitorder="little")
    raw[:, : little.shape[1]] = little
    assert np.array_equal(words_of_rows(raw.view("<u8").astype(np.uint64), length), columns)


def test_only_bits_are_packed():
    with pytest.raises(ValueError, match="only bits can be packed; this distribution has 3 symbols"):
        nae_sat(4, 3, latent_alphabet=3, structure_seed=0).packed_rows(0, 0, 5)
    with pytest.raises(ValueError, match="start=5, stop=2"):
        nae_sat(4, 3, structure_seed=0).packed_rows(0, 5, 2)
