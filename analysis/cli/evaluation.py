"""What ``lo-theory evaluate`` does once its words are understood: a trained model against the truth."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Integer

from analysis.cli.decoders import named_decoder
from analysis.cli.distribution_file import DISTRIBUTION_NAME
from analysis.cli.names import Rule
from analysis.cli.numbers import require_at_least
from analysis.cli.posterior_check import check_posterior
from analysis.cli.workspace import TrainedModel, load_model, tell_unchecked
from analysis.cli.written_rows import written_rows
from analysis.lab.rows import MDM, Row, Subject, write_csv
from analysis.measures.likelihood_gap import chain_nats, likelihood_gap, order_averaged_nats
from analysis.measures.order_accuracy import order_accuracy
from analysis.measures.task_error import task_error
from generators.datasets.sources import Stored
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.batches import generate
from lo_theory.samplers.decoder import Decoder, in_order
from lo_theory.samplers.menu import paper_rules

if TYPE_CHECKING:
    from analysis.cli.evaluate import Evaluate


_ROWS = 1024  # where neither --rows nor a smaller dataset says another number


@dataclass(frozen=True, eq=False)
class _Test:
    """Held-out rows (n, L), and the seed of all that is drawn beside them."""

    rows: Integer[np.ndarray, "n L"]
    seed: int


def evaluate_model(asked: Evaluate) -> None:
    """Measure, print the summary, write the table."""
    if asked.model is None:
        raise ValueError("evaluate needs --model, a directory that lo-theory train wrote, or --denoiser.")
    if asked.vocabulary is not None:
        raise ValueError("--vocabulary goes with --denoiser; a model knows its own.")
    require_at_least(1, rows=asked.rows)
    require_at_least(0, sample_seed=asked.sample_seed)
    if asked.split is not None and asked.data is None:
        raise ValueError(f"--split {asked.split} is one of a written dataset; name that with --data.")
    model = load_model(asked.model)
    tell_unchecked(asked.model, model.checked)
    if asked.order is not None and model.order is not None:
        raise ValueError(f"--order {asked.order} is for a masked model; {asked.model} has one order, its own.")
    if asked.check is not None:
        check_posterior(exact_posterior(model.distribution), model.distribution)
    about = Subject(
        distribution=asked.model.name,
        fingerprint=model.distribution.fingerprint,
        model=MDM if model.order is None else "arm",
    )
    test = _Test(_test_rows(asked, model), asked.sample_seed)
    if model.order is None:
        measured = list(_masked(test, model, about, asked.order))
    else:
        measured = list(_causal(test, model, model.order, about))
    for row in measured:
        if row.position is None:
            print(_line(row))
    if asked.out is not None:
        write_csv(asked.out, measured)
        print(f"all {len(measured)} numbers: {asked.out}")


def _test_rows(asked: Evaluate, model: TrainedModel) -> Integer[np.ndarray, "n L"]:
    """The first rows of the written dataset, or of the stream that the seed names."""
    if asked.data is None or asked.model is None:
        return model.distribution.rows(asked.sample_seed, 0, asked.rows or _ROWS)
    dataset = written_rows(asked.data, asked.split, usual="test")
    if dataset.fingerprint != model.distribution.fingerprint:
        raise ValueError(
            f"{dataset.directory} holds rows of distribution {dataset.fingerprint}, but {asked.model} was trained on "
            f"{model.distribution.fingerprint}. Write rows of that one: lo-theory generate ... from-file --path "
            f"{asked.model / DISTRIBUTION_NAME}."
        )
    count = min(_ROWS, len(dataset)) if asked.rows is None else asked.rows
    if count > len(dataset):
        raise ValueError(f"--rows {count} are more than the {len(dataset)} of {dataset.directory}; leave --rows out.")
    if model.source.get("sample_seed") == dataset.sample_seed:
        said = f"the model was trained on draws of the same seed, {dataset.sample_seed}; these are no test"
        print(f"{dataset.directory}: {said}.", file=sys.stderr)
    return Stored(dataset).rows(0, count)


def _causal(test: _Test, model: TrainedModel, order: np.ndarray, about: Subject) -> Iterator[Row]:
    yield likelihood_gap(chain_nats(model.denoiser, test.rows, order), model.distribution, test.rows, about=about)
    yield from _agreement(test, model, about, "its own order", in_order(order))


def _masked(test: _Test, model: TrainedModel, about: Subject, order: Rule | None) -> Iterator[Row]:
    distribution, rng = model.distribution, np.random.default_rng(test.seed)
    yield likelihood_gap(order_averaged_nats(model.denoiser, test.rows, rng), distribution, test.rows, about=about)
    if order is not None:
        yield _gap_in_order(test, model, about, order)
    for name, decoder in paper_rules(distribution.length, distribution.length).items():
        yield from _agreement(test, model, about, name, decoder)
    yield from _task_errors(test, model, about, rng)


def _gap_in_order(test: _Test, model: TrainedModel, about: Subject, order: Rule) -> Row:
    """The gap along the order that the rule decodes each test row in."""
    rows = torch.from_numpy(test.rows.astype(np.int64))
    paths = decoder_nll(model.denoiser, rows, named_decoder(order, model.distribution.length, 1))
    row = likelihood_gap(paths.rows(), model.distribution, test.rows, about=about)
    return replace(row, decoder=order.replace("-", " "))


def _agreement(test: _Test, model: TrainedModel, about: Subject, name: str, decoder: Decoder) -> list[Row]:
    drawn = generate(model.denoiser, decoder, len(test.rows), torch.Generator().manual_seed(test.seed))
    return order_accuracy(drawn.tokens, model.distribution, about=about, decoder=name, calls=drawn.batch_calls)


def _task_errors(test: _Test, model: TrainedModel, about: Subject, rng: np.random.Generator) -> list[Row]:
    """All or none: the posterior may refuse a mask half-way, and what was measured before is kept."""
    distribution = model.distribution
    counts = sorted({max(1, round(share * distribution.length)) for share in (0.25, 0.5, 0.75, 1.0)})
    try:
        posterior = exact_posterior(distribution)
        found = task_error(
            model.denoiser, posterior, distribution, about=about, masked_counts=counts, samples=len(test.rows), rng=rng
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
