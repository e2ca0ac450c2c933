"""The tree is the argument: imports go down only, files stay one idea long, nothing heavy is imported early."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLOTTING = {"matplotlib", "seaborn"}
FORBIDDEN = {
    "generators": {"torch", "lo_theory", "analysis", *PLOTTING},
    "lo_theory": {"analysis", *PLOTTING},
    "analysis": set(),
}
OPTIONAL = {"transformers", "tokenizers", "datasets", "dask"}


def imported(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("floor", FORBIDDEN)
def test_imports_go_down_only(floor):
    upwards = {
        str(path.relative_to(ROOT)): imported(path) & FORBIDDEN[floor]
        for path in (ROOT / floor).rglob("*.py")
        if imported(path) & FORBIDDEN[floor]
    }
    assert not upwards


def test_the_arrow_test_sees_an_upward_import(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("def f():\n    import torch.nn\n    from analysis.report import write_report\n")
    assert imported(broken) & FORBIDDEN["generators"] == {"torch", "analysis"}


@pytest.mark.parametrize("floor", FORBIDDEN)
def test_a_file_is_one_idea(floor):
    too_long = {p.name: n for p in (ROOT / floor).rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not too_long


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("generators", {"torch", *PLOTTING, *OPTIONAL}),
        ("lo_theory.posteriors.posterior", {"torch", *PLOTTING, *OPTIONAL}),
    ],
)
def test_the_numpy_core_imports_without_torch(module, heavy):
    program = f"import sys, {module}; print(*({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
