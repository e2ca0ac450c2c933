"""The log of a run: what a checkpoint vouches for is read back as it was, or refused with the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lo_theory.learning.checkpoint import load_checkpoint, save_checkpoint
from lo_theory.learning.log import BEGINNING, StepRecord, TrainingLog, read_log
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import CHECKPOINT_NAME, LOG_NAME, TrainConfig, TrainResult, train

ROWS = FixedRows(np.random.default_rng(0).integers(0, 2, (10, 4)), "f" * 16, 2, 4)
CONFIG = TrainConfig(steps=12, log_every=2, checkpoint_every=5)


class Stop(Exception):  # noqa: N818 - no error
    """The run is stopped here."""


def run(directory: Path, *, stop: int | None = None, config: TrainConfig = CONFIG) -> TrainResult:
    """The run in this directory, up to a step or to its end."""

    def on_step(record: StepRecord) -> None:
        if record.step == stop:
            raise Stop

    network = Transformer(NetworkConfig(length=4, vocabulary=2, layers=1, width=8, heads=2), torch.Generator())
    return train(network, MaskedObjective(), ROWS, config, directory=directory, on_step=on_step)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """A run of 12 steps that was stopped at the ninth: its checkpoint is of step 5, its log has steps 2 to 8."""
    directory = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Stop):
        run(directory, stop=9)
    return directory


@pytest.fixture
def copy(stopped, tmp_path) -> Path:
    """The same in a directory that may be damaged."""
    shutil.copytree(stopped, tmp_path / "run")
    return tmp_path / "run"


def edit(directory: Path, change) -> None:
    """Rewrite the lines of a log."""
    lines = (directory / LOG_NAME).read_text().splitlines(keepends=True)
    (directory / LOG_NAME).write_bytes("".join(change(lines)).encode(errors="surrogateescape"))


def changed(line: str, **fields) -> str:
    return json.dumps(json.loads(line) | fields) + "\n"


def without(line: str, name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(line).items() if key != name}) + "\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [changed(lines[0], loss_nats=1.5), *lines[1:]],
        lambda lines: [lines[0], changed(lines[1], seconds=1.5), *lines[2:]],
        lambda lines: [lines[0], changed(lines[1], step=9), *lines[2:]],
        lambda lines: [changed(lines[0], digest="0" * 16), *lines[1:]],
        lambda lines: [without(lines[0], "digest"), *lines[1:]],
        lambda lines: [changed(lines[0], colour="red"), *lines[1:]],
        lambda lines: [without(lines[0], "loss_nats"), *lines[1:]],
        lambda lines: [changed(lines[0], step="2"), *lines[1:]],
        lambda lines: ["[]\n", *lines[1:]],
        lambda lines: ["{\n", *lines[1:]],
        lambda lines: ["\udc80\n", *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [lines[0], *lines],
        lambda lines: lines[:1],
        lambda lines: [lines[0], lines[1][:-20]],
        lambda lines: [],
    ],
)  # fmt: skip
def test_what_the_checkpoint_vouches_for_is_whole_or_refused(copy, change):
    edit(copy, change)
    before = (copy / LOG_NAME).read_bytes()
    with pytest.raises(
        ValueError, match=r"log\.jsonl is damaged, cut short or of another run: .* delete it to go on"
    ) as caught:
        run(copy)
    assert "\n" not in str(caught.value)
    assert (copy / LOG_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:2],
        lambda lines: [*lines[:2], changed(lines[2], loss_nats=9.0), *lines[3:]],
        lambda lines: [*lines[:2], lines[2][:10]],
        lambda lines: [*lines, "no JSON"],
        lambda lines: [lines[0], lines[1].rstrip("\n")],
    ],
)
def test_lines_past_the_checkpoint_are_made_again(copy, change):
    edit(copy, change)
    result = run(copy)
    assert [record.step for record in result.history] == [2, 4, 6, 8, 10, 12]
    checkpoint = load_checkpoint(copy / CHECKPOINT_NAME)
    assert tuple(read_log(copy / LOG_NAME, 12, checkpoint.log)) == result.history


def test_a_foreign_log_is_refused(copy, tmp_path):
    run(tmp_path / "other", config=TrainConfig(steps=12, log_every=2, checkpoint_every=5, seed=1))
    shutil.copy(tmp_path / "other" / LOG_NAME, copy / LOG_NAME)
    with pytest.raises(ValueError, match=r"log\.jsonl is .* of another run"):
        run(copy)


def test_a_foreign_checkpoint_is_refused_by_the_log(copy, tmp_path):
    """The same run, stopped elsewhere: only its wall clock tells the logs apart."""
    with pytest.raises(Stop):
        run(tmp_path / "other", stop=11)
    shutil.copy(tmp_path / "other" / CHECKPOINT_NAME, copy / CHECKPOINT_NAME)
    with pytest.raises(ValueError, match=r"log\.jsonl is .* of another run"):
        run(copy)


def test_deleting_the_log_is_the_way_out(copy):
    (copy / LOG_NAME).unlink()
    with pytest.raises(Stop):
        run(copy, stop=6)  # before the next checkpoint: the old one has to vouch for a log that began after it
    assert [record.step for record in run(copy).history] == [6, 8, 10, 12]
    (copy / LOG_NAME).unlink()
    assert run(copy).history == ()
    assert run(copy).history == ()


def of_before(directory: Path) -> None:
    """Make files as they were before there were digests."""
    edit(directory, lambda lines: [without(line, "digest") for line in lines])
    path = directory / CHECKPOINT_NAME
    checkpoint = load_checkpoint(path)

    def described(form: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in form.items() if name != "log"} | {"format": 1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lo_theory.learning.checkpoint.seal", described)
        save_checkpoint(path, checkpoint)


def test_a_run_of_before_goes_on_and_says_that_it_was_unchecked(copy, tmp_path):
    of_before(copy)
    checkpoint = load_checkpoint(copy / CHECKPOINT_NAME)
    assert (checkpoint.checked, checkpoint.log) == (False, None)
    edit(copy, lambda lines: [*lines, '{"step": 10, "lo'])
    with pytest.raises(Stop):
        run(copy, stop=6)  # the log has digests then, the checkpoint has none yet
    result, whole = run(copy), run(tmp_path / "whole")
    assert [record.step for record in result.history] == [2, 4, 6, 8, 10, 12]
    assert (result.checked, whole.checked) == (False, True)
    assert [r.loss_nats for r in result.history] == [r.loss_nats for r in whole.history]
    assert run(copy).checked  # by now every file has its digests


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: ["{\n", *lines[1:]], "line 1 is no JSON"),
        (lambda lines: [lines[0], changed(lines[1], colour="red"), *lines[2:]], "line 2 has an unknown field 'colour'"),
        (lambda lines: [lines[0], changed(lines[1], step=-1), *lines[2:]], "line 2: .* in step; got -1"),
    ],
)
def test_a_log_of_before_is_held_to_its_types(copy, change, message):
    of_before(copy)
    edit(copy, change)
    with pytest.raises(ValueError, match=rf"log\.jsonl is damaged.*{message}"):
        run(copy)


def test_a_finished_log_is_not_written_again(tmp_path):
    """So that a finished run can be read on a disk that cannot be written."""
    run(tmp_path)
    before = (tmp_path / LOG_NAME).stat().st_ino
    run(tmp_path)
    assert (tmp_path / LOG_NAME).stat().st_ino == before


def test_a_log_without_a_file_keeps_records_alone():
    log, record = TrainingLog(None), StepRecord(
        step=1, loss_nats=1.0, learning_rate=1.0, grad_norm=1.0, tokens=1, flops=1, seconds=0.0
    )  # fmt: skip
    log.add(record)
    log.settle()
    assert log.history == [record]
    assert log.digest != BEGINNING
