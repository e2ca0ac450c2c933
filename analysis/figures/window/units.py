"""The hard window: how often masks and reverse steps fall into it (I4), and how revealed latents shrink it (I5).

Masks and orders are drawn and counted, beside the exact law. Belief propagation is run with some latents revealed, to
see where the planted start still knows more than an uninformed one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8

from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Rows, Subject, rounded
from analysis.planted.cases import CASES, Case
from analysis.planted.curve import CONVERGED, PHI, PROPAGATION, one_instance
from generators.families import every_subset, predicate_csp
from lo_theory.estimate import exact_estimate, mean_estimate, ratio_estimate, share_estimate, wilson_interval
from lo_theory.learning.masking import count_masks
from lo_theory.phases.belief_propagation import Settings, Start, planted_beliefs
from lo_theory.phases.window import (
    Design,
    no_latent_revealed,
    no_latent_revealed_limit,
    window_share,
    window_share_limit,
    window_steps,
)

EXPERIMENT_NAME, REVEALED = "window", "revealed"
"""Names of the two tables: masks and steps of designs, and belief propagation with latents revealed."""
SHARE, STEPS, SILENT = "window_share", "window_steps", "no_latent_revealed"
DRAWN, EXACT, LIMIT = "drawn", "exact law", "limit"
PER_LATENT, REVEALED_SHARE = "observations per latent", "revealed share"
DENSE = "dense "
"""Before the name of a design that has an observation for every ordered tuple."""
HIDDEN_OVERLAP = "hidden_overlap"
STARTS: tuple[Start, ...] = ("prior", "planted")
KEPT = 0.05
"""Difference of hidden overlaps from which on the two starts count as having met different fixed points."""
HARD, SATISFIED = "2-in-4", "NAE-3, m = 3, satisfied"
SPARSE_LATENTS = (30, 100)
SPARSE: dict[str, tuple[float, ...]] = {HARD: (2.0, 5.0, 10.0, 20.0, 40.0), SATISFIED: (15.0, 20.0, 40.0)}
DENSE_LATENTS: dict[str, tuple[int, ...]] = {HARD: (8, 10, 12, 16), SATISFIED: (8, 12, 16, 24, 32)}
_BATCH_TOKENS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class WindowSize:
    """How much is drawn, and the grid of the diagram.

    Attributes:
        masks: drawn of a sparse design; of a dense one, a twentieth of them.
        orders: random orders of each design.
        n_latents: of an instance with latents revealed, N.
        iterations: of belief propagation, at most.
        instances: per share and degree.
        shares: of revealed latents.
        degrees: of the visible constraints.
        sparse: observations per latent of the sparse designs, by case.
        dense: latents of the dense designs, by case.
    """

    masks: int
    orders: int
    n_latents: int
    iterations: int
    instances: int
    shares: tuple[float, ...]
    degrees: tuple[float, ...]
    sparse: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: SPARSE)
    dense: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: DENSE_LATENTS)


_FINE_SHARES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2)

SIZES: dict[ScaleName, WindowSize] = {
    "smoke": WindowSize(
        masks=4000,
        orders=100,
        n_latents=2000,
        iterations=300,
        instances=2,
        shares=(0.005, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2),
        degrees=(2.8, 3.0, 3.2, 3.4, 3.6, 3.8, 4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 5.2),
    ),
    "small": WindowSize(
        masks=10_000,
        orders=400,
        n_latents=10_000,
        iterations=1000,
        instances=3,
        shares=_FINE_SHARES,
        degrees=tuple(round(2.7 + 0.1 * i, 1) for i in range(26)),
    ),
    "paper": WindowSize(
        masks=40_000,
        orders=1000,
        n_latents=40_000,
        iterations=3000,
        instances=5,
        shares=(0.002, *_FINE_SHARES),
        degrees=tuple(round(2.7 + 0.05 * i, 2) for i in range(51)),
    ),
}


@dataclass(frozen=True, kw_only=True)
class WindowUnit:
    """One design: a case of ``CASES``, its numbers of latents and observations.

    Attributes:
        case: whose window, between condensation and Kesten-Stigum degree.
        per_latent: observations per latent, P / N; None for the dense design of Prop. 3.3, one observation for every
            ordered tuple.
        masks: drawn, n uniform on 1..L and the subset uniform.
        orders: random orders of revealing, one token per step.
        seed: of structure and draws.
    """

    case: str
    n_latents: int
    per_latent: float | None
    masks: int
    orders: int
    seed: int = 0

    @property
    def label(self) -> str:
        """Case and sizes."""
        return f"{self.case}, N = {self.n_latents}, P = {self.n_observations}"

    @property
    def n_observations(self) -> int:
        """P."""
        if self.per_latent is None:
            return math.perm(self.n_latents, CASES[self.case].arity)
        return round(self.per_latent * self.n_latents)

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Share of masks inside, steps inside, steps inside that reveal no latent; drawn, exact and in the limit."""
        case, rng = CASES[self.case], np.random.default_rng([self.seed, self.n_latents, self.n_observations])
        low, high = window_of(case)
        kinds = self._kinds(case, rng)
        informative = int((kinds == 2).sum())
        design = Design(n_latents=self.n_latents, length=len(kinds), informative=informative, arity=case.arity)
        name = f"{DENSE if self.per_latent is None else ''}{self.case}, N = {self.n_latents}"
        about = Subject(distribution=name, fingerprint="", model=DRAWN, seed=self.seed)
        made = partial(about.row, EXPERIMENT_NAME, swept=PER_LATENT, at=self.n_observations / self.n_latents)
        inside = self._masks(kinds, design.inside(low, high), rng)
        ends = wilson_interval(inside, self.masks)
        yield made(SHARE, share_estimate(inside, self.masks), low=ends[0], high=ends[1])
        steps, silent = self._steps(kinds, design.inside(low, high), rng)
        yield made(STEPS, mean_estimate(steps))
        met = steps > 0  # a small design may leap over the window
        if met.any():
            yield made(SILENT, ratio_estimate(silent[met], steps[met]))
        for metric, exact, limit in (
            (SHARE, window_share(design, low, high), window_share_limit(design, low, high)),
            (STEPS, window_steps(design, low, high), design.length * window_share_limit(design, low, high)),
            (SILENT, no_latent_revealed(design, low, high), no_latent_revealed_limit(design, (low + high) / 2)),
        ):
            for how, value in ((EXACT, exact), (LIMIT, limit)):
                known = exact_estimate(value)
                yield made(metric, known, model=how)

    def _kinds(self, case: Case, rng: np.random.Generator) -> UInt8[np.ndarray, "L"]:
        """For every token of one drawn sequence: 0 a latent, 1 an observation that is not shown, 2 one that is."""
        prior = np.array(case.prior)
        if self.per_latent is None:
            distribution = every_subset(case.table, self.n_latents, prior=prior)
        else:
            distribution = predicate_csp(
                case.table, self.n_latents, self.n_observations, structure_seed=self.seed, prior=prior
            )
        row, kinds = distribution.sample(1, rng)[0], np.zeros(distribution.length, dtype=np.uint8)
        observed = distribution.observation_positions
        kinds[observed] = np.where((row[observed] == 1) | (case.shown == "both"), 2, 1)
        return kinds

    def _masks(self, kinds: UInt8[np.ndarray, "L"], inside: Int64[np.ndarray, "c"], rng: np.random.Generator) -> int:
        """How many masks leave the degree inside."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        batch, found = max(1, _BATCH_TOKENS // len(kinds)), 0
        for start in range(0, self.masks, batch):
            visible = ~count_masks(min(batch, self.masks - start), len(kinds), generator).hidden.numpy()
            found += int(np.isin(visible[:, kinds == 2].sum(axis=1), inside).sum())
        return found

    def _steps(
        self, kinds: UInt8[np.ndarray, "L"], inside: Int64[np.ndarray, "c"], rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
        """Steps of each random order that start inside, and those of them that find no latent revealed."""
        counts = []
        for _ in range(self.orders):
            drawn = rng.permutation(kinds)
            at = np.isin(np.cumsum(drawn == 2) - (drawn == 2), inside)
            counts.append((at.sum(), (at & (np.cumsum(drawn == 0) - (drawn == 0) == 0)).sum()))
        steps, silent = np.array(counts, dtype=np.float64).T
        return steps, silent


@dataclass(frozen=True, kw_only=True)
class RevealedUnit:
    """One share of revealed latents, one instance per degree.

    With latents revealed the prior's start is no fixed point, and it is the algorithm's own: after t iterations its
    messages are the exact answers of neighbourhoods of depth t, without a look beyond. A random start meets it again
    wherever that was tried. The overlap counts hidden latents only; no relabelling is allowed, as the revealed ones
    name the values.

    Attributes:
        case: a key of ``CASES``.
        revealed: share of latents that are visible, above 0.
        seed: of instances.
        iterations: at most so many.
    """

    case: str
    revealed: float
    degrees: tuple[float, ...]
    n_latents: int
    iterations: int
    seed: int

    @property
    def label(self) -> str:
        """Share and seed."""
        return f"{self.case}, {self.revealed:g} of the latents revealed, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Overlap, Bethe free entropy and convergence per degree and start."""
        settings = Settings(damping=0.3, tolerance=1e-5, max_iterations=self.iterations)
        about = Subject(distribution=self.case, fingerprint="", model=PROPAGATION, seed=self.seed)
        revealed = np.arange(self.n_latents) < round(self.revealed * self.n_latents)
        for degree in self.degrees:
            rng = np.random.default_rng([self.seed, round(1000 * degree), round(10_000 * self.revealed)])
            planted = CASES[self.case].planted(self.n_latents, degree)
            instance = planted.sample(rng)
            for start in STARTS:
                ends = planted_beliefs(planted, instance, start, settings=settings, revealed=revealed)
                hits = (ends.marginals.argmax(axis=1) == instance.latents)[~revealed]
                for metric, value in (
                    (HIDDEN_OVERLAP, float(hits.mean())),
                    (PHI, ends.free_entropy),
                    (CONVERGED, float(ends.converged)),
                ):
                    yield about.row(
                        REVEALED, metric, one_instance(value), degree=degree, start=start, swept=REVEALED_SHARE,
                        at=self.revealed,
                    )  # fmt: skip


