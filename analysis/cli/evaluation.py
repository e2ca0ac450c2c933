"""What ``lo-theory evaluate`` does once its words are understood: a trained model against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from analysis.cli.numbers import require_at_least
from analysis.cli.workspace import TrainedModel, load_model, tell_unchecked
from analysis.lab.rows import MDM, Row, Subject, write_csv
from analysis.measures.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from analysis.measures.order_accuracy import order_accuracy
from analysis.measures.task_error import task_error
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.batches import generate
from lo_theory.samplers.decoder import Decoder, in_order
from lo_theory.samplers.menu import paper_rules

if TYPE_CHECKING:
    from analysis.cli.evaluate import Evaluate


def evaluate_model(asked: Evaluate) -> None:
    """Measure, print the summary, write the table."""
    require_at_least(1, rows=asked.rows)
    require_at_least(0, sample_seed=asked.sample_seed)
    model = load_model(asked.model)
    tell_unchecked(asked.model, model.checked)
    about = Subject(
        distribution=asked.model.name,
        fingerprint=model.distribution.fingerprint,
        model=MDM if model.order is None else "arm",
    )
    measured = list(_masked(asked, model, about) if model.order is None else _causal(asked, model, model.order, about))
    for row in measured:
        if row.position is None:
            print(_line(row))
    if asked.out is not None:
        write_csv(asked.out, measured)
        print(f"all {len(measured)} numbers: {asked.out}")


def _causal(asked: Evaluate, model: TrainedModel, order: np.ndarray, about: Subject) -> Iterator[Row]:
    distribution, test = model.distribution, model.distribution.rows(asked.sample_seed, 0, asked.rows)
    yield likelihood_gap(chain_nats(model.denoiser, test, order), distribution, test, about=about)
    yield from _agreement(asked, model, about, "its own order", in_order(order))


def _masked(asked: Evaluate, model: TrainedModel, about: Subject) -> Iterator[Row]:
    distribution, test = model.distribution, model.distribution.rows(asked.sample_seed, 0, asked.rows)
    rng = np.random.default_rng(asked.sample_seed)
    yield likelihood_gap(order_averaged_nats(model.denoiser, test, rng), distribution, test, about=about)
    for name, decoder in paper_rules(distribution.length, distribution.length).items():
        yield from _agreement(asked, model, about, name, decoder)
    yield from _task_errors(asked, model, about, rng)


def _agreement(asked: Evaluate, model: TrainedModel, about: Subject, name: str, decoder: Decoder) -> list[Row]:
    drawn = generate(model.denoiser, decoder, asked.rows, torch.Generator().manual_seed(asked.sample_seed))
    return order_accuracy(drawn.tokens, model.distribution, about=about, decoder=name, calls=drawn.batch_calls)


def _task_errors(asked: Evaluate, model: TrainedModel, about: Subject, rng: np.random.Generator) -> list[Row]:
    """All or none: the posterior may refuse a mask half-way, and what was measured before is kept."""
    distribution = model.distribution
    counts = sorted({max(1, round(share * distribution.length)) for share in (0.25, 0.5, 0.75, 1.0)})
    try:
        posterior = exact_posterior(distribution)
        found = task_error(
            model.denoiser, posterior, distribution, about=about, masked_counts=counts, samples=asked.rows, rng=rng
        )
        return list(found)
    except ValueError as error:
        print(f"task error not measured: {error}")
        return []


def _line(row: Row) -> str:
    low, high = row.interval
    where = [row.role and f"{row.role}s", row.n_masked and f"{row.n_masked} masked", row.decoder]
    place = ", ".join(str(part) for part in where if part)
    return f"{row.metric:26} {place:28} {row.value:9.5f}  95% [{low:.5f}, {high:.5f}]  {row.method}, n = {row.samples}"
