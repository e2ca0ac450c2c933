"""What one check alone can see: generators whose fault escapes all tests but one of a check."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generators.distribution import LODistribution
from generators.observations.named_tables import parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing import broken_generators, check_invariants, examine
from generators.testing.altered import Altered
from generators.testing.broken import sound_distribution


@pytest.mark.parametrize(("rates", "told"), [(0.55, "smaller token was"), ((0.75, *29 * [0.5]), "position 0 was")])
def test_neighbours_that_differ_in_two_tokens(rates, told):
    """Coins and their parity: no single change is possible, and no sequence is seen twice."""

    class Coins:
        def sample(self, n, rng):
            coins = (rng.random((n, 30)) < rates).astype(np.int64)
            return np.concatenate([coins, coins.sum(axis=1, keepdims=True) % 2], axis=1)

        def log_prob(self, x):
            return np.where(x.sum(axis=1) % 2, -np.inf, -30 * math.log(2))

    result = examine(Coins(), only=("single_changes",))["single_changes"]
    assert result.status == "violated"
    assert "differ in 2 tokens" in result.counterexample
    assert told in result.counterexample


def test_copies_by_the_fall_of_a_coin_show_in_no_two_tokens():
    """Only the number of positions that agree tells: all of them or none."""

    class Coins:
        def sample(self, n, rng):
            x = rng.integers(0, 2, (n, 6))
            x[1::2] = x[: n // 2 * 2 : 2] ^ rng.integers(0, 2, (n // 2, 1))
            return x

        def log_prob(self, x):
            return np.full(len(x), -6 * math.log(2))

    report = examine(Coins(), only=("rows_independent",))
    assert "agree in other numbers of positions" in report["rows_independent"].detail


@pytest.mark.parametrize(("width", "told"), [(24, "tokens at position 3 occur"), (2, "sequences most frequent")])
def test_laws_that_change_with_the_index(width, told):
    """One token of many that come too seldom to be counted whole; and two whose own frequencies stay as they are."""

    class Changing:
        def sample(self, n, rng):
            x, odd = rng.integers(0, 2, (n, width)), np.arange(n) % 2
            if width == 2:
                x[:, 1] = x[:, 0] ^ odd
            else:
                x[:, 3] = rng.random(n) < 0.4 + 0.2 * odd
            return x

        def log_prob(self, x):
            return np.full(len(x), -width * math.log(2))

    result = examine(Changing(), only=("row_index",))["row_index"]
    assert result.status == "violated"
    assert told in result.counterexample


def test_noise_of_three_values_is_judged_exactly():
    scopes = random_scopes(3, 4, arity=2, structure_seed=0)
    table = parity(arity=2, latent_alphabet=3)
    distribution = LODistribution(np.full(3, 1 / 3), 3, (Noisy(Predicate(table, scopes, alphabet=3), 0.1),))
    report = check_invariants(distribution, n=1000, strict=True)
    assert "log_prob_agrees" in report.passed
    assert "all 2187 sequences" in report["log_prob_sums_to_one"].detail


def test_a_promised_alphabet_leaves_no_room_for_a_sum_below_one():
    base = sound_distribution()
    low = Altered(base, log_prob=lambda x: base.log_prob(x) - 1e-6)
    assert "log_prob_sums_to_one" in examine(low, n=500, only=("log_prob_sums_to_one",)).violated


def test_a_buffer_that_is_used_again_misleads_no_other_check():
    fault = next(b for b in broken_generators() if b.fault == "sample returns one buffer again and again")
    assert examine(fault.generator, n=500).violated == ("calls_interleave",)


class Bits:
    """Fair bits, ``log_prob`` as it should be."""

    def __init__(self, width):
        self.width = width

    def sample(self, n, rng):
        return rng.integers(0, 2, (n, self.width))

    def log_prob(self, x):
        return np.full(len(x), -self.width * math.log(2))


def test_one_sequence_of_many_that_comes_too_often():
    """It shows in its own count, 39 for 4, and not in a chi-square over 4096 sequences."""

    class Favourite(Bits):
        def sample(self, n, rng):
            x = super().sample(n, rng)
            x[rng.random(n) < 9 / 4096] = 1
            return x

    result = examine(Favourite(12), n=2000, only=("sample_frequencies",))["sample_frequencies"]
    assert "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] occurs" in result.counterexample
    assert examine(Bits(12), n=2000, only=("sample_frequencies",)).violated == ()


def test_sequences_that_were_seen_have_no_probability_above_one():
    """256 sequences of 40 tokens: none can be listed, all are seen, and every row comes again whatever log_prob is."""
    copied = np.random.default_rng(0).integers(0, 8, 32)

    class Copies(Bits):
        def sample(self, n, rng):
            x = super().sample(n, rng)
            return np.concatenate([x, x[:, copied]], axis=1)

        def log_prob(self, x):
            possible = (x[:, 8:] == x[:, copied]).all(axis=1)
            return np.where(possible, -8 * math.log(2) + 0.01, -np.inf)

    result = examine(Copies(8), n=2000, only=("collisions",))["collisions"]
    assert "256 different sequences have probabilities that sum to 1.01" in result.counterexample


def test_a_single_token_that_can_change():
    class Biased(Bits):
        def sample(self, n, rng):
            return (rng.random((n, 2)) < (0.6, 1.0)).astype(np.int64)

        def log_prob(self, x):
            return np.where(x[:, 1] == 1, -math.log(2), -np.inf)

    result = examine(Biased(2), n=5000, only=("single_changes",))["single_changes"]
    assert "differ in 1 tokens" in result.counterexample


@pytest.mark.parametrize("name", ["calls_independent", "seeds_independent"])
def test_rows_shared_by_calls_that_begin_with_fresh_ones(name):
    """The first rows are as they should be; a bit of the later ones is that of every other call, or seed."""

    class Sharing(Bits):
        def sample(self, n, rng):
            x = super().sample(n, rng)
            shared = rng.bit_generator.seed_seq.entropy if name == "calls_independent" else 0
            x[3:, 0] = np.random.default_rng(shared).integers(0, 2, max(n, 3))[3:]
            return x

    result = examine(Sharing(6), n=2000, only=(name,))[name]
    assert "position 0 of the one and 0 of the other" in result.counterexample


def test_tokens_may_be_negative_where_no_alphabet_is_promised():
    class Spins(Bits):
        def sample(self, n, rng):
            return 2 * super().sample(n, rng) - 1

    class Magnetic(Spins):
        def sample(self, n, rng):
            return np.where(rng.random((n, self.width)) < 0.6, 1, -1)

    assert check_invariants(Spins(4), n=2000)["single_changes"].status == "passed"
    assert "single_changes" in examine(Magnetic(4), n=2000, only=("single_changes",)).violated
