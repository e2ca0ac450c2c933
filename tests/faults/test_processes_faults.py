"""``lo-theory train`` in several processes: as one, and where one of them dies the others end and nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from analysis.cli import processes
from analysis.cli.main import main
from lo_theory.learning.checkpoint import load_checkpoint
from tests.faults.harness import FAMILY, NETWORK, PATIENCE, ROOT, children, living, log, started, strays, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SAVED, LONG = 500, 10**6  # steps until the first checkpoint, and more than any test waits for


def words(directory: Path, steps: int, *more: object) -> list[str]:
    return ["train", "--out", *map(str, (directory, "--quiet", "--steps", steps, *NETWORK, *more, *FAMILY))]


def members(process: subprocess.Popen[str]) -> list[int]:
    """Ids of the two that train."""
    found = [one for one in children(process) if "spawn_main" in " ".join(one.cmdline())]
    return [one.pid for one in found]


def test_two_train_as_one_and_one_finds_what_they_have_finished(tmp_path, capsys):
    assert main(words(tmp_path / "one", 60)) == 0
    assert main(words(tmp_path / "two", 60, "--processes", 2)) == 0
    one, two = (line.split("; ")[0] for line in capsys.readouterr().out.splitlines())
    assert two == one.replace(str(tmp_path / "one"), str(tmp_path / "two"))
    assert log(tmp_path / "two") == [(step, pytest.approx(loss, rel=1e-5)) for step, loss in log(tmp_path / "one")]
    pairs = [load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("one", "two")]
    assert pairs[0].training == pairs[1].training
    for name, weight in pairs[0].tensors.items():
        torch.testing.assert_close(pairs[1].tensors[name], weight, rtol=1e-3, atol=1e-4)
    assert main(words(tmp_path / "two", 60)) == 0
    assert capsys.readouterr().out.split("; ")[0] == two


def killed(directory: Path, rank: int, begun: str) -> None:
    """Start two, kill one when there is a file of this name, and see what is said."""
    parent = started(*words(directory, LONG, "--processes", 2))
    wait_until((directory / begun).exists, "them to begin")
    family = living(children(parent))
    os.kill(members(parent)[rank], signal.SIGKILL)
    said, _ = parent.communicate(timeout=PATIENCE)
    assert parent.returncode == 2
    assert said.splitlines() == [
        f"lo-theory: process {rank} of 2 was killed by SIGKILL before its work was done, and the others were ended. "
        "What is finished is kept; the same command goes on from there, with fewer processes if memory was short."
    ]
    wait_until(lambda: not living(family), "all to end")


def test_a_death_ends_all_and_is_said_in_a_line(tmp_path):
    killed(tmp_path, 1, "log.jsonl")
    assert main(words(tmp_path, 1)) == 0  # nobody owns the directory
    assert strays(tmp_path) == []


@pytest.mark.soak
@pytest.mark.parametrize("rank", [0, 1])
def test_after_a_death_one_process_goes_on_from_the_checkpoint(tmp_path, rank):
    killed(tmp_path, rank, "checkpoint.safetensors")
    further = load_checkpoint(tmp_path / "checkpoint.safetensors").step + SAVED
    again = started(*words(tmp_path, LONG))
    wait_until(lambda: (steps := log(tmp_path)) and steps[-1][0] >= further, "one process to go on")
    again.kill()
    again.communicate()
    assert [step for step, _ in log(tmp_path)][: further // 50] == list(range(50, further + 1, 50))


@pytest.mark.soak
def test_processes_that_torchrun_starts_find_each_other_and_miss_one_that_dies(tmp_path, capsys, monkeypatch):
    """This process is rank 0; what torchrun does for both is done by hand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    here = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, text in here.items():
        monkeypatch.setenv(name, text)
    there = os.environ | {"RANK": "1", "LOCAL_RANK": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    second = subprocess.Popen([sys.executable, "-m", "lo_theory", *words(tmp_path / "run", LONG)], env=there, cwd=ROOT)

    def kill() -> None:
        try:
            wait_until((tmp_path / "run" / "log.jsonl").exists, "them to begin")
        finally:
            second.kill()

    death = threading.Thread(target=kill)
    death.start()
    assert main(words(tmp_path / "run", LONG)) == 2
    death.join()
    assert second.wait(PATIENCE) == -signal.SIGKILL
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lo-theory: another process of this training has ended or does not answer (")
    assert line.endswith("The last checkpoint is intact; the same command goes on from there.")


@pytest.mark.soak
def test_torchrun_itself(tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    launch += ["--rdzv-endpoint=localhost:0", "-m", "lo_theory", *words(tmp_path / "two", 60)]
    done = subprocess.run(launch, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert main(words(tmp_path / "one", 60)) == 0
    assert log(tmp_path / "two") == [(step, pytest.approx(loss, rel=1e-5)) for step, loss in log(tmp_path / "one")]


def test_what_cannot_be_shared_is_refused_before_anything_starts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(processes, "run_together", lambda *_, **__: pytest.fail("processes were started"))
    assert main(words(tmp_path / "run", 1, "--processes", 17)) == 2
    assert "--processes 17 share the rows of a batch, and --batch-size is 16" in capsys.readouterr().err
    assert main(words(tmp_path / "run", 1, "--batch-size", 20_000, "--processes", 20_000)) == 2
    assert "--processes 20000, before it trains anything, takes 5.37 TB of memory" in capsys.readouterr().err
    assert main(words(tmp_path / "run", 1, "--processes", 0)) == 2
    assert "--processes must be at least 1" in capsys.readouterr().err
    for name, text in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, text)
    assert main(words(tmp_path / "run", 1, "--processes", 3)) == 2
    assert "--processes 3, and torchrun has started 2; leave --processes out" in capsys.readouterr().err
    assert main(words(tmp_path / "run", 1, "--device", "cuda:1")) == 2
    assert "--device cuda:1 is one GPU, and 2 processes take one each; say --device cuda." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
