"""The core of a sequence by elimination: a wide equation becomes narrow ones through auxiliary bits, partial sums.

The partial sums follow the elimination forest of the local weights, so that each equation adds about one bit to the
tables that it passes. The characters of the equations would do the same by sums with signs, as wide, and would lose the
digits of one over the probability of the equations; partial sums stay positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from generators.distribution import LODistribution
from generators.observations.function import ObservationFunction
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.elimination.price import Price
from lo_theory.posteriors.enumeration import ImpossibleEvidence
from lo_theory.posteriors.mixed.equations import Contradiction, bits_of
from lo_theory.posteriors.mixed.forest import elimination_forest
from lo_theory.posteriors.mixed.reduction import Reduced

_FEW = 6  # sums asked together whose settings a machine word holds
_SUM_OF_THREE = np.indices((2, 2, 2)).sum(axis=0).astype(np.uint8) % 2
_BIT = np.array([0, 1], dtype=np.uint8)

_Table = tuple[bytes, tuple[int, ...], int, float]  # values, shape, alphabet, noise


class SplitCore:
    """The core as an L&O distribution of local observations, whose posterior is an :class:`EliminatedPosterior`.

    Args:
        reduced: a sequence; its core must have a latent.
        max_width: as :class:`EliminatedPosterior` has it.
        max_bytes: likewise.
    """

    def __init__(self, reduced: Reduced, *, max_width: int, max_bytes: int) -> None:
        self._reduced, self._limits = reduced, (max_width, max_bytes)
        self._latents = (reduced.equations.one - 1, tuple(bits_of(reduced.core)))
        scopes = [factor.scope for factor in reduced.factors]
        short = [tuple(bits_of(form & self._latents[0])) for form in reduced.bonds]
        self._forest = elimination_forest(self._latents[1], [*scopes, *(s for s in short if len(s) <= 3)])
        self._alone = {}  # what a latent comes to -> the latent
        for i in self._latents[1]:
            self._alone.setdefault(reduced.equations.reduced(1 << i) & self._latents[0], 1 << i)

    def plan(self) -> Price:
        """What the elimination takes that answers for all sums of one latent."""
        problem = self._problem()
        return problem.posterior(*self._limits).plan(problem.tokens())

    def separate(self, sums: tuple[int, ...]) -> bool:
        """Whether a question takes an elimination of its own: it asks for a wide sum, or for many."""
        return len(sums) > _FEW or any(form not in self._alone for form in sums)

    @property
    def log_total(self) -> float:
        """Log of the sum of all weights over the core.

        Raises:
            Contradiction: it is zero.
            TooWideError: beyond the limits.
        """
        problem = self._problem()
        with _elimination():
            evidence = problem.posterior(*self._limits).log_evidence(problem.tokens())[0]
        return float(evidence) + problem.log_scale

    def joints(self, asked: Sequence[tuple[int, ...]]) -> list[Float64[np.ndarray, "s"]]:
        """Probabilities of the settings of each tuple of sums, the first of them the slowest; raises as above."""
        together = [sums for sums in asked if not self.separate(sums)]
        found = dict(zip(together, self._joints(together), strict=True))
        for sums in asked:
            if sums not in found:
                found[sums] = self._joints([sums])[0]
        return [found[sums] for sums in asked]

    def draw(self, count: int, rng: np.random.Generator) -> UInt8[np.ndarray, "n d"]:
        """Exact draws of the free bits of the core; raises as above."""
        problem = self._problem()
        with _elimination():
            drawn = problem.posterior(*self._limits).sample(np.repeat(problem.tokens(), count, axis=0), rng)
        return drawn[:, [problem.place[i] for i in self._reduced.free]].astype(np.uint8)

    def _joints(self, asked: Sequence[tuple[int, ...]]) -> list[Float64[np.ndarray, "s"]]:
        if not asked:
            return []
        problem = self._problem()
        flips, places = [], []
        for sums in asked:
            short = [self._short(form) for form in sums]
            terms = [problem.total(form & self._latents[0], self._forest) for form in short]
            places.append(problem.ask(terms))
            flips.append(sum(1 << b for b, form in enumerate(reversed(short)) if form >= self._reduced.equations.one))
        with _elimination():
            log_marginals = problem.posterior(*self._limits).log_marginals(problem.tokens())[0]
        at = problem.positions()
        return [
            np.exp(log_marginals[at[place]])[np.arange(1 << len(sums)) ^ flip]
            for sums, place, flip in zip(asked, places, flips, strict=True)
        ]

    def _short(self, form: int) -> int:
        """A form of few latents, and perhaps a constant, that comes to the same sum."""
        if form in self._alone:
            latent = self._alone[form]
            return latent | (self._reduced.equations.reduced(latent) & self._reduced.equations.one)
        shorter = True
        while shorter:
            shorter = False
            for bond in self._reduced.bonds:
                if ((form ^ bond) & self._latents[0]).bit_count() < (form & self._latents[0]).bit_count():
                    form, shorter = form ^ bond, True
        return form

    def _problem(self) -> _Problem:
        problem, latents = _Problem(self._latents[1]), self._latents[0]
        for factor in self._reduced.factors:
            table = np.frombuffer(factor.table, dtype=np.uint8).reshape((2,) * len(factor.scope))
            problem.weigh([problem.place[i] for i in factor.scope], table, factor.log_true, factor.log_false)
        for one in self._reduced.sums:
            constant = bool(one.form > latents)
            term = problem.total(one.form & latents, self._forest)
            problem.weigh([term], _BIT, *((one.log_one, one.log_zero)[:: -1 if constant else 1]))
        for form in self._reduced.bonds:
            problem.see([problem.total(form & latents, self._forest)], _BIT, int(form > latents))
        return problem


class TooWideError(Exception):
    """An elimination beyond the limits."""


@contextmanager
def _elimination() -> Iterator[None]:
    """What is raised says something of the core, and not of the distribution that it has been made."""
    try:
        yield
    except ImpossibleEvidence:
        raise Contradiction from None
    except ValueError:
        raise TooWideError from None


class _Problem:
    """A local distribution in the making, and the sequence that is seen of it."""

    def __init__(self, latents: Iterable[int]) -> None:
        self.place = {latent: number for number, latent in enumerate(latents)}
        self._count = len(self.place)
        self._seen: dict[_Table, list[tuple[list[int], int | None]]] = {}
        self._log_weights = 0.0
        self._order: list[tuple[_Table, int]] = []

    @property
    def log_scale(self) -> float:
        """Log of the sum of weights, less the log probability of the sequence that is seen."""
        return self._count * math.log(2.0) + self._log_weights

    def see(self, scope: list[int], table: np.ndarray, token: int | None, noise: float = 0.0) -> None:
        """An observation with its value, None if it is hidden."""
        key = (table.tobytes(), table.shape, max(2, int(table.max()) + 1), noise)
        self._seen.setdefault(key, []).append((scope, token))
        self._order.append((key, len(self._seen[key]) - 1))

    def weigh(self, scope: list[int], table: np.ndarray, log_true: float, log_false: float) -> None:
        """A weight of two values as a noisy observation."""
        log_both = float(np.logaddexp(log_true, log_false))
        self._log_weights += log_both
        self.see(scope, table, 1, math.exp(log_false - log_both))

    def ask(self, terms: list[int]) -> int:
        """A hidden observation whose value is the setting of ``terms``; returns its number."""
        self.see(terms, np.arange(1 << len(terms), dtype=np.int32).reshape((2,) * len(terms)), None)
        return len(self._order) - 1

    def total(self, form: int, forest: dict[int, int | None]) -> int:
        """A latent that is the sum of those in ``form``, made of partial sums along the forest."""
        waiting = {latent: [self.place[latent]] for latent in bits_of(form)}
        roots: list[int] = []
        for latent, parent in forest.items():
            if latent in waiting:
                (roots if parent is None else waiting.setdefault(parent, [])).append(self._folded(waiting[latent]))
        return self._folded(roots)

    def _folded(self, terms: list[int]) -> int:
        total = terms[0]
        for term in terms[1:]:
            self.see([total, term, self._count], _SUM_OF_THREE, 0)
            total = self._count
            self._count += 1
        return total

    def tokens(self) -> Int64[np.ndarray, "1 L"]:
        """The sequence that is seen."""
        seen = [token for members in self._seen.values() for _, token in members]
        mask_id = max([2, *(key[2] for key in self._seen)])
        return np.array([[mask_id] * self._count + [mask_id if t is None else t for t in seen]], dtype=np.int64)

    def positions(self) -> list[int]:
        """Where each observation stands, in the order in which they were made."""
        starts, at = {}, self._count
        for key, members in self._seen.items():
            starts[key] = at
            at += len(members)
        return [starts[key] + number for key, number in self._order]

    def posterior(self, max_width: int, max_bytes: int) -> EliminatedPosterior:
        """That of the distribution."""
        functions: list[ObservationFunction] = []
        for (values, shape, alphabet, noise), members in self._seen.items():
            kind = np.uint8 if len(values) == math.prod(shape) else np.int32
            table = np.frombuffer(values, dtype=kind).reshape(shape)
            base = Predicate(table, np.array([scope for scope, _ in members], dtype=np.int64), alphabet)
            functions.append(Noisy(base, noise) if noise else base)
        distribution = LODistribution(np.array([0.5, 0.5]), self._count, tuple(functions))
        return EliminatedPosterior(distribution, max_width=max_width, max_bytes=max_bytes)
