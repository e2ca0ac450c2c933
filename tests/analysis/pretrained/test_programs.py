"""Programs of a model: limits hold, nothing stays behind, and what the system does not allow is said."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from analysis.pretrained import programs
from analysis.pretrained.programs import Limits, Verdict, run_program

LONG, SHORT = Limits(wall_seconds=120.0, cpu_seconds=20), Limits(wall_seconds=0.4)  # whatever else the machine does
LOOP = "while True: pass"
LEAVES_A_CHILD = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n"


@pytest.mark.parametrize(
    ("program", "limits", "why"),
    [
        ("assert 1 + 1 == 2", LONG, "passed"),
        ("assert 1 + 1 == 3, 'wrong'", LONG, "failed: AssertionError: wrong"),
        ("def f(:", LONG, "failed: SyntaxError"),
        ("input()", LONG, "failed: EOFError"),
        (LOOP, SHORT, "timed out"),
        pytest.param(LOOP, replace(LONG, cpu_seconds=1), "timed out (processor)", marks=pytest.mark.soak),
        ("import time; time.sleep(600)", SHORT, "timed out"),
        ("bytearray(1 << 30)", replace(LONG, memory_bytes=400 << 20), "failed: MemoryError"),
        (
            "with open('here', 'w') as file: file.write('x' * 5000)",
            replace(LONG, file_bytes=1000),
            "failed: OSError: [Errno 27]",
        ),
        ("files = [open('program.py') for _ in range(99)]", replace(LONG, files=30), "failed: OSError: [Errno 24]"),
        ("import sys; sys.exit(0)", LONG, "failed: SystemExit"),
        ("import os; os._exit(0)", LONG, "failed: it ended before its checks had"),
        ("import os; os.kill(os.getpid(), 11)", LONG, "killed by signal 11"),
        ("import os; os.kill(0, 9)", LONG, "killed by signal 9"),
        ("for _ in range(3000): print('x' * 9999)", LONG, "passed"),
        ("raise ValueError('long ' * 9999)", LONG, "failed: ValueError: long"),
        (LEAVES_A_CHILD, LONG, "passed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_comes_of_a_program(program, limits, why):
    verdict = run_program(program, limits)
    assert verdict.why.startswith(why)
    assert verdict.passed == (why == "passed")
    assert len(verdict.why) <= 300


def test_it_has_a_folder_and_an_environment_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("A_SECRET", "told")
    verdict = run_program(
        "import os, sys\n"
        "open('mine', 'w').write('x')\nos.mkdir('below')\nos.rename('mine', 'below/mine')\n"
        "assert sorted(os.listdir()) == ['below', 'program.py'], os.listdir()\n"
        "assert sorted(os.environ) == ['HOME', 'LANG', 'PATH', 'TMPDIR'], os.environ\n"
        "assert sys.flags.isolated and __name__ != '__main__'\n",
        LONG,
    )
    assert verdict.why == "passed"
    assert not list(tmp_path.iterdir())


def test_files_elsewhere_and_the_network_where_the_system_allows_it(tmp_path):
    target = tmp_path / "outside"
    verdict = run_program(f"open({str(target)!r}, 'w').write('x')", LONG)
    assert target.exists() == (not verdict.writes)
    assert verdict.passed == (not verdict.writes)
    verdict = run_program("import socket; assert [n for _, n in socket.if_nameindex()] == ['lo']", LONG)
    if verdict.network:
        assert verdict.why == "passed"
        verdict = run_program("import socket; socket.create_connection(('192.0.2.1', 80), 1)", LONG)
        assert "unreachable" in verdict.why


def alive(marker):
    """Processes with this text in their command line."""
    found = {process.pid: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
    return [number for number, words in found.items() if marker in " ".join(words)]


@pytest.mark.parametrize(("ending", "why"), [("", "passed"), (LOOP, "timed out")], ids=["ended", "stopped"])
def test_children_do_not_outlive_it(ending, why):
    seconds = 0.51234 if ending else 99.01234  # in the command line of all that it starts
    assert run_program(LEAVES_A_CHILD + ending, Limits(wall_seconds=seconds)).why == why
    assert not alive(str(seconds))


@pytest.mark.parametrize(("ending", "why"), [("", "passed"), (LOOP, "timed out")], ids=["ended", "stopped"])
def test_nor_on_a_system_without_namespaces(ending, why, tmp_path):
    """What it is cut off from is said truly there, and children that left the session are killed all the same."""
    (tmp_path / "program.py").write_text(LEAVES_A_CHILD + ending)
    marker = f"no walls {tmp_path}"
    script = (
        f"import sys; sys.path.insert(0, {str(Path(programs.__file__).parent)!r})\n"
        "import confined, json\n"
        "confined._unshare = confined._confine_writes = lambda _: False\n"
        "print(json.dumps(confined.main(json.loads(sys.argv[1]))))"
    )
    limits = json.dumps(dataclasses.asdict(Limits(wall_seconds=0.5 if ending else 120.0)))
    done = subprocess.run(
        [sys.executable, "-c", script, limits, marker], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    walls = {"network": False, "writes": False, "processes": False}
    assert json.loads(done.stdout) == {"passed": not ending, "why": why, **walls}
    assert not alive(marker)


def test_a_supervisor_that_is_gone_is_no_pass(monkeypatch):
    monkeypatch.setattr(programs, "_supervised", lambda folder, limits: b"")
    assert run_program("pass") == Verdict(False, "failed: its supervisor was killed")


def test_the_sentence_says_what_holds_and_what_does_not():
    assert "use a container" not in Verdict(True, "", True, True, True).confinement
    open_ = Verdict(True, "", network=False, writes=True, processes=True).confinement
    assert "the network is open to it; use a container" in open_
    assert "files outside its folder cannot be written" in open_
    for missing in ("the network is open", "write wherever you can", "signal your other processes"):
        assert missing in Verdict(True, "").confinement
