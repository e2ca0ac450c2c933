"""Damaged files of runs: checkpoint, log, distribution, finished unit, tables. Refused or identical, never silent.

A few damages of every file each day; ``make soak`` tries 2,000 flipped bits and 500 cuts of each.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.cli.distribution_file import save_distribution
from analysis.cli.workspace import load_model
from analysis.lab.experiment import write_tables
from analysis.lab.provenance import collect
from analysis.lab.recorded import recorded
from analysis.lab.rows import Row
from analysis.lab.store import RowStore
from generators.families import nae_sat
from lo_theory.learning.checkpoint import load_checkpoint, save_checkpoint
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import CHECKPOINT_NAME, LOG_NAME, StepRecord, TrainConfig, TrainResult, train
from tests.faults.flips import Tally, damage

DISTRIBUTION = nae_sat(3, 3, structure_seed=0)
CONFIG = TrainConfig(steps=8, log_every=1, checkpoint_every=3)
FLIPS, CUTS = 2000, 500
SEED = 0


class Stop(Exception):  # noqa: N818 - no error
    """The run is stopped here."""


def run(directory: Path, *, stop: int | None = None, seed: int = 0, causal: bool = False) -> TrainResult:
    """A small training in this directory, up to a step or to its end."""

    def on_step(record: StepRecord) -> None:
        if record.step == stop:
            raise Stop

    shape = NetworkConfig(length=DISTRIBUTION.length, vocabulary=2, layers=1, width=8, heads=2, causal=causal)
    network = Transformer(shape, torch.Generator().manual_seed(0))
    objective = AutoregressiveObjective(np.arange(DISTRIBUTION.length)) if causal else MaskedObjective()
    config, rows = dataclasses.replace(CONFIG, seed=seed), FreshRows(DISTRIBUTION, sample_seed=1, batch_size=4)
    return train(network, objective, rows, config, directory=directory, on_step=on_step)


@dataclass(frozen=True, kw_only=True)
class CoinUnit:
    """A unit that has been measured."""

    label: str = "coin"
    seed: int = 3
    shares: tuple[float, ...] = (0.1, 0.25)


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "distribution": "coin", "fingerprint": "0" * 16, "model": "mdm", "seed": 3, "experiment": "leak",
        "metric": "kl_nats", "value": 0.25, "standard_error": 0.01, "samples": 64, "method": "monte_carlo",
    }  # fmt: skip
    return Row(**fields | changes)


ROWS = [row(), row(value=float("inf"), low=0.125, high=1.0, position=2, role="latent"), row(degree=1.5, start="random")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Finished and stopped runs, each in a directory of its own."""
    folder = tmp_path_factory.mktemp("runs")
    for name, causal in (("mdm", False), ("arm", True)):
        save_distribution(DISTRIBUTION, folder / name)
        run(folder / name, causal=causal)
    with pytest.raises(Stop):
        run(folder / "stopped", stop=7)
    store = RowStore(folder / "units")
    store.put(CoinUnit(), ROWS, collect({"seed": 3}, seconds=1.5))
    write_tables(store.units(), folder / "recorded" / "leak-smoke")
    return folder


def read_model(directory: Path) -> Any:
    """What evaluate and sample see of a model, and what is told of its run."""
    model = load_model(directory)
    masks = torch.full((2, model.distribution.length), model.distribution.mask_id)
    order = None if model.order is None else model.order.tolist()
    told = load_checkpoint(directory / CHECKPOINT_NAME)
    numbers = model.denoiser(masks).detach().numpy().tobytes() if order is None else b""
    weights = [(name, value.numpy().tobytes()) for name, value in sorted(told.tensors.items())]
    return dataclasses.replace(told, tensors={}), numbers, weights, order, model.distribution.fingerprint, model.checked


def read_resumed(directory: Path) -> Any:
    """The weights and the log of a run that goes on; steps that are made again take another time."""
    result = run(directory)
    kept = [record if record.step <= 6 else dataclasses.replace(record, seconds=0.0) for record in result.history]
    return kept, [value.numpy().tobytes() for value in result.network.state_dict().values()], result.checked


def read_unit(directory: Path) -> Any:
    """A finished unit as an experiment asks for it."""
    return repr(RowStore(directory).find(CoinUnit()))


def read_recorded(directory: Path) -> Any:
    """Rows of a finished run as the audit asks for them."""
    return repr(recorded("leak", [directory], "smoke"))


def unit_name() -> str:
    return RowStore(Path()).path(CoinUnit()).name


KINDS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "checkpoint": ("mdm", CHECKPOINT_NAME, read_model),
    "checkpoint of an ARM": ("arm", CHECKPOINT_NAME, read_model),
    "distribution": ("mdm", "distribution.json", read_model),
    "checkpoint, resumed": ("stopped", CHECKPOINT_NAME, read_resumed),
    "log, resumed": ("stopped", LOG_NAME, read_resumed),
    "unit": ("units", unit_name(), read_unit),
    "table": ("recorded", "leak-smoke/leak.csv", read_recorded),
    "provenance": ("recorded", "leak-smoke/provenance.json", read_recorded),
    "digests": ("recorded", "leak-smoke/digests.json", read_recorded),
}
"""Kind of file -> directory, name in it, and how it is read."""


def damaged(kind: str, runs: Path, work: Path, *, flips: int, cuts: int) -> Tally:
    directory, file, read = KINDS[kind]
    return damage(runs / directory, file, read, work=work, flips=flips, cuts=cuts, seed=SEED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_read_as_it_was(kind, runs, tmp_path):
    damaged(kind, runs, tmp_path, flips=24, cuts=6).check()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_damages(kind, runs, tmp_path):
    tally = damaged(kind, runs, tmp_path, flips=FLIPS, cuts=CUTS)
    print(f"{kind}: {tally}")
    tally.check()


@pytest.mark.parametrize(
    ("file", "read"),
    [(CHECKPOINT_NAME, run), (LOG_NAME, run), ("distribution.json", load_model), (CHECKPOINT_NAME, load_model)],
)
def test_a_file_of_another_run_is_refused(file, read, runs, tmp_path):
    """A run that differs in its seed, or in its distribution where the model alone is read."""
    shutil.copytree(runs / "mdm", tmp_path / "mdm")
    other = tmp_path / "other"
    if read is load_model:
        save_distribution(nae_sat(3, 3, structure_seed=1), other)
        form = dataclasses.replace(load_checkpoint(runs / "mdm" / CHECKPOINT_NAME), fingerprint="0" * 16)
        save_checkpoint(other / CHECKPOINT_NAME, form)
    else:
        run(other, seed=1)
    shutil.copy(other / file, tmp_path / "mdm" / file)
    with pytest.raises(ValueError, match=r"of another run|was trained on distribution"):
        read(tmp_path / "mdm")


def test_a_unit_in_the_place_of_another_is_refused(runs, tmp_path):
    store = RowStore(tmp_path)
    shutil.copy(runs / "units" / unit_name(), store.path(CoinUnit(seed=4)))
    with pytest.raises(ValueError, match="another configuration than its name says"):
        store.find(CoinUnit(seed=4))
