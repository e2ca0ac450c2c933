"""What ``lo-theory evaluate --denoiser package.module:function`` does: any function scored on rows."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from analysis.cli.numbers import require_at_least
from analysis.cli.written_rows import written_rows
from analysis.lab.rows import Row, Subject, write_csv
from analysis.measures.infilling import (
    NATS,
    RIGHT,
    SPREAD,
    hidden_at_random,
    infill,
    named_orders,
    nats_by_order,
    order_spread,
)
from generators.datasets.sources import Stored
from generators.ground.numbers import whole_number
from lo_theory.denoisers.denoiser import Denoiser, ask, unusable
from lo_theory.denoisers.function import FunctionDenoiser
from lo_theory.estimate import clustered_interval, exact_estimate, mean_estimate
from lo_theory.samplers.menu import per_call_rules

if TYPE_CHECKING:
    from analysis.cli.evaluate import Evaluate

EXPERIMENT_NAME = "own_denoiser"
SPEED = "generated_tokens_per_second"
_ROWS = 64
_DRAWN_ORDERS = 8


@dataclass(frozen=True, eq=False)
class _Test:
    rows: Integer[np.ndarray, "n L"]
    fingerprint: str = ""


def evaluate_own(asked: Evaluate) -> None:
    """Likelihood along orders, their spread, infilling of half of each row by every rule; printed, and written."""
    if asked.model is not None or asked.order is not None:
        raise ValueError("--denoiser goes without --model and --order.")
    if asked.check is not None:
        raise ValueError(f"--check {asked.check} judges the exact posterior; --denoiser is compared with none.")
    require_at_least(1, rows=asked.rows, vocabulary=asked.vocabulary)
    require_at_least(0, sample_seed=asked.sample_seed)
    name = asked.denoiser or ""
    test = _test_rows(asked)
    denoiser = _denoiser(name, test.rows, asked.vocabulary)
    about = Subject(distribution=str(asked.data), fingerprint=test.fingerprint, model=name)
    measured = []
    for row in _measured(denoiser, test.rows, asked.sample_seed, about):
        measured.append(row)
        print(_line(row), flush=True)
    if asked.out is not None:
        write_csv(asked.out, measured)
        print(f"all {len(measured)} numbers: {asked.out}")


def named_callable(name: str) -> Any:
    """What ``package.module:function`` names; modules of the working directory are found.

    Raises:
        ValueError: no such form, module or name, a module that fails when it is imported, or nothing that can be
            called.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise ValueError(f"--denoiser is package.module:function; got {name!r}.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"--denoiser {name}: {error}. Run where it can be imported.") from error
    except TypeError as error:  # a relative name, of which import_module asks whose
        raise ValueError(f"--denoiser {name}: name the module from its top, as package.module ({error}).") from error
    except Exception as error:  # whatever the module does when it is run
        raise ValueError(f"--denoiser {name}: {module} cannot be imported: {_what_happened(error)}.") from error
    for part in function.split("."):
        if not hasattr(found, part):
            raise ValueError(f"--denoiser {name}: {module} has no {function}.")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"--denoiser {name} cannot be called; it is {type(found).__name__}.")
    return found


