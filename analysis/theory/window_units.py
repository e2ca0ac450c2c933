"""How many masks and reverse steps fall into the hard window: counted under drawn masks, beside identity I4."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8

from analysis.rows import Row, Subject
from analysis.theory.known_thresholds import CASES, Case
from generators.families import every_subset, predicate_csp
from lo_theory.estimate import Estimate, Method, mean_estimate, ratio_estimate, wilson_interval
from lo_theory.learning.masking import count_masks
from lo_theory.phases.window import (
    Design,
    no_latent_revealed,
    no_latent_revealed_limit,
    window_share,
    window_share_limit,
    window_steps,
)

EXPERIMENT = "window"
SHARE, STEPS, SILENT = "window_share", "window_steps", "no_latent_revealed"
DRAWN, EXACT, LIMIT = "drawn", "exact law", "limit"
_BATCH_TOKENS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class WindowUnit:
    """One design: a case of ``known_thresholds.CASES``, its numbers of latents and observations.

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
    def seeds(self) -> dict[str, int]:
        """Of structure and draws."""
        return {"structure_seed": self.seed, "seed": self.seed}

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
        yield self._drawn_share(self._masks(kinds, design.inside(low, high), rng))
        steps, silent = self._steps(kinds, design.inside(low, high), rng)
        yield self._drawn(STEPS, mean_estimate(steps))
        met = steps > 0  # a small design may leap over the window
        if met.any():
            yield self._drawn(SILENT, ratio_estimate(silent[met], steps[met]))
        middle = (low + high) / 2
        for metric, exact, limit in (
            (SHARE, window_share(design, low, high), window_share_limit(design, low, high)),
            (STEPS, window_steps(design, low, high), design.length * window_share_limit(design, low, high)),
            (SILENT, no_latent_revealed(design, low, high), no_latent_revealed_limit(design, middle)),
        ):
            yield self._row(metric, EXACT, exact, 0.0, 1, "exact")
            yield self._row(metric, LIMIT, limit, 0.0, 1, "exact")

    def _kinds(self, case: Case, rng: np.random.Generator) -> UInt8[np.ndarray, "L"]:
        """For every token of one drawn sequence: 0 a latent, 1 an observation that is not shown, 2 one that is."""
        if self.per_latent is None:
            distribution = every_subset(case.table, self.n_latents, prior=np.array(case.prior))
        else:
            distribution = predicate_csp(
                case.table, self.n_latents, self.n_observations, structure_seed=self.seed, prior=np.array(case.prior)
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

    def _drawn_share(self, inside: int) -> Row:
        share = inside / self.masks
        error = math.sqrt(share * (1 - share) / self.masks)
        interval = wilson_interval(inside, self.masks)
        return self._row(SHARE, DRAWN, share, error, self.masks, "monte_carlo", interval=interval)

    def _drawn(self, metric: str, estimate: Estimate) -> Row:
        return self._row(metric, DRAWN, estimate.value, estimate.standard_error, estimate.samples, estimate.method)

    def _row(
        self,
        metric: str,
        how: str,
        value: float,
        error: float,
        samples: int,
        method: Method,
        *,
        interval: tuple[float, float] | None = None,
    ) -> Row:
        low, high = interval or (None, None)
        dense = "dense " if self.per_latent is None else ""
        name = f"{dense}{self.case}, N = {self.n_latents}"
        about = Subject(distribution=name, fingerprint="", model=how, seed=self.seed)
        return Row(
            **asdict(about), experiment=EXPERIMENT, metric=metric, value=value, standard_error=error, samples=samples,
            method=method, swept="observations per latent", at=self.n_observations / self.n_latents, low=low, high=high,
        )  # fmt: skip


def window_of(case: Case) -> tuple[float, float]:
    """Condensation and Kesten-Stigum degree: between them the latents are determined, and local algorithms fail.

    Raises:
        ValueError: no condensation degree, or none below a finite Kesten-Stigum degree.
    """
    high = case.kesten_stigum
    if (
        case.condensation is None
        or case.condensation.spinodal is None
        or not case.condensation.degree < high < math.inf
    ):
        raise ValueError(f"{case.name} has no window of finite width between condensation and Kesten-Stigum degree.")
    return case.condensation.degree, high
