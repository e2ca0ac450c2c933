"""The cache of compiled kernels: what it depends on, and that it forgets what is out of date."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import config

import lo_theory.compiled
from generators.ground.compiled import kernels_of

CALLEE = "import numba\n\n@numba.njit\ndef factor():\n    return {}\n"
CALLER = """
from generators.ground.compiled import kernels_of
from pathlib import Path
from callee import factor

here = Path(__file__).parent
kernel = kernels_of(here, {sources})

@kernel
def scaled(x):
    return factor() * x
"""


def load(folder: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """A function of (factor, sources): what a kernel with a callee in another file gives, cached from call to call."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    for name in ("callee", "caller"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def answer(factor: int, sources: str) -> int:
        (tmp_path / "callee.py").write_text(CALLEE.format(factor))
        if not (tmp_path / "caller.py").exists():
            (tmp_path / "caller.py").write_text(CALLER.format(sources=sources))
        load(tmp_path, "callee")
        return int(load(tmp_path, "caller").scaled(10))

    return answer


def folders(path: Path) -> int:
    return len(list((path / "__pycache__").glob("kernels-*")))


def test_an_edit_of_a_callee_reaches_the_kernel(answers, tmp_path):
    sources = "sorted(here.glob('*.py'))"
    assert [answers(2, sources), answers(2, sources)] == [20, 20]
    assert folders(tmp_path) == 1
    assert answers(3, sources) == 30
    assert folders(tmp_path) == 2


def test_without_the_callee_among_the_sources_old_code_is_served(answers):
    """Negative control: numba itself does not notice."""
    assert [answers(2, "[]"), answers(3, "[]")] == [20, 20]


def test_a_cache_folder_that_is_set_takes_its_place(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(config, "CACHE_DIR", str(elsewhere))

    @kernels_of(tmp_path, [])
    def double(x):
        return 2 * x

    assert double(np.float64(2)) == 4
    assert list(elsewhere.glob("kernels-*"))
    assert vars(config)["CACHE_DIR"] == str(elsewhere), "left as it was"


def test_every_file_with_kernels_is_a_source_of_their_cache():
    floor = Path(lo_theory.compiled.__file__).parent
    users = {
        path.relative_to(floor).with_suffix("").as_posix()
        for path in floor.rglob("*.py")
        if "from lo_theory.compiled import kernel" in path.read_text(encoding="utf-8")
    }
    assert users
    assert users <= set(lo_theory.compiled._KERNEL_FILES)
    assert all((floor / f"{name}.py").exists() for name in lo_theory.compiled._KERNEL_FILES)
