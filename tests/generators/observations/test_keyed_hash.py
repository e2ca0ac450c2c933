"""Keyed hashes against a plain re-computation, then their statistics, each with its false-alarm rate."""

from __future__ import annotations

import hashlib
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from generators.distribution import LODistribution
from generators.observations import keyed_hash
from generators.observations.function import noiseless_tables
from generators.observations.keyed_hash import KeyedHash, key_from_seed
from generators.observations.kinds import function_from_json
from generators.observations.noise import Noisy
from generators.observations.scopes import random_scopes

PINNED_KEY = "948feca48d5171f26d9c100346ff0b223ae4b0f349ecf4deadd6cfbd95697b60"
PINNED_VALUES = [[1, 3, 1, 2, 0, 4, 3, 0], [1, 0, 3, 3, 2, 4, 0, 2], [0, 0, 3, 0, 3, 0, 4, 3]]
FALSE_ALARM = 1e-6  # of each statistical test below; seeds are fixed, so a pass stays a pass


def plainly(function: KeyedHash, columns: np.ndarray) -> np.ndarray:
    """Every value on its own, as the docstring defines it."""
    m, q = function.latent_alphabet, function.alphabet
    bits = q.bit_length() - 1 if q & (q - 1) == 0 else 64
    out = np.empty((len(function.scopes), columns.shape[1]), dtype=np.int64)
    earlier: dict[tuple[int, ...], int] = {}
    for j, scope in enumerate(map(tuple, function.scopes.tolist())):
        rank = earlier[scope] = earlier.get(scope, -1) + 1
        header = b"".join(int(v).to_bytes(8, "little") for v in (m, len(scope), *scope))
        inner = hashlib.blake2b(header, key=bytes.fromhex(str(function.key))).digest()
        for i in range(columns.shape[1]):
            message = b"".join(int(columns[s, i]).to_bytes(1 if m <= 256 else 2, "little") for s in scope)
            first, last = rank * bits // 512, ((rank + 1) * bits - 1) // 512
            digests = [
                hashlib.blake2b(message, key=inner, salt=b.to_bytes(8, "little")) for b in range(first, last + 1)
            ]
            stream = int.from_bytes(b"".join(d.digest() for d in digests), "little") >> (rank * bits - 512 * first)
            out[j, i] = stream % 2**bits % q
    return out


@st.composite
def hashes(draw: st.DrawFn) -> tuple[KeyedHash, np.ndarray]:
    m = draw(st.sampled_from([2, 3, 5, 300]))
    n_latents = draw(st.integers(1, 5))
    k = draw(st.integers(1, n_latents))
    tuples = list(itertools.permutations(range(n_latents), k))
    scopes = np.array(draw(st.lists(st.sampled_from(tuples), min_size=1, max_size=12)))
    q = draw(st.sampled_from([2, 3, 4, 8, 10, 256, 512, 65536]))
    key = draw(st.binary(min_size=1, max_size=64))
    columns = np.random.default_rng(draw(st.integers(0, 99))).integers(m, size=(n_latents, draw(st.integers(0, 9))))
    return KeyedHash(key, scopes, q, m), columns.astype(np.min_scalar_type(m - 1))


@given(case=hashes())
@settings(max_examples=50)
def test_values_are_those_of_the_definition(case):
    function, columns = case
    expected = plainly(function, columns)
    assert np.array_equal(function.digest(columns), expected)
    assert np.array_equal(function.evaluate(columns), expected)


def test_more_observations_than_one_digest_holds():
    columns = np.random.default_rng(0).integers(2, size=(20, 3), dtype=np.uint8)
    for q, count in ((2, 1500), (3, 20), (8, 400)):
        function = KeyedHash("5a", np.tile(np.arange(20), (count, 1)), q)
        assert not function.is_local
        assert np.array_equal(function.evaluate(columns), plainly(function, columns))


