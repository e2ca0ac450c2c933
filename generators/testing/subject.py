"""A generator under examination: two methods that it must have, and attributes that it may promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

from generators.testing.report import Unjudged


@runtime_checkable
class Sampler(Protocol):
    """The least that a generator of sequences offers."""

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """``n`` sequences of one length, integers (n, L)."""
        ...

    def log_prob(self, x: Any) -> Any:
        """``log p(x)`` in nats, (n, L) -> (n,), ``-inf`` off the support."""
        ...


@dataclass(frozen=True)
class Subject:
    """A generator, a sample of it, and how strictly to judge.

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
            raise Unjudged(f"the generator has no `{name}`")
        return value

    def draw(self, number: int, rows: int | None = None) -> Any:
        """Sample number ``number``: equal numbers have equal seeds."""
        return self.generator.sample(self.n if rows is None else rows, np.random.default_rng([self.seed, number]))

    def log_prob(self, x: Integer[np.ndarray, "n L"]) -> Float[np.ndarray, "n"]:
        """The generator's log-probabilities as float64."""
        return np.asarray(self.generator.log_prob(x), dtype=np.float64)

    @cached_property
    def sample(self) -> Integer[np.ndarray, "n L"]:
        """Sample number 0."""
        return np.asarray(self.draw(0))

    @cached_property
    def sample_log_prob(self) -> Float[np.ndarray, "n"]:
        """Log-probabilities of sample number 0."""
        return self.log_prob(self.sample)

    @property
    def length(self) -> int:
        """L, read off the sample."""
        return self.sample.shape[1]

    @cached_property
    def order(self) -> Int64[np.ndarray, "L"]:
        """The promised order, the identity where none is promised."""
        order = np.asarray(getattr(self.generator, "order", np.arange(self.length)))
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
        return np.asarray(self.promised("prior"), dtype=np.float64)

    @cached_property
    def noise(self) -> Float[np.ndarray, "P"]:
        """Noise rate of every observation; a generator that promises none is deterministic."""
        rates = np.asarray(getattr(self.generator, "noise", 0.0), dtype=np.float64)
        return np.broadcast_to(rates, len(self.observation_positions))

    @cached_property
    def noiseless(self) -> Integer[np.ndarray, "n P"]:
        """What ``observe`` makes of the sample's latents."""
        return np.asarray(self.promised("observe")(self.sample[:, self.latent_positions]))

    @property
    def seen(self) -> Integer[np.ndarray, "n P"]:
        """The sample's observations."""
        return self.sample[:, self.observation_positions]

    @cached_property
    def enumeration(self) -> Enumeration:
        """All sequences, or else all latents with their observations."""
        vocabulary = int(self.promised("vocabulary"))
        if self.length * math.log(vocabulary) <= math.log(self.max_states):
            return Enumeration(_grid(vocabulary, self.length), np.arange(self.length), vocabulary, complete=True)
        return self._support()

    def _support(self) -> Enumeration:
        size = f"all sequences would be more than max_states = {self.max_states}"
        if getattr(self.generator, "observe", None) is None or self.noise.any():
            raise Unjudged(f"{size}, and only without noise and with `observe` can the latents stand for them")
        m, places = len(self.prior), self.latent_positions
        if len(places) * math.log(m) > math.log(self.max_states):
            raise Unjudged(f"{size}, and so would all {m}**{len(places)} latents")
        latents = _grid(m, len(places))
        states = np.empty((len(latents), self.length), dtype=np.int64)
        states[:, places] = latents
        states[:, self.observation_positions] = self.promised("observe")(latents)
        return Enumeration(states, places, m, complete=False)


@dataclass(frozen=True)
class Enumeration:
    """Every state of a small distribution.

    Attributes:
        states: (S, L) sequences, in lexicographic order of ``places``.
        places: positions that tell the states apart.
        base: number of values at each of them.
        complete: all sequences over the vocabulary; otherwise those that the latents determine.
    """

    states: Integer[np.ndarray, "S L"]
    places: Int64[np.ndarray, "d"]
    base: int
    complete: bool

    def number(self, x: Integer[np.ndarray, "n L"]) -> Int64[np.ndarray, "n"]:
        """Index of each sequence in ``states``."""
        weights = self.base ** np.arange(len(self.places))[::-1]
        return x[:, self.places].astype(np.int64) @ weights.astype(np.int64)

    def __str__(self) -> str:
        """What was enumerated."""
        what = "sequences" if self.complete else "settings of the latents"
        return f"all {len(self.states)} {what}"


def _grid(base: int, width: int) -> Int64[np.ndarray, "S d"]:
    return np.indices((base,) * width, dtype=np.int64).reshape(width, base**width).T


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
