"""What parallel steps lose, exactly, beside what bounds promise and schedules of the literature achieve.

Random positions, exact conditionals, every number of calls. The information curve is enumerated, so no number here is
sampled; intervals are over distributions of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, Row, Subject
from analysis.measures.small_distributions import Kind, Listed
from generators.text.random_chains import random_markov
from lo_theory.estimate import Estimate, exact_estimate
from lo_theory.laws.information_curve import InformationCurve, curve_of_law
from lo_theory.laws.known_samplers import known_random
from lo_theory.laws.parallel_bounds import (
    dual_total_correlation_steps,
    growth_counts,
    logarithmic_bound,
    loss_bounds,
    mutual_information_sum,
    square_root_counts,
    total_correlation_steps,
)
from lo_theory.laws.partial_sequences import LawDenoiser
from lo_theory.laws.sampler_law import all_sequences, law_error, sampler_law, true_law
from lo_theory.laws.step_counts import best_counts, independent_kl, parallel_kl
from lo_theory.samplers.reveal import counted, scheduled_counts

EXPERIMENT_NAME = "bounds"
LOSS, SEQUENCE_KL, BOUND = "loss_nats", "sequence_kl_nats", "bound_nats"
INFORMATION, STEPS = "information_nats", "steps"
ENTROPY, TOTAL, DUAL = "entropy_nats", "total_correlation_nats", "dual_total_correlation_nats"
CALLS, VISIBLE = "calls", "visible tokens"

LEAST, EQUAL, ROOTS, GROWTH = "least loss", "equal steps", "square-root steps", "equal growth"
TOTAL_STEPS, DUAL_STEPS, RANDOM_SIZES = "total correlation steps", "dual total correlation steps", "random sizes"
SCHEDULES = (LEAST, ROOTS, GROWTH, EQUAL, TOTAL_STEPS, DUAL_STEPS, RANDOM_SIZES)
"""The first three are computed from the information curve; the others know the length alone."""

OVER_STEPS, PER_STEP, LOGARITHMIC = "mutual information / steps", "tokens per step", "logarithmic"
TOTAL_SHARE, DUAL_SHARE = "share of total correlation", "share of dual total correlation"
BOUNDED: Mapping[str, str] = {
    OVER_STEPS: EQUAL,
    PER_STEP: EQUAL,
    TOTAL_SHARE: TOTAL_STEPS,
    DUAL_SHARE: DUAL_STEPS,
    LOGARITHMIC: LEAST,
}
"""Bound -> the schedule whose loss it bounds; the first holds for ``RANDOM_SIZES`` too."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Markov chains of memory 1, their transitions drawn from a Dirichlet distribution."""

    vocabulary: int
    length: int
    concentration: float = 0.5

    @property
    def label(self) -> str:
        """Values and length."""
        return f"Markov chain ({self.vocabulary}, {self.length})"

    def law(self, structure_seed: int) -> Float64[np.ndarray, " F"]:
        """Probability of every sequence."""
        chain = random_markov(
            self.vocabulary, self.length, structure_seed=structure_seed, concentration=self.concentration
        )
        return np.exp(chain.log_prob(all_sequences(self.length, self.vocabulary)))


@dataclass(frozen=True, kw_only=True)
class BoundsUnit:
    """One distribution at every number of calls.

    Attributes:
        seed: of the distribution's structure.
        sequences: compute the law of the sequences alone too, without the order that they were revealed in.
    """

    instance: Listed | Chain
    seed: int
    sequences: bool

    @property
    def label(self) -> str:
        """The distribution and the seed."""
        return f"{self.instance.label}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The curve and its correlations; the loss of every schedule, the bounds, and the divergence of sequences."""
        truth, length, vocabulary = listed(self.instance, self.seed)
        curve = curve_of_law(all_sequences(length, vocabulary), truth)
        about = Subject(distribution=self.instance.label, fingerprint="", model=CONTROL, seed=self.seed)
        made = partial(about.row, EXPERIMENT_NAME)
        for visible in range(length):
            yield made(INFORMATION, curve.at(visible), swept=VISIBLE, at=float(visible))
        yield made(ENTROPY, curve.entropy())
        yield made(TOTAL, curve.total_correlation())
        yield made(DUAL, curve.dual_total_correlation())
        for steps in range(1, length + 1):
            at: dict[str, Any] = {"swept": CALLS, "at": float(steps)}
            for name, loss in losses(curve, steps).items():
                yield made(LOSS, loss, decoder=name, **at)
            for name, bound in bounds(curve, steps).items():
                yield made(BOUND, bound, decoder=name, **at)
        if self.sequences:
            yield from _sequence_rows(curve, truth, length, vocabulary, made)


