"""Table 1 at the paper's sizes in hours of a processor: one network, trained, kept and decoded in pieces.

The paper's rules alone, so that a thousand sequences of each can be paid for. A run that was stopped loses a minute or
two: the training goes on from its checkpoint, decoding from the last piece, and a finished network is read from its
file in ``weights``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.lab.rows import CONTROL, Row, Subject
from analysis.lab.store import unit_key
from analysis.measures.forward_loss import FORWARD, masked_forward_nats
from analysis.measures.kept_network import kept_network, weights_digest, weights_path
from analysis.measures.kept_sequences import Drawn, SequenceStore
from analysis.measures.learner import TEST, masked_objective
from analysis.measures.rule_sweep import EXPERIMENT_NAME, GENERATE, SizedUnit, sweep_rows
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import exact_estimate, mean_estimate
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import Transformer
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA, SamplingRule, sequence_rules

SEQUENCES = "sequences"
"""Folder of a run: drawn ones, a folder per unit."""
SAME = "same_tokens_share"
"""Share of tokens that top probability and margin have in common when they draw with one seed; for bits all."""
WEIGHTS, FLOPS, SECONDS = "weights", "training_flops", "training_seconds"
_TOP_SAMPLES = 100  # top probability is margin on bits: so many sequences show it


@dataclass(frozen=True, kw_only=True)
class LongTable1Unit(SizedUnit):
    """A network, or the exact posterior, on NAE-SAT of one size, decoded by the paper's rules.

    The setting says how many sequences (``generated``) and how many network calls (``call_divisors``). Top probability,
    which ranks bits as margin does, is decoded a hundred times with one token per call, and compared token by token.
    """

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Per rule and number of calls what ``table1`` has; the forward loss; what the network took."""
        distribution = self.build()
        about = self.about(distribution)
        denoiser, origin = self._denoiser(distribution, directory, device)
        rng = np.random.default_rng([self.sample_seed(TEST), 1])
        test = distribution.rows(self.sample_seed(TEST), 0, self.setting.test_rows)
        yield about.row(EXPERIMENT_NAME, FORWARD, masked_forward_nats(denoiser, distribution, test, rng))
        if self.model != CONTROL:
            yield from self._cost(directory, about)
        store = SequenceStore(directory / SEQUENCES / unit_key(self), origin, self.sample_seed(GENERATE))
        yield from self._agreements(store, denoiser, distribution, about)

    def _agreements(
        self, store: SequenceStore, denoiser: Denoiser, distribution: LODistribution, about: Subject
    ) -> Iterator[Row]:
        one_each = dict[str, Drawn]()
        for rule in self._rules(distribution.length):
            samples = min(_TOP_SAMPLES, self.setting.generated) if rule.name == TOP else self.setting.generated
            drawn = store.draw(denoiser, rule, samples)
            yield from sweep_rows(drawn.tokens, drawn.calls, rule, distribution, about)
            if rule.at == distribution.length:
                one_each[rule.name] = drawn
        margin, top = one_each[MARGIN], one_each[TOP]
        same = (margin.tokens[: len(top.tokens)] == top.tokens).mean(axis=1)
        yield about.row(EXPERIMENT_NAME, SAME, mean_estimate(same), decoder=TOP, calls=top.calls)

    def _rules(self, length: int) -> list[SamplingRule]:
        """Vanilla and margin at every number of calls, top probability at the largest, which is always there."""
        budgets = sorted({max(1, length // divisor) for divisor in (1, *self.setting.call_divisors)}, reverse=True)
        rules = [rule for steps in budgets for rule in sequence_rules(length, steps)]
        return [rule for rule in rules if rule.name in (VANILLA, MARGIN) or (rule.name == TOP and rule.at == length)]

    def _denoiser(self, distribution: LODistribution, directory: Path, device: torch.device) -> tuple[Denoiser, str]:
        """Who answers, and a digest that tells it from any other."""
        if self.model == CONTROL:
            return PosteriorDenoiser(forgiving_posterior(distribution)), distribution.fingerprint
        return MaskedDenoiser(sized_network(self, directory, device)), weights_digest(self, directory)

    def _cost(self, directory: Path, about: Subject) -> Iterator[Row]:
        """Weights, operations and seconds of the training, as its file has them."""
        kept = load_checkpoint(weights_path(self, directory))
        spent = {WEIGHTS: weight_count(kept.network), FLOPS: kept.flops, SECONDS: kept.seconds}
        for metric, value in spent.items():
            yield about.row(EXPERIMENT_NAME, metric, exact_estimate(float(value)), step=kept.step)


def sized_network(unit: SizedUnit, directory: Path, device: torch.device) -> Transformer:
    """The network of the :class:`LongTable1Unit` with a unit's model, seed and setting; trained if it is not kept."""
    trained = LongTable1Unit(model=unit.model, seed=unit.seed, setting=unit.setting)
    return kept_network(trained, masked_objective(unit.setting), directory, device)
