"""A decoding trace as a table in a file, JSONL or Parquet: what was revealed at each step, and what else was likely."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from msgspec import Meta

from generators.datasets.formats import pyarrow
from generators.ground.forms import Count, Form, read_form
from generators.ground.storage import write_atomic
from lo_theory.samplers.trace import StepRecord, Trace

SUFFIXES = (".jsonl", ".parquet")
_WHOLE, _REAL = ("row", "step", "position", "token"), ("score", "log_prob", "entropy")


@dataclass(frozen=True, eq=False)
class TraceTable:
    """E events in the order in which they came; within a step by row and position, reveals before returns to mask.

    Attributes:
        row, step, position: where and when; steps count from 0.
        token: what was revealed; -1 where a generated token was masked again.
        score: what the position was ranked by, noise included; NaN where a token was masked again, as all that follows.
        log_prob: of the token under the denoiser, in nats.
        entropy: of the denoiser's answer there, in nats.
        top_token, top_log_prob: the k likeliest values there, the likeliest first; -1 and NaN where there are none.
    """

    row: Int64[np.ndarray, " E"]
    step: Int64[np.ndarray, " E"]
    position: Int64[np.ndarray, " E"]
    token: Int64[np.ndarray, " E"]
    score: Float64[np.ndarray, " E"]
    log_prob: Float64[np.ndarray, " E"]
    entropy: Float64[np.ndarray, " E"]
    top_token: Int64[np.ndarray, "E k"]
    top_log_prob: Float64[np.ndarray, "E k"]

    @property
    def remasked(self) -> Bool[np.ndarray, " E"]:
        """Whether the event is a return to mask."""
        return self.token < 0


def trace_table(trace: Trace) -> TraceTable:
    """All events of a trace. ``decode(..., top=k)`` keeps the k likeliest values; else k is 0."""
    wide = max((record.top_token.shape[1] for record in trace.steps if record.top_token is not None), default=0)
    parts = [columns for step, record in enumerate(trace.steps) for columns in _events(step, record, wide)]
    if not parts:
        parts = [_no_events(wide)]
    return TraceTable(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def write_trace(path: Path, table: TraceTable) -> None:
    """Write a table whole, as JSONL (one event a line) or Parquet by the name of the file.

    In JSONL a number that is not finite is one of the strings ``"inf"``, ``"-inf"`` and ``"nan"``.

    Raises:
        ValueError: another ending than ``.jsonl`` or ``.parquet``; Parquet without pyarrow.
    """
    check_trace_path(path)
    columns = {name: column.tolist() for name, column in vars(table).items()}
    if path.suffix == ".parquet":
        arrow, parquet = pyarrow()
        kinds = {name: arrow.int64() for name in _WHOLE} | {name: arrow.float64() for name in _REAL}
        kinds |= {"top_token": arrow.list_(arrow.int64()), "top_log_prob": arrow.list_(arrow.float64())}
        buffer = io.BytesIO()
        table_of = arrow.table({name: arrow.array(columns[name], kind) for name, kind in kinds.items()})
        parquet.write_table(table_of, buffer)
        write_atomic(path, buffer.getvalue())
        return
    events = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, map(_plain, event), strict=True)), allow_nan=False) for event in events]
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode())


def read_trace(path: Path) -> TraceTable:
    """Inverse of :func:`write_trace`.

    Raises:
        ValueError: another ending, or lines (of Parquet: rows) that are no events; the message names the first.
            Parquet without pyarrow. OSError: no such file.

    A JSONL file that was cut between two lines cannot be told from a shorter trace; Parquet can.
    """
    check_trace_path(path)
    if path.suffix == ".parquet":
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder; a trace is one file.")
        return _table(_checked(pyarrow()[1].read_table(path).to_pylist(), f"of {path}", "row", json_text=False))
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            events.append(json.loads(line, object_pairs_hook=_named_once))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} of {path} is no event of a trace: {error}.") from error
    return _table(_checked(events, f"of {path}", "line", json_text=True))


class _Event(Form, frozen=True):
    """What stands in a line; numbers that are not finite as strings."""

    row: Count
    step: Count
    position: Count
    token: Annotated[int, Meta(ge=-1, le=2**63 - 1)]
    score: float | Literal["inf", "-inf", "nan"]
    log_prob: float | Literal["inf", "-inf", "nan"]
    entropy: float | Literal["inf", "-inf", "nan"]
    top_token: list[Annotated[int, Meta(ge=-1, le=2**63 - 1)]]
    top_log_prob: list[float | Literal["inf", "-inf", "nan"]]


def _checked(events: list[Any], where: str, unit: str, *, json_text: bool) -> list[dict[str, Any]]:
    """Every event has the fields of one, of their types, and as many likely values as the first."""
    wide = None
    for number, event in enumerate(events, start=1):
        what = f"{unit} {number} {where} is no event of a trace"
        if not isinstance(event, dict):
            raise ValueError(f"{what}: it is {type(event).__name__}, not an object.")
        found = read_form(event, _Event, what=what)
        wide = len(found.top_token) if wide is None else wide
        if not len(found.top_token) == len(found.top_log_prob) == wide:
            raise ValueError(f"{what}: it has {len(found.top_token)} and {len(found.top_log_prob)} values, not {wide}.")
        numbers = [event[name] for name in _REAL] + event["top_log_prob"]
        if json_text and any(isinstance(value, float) and not math.isfinite(value) for value in numbers):
            raise ValueError(f"{what}: a number that is not finite is written as a string.")
    return events


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    form = dict(pairs)
    if len(form) < len(pairs):
        raise ValueError("a field is named twice")
    return form


def check_trace_path(path: Path) -> None:
    """ValueError unless the file's name says its form."""
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a trace is written to a file that ends in {' or '.join(SUFFIXES)}; got {path.name!r}.")


def _events(step: int, record: StepRecord, wide: int) -> list[dict[str, np.ndarray]]:
    found = {name: getattr(record, name).cpu().numpy() for name in ("row", "position", "token", *_REAL)}
    count = len(found["row"])
    found["step"] = np.full(count, step)
    found["top_token"] = np.full((count, wide), -1) if record.top_token is None else record.top_token.cpu().numpy()
    logs = record.top_log_prob
    found["top_log_prob"] = np.full((count, wide), math.nan) if logs is None else logs.cpu().numpy()
    names = _no_events(wide)
    parts = [{name: found[name] for name in names}]
    if record.remasked is not None and len(record.remasked):
        row, position = record.remasked.cpu().numpy().T
        gone = {"row": row, "step": np.full(len(row), step), "position": position, "token": np.full(len(row), -1)}
        gone |= {name: np.full(len(row), math.nan) for name in _REAL}
        gone |= {"top_token": np.full((len(row), wide), -1), "top_log_prob": np.full((len(row), wide), math.nan)}
        parts.append(gone)
    return parts


def _no_events(wide: int) -> dict[str, np.ndarray]:
    whole = {name: np.zeros(0, dtype=np.int64) for name in _WHOLE} | {name: np.zeros(0) for name in _REAL}
    return whole | {"top_token": np.zeros((0, wide), dtype=np.int64), "top_log_prob": np.zeros((0, wide))}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, int) or math.isfinite(value) else str(value)


def _table(events: list[dict[str, Any]]) -> TraceTable:
    wide = len(events[0]["top_token"]) if events else 0
    columns: dict[str, np.ndarray] = {}
    for name, empty in _no_events(wide).items():
        values = [event[name] for event in events]
        columns[name] = np.array(values, dtype=empty.dtype).reshape(-1, *empty.shape[1:]) if values else empty
    return TraceTable(**columns)
