"""Work on a Dask cluster of this machine, of which a worker is killed in the middle; and what an address can lack."""

from __future__ import annotations

import socket
import sys

import pytest

from analysis.cli import cluster as on_cluster
from analysis.cli.main import main
from analysis.lab.store import RowStore
from tests.faults.harness import FAMILY, files
from tests.faults.units import DEADLY, EIGHT, FAULTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def local():
    """The address of a cluster with two workers."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


def rows(directory):
    return {path.name: [row.to_json() for row in RowStore(directory).rows()] for path in directory.iterdir()}


def test_a_killed_worker_loses_no_row_and_doubles_none(local, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("analysis.cli.reproduce.experiment", lambda name: FAULTS)
    FAULTS.reproduce("smoke", tmp_path / "alone", jobs=1, quiet=True)
    (tmp_path / "spread").mkdir()
    (tmp_path / "spread" / DEADLY).touch()
    assert main(["reproduce", "leak", "--out", str(tmp_path / "spread"), "--cluster", local]) == 0
    assert not (tmp_path / "spread" / DEADLY).exists(), "a worker was killed"
    assert rows(tmp_path / "spread" / "units") == rows(tmp_path / "alone" / "units")
    tables = [files(tmp_path / name / "tables") for name in ("alone", "spread")]
    assert tables[0]["fault.csv"] == tables[1]["fault.csv"]
    said = capsys.readouterr().out.splitlines()
    assert len([line for line in said if "number" in line]) == EIGHT.units, "each unit once"


def test_a_dataset_has_the_bytes_of_one_machine(local, tmp_path):
    words = ["--rows", "100", "--shard-rows", "9", "--quiet"]
    assert main(["generate", "--out", str(tmp_path / "alone"), *words, *FAMILY]) == 0
    assert main(["generate", "--out", str(tmp_path / "spread"), *words, "--cluster", local, *FAMILY]) == 0
    assert files(tmp_path / "alone") == files(tmp_path / "spread")
    assert not list(tmp_path.rglob("*.part"))


def refusal(capsys, *words: str) -> str:
    assert main(["generate", "--out", "never", "--rows", "5", *words, *FAMILY]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    return said


def test_what_a_cluster_lacks_is_one_line(local, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "with --cluster the workers of the cluster decide" in refusal(capsys, "--jobs", "3", "--cluster", local)
    monkeypatch.setattr(on_cluster, "_seen", blind)
    assert "does not see never" in refusal(capsys, "--cluster", local)
    monkeypatch.setattr(on_cluster, "_seen", old)
    assert "has lo-theory 0.0, not " in refusal(capsys, "--cluster", local)
    monkeypatch.setattr(on_cluster, "_seen", without)
    assert "a worker cannot load lo-theory (No module" in refusal(capsys, "--cluster", local)
    assert not list(tmp_path.rglob("*.npy"))


def blind(mark):
    return on_cluster.lo_theory.__version__, False


def old(mark):
    return "0.0", True


def without(mark):
    raise ModuleNotFoundError("No module named 'lo_theory'")


def test_an_address_where_nobody_answers_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(on_cluster, "_PATIENCE", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    assert f"--cluster {address}: no Dask scheduler answers there (" in refusal(capsys, "--cluster", address)
    assert "missing port number" in refusal(capsys, "--cluster", "nowhere")


def test_without_the_extra_it_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'lo-theory[cluster]'" in refusal(capsys, "--cluster", "tcp://127.0.0.1:1")
