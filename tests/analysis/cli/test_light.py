"""What a person waits for before anything is computed: help, the version and advice load nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import lo_theory
from analysis.cli import main as cli

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "numba", "matplotlib", "seaborn", "pandas", "scipy", "hypothesis", "joblib", "tqdm"}
PROGRAM = (
    "import sys\nfrom analysis.cli.main import main\n"
    "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
    f"print('heavy:', *sorted({HEAVY!r} & set(sys.modules)))"
)


def said(*words: str) -> tuple[str, str]:
    """What a call in a process of its own prints, and writes to standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "train nae-sat --help",
        "evaluate sudoku --help",
        "evaluate zebra --help",
        "evaluate table4 --help",
        "generate sudoku --help",
        "--version",
    ],
)
def test_help_loads_nothing_heavy(words):
    shown, error = said(*words.split())
    assert shown.splitlines()[-1].strip() == "heavy:"
    assert "lo-theory" in shown
    assert error == ""


def test_advice_loads_nothing_heavy():
    shown, error = said("trian")
    assert shown.splitlines()[-1].strip() == "heavy:"
    assert error.splitlines()[-1] == "'trian' is not known here; did you mean 'train'?"


def test_what_is_looked_for_is_found_once_it_is_loaded(tmp_path):
    shown, _ = said("sample", "--model", str(tmp_path))  # the negative control: torch and more
    assert "torch" in shown.splitlines()[-1]


def test_the_version_is_that_of_the_package(capsys, monkeypatch):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"lo-theory {lo_theory.__version__}\n"
    assert lo_theory.__version__ == metadata.version("lo-theory")
    assert "__version__" in dir(lo_theory)

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert lo_theory.__version__ == "unknown"
