"""Markov chains of memory 1 and 2 as distributions on sequences of one length: every number about them is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from generators.ground.codec import array_from_json, array_to_json, shown, unseal
from generators.ground.draws import check_range, uniforms, words
from generators.ground.forms import ArrayForm, Form, Positive, Sha256, read_form
from generators.ground.integers import integers
from generators.ground.memory import check_memory
from generators.ground.numbers import whole_number
from generators.text.passing import Passing, distribution_function, logarithm
from generators.text.sequences import Law

FORMAT = "lo-theory/markov/1"
_CHUNK = 2**22  # tokens drawn per pass


class _Form(Form, frozen=True):
    format: str
    length: Positive
    initial: ArrayForm
    transition: ArrayForm
    digest: Sha256 | None = None


@dataclass(frozen=True, eq=False)
class MarkovChain(Law):
    """A chain whose next token depends on the ``memory`` tokens before it, the same way at every position.

    Args:
        initial: probabilities of the first tokens: (V,) of the first one, or (V, V) of the first two together.
        transition: ``transition[a, b]`` of b after a, (V, V), or ``transition[a, b, c]`` of c after a, b, (V, V, V).
            Zeros are allowed.
        length: tokens of a sequence, L.
    Raises:
        ValueError: shapes that do not belong together, rows that are no distributions, fewer than two tokens, a
            sequence shorter than the memory.

    Tokens lie in ``range(vocabulary)``; the mask id is ``vocabulary``, the pad id ``vocabulary + 1``.

    >>> chain = MarkovChain(np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.2, 0.8]]), length=3)
    >>> round(float(np.exp(chain.log_prob(np.array([[0, 0, 1]]))[0])), 6)
    0.045
    """

    initial: Float64[np.ndarray, "..."]
    transition: Float64[np.ndarray, "..."]
    length: int

    def __post_init__(self) -> None:
        """Check and freeze."""
        initial = frozen_probabilities(self.initial, "initial", axes=None)
        transition = frozen_probabilities(self.transition, "transition", axes=1)
        memory, size = initial.ndim, initial.shape[0]
        if memory not in (1, 2) or initial.shape != (size,) * memory or transition.shape != (size,) * (memory + 1):
            raise ValueError(
                "a chain has an initial distribution of shape (V,) and transitions (V, V), or (V, V) and (V, V, V) for "
                f"a memory of two tokens; got {initial.shape} and {transition.shape}."
            )
        if size < 2:
            raise ValueError(f"a chain needs at least two tokens; got V = {size}.")
        object.__setattr__(self, "initial", initial)
        object.__setattr__(self, "transition", transition)
        object.__setattr__(self, "length", whole_number(self.length, "length", least=memory))

    @property
    def memory(self) -> int:
        """Tokens that the next one depends on, 1 or 2."""
        return self.initial.ndim

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self.initial.shape[0]

    @property
    def passing(self) -> Passing:
        """The chain as its messages see it."""
        size = self.vocabulary
        cube = self.transition.reshape(size, -1, size).copy()
        return Passing(self.initial.ravel().copy(), cube, None, self.memory)

    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the endless sample named by ``sample_seed``, (stop - start, L), smallest dtype.

        A promised stream: row i depends on (chain, sample_seed, i) alone. A word for each token, by inversion.

        Raises:
            ValueError: a negative seed, or a range that runs backwards.
        """

        def drawn(low: int, high: int, out: np.ndarray) -> None:
            from generators.text.messages import walk  # compiled kernels: not loaded before they are needed

            walk(*self._edges, self.memory, uniform_rows(sample_seed, 0, low, high, self.length), out)

        return in_pieces(drawn, start, stop, self.length, self.pad_id)

    def log_prob(self, x: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, "n"]:
        """``log p(x)`` in nats, (n, L) -> (n,); exactly ``-inf`` off the support, also for values that are no tokens.

        Raises:
            TypeError: ``x`` is not of integers.
            ValueError: ``x`` has another length.
        """
        tokens, inside = inner_tokens(x, self.length, self.vocabulary)
        memory, moves = self.memory, self.length - self.memory
        total = logarithm(self.initial)[tuple(tokens[:, t] for t in range(memory))]
        steps = tuple(tokens[:, t : t + moves] for t in range(memory + 1))
        total = total + logarithm(self.transition)[steps].sum(axis=1)
        return np.where(inside, total, -np.inf)

    def entropy(self) -> float:
        """Entropy of a sequence in nats, exact: that of the first tokens and of each step given its past."""
        size = self.vocabulary
        state, moves = self.initial.ravel(), self.transition.reshape(-1, size)
        each, total = entropies(moves), float(entropies(state[None])[0])
        for _ in range(self.length - self.memory):
            total += float(state @ each)
            state = (state[:, None] * moves).reshape(size, -1).sum(axis=0)
        return total

    def to_json(self) -> dict[str, Any]:
        """JSON form, exact to the bit."""
        return {
            "format": FORMAT,
            "length": self.length,
            "initial": array_to_json(self.initial),
            "transition": array_to_json(self.transition),
        }

    @classmethod
    def from_json(cls, form: Any) -> MarkovChain:
        """Inverse of :meth:`to_json`; the form may also be sealed by a ``digest``, which is compared then.

        Raises:
            ValueError: unknown or missing fields, another format, or parts that the constructor refuses.
        """
        read = read_form(form, _Form, what="Markov chain")
        if read.format != FORMAT:
            raise ValueError(f"expected a Markov chain in format {FORMAT!r}; got {shown(read.format)}.")
        unseal(form, what="Markov chain")
        return cls(array_from_json(read.initial), array_from_json(read.transition), read.length)

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        moves = self.transition.reshape(-1, self.vocabulary)
        return distribution_function(self.initial.ravel()), distribution_function(moves)


