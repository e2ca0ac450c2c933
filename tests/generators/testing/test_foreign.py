"""Classes of other people: torch, lists, tuples, and what they forget."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from generators.testing import InvariantViolation, check_invariants, examine
from generators.testing.foreign import array, as_given


class Torch:
    """Three coins and their parity, as tensors."""

    def sample(self, n, rng):
        draws = torch.Generator().manual_seed(int(rng.integers(2**63)))
        coins = torch.randint(0, 2, (n, 3), generator=draws)
        return torch.cat([coins, coins.sum(dim=1, keepdim=True) % 2], dim=1)

    def log_prob(self, x):
        assert isinstance(x, torch.Tensor)
        assert x.dtype == torch.int64
        possible = x[:, 3] == x[:, :3].sum(dim=1) % 2
        right = torch.tensor(-3 * math.log(2), dtype=torch.float64, requires_grad=True)
        return torch.where(possible, right, -torch.inf)


LAW = {(a, b, a ^ b): -2 * math.log(2) for a in (0, 1) for b in (0, 1)}


class Lists:
    """The same in plain Python; a row is a tuple, and the law is a dictionary."""

    def sample(self, n, rng):
        coins = rng.integers(0, 2, (n, 2)).tolist()
        return [(a, b, a ^ b) for a, b in coins]

    def log_prob(self, x):
        return [LAW.get(row, -math.inf) for row in x]


@pytest.mark.parametrize("generator", [Torch(), Lists()])
def test_torch_and_plain_python_are_judged_like_numpy(generator):
    report = check_invariants(generator, n=2000)
    assert {"support", "rows_independent", "log_prob_sums_to_one", "sample_frequencies"} <= set(report.passed)
    assert report["integer_types"].detail == "tokens are no numpy arrays, and have one type only"


def test_a_fault_is_found_in_them_too():
    class Copying(Torch):
        def sample(self, n, rng):
            x = super().sample(n, rng)
            x[1::2] = x[: n // 2 * 2 : 2]
            return x

    class Off(Lists):
        def log_prob(self, x):
            return [value + 0.01 for value in super().log_prob(x)]

    assert "rows_independent" in examine(Copying(), n=2000).violated
    assert "log_prob_sums_to_one" in examine(Off(), n=2000).violated


@pytest.mark.parametrize(
    "draw",
    [
        lambda n, rng: torch.randint(0, 2, (n, 3), generator=rng),
        lambda n, rng: torch.rand(n, 3, generator=rng).round(),
        lambda n, rng: torch.multinomial(torch.ones(n, 2), 3, replacement=True, generator=rng),
        lambda n, rng: torch.randint(0, 2, (n, 3), generator=torch.manual_seed(rng)),
        lambda n, rng: torch.randint(0, 2, (n, 3), generator=torch.Generator().manual_seed(rng)),
        lambda n, rng: torch.distributions.Bernoulli(torch.full((n, 3), 0.5)).sample(rng),
    ],
)
def test_an_rng_that_torch_is_given_gets_a_clear_message(draw):
    class Mistaken(Torch):
        def sample(self, n, rng):
            return draw(n, rng)

    with pytest.raises(
        InvariantViolation, match=r"torch\.Generator\(\)\.manual_seed\(int\(rng\.integers\(2\*\*63\)\)\)"
    ):
        check_invariants(Mistaken(), n=100)


def test_another_type_error_keeps_its_message():
    class Mistaken(Torch):
        def sample(self, n, rng):
            return int(rng) + n

    message = examine(Mistaken(), n=100)["shape"].counterexample
    assert "manual_seed" not in message
    assert "numpy.random" in message


def test_what_is_no_array_is_refused_by_name():
    with pytest.raises(TypeError, match="log_prob returned None"):
        array(None, "log_prob")
    with pytest.raises(ValueError, match="sample is no rectangular array"):
        array([[1, 2], [3]], "sample")


def test_tensors_of_any_kind_become_arrays():
    assert array(torch.ones(2, dtype=torch.bfloat16, requires_grad=True), "x").tolist() == [1.0, 1.0]
    assert array(torch.ones(2, dtype=torch.uint8), "x").dtype == np.uint8


def test_rows_go_back_as_what_they_came_as():
    x = np.arange(4).reshape(2, 2)
    assert as_given(x, [(0, 0)]) == [(0, 1), (2, 3)]
    assert as_given(x, ([0, 0],)) == ([0, 1], [2, 3])
    assert as_given(x, torch.zeros(1, 2, dtype=torch.int32)).dtype == torch.int32
    assert as_given(x, np.zeros((1, 2), dtype=np.uint8)).dtype == np.uint8
    assert as_given(x, x) is not x
