"""The log of a training run: a line of JSON per logged step, each chained to the one before by its digest.

A checkpoint records the digest of the last line before it, and so vouches for all lines up to its step: what was
changed, cut off or put there from another run is refused on resume. Lines past the checkpoint belong to steps that are
made again; they are dropped, whatever became of them. Logs of before have no digests; a checkpoint of before vouches
for none.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.ground.codec import SEAL, fingerprint
from generators.ground.forms import Count, Finite, Form, Hex16, Positive, Seconds, read_form
from generators.ground.storage import naming, parse_json, write_atomic
from lo_theory.learning.checkpoint_form import Unbounded

BEGINNING = "0" * 16
"""Stands for the line before the first."""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """What is known after an update; a line of the log.

    Attributes:
        step: finished steps, so 1 for the first.
        loss_nats: of this batch, nats per sequence.
        learning_rate: AdamW's.
        grad_norm: before clipping, of the loss in nats per token.
        tokens, flops, seconds: spent so far.
    """

    step: int
    loss_nats: float
    learning_rate: float
    grad_norm: float
    tokens: int
    flops: int
    seconds: float


class LineForm(Form, frozen=True):
    """A line of the log: a :class:`StepRecord`, and since logs are chained its digest."""

    step: Positive
    loss_nats: Finite
    learning_rate: Finite
    grad_norm: Finite
    tokens: Count
    flops: Unbounded
    seconds: Seconds
    digest: Hex16 | None = None


class TrainingLog:
    """The log in a file, as long as one run writes it.

    Attributes:
        history: the records so far.
        digest: of the last line, and with it of all lines before.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.history, self.digest = path, list[StepRecord](), BEGINNING

    def add(self, record: StepRecord) -> None:
        """A record behind the others, in the file too if there is one."""
        line = self._chained(record)
        if self.path is not None:
            with naming(self.path, len(line)), self.path.open("a", encoding="utf-8") as file:
                file.write(line)

    def settle(self) -> None:
        """Bring the file to the disk: before a checkpoint that vouches for it."""
        if self.path is not None and self.path.exists():
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())

    def restart(self, records: list[StepRecord]) -> None:
        """The file with these records and no others, atomically; not touched if it is that already."""
        self.history, self.digest = [], BEGINNING
        content = "".join(map(self._chained, records)).encode()
        if self.path is not None and not (self.path.exists() and self.path.read_bytes() == content):
            write_atomic(self.path, content)

    def _chained(self, record: StepRecord) -> str:
        form = dataclasses.asdict(record)
        self.digest = line_digest(self.digest, form)
        self.history.append(record)
        return json.dumps(form | {SEAL: self.digest}, allow_nan=False) + "\n"


def line_digest(before: str, form: dict[str, Any]) -> str:
    """16 hex digits of the fields of a line and the digest of the line before it."""
    return fingerprint(form | {"before": before})


def read_log(path: Path, step: int, digest: str | None) -> list[StepRecord]:
    """The records up to the step of a checkpoint.

    Args:
        digest: that the checkpoint has of them; None for a checkpoint of before, whose log is taken as it is: a last
            line that was cut short is dropped.
    Raises:
        ValueError: they are not the lines that the checkpoint knows, or no lines of a log; names file and way out.
    """
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    records, before = list[StepRecord](), BEGINNING
    try:
        for number, line in enumerate(lines, start=1):
            if before == digest:
                break
            try:
                form = parse_json(line)
            except ValueError as error:
                if digest is None and number == len(lines):
                    break
                raise ValueError(f"line {number} is no JSON: {error}") from error
            record, before = _read_line(form, before, needed=digest is not None, what=f"line {number}")
            if record.step <= step:
                records.append(record)
        if digest not in (None, before):
            raise ValueError(f"the checkpoint of step {step} was written with other lines than its {len(lines)}")
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged, cut short or of another run: {str(error).rstrip('.')}. Restore it, or delete it to go "
            "on from the checkpoint with a new log."
        ) from error
    return records


def _read_line(form: Any, before: str, *, needed: bool, what: str) -> tuple[StepRecord, str]:
    """The record of a line and the digest after it."""
    read = read_form(form, LineForm, what=what)
    plain = {name: value for name, value in form.items() if name != SEAL}
    digest = line_digest(before, plain)
    if read.digest != digest and (needed or read.digest is not None):
        raise ValueError(f"{what} does not continue the line before it: its digest is not that of its fields")
    return StepRecord(**plain), digest
