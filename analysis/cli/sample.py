"""``lo-theory sample``: sequences from a trained model or the exact posterior in its place, and how they arise."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64

from analysis.cli.decoders import Rule, named_decoder
from analysis.cli.workspace import TrainedModel, load_model, require_at_least
from analysis.films.files import check_film_path, write_film
from analysis.films.film import film, sequence_layout
from analysis.films.terminal import play
from generators.ground.storage import write_atomic
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.samplers.decoder import Decoder, in_order
from lo_theory.samplers.decoding import Decoded, decode


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Generate sequences from all masks; "lo-theory sample sudoku" solves a puzzle instead.

    Attributes:
        model: directory that ``lo-theory train`` wrote.
        n: sequences.
        rule: which position is revealed next; an autoregressive model always follows its own order.
        per_step: tokens revealed per network call; threshold, entropy-bound and klass decide that themselves.
        exact: put the exact posterior in the network's place.
        seed: of the draws.
        out: .npy file of the sequences; they are printed if not given.
        show: play the decoding of the first sequence in the terminal.
        film: .html or .gif file of that decoding.
    """

    model: Path
    n: int = 8
    rule: Rule = "margin"
    per_step: int = 1
    exact: bool = False
    seed: int = 0
    out: Path | None = None
    show: bool = False
    film: Path | None = None

    def run(self) -> None:
        """Generate, print or write, and say how many observations agree with the generated latents."""
        require_at_least(1, n=self.n, per_step=self.per_step)
        require_at_least(0, seed=self.seed)
        if self.film is not None:
            check_film_path(self.film)
        model = load_model(self.model)
        start = torch.full((self.n, model.distribution.length), model.distribution.mask_id)
        generator = torch.Generator().manual_seed(self.seed)
        decoded = decode(self._denoiser(model), start, self._decoder(model), generator)
        rows = decoded.tokens.numpy()
        self._film(model, start, decoded)
        self._sequences(model, rows)
        agreement = float(observation_agreement(model.distribution, rows).mean())
        calls = decoded.trace.row_calls / self.n
        print(
            f"{len(rows)} sequences, {calls:g} calls each, {agreement:.2%} of the observations agree with the latents"
        )

    def _denoiser(self, model: TrainedModel) -> Denoiser:
        if self.exact:
            return PosteriorDenoiser(forgiving_posterior(model.distribution))
        if isinstance(model.denoiser, MaskedDenoiser):
            return MaskedDenoiser(model.denoiser.network, everywhere=True)
        return model.denoiser

    def _decoder(self, model: TrainedModel) -> Decoder:
        if model.order is not None and not self.exact:
            return in_order(model.order)
        return named_decoder(self.rule, model.distribution.length, self.per_step)

    def _film(self, model: TrainedModel, start: Int64[torch.Tensor, "B L"], decoded: Decoded) -> None:
        if not self.show and self.film is None:
            return
        who = "exact posterior" if self.exact else "autoregressive model" if model.order is not None else "network"
        title = who if model.order is not None and not self.exact else f"{who}, {self.rule}"
        layout = sequence_layout(model.distribution)
        reel = film(title, start[0].numpy(), decoded.trace, 0, layout, model.distribution.mask_id)
        if self.film is not None:
            write_film(reel, self.film)
            print(f"film: {self.film}")
        if self.show:
            play(reel)

    def _sequences(self, model: TrainedModel, rows: Int64[np.ndarray, "n L"]) -> None:
        if self.out is not None:
            buffer = io.BytesIO()
            np.save(buffer, rows.astype(np.min_scalar_type(model.distribution.pad_id)), allow_pickle=False)
            write_atomic(self.out, buffer.getvalue())
        elif not self.show:
            for row in rows:
                latents, observations = model.distribution.split(row[None])
                print(" ".join(map(str, latents[0])), "|", " ".join(map(str, observations[0])))
