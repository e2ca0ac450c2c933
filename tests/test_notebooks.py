"""The notebooks run from top to bottom at their tiny size, and lie in the repository without outputs."""

from __future__ import annotations

import ast
import base64
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [
    "01_distributions",
    "02_train_and_compare",
    "03_task_error",
    "04_decoding",
    "05_puzzles",
    "06_text",
    "07_pretrained",
    "08_planning",
]
PNG = b"\x89PNG\r\n"


def read(path):
    return nbformat.read(path, as_version=4)


def execute(notebook):
    """Run a notebook from the root of the checkout, in a process of its own; returns it with its outputs."""
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    return client.execute()


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """Kernels inherit this environment: the tiny size, one thread, no files of Jupyter's own."""
    monkeypatch.setenv("LO_THEORY_NOTEBOOK_SCALE", "tiny")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def test_the_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_and_traces_of_the_machine_are_stripped(path):
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert [cell.execution_count for cell in code] == [None] * len(code)
    assert all(not cell.metadata for cell in notebook.cells)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_size_that_readers_run_has_the_fields_that_are_tested(path):
    (cell,) = (cell for cell in read(path).cells if cell.source.startswith("SIZES = "))
    assignment = ast.parse(cell.source).body[0]
    assert isinstance(assignment, ast.Assign)
    sizes = ast.literal_eval(assignment.value)
    assert list(sizes) == ["tiny", "small"]
    assert sizes["tiny"].keys() == sizes["small"].keys()
    assert 'os.environ.get("LO_THEORY_NOTEBOOK_SCALE", "small")' in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_figures(path):
    executed = execute(read(path))
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    figures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not complaints
    assert len(figures) >= 2
    assert all(base64.b64decode(figure).startswith(PNG) for figure in figures)


def test_a_failing_cell_fails_the_test():
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import generators\ngenerators.no_such_name")])
    with pytest.raises(CellExecutionError, match="no_such_name"):
        execute(broken)
