"""Seeded mutants of a module: small mistakes, put in one at a time, that some test ought to notice.

    python tests/mutate.py rows likelihood --mutants 30 --seed 0
    python tests/mutate.py lo_theory/orders.py --tests tests/lo_theory/test_orders.py
    python tests/mutate.py all --list          # draw and show, run nothing

``TARGETS`` names the modules, their files and the tests that watch over them; :mod:`mutants` says what a mutant is.

The tree is copied to a temporary folder and only the copy is changed. One process loads the libraries and forks a child
per mutant, which imports the copy and runs its tests until the first failure; Hypothesis does not shrink. Kernels run
as plain Python (``NUMBA_DISABLE_JIT``): compiling takes half a minute per mutant, and an index out of bounds is an
error instead of luck. ``--compiled`` compiles them all the same. The limit on processor time is three times what the
unchanged tests take plus 20 s; beyond it a mutant counts as noticed.

Mutants that change nothing anyone may rely on are in ``mutants_equivalent.toml``, with the reason. They are run too:
one that a test notices, or that no longer matches the text, is reported. The exit code is 1 if fewer than 95% of the
others are noticed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from mutants import Mutant, drawn, mutants_of

ROOT = Path(__file__).resolve().parents[1]
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
SHARE, MEMORY = 0.95, 2**33
ELIMINATION = "tests/lo_theory/posteriors/test_elimination.py"
PARTS = ("posterior", "bucket_tree", "joint_queries", "order", "reduction", "remainder", "tables", "ties")
COUNTED = "tests/lo_theory/posteriors/test_counted"
COUNTS = ("bits", "pieces", "piece_trees", "tree_counts", "tree_questions")
COUNTS += ("counted_answers", "summed_answers", "counted_rows")
SLOW = ("any_order_gives_the_joint_likelihood_at_full_size", "a_conflict_at_full_size_is_found_and_its_row_named")
SLOW += ("samples_follow_the_conditional_law[NAE-3]", "samples_follow_the_conditional_law[three values]")
QUICK = tuple(f"--deselect={ELIMINATION}::test_{name}" for name in SLOW)  # seconds each in plain Python

TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "distribution": (
        ("generators/distribution.py",),
        ("tests/generators/test_distribution.py", "tests/streams/test_data_streams.py"),
    ),
    "rows": (("lo_theory/posteriors/elimination/rows.py",), (ELIMINATION, *QUICK)),
    "elimination": (tuple(f"lo_theory/posteriors/elimination/{p}.py" for p in PARTS), (ELIMINATION, *QUICK)),
    "counted": (
        tuple(f"lo_theory/posteriors/elimination/{p}.py" for p in COUNTS),
        (
            f"{COUNTED}_trees.py",
            f"{COUNTED}.py",
            f"--deselect={COUNTED}.py::test_counts_equal_elimination_at_full_size",
        ),
    ),
    "likelihood": (("lo_theory/likelihood.py",), ("tests/lo_theory/test_likelihood.py",)),
    "training": (
        ("lo_theory/learning/training.py",),
        ("tests/lo_theory/learning/test_training.py", "tests/lo_theory/learning/test_step.py"),
    ),
    "objective": (("lo_theory/learning/objective.py",), ("tests/lo_theory/learning/test_objective.py",)),
    "reveal": (
        ("lo_theory/samplers/reveal.py", "lo_theory/samplers/confidence_reveal.py"),
        tuple(f"tests/lo_theory/samplers/test_{name}.py" for name in ("reveal", "confidence_reveal", "boundaries")),
    ),
    "sampler_law": (("lo_theory/laws/sampler_law.py",), ("tests/lo_theory/laws/test_sampler_law.py",)),
    "estimate": (("lo_theory/estimate.py",), ("tests/lo_theory/test_estimate.py",)),
    "codec": (("generators/ground/codec.py",), ("tests/generators/ground/test_codec.py",)),
}
"""Name -> (files, arguments of pytest: the quickest tests to fail come first)."""

LOADED = (
    "numpy",
    "scipy.stats",
    "torch",
    "hypothesis",
    "pytest",
    "numba",
    "jaxtyping",
    "beartype",
    "matplotlib.pyplot",
)
FLOORS = ("generators", "lo_theory", "analysis")
SURVIVED, NOTICED, TIMED_OUT = "survived", "noticed", "timed out"


@dataclass
class Tally:
    """What became of the mutants of a target."""

    name: str
    ends: list[str] = field(default_factory=list)  # of those that are not equivalent
    equivalent: int = 0

    def share(self) -> float:
        return 1 - self.ends.count(SURVIVED) / max(len(self.ends), 1)

    def row(self) -> str:
        counts = [len(self.ends) + self.equivalent, len(self.ends) - self.ends.count(SURVIVED)]
        counts += [self.ends.count(TIMED_OUT), self.equivalent, self.ends.count(SURVIVED)]
        return " | ".join(
            ["", f"{self.name:12}", *(f"{count:4d}" for count in counts), f"{self.share():.1%}", ""]
        ).strip()


class Workplace:
    """A private copy of the tree, and children that run tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "tree", folder / "log.txt"
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "results", "runs", "build", "dist")
        shutil.copytree(ROOT, self.folder, ignore=ignored)

    def run(self, tests: list[str], seconds: float | None = None) -> tuple[str, str, float]:
        """(how it ended, the last words of pytest, processor time); ``seconds`` of processor time, or no limit."""
        started = time.monotonic()
        pid = os.fork()
        if not pid:
            code = 70
            try:
                code = self._child(tests, seconds)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        done, status, used = os.wait4(pid, os.WNOHANG)
        while not done:
            time.sleep(0.02)
            if seconds is not None and time.monotonic() - started > 10 * seconds:
                os.killpg(pid, signal.SIGKILL)
            done, status, used = os.wait4(pid, os.WNOHANG)
        words = re.findall(r"^(?:FAILED|ERROR) (\S+)|^(\d+ passed)", self.log.read_text(errors="replace"), re.MULTILINE)
        said = next(("".join(pair) for pair in words), "")
        late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        end = TIMED_OUT if late else NOTICED if status else SURVIVED
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) in (5, 70):  # no tests, or not the copy's packages
            raise RuntimeError(f"nothing was tested:\n{self.log.read_text(errors='replace')[-3000:]}")
        return end, said, used.ru_utime + used.ru_stime

    def with_mutant(self, mutant: Mutant, tests: list[str], seconds: float) -> tuple[str, str, float]:
        path = self.folder / mutant.file
        before = path.stat()
        path.write_bytes(mutant.new)
        os.utime(path, (before.st_atime, before.st_mtime + 10))  # another date: no bytecode of the original fits
        try:
            return self.run(tests, seconds)
        finally:
            path.write_bytes(mutant.old)
            os.utime(path, (before.st_atime, before.st_mtime))

    def _child(self, tests: list[str], seconds: float | None) -> int:
        os.setsid()
        for target, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
            os.dup2(os.open(self.log if target else os.devnull, flags, 0o644), target)
        os.dup2(1, 2)
        os.chdir(self.folder)
        sys.path[0] = os.environ["PYTHONPATH"] = str(self.folder)
        sys.dont_write_bytecode = seconds is not None
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        import pytest

        quiet = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-W", "ignore:Module already imported"]
        code = int(pytest.main([*quiet, *tests], plugins=[NoShrinking()]))
        ours = [module for name, module in sys.modules.items() if name.split(".")[0] in FLOORS]
        here = all(Path(module.__file__).is_relative_to(self.folder) for module in ours if module.__file__)
        return code if here and (ours or code) else 70


