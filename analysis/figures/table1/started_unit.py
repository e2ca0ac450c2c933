"""Margin from a few latents drawn first, or from tokens that the network is least sure of, at the paper's sizes.

Latents are independent, so drawing some of them first takes nothing from the law of a sequence: it is another order,
and the exact posterior is right along every one. A network need not be. Margin by itself reveals the surest token, at
first an observation, whose commoner value NAE-SAT gives three times in four; so it goes against the natural order until
a latent is surer than that.

To draw latents first one must know which tokens they are. The least sure token of all is one of them, as a latent that
nothing tells of has margin 0: so the second half needs no such knowledge, only a decoder
(:func:`~lo_theory.samplers.named_decoders.doubtful_start`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from analysis.figures.table1.long_unit import sized_network
from analysis.lab.rows import Row
from analysis.measures.rule_sweep import EXPERIMENT_NAME, GENERATE, SizedUnit, sweep_rows
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.estimate import mean_estimate
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.menu import MARGIN, SamplingRule, sequence_rules
from lo_theory.samplers.named_decoders import doubtful_start

GIVEN, DOUBTFUL = "latents drawn first", "least sure tokens first"
"""What is swept."""
FIRST_LATENT = "steps_before_a_latent"
"""Steps of decoding before the first latent that was not given."""


@dataclass(frozen=True, kw_only=True)
class StartedUnit(SizedUnit):
    """Agreement by margin, one token per call, from one of two starts.

    Attributes:
        given: numbers of latents, at random places, that are drawn from the prior before; what the distribution does
            not have is left out.
        doubtful: numbers of tokens that the decoder takes where the network is least sure.
        samples: sequences for each.
    """

    given: tuple[int, ...] = (0, 1, 2, 4)
    doubtful: tuple[int, ...] = (1, 2, 4)
    samples: int = 100

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """What ``table1`` has, and when the first latent comes; the network is that of ``sized_network``."""
        distribution = self.build()
        denoiser = MaskedDenoiser(sized_network(self, directory, device))
        rule = next(rule for rule in sequence_rules(distribution.length, distribution.length) if rule.name == MARGIN)
        for given in (number for number in self.given if number <= distribution.n_latents):
            start = self._start(distribution, given)
            yield from self._rows(denoiser, start, replace(rule, swept=GIVEN, at=float(given)), distribution)
        nothing = self._start(distribution, 0)
        for tokens in (number for number in self.doubtful if number <= distribution.length):
            started = replace(rule, decoder=doubtful_start(rule.decoder, tokens), swept=DOUBTFUL, at=float(tokens))
            yield from self._rows(denoiser, nothing, started, distribution)

    def _start(self, distribution: LODistribution, given: int) -> np.ndarray:
        """(samples, L) tokens, so many latents visible."""
        drawn = distribution.rows(self.sample_seed(GENERATE), 0, self.samples)
        rng = np.random.default_rng([self.sample_seed(GENERATE), given])
        start = np.full_like(drawn, distribution.mask_id)
        order = rng.permuted(np.tile(distribution.latent_positions, (self.samples, 1)), axis=1)[:, :given]
        np.put_along_axis(start, order, np.take_along_axis(drawn, order, 1), 1)
        return start

    def _rows(
        self, denoiser: Denoiser, start: np.ndarray, rule: SamplingRule, distribution: LODistribution
    ) -> Iterator[Row]:
        about = self.about(distribution)
        generator = torch.Generator().manual_seed(self.sample_seed(GENERATE))
        done = decode(denoiser, torch.from_numpy(start.astype(np.int64)), rule.decoder, generator)
        calls = float((start[0] == distribution.mask_id).sum())
        yield from sweep_rows(done.tokens.numpy(), calls, rule, distribution, about)
        revealed = done.trace.revealed_at().numpy()[:, distribution.latent_positions]
        first = np.where(revealed < 0, distribution.length, revealed).min(axis=1)
        yield about.row(
            EXPERIMENT_NAME, FIRST_LATENT, mean_estimate(first.astype(np.float64)), decoder=rule.name, calls=calls,
            swept=rule.swept, at=rule.at,
        )  # fmt: skip
