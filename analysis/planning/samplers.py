"""What a sampler costs, exactly: the law of every decoding rule on distributions small enough to list.

Error against network calls, with the exact posterior in the network's place and with posteriors of known error. No
number here is sampled; where intervals are shown they are over draws of the posterior's error.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from analysis.experiment import run_units, write_tables
from analysis.planning.sampler_rules import (
    CALLS,
    CURVE,
    CURVE_BOUND,
    EXPERIMENT,
    KL_FROM_SAMPLER,
    KL_FROM_TRUTH,
    NOISED,
    OFF_SUPPORT,
    ONE_PER_CALL,
    RANDOM,
    STRENGTH,
    TOTAL_VARIATION,
    Kind,
    Setting,
    confidence_rules,
    counting_rules,
    one_per_call,
    other_rules,
    small_distribution,
)
from analysis.planning.samplers_report import samplers_report
from analysis.plots.samplers import draw_imperfection, draw_samplers
from analysis.plots.style import CONTROL, save_figure
from analysis.report import write_report
from analysis.rows import Row, Subject
from analysis.scales import ScaleName
from generators.distribution import LODistribution
from lo_theory.oracle import PosteriorDenoiser
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination import EliminatedPosterior
from lo_theory.posteriors.noised_posterior import Hardness, NoisedDenoiser, inversion_hardness, uniform_hardness
from lo_theory.posteriors.tabulated import TabulatedDenoiser
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.information_curve import exact_curve
from lo_theory.samplers.sampler_law import law_error, sampler_law, true_law
from lo_theory.samplers.step_counts import parallel_kl

HardnessName = Literal["everywhere", "at inversions"]
_GRID = 2.0**-32  # of log-probabilities: ties between positions are ties, whatever the rounding


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A small distribution by name and sizes."""

    kind: Kind
    n_latents: int
    n_observations: int
    structure_seed: int = 0

    @property
    def label(self) -> str:
        """Kind and sizes."""
        return f"{self.kind} ({self.n_latents}, {self.n_observations})"

    def distribution(self) -> LODistribution:
        """With its tokens in a random order."""
        return small_distribution(self.kind, self.n_latents, self.n_observations, self.structure_seed)


