"""Datasets whose writing is killed or meets a full disk: every byte is there in the end, and no half of a file."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from analysis.cli.main import main
from generators.datasets import writing
from tests.faults.harness import FAMILY, command, files, forked, meanwhile, strays, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and forks")

SHARDS = 12
FORMS = {"npy": (), "jsonl": ("--format", "jsonl", "--columns", "order")}


def generate(directory: Path, form: str, *words: object) -> list[str]:
    size = ("--rows", 20 * SHARDS, "--shard-rows", 20, "--quiet")
    return ["generate", "--out", *map(str, (directory, *size, *FORMS[form], *words, *FAMILY))]


@pytest.fixture(scope="module", params=FORMS)
def undisturbed(request, tmp_path_factory):
    """The form, and the bytes of every file."""
    directory = tmp_path_factory.mktemp(request.param)
    assert main(generate(directory, request.param)) == 0
    return request.param, files(directory)


def killed_at(directory: Path, form: str, call: int) -> int:
    """The exit code of a writing that is killed at the n-th call of fsync or rename."""

    def bombed() -> int:
        left = [call]
        for name in ("fsync", "replace"):
            setattr(os, name, counted(getattr(os, name), left))
        return main(generate(directory, form))

    return forked(bombed, directory.with_suffix(".txt")).code


def counted(real, left):
    def stand_in(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    return stand_in


def check_whole_files(directory: Path, truth: dict[str, bytes]) -> None:
    """What has its last name is whole; the manifest is there only with every shard."""
    there = files(directory)
    assert there.items() <= truth.items()
    assert "dataset.json" not in there or there == truth


def test_kills_inside_writes_lose_no_byte(undisturbed, tmp_path):
    form, truth = undisturbed
    rng, directory = random.Random(form), tmp_path / "data"
    for _ in range(3):
        assert killed_at(directory, form, rng.randint(1, 6)) == -signal.SIGKILL
        check_whole_files(directory, truth)
    assert len(strays(directory)) >= 1
    assert main(generate(directory, form)) == 0
    assert files(directory) == truth
    assert strays(directory) == []


@pytest.mark.soak
def test_a_kill_at_every_call_of_a_write_loses_no_byte(undisturbed, tmp_path):
    form, truth = undisturbed
    for call in range(1, 2 * (SHARDS + 2) + 1):
        directory = tmp_path / f"data-{call}"
        assert killed_at(directory, form, call) == -signal.SIGKILL
        check_whole_files(directory, truth)
        assert main(generate(directory, form)) == 0
        assert files(directory) == truth
        assert strays(directory) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_kills_at_random_moments_lose_no_byte(undisturbed, tmp_path, seed):
    form, truth = undisturbed
    rng, directory = random.Random(seed), tmp_path / "data"
    for _ in range(6):
        forked(command(*generate(directory, form)), tmp_path / "out.txt", kill_after=rng.uniform(0, 0.1))
        check_whole_files(directory, truth)
    assert main(generate(directory, form)) == 0
    assert files(directory) == truth
    assert strays(directory) == []


def test_two_seeds_at_once_leave_the_rows_of_one(tmp_path, monkeypatch, capsys):
    first, directory = tmp_path / "first", tmp_path / "data"
    assert main(generate(first, "npy")) == 0
    capsys.readouterr()
    real = writing.write_shard

    def slow() -> int:
        def stand_in(source, layout, place, job, number):
            while number == 5 and not (tmp_path / "go").exists():
                time.sleep(0.01)
            return real(source, layout, place, job, number)

        writing.write_shard = stand_in
        code = main(generate(directory, "npy"))
        (tmp_path / "code").write_text(str(code))
        return code

    with meanwhile(slow) as process:
        wait_until((directory / "rows-00004.npy").exists, "the first five shards")
        assert main(generate(directory, "npy", "--sample-seed", 9)) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert f"is in use by process {process} on " in said
        (tmp_path / "go").touch()
        wait_until((tmp_path / "code").exists, "the end of the first")
    assert (tmp_path / "code").read_text() == "0"
    assert files(directory) == files(first)


def test_a_full_disk_is_one_line_and_leaves_whole_files(undisturbed, tmp_path, monkeypatch, capsys):
    form, truth = undisturbed
    left, real = [5], os.fsync

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert main(generate(tmp_path, form)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    name = f"rows-00004.{form}"
    size = len(truth[name])
    assert f"No space left on device ({size:,} bytes were to be written, " in said
    assert said.endswith(f"bytes are free): '{tmp_path / name}'")
    assert sorted(files(tmp_path)) == sorted(truth)[2:6]
    assert main(generate(tmp_path, form)) == 0
    assert files(tmp_path) == truth
