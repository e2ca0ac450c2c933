"""Planted instances: the scopes are drawn *given* the latents, so only satisfied constraints are shown (Def. B.9)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, UInt8

from generators.ground.codec import array_to_json, integers_from_json, shown
from generators.ground.forms import ArrayForm, Form, Positive, read_form
from generators.ground.memory import check_memory
from generators.observations.function import freeze
from generators.observations.predicate import check_table

Shown = Literal["satisfied", "both"]
Count = Literal["binomial", "fixed"]
FORMAT = "lo-theory/planted/1"
_BATCH = 2**20  # tuples drawn at once, at most: bounds the memory


@dataclass(frozen=True)
class PlantedInstance:
    """One draw: what is hidden and what is seen.

    Attributes:
        latents: (N,) hidden values.
        scopes: (P, k) ordered tuples of distinct latents, all different, in the order in which they were drawn.
        values: (P,) ``table[latents[scopes]]``; all 1 where only satisfied constraints are shown.
    """

    latents: Integer[np.ndarray, "N"]
    scopes: Int64[np.ndarray, "P k"]
    values: UInt8[np.ndarray, "P"]

    @property
    def degree(self) -> float:
        """Average degree kP/N of this draw."""
        return self.scopes.size / len(self.latents)


class _Form(Form, frozen=True):
    format: str
    prior: list[float]
    n_latents: Positive
    table: ArrayForm
    degree: float
    shown: Shown
    count: Count


@dataclass(frozen=True, eq=False)
class PlantedEnsemble:
    """The planted constraint satisfaction problem of Def. B.9, with average degree kP/N as its only density.

    Latents are independent draws from the prior. With ``shown="satisfied"`` every ordered tuple of k distinct latents
    whose predicate holds is seen independently with one probability; an unsatisfied tuple is never seen. With
    ``shown="both"`` every ordered tuple is seen independently with one probability, whatever its value, and the value
    with it: then the zeros inform too, which is what a masked diffusion model sees. In both the probability is chosen
    so that the *expected* number of constraints is ``degree * N / k``; the paper's phi is ``probability * N**(k - 1)``.

    This is no L&O distribution: there the scopes are fixed before the latents are drawn.

    The numbers for D in the paper are ``k!`` times this degree: its Kesten-Stigum threshold of colouring with five
    colours is 32 there and 16 here.

    Args:
        prior: (m,) probabilities of a latent's values.
        n_latents: N.
        table: truth table ``(m,) * k`` of zeros and ones.
        degree: expected k P / N, at least 0.
        shown: which constraints are seen.
        count: "binomial", the definition (Poisson as N grows), or "fixed", ``round(degree * N / k)`` in every draw.
    Raises:
        ValueError: a prior that is no distribution, k > N, a table for another alphabet, a predicate that never holds,
            a degree that needs a probability above 1.
    """

    prior: Float64[np.ndarray, "m"]
    n_latents: int
    table: Integer[np.ndarray, "..."]
    degree: float
    shown: Shown = "satisfied"
    count: Count = "binomial"

    def __post_init__(self) -> None:
        """Check the parts against each other and freeze the arrays."""
        prior, table = np.array(self.prior, dtype=np.float64), np.array(self.table)
        check_table(table, 2)
        if prior.shape != table.shape[:1] or not (prior >= 0).all() or abs(prior.sum() - 1.0) > 1e-9:
            raise ValueError(
                f"the prior must hold {table.shape[0]} probabilities that sum to 1, one per value of the table's axes; "
                f"got {shown(prior.tolist())}."
            )
        if table.ndim > self.n_latents:
            raise ValueError(f"arity k = {table.ndim} must be at most N = {self.n_latents}; use more latents.")
        for name, choices in (("shown", get_args(Shown)), ("count", get_args(Count))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}; got {getattr(self, name)!r}.")
        freeze(self, prior=prior, table=table.astype(np.uint8), degree=float(self.degree))
        self._check_degree()

    @property
    def arity(self) -> int:
        """k."""
        return self.table.ndim

    @property
    def satisfied_rate(self) -> float:
        """Gamma: the probability that the predicate holds on k independent draws from the prior."""
        rate = self.table.astype(np.float64)
        for _ in range(self.arity):
            rate = rate @ self.prior
        return float(rate)

    @property
    def expected_constraints(self) -> float:
        """``degree * N / k``."""
        return self.degree * self.n_latents / self.arity

    @property
    def probability(self) -> float:
        """Probability with which a tuple that may be seen is seen, the paper's ``phi / N**(k - 1)``."""
        eligible = math.perm(self.n_latents, self.arity) * (self.satisfied_rate if self.shown == "satisfied" else 1.0)
        return self.expected_constraints / eligible

    def sample(self, rng: np.random.Generator) -> PlantedInstance:
        """Draw latents, then constraints, by rejection of tuples that repeat a latent or a tuple or are not shown.

        Raises:
            ValueError: ``count="fixed"`` and the drawn latents satisfy fewer tuples than that, or memory does not do.
        Cost: O(P / gamma) for sparse instances; 10,000 latents at degree 30 take about 0.1 s.
        """
        dtype = np.min_scalar_type(len(self.prior) - 1)
        check_memory(
            16 * self.n_latents + 8 * self.arity * math.ceil(self.expected_constraints),
            what=f"an instance of {self.n_latents} latents and {self.expected_constraints:.3g} constraints",
            advice="Lower n_latents or the degree.",
        )
        latents = rng.choice(len(self.prior), size=self.n_latents, p=self.prior).astype(dtype)
        eligible = self._eligible(latents)
        wanted = round(self.expected_constraints)
        if self.count == "binomial":
            wanted = _binomial(eligible, self.probability, rng)
        elif wanted > eligible:
            raise ValueError(
                f"{wanted} constraints were asked for, but the latents drawn satisfy only {eligible} tuples; "
                "lower the degree, raise N, or use count='binomial'."
            )
        scopes = self._tuples(latents, wanted, eligible, rng)
        return PlantedInstance(latents, scopes, self.table[tuple(latents[scopes].T)])

    def to_json(self) -> dict[str, Any]:
        """JSON form, exact."""
        return {
            "format": FORMAT,
            "prior": self.prior.tolist(),
            "n_latents": self.n_latents,
            "table": array_to_json(self.table),
            "degree": self.degree,
            "shown": self.shown,
            "count": self.count,
        }

    @classmethod
    def from_json(cls, form: Any) -> PlantedEnsemble:
        """Inverse of :meth:`to_json`; ValueError on unknown or missing fields, types or formats."""
        read = read_form(form, _Form, what="planted ensemble")
        if read.format != FORMAT:
            raise ValueError(f"expected a planted ensemble in format {FORMAT!r}; got {shown(read.format)}.")
        table = integers_from_json(read.table, what="a truth table")
        prior = np.array(read.prior, dtype=np.float64)
        return cls(prior, read.n_latents, table, read.degree, read.shown, read.count)

    def __eq__(self, other: object) -> bool:
        """Ensembles are equal when their JSON forms are."""
        return isinstance(other, PlantedEnsemble) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Hash of the parts that are numbers and words."""
        return hash((self.n_latents, self.degree, self.shown, self.count, self.table.tobytes()))

    def _check_degree(self) -> None:
        if not (math.isfinite(self.degree) and self.degree >= 0):
            raise ValueError(f"the degree kP/N is finite and at least 0; got {self.degree}.")
        if self.shown == "satisfied" and self.satisfied_rate == 0:
            raise ValueError("the predicate never holds under this prior, so no satisfied constraint can be shown.")
        if self.probability > 1:
            raise ValueError(
                f"degree {self.degree} needs every tuple to be seen with probability {self.probability:.3g}; with "
                f"N = {self.n_latents} and k = {self.arity} the largest degree is {self.degree / self.probability:.6g}."
            )

    def _eligible(self, latents: Integer[np.ndarray, "N"]) -> int:
        """Number of tuples that may be shown, exact: falling factorials of the colour counts."""
        if self.shown == "both":
            return math.perm(self.n_latents, self.arity)
        held = np.bincount(latents, minlength=len(self.prior)).tolist()
        total = 0
        for assignment in np.argwhere(self.table):
            uses = np.bincount(assignment, minlength=len(self.prior)).tolist()
            total += math.prod(math.perm(h, u) for h, u in zip(held, uses, strict=True))
        return total

    def _tuples(
        self, latents: Integer[np.ndarray, "N"], wanted: int, eligible: int, rng: np.random.Generator
    ) -> Int64[np.ndarray, "P k"]:
        """``wanted`` different eligible tuples, uniformly and in random order."""
        found = np.empty((0, self.arity), dtype=np.int64)
        rate = max(eligible / self.n_latents**self.arity, 2.0**-20)
        while len(found) < wanted:
            batch = min(_BATCH, int(1.1 * (wanted - len(found)) / rate) + 64)
            drawn = rng.integers(self.n_latents, size=(batch, self.arity))
            keep = _distinct(drawn)
            if self.shown == "satisfied":
                keep &= self.table[tuple(latents[drawn].T)] == 1
            found = _first_occurrences(np.concatenate([found, drawn[keep]]))
        return found[:wanted]


def _binomial(trials: int, probability: float, rng: np.random.Generator) -> int:
    """Binomial draw; beyond the 64-bit range of trials, where p is tiny, its Poisson limit (error below p)."""
    if trials < 2**62:
        return int(rng.binomial(trials, min(probability, 1.0)))
    return int(rng.poisson(trials * probability))


def _distinct(tuples: Int64[np.ndarray, "n k"]) -> Bool[np.ndarray, "n"]:
    keep = np.ones(len(tuples), dtype=bool)
    for a in range(tuples.shape[1]):
        for b in range(a):
            keep &= tuples[:, a] != tuples[:, b]
    return keep


def _first_occurrences(tuples: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, "d k"]:
    """Drop every repetition, keep the order: a prefix of the result is then a uniform draw without replacement."""
    by_tuple = np.lexsort(tuples.T)  # stable: equal tuples stay in the order of drawing
    ordered = tuples[by_tuple]
    again = by_tuple[1:][(ordered[1:] == ordered[:-1]).all(axis=1)]
    keep = np.ones(len(tuples), dtype=bool)
    keep[again] = False
    return tuples[keep]