def units(size: WindowSize) -> list[RevealedUnit | WindowUnit]:
    """The diagram's shares of revealed latents, then the designs."""
    revealed = [
        RevealedUnit(
            case=HARD, revealed=share, degrees=size.degrees, n_latents=size.n_latents, iterations=size.iterations,
            seed=seed,
        )
        for share in size.shares
        for seed in range(size.instances)
    ]  # fmt: skip
    sparse = [
        WindowUnit(case=case, n_latents=n, per_latent=ratio, masks=size.masks, orders=size.orders)
        for case, ratios in size.sparse.items()
        for n in SPARSE_LATENTS
        for ratio in ratios
    ]
    dense = [
        WindowUnit(case=case, n_latents=n, per_latent=None, masks=size.masks // 20, orders=size.orders)
        for case, latents in size.dense.items()
        for n in latents
    ]
    return [*revealed, *sparse, *dense]


def window_of(case: Case) -> tuple[float, float]:
    """Condensation and Kesten-Stigum degree: between them the latents are determined, and local algorithms fail.

    Raises:
        ValueError: no condensation degree, or none below a finite Kesten-Stigum degree.
    """
    known, high = case.condensation, case.kesten_stigum
    if known is None or known.spinodal is None or not known.degree < high < math.inf:
        raise ValueError(f"{case.name} has no window of finite width between condensation and Kesten-Stigum degree.")
    return known.degree, high


def coexistence(rows: Rows) -> dict[float, list[tuple[float, bool]]]:
    """Per share of revealed latents, ascending, the degrees at which the planted start ends elsewhere than the prior's.

    Returns:
        with each degree whether the planted end has the larger Bethe free entropy: then the tokens determine what an
        uninformed start does not find. Without it they do not. Shares and degrees have nine digits, so that a number
        with fewer finds its own, whatever the last bits in the rows are.
    """
    means = combine_seeds(rows.where(experiment=REVEALED))
    return {
        rounded(share): [
            (rounded(degree), starts_apart(ends, PHI) > 0)
            for degree, ends in sorted(line.by("degree").items())
            if starts_apart(ends, HIDDEN_OVERLAP) > KEPT
        ]
        for share, line in sorted(means.by("at").items())
    }


def starts_apart(ends: Rows, metric: str) -> float:
    """What the planted start ends with minus what the prior's ends with, at one share and degree.

    Args:
        ends: of that share and degree, averaged over seeds.
    """
    return ends.one(metric=metric, start="planted").value - ends.one(metric=metric, start="prior").value
