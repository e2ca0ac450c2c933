"""The documentation that ships with Python: parsed and not imported, split by module, near-duplicates left out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from generators.text import standard_library as room
from generators.text.overlap import shared
from generators.text.standard_library import apart, docstrings, documented_modules, part_of, shingles, standard_library
from generators.text.units import LETTERS, Bytes

SOME = (
    "json",
    "logging",
    "argparse.py",
    "optparse.py",
    "textwrap.py",
    "_pyio.py",
    "inspect.py",
    "pydoc_data",
    "csv.py",
)
"""Part of the library, parsed in a moment; all of it takes seconds."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory) -> Iterator[dict[str, tuple[str, ...]]]:
    """What there is where only some of the library is."""
    root, whole = tmp_path_factory.mktemp("lib"), Path(sysconfig.get_path("stdlib"))
    for name in SOME:
        copy = shutil.copytree if (whole / name).is_dir() else shutil.copy
        copy(whole / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sysconfig, "get_path", lambda name: str(root))
        documented_modules.cache_clear()
        yield documented_modules()
    documented_modules.cache_clear()


@pytest.mark.soak
def test_there_is_much_of_it():
    modules = documented_modules()
    size = sum(len(text) for passages in modules.values() for text in passages)
    assert size > 1_000_000
    assert len(modules) > 150
    parts = standard_library(LETTERS)
    assert min(len(parts.validation), len(parts.test)) > 50_000
    assert len(parts.train) > 4 * max(len(parts.validation), len(parts.test))


def test_some_of_it_is_there(modules):
    assert "json" in modules
    assert "textwrap" in modules
    assert any(name.startswith("help(") for name in modules)


def test_docstrings_are_those_that_python_has(modules):
    import json
    import json.decoder

    for thing in (json, json.loads, json.decoder.JSONDecoder):
        assert __import__("inspect").getdoc(thing) in modules["json"]


def test_nothing_is_imported():
    program = (
        "import sys, sysconfig; from pathlib import Path; from generators.text.standard_library import docstrings;"
        "print(len(list(docstrings(Path(sysconfig.get_path('stdlib')) / 'turtle.py'))), 'turtle' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert int(found[0]) > 50
    assert found[1] == "False"


def test_modules_stand_in_one_part_by_their_name(modules):
    parts = apart(modules)
    assert set(parts) == {"train", "validation", "test"}
    names = [name for part in parts.values() for name in part]
    assert sorted(names) == sorted(modules)
    assert all(part_of(name) == part for part, named in parts.items() for name in named)
    assert parts["train"] == {name: list(modules[name]) for name in parts["train"]}


def test_no_passage_of_validation_or_test_nearly_stands_before(modules):
    seen: set[int] = set()
    for part, named in apart(modules).items():
        own = [shingles(text) for texts in named.values() for text in texts]
        if part != "train":
            assert all(len(one & seen) < 0.25 * len(one) for one in own)
        seen |= set().union(*own)


def test_near_duplicates_are_found_and_others_kept():
    train = "Return the number of bytes that were written to the file, or raise an error."
    near = "Return the number of bytes that were written to the stream, or raise an error!"
    far = "Draw a circle with a given radius; the center is left of the turtle."
    names = {part: next(name for name in map(str, range(1000)) if part_of(name) == part) for part in room.PARTS}
    parts = apart({names["train"]: (train,), names["validation"]: (near, far, "Return self."), names["test"]: (far,)})
    assert parts["validation"][names["validation"]] == [far, "Return self."]
    assert parts["test"][names["test"]] == []


def test_the_corpora_are_apart(modules):
    parts = standard_library(LETTERS)
    for measured, others in (
        (parts.validation, parts.train),
        (parts.test, parts.train),
        (parts.test, parts.validation),
    ):
        assert shared(measured.tokens, others.tokens).mean() < 0.01
        assert len(measured) > 1000
    assert set(parts.train.tokens.tolist()) == set(range(27))
    assert isinstance(standard_library().train.units, Bytes)


def test_a_file_that_this_python_cannot_parse_has_no_docstrings(tmp_path):
    (tmp_path / "template.py").write_text('"""Doc."""\n{{ no python }} %%')
    (tmp_path / "odd.py").write_bytes(b"# coding: nothing-known\n'''Doc.'''")
    (tmp_path / "fine.py").write_text('"""Outer."""\nclass A:\n    "Inner."\n    def f(self):\n        "Innermost."\n')
    assert list(docstrings(tmp_path / "template.py")) == list(docstrings(tmp_path / "odd.py")) == []
    assert list(docstrings(tmp_path / "fine.py")) == ["Outer.", "Inner.", "Innermost."]


def test_a_python_without_sources_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match=re.escape("holds no source files of Python's standard library")):
        documented_modules.__wrapped__()
    assert Path(tmp_path).exists()
