"""What a check says it finds, it finds; a quarter of that it mostly does not; and faultless generators are let go."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from generators.testing import examine
from generators.testing.counts import collisions, sample_frequencies, single_changes
from generators.testing.densities import entropy, log_prob_sums_to_one
from generators.testing.dependence import row_index, rows_independent, stream_law
from generators.testing.frequencies import latent_frequencies, latent_independence, noise_rate
from generators.testing.invariants import STATISTICAL
from generators.testing.power import critical_divergence, detectable_rate
from generators.testing.statistics import binomial_p_value, gamma_tail
from generators.testing.structure import support
from generators.testing.subject import Subject

LEVEL, RUNS = 1e-7, 40
CAN_ALARM = tuple(check.__name__ for check in STATISTICAL)


class Bits:
    """Independent bits, each 1 at its own rate; what ``log_prob`` says is right but for ``excess``."""

    def __init__(self, rates=(0.5,) * 4, excess=0.0, **promises):
        self.rates, self.excess = np.array(rates), excess
        self.drawn = self.rates
        for name, value in promises.items():
            setattr(self, name, value)

    def sample(self, n, rng):
        return (rng.random((n, len(self.drawn))) < self.drawn).astype(np.int64)

    def log_prob(self, x):
        with np.errstate(divide="ignore"):
            return np.where(x == 1, np.log(self.rates), np.log1p(-self.rates)).sum(axis=1) + self.excess


def drawn_at(rates, size, **promises):
    """Bits that are 1 more often than ``log_prob`` says."""
    bits = Bits(rates, **promises)
    bits.drawn = bits.rates + size
    return bits


class Copying(Bits):
    def __init__(self, share):
        super().__init__()
        self.share = share

    def sample(self, n, rng):
        x = super().sample(n, rng)
        copied = np.flatnonzero(rng.random(n // 2) < self.share)
        x[2 * copied + 1] = x[2 * copied]
        return x


class Uneven(Bits):
    def __init__(self, difference):
        super().__init__()
        self.difference = difference

    def sample(self, n, rng):
        x = super().sample(n, rng)
        x[:, 0] = rng.random(n) < 0.5 + self.difference * (np.arange(n) % 2 - 0.5)
        return x


class Streaming(Bits):
    def __init__(self, share=0.0, difference=0.0):
        super().__init__()
        self.share, self.difference = share, difference

    def rows(self, seed, start, stop):
        x = self.sample(stop, np.random.default_rng(seed))
        x[:, 0] = np.random.default_rng([seed, 1]).random(stop) < 0.5 + self.difference
        copied = np.random.default_rng([seed, 2]).random(stop) < self.share * (seed % 2)
        x[copied] = self.sample(stop, np.random.default_rng(max(seed - 1, 0)))[copied]
        return x[start:]


class Noisy(Bits):
    """Two latents and their flips at a rate."""

    n_latents, prior, noise = 2, (0.5, 0.5), 0.2

    def sample(self, n, rng):
        x = super().sample(n, rng)
        x[:, 2:] = x[:, :2] ^ (rng.random((n, 2)) < 0.2 + self.excess)
        return x

    def observe(self, latents):
        return latents

    def log_prob(self, x):
        return np.where(x[:, 2:] == x[:, :2], math.log(0.8), math.log(0.2)).sum(axis=1) - 2 * math.log(2)


class Tied(Bits):
    """Two bits of some correlation."""

    n_latents, prior = 4, (0.5, 0.5)

    def sample(self, n, rng):
        x = super().sample(n, rng)
        x[:, 1] = np.where(rng.random(n) < self.excess, x[:, 0], x[:, 1])
        return x


class Table(Bits):
    """64 sequences; a law that is a given divergence from the uniform one."""

    def __init__(self, divergence):
        super().__init__((0.5,) * 6)
        shape = np.random.default_rng(0).normal(size=64)
        scale = math.sqrt(2 * divergence / shape.var())
        for _ in range(20):  # the tilt whose divergence this is
            law = np.exp(scale * shape) / np.exp(scale * shape).sum()
            scale *= math.sqrt(divergence / (law * np.log(64 * law)).sum()) if divergence else 1.0
        self.law = law

    def sample(self, n, rng):
        return rng.choice(64, n, p=self.law)[:, None] >> np.arange(6) & 1


class Strict(Bits):
    """Some rows are impossible."""

    def log_prob(self, x):
        return np.where(x.all(axis=1), -np.inf, super().log_prob(x))

    def sample(self, n, rng):
        x = super().sample(n, rng)
        x[:, 0] &= ~x[:, 1:].all(axis=1)
        x[rng.random(n) < self.excess] = 1
        return x


WIDE = np.random.default_rng(0).uniform(0.3, 0.7, 30)
CLAIM = float(-(WIDE * np.log(WIDE) + (1 - WIDE) * np.log1p(-WIDE)).sum())
PARTS = {"n_latents": 4, "prior": (0.5, 0.5)}

CASES = {
    "rows copy": (rows_independent, 0, lambda size: Copying(size)),
    "rows differ by index": (row_index, 0, lambda size: Uneven(size)),
    "streams copy": (stream_law, 0, lambda size: Streaming(share=size)),
    "streams differ from the sample": (stream_law, 1, lambda size: Streaming(difference=size)),
    "noise": (noise_rate, 0, lambda size: Noisy(excess=size)),
    "one latent": (latent_frequencies, 0, lambda size: drawn_at((0.5,) * 4, size * np.eye(4)[0], **PARTS)),
    "all latents": (latent_frequencies, 1, lambda size: drawn_at((0.5,) * 4, size, **PARTS)),
    "two latents": (latent_independence, 0, lambda size: Tied(excess=size)),
    "a law": (sample_frequencies, 0, Table),
    "neighbours": (single_changes, 0, lambda size: drawn_at((0.7,) * 4, size)),
    "log_prob too low, by coincidences": (collisions, 0, lambda size: Bits((0.5,) * 16, -size)),
    "log_prob too high, by coincidences": (collisions, 1, lambda size: Bits((0.5,) * 16, size)),
    "log_prob too high, by the entropy": (
        entropy,
        0,
        lambda size: Bits(WIDE, size, vocabulary=2, entropy=lambda: CLAIM),
    ),
    "log_prob too low, by the entropy": (
        entropy,
        1,
        lambda size: Bits(WIDE, -size, vocabulary=2, entropy=lambda: CLAIM),
    ),
    "impossible rows": (support, 0, lambda size: Strict(excess=size)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_the_stated_size_is_found(name):
    """With probability 0.99: five of forty missed would happen once in ten thousand."""
    check, which, make = CASES[name]
    sound = check(Subject(make(0.0), 2000, 0, LEVEL, 2**10))
    assert sound.status == "passed"
    power = sound.power[which]
    assert f"{power.size:.2g}" in str(sound)
    assert "with probability 0.99" in str(sound)

    def found(size, runs):
        return sum(
            check(Subject(make(size), 2000, 2 * s, LEVEL, 2**10)).status == "violated" for s in range(1, runs + 1)
        )

    assert found(power.size, RUNS) >= RUNS - 4
    if check is not support:  # an exact check finds what there is
        assert found(power.size / 4, RUNS // 4) <= RUNS // 8


def test_a_sum_of_the_stated_deficit_is_found():
    """Without chance where no token was missed: just above it is found, just below it is not."""
    power = log_prob_sums_to_one(Subject(Bits(excess=-1e-8), 2000, 0, LEVEL, 2**10)).power[0]
    for factor, status in ((1.01, "violated"), (0.99, "passed")):
        offset = math.log1p(-power.size * factor)
        assert log_prob_sums_to_one(Subject(Bits(excess=offset), 2000, 0, LEVEL, 2**10)).status == status


@settings(max_examples=40)
@given(trials=st.integers(1, 150), rate=st.sampled_from([0.0, 0.01, 0.3, 0.5, 0.9]), level=st.sampled_from([0.1, 1e-4]))
def test_a_detectable_rate_is_rejected_with_probability_99_percent(trials, rate, level):
    for above in (True, False):
        found = detectable_rate(trials, rate, level, above=above)
        counts = np.arange(trials + 1)
        rejected = np.array([binomial_p_value(int(c), trials, rate) < level for c in counts])
        beyond = counts > trials * rate if above else counts < trials * rate
        if math.isnan(found):
            assert not (rejected & beyond).any()
        else:
            assert stats.binom.pmf(counts, trials, found)[rejected & beyond].sum() >= 0.99 - 1e-6


def test_the_critical_divergence_is_where_the_bound_meets_the_level():
    for freedom in (1, 7, 4000):
        assert gamma_tail(critical_divergence(freedom, 1e-7), freedom) == pytest.approx(1e-7, rel=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_faultless_generators_are_reported_less_often_than_allowed(wide):
    """At a rate of 0.2 and tight bounds, more than 11 alarms among 20 reports would happen once in 9000."""
    make = (lambda: Noisy()) if not wide else (lambda: Bits(WIDE, vocabulary=2, entropy=lambda: CLAIM, **PARTS_WIDE))
    alarms = [
        examine(make(), n=200, seed=seed, false_alarm=0.2, max_states=64, only=CAN_ALARM).violated for seed in range(20)
    ]
    assert sum(map(bool, alarms)) <= 11


PARTS_WIDE = {"rows": lambda seed, start, stop: Bits(WIDE).sample(stop, np.random.default_rng(seed))[start:]}