def _sequence_rows(
    curve: InformationCurve, truth: Float64[np.ndarray, " F"], length: int, vocabulary: int, made: Callable[..., Row]
) -> Iterator[Row]:
    """KL(truth || law of the sequences) of equal steps and of those of least loss; one token per call is exact."""
    denoiser = LawDenoiser(truth, length, vocabulary)
    for steps in range(1, length):
        for name in (EQUAL, LEAST):
            law = sampler_law(denoiser, known_random(counted(counts_of(name, curve, steps)))).probability
            divergence = exact_estimate(max(law_error(truth, law).kl_from_truth, 0.0))
            yield made(SEQUENCE_KL, divergence, decoder=name, swept=CALLS, at=float(steps))


def listed(instance: Listed | Chain, seed: int) -> tuple[Float64[np.ndarray, " F"], int, int]:
    """Probability of every sequence, length, vocabulary."""
    if isinstance(instance, Chain):
        return instance.law(seed), instance.length, instance.vocabulary
    distribution = instance.with_structure(seed)
    return true_law(distribution), distribution.length, distribution.vocabulary


def counts_of(schedule: str, curve: InformationCurve, steps: int) -> tuple[int, ...]:
    """Tokens per step of a schedule of at most so many steps.

    Raises:
        KeyError: a schedule of random sizes, or none of this figure.
    """
    found: dict[str, Callable[[], tuple[int, ...]]] = {
        LEAST: lambda: best_counts(curve, steps),
        EQUAL: lambda: scheduled_counts(curve.length, steps),
        ROOTS: lambda: square_root_counts(curve, steps),
        GROWTH: lambda: growth_counts(curve, steps),
        TOTAL_STEPS: lambda: total_correlation_steps(curve.length, steps),
        DUAL_STEPS: lambda: dual_total_correlation_steps(curve.length, steps),
    }
    return found[schedule]()


def losses(curve: InformationCurve, steps: int) -> dict[str, Estimate]:
    """Nats that each schedule loses; of random sizes the mean over them."""
    fixed = {name: parallel_kl(curve, counts_of(name, curve, steps)) for name in SCHEDULES if name != RANDOM_SIZES}
    return {**fixed, RANDOM_SIZES: independent_kl(curve, steps)}


def bounds(curve: InformationCurve, steps: int) -> dict[str, Estimate]:
    """Nats that the schedule of each bound (:data:`BOUNDED`) loses at most."""
    informed = mutual_information_sum(curve).value
    shares = {
        TOTAL_SHARE: loss_bounds(curve, counts_of(TOTAL_STEPS, curve, steps)).total,
        DUAL_SHARE: loss_bounds(curve, counts_of(DUAL_STEPS, curve, steps)).dual,
    }
    height = curve.nats[0] - curve.nats[-1]
    return {
        OVER_STEPS: exact_estimate(informed / steps),
        PER_STEP: exact_estimate(float((max(scheduled_counts(curve.length, steps)) - 1) * height)),
        **shares,
        LOGARITHMIC: exact_estimate(logarithmic_bound(curve, steps)),
    }


@dataclass(frozen=True, kw_only=True)
class BoundsSize:
    """What is listed.

    Attributes:
        instances: whose sequences' law is computed too.
        long: of which the information curve alone is.
        distributions: of each.
    """

    instances: tuple[Listed | Chain, ...]
    long: tuple[Listed | Chain, ...]
    distributions: int


def _instances(
    nae: tuple[int, int], hashed: tuple[int, int], parity: tuple[int, int], chain: tuple[int, int]
) -> tuple[Listed | Chain, ...]:
    """Of (N, P) for each kind, of (V, L) for chains."""
    sizes: dict[Kind, tuple[int, int]] = {"NAE-SAT": nae, "hash of three symbols": hashed, "parity": parity}
    planted = [Listed(kind=kind, n_latents=n, n_observations=p) for kind, (n, p) in sizes.items()]
    return (*planted, Chain(vocabulary=chain[0], length=chain[1]))


SIZES: dict[ScaleName, BoundsSize] = {
    "smoke": BoundsSize(
        instances=_instances((4, 4), (3, 4), (4, 4), (2, 8)),
        long=_instances((4, 10), (3, 7), (5, 9), (2, 11)),
        distributions=8,
    ),
    "small": BoundsSize(
        instances=_instances((4, 5), (3, 4), (4, 5), (2, 9)),
        long=_instances((4, 12), (3, 9), (6, 10), (2, 12)),
        distributions=20,
    ),
    "paper": BoundsSize(
        instances=_instances((5, 6), (3, 5), (5, 6), (2, 11)),
        long=_instances((5, 13), (4, 8), (6, 12), (2, 13)),
        distributions=50,
    ),
}


def units(size: BoundsSize) -> list[BoundsUnit]:
    """Per kind and distribution: with the law of the sequences, then longer ones without it."""
    seeds = range(size.distributions)
    short = [BoundsUnit(instance=i, seed=seed, sequences=True) for i in size.instances for seed in seeds]
    return [*short, *(BoundsUnit(instance=i, seed=seed, sequences=False) for i in size.long for seed in seeds)]
