"""Hidden Markov models as distributions on sequences of one length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64, Integer

from generators.ground.codec import array_from_json, array_to_json, shown, unseal
from generators.ground.forms import ArrayForm, Form, Positive, Sha256, read_form
from generators.ground.numbers import whole_number
from generators.text.markov import frozen_probabilities, in_pieces, inner_tokens, uniform_rows
from generators.text.passing import Passing, distribution_function
from generators.text.sequences import Law

FORMAT = "lo-theory/hidden-markov/1"
_MOST_SEQUENCES = 2**20  # that the entropy is summed over
_CHUNK = 2**14


class _Form(Form, frozen=True):
    format: str
    length: Positive
    initial: ArrayForm
    transition: ArrayForm
    emission: ArrayForm
    digest: Sha256 | None = None


@dataclass(frozen=True, eq=False)
class HiddenMarkov(Law):
    """Tokens that are drawn given the states of a Markov chain which nobody sees.

    Args:
        initial: (S,) probabilities of the first state.
        transition: (S, S), of the next state given the state.
        emission: (S, V), of the token given the state. Zeros are allowed everywhere.
        length: tokens of a sequence, L.
    Raises:
        ValueError: shapes that do not belong together, rows that are no distributions, fewer than two tokens.

    Tokens lie in ``range(vocabulary)``; the mask id is ``vocabulary``, the pad id ``vocabulary + 1``.
    """

    initial: Float64[np.ndarray, "..."]
    transition: Float64[np.ndarray, "..."]
    emission: Float64[np.ndarray, "..."]
    length: int

    def __post_init__(self) -> None:
        """Check and freeze."""
        parts = {
            "initial": frozen_probabilities(self.initial, "initial", axes=None),
            "transition": frozen_probabilities(self.transition, "transition", axes=1),
            "emission": frozen_probabilities(self.emission, "emission", axes=1),
        }
        states = len(parts["initial"])
        shapes = [part.shape for part in parts.values()]
        if shapes[:2] != [(states,), (states, states)] or len(shapes[2]) != 2 or shapes[2][0] != states:
            raise ValueError(
                "a hidden Markov model has an initial distribution (S,), transitions (S, S) and emissions (S, V); got "
                f"{', '.join(map(str, shapes))}."
            )
        if shapes[2][1] < 2:
            raise ValueError(f"a hidden Markov model needs at least two tokens; got V = {shapes[2][1]}.")
        for name, part in parts.items():
            object.__setattr__(self, name, part)
        object.__setattr__(self, "length", whole_number(self.length, "length", least=1))

    @property
    def states(self) -> int:
        """Number of hidden states, S."""
        return len(self.initial)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, V."""
        return self.emission.shape[1]

    @property
    def passing(self) -> Passing:
        """The model as its messages see it."""
        return Passing(self.initial.copy(), self.transition[:, None, :].copy(), self.emission.copy(), 1)

    def rows(self, sample_seed: int, start: int, stop: int) -> Integer[np.ndarray, "n L"]:
        """Rows ``start..stop-1`` of the endless sample named by ``sample_seed``, (stop - start, L), smallest dtype.

        A promised stream: row i depends on (model, sample_seed, i) alone. Stream 0 draws the states, stream 1 the
        tokens, a word for each.

        Raises:
            ValueError: a negative seed, or a range that runs backwards.
        """

        def drawn(low: int, high: int, out: np.ndarray) -> None:
            from generators.text.messages import pick, walk  # compiled kernels: not loaded before they are needed

            first, moves, tokens = self._edges
            states = np.empty((high - low, self.length), dtype=np.int64)
            walk(first, moves, 1, uniform_rows(sample_seed, 0, low, high, self.length), states)
            pick(tokens, states, uniform_rows(sample_seed, 1, low, high, self.length), out)

        return in_pieces(drawn, start, stop, self.length, self.pad_id)

    def log_prob(self, x: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, "n"]:
        """``log p(x)`` in nats by messages from the left, (n, L) -> (n,); exactly ``-inf`` off the support.

        Raises:
            TypeError: ``x`` is not of integers.
            ValueError: ``x`` has another length.
        """
        from generators.text.messages import log_evidence

        tokens, inside = inner_tokens(x, self.length, self.vocabulary)
        return np.where(inside, log_evidence(self.passing, tokens, self.mask_id), -np.inf)

    def entropy(self) -> float:
        """Entropy of a sequence in nats, exact, as a sum over all V^L sequences: it has no closed form.

        Raises:
            ValueError: there are more than 2**20 sequences.
        """
        size, length = self.vocabulary, self.length
        if length * math.log2(size) > math.log2(_MOST_SEQUENCES):
            raise ValueError(
                f"the entropy of a hidden Markov model is a sum over all sequences, here {size}**{length}; at most "
                f"{_MOST_SEQUENCES} are added up. Use sampled_entropy(n, rng), which has a standard error."
            )
        total = 0.0
        for low in range(0, size**length, _CHUNK):
            codes = np.arange(low, min(low + _CHUNK, size**length))
            log_prob = self.log_prob(np.stack(np.unravel_index(codes, (size,) * length), axis=1))
            possible = log_prob > -np.inf
            total -= float((np.exp(log_prob[possible]) * log_prob[possible]).sum())
        return total

    def sampled_entropy(self, n: int, rng: np.random.Generator) -> tuple[float, float]:
        """Mean of ``-log p(x)`` over ``n`` sequences and its standard error, in nats.

        Raises:
            ValueError: fewer than two sequences.
        """
        whole_number(n, "n", least=2)
        nats = -self.log_prob(self.sample(n, rng))
        return float(nats.mean()), float(nats.std(ddof=1) / math.sqrt(n))

    def to_json(self) -> dict[str, Any]:
        """JSON form, exact to the bit."""
        return {
            "format": FORMAT,
            "length": self.length,
            "initial": array_to_json(self.initial),
            "transition": array_to_json(self.transition),
            "emission": array_to_json(self.emission),
        }

    @classmethod
    def from_json(cls, form: Any) -> HiddenMarkov:
        """Inverse of :meth:`to_json`; the form may also be sealed by a ``digest``, which is compared then.

        Raises:
            ValueError: unknown or missing fields, another format, or parts that the constructor refuses.
        """
        read = read_form(form, _Form, what="hidden Markov model")
        if read.format != FORMAT:
            raise ValueError(f"expected a hidden Markov model in format {FORMAT!r}; got {shown(read.format)}.")
        unseal(form, what="hidden Markov model")
        initial, transition, emission = map(array_from_json, (read.initial, read.transition, read.emission))
        return cls(initial, transition, emission, read.length)

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = (self.initial, self.transition, self.emission)
        first, moves, tokens = (distribution_function(part) for part in parts)
        return first, moves, tokens
