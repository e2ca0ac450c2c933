"""A write that fails at any point leaves the previous file and nothing else."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from generators.ground.storage import read_json, write_atomic, write_json_atomic

ROOT = Path(__file__).resolve().parents[3]


def test_a_write_is_whole(tmp_path):
    target = tmp_path / "deep" / "er" / "file.bin"
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert [p.name for p in target.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("call", ["replace", "fsync", "fdopen"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("previous", [b"previous", None])
def test_a_failure_leaves_the_previous_file(tmp_path, monkeypatch, call, error, previous):
    target = tmp_path / "file.bin"
    if previous is not None:
        target.write_bytes(previous)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        write_atomic(target, b"next")
    monkeypatch.undo()
    assert (target.read_bytes() if target.exists() else None) == previous
    assert len(list(tmp_path.iterdir())) == (previous is not None)


def test_a_disk_that_fills_up_in_the_middle(tmp_path, monkeypatch):
    target = tmp_path / "file.bin"
    write_atomic(target, b"previous")
    real = os.fdopen

    def nearly_full(handle, mode):
        stream = real(handle, mode, buffering=0)

        class Short:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                stream.close()

            def write(self, content):
                stream.write(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")

        return Short()

    monkeypatch.setattr(os, "fdopen", nearly_full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, b"x" * 1000)
    assert target.read_bytes() == b"previous"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_kill_in_the_middle_leaves_the_previous_file(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"previous")
    program = (
        "import os, signal, sys, pathlib\n"
        "from generators.ground.storage import write_atomic\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomic(pathlib.Path(sys.argv[1]), b'next')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"previous"


def test_the_target_is_replaced_after_the_bytes_have_reached_the_disk(tmp_path, monkeypatch):
    calls = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), real_sync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), real_replace(a, b)))
    write_atomic(tmp_path / "file.bin", b"bytes")
    assert calls[:2] == ["fsync", "replace"]


def test_json_round_trips_and_is_sorted(tmp_path):
    path = tmp_path / "form.json"
    write_json_atomic(path, {"b": [1, 2.5, None], "a": "ü"})
    assert read_json(path) == {"b": [1, 2.5, None], "a": "ü"}
    assert path.read_text(encoding="utf-8").index('"a"') < path.read_text(encoding="utf-8").index('"b"')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": {1, 2}}])
def test_what_is_no_json_is_refused_before_anything_is_written(tmp_path, value):
    path = tmp_path / "form.json"
    write_json_atomic(path, [1])
    with pytest.raises((ValueError, TypeError), match="JSON"):
        write_json_atomic(path, value)
    assert read_json(path) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["form.json"]


@pytest.mark.parametrize("content", [b"", b'{"a": [1, 2', b"\xff\xfe\x00"])
def test_a_truncated_or_garbled_file_is_named(tmp_path, content):
    path = tmp_path / "form.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"form\.json is not valid JSON"):
        read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "absent.json")
