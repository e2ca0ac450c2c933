"""The L&O distribution of Def. 3.1: N latents from a prior, P observations computed from them, and an order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Integer, UInt8

from generators.ground.codec import array_to_json, fingerprint, integers_from_json, shown, unseal
from generators.ground.draws import check_range, latent_columns, named_stream, replace_noisily, words
from generators.ground.forms import ArrayForm, Form, Positive, Sha256, read_form
from generators.ground.integers import integers
from generators.ground.memory import check_memory
from generators.ground.permutation import check_permutation
from generators.ground.transpose import to_rows
from generators.observations.function import ObservationFunction, channel_entropy, channel_log_prob, freeze
from generators.observations.kinds import function_from_json

if TYPE_CHECKING:
    from generators.bit_sampler import BitSampler

FORMAT = "lo-theory/distribution/1"
_BYTES_PER_POSITION = 150  # of an order while it is checked: int64 twice, Python's integers and a set of them
_LONG = 10**6  # positions below which nobody asks how much memory there is
_LARGE = 2**26  # tokens drawn at once below which nobody asks how much memory there is
_MANY = 1024  # rows of bits from which on compiled kernels draw them
_CHUNK = 4096  # rows per pass: the columns of a chunk stay in the second-level cache


class _Form(Form, frozen=True):
    format: str
    prior: list[float]
    n_latents: Positive
    functions: list[dict[str, Any]]
    order: ArrayForm
    digest: Sha256 | None = None


@dataclass(frozen=True, eq=False)
class LODistribution:
    """Latents-and-Observations distribution on sequences of length L = N + P (Def. 3.1 of Kim et al. 2025).

    Args:
        prior: (m,) probabilities of a latent's values; they sum to 1, zeros are allowed.
        n_latents: N.
        functions: observation functions; their observations are concatenated, P in all.
        order: (L,) permutation; ``order[t]`` is the position revealed at step t. The first N steps reveal the latents,
            the others the observations, so this is the paper's pi. Identity if not given.
    Raises:
        ValueError: prior not a distribution, alphabet below 2, a scope outside the latents, a function for another
            latent alphabet, an order that is no permutation.

    Data lie in ``range(vocabulary)``; the mask id is ``vocabulary`` and the pad id ``vocabulary + 1``, never 0: in the
    paper 0 is both a value and the mask symbol.
    """

    prior: Float64[np.ndarray, "m"]
    n_latents: int
    functions: tuple[ObservationFunction, ...]
    order: Integer[np.ndarray, "L"] | None = None

    def __post_init__(self) -> None:
        """Check every part and freeze the arrays."""
        prior = np.array(self.prior, dtype=np.float64)
        _check_prior(prior)
        if self.n_latents < 1:
            raise ValueError(f"a distribution needs at least one latent; got n_latents = {self.n_latents}.")
        for number, function in enumerate(self.functions):
            _check_function(function, number, len(prior), self.n_latents)
        length = self.n_latents + sum(len(f.scopes) for f in self.functions)
        if length > _LONG:
            check_memory(
                _BYTES_PER_POSITION * length,
                what=f"the order of a distribution on {length} positions",
                advice="Use fewer latents.",
            )
        order = np.arange(length) if self.order is None else np.array(self.order)
        check_permutation(order, length, "Leave it out for the identity.")
        freeze(self, prior=prior, functions=tuple(self.functions), order=order.astype(np.int64))

    @property
    def alphabet(self) -> int:
        """Number of values of a latent, m."""
        return len(self.prior)

    @property
    def n_observations(self) -> int:
        """P."""
        return sum(len(f.scopes) for f in self.functions)

    @property
    def length(self) -> int:
        """Length of a sequence, L = N + P."""
        return self.n_latents + self.n_observations

    @property
    def vocabulary(self) -> int:
        """Number of data symbols V: the largest alphabet at any position."""
        return max([self.alphabet, *(f.alphabet for f in self.functions)])

    @property
    def mask_id(self) -> int:
        """Token that hides a position."""
        return self.vocabulary

    @property
    def pad_id(self) -> int:
        """Token that fills a sequence beyond its end."""
        return self.vocabulary + 1

    @property
    def latent_positions(self) -> Integer[np.ndarray, "N"]:
        """Position of latent i."""
        return self._order[: self.n_latents]

    @property
    def observation_positions(self) -> Integer[np.ndarray, "P"]:
        """Position of observation j."""
        return self._order[self.n_latents :]

    @property
    def alphabets(self) -> Integer[np.ndarray, "L"]:
        """Number of values at each position."""
        natural = [np.full(self.n_latents, self.alphabet)]
        natural += [np.full(len(f.scopes), f.alphabet) for f in self.functions]
        placed = np.empty(self.length, dtype=np.int64)
        placed[self._order] = np.concatenate(natural)
        return placed

    @property
    def noise(self) -> Float64[np.ndarray, "P"]:
        """Noise rate of every observation."""
        return np.concatenate([np.zeros(0), *(np.full(len(f.scopes), f.noise) for f in self.functions)])

    @property
    def _order(self) -> Integer[np.ndarray, "L"]:
        assert self.order is not None  # set in __post_init__
        return self.order

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.min_scalar_type(self.pad_id)

    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the endless sample named by ``sample_seed``, (stop - start, L), smallest dtype.

        A promised stream: row i depends on (distribution, sample_seed, i) alone, so pieces agree with the whole, shards
        can be made in parallel and a training run can resume at any step.
        """
        check_range(start, stop)
        if (stop - start) * self.length > _LARGE:
            check_memory(
                (stop - start) * self.length * self._dtype.itemsize,
                what=f"{stop - start} rows of length {self.length}",
                advice="Draw fewer at a time.",
            )
        if self.vocabulary == 2 and stop - start >= _MANY:
            return self._bits.rows(sample_seed, start, stop)
        out = np.empty((stop - start, self.length), dtype=self._dtype)
        for low in range(start, stop, _CHUNK):
            high = min(low + _CHUNK, stop)
            to_rows(self._columns(sample_seed, low, high), out[low - start : high - start], self.vocabulary)
        return out

    def packed_rows(self, sample_seed: int, start: int, stop: int) -> UInt8[np.ndarray, "n B"]:
        """:meth:`rows` of bits, eight to a byte as ``np.packbits(rows, axis=1)`` has them: (stop - start, ceil(L / 8)).

        Raises:
            ValueError: the symbols are no bits, or a range that runs backwards.
        """
        if self.vocabulary != 2:
            raise ValueError(f"only bits can be packed; this distribution has {self.vocabulary} symbols. Use rows().")
        check_range(start, stop)
        return self._bits.packed_rows(sample_seed, start, stop)

    def sample(self, n: int, rng: np.random.Generator) -> Integer[np.ndarray, "n L"]:
        """``n`` independent sequences, (n, L); one word of ``rng`` names the stream they are read from.

        Raises:
            TypeError: ``rng`` is no Generator, such as a seed.
        """
        return self.rows(named_stream(rng, n), 0, n)

    def observe(self, latents: Integer[np.ndarray, "n N"]) -> Integer[np.ndarray, "n P"]:
        """Noiseless observations of given latents, (n, N) -> (n, P).

        Raises:
            TypeError: latents that are no integers.
            ValueError: a latent outside ``range(m)`` or a wrong number of latents.
        """
        latents = integers(latents, "latents")
        if latents.ndim != 2 or latents.shape[1] != self.n_latents:
            raise ValueError(f"latents must have shape (n, {self.n_latents}); got {latents.shape}.")
        if latents.size and (latents.min() < 0 or latents.max() >= self.alphabet):
            raise ValueError(
                f"latents must lie in range({self.alphabet}); got values from {latents.min()} to {latents.max()}."
            )
        columns = np.ascontiguousarray(latents.T.astype(np.min_scalar_type(self.alphabet - 1)))
        return np.ascontiguousarray(self._evaluate(columns).T)

    def split(self, x: Integer[np.ndarray, "n L"]) -> tuple[Integer[np.ndarray, "n N"], Integer[np.ndarray, "n P"]]:
        """Latents (n, N) and observations (n, P) of sequences (n, L)."""
        return x[:, self.latent_positions], x[:, self.observation_positions]

    def join(
        self, latents: Integer[np.ndarray, "n N"], observations: Integer[np.ndarray, "n P"]
    ) -> Integer[np.ndarray, "n L"]:
        """Inverse of :meth:`split`."""
        x = np.empty((len(latents), self.length), dtype=self._dtype)
        x[:, self.latent_positions], x[:, self.observation_positions] = latents, observations
        return x

    def log_prob(self, x: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, "n"]:
        """``log p(x)`` in nats, (n, L) -> (n,); exactly ``-inf`` off the support, also for values outside the alphabet.

        Raises:
            TypeError: ``x`` is not of integers.
            ValueError: ``x`` has another length than the distribution.
        """
        x = integers(x, "sequences")
        if x.ndim != 2 or x.shape[1] != self.length:
            raise ValueError(f"sequences must have shape (n, {self.length}); got {x.shape}.")
        latents, observations = self.split(x)
        inside = ((latents >= 0) & (latents < self.alphabet)).all(axis=1)
        columns = np.where(inside, latents.T, 0).astype(np.min_scalar_type(self.alphabet - 1))
        with np.errstate(divide="ignore"):
            total = np.log(self.prior)[columns].sum(axis=0)
        at = 0
        for function in self.functions:
            seen = observations[:, at : at + len(function.scopes)].T
            noiseless = function.evaluate(columns)
            total = total + channel_log_prob(seen, noiseless, function.noise, function.alphabet).sum(axis=0)
            at += len(function.scopes)
        return np.where(inside, total, -np.inf)

    def entropy(self) -> float:
        """``H(x) = N H(prior) + sum_j H(O_j | latents)`` in nats, exact: noise is independent given the latents."""
        latent = -sum(p * math.log(p) for p in self.prior.tolist() if p > 0)
        noise = sum(len(f.scopes) * channel_entropy(f.noise, f.alphabet) for f in self.functions)
        return self.n_latents * latent + noise

    def to_json(self) -> dict[str, Any]:
        """JSON form, exact: ``from_json(to_json())`` is the same distribution with the same fingerprint."""
        return {
            "format": FORMAT,
            "prior": self.prior.tolist(),
            "n_latents": self.n_latents,
            "functions": [f.to_json() for f in self.functions],
            "order": array_to_json(self._order),
        }

    @classmethod
    def from_json(cls, form: Any) -> LODistribution:
        """Inverse of :meth:`to_json`; the form may also be sealed by a ``digest``, which is compared then.

        Raises:
            ValueError: unknown or missing fields, values of another type, another format, or parts that the constructor
                refuses.
        """
        read = read_form(form, _Form, what="distribution")
        if read.format != FORMAT:
            raise ValueError(f"expected a distribution in format {FORMAT!r}; got {shown(read.format)}.")
        unseal(form, what="distribution")
        functions = tuple(function_from_json(f) for f in read.functions)
        order = integers_from_json(read.order, what="an order", axes=1)
        return cls(np.array(read.prior, dtype=np.float64), read.n_latents, functions, order)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name this distribution; every dataset, checkpoint and result carries them."""
        return fingerprint(self.to_json())

    def __eq__(self, other: object) -> bool:
        """Distributions are equal when their JSON forms are."""
        return isinstance(other, LODistribution) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Hash of the fingerprint."""
        return hash(self.fingerprint)

    @cached_property
    def _bits(self) -> BitSampler:
        from generators.bit_sampler import BitSampler  # compiled kernels: not loaded for a few rows

        return BitSampler(self.prior, self.n_latents, self.functions, self._order)

    def _evaluate(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        blocks = [f.evaluate(columns) for f in self.functions]
        return np.concatenate(blocks) if blocks else np.empty((0, columns.shape[1]), dtype=np.uint8)

    def _columns(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "L n"]:
        latents = latent_columns(self.prior, self.n_latents, sample_seed, start, stop)
        out = np.empty((self.length, stop - start), dtype=self._dtype)
        out[self.latent_positions] = latents
        at = self.n_latents
        for number, function in enumerate(self.functions):
            values = function.evaluate(latents)
            if function.noise:
                count = len(function.scopes)
                raw = words(sample_seed, 1 + number, start * count, stop * count).reshape(-1, count).T
                values = replace_noisily(values, function.noise, function.alphabet, raw)
            out[self._order[at : at + len(values)]] = values
            at += len(values)
        return out


def _check_prior(prior: Float64[np.ndarray, "..."]) -> None:
    if prior.ndim != 1 or len(prior) < 2:
        raise ValueError(f"the prior lists the probabilities of m >= 2 values; got shape {prior.shape}.")
    if not np.isfinite(prior).all() or (prior < 0).any():
        raise ValueError(f"the prior's entries are probabilities, finite and >= 0; got {shown(prior.tolist())}.")
    if abs(prior.sum() - 1.0) > 1e-9:
        total = float(prior.sum())
        raise ValueError(f"the prior must sum to 1; {shown(prior.tolist())} sums to {total!r}. Divide it by its sum.")


def _check_function(function: ObservationFunction, number: int, alphabet: int, n_latents: int) -> None:
    if function.latent_alphabet != alphabet:
        raise ValueError(
            f"observation function {number} reads latents with {function.latent_alphabet} values, "
            f"the prior has {alphabet}."
        )
    worst = int(function.scopes.max(initial=-1))
    if worst >= n_latents:
        raise ValueError(
            f"observation function {number} reads latent {worst}, but there are only N = {n_latents}; "
            f"scopes hold indices in range({n_latents})."
        )