def _what_happened(error: Exception) -> str:
    """Kind, message, and the last place in the code that it passed through."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error}".rstrip(".")
    return f"{message} ({Path(place.filename).name}, line {place.lineno})"


def _said_by_name(name: str, function: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """The function, whose own exceptions are told with its name and place."""

    def named(tokens: Tensor) -> Any:
        try:
            return function(tokens)
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(f"{name} raised {_what_happened(error)}.") from error

    return named


def _denoiser(name: str, rows: Integer[np.ndarray, "n L"], vocabulary: int | None) -> Denoiser:
    """The named callable as a denoiser; one that says its own vocabulary and length is one already."""
    found, length = named_callable(name), rows.shape[1]
    symbols = getattr(found, "vocabulary", vocabulary)
    if symbols is None:
        raise ValueError(f"{name} does not say how many values a token has: name it with --vocabulary.")
    if vocabulary not in (None, symbols):
        raise ValueError(f"{name} has a vocabulary of {symbols}; --vocabulary {vocabulary} is another.")
    try:
        whole_number(symbols, f"the vocabulary of {name}", least=1)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if getattr(found, "length", length) != length:
        raise ValueError(f"{name} has length {found.length}; the rows have {length} tokens.")
    if rows.min() < 0 or rows.max() >= symbols:
        raise ValueError(f"tokens of the rows lie in {rows.min()}..{rows.max()}; the vocabulary is {symbols}.")
    denoiser = FunctionDenoiser(_said_by_name(name, found), length, symbols)
    masked = torch.full((1, length), denoiser.vocabulary)
    try:
        answers = ask(denoiser, masked)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error
    if unusable(answers, masked >= 0, masked >= 0).any():
        raise ValueError(f"{name} has no answer, or one that is no distribution, for a row of masks alone.")
    return denoiser


def _test_rows(asked: Evaluate) -> _Test:
    """Rows of a NumPy file or of a written dataset."""
    if asked.data is None:
        raise ValueError("--denoiser needs --data: a .npy file of rows (n, L), or what lo-theory generate wrote.")
    if asked.data.suffix == ".npy":
        if asked.split is not None:
            raise ValueError(f"--split {asked.split} is one of a written dataset; {asked.data} has none.")
        rows = _array_in(asked.data)
        if rows.ndim != 2 or not rows.size or rows.dtype.kind not in "iu":
            raise ValueError(f"{asked.data} must hold integers of shape (n, L); got {rows.dtype} {rows.shape}.")
        there, fingerprint = rows, ""
    else:
        dataset = written_rows(asked.data, asked.split, usual="test")
        there, fingerprint = Stored(dataset).rows(0, min(len(dataset), asked.rows or _ROWS)), dataset.fingerprint
        if asked.rows is not None and asked.rows > len(dataset):
            raise ValueError(f"--rows {asked.rows} are more than the {len(dataset)} of {asked.data}.")
    if asked.rows is not None and asked.rows > len(there):
        raise ValueError(f"--rows {asked.rows} are more than the {len(there)} of {asked.data}.")
    return _Test(there[: asked.rows or _ROWS].astype(np.int64), fingerprint)


def _array_in(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file; ValueError if it holds none."""
    try:
        found = np.load(path, allow_pickle=False)
    except EOFError as error:
        raise ValueError(f"{path} is empty; it should be a NumPy array of rows (n, L).") from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise ValueError(f"{path} is an archive of arrays; save the rows alone, by numpy.save.")
    return found


def _measured(denoiser: Denoiser, rows: Integer[np.ndarray, "n L"], seed: int, about: Subject) -> Iterator[Row]:
    length = rows.shape[1]
    nats = nats_by_order(denoiser, rows, named_orders(length, _DRAWN_ORDERS, seed))
    for name, values in nats.items():
        yield about.row(EXPERIMENT_NAME, NATS, mean_estimate(values.mean(axis=1), "chain"), decoder=name)
    yield about.row(EXPERIMENT_NAME, SPREAD, mean_estimate(order_spread(nats), "chain"))
    n_hidden = max(1, length // 2)
    hidden = hidden_at_random(len(rows), length, n_hidden, seed)
    for rule in per_call_rules(n_hidden, 1):
        if rule.decoder.planner is not None:
            continue  # asks at visible positions, where a denoiser need not answer
        done = infill(denoiser, rows, hidden, rule.decoder, seed)
        low, high = clustered_interval(done.hits)
        where = {"decoder": rule.name, "calls": done.calls, "n_masked": n_hidden}
        right = mean_estimate(done.hits.mean(axis=1))
        yield about.row(EXPERIMENT_NAME, RIGHT, right, low=low, high=high, **where)
        yield about.row(EXPERIMENT_NAME, SPEED, exact_estimate(done.tokens_per_second), **where)


def _line(row: Row) -> str:
    low, high = row.interval
    known = f"  95% [{low:.5f}, {high:.5f}]  n = {row.samples}" if row.metric != SPEED else ""
    calls = "" if row.calls is None else f", {row.calls:g} calls"
    return f"{row.metric:28} {(row.decoder or '') + calls:34} {row.value:12.5f}{known}"
