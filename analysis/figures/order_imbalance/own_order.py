"""A masked model along the orders that it decodes in, beside its bound and an autoregressive model of equal FLOPs.

Source: "DUEL", arXiv 2603.01367. A rule that draws nothing reveals each row along one path, so the row has a likelihood
and needs no bound; what that saves is set against what an autoregressive model saves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from analysis.figures.order_imbalance.along import EXPERIMENT_NAME, IDENTITY, NLL, UNIFORM, nats_along
from analysis.lab.rows import Row
from analysis.measures.gap_closed import GAP_CLOSED
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_networks import TextNetwork, text_denoiser
from generators.ground.ownership import DirectoryInUseError
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.estimate import mean_estimate, ratio_estimate, ratio_interval
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.samplers.decoder import Decoder, margin, top_probability
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP
from lo_theory.samplers.named_decoders import negative_entropy

SAVED = "bound_minus_order_nats_per_token"
RULES: dict[str, Decoder] = {TOP: top_probability(), MARGIN: margin(), ENTROPY: negative_entropy()}
_AT_ONCE = 128
_PAUSE = 1.0  # seconds


@dataclass(frozen=True, kw_only=True)
class OwnOrderTextUnit:
    """One masked model on one text, one token per call.

    Attributes:
        network: the masked model; the autoregressive one has its setting and seed.
        windows: held-out sequences.
        uniform_draws: orders per sequence behind the bound, each sequence with its own.
        seed: of the orders.
    """

    network: TextNetwork
    windows: int
    uniform_draws: int
    seed: int = 0

    @property
    def label(self) -> str:
        """The network."""
        return f"{self.network.label}, own orders, {self.windows} windows"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Nats per token along each rule's order, how far below the bound, and what share of the gap this closes."""
        data = self.network.data()
        rows = data.held_out(self.windows)
        arm = replace(self.network, model=ARM_NATURAL.name)
        masked, causal = (when_free(partial(text_denoiser, one, directory, device)) for one in (self.network, arm))
        bound = nats_along(masked, rows, {UNIFORM: self.uniform_draws}, self.seed)[UNIFORM].mean(axis=1)
        gap = bound - nats_along(causal, rows, {IDENTITY: 1}, self.seed)[IDENTITY][:, 0]
        made = partial(self.network.about(data).row, EXPERIMENT_NAME)
        tokens = torch.from_numpy(rows.astype(np.int64))
        for name, decoder in RULES.items():
            nats = decoder_nll(masked, tokens, decoder, batch_size=_AT_ONCE).rows().nats / rows.shape[1]
            saved = bound - nats
            low, high = ratio_interval(saved, gap)
            yield made(NLL, mean_estimate(nats, "chain"), decoder=name)
            yield made(SAVED, mean_estimate(saved, "chain"), decoder=name)
            yield made(GAP_CLOSED, ratio_estimate(saved, gap, "chain"), decoder=name, low=low, high=high)
        yield arm.about(data).row(EXPERIMENT_NAME, SAVED, mean_estimate(gap, "chain"), decoder=IDENTITY)


def when_free(trained: Callable[[], Denoiser]) -> Denoiser:
    """What ``trained`` gives, as soon as no other unit of the run trains the same network."""
    while True:
        try:
            return trained()
        except DirectoryInUseError:
            time.sleep(_PAUSE)
