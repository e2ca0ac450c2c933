"""What ``lo-theory sample`` does once its words are understood: sequences, and how they arise."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int64

from analysis.cli.decoders import named_decoder
from analysis.cli.numbers import require_at_least
from analysis.cli.posterior_check import check_posterior
from analysis.cli.workspace import TrainedModel, load_model, tell_unchecked
from analysis.films.files import check_film_path, write_film
from analysis.films.film import film, sequence_layout
from analysis.films.terminal import play
from generators.distribution import LODistribution
from generators.ground.memory import check_memory
from generators.ground.storage import write_atomic
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.samplers.decoder import Decoder, in_order
from lo_theory.samplers.decoding import Decoded, decode
from lo_theory.samplers.trace_file import check_trace_path, trace_table, write_trace

if TYPE_CHECKING:
    from analysis.cli.sample import Sample


def sample_model(asked: Sample) -> None:
    """Generate, print or write, and say how many observations agree with the generated latents."""
    require_at_least(1, n=asked.n, per_step=asked.per_step)
    require_at_least(0, seed=asked.seed)
    if asked.film is not None:
        check_film_path(asked.film)
    require_at_least(1, top=asked.top)
    if asked.trace is not None:
        check_trace_path(asked.trace)
    model = load_model(asked.model)
    tell_unchecked(asked.model, model.checked)
    if asked.check is not None:
        _check(asked, model.distribution)
    _require_room(asked.n, model.distribution)
    start = torch.full((asked.n, model.distribution.length), model.distribution.mask_id)
    generator = torch.Generator().manual_seed(asked.seed)
    top = 0 if asked.trace is None else asked.top
    decoded = decode(_denoiser(asked, model), start, _decoder(asked, model), generator, top=top)
    rows = decoded.tokens.numpy()
    _film(asked, model, start, decoded)
    if asked.trace is not None:
        write_trace(asked.trace, trace_table(decoded.trace))
        print(f"trace: {asked.trace}")
    _sequences(asked, model, rows)
    agreement = float(observation_agreement(model.distribution, rows).mean())
    calls = decoded.trace.row_calls / asked.n
    print(f"{len(rows)} sequences, {calls:g} calls each, {agreement:.2%} of the observations agree with the latents")


def _require_room(n: int, distribution: LODistribution) -> None:
    """Refuse more sequences than fit: their tokens twice, and what is answered about each, all at once."""
    length, vocabulary = distribution.length, distribution.vocabulary
    check_memory(
        n * length * (16 + 8 * vocabulary), what=f"generating {n} sequences of {length} tokens", advice="Lower --n."
    )


def _check(asked: Sample, distribution: LODistribution) -> None:
    if not asked.exact:
        raise ValueError(f"--check {asked.check} judges the exact posterior; it goes with --exact.")
    check_posterior(forgiving_posterior(distribution), distribution)


def _denoiser(asked: Sample, model: TrainedModel) -> Denoiser:
    masked = isinstance(model.denoiser, MaskedDenoiser) and not asked.exact
    if asked.precision == "bfloat16" and not masked:
        raise ValueError("--precision bfloat16 is for masked networks; leave it out with others and with --exact.")
    if asked.exact:
        return PosteriorDenoiser(forgiving_posterior(model.distribution))
    if isinstance(model.denoiser, MaskedDenoiser):
        return MaskedDenoiser(model.denoiser.network, everywhere=True, precision=asked.precision)
    return model.denoiser


def _decoder(asked: Sample, model: TrainedModel) -> Decoder:
    if model.order is not None and not asked.exact:
        return in_order(model.order)
    return named_decoder(asked.rule, model.distribution.length, asked.per_step)


def _film(asked: Sample, model: TrainedModel, start: Int64[torch.Tensor, "B L"], decoded: Decoded) -> None:
    if not asked.show and asked.film is None:
        return
    who = "exact posterior" if asked.exact else "autoregressive model" if model.order is not None else "network"
    title = who if model.order is not None and not asked.exact else f"{who}, {asked.rule}"
    layout = sequence_layout(model.distribution)
    reel = film(title, start[0].numpy(), decoded.trace, 0, layout, model.distribution.mask_id)
    if asked.film is not None:
        write_film(reel, asked.film)
        print(f"film: {asked.film}")
    if asked.show:
        play(reel)


def _sequences(asked: Sample, model: TrainedModel, rows: Int64[np.ndarray, "n L"]) -> None:
    if asked.out is not None:
        buffer = io.BytesIO()
        np.save(buffer, rows.astype(np.min_scalar_type(model.distribution.pad_id)), allow_pickle=False)
        write_atomic(asked.out, buffer.getvalue())
    elif not asked.show:
        for row in rows:
            latents, observations = model.distribution.split(row[None])
            print(" ".join(map(str, latents[0])), "|", " ".join(map(str, observations[0])))
