"""One training loop for MDM, ARM and pi-learners.

The randomness of a step is a function of (seed, step), the rows too: a run stopped at any step and resumed from its
last checkpoint has, on a CPU, bit for bit the weights of a run without the stop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generators.ground.allocator import return_freed_memory
from generators.ground.draws import derived_seed
from generators.ground.forms import Hex16, read_form
from generators.ground.numbers import keep_floats, keep_whole_numbers
from generators.ground.ownership import owned_directory, require_owned
from lo_theory.learning.checkpoint import (
    Checkpoint,
    check_describable,
    load_checkpoint,
    network_tensors,
    restore_network,
    save_checkpoint,
)
from lo_theory.learning.choices import PrecisionName, known_precision
from lo_theory.learning.distributed import ALONE, Team, join_run
from lo_theory.learning.divided_update import complete_state, update_divided
from lo_theory.learning.flops import training_flops
from lo_theory.learning.log import StepRecord, TrainingLog, read_log
from lo_theory.learning.memory import check_batch_fits
from lo_theory.learning.network import Transformer
from lo_theory.learning.objective import Objective
from lo_theory.learning.optimizer import (
    OptimizerName,
    build_optimizers,
    check_optimizer,
    optimizer_tensors,
    restore_optimizers,
    warmup_cosine,
)
from lo_theory.learning.products import autocast, fast_products
from lo_theory.learning.progress_bar import progress_bar
from lo_theory.learning.source import RowSource

CHECKPOINT_NAME = "checkpoint.safetensors"
LOG_NAME = "log.jsonl"
_MOST = 2**63 - 1  # of a count or a seed: what 64 bits hold
_FREE_TO_CHANGE = {"log_every", "checkpoint_every"}
_UNNAMED = {"optimizer": "adamw", "decayed": "all"}  # by TrainConfig.to_json


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train: AdamW or Muon, linear warm-up, cosine, gradient clipping.

    The paper's values (section 2.2): learning_rate 4e-4, min_ratio 0.1, weight_decay 0.1, betas (0.9, 0.95); the
    learning rate here suits the small default network, the optimizer is AdamW.

    Attributes:
        steps: updates in all.
        learning_rate: peak; the last step has ``min_ratio`` of it, if it comes behind the warm-up.
        warmup: share of the steps that the learning rate takes to reach its peak.
        weight_decay: on matrices, not on gains; with ``muon`` on the matrices inside the blocks alone.
        betas: AdamW's.
        clip: largest norm of the gradient of the loss in nats per *token*.
        seed: of masks and other randomness of the loss; neither of the rows nor of the initial weights.
        log_every, checkpoint_every: in steps; the last step always has both.
        precision: ``auto`` is bfloat16 autocast on a GPU that supports it, else float32. Weights are always float32.
        optimizer: ``muon`` updates the matrices inside the blocks by Muon, the rest by AdamW
            (:mod:`lo_theory.learning.optimizer`), at one learning rate; it needs torch 2.9. ``adamw`` updates all
            weights by AdamW.
    Raises:
        TypeError: a count or a seed that is no integer.
        ValueError: a value outside its range, or an optimizer that the installed torch lacks.
    """

    steps: int
    learning_rate: float = 3e-3
    min_ratio: float = 0.1
    warmup: float = 0.05
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    seed: int = 0
    log_every: int = 50
    checkpoint_every: int = 500
    precision: PrecisionName = "auto"
    optimizer: OptimizerName = "adamw"

    def __post_init__(self) -> None:
        keep_whole_numbers(self, {"steps": 1, "log_every": 1, "checkpoint_every": 1, "seed": 0}, most=_MOST)
        keep_floats(self, ("learning_rate", "min_ratio", "warmup", "weight_decay", "clip"))
        object.__setattr__(self, "betas", tuple(map(float, self.betas)))
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite; got {getattr(self, name)}.")
        for name in ("min_ratio", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1]; got {getattr(self, name)}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be >= 0 and finite; got {self.weight_decay}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers and lie in [0, 1); got {self.betas}.")
        known_precision(self.precision)
        check_optimizer(self.optimizer)

    def rate(self, step: int) -> float:
        """The learning rate of ``step``, counted from 0."""
        warmup = round(self.warmup * self.steps)
        return warmup_cosine(step, steps=self.steps, warmup=warmup, peak=self.learning_rate, min_ratio=self.min_ratio)

    def to_json(self) -> dict[str, Any]:
        """The fields, as plain JSON values; without the optimizer if it is AdamW, as before there was a choice.

        With Muon also what is decayed: runs from before it was the blocks alone are other runs.
        """
        form = dataclasses.asdict(self) | {"betas": list(self.betas)}
        if self.optimizer == "adamw":
            del form["optimizer"]
            return form
        return form | {"decayed": "blocks"}


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A finished run.

    Attributes:
        network: the trained one, which was passed in.
        history: the logged steps.
        checkpoint: its file if there is one.
        checked: whether all that the run went on from had digests; files of before have none.
    """

    network: Transformer
    history: tuple[StepRecord, ...]
    checkpoint: Path | None
    checked: bool = True


class TrainingDiverged(RuntimeError):  # noqa: N818 - an event of the run, not a mistake in the call
    """The loss or the gradient is no longer finite. The weights are those before ``step``, counted from 1."""

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(reason)
        self.step = step

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingDiverged, (self.step, str(self))


def train(
    network: Transformer,
    objective: Objective,
    source: RowSource,
    config: TrainConfig,
    *,
    directory: Path | None = None,
    resume: bool = True,
    on_step: Callable[[StepRecord], None] | None = None,
    progress: bool = True,
    team: Team = ALONE,
) -> TrainResult:
    """Train ``network`` in place, on the device where it lies.

    Args:
        directory: for the log and the checkpoint, owned until the end; nothing is written without it.
        resume: go on from the checkpoint in ``directory`` if there is one; otherwise both files are replaced.
        on_step: called after each update, when its log line and checkpoint are written; may raise to stop.
        progress: show a bar with the time left, if standard error is a terminal.
        team: the processes that train it (:mod:`lo_theory.learning.distributed`), each of which makes the same call;
            that of rank 0 alone reads and writes ``directory``. Checkpoints do not tell how many there were.
    Raises:
        ValueError: network, objective, source and team do not fit each other, or the checkpoint is of another run.
        TrainingDiverged: at the first loss or gradient that is not finite; the last checkpoint is intact.
        DirectoryInUseError: another process trains into ``directory``, which one owns at a time
            (:func:`~generators.ground.ownership.owned_directory`).
        FileNotFoundError: ``directory`` was removed meanwhile; it is not brought back.
        OSError: as the system reports it, of a disk that is full or cannot be written.
        MemberLost: another process of the team has ended.
        KeyboardInterrupt: passed on; the last checkpoint is intact and a resumed run repeats the steps since.
    """
    check_fit(network, objective, source)
    team.check(source.batch_size)
    directory, progress = (directory, progress) if team.first else (None, False)
    if directory is not None:
        check_describable(network.config, objective, source, config)
    owned = contextlib.nullcontext() if directory is None else owned_directory(directory, "train")
    with owned, fast_products(next(network.parameters()).device):
        run = _Run(network, objective, source, config, directory, team)
        first, spent = join_run(team, network, run.optimizers, run.start(resume))
        started = time.perf_counter() - spent
        with progress_bar(config.steps, first, progress and sys.stderr.isatty()) as advance:
            for step in range(first, config.steps):
                loss, norm = run.update(step)
                record = run.record(step + 1, loss, norm, time.perf_counter() - started)
                run.keep(record)
                if on_step is not None:
                    on_step(record)
                advance(record)
    return_freed_memory()
    return TrainResult(
        network=network, history=tuple(run.log.history), checkpoint=run.checkpoint_path, checked=run.checked
    )


def check_fit(network: Transformer, objective: Objective, source: RowSource) -> None:
    """Raise ValueError unless the three fit each other, and a batch of them into memory."""
    shape = network.config
    objective.check(shape)
    if (shape.length, shape.vocabulary) != (source.length, source.vocabulary):
        raise ValueError(
            f"the network reads {shape.length} tokens of {shape.vocabulary} kinds, the rows have {source.length} of "
            f"{source.vocabulary}; build it with NetworkConfig(length={source.length}, vocabulary={source.vocabulary})."
        )
    read_form(source.fingerprint, Hex16, what="the fingerprint of a row source")  # as its checkpoints will have it
    if next(network.parameters()).device.type == "cpu":
        check_batch_fits(shape, source.batch_size)


class _Run:
    """The moving parts of one call of :func:`train`."""

    def __init__(
        self,
        network: Transformer,
        objective: Objective,
        source: RowSource,
        config: TrainConfig,
        directory: Path | None,
        team: Team,
    ) -> None:
        self.network, self.objective, self.source, self.config = network, objective, source, config
        self.team, self.asked = team, team.divided(network)
        self.device = next(network.parameters()).device
        self.optimizers = build_optimizers(
            network,
            config.optimizer,
            rate=config.rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        self.checkpoint_path = None if directory is None else Path(directory) / CHECKPOINT_NAME
        self.log = TrainingLog(None if directory is None else Path(directory) / LOG_NAME)
        self.checked = True

    def update(self, step: int) -> tuple[float, float]:
        """One update of all weights; (loss in nats per sequence, gradient norm)."""
        rows = self.source.batch(step).to(self.device, non_blocking=True)
        generator = torch.Generator(self.device).manual_seed(derived_seed(self.config.seed, step))
        with autocast(self.config.precision, self.device):
            loss = self.objective.loss(self.asked, rows, generator, progress=step / self.config.steps)
        self.network.zero_grad()
        (loss / rows.shape[1]).backward()
        self.team.add_gradients(self.network.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        values = torch.stack((loss.detach(), norm)).tolist()  # one synchronisation with the device
        self._check_finite(step + 1, *values)
        update_divided(self.team, self.optimizers, step)
        return values[0], values[1]

    def record(self, done: int, loss: float, norm: float, seconds: float) -> StepRecord:
        sequences = done * self.source.batch_size
        return StepRecord(
            step=done,
            loss_nats=loss,
            learning_rate=self.config.rate(done - 1),
            grad_norm=norm,
            tokens=sequences * self.source.length,
            flops=sequences * training_flops(self.network.config),
            seconds=seconds,
        )

    def keep(self, record: StepRecord) -> None:
        """Log and checkpoint where one is due, in this order: a line past the checkpoint is dropped on resume."""
        last = record.step == self.config.steps
        logged, saved = (
            last or record.step % every == 0 for every in (self.config.log_every, self.config.checkpoint_every)
        )
        if self.checkpoint_path is not None and (logged or saved):
            require_owned(self.checkpoint_path.parent)
        if logged:
            self.log.add(record)
        if saved:
            complete_state(self.team, self.optimizers)
        if self.checkpoint_path is not None and saved:
            self.log.settle()
            save_checkpoint(self.checkpoint_path, self._checkpoint(record))

    def start(self, resume: bool) -> tuple[int, float]:
        """Restore the last checkpoint or clear the directory; (finished steps, seconds spent on them)."""
        if self.checkpoint_path is None or self.log.path is None:
            return 0, 0.0
        if not (resume and self.checkpoint_path.exists()):
            self.checkpoint_path.unlink(missing_ok=True)
            self.log.restart([])
            return 0, 0.0
        checkpoint = load_checkpoint(self.checkpoint_path, self.source.fingerprint)
        self._check_same_run(checkpoint)
        there = self.log.path.exists()
        records = read_log(self.log.path, checkpoint.step, checkpoint.log) if there else []
        restore_network(self.network, checkpoint.tensors)
        restore_optimizers(self.optimizers, checkpoint.tensors)
        self.checked = checkpoint.checked
        if not there and checkpoint.log is not None:  # first a checkpoint that vouches for a log without lines
            save_checkpoint(self.checkpoint_path, dataclasses.replace(checkpoint, log=self.log.digest))
        self.log.restart(records)
        return checkpoint.step, checkpoint.seconds

    def _checkpoint(self, record: StepRecord) -> Checkpoint:
        return Checkpoint(
            network=self.network.config,
            objective=self.objective.to_json(),
            source=self.source.to_json(),
            training=self.config.to_json(),
            fingerprint=self.source.fingerprint,
            step=record.step,
            tokens=record.tokens,
            flops=record.flops,
            seconds=record.seconds,
            tensors=network_tensors(self.network) | optimizer_tensors(self.optimizers),
            log=self.log.digest,
        )

    def _check_same_run(self, checkpoint: Checkpoint) -> None:
        pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "network": (dataclasses.asdict(checkpoint.network), dataclasses.asdict(self.network.config)),
            "objective": (checkpoint.objective, self.objective.to_json()),
            "source": (checkpoint.source, self.source.to_json()),
            "training": (_UNNAMED | checkpoint.training, _UNNAMED | self.config.to_json()),
        }
        for part, (there, here) in pairs.items():
            differences = [
                f"{name}={there.get(name)!r}, this one {here.get(name)!r}"
                for name in sorted((there.keys() | here.keys()) - _FREE_TO_CHANGE)
                if there.get(name) != here.get(name)
            ]
            if differences:
                raise ValueError(
                    f"{self.checkpoint_path} is of another run: its {part} has {'; '.join(differences)}. Choose "
                    "another directory, or replace that run: resume=False, --restart on the command line."
                )

    def _check_finite(self, step: int, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        saved = self.checkpoint_path is not None and self.checkpoint_path.exists()
        kept = f"the last good checkpoint is {self.checkpoint_path}" if saved else "there is no checkpoint yet"
        raise TrainingDiverged(
            step, f"training diverged at step {step}: loss {loss}, gradient norm {norm}; {kept}. Lower learning_rate."
        )
