"""A test in one line, with a state machine: whatever was asked before, an answer is that of a fresh generator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from generators.testing.foreign import TORCH_TAKES_ITS_OWN, array, gave_rng_to_torch
from generators.testing.invariants import check_invariants
from generators.testing.subject import Sampler, show

_ALWAYS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
SEEDS, ROWS = st.integers(0, 7), st.integers(1, 9)


def invariants_test(
    make: Callable[[], Sampler],
    *,
    n: int = 20_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
    max_states: int = 2**20,
    strict: bool = False,
    waived: Collection[str] = (),
    examples: int = 20,
    steps: int = 10,
) -> Callable[[], None]:
    """A test for pytest: ``test_mine = invariants_test(MyGenerator)``.

    It runs :func:`check_invariants` on what ``make`` makes, and then a Hypothesis state machine: sequences of calls of
    ``sample`` and ``log_prob``, shrunk to the shortest that shows a difference from a generator that was asked nothing
    before.

    Args:
        make: makes a generator, the same one every time: a class or a function without arguments.
        n, seed, false_alarm, max_states, strict, waived: as :func:`check_invariants`.
        examples: sequences of calls to try; 0 for none.
        steps: most calls in a sequence.
    Returns:
        A function without arguments. It raises InvariantViolation, or AssertionError from the state machine.
    Raises:
        TypeError: ``make`` cannot be called, such as a generator itself.

    >>> from generators import nae_sat
    >>> test_mine = invariants_test(lambda: nae_sat(3, 4, structure_seed=0), n=500, examples=2)
    >>> test_mine()
    """
    if not callable(make):
        raise TypeError(f"make is called to make a generator; got {make!r}. Pass lambda: generator, or its class.")

    def test_invariants() -> None:
        check_invariants(
            make(), n=n, seed=seed, false_alarm=false_alarm, max_states=max_states, strict=strict, waived=waived
        )
        if examples:
            chosen = settings(_ALWAYS, max_examples=examples, stateful_step_count=steps)
            run_state_machine_as_test(state_machine(make), settings=chosen)

    return test_invariants


def state_machine(make: Callable[[], Sampler]) -> type[RuleBasedStateMachine]:
    """The machine alone, for settings of your own: ``TestMine = state_machine(MyGenerator).TestCase``."""

    class InterleavedCalls(RuleBasedStateMachine):
        """One generator that is asked again and again, and a fresh one for each question."""

        def __init__(self) -> None:
            super().__init__()
            self.worn = make()
            self.kept: list[tuple[Any, np.ndarray]] = []
            self.streams: dict[int, tuple[np.random.Generator, list[int]]] = {}

        @rule(seed=SEEDS, n=ROWS)
        def sample(self, seed: int, n: int) -> None:
            """A sample of a seed."""
            rows = _draw(self.worn, n, np.random.default_rng(seed))
            _same(rows, _draw(make(), n, np.random.default_rng(seed)), f"sample({n}, default_rng({seed}))")
            self.kept.append((rows, array(rows, "sample").copy()))

        @rule(seed=SEEDS, n=ROWS)
        def sample_on(self, seed: int, n: int) -> None:
            """The next sample of one rng; samples of other seeds, and log_prob, may come between."""
            rng, before = self.streams.setdefault(seed, (np.random.default_rng(seed), []))
            rows, fresh, again = _draw(self.worn, n, rng), make(), np.random.default_rng(seed)
            for size in before:
                _draw(fresh, size, again)
            _same(
                rows, _draw(fresh, n, again), f"sample({n}, rng) after samples of {before} rows with rng of seed {seed}"
            )
            before.append(n)

        @rule(data=st.data())
        def log_prob(self, data: st.DataObject) -> None:
            """``log_prob`` of any rows drawn before."""
            if self.kept:
                rows, _ = data.draw(st.sampled_from(self.kept))
                _same(self.worn.log_prob(rows), make().log_prob(rows), "log_prob of rows drawn before")

        @invariant()
        def results_stay(self) -> None:
            """What was returned is not changed later."""
            for rows, before in self.kept:
                _same(rows, before, "rows drawn before, after further calls")

    return InterleavedCalls


def _draw(generator: Sampler, n: int, rng: np.random.Generator) -> Any:
    try:
        return generator.sample(n, rng)
    except (TypeError, RuntimeError) as error:
        if gave_rng_to_torch(error):
            raise TypeError(TORCH_TAKES_ITS_OWN) from error
        raise


def _same(seen: Any, wanted: Any, what: str) -> None:
    worn, fresh = array(seen, what), array(wanted, what)
    if not np.array_equal(worn, fresh, equal_nan=worn.dtype.kind == "f"):
        raise AssertionError(
            f"{what}: {show(worn)} of a generator that was asked before, {show(fresh)} of one that was not"
        )
