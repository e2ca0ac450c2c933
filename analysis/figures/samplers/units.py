"""What a sampler costs, exactly: the law of every decoding rule on distributions small enough to list.

Error against network calls, with the exact posterior in the network's place and with posteriors of known error. No
number here is sampled; where intervals are shown they are over draws of the posterior's error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from analysis.figures.samplers.menu import (
    CURVE,
    RANDOM,
    KnownRule,
    confidence_rules,
    counting_rules,
    one_per_call,
    other_rules,
)
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, Row, Subject
from analysis.measures.small_distributions import GRID, Kind, Listed
from generators.distribution import LODistribution
from lo_theory.denoisers.noised import Hardness, NoisedDenoiser, inversion_hardness, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.estimate import exact_estimate
from lo_theory.laws.information_curve import exact_curve
from lo_theory.laws.sampler_law import law_error, sampler_law, true_law
from lo_theory.laws.step_counts import parallel_kl
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.samplers.decoding import decode

EXPERIMENT_NAME = "samplers"
KL_FROM_TRUTH, KL_FROM_SAMPLER = "kl_from_truth_nats", "kl_from_sampler_nats"
TOTAL_VARIATION, OFF_SUPPORT, CALLS = "total_variation", "off_support", "calls"
CURVE_BOUND = "information_curve_nats"
NOISED, EVERYWHERE, AT_INVERSIONS = "noised posterior", "everywhere", "at inversions"
STRENGTH, ONE_PER_CALL = "strength", "one per call"
HardnessName = Literal["everywhere", "at inversions"]


@dataclass(frozen=True, kw_only=True)
class Instance(Listed):
    """One of its kind and sizes."""

    structure_seed: int = 0

    def distribution(self) -> LODistribution:
        """With its tokens in a random order."""
        return self.with_structure(self.structure_seed)

    def about(self, distribution: LODistribution, model: str, seed: int | None = None) -> Subject:
        """What rows on it are about."""
        return Subject(distribution=self.label, fingerprint=distribution.fingerprint, model=model, seed=seed)


@dataclass(frozen=True, kw_only=True)
class ExactUnit:
    """Every rule at every position of its dial, with the exact posterior."""

    instance: Instance

    @property
    def label(self) -> str:
        """The distribution, and the exact posterior."""
        return f"{self.instance.label}, {CONTROL}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each setting, and what the information curve promises for random positions."""
        distribution = self.instance.distribution()
        curve = exact_curve(distribution)
        about = self.instance.about(distribution, CONTROL)
        denoiser = forgiving_denoiser(distribution)
        rules = [*counting_rules(distribution), *confidence_rules(), *other_rules(distribution, curve)]
        yield from law_rows(denoiser, distribution, rules, about)
        singly = [KnownRule(name, known, ONE_PER_CALL, 1.0) for name, known in one_per_call(distribution).items()]
        yield from law_rows(denoiser, distribution, singly, about)
        for rule in rules:
            if rule.name in (RANDOM, CURVE):
                promised = parallel_kl(curve, _counts(denoiser, rule)).value
                yield _exact_row(about, rule, CURVE_BOUND, promised)


@dataclass(frozen=True, kw_only=True)
class NoisedUnit:
    """The same with a posterior that is wrong in a known way, one draw of its errors.

    Attributes:
        noise, doubt: of :class:`NoisedDenoiser`, equally hard everywhere.
        seed: of the errors.
    """

    instance: Instance
    noise: float
    doubt: float
    seed: int

    @property
    def label(self) -> str:
        """The distribution, the errors and their seed."""
        return f"{self.instance.label}, noise {self.noise:g}, doubt {self.doubt:g}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each counting and confidence rule."""
        distribution = self.instance.distribution()
        about = self.instance.about(distribution, NOISED, self.seed)
        denoiser = noised(forgiving_denoiser(distribution), uniform_hardness, self.noise, self.doubt, self.seed)
        rules = [*counting_rules(distribution), *confidence_rules()]
        yield from law_rows(denoiser, distribution, rules, about)


@dataclass(frozen=True, kw_only=True)
class ImperfectionUnit:
    """One token per call under errors of growing strength: when the order matters.

    Attributes:
        hardness: where the errors are.
        strengths: with ``everywhere`` standard deviations of logits beside a doubt of ``doubt``, with
            ``at inversions`` shares of doubt without noise.
        seed: of the errors.
    """

    instance: Instance
    hardness: HardnessName
    strengths: tuple[float, ...]
    doubt: float
    seed: int

    @property
    def label(self) -> str:
        """The distribution, where the errors are, and their seed."""
        return f"{self.instance.label}, errors {self.hardness}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each rule and strength."""
        distribution = self.instance.distribution()
        about = self.instance.about(distribution, self.hardness, self.seed)
        exact = forgiving_denoiser(distribution)
        everywhere = self.hardness == EVERYWHERE
        hardness = uniform_hardness if everywhere else inversion_hardness(distribution)
        for strength in self.strengths:
            noise, doubt = (strength, self.doubt) if everywhere else (0.0, strength)
            denoiser = noised(exact, hardness, noise, doubt, self.seed)
            singly = one_per_call(distribution).items()
            rules = [KnownRule(name, known, STRENGTH, strength) for name, known in singly]
            yield from law_rows(denoiser, distribution, rules, about)


