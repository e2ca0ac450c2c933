"""Optional libraries: asked for in one way, missed in one sentence."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.cli import main as cli
from analysis.cli.cluster import cluster
from analysis.measures.text_judges import transformers_judge
from generators import families
from generators.datasets.writing import write_dataset
from generators.ground import optional
from generators.ground.optional import EXTRAS, MissingLibraryError, optional_library
from generators.sudoku.files.objects import parquet_items
from generators.text.documents import hugging_face, parquet_column
from generators.text.units import Bytes, Tokenizer
from generators.zebra.puzzle import ZebraPuzzle
from generators.zebra.sat import solutions_by_sat
from lo_theory.attacks.planted_sat import planted_clauses, solve_formula
from lo_theory.denoisers.hugging_face import load_hugging_face
from lo_theory.posteriors.second_opinion import LibraryPosterior
from lo_theory.samplers.trace_file import read_trace

ROOT = Path(__file__).resolve().parents[3]
BITS = families.logic_rules(["x0 and x1"], n_latents=2)


def some_formula() -> Any:
    return planted_clauses(10, 2.0, arity=3, hidden="one", rng=np.random.default_rng(0))


USES: dict[str, tuple[str, Any]] = {
    "a corpus of the hub": ("datasets", lambda path: list(hugging_face("a/name"))),
    "a corpus in Parquet": ("pyarrow", lambda path: list(parquet_column(path))),
    "a tokenizer": ("tokenizers", lambda path: Tokenizer.trained(["some text"], 300)),
    "a dataset in Parquet": (
        "pyarrow",
        lambda path: write_dataset(BITS, path, rows=3, sample_seed=0, format="parquet"),
    ),
    "puzzles in Parquet": ("pyarrow", lambda path: list(parquet_items(path))),
    "a trace in Parquet": ("pyarrow", lambda path: read_trace(path)),
    "a puzzle's solutions": ("pysat", lambda path: solutions_by_sat(ZebraPuzzle.of(3, 3, []))),
    "a formula's solution": ("pysat", lambda path: solve_formula(some_formula(), 10)),
    "a model": ("transformers", lambda path: load_hugging_face(path, 8)),
    "a judge": ("transformers", lambda path: transformers_judge("any", Bytes())),
    "a second opinion": ("pyagrum", lambda path: LibraryPosterior(BITS)),
    "a cluster": ("distributed", lambda path: cluster("tcp://127.0.0.1:1", None).__enter__()),
}


@pytest.fixture
def block(monkeypatch):
    """A package that cannot be found, with all its modules, whatever was imported before."""

    def blocked(package: str) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return blocked


@pytest.mark.parametrize("use", USES)
def test_a_missing_library_is_named_with_what_for_and_how_to_get_it(use, block, tmp_path):
    package, work = USES[use]
    name, extra = EXTRAS[package]
    block(package)
    sentence = f" needs {name}, which is not installed: pip install 'lo-theory[{extra}]'."
    with pytest.raises(MissingLibraryError, match=r"^\S.*" + re.escape(sentence)) as refused:
        work(tmp_path / "new.parquet")
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, ValueError)  # which the command line shows as one line
    assert not list(tmp_path.iterdir())


def test_a_command_says_it_in_one_line(block, tmp_path, capsys):
    block("pyarrow")
    words = ["generate", "sudoku", "--rows", "1", "--format", "parquet", "--out", str(tmp_path / "new")]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error == "lo-theory: Parquet needs pyarrow, which is not installed: pip install 'lo-theory[data]'.\n"
    assert not (tmp_path / "new").exists()


def test_a_library_that_is_there_and_broken_is_not_called_missing(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(optional, "EXTRAS", {"broken_library": ("broken", "hf")})
    (tmp_path / "broken_library.py").write_text("import a_library_that_nobody_has")
    with pytest.raises(ModuleNotFoundError, match="a_library_that_nobody_has") as error:
        optional_library("broken_library", "this")
    assert not isinstance(error.value, MissingLibraryError)
    (tmp_path / "broken_library.py").write_text("raise ImportError('its binary is of another Python')")
    with pytest.raises(ImportError, match="of another Python"):
        optional_library("broken_library", "this")


def test_the_extras_have_what_the_messages_promise():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, extra in EXTRAS.values():
        assert any(re.match(re.escape(name) + r"[><=]", needed) for needed in extras[extra]), (name, extra)


def test_they_are_asked_for_in_one_way():
    own = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(EXTRAS)})\b", re.MULTILINE)
    for floor in ("generators", "lo_theory", "analysis"):
        for path in (ROOT / floor).rglob("*.py"):
            assert not own.search(path.read_text()), path
    assert own.search("def f():\n    from pysat.solvers import Solver")  # the negative control
