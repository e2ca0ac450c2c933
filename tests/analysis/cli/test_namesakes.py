"""A file of a person's own that hides one of our packages is named, with what to do; one that does not is let be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def ends_with(folder: Path, *command: str, **variables: str) -> tuple[int, str]:
    """Exit code and last line of a Python process in this folder; our packages come last on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment)
    return done.returncode, (done.stdout + done.stderr).strip().splitlines()[-1]


def told(folder: Path, name: str, package: str) -> tuple[int, str]:
    message = f"ImportError: {folder / name} hides the package {package!r} that lo-theory needs: Python finds it first "
    return 1, f"{message}under that name. Rename it, for example to my_{package}, or run from a folder without it."


@pytest.mark.parametrize("line", ["from lo_theory import decode", "from analysis.lab.rows import Row"])
def test_generators_beside_a_script(line, tmp_path):
    (tmp_path / "generators.py").write_text("class Mine:\n    pass\n")
    (tmp_path / "script.py").write_text(f"{line}\n")
    assert ends_with(tmp_path, "script.py") == told(tmp_path, "generators.py", "generators")


def test_a_script_that_is_the_file(tmp_path):
    (tmp_path / "generators.py").write_text("from lo_theory import decode\n")
    assert ends_with(tmp_path, "generators.py") == told(tmp_path, "generators.py", "generators")


def test_generators_in_the_way_of_the_command(tmp_path):
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators" / "__init__.py").write_text("")
    found = ends_with(tmp_path, "-m", "lo_theory", "--version")
    assert found == told(tmp_path / "generators", "__init__.py", "generators")


def test_analysis_in_the_way_of_the_command(tmp_path):
    (tmp_path / "analysis.py").write_text("answer = 42\n")
    assert ends_with(tmp_path, "-m", "lo_theory", "--version") == told(tmp_path, "analysis.py", "analysis")


def test_a_folder_that_hides_nothing_is_left_alone(tmp_path):
    """``analysis`` of one's own beside a script that needs none of ours, and a folder without ``__init__.py``."""
    (tmp_path / "analysis.py").write_text("answer = 42\n")
    (tmp_path / "script.py").write_text("import lo_theory, analysis\nprint(analysis.answer, lo_theory.__version__)\n")
    code, line = ends_with(tmp_path, "script.py")
    assert (code, line[:3]) == (0, "42 ")
    (tmp_path / "analysis.py").unlink()
    (tmp_path / "analysis").mkdir()
    code, line = ends_with(tmp_path, "-m", "lo_theory", "--version")
    assert (code, line[:10]) == (0, "lo-theory ")


def test_sample_says_that_a_generator_is_wanted(tmp_path):
    """In a process of its own: here, types are checked before the function is entered."""
    program = "from generators import nae_sat; nae_sat(4, 6, structure_seed=0).sample(3, 0)"
    code, line = ends_with(tmp_path, "-c", program)
    assert code == 1
    assert line.startswith("TypeError: sample takes a numpy Generator, not 0: rng=np.random.default_rng(0)")
