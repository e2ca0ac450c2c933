"""Invariants of probabilities: exact where enumeration is small, else statistical with a stated false-alarm rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from generators.testing.report import Result, Unjudged, broken, holds, unless
from generators.testing.statistics import binomial_p_value, independence_p_value, mean_radius, multinomial_p_value
from generators.testing.subject import Enumeration, Subject, show, smallest

_TOLERANCE = 1e-9
_TAIL = 20.0  # nats beyond log(V**L) at which a surprisal may be cut: what lies beyond adds less than exp(-20) of it


def observations_agree(subject: Subject) -> Result:
    """Every deterministic observation is the one that ``observe`` computes from the latents."""
    certain = subject.noise == 0.0
    if not certain.any():
        raise Unjudged("no observation is deterministic")
    wrong = (subject.seen != subject.noiseless) & certain
    if not wrong.any():
        return holds(f"{int(certain.sum())} deterministic observations agree in {subject.n} rows")
    row = smallest(subject.sample, wrong.any(axis=1))
    at = int(np.flatnonzero(wrong[row])[0])
    return broken(
        f"{int(wrong.any(axis=1).sum())} of {subject.n} rows contradict their latents",
        counterexample=f"{show(subject.sample[row])}: observation {at} at position "
        f"{subject.observation_positions[at]} is {subject.seen[row, at]}",
        expected=f"{subject.noiseless[row, at]}, from latents {show(subject.sample[row][subject.latent_positions])}",
    )


def noise_rate(subject: Subject) -> Result:
    """A noisy observation differs from the noiseless one at its promised rate (exact binomial per observation)."""
    subject.promised("noise")
    noisy = np.flatnonzero(subject.noise > 0.0)
    if not noisy.size:
        raise Unjudged("no observation is noisy")
    wrong = (subject.seen != subject.noiseless).sum(axis=0)

    def judge(j: int) -> Result | None:
        if binomial_p_value(int(wrong[j]), subject.n, float(subject.noise[j])) >= subject.level / len(noisy):
            return None
        return broken(
            "an observation has another noise rate",
            counterexample=f"observation {j} differs in {wrong[j]} of {subject.n} rows, {wrong[j] / subject.n:.4f}",
            expected=_within(f"rate {subject.noise[j]:.4f}", subject),
        )

    return unless(map(judge, noisy.tolist()), f"{len(noisy)} rates agree in {subject.n} rows")


def latent_frequencies(subject: Subject) -> Result:
    """Latents have the prior's frequencies: exact binomial per latent and value, likelihood ratio over all latents."""
    latents, prior = subject.sample[:, subject.latent_positions], subject.prior
    counts = np.stack([(latents == value).sum(axis=0) for value in range(len(prior))], axis=1)  # (N, m)
    level = subject.level / 2

    def judge(latent: int, value: int) -> Result | None:
        count = int(counts[latent, value])
        if binomial_p_value(count, subject.n, float(min(prior[value], 1.0))) >= level / counts.size:
            return None
        return broken(
            "a latent has other frequencies than the prior",
            counterexample=f"latent {latent} is {value} in {count} of {subject.n} rows, {count / subject.n:.4f}",
            expected=_within(f"probability {prior[value]:.4f}", subject),
        )

    cells = itertools.product(*map(range, counts.shape))
    return unless(
        itertools.chain(itertools.starmap(judge, cells), _pooled(counts, prior, level, subject)),
        f"{len(counts)} latents agree with the prior in {subject.n} rows",
    )


def _pooled(
    counts: Integer[np.ndarray, "N m"], prior: Float[np.ndarray, "m"], level: float, subject: Subject
) -> Iterator[Result | None]:
    total = counts.sum(axis=0)
    if multinomial_p_value(total, prior) < level:
        yield broken(
            "the latents together have other frequencies than the prior",
            counterexample=f"values occur {show(total)} times, {show(np.round(total / total.sum(), 4))}",
            expected=_within(f"probabilities {show(np.round(prior, 4))}", subject),
        )


def latent_independence(subject: Subject) -> Result:
    """Every two latents are independent (likelihood-ratio chi-square of their contingency table)."""
    latents = subject.sample[:, subject.latent_positions]
    width = latents.shape[1]
    if width < 2:
        raise Unjudged("there is only one latent")
    m, pairs = int(latents.max()) + 1, math.comb(width, 2)
    indicators = (latents[:, :, None] == np.arange(m)).reshape(len(latents), width * m).astype(np.float64)
    tables = (indicators.T @ indicators).astype(np.int64).reshape(width, m, width, m)

    def judge(a: int, b: int) -> Result | None:
        table = tables[a, :, b, :]
        if independence_p_value(table) >= subject.level / pairs:
            return None
        product = np.outer(table.sum(axis=1), table.sum(axis=0)) / subject.n
        return broken(
            "two latents depend on each other",
            counterexample=f"latents {a} and {b} have joint counts {show(table)}",
            expected=_within(f"about {show(np.round(product))}", subject),
        )

    return unless(itertools.starmap(judge, itertools.combinations(range(width), 2)), f"{pairs} pairs are independent")


