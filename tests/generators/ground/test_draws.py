"""Random access draws: any piece of a stream, the right frequencies, independent streams."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.ground import draws
from generators.ground.draws import derived_seed, latent_columns, replace_noisily, uniforms, words
from generators.testing import priors
from generators.testing.statistics import binomial_p_value, independence_p_value, multinomial_p_value

ALARM = 1e-9  # false-alarm rate of each statistical test here; seeds are fixed, so a pass stays a pass


@given(seed=st.integers(0, 2**64), stream=st.integers(0, 9), start=st.integers(0, 1000), n=st.integers(0, 40))
def test_a_range_of_words_is_a_slice(seed, stream, start, n):
    whole = words(seed, stream, 0, start + n)
    assert whole.dtype == np.uint64
    assert (words(seed, stream, start, start + n) == whole[start:]).all()


def test_far_words_cost_no_more_than_near_ones():
    far = words(0, 0, 10**15 + 3, 10**15 + 11)
    assert (far[4:] == words(0, 0, 10**15 + 7, 10**15 + 11)).all()


def test_streams_and_seeds_share_no_words():
    """Also across the word size of the seed: seed 5 with stream 1 is not seed 5 + 2**32 with stream 0."""
    names = [(seed, stream) for seed in (0, 1, 5, 5 + 2**32, 2**32, 2**63) for stream in (0, 1, 2)]
    first = [tuple(words(seed, stream, 0, 4).tolist()) for seed, stream in names]
    assert len(set(first)) == len(names)


def test_bad_ranges_are_refused():
    with pytest.raises(ValueError, match="-1"):
        words(-1, 0, 0, 1)
    for start, stop in [(3, 2), (-1, 2)]:
        with pytest.raises(ValueError, match=f"start={start}, stop={stop}"):
            words(0, 0, start, stop)


def test_uniforms_lie_in_the_half_open_interval():
    ends = uniforms(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends.tolist() == [0.0, 1.0 - 2.0**-53]


@settings(max_examples=60)
@given(
    prior=priors(max_alphabet=9),
    n_latents=st.integers(1, 70),
    seed=st.integers(0, 2**40),
    cut=st.integers(0, 30),
)
def test_latents_may_be_cut_anywhere(prior, n_latents, seed, cut):
    whole = latent_columns(prior, n_latents, seed, 0, 30)
    assert whole.shape == (n_latents, 30)
    assert whole.flags.c_contiguous
    pieces = [latent_columns(prior, n_latents, seed, *piece) for piece in ((0, cut), (cut, 30))]
    assert (np.concatenate(pieces, axis=1) == whole).all()
    assert (prior[whole] > 0).all()


PRIORS = {
    "bits": np.array([0.5, 0.5]),
    "four": np.full(4, 0.25),
    "eight": np.full(8, 0.125),
    "three": np.full(3, 1 / 3),
    "skewed": np.array([0.9, 0.07, 0.03]),
    "zeros": np.array([0.0, 0.2, 0.0, 0.8, 0.0]),
}


@pytest.mark.parametrize("name", PRIORS)
def test_latents_have_the_frequencies_of_the_prior(name):
    prior = PRIORS[name]
    columns = latent_columns(prior, 33, 7, 0, 20_000)
    for latent in columns:
        counts = np.bincount(latent, minlength=len(prior))
        assert multinomial_p_value(counts, prior) > ALARM
        wrong = np.roll(prior, 1) if name in {"skewed", "zeros"} else prior * np.linspace(0.8, 1.2, len(prior))
        assert multinomial_p_value(counts, wrong / wrong.sum()) < ALARM


@pytest.mark.parametrize("prior", [[0.0, 0.1, 0.2, 0.7, 0.0], [0.0] + [0.1] * 10 + [0.0], [0.0, 1.0, 0.0]])
def test_the_two_ends_of_the_interval_are_possible_values(monkeypatch, prior):
    """The smallest and the largest word, which no sample of a test meets: ten times 0.1 adds up to less than 1."""
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    monkeypatch.setattr(draws, "words", lambda *_: ends)
    columns = latent_columns(np.array(prior), 1, 0, 0, 2)
    assert columns.tolist() == [[1, len(prior) - 2]]


@pytest.mark.parametrize("name", ["bits", "eight", "three"])
def test_latents_are_pairwise_independent_and_so_are_rows(name):
    columns = latent_columns(PRIORS[name], 12, 3, 0, 20_000).astype(np.int64)
    m = len(PRIORS[name])
    pairs = [*itertools.combinations(columns, 2), *((latent[:-1], latent[1:]) for latent in columns)]
    for a, b in pairs:
        assert independence_p_value(np.bincount(a * m + b, minlength=m * m).reshape(m, m)) > ALARM
    copied = np.bincount(columns[0] * m + columns[0], minlength=m * m).reshape(m, m)
    assert independence_p_value(copied) < ALARM


@pytest.mark.parametrize("alphabet", [2, 3, 5, 300])
@pytest.mark.parametrize("rate", [1e-3, 0.1, 0.5, 0.9, 1.0])
def test_noise_replaces_at_its_rate_and_uniformly(alphabet, rate):
    n = 60_000
    values = (np.arange(n) % alphabet)[None].astype(np.min_scalar_type(alphabet - 1))
    noisy = replace_noisily(values, rate, alphabet, words(11, 1, 0, n)[None])
    assert noisy.dtype == values.dtype
    step = (noisy.astype(np.int64) - values.astype(np.int64)) % alphabet
    replaced = int((step > 0).sum())
    assert binomial_p_value(replaced, n, rate) > ALARM
    moves = np.bincount(step[step > 0] - 1, minlength=alphabet - 1)
    assert multinomial_p_value(moves, np.full(alphabet - 1, 1 / (alphabet - 1))) > ALARM
    assert binomial_p_value(int(replaced * 0.8), n, rate) < ALARM or rate == 1e-3


def test_a_rate_below_the_smallest_normal_number_is_still_a_rate():
    values = np.zeros((1, 1000), dtype=np.uint8)
    assert not replace_noisily(values, 5e-324, 3, words(0, 1, 0, 1000)[None]).any()


def test_a_derived_seed_is_what_recorded_runs_were_made_with():
    assert [derived_seed(1, 0), derived_seed(2, 7), derived_seed(5, 3)] == [
        3717377837946358015,
        6404264744558398888,
        4032576983210384345,
    ]


def test_derived_seeds_of_different_keys_differ_and_fit_a_signed_word():
    found = {derived_seed(stream, seed) for stream in range(20) for seed in range(50)}
    assert len(found) == 1000
    assert all(0 <= seed < 2**63 for seed in found)
