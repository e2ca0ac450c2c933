"""A test in one line: sound generators pass, those with a memory are caught by the state machine."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from generators.testing import InvariantViolation, broken_generators, invariants_test
from generators.testing.broken import sound_distribution

test_a_sound_distribution_in_one_line = invariants_test(sound_distribution, n=500, examples=5)


class Coins:
    def sample(self, n, rng):
        return rng.integers(0, 2, (n, 3))

    def log_prob(self, x):
        return np.full(len(x), -3 * np.log(2))


class Tiring(Coins):
    """``log_prob`` answers otherwise at every 300th question; the sample is drawn ahead, for whomever it may be."""

    def __init__(self):
        self.left = None

    def sample(self, n, rng):
        kept, self.left = self.left, super().sample(9, rng)
        return super().sample(n, rng) if kept is None else kept[:n]


class Overwriting(Coins):
    def __init__(self):
        self.buffer = np.zeros((20_000, 3), dtype=np.int64)

    def sample(self, n, rng):
        self.buffer[:n] = super().sample(n, rng)
        return self.buffer[:n]


class Swayed(Coins):
    """Two calls of log_prob, and the third differs."""

    def __init__(self):
        self.asked = 0

    def log_prob(self, x):
        self.asked += 1
        return super().log_prob(x) + (0.5 if self.asked % 3 == 0 else 0.0)


class Peeking(Coins):
    """The sampler looks at whether log_prob was asked."""

    def __init__(self):
        self.asked = False

    def log_prob(self, x):
        self.asked = True
        return super().log_prob(x)

    def sample(self, n, rng):
        return super().sample(n, rng) ^ int(self.asked)


@pytest.mark.parametrize("make", [Tiring, Overwriting, Swayed, Peeking])
def test_a_memory_is_found_by_the_machine_alone(make, monkeypatch):
    monkeypatch.setattr("generators.testing.machine.check_invariants", lambda *_, **__: None)
    with pytest.raises(AssertionError, match=r"of a generator that was asked before"):
        invariants_test(make, examples=30)()


def test_the_invariants_come_first_and_keep_their_arguments():
    fault = next(b for b in broken_generators() if b.violates == "latent_frequencies")
    with pytest.raises(InvariantViolation, match="latent_frequencies"):
        invariants_test(lambda: fault.generator, n=5000, examples=0)()
    with pytest.raises(InvariantViolation, match="to have it judged"):
        invariants_test(Coins, n=500, strict=True, examples=0)()
    invariants_test(Coins, n=500, examples=0)()


def test_a_generator_is_no_maker():
    with pytest.raises(TypeError, match="Pass lambda: generator"):
        inspect.unwrap(invariants_test)(Coins())  # without the check of the annotations, as outside the tests