class NoShrinking:
    """A plugin: the first counterexample will do."""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings.get_profile("repository"), phases=phases)
        settings.load_profile("mutants")


def known_equivalents() -> dict[tuple[str, ...], str]:
    entries = tomllib.loads(EQUIVALENT.read_text())["equivalent"] if EQUIVALENT.exists() else []
    return {(e["file"], e["where"], e["before"], e["after"]): e["reason"] for e in entries}


def examine(name: str, work: Workplace, options: argparse.Namespace, known: dict[tuple[str, ...], str]) -> Tally:
    """Draw the mutants of a target and run its tests on each."""
    files, tests = TARGETS.get(name, ((name,), ()))
    tests = options.tests or list(tests)
    if not tests:
        raise SystemExit(f"{name} is no target ({', '.join(TARGETS)}): say with --tests what watches over it.")
    tally = Tally(name)
    mutants = drawn(files, options.mutants, options.seed, work.folder)
    first, said, used = work.run(tests)
    print(f"{name}: {said}, {used:.1f} s of processor time; {len(mutants)} mutants", flush=True)
    if first != SURVIVED:
        raise SystemExit(f"the unchanged tests fail:\n{work.log.read_text()[-3000:]}")
    there = {mutant.key for file in files for site in mutants_of(file, work.folder) for mutant in site}
    for key in (key for key in known if key[0] in files and key not in there):
        print(f"STALE: mutants_equivalent.toml has a line that matches nothing: {key}")
    for number, mutant in enumerate(mutants):
        if options.pick and number not in options.pick:
            continue
        end, said, used = work.with_mutant(mutant, tests, 20 + 3 * used)
        if mutant.key in known:
            tally.equivalent += 1
            if end != SURVIVED:
                print(f"NOT EQUIVALENT: mutant {number}, {said} notices\n{mutant.diff()}", flush=True)
            continue
        tally.ends.append(end)
        if end == SURVIVED or options.verbose:
            print(f"{end.upper()}: mutant {number}, {said}\n{mutant.diff()}", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", metavar="MODULE", help=f"a file, all, or of {', '.join(TARGETS)}")
    parser.add_argument("--mutants", type=int, default=30, help="of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pick", type=int, nargs="+", help="only these of the drawn mutants, by number")
    parser.add_argument("--tests", nargs="+", help="arguments of pytest, in place of the registered ones")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    parser.add_argument("--compiled", action="store_true", help="compile the kernels")
    parser.add_argument("--verbose", action="store_true", help="show also what was noticed, and by which test")
    options = parser.parse_args()
    names = list(TARGETS) if options.modules == ["all"] else options.modules
    if options.list:
        for name in names:
            for mutant in drawn(TARGETS.get(name, ((name,), ()))[0], options.mutants, options.seed, ROOT):
                print(mutant.diff(), repr(mutant.key), sep="\n")
        return 0
    os.environ |= {"NUMBA_DISABLE_JIT": str(int(not options.compiled)), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    for library in LOADED:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        work = Workplace(Path(folder))
        tallies = [examine(name, work, options, known_equivalents()) for name in names]
    print("\n| module       | mutants | noticed | of them timed out | equivalent | survived | share |")
    print("|---|---|---|---|---|---|---|", *(tally.row() for tally in tallies), sep="\n")
    return int(any(tally.share() < SHARE for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
