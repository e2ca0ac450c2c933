"""Invariants of the parts of a sequence: latents follow the prior, observations follow the latents and the noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from generators.testing.power import detectable_correlation, detectable_rate, share_of_rows
from generators.testing.report import Power, Result, Unjudged, broken, holds, unless
from generators.testing.statistics import binomial_p_value, independence_p_value, multinomial_p_value
from generators.testing.subject import Subject, show, smallest


def observations_agree(subject: Subject) -> Result:
    """Every deterministic observation is the one that ``observe`` computes from the latents."""
    certain = subject.noise == 0.0
    if not certain.any():
        raise Unjudged("no observation is deterministic")
    wrong = (subject.seen != subject.noiseless) & certain
    if not wrong.any():
        wrong_rows = share_of_rows(subject.n, "a wrong observation")
        return holds(f"{int(certain.sum())} deterministic observations agree in {subject.n} rows", wrong_rows)
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

    least = float(subject.noise[noisy].min())
    more = detectable_rate(subject.n, least, subject.level / len(noisy)) - least
    return unless(
        map(judge, noisy.tolist()),
        f"{len(noisy)} rates agree in {subject.n} rows",
        Power(more, f"a rate that is {{}} above {least:.3g}"),
    )


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
        _bias(prior, subject.n, level / counts.size, "one latent"),
        _bias(prior, subject.n * len(counts), level, "all latents", pooled=True),
    )


def _bias(prior: Float[np.ndarray, "m"], trials: int, level: float, whose: str, *, pooled: bool = False) -> Power:
    """The bias that is found of the value nearest to one half: exactly for a latent, by the divergence for all."""
    rate = min(1.0, float(prior[np.argmin(np.abs(prior - 0.5))]))
    if pooled:  # n KL is (bias / spread)**2 / 2 to second order, as that of a correlation bias / spread
        bias = detectable_correlation(int((prior > 0).sum()) - 1, trials, level) * math.sqrt(rate * (1.0 - rate))
    else:
        bias = abs(detectable_rate(trials, rate, level, above=rate < 0.5) - rate)
    return Power(bias, f"a bias of {{}} in a value of {whose}")


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
    m, pairs = max(int(latents.max()) + 1, 2), math.comb(width, 2)
    if subject.promises("prior"):
        m = max(m, len(subject.prior))
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

    return unless(
        itertools.starmap(judge, itertools.combinations(range(width), 2)),
        f"{pairs} pairs are independent",
        Power(detectable_correlation(m * m - 1, subject.n, subject.level / pairs), "a correlation {} of two latents"),
    )


def _within(expected: str, subject: Subject) -> str:
    return f"{expected} (false-alarm rate {subject.level:.1e})"
