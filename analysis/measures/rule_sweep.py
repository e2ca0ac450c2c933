"""Table 1 of the paper, taken apart: how much of vanilla's deficit is the model's error, how much the sampler's.

The paper generates NAE-SAT sequences and reports 78 to 63% by vanilla and 94 to 89% by margin; it states neither its
number of steps nor its protocol. An ideal model reaches 100% under either rule with one token per step, so a deficit
has two sources: errors of the model, and tokens that are revealed together though they depend on each other. Networks
stand here beside the exact posterior in their place, which has the second source alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64

from analysis.lab.rows import CONTROL, Row, Subject
from analysis.measures.learner import LearnerUnit, masked_objective, train_unit
from analysis.measures.order_accuracy import order_accuracy
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import Estimate
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import MARGIN, SWEPT, VANILLA, SamplingRule, sequence_rules, trusting_rules

EXPERIMENT_NAME = "table1"
DISTINCT = "distinct_latents"
DIVISORS = (1, 2, 6, 15, 30)
"""Network calls per sequence are L divided by these: 300, 150, 50, 20, 10 at the paper's L = 300."""

GENERATE = 5
"""Stream of the seed of generation, apart from those of training and test rows."""


@dataclass(frozen=True, kw_only=True)
class SizedUnit(LearnerUnit):
    """A unit on NAE-SAT whose label and rows name the size."""

    distribution: str = "NAE-SAT"

    @property
    def label(self) -> str:
        """Size, model and seed."""
        return f"{size_name(self.setting.n_latents, self.setting.n_observations)}, {self.model}, seed {self.seed}"

    def about(self, distribution: LODistribution) -> Subject:
        """What its rows say they are about."""
        name = size_name(self.setting.n_latents, self.setting.n_observations)
        return replace(super().about(distribution), distribution=name)


@dataclass(frozen=True, kw_only=True)
class Table1Unit(LearnerUnit):
    """One model on NAE-SAT of one size, decoded by every rule at every number of calls.

    Attributes:
        rules: ``all`` of the suite, or the ``paper``'s: vanilla and margin at every number of calls.
    """

    distribution: str = "NAE-SAT"
    rules: Literal["all", "paper"] = "all"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per rule and number of calls: agreement, whole sequences that agree, share of distinct latents."""
        distribution = self.build()
        denoiser = self._denoiser(distribution, directory, device)
        name = size_name(self.setting.n_latents, self.setting.n_observations)
        about = replace(self.about(distribution), distribution=name)
        for rule in self._rules(distribution.length):
            yield from self._measured(rule, denoiser, distribution, about)

    def _measured(
        self, rule: SamplingRule, denoiser: Denoiser, distribution: LODistribution, about: Subject
    ) -> Iterator[Row]:
        """Agreement of both kinds, and whether the sampler still draws different latents."""
        generator = torch.Generator().manual_seed(self.sample_seed(GENERATE))
        drawn = generate(denoiser, rule.decoder, self.setting.generated, generator)
        yield from sweep_rows(drawn.tokens, drawn.calls, rule, distribution, about)

    def _rules(self, length: int) -> list[SamplingRule]:
        budgets = sorted({max(1, length // divisor) for divisor in DIVISORS}, reverse=True)
        rules = [rule for steps in budgets for rule in sequence_rules(length, steps)]
        if self.rules == "paper":
            return [rule for rule in rules if rule.name in (VANILLA, MARGIN)]
        return [*rules, *trusting_rules(SWEPT)]

    def _denoiser(self, distribution: LODistribution, directory: Path, device: torch.device) -> Denoiser:
        if self.model == CONTROL:
            return PosteriorDenoiser(forgiving_posterior(distribution))
        return MaskedDenoiser(train_unit(self, masked_objective(self.setting), directory, device), everywhere=True)


def sweep_rows(
    tokens: Int64[np.ndarray, "n L"], calls: float, rule: SamplingRule, distribution: LODistribution, about: Subject
) -> Iterator[Row]:
    """Agreement of sequences that a rule has drawn, whole ones that agree, and the share of distinct latents."""
    for row in order_accuracy(tokens, distribution, about=about, decoder=rule.name, calls=calls):
        yield replace(row, experiment=EXPERIMENT_NAME, swept=rule.swept, at=rule.at)
    share = _distinct_share(distribution.split(tokens)[0])
    different = Estimate(value=share, standard_error=math.nan, samples=len(tokens), method="monte_carlo")
    yield about.row(EXPERIMENT_NAME, DISTINCT, different, decoder=rule.name, calls=calls, swept=rule.swept, at=rule.at)


def size_name(n_latents: int, n_observations: int, distribution: str = "NAE-SAT") -> str:
    """What rows call a size."""
    return f"{distribution} ({n_latents}, {n_observations})"


def named_size(name: str) -> tuple[int, int]:
    """N and P of a :func:`size_name`."""
    n_latents, n_observations = re.findall(r"\d+", name)
    return int(n_latents), int(n_observations)


def _distinct_share(latents: Int64[np.ndarray, "n N"]) -> float:
    """Different latents over as many as n independent uniform draws would be expected to give; 1 is full diversity."""
    n, states = len(latents), 2.0 ** latents.shape[1]
    expected = -states * math.expm1(n * math.log1p(-1 / states)) if states > 1 else 1.0
    return len(np.unique(latents, axis=0)) / expected