def frozen_probabilities(values: Any, what: str, *, axes: int | None) -> Float64[np.ndarray, "..."]:
    """A read-only copy whose last ``axes`` axes (all, if None) hold distributions.

    Raises:
        ValueError: entries that are no probabilities, or that do not sum to 1 within 1e-9; the first such row is named.
    """
    array = np.array(values, dtype=np.float64)
    if array.ndim == 0 or not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{what} holds probabilities, finite and >= 0; got {shown(array.tolist())}.")
    sums = np.atleast_1d(array.sum() if axes is None else array.sum(axis=tuple(range(-axes, 0))))
    wrong = np.argwhere(abs(sums - 1.0) > 1e-9)
    if wrong.size:
        at = tuple(int(i) for i in wrong[0])
        where = what if axes is None else f"{what}{list(at)}"
        raise ValueError(f"{where} must sum to 1; it sums to {float(sums[at])!r}. Divide it by its sum.")
    array.setflags(write=False)
    return array


def uniform_rows(seed: int, stream: int, low: int, high: int, length: int) -> Float64[np.ndarray, "n L"]:
    """One number in [0, 1) for each token of rows ``low..high-1``."""
    return uniforms(words(seed, stream, low * length, high * length)).reshape(high - low, length)


def in_pieces(
    drawn: Callable[[int, int, np.ndarray], None], start: int, stop: int, length: int, largest: int
) -> Integer[np.ndarray, "n L"]:
    """Rows drawn some at a time: ``drawn(low, high, out)`` fills ``out`` with rows ``low..high-1``.

    Raises:
        ValueError: a range that runs backwards, or more rows than memory holds.
    """
    check_range(start, stop)
    dtype = np.min_scalar_type(largest)
    if (stop - start) * length > _CHUNK:
        what = f"{stop - start} rows of length {length}"
        check_memory((stop - start) * length * dtype.itemsize, what=what, advice="Draw fewer at a time.")
    out = np.empty((stop - start, length), dtype=dtype)
    step = max(1, _CHUNK // length)
    for low in range(start, stop, step):
        high = min(low + step, stop)
        drawn(low, high, out[low - start : high - start])
    if start == stop:
        drawn(start, stop, out)  # refuses what it would refuse
    return out


def inner_tokens(
    x: Integer[np.ndarray, "n L"], length: int, vocabulary: int
) -> tuple[Int64[np.ndarray, "n L"], Bool[np.ndarray, "n"]]:
    """Sequences as int64 with 0 in place of what is no token, and which of them hold tokens alone.

    Raises:
        TypeError: no integers.
        ValueError: another length.
    """
    x = integers(x, "sequences")
    if x.ndim != 2 or x.shape[1] != length:
        raise ValueError(f"sequences must have shape (n, {length}); got {x.shape}.")
    inside = np.asarray((x >= 0) & (x < vocabulary))
    return np.where(inside, x, 0).astype(np.int64), np.asarray(inside.all(axis=1))


def entropies(rows: Float64[np.ndarray, "n V"]) -> Float64[np.ndarray, "n"]:
    """Entropy of each row in nats."""
    return -np.where(rows > 0, rows * logarithm(np.where(rows > 0, rows, 1.0)), 0.0).sum(axis=1)
