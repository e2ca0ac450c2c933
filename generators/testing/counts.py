"""Invariants of how often sequences occur, finite-sample: each of them, neighbours of them, and any of them again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from generators.testing.crowd import count_known
from generators.testing.enumeration import hashes
from generators.testing.power import detectable_divergence, detectable_rate, detectable_shift
from generators.testing.report import Power, Result, Unjudged, broken, holds, unless
from generators.testing.statistics import (
    binomial_p_value,
    log_binomial,
    multinomial_p_value,
    unequal_rates_p_value,
)
from generators.testing.subject import CROWD, Subject, show

_TOLERANCE = 1e-9
_UNKNOWN = np.iinfo(np.int64).min
_FEWEST = 5.0  # times that a sequence is expected, where only those seen before are counted


def sample_frequencies(subject: Subject) -> Result:
    """Sequences occur as often as ``log_prob`` says: exact binomial for each, likelihood-ratio chi-square for all.

    The sequences are all of them, or else those that half of the rows showed often enough; the other half is counted.
    """
    cells = _Cells.of(subject)
    level = subject.level / 2
    failing = cells.failing(level / max(1, int((cells.rates > 0).sum())))
    if failing.size:
        return cells.violation(int(failing[0]), subject.level)
    if multinomial_p_value(cells.counts, cells.rates) < level:
        return cells.violation(int(np.argmax(np.abs(cells.counts - cells.total * cells.rates))), subject.level)
    freedom = int((cells.rates > 0).sum()) - 1
    nats = detectable_divergence(freedom, cells.total, level) if freedom else 0.0
    return holds(
        f"frequencies of {cells.what} agree in {cells.total} rows", Power(nats, "a law {} nats (KL) away from log_prob")
    )


class _Cells:
    """Sequences, how often they should occur and do; the last cell is every other sequence."""

    def __init__(self, subject: Subject, log_prob: np.ndarray, words: np.ndarray, drawn: np.ndarray, what: str) -> None:
        order = np.argsort(words, kind="stable")
        self.counts = np.zeros(len(words) + 1, dtype=np.int64)
        self.counts[order], self.counts[-1] = count_known(words[order], drawn)
        known = np.minimum(np.exp(log_prob), 1.0)
        rest = 1.0 - float(known.sum())
        self.rates = np.append(known, rest if rest > _TOLERANCE else 0.0)
        self.total, self.what, self._subject, self._words = len(drawn), what, subject, words

    @classmethod
    def of(cls, subject: Subject) -> _Cells:
        crowd = subject.crowd
        try:
            space = subject.enumeration
        except Unjudged:
            words, values = crowd.known
            often = np.exp(values) * len(crowd.others) >= _FEWEST
            if not often.any():
                raise Unjudged(
                    f"no sequence is expected {_FEWEST:.0f} times in {len(crowd.others)} rows",
                    "a larger n, or what lets all sequences be enumerated: `vocabulary`, or `n_latents`, `prior` and "
                    "`observe` without noise",
                ) from None
            return cls(subject, values[often], words[often], crowd.others, f"{int(often.sum())} sequences seen before")
        return cls(subject, subject.enumeration_log_prob, subject.enumeration_words, crowd.words, str(space))

    def failing(self, level: float) -> Int64[np.ndarray, "f"]:
        """Cells, ascending, whose count is out of bounds; where the count alone is likelier than that, none is."""
        suspects = np.flatnonzero(log_binomial(self.counts, self.total, self.rates) < math.log(level))
        p_values = [binomial_p_value(int(self.counts[s]), self.total, float(self.rates[s])) for s in suspects]
        return suspects[np.array(p_values, dtype=np.float64) < level]

    def violation(self, cell: int, level: float) -> Result:
        """What the report says of one of them."""
        return broken(
            "sequences occur more or less often than log_prob says",
            counterexample=f"{self._named(cell)} occurs {self.counts[cell]} times in {self.total} rows",
            expected=f"{self.total * self.rates[cell]:.1f} times (false-alarm rate {level:.1e})",
        )

    def _named(self, cell: int) -> str:
        if cell == len(self._words):
            return f"any sequence but {self.what}"
        for x in (self._subject.draw(100 + number) for number in range(CROWD)):
            at = np.flatnonzero(hashes(x) == self._words[cell])
            if at.size:
                return show(x[at[0]])
        return show(self._subject.enumeration.state(cell))


def collisions(subject: Subject) -> Result:
    """Sequences come again as often as ``log_prob`` says, and those seen have together at most probability 1.

    The birthday test: the probability of all sequences that one half of the rows shows is the share of the other half
    that lies among them (exact binomial). It needs no alphabet, no latents and no enumeration, and sees a constant in
    ``log_prob`` where some hundred rows come again.
    """
    (words, values), others = subject.crowd.known, subject.crowd.others
    mass, total = float(np.exp(values).sum()), len(others)
    if mass > 1.0 + _TOLERANCE:
        return broken(
            "the sequences that were seen have together a probability above 1",
            counterexample=f"{len(words)} different sequences have probabilities that sum to {mass!r}",
            expected=f"at most 1; log_prob is at least {math.log(mass):.6g} too high on the whole",
        )
    mass = min(mass, 1.0)
    again = total - count_known(words, others)[1]
    if binomial_p_value(again, total, mass) < subject.level:
        return broken(
            "sequences come again more or less often than log_prob says",
            counterexample=f"{again} of {total} rows are among {len(words)} different ones seen before",
            expected=f"{total * mass:.1f} of them (false-alarm rate {subject.level:.1e})",
        )
    return holds(
        f"{again} of {total} rows come again, {total * mass:.1f} expected", *_offsets(mass, total, subject.level)
    )


def _offsets(mass: float, total: int, level: float) -> Iterator[Power]:
    more, less = detectable_rate(total, mass, level), detectable_rate(total, mass, level, above=False)
    if mass < 1.0 and more <= 1.0:  # what log_prob calls mass is more
        yield Power(math.log(more / mass), "a log_prob that is {} too low")
    if 0.0 < less < mass:
        yield Power(math.log(mass / less), "a log_prob that is {} too high")


def single_changes(subject: Subject) -> Result:
    """A sequence and one that differs in one or two tokens occur in the ratio of their probabilities.

    Given that a row is one of the two, chance alone decides which, by their ``log_prob``: no sum over all sequences is
    needed. Partners are drawn symmetrically, among tokens that another sample showed.
    """
    found = [n for n in (_Neighbours.of(subject, changes) for changes in (1, 2)) if len(n.rates)]
    if not found:
        raise Unjudged("no change of one or two tokens leads from a possible sequence to a possible one")
    most = max(len(n.rates) for n in found)
    level = subject.level / len(found)
    return unless(
        (result for neighbours in found for result in neighbours.judged(level)),
        f"{sum(len(n.rates) for n in found)} rows and their neighbours occur in the ratio of their probabilities",
        Power(detectable_shift(most, level / 3), "a probability of the likelier of two neighbours that is {} off"),
    )


@dataclass(frozen=True)
class _Neighbours:
    """Rows that have a possible neighbour, in which of the two orders they came, and how likely that order was.

    Attributes:
        changes: number of tokens in which neighbours differ.
        place: the first changed position.
        smaller: the row that was drawn has the smaller token there.
        rates: probability of that, given the two.
        gain: ``log_prob`` of the row less that of its neighbour.
    """

    changes: int
    place: Int64[np.ndarray, "k"]
    smaller: Bool[np.ndarray, "k"]
    rates: Float[np.ndarray, "k"]
    gain: Float[np.ndarray, "k"]

    @classmethod
    def of(cls, subject: Subject, changes: int) -> _Neighbours:
        """One neighbour for each row of a sample, by a symmetric draw."""
        x, rng = subject.draw(1).astype(np.int64), subject.rng(60, changes)
        movable = np.flatnonzero([len(tokens) > 1 for tokens in subject.tokens])
        if len(movable) < changes:
            return cls(changes, *(np.empty(0, dtype=kind) for kind in (np.int64, np.bool_, np.float64, np.float64)))
        chosen = rng.integers(0, len(movable), (len(x), 1))
        if changes == 2:
            chosen = np.concatenate([chosen, (chosen + rng.integers(1, len(movable), chosen.shape)) % len(movable)], 1)
        y, rows = x.copy(), np.arange(len(x))
        for places in movable[chosen].T:
            y[rows, places] = _other_tokens(x[rows, places], places, subject.tokens, rng)
        place = movable[chosen[:, 0]]
        known = (y != _UNKNOWN).all(axis=1)
        x, y, place, rows = x[known], y[known], place[known], rows[known]
        of_x, of_y = subject.log_prob(x), subject.log_prob(y)
        possible = np.isfinite(of_x) & np.isfinite(of_y)
        x, y, place, gain = x[possible], y[possible], place[possible], (of_x[possible] - of_y[possible])
        at = np.arange(len(x))
        smaller = x[at, place] < y[at, place]
        oriented = np.where(smaller, gain, -gain)
        return cls(changes, place, smaller, 1.0 / (1.0 + np.exp(np.clip(-oriented, -700, 700))), gain)

    def judged(self, level: float) -> Iterator[Result | None]:
        """Three families of tests, each with a third of the level."""
        decided = np.abs(self.gain) > _TOLERANCE
        likelier = 1.0 / (1.0 + np.exp(-np.minimum(np.abs(self.gain[decided]), 700)))
        yield self._judge(self.gain[decided] > 0, likelier, level / 3, "the likelier of the two")
        yield self._judge(self.smaller, self.rates, level / 3, "the one with the smaller token")
        places = np.unique(self.place)
        for place in places.tolist():
            at = self.place == place
            what = f"the one with the smaller token at position {place}"
            yield self._judge(self.smaller[at], self.rates[at], level / 3 / len(places), what)

    def _judge(
        self, drawn: Bool[np.ndarray, "k"], rates: Float[np.ndarray, "k"], level: float, what: str
    ) -> Result | None:
        if unequal_rates_p_value(int(drawn.sum()), rates) >= level:
            return None
        return broken(
            "neighbouring sequences occur in another ratio than that of their probabilities",
            counterexample=f"of {len(drawn)} rows and neighbours that differ in {self.changes} tokens, "
            f"{what} was drawn {int(drawn.sum())} times",
            expected=f"{rates.sum():.1f} times (false-alarm rate {level:.1e})",
        )


def _other_tokens(
    tokens: Int64[np.ndarray, "n"],
    places: Int64[np.ndarray, "n"],
    alphabets: tuple[Int64[np.ndarray, "_"], ...],
    rng: np.random.Generator,
) -> Int64[np.ndarray, "n"]:
    """Another token of each one's alphabet, all equally likely; ``_UNKNOWN`` for a token that is not in it."""
    other = np.full(len(tokens), _UNKNOWN)
    for place in np.unique(places).tolist():
        rows, alphabet = np.flatnonzero(places == place), alphabets[place]
        at = np.minimum(np.searchsorted(alphabet, tokens[rows]), len(alphabet) - 1)
        known = alphabet[at] == tokens[rows]
        step = rng.integers(1, len(alphabet), len(rows))
        other[rows] = np.where(known, alphabet[(at + step) % len(alphabet)], _UNKNOWN)
    return other