@given(case=hashes(), keep=st.integers(1, 12))
@settings(max_examples=20)
def test_further_observations_leave_the_earlier_ones_alone(case, keep):
    function, columns = case
    fewer = KeyedHash(function.key, function.scopes[:keep], function.alphabet, function.latent_alphabet)
    assert np.array_equal(fewer.evaluate(columns), function.evaluate(columns)[:keep])


def test_the_same_bytes_on_every_machine():
    function = KeyedHash.from_seed(np.array([[0, 1, 2], [2, 1, 0], [0, 1, 2]]), structure_seed=7, alphabet=5)
    grid = np.indices((2, 2, 2), dtype=np.uint8).reshape(3, 8)
    assert key_from_seed(7) == PINNED_KEY
    assert function.evaluate(grid).tolist() == PINNED_VALUES


def test_one_digest_per_sample_serves_all_observations_of_a_scope(monkeypatch):
    hashed = []

    def counted(message, key, size):
        hashed.append((len(message), -(-size // 64)))
        return digests(message, key, size)

    digests = keyed_hash._digests
    monkeypatch.setattr(keyed_hash, "_digests", counted)
    function = KeyedHash("00ff", np.tile(np.arange(16), (280, 1)))
    function.evaluate(np.zeros((16, 50), dtype=np.uint8))
    assert hashed == [(50, 1)]


def test_different_scopes_and_keys_give_different_functions():
    scopes = np.array([*list(itertools.permutations(range(4), 4))[:6], (0, 1, 2, 4)])
    columns = np.repeat(np.indices((4,) * 4, dtype=np.uint8).reshape(4, 256)[:1], 5, axis=0)  # all latents are equal
    values = KeyedHash.from_seed(scopes, structure_seed=0, alphabet=256, latent_alphabet=4).evaluate(columns)
    assert len({row.tobytes() for row in values}) == len(scopes)
    other = KeyedHash.from_seed(scopes, structure_seed=1, alphabet=256, latent_alphabet=4).evaluate(columns)
    assert not (values == other).all(axis=1).any()


def uniformity_p_value(values: np.ndarray, cells: int) -> float:
    return float(chisquare(np.bincount(values.ravel(), minlength=cells)).pvalue)


@pytest.mark.parametrize("alphabet", [2, 3, 4, 10, 64])
def test_values_are_uniform(alphabet):
    columns = np.random.default_rng(1).permutation(2**14)[:6000]
    bits = ((columns >> np.arange(14)[:, None]) & 1).astype(np.uint8)
    function = KeyedHash.from_seed(np.tile(np.arange(14), (4, 1)), structure_seed=3, alphabet=alphabet)
    values = function.evaluate(bits).astype(np.int64)
    assert uniformity_p_value(values, alphabet) > FALSE_ALARM
    for a, b in itertools.combinations(range(4), 2):  # observations that share digests are independent of each other
        assert uniformity_p_value(values[a] * alphabet + values[b], alphabet**2) > FALSE_ALARM / 6


def test_the_uniformity_test_sees_a_truncation_that_is_too_short():
    columns = np.arange(24_000)
    eight_bits = np.array([hashlib.blake2b(int(c).to_bytes(4, "little")).digest()[0] for c in columns])
    assert uniformity_p_value(eight_bits % 100, 100) < FALSE_ALARM


def test_tables_are_the_local_functions():
    function = KeyedHash.from_seed(random_scopes(6, 9, arity=3, structure_seed=1), structure_seed=1, alphabet=6)
    for table, expected in zip(function.tables, noiseless_tables(function), strict=True):
        assert np.array_equal(table, expected.ravel())
    with pytest.raises(ValueError, match="forwards only"):
        _ = KeyedHash("00", np.arange(13)[None]).tables


def test_random_local_functions_are_random():
    scopes = random_scopes(20, 2000, arity=3, structure_seed=5)
    ones = KeyedHash.from_seed(scopes, structure_seed=5).tables.sum(axis=1)
    expected = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
    pooled = [np.isin(ones, group).sum() for group in ([0, 1], [2], [3], [4], [5], [6], [7, 8])]
    weights = np.array([expected[:2].sum(), *expected[2:7], expected[7:].sum()])
    distinct = len({tuple(s) for s in scopes.tolist()})
    assert distinct > 1700  # few of the tables are drawn twice, so the counts are close to multinomial
    assert chisquare(pooled, weights * len(ones)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("noise", [0.0, 0.13])
def test_samples_with_different_seeds_share_the_structure(noise):
    scopes = random_scopes(12, 40, arity=3, structure_seed=2)
    function = KeyedHash.from_seed(scopes, structure_seed=2, alphabet=3)
    distribution = LODistribution(np.array([0.5, 0.5]), 12, (Noisy(function, noise) if noise else function,))
    form, errors = distribution.to_json(), 0
    for sample_seed in (1, 2):
        latents, observations = distribution.split(distribution.rows(sample_seed, 0, 3000))
        errors += int((function.evaluate(latents.T) != observations.T).sum())
        assert distribution.to_json() == form
    assert not np.array_equal(distribution.rows(1, 0, 50), distribution.rows(2, 0, 50))
    if noise:
        assert binomtest(errors, 2 * 3000 * 40, noise).pvalue > FALSE_ALARM
        assert binomtest(errors, 2 * 3000 * 40, noise * 1.1).pvalue < FALSE_ALARM  # another rate would be seen
    else:
        assert errors == 0


@given(case=hashes())
@settings(max_examples=20)
def test_json_round_trip(case):
    function, columns = case
    m, n_latents = function.latent_alphabet, len(columns)
    again = function_from_json(function.to_json())
    assert again == function
    assert np.array_equal(again.evaluate(columns), function.evaluate(columns))
    distribution = LODistribution(np.full(m, 1 / m), n_latents, (function,))
    assert LODistribution.from_json(distribution.to_json()).fingerprint == distribution.fingerprint
    longer = KeyedHash(str(function.key)[:126] + "00", function.scopes, function.alphabet, m)
    assert longer != function or function.key == longer.key
    assert pickle.loads(pickle.dumps(function)) == function


def test_raw_and_hex_keys_are_one():
    scopes = np.array([[0, 1]])
    assert KeyedHash(b"\xab\xcd", scopes) == KeyedHash("ABCD", scopes) == KeyedHash("abcd", scopes)


SCOPES = np.array([[0, 1], [1, 2]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", SCOPES), "1 to 64 bytes; got 0"),
        (("00" * 65, SCOPES), "1 to 64 bytes; got 65"),
        (("xyz", SCOPES), "hex digits.*'xyz'"),
        (("00", SCOPES, 1), "alphabet must be an integer in 2..65536; got 1"),
        (("00", SCOPES, 65537), "got 65537"),
        (("00", SCOPES, 2, 1), "latent_alphabet must be an integer in 2..65536; got 1"),
        (("00", np.array([[0, 0]])), "reads a latent twice"),
        (("00", np.array([[-1, 0]])), "no latent"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        KeyedHash(*arguments)


def test_bad_json():
    form = KeyedHash("00", SCOPES).to_json()
    with pytest.raises(ValueError, match="unknown field 'keys'"):
        KeyedHash.from_json(form | {"keys": "00"})
    with pytest.raises(ValueError, match="lacks the field 'key'"):
        KeyedHash.from_json({name: value for name, value in form.items() if name != "key"})
    with pytest.raises((ValueError, TypeError)):  # the tests check the annotations first
        KeyedHash.from_json(form | {"alphabet": "2"})
    with pytest.raises((ValueError, TypeError)):
        KeyedHash.from_json(form | {"key": 12.5})


def test_negative_seed():
    with pytest.raises(ValueError, match="non-negative integer; got -1"):
        key_from_seed(-1)
