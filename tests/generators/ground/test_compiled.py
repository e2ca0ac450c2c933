"""The cache of compiled kernels: what it depends on, and that it forgets what is out of date."""

import errno
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import config

import lo_theory.compiled
from generators.ground import kernel_cache
from generators.ground.compiled import SOURCES, kernels_of
from generators.ground.kernel_cache import cache_folder

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


def test_an_edit_of_a_file_that_is_not_among_the_sources_reaches_its_kernels(answers, tmp_path):
    assert answers(2, "[]") == 20
    path = tmp_path / "caller.py"
    path.write_text(path.read_text().replace("factor() * x", "factor() + x"))
    assert answers(2, "[]") == 12


def test_a_cache_folder_that_is_set_takes_its_place(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(config, "CACHE_DIR", str(elsewhere))

    @kernels_of(tmp_path, [])
    def double(x):
        return 2 * x

    assert double(np.float64(2)) == 4
    assert list(elsewhere.glob("kernels-*"))
    assert vars(config)["CACHE_DIR"] == str(elsewhere), "left as it was"


@pytest.mark.parametrize(
    ("name", "files"),
    [("kernel", lo_theory.compiled._KERNEL_FILES), ("puzzle_kernel", lo_theory.compiled._PUZZLE_FILES)],
)
def test_every_file_with_kernels_is_a_source_of_their_cache(name, files):
    floor = Path(lo_theory.compiled.__file__).parent
    users = {
        path.relative_to(floor).with_suffix("").as_posix()
        for path in floor.rglob("*.py")
        if f"from lo_theory.compiled import {name}\n" in path.read_text(encoding="utf-8")
    }
    assert users
    assert users <= set(files)
    assert all((floor / f"{file}.py").exists() for file in files)


def test_a_decorator_of_kernels_is_used_where_its_sources_are():
    root = Path(lo_theory.compiled.__file__).parents[1]
    strangers = [
        path.relative_to(root).as_posix()
        for folder in ("generators", "lo_theory", "analysis")
        for path in (root / folder).rglob("*.py")
        if path not in SOURCES and re.search(r"compiled import (\(\s*)?kernel\b", path.read_text(encoding="utf-8"))
    ]
    floor = "from lo_theory.compiled import kernel"
    assert [name for name in strangers if floor not in (root / name).read_text(encoding="utf-8")] == []


def kept(tmp_path, monkeypatch):
    """A kernel that keeps its code in ``tmp_path / "own"``, compiled there, and the two files of it."""
    folder = tmp_path / "own"
    monkeypatch.setattr(config, "CACHE_DIR", str(folder))

    def build():
        @kernels_of(tmp_path, [])
        def triple(x):
            return 3 * x

        return triple

    assert build()(np.float64(2)) == 6
    (index,), (code,) = folder.rglob("*.nbi"), folder.rglob("*.nbc")
    return build, index, code


def test_kept_code_is_loaded_and_not_compiled_again(tmp_path, monkeypatch):
    build, _, code = kept(tmp_path, monkeypatch)
    before = code.stat().st_mtime_ns
    again = build()
    assert again(np.float64(5)) == 15
    assert code.stat().st_mtime_ns == before
    assert dict(again.stats.cache_hits)


@pytest.mark.parametrize("which", ["index", "code"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign"])
def test_a_damaged_file_is_a_miss_and_is_replaced(tmp_path, monkeypatch, which, damage):
    build, index, code = kept(tmp_path, monkeypatch)
    path = {"index": index, "code": code}[which]
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    contents = {"empty": b"", "truncated": whole[:-7], "flipped": bytes(flipped), "foreign": b"cos\nsystem\n"}
    path.write_bytes(contents[damage])
    assert build()(np.float64(2)) == 6
    assert len(path.read_bytes()) == len(whole)
    again = build()
    assert again(np.float64(2)) == 6
    assert dict(again.stats.cache_hits)


def test_a_full_disk_stops_no_computation(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "own"))

    def full(*_):
        raise OSError(28, "No space left on device")

    @kernels_of(tmp_path, [])
    def half(x):
        return x / 2

    monkeypatch.setattr("numba.core.caching.os.replace", full)
    assert half(np.float64(5)) == 2.5


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_others_can_write_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    beside = tmp_path / "code"
    mine = cache_folder("kernels-a", beside, "")
    assert mine == beside / "__pycache__" / "kernels-a"
    assert mine.stat().st_mode & 0o777 == 0o700
    open_to_all = beside / "__pycache__" / "kernels-b"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert cache_folder("kernels-b", beside, "") == tmp_path / "xdg" / "lo-theory" / "kernels-b"
    assert cache_folder("kernels-c", beside, str(tmp_path / "set")) == tmp_path / "set" / "kernels-c"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_temporary_folder_that_others_made_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = kernel_cache._own_temporary()
    assert mine is not None
    assert mine.parent == tmp_path
    assert mine.stat().st_mode & 0o777 == 0o700
    mine.chmod(0o777)  # whoever can write there can put another folder in the place of that of the kernels
    assert kernel_cache._own_temporary() is None


def test_without_any_folder_it_is_said_once_and_compiled_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("generators.ground.kernel_cache._usable", lambda folder: False)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        assert cache_folder("kernels-nowhere", tmp_path, "") is None

    with pytest.warns(RuntimeWarning, match="cannot be kept"):

        @kernels_of(tmp_path / "other", [])
        def quarter(x):
            return x / 4

    assert quarter(np.float64(1)) == 0.25


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("home", ["/", "/nowhere", ""])
def test_another_user_without_a_home_and_with_a_read_only_installation_computes(tmp_path, home):
    """The interpreter is loaded first: its own files may lie where nobody else can read them; the kernel's may not."""
    program = (
        "import os, numba, numpy as np\n"
        "from pathlib import Path\n"
        "from generators.ground.compiled import kernels_of\n"
        "numba.njit(lambda x: x + 1)(np.float64(1))\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"code = compile('def double(x): return 2 * x', '/etc/passwd', 'exec')\n"
        "exec(code)\n"
        f"print(kernels_of(Path({str(tmp_path)!r}), [])(double)(np.float64(4)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(lo_theory.compiled.__file__).parents[1]), "HOME": home}
    environment |= {"TMPDIR": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "not" / "mine")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, text=True, capture_output=True, cwd="/")
    assert done.stdout == "8.0\n", done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_on_a_full_disk_is_passed_over(tmp_path, monkeypatch):
    class Full:
        """A file on a disk that takes names and no bytes."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    chosen, plain = tmp_path / "full", Path.open
    monkeypatch.setattr(Path, "open", lambda path, *mode: Full() if chosen in path.parents else plain(path, *mode))
    assert cache_folder("kernels-0", tmp_path / "beside", str(chosen)) == tmp_path / "beside/__pycache__/kernels-0"
