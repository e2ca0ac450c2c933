"""Experiments whose parent, workers or directory go away, two at once, and a finished run that cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.lab.experiment import run_units
from analysis.lab.store import RowStore
from generators.ground.ownership import DirectoryInUseError
from tests.faults.harness import children, forked, living, started, strays, wait_until
from tests.faults.units import EIGHT, FAULTS, SLOW, units

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and forks")

PROGRAM = ("-c", "from tests.faults.units import main; main()")
ROOT = getattr(os, "geteuid", lambda: 1)() == 0


def values(directory: Path) -> list[float]:
    """Of all rows on disk, sorted: each unit has one."""
    return sorted(row.value for row in RowStore(directory / "units").rows())


EVERY_ROW = [number / 3 for number in range(EIGHT.units)]


def waiting(directory: Path) -> subprocess.Popen[str]:
    """A run of two jobs, both of which wait in a unit, with two units finished."""
    directory.mkdir()
    (directory / SLOW).touch()
    process = started(directory, program=PROGRAM)
    wait_until(lambda: len(list(directory.glob("waits-*"))) == 2, "two units that wait")
    wait_until(lambda: len(list(directory.glob("units/*.json"))) == 2, "two that are finished")
    return process


def test_workers_of_a_killed_parent_end_and_the_same_command_goes_on(tmp_path):
    directory = tmp_path / "run"
    first = waiting(directory)
    workers = children(first)
    assert len(living(workers)) >= 2
    with pytest.raises(DirectoryInUseError, match=f"in use by process {first.pid} on .*reproduce faults"):
        run_units(units(EIGHT), directory, name="faults", jobs=1)
    first.kill()
    first.communicate()
    wait_until(lambda: not living(workers), "the workers' end")
    (directory / SLOW).unlink()
    stray = directory / "units" / f".unit.json.{'0' * 16}.part"
    stray.write_bytes(b"half")
    found = run_units(units(EIGHT), directory, name="faults", jobs=1, quiet=True)
    assert [row.value for unit in found for row in unit.rows] == values(directory) == EVERY_ROW
    assert strays(directory) == []


def test_a_directory_removed_midway_is_said_and_not_brought_back(tmp_path, monkeypatch):
    real = RowStore.put

    def put(self, *arguments):
        path = real(self, *arguments)
        shutil.rmtree(tmp_path / "run")
        return path

    monkeypatch.setattr(RowStore, "put", put)
    with pytest.raises(FileNotFoundError, match="run was removed while it was written"):
        FAULTS.reproduce("smoke", tmp_path / "run", jobs=1)
    assert not (tmp_path / "run").exists()


def reproduced(directory: Path) -> int:
    """The command line, with this experiment in the place of one that has a name."""
    import analysis.cli.reproduce as reproduce

    reproduce.experiment = lambda name: FAULTS
    return main(["reproduce", "leak", "--out", str(directory), "--jobs", "1", "--quiet"])


@pytest.mark.skipif(not ROOT, reason="becomes another user")
def test_a_finished_run_that_cannot_be_written_is_reported_and_any_other_refused_at_once():
    place = Path(tempfile.mkdtemp())  # the folders of pytest are closed to others
    place.chmod(0o755)
    output = place / "out.txt"
    output.touch()
    output.chmod(0o666)
    try:
        page = FAULTS.reproduce("smoke", place / "run", jobs=1, quiet=True)
        before = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
        ended = forked(lambda: reproduced(place / "run"), output, user=65534)
        assert (ended.code, ended.output) == (0, f"report: {page}\n")
        assert before == {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
        table = place / "run" / "tables" / "fault.csv"
        table.write_text(table.read_text().replace("0.333", "0.334"))
        (place / "empty").mkdir(mode=0o755)
        for directory in (place / "run", place / "empty"):
            ended = forked(lambda directory=directory: reproduced(directory), output, user=65534)
            assert ended.code == 2
            (said,) = ended.output.splitlines()
            assert "cannot be written" in said or "nothing can be written" in said or "digest" in said
    finally:
        shutil.rmtree(place)
