"""``lo-theory sample``: sequences from a trained model, or from the exact posterior in its place."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from analysis.commands.workspace import load_model, require_at_least
from analysis.order_accuracy import generate
from generators.storage import write_atomic
from lo_theory.agreement import observation_agreement
from lo_theory.decoding import Decoder, in_order, margin, top_probability, vanilla
from lo_theory.exact import exact_posterior
from lo_theory.oracle import PosteriorDenoiser


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Generate sequences from all masks.

    Attributes:
        model: directory that ``lo-theory train`` wrote.
        n: sequences.
        rule: which position is revealed next; an autoregressive model always follows its own order.
        per_step: tokens revealed per network call.
        exact: put the exact posterior in the network's place.
        seed: of the draws.
        out: .npy file of the sequences; they are printed if not given.
    """

    model: Path
    n: int = 8
    rule: Literal["vanilla", "top-probability", "margin"] = "margin"
    per_step: int = 1
    exact: bool = False
    seed: int = 0
    out: Path | None = None

    def run(self) -> None:
        """Generate, print or write, and say how many observations agree with the generated latents."""
        require_at_least(1, n=self.n, per_step=self.per_step)
        require_at_least(0, seed=self.seed)
        model = load_model(self.model)
        denoiser = PosteriorDenoiser(exact_posterior(model.distribution)) if self.exact else model.denoiser
        decoder = self._decoder(model.distribution.length)
        if model.order is not None and not self.exact:
            decoder = in_order(model.order)
        rows, calls = generate(denoiser, decoder, self.n, torch.Generator().manual_seed(self.seed))
        agreement = float(observation_agreement(model.distribution, rows).mean())
        if self.out is not None:
            buffer = io.BytesIO()
            np.save(buffer, rows.astype(np.min_scalar_type(model.distribution.pad_id)), allow_pickle=False)
            write_atomic(self.out, buffer.getvalue())
        else:
            for row in rows:
                latents, observations = model.distribution.split(row[None])
                print(" ".join(map(str, latents[0])), "|", " ".join(map(str, observations[0])))
        print(
            f"{len(rows)} sequences, {calls:g} calls each, {agreement:.2%} of the observations agree with the latents"
        )

    def _decoder(self, length: int) -> Decoder:
        blind = vanilla(None if self.per_step == 1 else max(1, length // self.per_step))
        return {
            "vanilla": blind,
            "top-probability": top_probability(self.per_step),
            "margin": margin(self.per_step),
        }[self.rule]
