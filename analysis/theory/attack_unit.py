"""One attack of the inversion experiment: many runs at several sizes, their typical cost, and its growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from analysis.rows import Row, Subject
from analysis.theory.attacks import Attack, Trial
from lo_theory.attacks.inversion import MIN_SIZES, MIN_SOLVED, Growth, fit_growth, typical_cost
from lo_theory.attacks.noisy_parity import TRIALS
from lo_theory.estimate import Method, wilson_interval

EXPERIMENT = "inversion"
BITS, KNOWN_BITS, INTERCEPT = "bits_per_latent", "known_bits_per_latent", "log2_cost_at_0"
POWER, MISFIT, POWER_MISFIT = "power", "misfit_bits", "power_misfit_bits"
SECONDS, SOLVED, PLANTED, RATE = "seconds", "solved_share", "planted_share", "success_rate"
_RESAMPLES = 400


@dataclass(frozen=True, kw_only=True)
class InversionUnit:
    """Runs of one attack at several sizes.

    Attributes:
        attack: what is inverted and how.
        sizes: numbers of hidden latents.
        runs: fresh instances per size.
        budget: cost at which a run is given up.
        seed: of everything.
    """

    attack: Attack
    sizes: tuple[int, ...]
    runs: int
    budget: int
    seed: int = 0

    @property
    def label(self) -> str:
        """Observations and attack."""
        return f"{self.attack.subject}, {self.attack.method}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Typical costs and shares at each size, then the growth of each cost if enough sizes were solved."""
        trials: dict[int, list[Trial]] = {}
        for size in self.sizes:
            rng = np.random.default_rng([self.seed, size])
            trials[size] = [self.attack.run(size, self.budget, rng) for _ in range(self.runs)]
            yield from self._at_size(size, trials[size], rng)
        if sum(np.mean([t.attempt.solved for t in runs]) >= MIN_SOLVED for runs in trials.values()) >= MIN_SIZES:
            for number, unit in enumerate(self.attack.units):
                rng = np.random.default_rng([self.seed, 0, number])
                growth = fit_growth(*_columns(trials, unit), self.attack.statistic, rng, resamples=_RESAMPLES)
                yield from self._growth(unit, growth)
        if self.attack.known_bits is not None:
            yield self._row(KNOWN_BITS, self.attack.known_bits, 0.0, method="exact")

    def _at_size(self, size: int, trials: list[Trial], rng: np.random.Generator) -> Iterator[Row]:
        solved = np.array([trial.attempt.solved for trial in trials])
        for unit in self.attack.units:
            yield self._typical(unit, size, [trial.attempt.costs[unit] for trial in trials], solved, rng)
        yield self._typical(SECONDS, size, [trial.attempt.seconds for trial in trials], solved, rng)
        yield self._share(SOLVED, size, int(solved.sum()), self.runs)
        yield self._share(PLANTED, size, sum(trial.planted for trial in trials), self.runs)
        if TRIALS in self.attack.units:
            total = sum(trial.attempt.costs[TRIALS] for trial in trials)
            yield self._share(RATE, size, int(solved.sum()), total)

    def _typical(
        self, metric: str, size: int, costs: list[int] | list[float], solved: np.ndarray, rng: np.random.Generator
    ) -> Row:
        """Typical cost, its interval from resampled runs; infinite upper ends where a resample solved nothing."""
        cost, statistic = np.array(costs, dtype=np.float64), self.attack.statistic
        drawn = rng.integers(len(cost), size=(_RESAMPLES, len(cost)))
        again = np.array([typical_cost(cost[at], solved[at], statistic) for at in drawn])
        low, high = np.percentile(again, [2.5, 97.5], method="nearest")
        error = float(again.std()) if np.isfinite(again).all() else np.nan
        return self._row(metric, typical_cost(cost, solved, statistic), error, size, interval=(float(low), float(high)))

    def _share(self, metric: str, size: int, successes: int, trials: int) -> Row:
        share = successes / trials
        error = float(np.sqrt(share * (1 - share) / trials))
        return self._row(metric, share, error, size, samples=trials, interval=wilson_interval(successes, trials))

    def _growth(self, unit: str, growth: Growth) -> Iterator[Row]:
        interval = (growth.low, growth.high)
        yield self._row(BITS, growth.bits_per_latent, growth.standard_error, unit=unit, interval=interval)
        others = {
            INTERCEPT: growth.intercept, POWER: growth.power, MISFIT: growth.misfit, POWER_MISFIT: growth.power_misfit
        }  # fmt: skip
        for metric, value in others.items():
            yield self._row(metric, value, np.nan, unit=unit)

    def _row(
        self,
        metric: str,
        value: float,
        error: float,
        size: int | None = None,
        *,
        unit: str | None = None,
        method: Method = "monte_carlo",
        samples: int | None = None,
        interval: tuple[float, float] | None = None,
    ) -> Row:
        low, high = interval or (None, None)
        about = Subject(distribution=self.attack.subject, fingerprint="", model=self.attack.method, seed=self.seed)
        return Row(
            **asdict(about), experiment=EXPERIMENT, metric=metric, value=value, standard_error=error,
            samples=samples or self.runs, method=method, latents_masked=size, swept=unit, low=low, high=high,
        )  # fmt: skip


def _columns(
    trials: dict[int, list[Trial]], unit: str
) -> tuple[Int64[np.ndarray, "r"], Float64[np.ndarray, "r"], Bool[np.ndarray, "r"]]:
    """Size, cost and outcome of every run."""
    flat = [(size, t.attempt.costs[unit], t.attempt.solved) for size, runs in trials.items() for t in runs]
    sizes, cost, solved = zip(*flat, strict=True)
    return np.array(sizes), np.array(cost, dtype=np.float64), np.array(solved, dtype=bool)