def log_prob_sums_to_one(subject: Subject) -> Result:
    """Probabilities of all sequences sum to one; of all settings of the latents where there are too many sequences."""
    space = subject.enumeration
    values = subject.log_prob(space.states)
    total = float(np.exp(values).sum())
    if abs(total - 1.0) <= _TOLERANCE:
        return holds(f"probabilities of {space} sum to {total!r}")
    seen = smallest(space.states, values > -np.inf) if (values > -np.inf).any() else 0
    return broken(
        f"probabilities of {space} sum to {total!r}",
        counterexample=f"{show(space.states[seen])}, the smallest possible one, has log_prob {float(values[seen])!r}",
        expected=f"sum 1; log_prob is {math.log(total):+.6g} off on the whole" if total > 0 else "sum 1",
    )


def sample_frequencies(subject: Subject) -> Result:
    """Sequences occur as often as ``log_prob`` says: exact binomial for each, likelihood-ratio chi-square for all."""
    space = subject.enumeration
    probabilities = np.minimum(np.exp(subject.log_prob(space.states)), 1.0)
    counts = np.bincount(space.number(subject.sample), minlength=len(space.states))
    level = subject.level / 2
    failing = _failing_states(counts, probabilities, subject.n, level / max(1, int((probabilities > 0).sum())))
    if failing.size:
        return _wrong_frequency(int(failing[0]), counts, probabilities, space, subject)
    if multinomial_p_value(counts, probabilities) < level:
        worst = int(np.argmax(np.abs(counts - subject.n * probabilities)))
        return _wrong_frequency(worst, counts, probabilities, space, subject)
    return holds(f"frequencies of {space} agree in {subject.n} rows")


def _failing_states(
    counts: Integer[np.ndarray, "S"], probabilities: Float[np.ndarray, "S"], n: int, level: float
) -> Integer[np.ndarray, "f"]:
    """States, ascending, whose count is out of bounds; far from every bound a state is not worth a tail sum."""
    spread = np.sqrt(n * probabilities * (1.0 - probabilities))
    suspects = np.flatnonzero(np.abs(counts - n * probabilities) > 3.0 * spread)
    p_values = [binomial_p_value(int(counts[s]), n, float(probabilities[s])) for s in suspects]
    return suspects[np.array(p_values, dtype=np.float64) < level]


def _wrong_frequency(
    state: int,
    counts: Integer[np.ndarray, "S"],
    probabilities: Float[np.ndarray, "S"],
    space: Enumeration,
    subject: Subject,
) -> Result:
    return broken(
        "sequences occur more or less often than log_prob says",
        counterexample=f"{show(space.states[state])} occurs {counts[state]} times in {subject.n} rows",
        expected=_within(f"{subject.n * probabilities[state]:.1f} times", subject),
    )


def entropy(subject: Subject) -> Result:
    """``entropy()`` is the mean of ``-log_prob``: exact by enumeration or without noise, else within a bound."""
    claimed = float(subject.promised("entropy")())
    exact = _exact_entropy(subject)
    if exact is not None:
        wanted, how = exact
        if abs(claimed - wanted) <= _TOLERANCE * (1.0 + abs(wanted)):
            return holds(f"{claimed:.6f} nats, {how}")
        return broken("the entropy is wrong", counterexample=f"{claimed!r} nats", expected=f"{wanted!r} nats, {how}")
    longest = subject.length * math.log(int(subject.promised("vocabulary"))) + _TAIL
    surprisal = np.minimum(-subject.sample_log_prob, longest)
    mean, radius = float(surprisal.mean()), mean_radius(surprisal, longest, subject.level)
    if abs(claimed - mean) <= radius:
        return holds(f"{claimed:.6f} nats, {mean:.6f} +- {radius:.6f} by sampling")
    return broken(
        "the entropy is wrong",
        counterexample=f"{claimed!r} nats, mean of -log_prob over {subject.n} rows {mean!r}",
        expected=_within(f"at most {radius:.6f} between them", subject),
    )


def _exact_entropy(subject: Subject) -> tuple[float, str] | None:
    try:
        values = subject.log_prob(subject.enumeration.states)
        possible = values[values > -np.inf]
        return float(-(np.exp(possible) * possible).sum()), f"by enumeration of {subject.enumeration}"
    except Unjudged:
        pass
    try:
        prior = subject.prior[subject.prior > 0.0]
        if subject.promised("observe") and not subject.noise.any():
            return float(-len(subject.latent_positions) * (prior * np.log(prior)).sum()), "N H(prior) without noise"
    except Unjudged:
        pass
    return None


def _within(expected: str, subject: Subject) -> str:
    return f"{expected} (false-alarm rate {subject.level:.1e})"
