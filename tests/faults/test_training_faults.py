"""Training that is killed, removed, doubled, or short of disk: nothing is lost, what is wrong is said in a line."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from analysis.cli.main import main
from generators import nae_sat
from lo_theory.learning.log import StepRecord
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig
from lo_theory.learning.training import train as run_training
from tests.faults.harness import FAMILY, NETWORK, command, files, forked, log, meanwhile, strays, wait_until, weights

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and forks")

STEPS = 40


def train(directory: Path, *words: object) -> list[str]:
    """The command line, of two steps."""
    return ["train", "--out", *map(str, (directory, "--quiet", "--steps", 2, *NETWORK, *words, *FAMILY))]


def train_here(directory: Path, on_step: Callable[[StepRecord], None] | None = None) -> None:
    """The library, with many a checkpoint."""
    distribution = nae_sat(4, 6, structure_seed=0)
    config = NetworkConfig(length=10, vocabulary=2, width=16, layers=1, heads=2, causal=False)
    network = Transformer(config, torch.Generator().manual_seed(0))
    source = FreshRows(distribution, sample_seed=1, batch_size=16)
    training = TrainConfig(steps=STEPS, log_every=3, checkpoint_every=7, seed=3)
    run_training(network, MaskedObjective(), source, training, directory=directory, on_step=on_step)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    train_here(directory)
    return weights(directory), log(directory)


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    directory = tmp_path_factory.mktemp("two-steps")
    assert main(train(directory)) == 0
    return weights(directory), log(directory)


def killed_at(directory: Path, step: int) -> int:
    """The exit code of a run that is killed after a step, counted from where it went on."""
    left = [step]

    def on_step(record: StepRecord) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return forked(lambda: train_here(directory, on_step), directory.with_suffix(".txt")).code


def test_kills_after_random_steps_lose_nothing(undisturbed, tmp_path):
    rng = random.Random(16)
    assert [killed_at(tmp_path / "run", rng.randint(1, 12)) for _ in range(3)] == [-signal.SIGKILL] * 3
    train_here(tmp_path / "run")
    assert (weights(tmp_path / "run"), log(tmp_path / "run")) == undisturbed
    assert strays(tmp_path / "run") == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25))
def test_many_kills_at_random_moments_lose_nothing(undisturbed, tmp_path, seed):
    rng, output = random.Random(seed), tmp_path / "out.txt"
    for _ in range(10):
        forked(lambda: train_here(tmp_path / "run"), output, kill_after=rng.uniform(0.0, 0.3))
    train_here(tmp_path / "run")
    assert (weights(tmp_path / "run"), log(tmp_path / "run")) == undisturbed
    assert strays(tmp_path / "run") == []


class Bomb:
    """Kills the process at the n-th system call of a write, before it or after it."""

    def __init__(self, number: int, after: bool) -> None:
        self.left, self.after = number, after

    def lay(self) -> None:
        for name in ("open", "fsync", "replace"):
            setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real):
        def call(*arguments, **options):
            self.left -= 1
            if self.left == 0 and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def bombed(directory: Path, number: int, after: bool) -> int:
    def call() -> None:
        Bomb(number, after).lay()
        train_here(directory)

    return forked(call, directory.with_suffix(".txt")).code


@pytest.mark.parametrize("number", [3, 11])
def test_a_kill_inside_a_write_loses_nothing(undisturbed, tmp_path, number):
    assert bombed(tmp_path / "run", number, after=number % 2 == 0) == -signal.SIGKILL
    train_here(tmp_path / "run")
    assert (weights(tmp_path / "run"), log(tmp_path / "run")) == undisturbed
    assert strays(tmp_path / "run") == []


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_every_call_of_a_write_loses_nothing(undisturbed, tmp_path, after):
    for number in range(1, 200):
        directory = tmp_path / f"run-{number}"
        if bombed(directory, number, after) == 0:
            assert number > 10
            return
        train_here(directory)
        assert (weights(directory), log(directory)) == undisturbed
        assert strays(directory) == []
    pytest.fail("a run has fewer calls than that")


def test_a_second_training_is_refused_and_told_which_process_is_there(two_steps, tmp_path, capsys):
    run = tmp_path / "run"
    with meanwhile(command(*train(run, "--steps", 10**7))) as first:
        wait_until((run / "log.jsonl").exists, "the first to begin")
        assert main(train(run)) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith(f"lo-theory: {run} is in use by process {first} on ")
        assert "(train, by the command" in said
    assert main(train(run, "--restart")) == 0
    assert (weights(run), log(run)) == two_steps


def test_a_stray_of_a_killed_run_is_swept(tmp_path):
    stray = tmp_path / f".checkpoint.safetensors.{'0' * 16}.part"
    stray.write_bytes(b"half")
    assert main(train(tmp_path)) == 0
    assert not stray.exists()


@pytest.mark.parametrize("kept", [(), ("distribution.json",)])
def test_a_directory_removed_midway_is_said_and_not_brought_back(tmp_path, monkeypatch, capsys, kept):
    from lo_theory.learning import training

    run, real = tmp_path / "run", training._Run.update

    def update(self, step):
        if step == 1:
            for path in run.iterdir():
                if path.name not in kept:
                    path.unlink()
            if not kept:
                run.rmdir()
        return real(self, step)

    monkeypatch.setattr(training._Run, "update", update)
    assert main(train(run)) == 2
    said = capsys.readouterr().err
    assert f"{run} was removed while it was written" in said
    assert len(said.splitlines()) == 1
    assert not run.exists() or list(files(run)) == ["distribution.json"]


def test_the_distribution_removed_midway_is_missed(tmp_path, monkeypatch, capsys):
    from lo_theory.learning import training

    real = training._Run.update

    def update(self, step):
        (tmp_path / "distribution.json").unlink(missing_ok=True)
        return real(self, step)

    monkeypatch.setattr(training._Run, "update", update)
    assert main(train(tmp_path)) == 2
    assert "distribution.json was removed during the training" in capsys.readouterr().err


def test_files_that_may_not_grow_are_said_with_what_was_needed(two_steps, tmp_path):
    """As on a full disk: EFBIG stands for ENOSPC, which no test can bring about without a disk of its own."""

    def limited() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        return main(train(tmp_path / "run"))

    ended = forked(limited, tmp_path / "out.txt")
    assert ended.code == 2
    (said,) = ended.output.splitlines()
    assert said.startswith("lo-theory: [Errno 27] File too large (")
    assert "bytes were to be written, " in said
    assert said.endswith(f"bytes are free): '{tmp_path / 'run' / 'checkpoint.safetensors'}'")
    assert strays(tmp_path) == []
    assert main(train(tmp_path / "run")) == 0
    assert (weights(tmp_path / "run"), log(tmp_path / "run")) == two_steps


@pytest.mark.parametrize("full", ["checkpoint.safetensors", "log.jsonl", "distribution.json"])
def test_a_full_disk_is_one_line_that_names_the_file(two_steps, tmp_path, monkeypatch, capsys, full):
    real, real_open = os.replace, Path.open

    def no_room() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def replace(source, target):
        return no_room() if Path(target).name == full else real(source, target)

    def opened(path, mode="r", *arguments, **options):
        return no_room() if mode == "a" and path.name == full else real_open(path, mode, *arguments, **options)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "open", opened)
    assert main(train(tmp_path)) == 2
    monkeypatch.undo()
    (said,) = capsys.readouterr().err.splitlines()
    assert "No space left on device (" in said
    assert said.endswith(f"bytes are free): '{tmp_path / full}'")
    assert strays(tmp_path) == []
    assert main(train(tmp_path)) == 0
    assert (weights(tmp_path), log(tmp_path)) == two_steps


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user")
def test_a_model_that_cannot_be_written_is_read_and_a_new_one_refused_at_once():
    place = Path(tempfile.mkdtemp())  # the folders of pytest are closed to others
    place.chmod(0o755)
    try:
        assert main(train(place / "model")) == 0
        output = place / "out.txt"
        output.touch()
        output.chmod(0o666)
        for call in (
            ["evaluate", "--model", place / "model", "--rows", 8],
            ["sample", "--model", place / "model", "--n", 1],
        ):
            ended = forked(command(*call), output, user=65534)
            assert ended.code == 0, ended.output
        ended = forked(command(*train(place / "model", "--steps", 3)), output, user=65534)
        assert ended.code == 2
        (said,) = ended.output.splitlines()
        assert "nothing can be written into this directory, Permission denied" in said
    finally:
        shutil.rmtree(place)
