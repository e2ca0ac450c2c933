"""A generator under examination: two methods that it must have, and attributes that it may promise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer, UInt64

from generators.testing.coding import Coding
from generators.testing.crowd import Crowd
from generators.testing.enumeration import Enumeration, fits, hashes
from generators.testing.foreign import TORCH_TAKES_ITS_OWN, array, as_given, gave_rng_to_torch
from generators.testing.report import Unjudged

CROWD = 8  # further samples, of which only a word and a log-probability per row are kept
PROMISES = {
    "vocabulary": "`vocabulary`, the number of tokens",
    "alphabets": "`alphabets`, the number of values at each position",
    "n_latents": "`n_latents`, and `order` where they do not come first",
    "prior": "`prior`, (m,) probabilities of a latent's values",
    "observe": "`observe(latents)`, (n, N) -> (n, P) noiseless observations",
    "rows": "`rows(seed, start, stop)`, a stream with random access",
    "entropy": "`entropy()`, in nats",
    "order": "`order`, (L,) positions, latents first",
    "noise": "`noise`, the rate of each observation",
    "to_json": "`to_json()` and `from_json(form)`",
    "from_json": "`to_json()` and `from_json(form)`",
}
"""What an attribute that a check misses would have to be."""


@runtime_checkable
class Sampler(Protocol):
    """The least that a generator of sequences offers; in NumPy, torch or plain Python."""

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """``n`` sequences of one length, integers (n, L)."""
        ...

    def log_prob(self, x: Any) -> Any:
        """``log p(x)`` in nats, (n, L) -> (n,), ``-inf`` off the support; ``x`` is of the kind ``sample`` makes."""
        ...


@dataclass(frozen=True)
class Subject:
    """A generator, samples of it, and how strictly to judge.

    Attributes:
        generator: what is examined; optional attributes are read by name and never assumed.
        n: rows of the sample.
        seed: of the sample, and of every other draw of the checks.
        level: false-alarm rate of each statistical invariant.
        max_states: largest number of sequences to enumerate.
    """

    generator: Sampler
    n: int
    seed: int
    level: float
    max_states: int

    def promised(self, name: str) -> Any:
        """An optional attribute; the check that needs it is skipped where it is missing or None."""
        value = getattr(self.generator, name, None)
        if value is None:
            raise Unjudged(f"the generator has no `{name}`", PROMISES[name])
        return value

    def promises(self, *names: str) -> bool:
        """Whether it has all of these attributes."""
        return all(getattr(self.generator, name, None) is not None for name in names)

    def rng(self, *number: int) -> np.random.Generator:
        """The Generator of this number: equal numbers have equal seeds."""
        return np.random.default_rng([self.seed, *number])

    def draw_with(self, rng: np.random.Generator, rows: int) -> Any:
        """What ``sample`` makes, as it makes it.

        Raises:
            TypeError: ``rng`` was handed to torch.
        """
        try:
            return self.generator.sample(rows, rng)
        except (TypeError, RuntimeError) as error:
            if gave_rng_to_torch(error):
                raise TypeError(TORCH_TAKES_ITS_OWN) from error
            raise

    def drawn_with(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """The same as an array of its own, which no later call overwrites."""
        return array(self.draw_with(rng, rows), "sample").copy()

    def draw(self, number: int, rows: int | None = None) -> np.ndarray:
        """Sample number ``number``: equal numbers have equal seeds."""
        return self.drawn_with(self.rng(number), self.n if rows is None else rows)

    @cached_property
    def model(self) -> Any:
        """Two rows as the generator makes them: what it makes it also takes."""
        return self.draw_with(self.rng(0), 2)

    def given(self, x: Integer[np.ndarray, "..."]) -> Any:
        """Rows in the generator's own kind."""
        return as_given(x, self.model)

    def log_prob(self, x: Integer[np.ndarray, "n L"]) -> Float[np.ndarray, "n"]:
        """The generator's log-probabilities as float64."""
        return array(self.generator.log_prob(self.given(x)), "log_prob").astype(np.float64)

    def observe(self, latents: Integer[np.ndarray, "n N"]) -> Integer[np.ndarray, "n P"]:
        """What the generator's ``observe`` makes of latents."""
        return array(self.promised("observe")(self.given(latents)), "observe")

    def stream(self, seed: int, start: int, stop: int) -> np.ndarray:
        """Rows of its stream."""
        return array(self.promised("rows")(seed, start, stop), "rows")

    @cached_property
    def sample(self) -> Integer[np.ndarray, "n L"]:
        """Sample number 0."""
        return self.draw(0)

    @cached_property
    def sample_log_prob(self) -> Float[np.ndarray, "n"]:
        """Log-probabilities of sample number 0."""
        return self.log_prob(self.sample)

    @cached_property
    def reference(self) -> Integer[np.ndarray, "n L"]:
        """A sample that other samples are compared with, and that categories are read off."""
        return self.draw(3)

    @cached_property
    def coding(self) -> Coding:
        """The categories that the reference suggests."""
        return Coding.of(self.reference)

    @cached_property
    def crowd(self) -> Crowd:
        """``CROWD`` further samples, reduced to what the counting checks need."""
        words, values = [], []
        for number in range(CROWD):
            x = self.draw(100 + number)
            words.append(hashes(x))
            values.append(self.log_prob(x))
        return Crowd(np.concatenate(words), np.concatenate(values))

    @property
    def length(self) -> int:
        """L, read off the sample."""
        return self.sample.shape[1]

    @cached_property
    def order(self) -> Int64[np.ndarray, "L"]:
        """The promised order, the identity where none is promised."""
        order = np.asarray(self.promised("order") if self.promises("order") else np.arange(self.length))
        if order.shape != (self.length,) or (np.sort(order) != np.arange(self.length)).any():
            raise Unjudged("the order is no permutation, so latents and observations have no place")
        return order.astype(np.int64)

    @property
    def latent_positions(self) -> Int64[np.ndarray, "N"]:
        """Where the latents stand."""
        return self.order[: int(self.promised("n_latents"))]

    @property
    def observation_positions(self) -> Int64[np.ndarray, "P"]:
        """Where the observations stand."""
        return self.order[int(self.promised("n_latents")) :]

    @property
    def prior(self) -> Float[np.ndarray, "m"]:
        """The promised prior."""
        return array(self.promised("prior"), "prior").astype(np.float64)

    @cached_property
    def noise(self) -> Float[np.ndarray, "P"]:
        """Noise rate of every observation; a generator that promises none is deterministic."""
        rates = np.asarray(self.promised("noise") if self.promises("noise") else 0.0, dtype=np.float64)
        return np.broadcast_to(rates, len(self.observation_positions))

    @cached_property
    def noiseless(self) -> Integer[np.ndarray, "n P"]:
        """What ``observe`` makes of the sample's latents."""
        return self.observe(self.sample[:, self.latent_positions])

    @property
    def seen(self) -> Integer[np.ndarray, "n P"]:
        """The sample's observations."""
        return self.sample[:, self.observation_positions]

    @cached_property
    def tokens(self) -> tuple[Int64[np.ndarray, "_"], ...]:
        """The values that each position has in the sample, ascending: the alphabet where none is promised."""
        return tuple(np.unique(column).astype(np.int64) for column in self.sample.T)

    @cached_property
    def sizes(self) -> Int64[np.ndarray, "L"]:
        """The promised number of values at each position."""
        sizes = getattr(self.generator, "alphabets", None)
        return np.broadcast_to(self.promised("vocabulary") if sizes is None else sizes, self.length).astype(np.int64)

    @cached_property
    def enumeration(self) -> Enumeration:
        """All sequences over the promised alphabet, or all latents, or all sequences of the tokens that were drawn."""
        promised = [np.full(self.length, self.generator.vocabulary)] if self.promises("vocabulary") else []  # type: ignore[attr-defined]
        promised += [self.sizes] if self.promises("alphabets") else []
        for sizes in promised:
            if fits(sizes, self.max_states):
                return Enumeration(tuple(np.arange(size) for size in sizes), True, False, lambda x: x)
        if self.promises("n_latents", "prior", "observe") and not self.noise.any():
            return self._settings()
        if not promised and fits(np.array([len(v) for v in self.tokens]), self.max_states):
            return Enumeration(self.tokens, True, True, lambda x: x)
        raise Unjudged(f"there are more sequences than max_states = {self.max_states}", self._smaller())

    @property
    def enumeration_log_prob(self) -> Float[np.ndarray, "S"]:
        """Log-probabilities of all states of the enumeration."""
        return self._enumerated[0]

    @property
    def enumeration_words(self) -> UInt64[np.ndarray, "S"]:
        """Hashes of all states of the enumeration."""
        return self._enumerated[1]

    @cached_property
    def _enumerated(self) -> tuple[Float[np.ndarray, "S"], UInt64[np.ndarray, "S"]]:
        size = len(self.enumeration)
        values, words = np.empty(size), np.empty(size, dtype=np.uint64)
        at = 0
        for states in self.enumeration.chunks():
            piece = slice(at, at + len(states))
            values[piece], words[piece] = self.log_prob(states), hashes(states)
            at = piece.stop
        return values, words

    def _smaller(self) -> str:
        if self.promises("n_latents", "prior", "observe"):
            return "a larger max_states; the observations are noisy, so that the latents cannot stand for the sequences"
        return "`n_latents`, `prior` and `observe` of observations without noise, whose latents stand for the sequences"

    def _settings(self) -> Enumeration:
        m, places, others = len(self.prior), self.latent_positions, self.observation_positions
        if not fits(np.full(len(places), m), self.max_states):
            raise Unjudged(
                f"there are more sequences than max_states = {self.max_states}, and {m}**{len(places)} latents",
                "a larger max_states",
            )

        def fill(latents: np.ndarray) -> np.ndarray:
            states = np.empty((len(latents), self.length), dtype=self.sample.dtype)
            states[:, places], states[:, others] = latents, self.observe(latents)
            return states

        return Enumeration((np.arange(m),) * len(places), False, False, fill)


def show(x: Any) -> str:
    """A sequence as text, shortened in the middle."""
    values = np.asarray(x).tolist()
    if len(values) <= 24:
        return str(values)
    return f"[{', '.join(map(str, values[:12]))}, ..., {', '.join(map(str, values[-4:]))}]"


def smallest(x: Integer[np.ndarray, "n L"], failing: Bool[np.ndarray, "n"]) -> int:
    """Row of the lexicographically smallest failing sequence; the first of equal ones."""
    rows = np.flatnonzero(failing)
    return int(rows[np.lexsort(x[rows].T[::-1])[0]])
