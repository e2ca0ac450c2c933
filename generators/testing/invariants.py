"""Test a generator of your own: what it promises must hold, what it does not promise is reported as skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from generators.testing import frequencies, repetition, structure
from generators.testing.report import InvariantViolation, Report, Result, Unjudged
from generators.testing.subject import Sampler, Subject

Check = Callable[[Subject], Result]

GATES: tuple[Check, ...] = (structure.shape, structure.alphabet, structure.log_prob_shape)
"""Where one of these fails, sequences cannot be read, and the checks after it are skipped."""

CHECKS: tuple[Check, ...] = (
    structure.support,
    structure.off_support,
    structure.row_independence,
    repetition.determinism,
    repetition.seeds_differ,
    repetition.fixed_structure,
    repetition.order_is_a_permutation,
    repetition.stream,
    repetition.json_round_trip,
    frequencies.observations_agree,
    frequencies.noise_rate,
    frequencies.latent_frequencies,
    frequencies.latent_independence,
    frequencies.log_prob_sums_to_one,
    frequencies.sample_frequencies,
    frequencies.entropy,
)

STATISTICAL: tuple[Check, ...] = (
    repetition.seeds_differ,
    frequencies.noise_rate,
    frequencies.latent_frequencies,
    frequencies.latent_independence,
    frequencies.sample_frequencies,
    frequencies.entropy,
)
"""The checks that can raise a false alarm; each gets an equal share of the rate."""

INVARIANTS: tuple[str, ...] = tuple(check.__name__ for check in (*GATES, *CHECKS))
"""Names of all invariants, in the order of the report."""


def examine(
    generator: Sampler,
    *,
    n: int = 20_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
    max_states: int = 2**16,
) -> Report:
    """Judge every invariant of a generator of L&O sequences, and never raise on a violation.

    The generator needs ``sample(n, rng) -> (n, L)`` integers and ``log_prob(x) -> (n,)`` nats. It may promise more,
    each by an attribute that means what it means in ``LODistribution``: ``length``, ``vocabulary``, ``alphabets``,
    ``order``, ``n_latents``, ``prior``, ``observe(latents)``, ``noise`` (rate of each observation, absent: none),
    ``rows(seed, start, stop)``, ``entropy()``, ``to_json()`` with ``from_json(form)``, ``fingerprint``. A check that
    needs an absent attribute is skipped and says so. A check in which the generator raises an exception is violated.

    Args:
        n: rows of the sample. With 20,000 rows of 4 bits a prior of 0.53 for 0.50 escapes less than once in 10**25.
        seed: of every draw, so a report can be repeated.
        false_alarm: probability, at most, that a faultless generator is reported; divided by Bonferroni's rule among
            the statistical checks and within each among latents, pairs, observations and sequences. All bounds hold at
            every n (exact binomial tails, finite-sample bounds otherwise).
        max_states: enumerate all ``V**L`` sequences, or all ``m**N`` latents, up to so many.
    Raises:
        TypeError: no ``sample`` or no ``log_prob``.
        ValueError: ``n < 4`` or a false-alarm rate outside (0, 1).
    """
    lacking = [name for name in ("sample", "log_prob") if not callable(getattr(generator, name, None))]
    if lacking:
        raise TypeError(
            f"a generator needs sample(n, rng) and log_prob(x); {type(generator).__name__} lacks {lacking}."
        )
    if n < 4 or not 0.0 < false_alarm < 1.0:
        raise ValueError(f"need n >= 4 rows and a false_alarm in (0, 1); got n = {n}, false_alarm = {false_alarm}.")
    subject = Subject(generator, n, seed, false_alarm / len(STATISTICAL), max_states)
    results: list[Result] = []
    for check in (*GATES, *CHECKS):
        closed = [r.name for r in results[: len(GATES)] if r.status == "violated"]
        results.append(_skip(check, closed[0]) if closed else _judge(check, subject))
    return Report(tuple(results))


def check_invariants(
    generator: Sampler,
    *,
    n: int = 20_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
    max_states: int = 2**16,
) -> Report:
    """:func:`examine`, for use in a test: the report if nothing is violated, an error that names the violations if not.

    Raises:
        InvariantViolation: names each violated invariant, its smallest counterexample and the expected value; carries
            the report.
        TypeError, ValueError: as :func:`examine`.

    >>> from generators import nae_sat
    >>> check_invariants(nae_sat(3, 4, structure_seed=0), n=1000).violated
    ()
    """
    report = examine(generator, n=n, seed=seed, false_alarm=false_alarm, max_states=max_states)
    if report.violated:
        raise InvariantViolation(report)
    return report


def _judge(check: Check, subject: Subject) -> Result:
    try:
        return replace(check(subject), name=check.__name__)
    except Unjudged as reason:
        return Result(check.__name__, "skipped", str(reason))
    except Exception as error:  # whatever a foreign generator raises belongs in its report
        return Result(
            check.__name__,
            "violated",
            "the generator raised an exception",
            counterexample=f"{type(error).__name__}: {error}",
            expected="no exception",
        )


def _skip(check: Check, gate: str) -> Result:
    return Result(check.__name__, "skipped", f"{gate} is violated")
