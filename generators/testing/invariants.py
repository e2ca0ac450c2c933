"""Test a generator of your own: what it promises must hold, what it does not promise is reported as skipped."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from generators.ground.numbers import whole_number
from generators.testing import counts, densities, dependence, frequencies, memory, repetition, structure
from generators.testing.report import InvariantViolation, Report, Result, Unjudged
from generators.testing.subject import Sampler, Subject

Check = Callable[[Subject], Result]

GATES: tuple[Check, ...] = (structure.shape, structure.alphabet, structure.log_prob_shape)
"""Where one of these fails, sequences cannot be read, and the checks after it are skipped."""

CHECKS: tuple[Check, ...] = (
    structure.support,
    structure.off_support,
    structure.row_independence,
    structure.integer_types,
    repetition.determinism,
    repetition.seeds_differ,
    repetition.fixed_structure,
    memory.calls_interleave,
    dependence.rows_independent,
    dependence.row_index,
    dependence.calls_independent,
    dependence.seeds_independent,
    repetition.order_is_a_permutation,
    repetition.stream,
    dependence.stream_law,
    repetition.json_round_trip,
    frequencies.observations_agree,
    frequencies.noise_rate,
    frequencies.latent_frequencies,
    frequencies.latent_independence,
    densities.log_prob_agrees,
    densities.log_prob_sums_to_one,
    densities.chain_rule,
    counts.sample_frequencies,
    counts.single_changes,
    counts.collisions,
    densities.entropy,
)

STATISTICAL: tuple[Check, ...] = (
    repetition.seeds_differ,
    dependence.rows_independent,
    dependence.row_index,
    dependence.calls_independent,
    dependence.seeds_independent,
    dependence.stream_law,
    frequencies.noise_rate,
    frequencies.latent_frequencies,
    frequencies.latent_independence,
    densities.log_prob_sums_to_one,
    counts.sample_frequencies,
    counts.single_changes,
    counts.collisions,
    densities.entropy,
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
    max_states: int = 2**20,
    only: Collection[str] = (),
) -> Report:
    """Judge every invariant of a generator of L&O sequences, and never raise on a violation.

    The generator needs ``sample(n, rng) -> (n, L)`` integers and ``log_prob(x) -> (n,)`` nats, as NumPy arrays, torch
    tensors or lists; ``log_prob`` is given what ``sample`` makes. It may promise more, each by an attribute that means
    what it means in ``LODistribution``: ``length``, ``vocabulary``, ``alphabets``, ``order``, ``n_latents``, ``prior``,
    ``observe(latents)``, ``noise`` (rate of each observation, absent: none), ``rows(seed, start, stop)``,
    ``entropy()``, ``to_json()`` with ``from_json(form)``, ``fingerprint``; and ``log_conditional(x, position, given)``,
    nats (n,) of the token at ``position`` given those at the positions ``given``. Length and alphabets are inferred
    from samples where they are not promised. A check that lacks an attribute is not judged; its result says which one
    would allow it. A check in which the generator raises an exception is violated. What passed states the smallest
    fault that it would have found with probability 0.99.

    Args:
        n: rows of a sample; about 20 samples are drawn.
        seed: of every draw, so a report can be repeated.
        false_alarm: probability, at most, that a faultless generator is reported; divided by Bonferroni's rule among
            the statistical checks and within each among latents, pairs, observations and sequences. All bounds hold at
            every n (exact binomial tails, finite-sample bounds otherwise).
        max_states: enumerate all sequences, or all ``m**N`` latents, up to so many; a million of 300 tokens take some
            seconds.
        only: names of the invariants to judge, beside the first three; all where it is empty.
    Raises:
        TypeError: no ``sample`` or no ``log_prob``; ``n`` or ``seed`` is no integer.
        ValueError: ``n < 4``, a negative seed, a false-alarm rate outside (0, 1), or ``only`` names no invariant.
    """
    _require_names(only, "only")
    lacking = [name for name in ("sample", "log_prob") if not callable(getattr(generator, name, None))]
    if lacking:
        raise TypeError(
            f"a generator needs sample(n, rng) and log_prob(x); {type(generator).__name__} lacks {lacking}."
        )
    n, seed = whole_number(n, "n", least=4), whole_number(seed, "seed", least=0)
    if not 0.0 < false_alarm < 1.0:
        raise ValueError(f"false_alarm is a probability between 0 and 1; got {false_alarm}.")
    subject = Subject(generator, n, seed, false_alarm / len(STATISTICAL), max_states)
    results: list[Result] = []
    for check in (*GATES, *(c for c in CHECKS if not only or c.__name__ in only)):
        closed = [r.name for r in results[: len(GATES)] if r.status == "violated"]
        results.append(_skip(check, closed[0]) if closed else _judge(check, subject))
    return Report(tuple(results))


def check_invariants(
    generator: Sampler,
    *,
    n: int = 20_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
    max_states: int = 2**20,
    only: Collection[str] = (),
    strict: bool = False,
    waived: Collection[str] = (),
) -> Report:
    """:func:`examine`, for use in a test: the report if nothing is violated, an error that names the violations if not.

    In a Hypothesis test write ``@settings(deadline=None)`` beside ``@given``: a call takes as long as its ``n`` rows
    do, and the first of a process loads and compiles what the others find ready, where Hypothesis by default calls a
    test flaky that takes more than 0.2 seconds once and less the next time.

    Args:
        strict: what could be judged, with one more attribute or more rows, and was not, is an error too.
        waived: names of invariants that need not be judged even so.
    Raises:
        InvariantViolation: names each violated invariant, its smallest counterexample and the expected value; carries
            the report.
        TypeError, ValueError: as :func:`examine`.
        ValueError: ``waived`` names no invariant.

    >>> from generators import nae_sat
    >>> check_invariants(nae_sat(3, 4, structure_seed=0), n=1000).violated
    ()
    """
    _require_names(waived, "waived")
    report = examine(generator, n=n, seed=seed, false_alarm=false_alarm, max_states=max_states, only=only)
    unjudged = [name for name in report.unjudged if name not in waived] if strict else []
    if report.violated or unjudged:
        raise InvariantViolation(report, unjudged)
    return report


def _require_names(names: Collection[str], what: str) -> None:
    unknown = sorted(set(names) - set(INVARIANTS))
    if unknown or isinstance(names, str):
        given = repr(names) if isinstance(names, str) else unknown
        raise ValueError(f"{what} holds names of invariants; got {given}, which are not among {list(INVARIANTS)}.")


def _judge(check: Check, subject: Subject) -> Result:
    try:
        return replace(check(subject), name=check.__name__)
    except Unjudged as reason:
        return Result(check.__name__, "skipped", str(reason), allow=reason.allow)
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