def forgiving_denoiser(distribution: LODistribution) -> TabulatedDenoiser:
    """The exact posterior, which answers contradictory tokens too; equal answers are equal to the bit."""
    return TabulatedDenoiser(PosteriorDenoiser(ForgivingPosterior(EliminatedPosterior(distribution))), grid=GRID)


def noised(denoiser: TabulatedDenoiser, hardness: Hardness, noise: float, doubt: float, seed: int) -> TabulatedDenoiser:
    """With errors."""
    return TabulatedDenoiser(NoisedDenoiser(denoiser, hardness, noise=noise, doubt=doubt, seed=seed), grid=GRID)


def law_rows(
    denoiser: TabulatedDenoiser, distribution: LODistribution, rules: Iterable[KnownRule], about: Subject
) -> Iterator[Row]:
    """Five rows per rule: KL both ways in nats, total variation, mass off the support, expected calls; all exact."""
    truth = true_law(distribution)
    for rule in rules:
        law, made = sampler_law(denoiser, rule.sampler), partial(_exact_row, about, rule)
        error = law_error(truth, law.probability)
        yield made(KL_FROM_TRUTH, max(error.kl_from_truth, 0.0))
        yield made(KL_FROM_SAMPLER, max(error.kl_from_sampler, 0.0))
        yield made(TOTAL_VARIATION, error.total_variation)
        yield made(OFF_SUPPORT, error.off_support)
        yield made(CALLS, law.calls)


def _counts(denoiser: TabulatedDenoiser, rule: KnownRule) -> list[int]:
    """How many tokens each step of a counting rule reveals."""
    masks = torch.full((1, denoiser.length), denoiser.mask_id)
    decoded = decode(denoiser, masks, rule.sampler.decoder, torch.Generator().manual_seed(0))
    return [len(step.row) for step in decoded.trace.steps]


def _exact_row(about: Subject, rule: KnownRule, metric: str, value: float) -> Row:
    return about.row(EXPERIMENT_NAME, metric, exact_estimate(value), decoder=rule.name, swept=rule.swept, at=rule.at)


@dataclass(frozen=True, kw_only=True)
class SamplersSize:
    """Which laws are computed.

    Attributes:
        instances: a small distribution of each kind.
        seeds: draws of the posterior's errors.
    """

    instances: tuple[Instance, ...]
    seeds: int


def _instances(nae: tuple[int, int], hashed: tuple[int, int], parity: tuple[int, int]) -> tuple[Instance, ...]:
    """Of (N, P) for each kind."""
    sizes: dict[Kind, tuple[int, int]] = {"NAE-SAT": nae, "hash of three symbols": hashed, "noisy parity": parity}
    return tuple(Instance(kind=kind, n_latents=n, n_observations=p) for kind, (n, p) in sizes.items())


SIZES: dict[ScaleName, SamplersSize] = {
    "smoke": SamplersSize(instances=_instances((4, 5), (3, 4), (4, 4)), seeds=5),
    "small": SamplersSize(instances=_instances((4, 6), (3, 5), (4, 5)), seeds=12),
    "paper": SamplersSize(instances=_instances((5, 6), (4, 5), (5, 6)), seeds=24),
}
_NOISE, _DOUBT = 1.0, 0.1
_STRENGTHS: dict[HardnessName, tuple[float, ...]] = {
    EVERYWHERE: (0.0, 0.5, 1.0, 1.5),
    AT_INVERSIONS: (0.0, 0.1, 0.2, 0.4),
}


def units(size: SamplersSize) -> list[ExactUnit | NoisedUnit | ImperfectionUnit]:
    """Per distribution: the exact posterior, then draws of errors. Doubt without noise has nothing to draw."""
    seeds = range(size.seeds)
    exact = [ExactUnit(instance=instance) for instance in size.instances]
    wrong = [NoisedUnit(instance=i, noise=_NOISE, doubt=_DOUBT, seed=s) for i in size.instances for s in seeds]
    ordered = [
        ImperfectionUnit(instance=i, hardness=name, strengths=strengths, doubt=_DOUBT, seed=seed)
        for i in size.instances
        for name, strengths in _STRENGTHS.items()
        for seed in (seeds if name == EVERYWHERE else range(1))
    ]
    return [*exact, *wrong, *ordered]
