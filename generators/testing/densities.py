"""Invariants of ``log_prob`` itself: its sum, its parts, its conditionals and its mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int64

from generators.testing.power import detectable_mean, share_of_rows
from generators.testing.report import Power, Result, Unjudged, broken, holds, unless
from generators.testing.statistics import binomial_p_value, mean_p_value
from generators.testing.structure import PROBES, same
from generators.testing.subject import PROMISES, Subject, show, smallest

Conditional = Callable[[np.ndarray, int, tuple[int, ...]], np.ndarray]
_TOLERANCE = 1e-9
_TAIL = 12.0  # nats beyond the log of the number of sequences where a surprisal is cut: its mean loses below exp(-12)


def log_prob_sums_to_one(subject: Subject) -> Result:
    """Probabilities of all sequences sum to one; of all settings of the latents where there are too many sequences.

    Where the alphabet is not promised, all sequences of the tokens that were drawn may miss what other samples show.
    """
    space, values = subject.enumeration, subject.enumeration_log_prob
    total = float(np.exp(values).sum())
    if abs(total - 1.0) <= _TOLERANCE:
        return holds(f"probabilities of {space} sum to {total!r}")
    if space.inferred and total < 1.0:
        return _rest(subject, total)
    possible = np.flatnonzero(values > -np.inf)
    seen = int(possible[0]) if possible.size else 0
    return broken(
        f"probabilities of {space} sum to {total!r}",
        counterexample=f"{show(space.state(seen))}, the smallest possible one, has log_prob {float(values[seen])!r}",
        expected=f"sum 1; log_prob is {math.log(total):+.6g} off on the whole" if total > 0 else "sum 1",
    )


def _rest(subject: Subject, total: float) -> Result:
    """What the sum lacks must be tokens that the sample did not show; another sample says how many there are."""
    x, tokens = subject.draw(1), subject.tokens
    outside = ~np.stack([np.isin(x[:, i], tokens[i]) for i in range(subject.length)]).all(axis=0)
    count, lacking = int(outside.sum()), 1.0 - total
    if binomial_p_value(count, subject.n, lacking) < subject.level:
        return broken(
            f"probabilities of {subject.enumeration} sum to {total!r}",
            counterexample=f"{count} of {subject.n} other rows have others",
            expected=f"sum 1, or {subject.n * lacking:.1f} such rows (false-alarm rate {subject.level:.1e})",
        )
    least = 1.0 - (subject.level / 2) ** (1.0 / subject.n)  # no other row has further tokens
    return holds(
        f"probabilities of {subject.enumeration} sum to {total!r}; {count} of {subject.n} other rows have others",
        Power(least, "a sum that is {} too low"),
    )


def log_prob_agrees(subject: Subject) -> Result:
    """``log_prob`` is the prior of the latents times the channel of the observations, exactly, at every sampled row.

    With noise of rate e an observation is the noiseless one with probability 1 - e, and each other value alike.
    """
    latents, prior = subject.sample[:, subject.latent_positions], subject.prior
    if not subject.promises("observe") and subject.observation_positions.size:
        raise Unjudged("the generator has no `observe`", PROMISES["observe"])
    if latents.min() < 0 or latents.max() >= len(prior):
        raise Unjudged("a latent lies outside the prior, as alphabet or latent_frequencies says")
    with np.errstate(divide="ignore"):
        wanted = np.log(prior)[latents].sum(axis=1)
        if subject.observation_positions.size:
            wanted = wanted + _channel(subject)
    differs = ~same(subject.sample_log_prob, wanted)
    if not differs.any():
        found = share_of_rows(subject.n, "a wrong log_prob")
        return holds(f"log_prob is that of latents and noise in {subject.n} rows", found)
    row = smallest(subject.sample, differs)
    return broken(
        f"log_prob of {int(differs.sum())} of {subject.n} rows is not that of their latents and noise",
        counterexample=f"{show(subject.sample[row])} has log_prob {float(subject.sample_log_prob[row])!r}",
        expected=f"{float(wanted[row])!r}, the prior of its latents times the noise of its observations",
    )


def _channel(subject: Subject) -> Float[np.ndarray, "n"]:
    noise, others = subject.noise, np.ones(len(subject.noise))
    if noise.any():
        sizes = subject.promised("alphabets")
        others = np.broadcast_to(sizes, subject.length)[subject.observation_positions] - 1.0
    kept, replaced = np.log1p(-noise), np.log(noise) - np.log(others)
    return np.where(subject.seen == subject.noiseless, kept, replaced).sum(axis=1)


def chain_rule(subject: Subject) -> Result:
    """Conditionals in any order make ``log_prob``, and each sums to one over the tokens of its position.

    They are offered as ``log_conditional(x, position, given)``: nats (n,) of each row's token at ``position`` given
    those at the positions ``given``.
    """
    if not subject.promises("log_conditional"):
        raise Unjudged("no conditionals are offered as `log_conditional(x, position, given)`")
    ask = subject.promised("log_conditional")
    x = subject.sample[:PROBES]
    wanted = subject.sample_log_prob[: len(x)]
    orders = [np.arange(subject.length), np.arange(subject.length)[::-1]]
    orders += [subject.rng(70, number).permutation(subject.length) for number in (0, 1)]

    def conditional(rows: np.ndarray, position: int, given: tuple[int, ...]) -> np.ndarray:
        return np.asarray(ask(subject.given(rows), position, given), dtype=np.float64)

    def judged() -> Iterator[Result | None]:
        for order in orders:
            steps = [conditional(x, int(p), tuple(order[:t].tolist())) for t, p in enumerate(order)]
            yield _chain(x, np.sum(steps, axis=0), wanted, order)
            middle = subject.length // 2
            yield _normalised(subject, conditional, x, int(order[middle]), tuple(order[:middle].tolist()))

    return unless(judged(), f"conditionals of {len(x)} rows in {len(orders)} orders make log_prob and sum to 1")


def _chain(
    x: np.ndarray, total: Float[np.ndarray, "k"], wanted: Float[np.ndarray, "k"], order: Int64[np.ndarray, "L"]
) -> Result | None:
    differs = ~same(total, wanted)
    if not differs.any():
        return None
    row = smallest(x, differs)
    return broken(
        "conditionals do not make log_prob",
        counterexample=f"{show(x[row])} in the order {show(order)}: they sum to {total[row]}",
        expected=f"{wanted[row]}",
    )


def _normalised(
    subject: Subject, conditional: Conditional, x: np.ndarray, position: int, given: tuple[int, ...]
) -> Result | None:
    tokens = subject.tokens[position]
    if subject.promises("vocabulary") or subject.promises("alphabets"):
        tokens = np.arange(subject.sizes[position])
    total = np.zeros(len(x))
    for token in tokens.tolist():
        changed = x.copy()
        changed[:, position] = token
        total += np.exp(conditional(changed, position, given))
    row = int(np.argmax(np.abs(total - 1.0)))
    complete = subject.promises("vocabulary") or subject.promises("alphabets")
    if abs(total[row] - 1.0) <= _TOLERANCE or (not complete and total[row] < 1.0):
        return None
    return broken(
        "a conditional does not sum to 1",
        counterexample=f"position {position} of {show(x[row])} given {show(sorted(given))}: {total[row]!r}",
        expected="1",
    )


def entropy(subject: Subject) -> Result:
    """``entropy()`` is the mean of ``-log_prob``: exact by enumeration, or N H(prior) without noise and by a bound."""
    claimed = float(subject.promised("entropy")())
    for wanted, how, last in _exact_entropies(subject):
        if abs(claimed - wanted) > _TOLERANCE * (1.0 + abs(wanted)):
            return broken(
                "the entropy is wrong", counterexample=f"{claimed!r} nats", expected=f"{wanted!r} nats, {how}"
            )
        if last:
            return holds(f"{claimed:.6f} nats, {how}")
    return _mean_entropy(subject, claimed)


def _exact_entropies(subject: Subject) -> Iterator[tuple[float, str, bool]]:
    """Values, what they are, and whether ``log_prob`` made them, so that nothing is left to compare."""
    try:
        values = None if subject.enumeration.inferred else subject.enumeration_log_prob
    except Unjudged:
        values = None
    if values is not None:
        possible = values[values > -np.inf]
        yield float(-(np.exp(possible) * possible).sum()), f"by enumeration of {subject.enumeration}", True
    if subject.promises("n_latents", "prior", "observe") and not subject.noise.any():
        prior = subject.prior[subject.prior > 0.0]
        value = float(-len(subject.latent_positions) * (prior * np.log(prior)).sum())
        yield value, "N H(prior) without noise", False


def _mean_entropy(subject: Subject, claimed: float) -> Result:
    surprisal = -subject.crowd.log_prob
    most = _log_support(subject) + _TAIL
    surprisal, n = np.clip(surprisal, 0.0, most), len(surprisal)
    if not 0.0 <= claimed <= most:
        return broken(
            "the entropy is wrong", counterexample=f"{claimed!r} nats", expected=f"at most {most - _TAIL} nats"
        )
    slack, mean = math.exp(-_TAIL), float(surprisal.mean())
    if mean_p_value(surprisal, 0.0, most, claimed, slack) < subject.level:
        return broken(
            "the entropy is wrong",
            counterexample=f"{claimed!r} nats, mean of -log_prob over {n} rows {mean!r}",
            expected=f"the same (false-alarm rate {subject.level:.1e})",
        )
    return holds(
        f"{claimed:.6f} nats, {mean:.6f} in the mean of {n} rows",
        Power(
            detectable_mean(surprisal, most - claimed + slack, subject.level) + slack, "a log_prob that is {} too high"
        ),
        Power(detectable_mean(surprisal, claimed, subject.level), "a log_prob that is {} too low"),
    )


def _log_support(subject: Subject) -> float:
    """Log of a number that the possible sequences do not exceed."""
    most = float(np.log(subject.sizes).sum())
    if subject.promises("n_latents", "prior", "observe") and not subject.noise.any():
        most = min(most, len(subject.latent_positions) * math.log(len(subject.prior)))
    return most