@dataclass(frozen=True, kw_only=True)
class ExactUnit:
    """Every rule at every position of its dial, with the exact posterior."""

    instance: Instance

    @property
    def label(self) -> str:
        """The distribution, and the exact posterior."""
        return f"{self.instance.label}, {CONTROL}"

    @property
    def seeds(self) -> dict[str, int]:
        """Of the distribution."""
        return {"structure_seed": self.instance.structure_seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each setting, and what the information curve promises for random positions."""
        distribution = self.instance.distribution()
        curve = exact_curve(distribution)
        about = _subject(self.instance, distribution, CONTROL)
        denoiser = forgiving_denoiser(distribution)
        settings = [*counting_rules(distribution), *confidence_rules(), *other_rules(distribution, curve)]
        yield from law_rows(denoiser, distribution, settings, about)
        singly = [Setting(name, ONE_PER_CALL, 1, sampler) for name, sampler in one_per_call(distribution).items()]
        yield from law_rows(denoiser, distribution, singly, about)
        for setting in settings:
            if setting.rule in (RANDOM, CURVE):
                yield _row(about, CURVE_BOUND, setting, parallel_kl(curve, _counts(denoiser, setting)).value)


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

    @property
    def seeds(self) -> dict[str, int]:
        """Of the distribution and of the errors."""
        return {"structure_seed": self.instance.structure_seed, "seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each counting and confidence rule."""
        distribution = self.instance.distribution()
        about = _subject(self.instance, distribution, NOISED, self.seed)
        denoiser = noised(forgiving_denoiser(distribution), uniform_hardness, self.noise, self.doubt, self.seed)
        settings = [*counting_rules(distribution), *confidence_rules()]
        yield from law_rows(denoiser, distribution, settings, about)


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

    @property
    def seeds(self) -> dict[str, int]:
        """Of the distribution and of the errors."""
        return {"structure_seed": self.instance.structure_seed, "seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Four errors and the calls of each rule and strength."""
        distribution = self.instance.distribution()
        about = _subject(self.instance, distribution, self.hardness, self.seed)
        exact = forgiving_denoiser(distribution)
        everywhere = self.hardness == "everywhere"
        hardness = uniform_hardness if everywhere else inversion_hardness(distribution)
        for strength in self.strengths:
            noise, doubt = (strength, self.doubt) if everywhere else (0.0, strength)
            denoiser = noised(exact, hardness, noise, doubt, self.seed)
            settings = [
                Setting(name, STRENGTH, strength, sampler) for name, sampler in one_per_call(distribution).items()
            ]
            yield from law_rows(denoiser, distribution, settings, about)


def forgiving_denoiser(distribution: LODistribution) -> TabulatedDenoiser:
    """The exact posterior, which answers contradictory tokens too; equal answers are equal to the bit."""
    return TabulatedDenoiser(PosteriorDenoiser(ForgivingPosterior(EliminatedPosterior(distribution))), grid=_GRID)


def noised(denoiser: TabulatedDenoiser, hardness: Hardness, noise: float, doubt: float, seed: int) -> TabulatedDenoiser:
    """With errors."""
    return TabulatedDenoiser(NoisedDenoiser(denoiser, hardness, noise=noise, doubt=doubt, seed=seed), grid=_GRID)


def law_rows(
    denoiser: TabulatedDenoiser, distribution: LODistribution, settings: Iterable[Setting], about: Subject
) -> Iterator[Row]:
    """Five rows per setting: KL both ways in nats, total variation, mass off the support, expected calls; all exact."""
    truth = true_law(distribution)
    for setting in settings:
        law = sampler_law(denoiser, setting.sampler)
        error = law_error(truth, law.probability)
        yield _row(about, KL_FROM_TRUTH, setting, max(error.kl_from_truth, 0.0))
        yield _row(about, KL_FROM_SAMPLER, setting, max(error.kl_from_sampler, 0.0))
        yield _row(about, TOTAL_VARIATION, setting, error.total_variation)
        yield _row(about, OFF_SUPPORT, setting, error.off_support)
        yield _row(about, CALLS, setting, law.calls)


def _counts(denoiser: TabulatedDenoiser, setting: Setting) -> list[int]:
    """How many tokens each step of a counting rule reveals."""
    masks = torch.full((1, denoiser.length), denoiser.mask_id)
    decoded = decode(denoiser, masks, setting.sampler.decoder, torch.Generator().manual_seed(0))
    return [len(step.row) for step in decoded.trace.steps]


def _row(about: Subject, metric: str, setting: Setting, value: float) -> Row:
    return Row(
        **asdict(about),
        experiment=EXPERIMENT,
        metric=metric,
        decoder=setting.rule,
        swept=setting.dial,
        at=float(setting.at),
        value=value,
        standard_error=0.0,
        samples=1,
        method="exact",
    )


def _subject(instance: Instance, distribution: LODistribution, model: str, seed: int | None = None) -> Subject:
    return Subject(distribution=instance.label, fingerprint=distribution.fingerprint, model=model, seed=seed)


_INSTANCES: dict[ScaleName, tuple[tuple[Kind, int, int], ...]] = {
    "smoke": (("NAE-SAT", 4, 5), ("hash of three symbols", 3, 4), ("noisy parity", 4, 4)),
    "small": (("NAE-SAT", 4, 6), ("hash of three symbols", 3, 5), ("noisy parity", 4, 5)),
    "paper": (("NAE-SAT", 5, 6), ("hash of three symbols", 4, 5), ("noisy parity", 5, 6)),
}
_SEEDS: dict[ScaleName, int] = {"smoke": 5, "small": 12, "paper": 24}
_NOISE, _DOUBT = 1.0, 0.1
_STRENGTHS: dict[HardnessName, tuple[float, ...]] = {
    "everywhere": (0.0, 0.5, 1.0, 1.5),
    "at inversions": (0.0, 0.1, 0.2, 0.4),
}


@dataclass(frozen=True, kw_only=True)
class SamplersExperiment:
    """Laws of all rules on three small distributions.

    Attributes:
        scale: sizes and draws of errors: L of 7 to 9 and 5; 8 to 10 and 12; 9 to 11 and 24.
        directory: for rows, figures and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used; the laws are computed on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[ExactUnit | NoisedUnit | ImperfectionUnit]:
        """Per distribution: the exact posterior, then draws of errors. Doubt without noise has nothing to draw."""
        instances = [Instance(kind=kind, n_latents=n, n_observations=p) for kind, n, p in _INSTANCES[self.scale]]
        seeds = range(_SEEDS[self.scale])
        exact = [ExactUnit(instance=instance) for instance in instances]
        wrong = [NoisedUnit(instance=i, noise=_NOISE, doubt=_DOUBT, seed=s) for i in instances for s in seeds]
        ordered = [
            ImperfectionUnit(instance=i, hardness=name, strengths=strengths, doubt=_DOUBT, seed=seed)
            for i in instances
            for name, strengths in _STRENGTHS.items()
            for seed in (seeds if name == "everywhere" else range(1))
        ]
        return [*exact, *wrong, *ordered]

    def run(self) -> Path:
        """Compute what is missing, draw the figures, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"samplers {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figures = {
            "samplers": draw_samplers(rows),
            "samplers_noised": draw_samplers(rows, model=NOISED, metrics=(TOTAL_VARIATION, OFF_SUPPORT)),
            "samplers_imperfection": draw_imperfection(rows),
        }
        saved = {name: save_figure(figure, self.directory / "figures", name) for name, figure in figures.items()}
        report = samplers_report(rows, units, saved, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)
