"""Many runs of an attack at several sizes, their typical cost, and how fast it grows.

Forwards every one of these observations is cheap. The costs of inverting are counted in units of the attack, not in
seconds: evaluations of the hash, trials of Gaussian elimination, conflicts of the solver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from analysis.figures.inversion.attacks import Attack, HashAttack, ParityAttack, SatAttack, Trial
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import Row, Rows, Subject
from lo_theory.attacks.inversion import MIN_SIZES, MIN_SOLVED, fit_growth, typical_cost
from lo_theory.attacks.noisy_parity import TRIALS
from lo_theory.estimate import Estimate, share_estimate, wilson_interval

EXPERIMENT_NAME = "inversion"
BITS, KNOWN_BITS, INTERCEPT = "bits_per_latent", "known_bits_per_latent", "log2_cost_at_0"
POWER, MISFIT, POWER_MISFIT = "power", "misfit_bits", "power_misfit_bits"
SECONDS, SOLVED, PLANTED, RATE = "seconds", "solved_share", "planted_share", "success_rate"
PARITY_SIZES: dict[float, tuple[int, ...]] = {
    0.0: (20, 40, 60, 80, 100),
    0.05: (40, 60, 80, 100, 120),
    0.1: (20, 30, 40, 50, 60),
    0.2: (10, 15, 20, 25, 30),
}
SAT_SIZES: dict[str, tuple[int, ...]] = {
    "3-SAT, two hidden": (100, 125, 150, 175, 200, 225),
    "3-SAT, one hidden": (100, 140, 180, 220, 260),
    "P5": (30, 40, 50, 60, 70),
    "2-in-4": (60, 90, 120, 150, 180),
    "3-XOR": (60, 100, 140, 180, 220),
    "NAE-3": (60, 100, 160, 240, 360),
}

_RESAMPLES = 400


@dataclass(frozen=True, kw_only=True)
class InversionSize:
    """How many latents are hidden, and how often.

    Attributes:
        hash_sizes: hidden latents of a hash.
        runs: of the solver per number of latents; of the other attacks twice as many.
        budget: cost at which a run is given up.
        reach: factor on the numbers of latents below.
        parity_sizes: latents of parities, by the rate of their noise.
        sat_sizes: latents of constraints, by their name in ``FORMULAS``.
    """

    hash_sizes: tuple[int, ...]
    runs: int
    budget: int
    reach: float
    parity_sizes: Mapping[float, tuple[int, ...]] = field(default_factory=lambda: PARITY_SIZES)
    sat_sizes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: SAT_SIZES)


SIZES: dict[ScaleName, InversionSize] = {
    "smoke": InversionSize(hash_sizes=tuple(range(6, 17, 2)), runs=24, budget=100_000, reach=1.0),
    "small": InversionSize(hash_sizes=tuple(range(6, 21, 2)), runs=100, budget=1_000_000, reach=1.15),
    "paper": InversionSize(hash_sizes=tuple(range(6, 25, 2)), runs=400, budget=20_000_000, reach=1.3),
}


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
    def _about(self) -> Subject:
        return Subject(distribution=self.attack.subject, fingerprint="", model=self.attack.method, seed=self.seed)

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
                yield from self._growth(unit, trials, rng)
        if self.attack.known_bits is not None:
            known = Estimate(value=self.attack.known_bits, standard_error=0.0, samples=self.runs, method="exact")
            yield self._about.row(EXPERIMENT_NAME, KNOWN_BITS, known)

    def _at_size(self, size: int, trials: Sequence[Trial], rng: np.random.Generator) -> Iterator[Row]:
        made = partial(self._about.row, EXPERIMENT_NAME, latents_masked=size)
        solved = np.array([trial.attempt.solved for trial in trials])
        costs = {unit: [trial.attempt.costs[unit] for trial in trials] for unit in self.attack.units}
        for metric, values in {**costs, SECONDS: [trial.attempt.seconds for trial in trials]}.items():
            cost, low, high = self._typical(np.array(values, dtype=np.float64), solved, rng)
            yield made(metric, cost, low=low, high=high)
        shares = {SOLVED: (int(solved.sum()), self.runs), PLANTED: (sum(t.planted for t in trials), self.runs)}
        if TRIALS in costs:
            shares[RATE] = int(solved.sum()), sum(costs[TRIALS])
        for metric, (successes, tries) in shares.items():
            low, high = wilson_interval(successes, tries)
            yield made(metric, share_estimate(successes, tries), low=low, high=high)

    def _typical(
        self, cost: Float64[np.ndarray, "r"], solved: Bool[np.ndarray, "r"], rng: np.random.Generator
    ) -> tuple[Estimate, float, float]:
        """Typical cost, its interval from resampled runs; infinite upper ends where a resample solved nothing."""
        statistic = self.attack.statistic
        drawn = rng.integers(len(cost), size=(_RESAMPLES, len(cost)))
        again = np.array([typical_cost(cost[at], solved[at], statistic) for at in drawn])
        low, high = np.percentile(again, [2.5, 97.5], method="nearest")
        error = float(again.std()) if np.isfinite(again).all() else np.nan
        return self._estimate(typical_cost(cost, solved, statistic), error), float(low), float(high)

    def _growth(self, unit: str, trials: dict[int, list[Trial]], rng: np.random.Generator) -> Iterator[Row]:
        made = partial(self._about.row, EXPERIMENT_NAME, swept=unit)
        growth = fit_growth(*_columns(trials, unit), self.attack.statistic, rng, resamples=_RESAMPLES)
        bits = self._estimate(growth.bits_per_latent, growth.standard_error)
        yield made(BITS, bits, low=growth.low, high=growth.high)
        yield made(INTERCEPT, self._estimate(growth.intercept))
        yield made(POWER, self._estimate(growth.power))
        yield made(MISFIT, self._estimate(growth.misfit))
        yield made(POWER_MISFIT, self._estimate(growth.power_misfit))

    def _estimate(self, value: float, error: float = np.nan) -> Estimate:
        return Estimate(value=value, standard_error=error, samples=self.runs, method="monte_carlo")


def _columns(
    trials: dict[int, list[Trial]], unit: str
) -> tuple[Int64[np.ndarray, "r"], Float64[np.ndarray, "r"], Bool[np.ndarray, "r"]]:
    """Size, cost and outcome of every run."""
    flat = [(size, t.attempt.costs[unit], t.attempt.solved) for size, runs in trials.items() for t in runs]
    sizes, cost, solved = zip(*flat, strict=True)
    return np.array(sizes), np.array(cost, dtype=np.float64), np.array(solved, dtype=bool)


def units(size: InversionSize) -> list[InversionUnit]:
    """One per attack and kind of observations: the hash, dense and sparse parities, constraints."""
    made = partial(InversionUnit, budget=size.budget)
    return [
        made(attack=HashAttack(), sizes=size.hash_sizes, runs=2 * size.runs),
        *(
            made(attack=ParityAttack(noise, arity), sizes=_stretched(sizes, size.reach), runs=2 * size.runs)
            for arity in (None, 3)
            for noise, sizes in size.parity_sizes.items()
        ),
        *(
            made(attack=SatAttack(name), sizes=_stretched(sizes, size.reach), runs=size.runs)
            for name, sizes in size.sat_sizes.items()
        ),
    ]


def _stretched(sizes: tuple[int, ...], factor: float) -> tuple[int, ...]:
    return tuple(round(size * factor) for size in sizes)


def known_bits(rows: Rows) -> dict[str, float]:
    """The growth that theory gives, by observations; those for which it gives none are not there."""
    return {row.distribution: row.value for row in rows.where(metric=KNOWN_BITS)}
