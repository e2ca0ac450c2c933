"""``benchmarks/gpu.py`` where there is no GPU: it says so, its plumbing works, and a part that fails is one part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.elsewhere import elsewhere, pose_as_gpu

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0  # seconds until a part is given up; nothing here is about speed


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """As for a script: its own folder is where it imports from."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # it sets it for its process, which is this one


@pytest.fixture
def cpu_plan():
    from on_gpu.parts import Plan

    return lambda seconds=PATIENCE: Plan(torch.device("cpu"), True, time.monotonic() + seconds)


def test_without_a_gpu_it_says_so_and_all_is_well(monkeypatch, capsys, tmp_path):
    import gpu

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--out", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not measured: PyTorch sees no GPU here.")
    assert said.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_the_plumbing_on_a_cpu(tmp_path):
    """Every part but correctness, which is below: a table, rows that say the same, and no limit missed."""
    parts = ["training 19M", "decoding", "table 1"]
    command = [sys.executable, ROOT / "benchmarks/gpu.py", "--device", "cpu", "--tiny", "--out", tmp_path]
    done = subprocess.run(
        [*command, "--minutes", "2", "--parts", *parts], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(row["part"] for row in rows)) == parts
    assert all(row["kept"] and row["value"] is not None for row in rows)
    lines = done.stdout.splitlines()
    assert len(lines) == len(rows) + 2  # the head and the end
    assert all(line.startswith(row["part"]) and row["name"] in line for line, row in zip(lines[1:], rows, strict=False))
    assert json.loads((tmp_path / "about.json").read_text())["tiny"] is True


def test_correctness_on_a_device_that_is_not_there(monkeypatch, cpu_plan):
    """As on a GPU: nothing lies where it should not, nothing is refused, and what the CPU finds is found there too."""
    from on_gpu.correctness import correctness
    from on_gpu.parts import Plan

    pose_as_gpu(monkeypatch)
    with elsewhere() as device:
        found = list(correctness(Plan(device, True, cpu_plan().ends)))
    assert [one for one in found if not one.kept] == []
    assert {one.limit is None for one in found} == {False}
    resumed = [one.name for one in found if one.name.startswith("resumed")]
    assert resumed[:2] == ["resumed, cpu then meta: loss", "resumed, cpu then meta: weights"]


def test_a_part_that_fails_keeps_its_rows(tmp_path, cpu_plan):
    from on_gpu.parts import FAILED, Found, run_part

    def breaks(plan):
        yield Found(name="first", value=1.0)
        raise RuntimeError("two\nlines")

    def dies(plan):
        yield Found(name="second", value=2.0, limit=1.0)
        os.kill(os.getpid(), signal.SIGKILL)

    def works(plan):
        yield Found(name="third", value=3.0, limit=3.0)

    rows = tmp_path / "rows.jsonl"
    broken, dead, working = (list(run_part(part.__name__, part, cpu_plan(), rows)) for part in (breaks, dies, works))
    assert [(one.name, one.kept) for one in broken] == [("first", True), (FAILED, False)]
    assert broken[1].note == "RuntimeError: two lines"
    assert [(one.name, one.kept) for one in dead] == [("second", False), (FAILED, False)]
    assert dead[1].note == "the process ended with -9"
    assert [(one.name, one.kept) for one in working] == [("third", True)]
    kept = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [(row["part"], row["name"], row["kept"]) for row in kept] == [
        ("breaks", "first", True), ("breaks", FAILED, False), ("dies", "second", False), ("dies", FAILED, False),
        ("works", "third", True),
    ]  # fmt: skip


def test_a_part_that_hangs_is_ended(tmp_path, cpu_plan, monkeypatch):
    from on_gpu import parts

    def hangs(plan):
        yield parts.Found(name="first", value=1.0)
        time.sleep(10 * PATIENCE)

    monkeypatch.setattr(parts, "_GRACE", 1.0)
    found = list(parts.run_part("hangs", hangs, cpu_plan(0.0), tmp_path / "rows.jsonl"))
    assert [one.name for one in found] == ["first", parts.FAILED]
    assert found[1].note.startswith("ended after")


@pytest.mark.parametrize(("value", "limit", "kept"), [(1.0, 1.0, True), (1.1, 1.0, False), (float("nan"), 1.0, False),
                                                      (None, 1.0, False), (None, None, True)])  # fmt: skip
def test_a_limit_is_kept_or_not(value, limit, kept):
    from on_gpu.parts import Found

    assert Found(name="one", value=value, limit=limit).kept is kept


def test_one_missed_limit_is_the_exit_code(monkeypatch, tmp_path, capsys):
    import gpu
    from on_gpu.parts import Found

    def found(value):
        return lambda plan: iter([Found(name="one", value=value, limit=1.0)])

    for values, code in (((0.5, 0.5), 0), ((2.0, 0.5), 1), ((0.5, 2.0), 1)):
        monkeypatch.setattr(gpu, "PARTS", {str(number): (found(value), 0.5) for number, value in enumerate(values)})
        assert gpu.main(["--device", "cpu", "--tiny", "--out", str(tmp_path)]) == code
        assert ("NOT every limit kept" in capsys.readouterr().out) == bool(code)
