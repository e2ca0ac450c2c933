"""Random damage of JSON forms, manifests, puzzle records and rules: documented errors, at once and in little memory.

3,000 cases every day; ``make soak`` runs a million, or as many as ``LO_THEORY_FUZZ`` says.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import string
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.cli.distribution_file import read_distribution
from generators import families
from generators.datasets.dataset import read_dataset
from generators.datasets.manifest import MANIFEST, read_manifest
from generators.datasets.writing import write_dataset
from generators.distribution import LODistribution
from generators.ground.codec import array_from_json, array_to_json, seal
from generators.observations.keyed_hash import KeyedHash
from generators.observations.kinds import function_from_json
from generators.observations.named_tables import nae
from generators.observations.noise import Noisy
from generators.observations.parity import Parity
from generators.observations.predicate import Predicate
from generators.observations.rules.rule import compile_rules, truth_table
from generators.observations.rules.syntax import latent_index, parse_rule
from generators.observations.rules.tree import format_rule
from generators.observations.slab import RandomSlab, gaussian_directions
from generators.planted.constraints import PlantedEnsemble
from generators.zebra.reading import read_logic_grids

CASES = int(os.environ.get("LO_THEORY_FUZZ", "1000000"))
SECONDS, MEGABYTES = 20.0, 512
"""Of CPU time for a case that promises one second, where annotations are checked at every call; and of memory for all
of them beyond what there was before."""

SCOPES = np.array([[0, 1, 2], [3, 1, 0]])
FUNCTIONS = {
    "predicate": Predicate(nae(arity=3), SCOPES),
    "logic_rule": compile_rules(["x0 and not x1 -> x2", "at_least(2, x0, x1, x3)"], 4),
    "keyed_hash": KeyedHash("00ff", SCOPES),
    "parity": Parity(SCOPES),
    "random_slab": RandomSlab(gaussian_directions(4, 3, structure_seed=0), 1.0),
    "noisy": Noisy(Predicate(nae(arity=3), SCOPES), 0.25),
}
DISTRIBUTION = LODistribution(np.array([0.5, 0.5]), 4, tuple(FUNCTIONS.values()))
RECORD = {
    "puzzle_id": 7,
    "dimensions": ["Name", "Pet", "Drink", "Job"],
    "entities": [["Ann", "Ben", "Cid"], ["dog", "cat", "emu"], ["tea", "ale", "gin"], ["cook", "mate", "poet"]],
    "clues": [
        "The person with Name Ann also has Pet dog.",
        "The person with Pet cat does not have Name Cid.",
        "The person with Pet dog also has Drink tea.",
        "The person with Drink gin does not have Pet cat.",
        "The person with Job cook also has Drink tea.",
        "The person with Job poet also has Pet emu.",
    ],
    "solution": [["a", "b", "c"], [2, 0, 1], [0, 1, 2], [1, 2, 0]],
}
LATENTS = latent_index(5)


def through_file(read: Callable[[Path], Any], name: str) -> Callable[[Any, Path], Any]:
    def call(form: Any, folder: Path) -> Any:
        (folder / name).write_text(json.dumps(form))
        return read(folder / name)

    return call


def plain(read: Callable[[Any], Any]) -> Callable[[Any, Path], Any]:
    return lambda form, _: read(form)


def resealed(form: Any, folder: Path) -> None:
    """A manifest whose seal is right again, so that its fields are judged one by one."""
    form = seal(form) if isinstance(form, dict) else form
    through_file(lambda path: read_manifest(path), MANIFEST)(form, folder)
    read_dataset(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def manifest(folder) -> dict[str, Any]:
    write_dataset(families.nae_sat(4, 6, structure_seed=0), folder / "data", rows=20, sample_seed=1, shard_rows=8)
    return json.loads((folder / "data" / MANIFEST).read_text())


TARGETS: dict[str, tuple[Any, Callable[[Any, Path], Any]]] = {
    **{name: (function.to_json(), plain(function_from_json)) for name, function in FUNCTIONS.items()},
    "distribution": (DISTRIBUTION.to_json(), plain(LODistribution.from_json)),
    "distribution file": (DISTRIBUTION.to_json(), through_file(read_distribution, "distribution.json")),
    "planted": (
        PlantedEnsemble(np.array([0.5, 0.5]), 5, nae(arity=3), 1.0).to_json(),
        plain(PlantedEnsemble.from_json),
    ),
    "array": (array_to_json(np.arange(6.0).reshape(2, 3)), plain(array_from_json)),
    "puzzles": ([RECORD], through_file(lambda path: read_logic_grids(path, strict=True), "puzzles.json")),
}


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WORDS = ["", "x0", "2", "predicate", "noisy", "true", "x0 and", "\0", "é", "a" * 10_000, "0" * 64, "../x", "<f8", "|O"]
NUMBERS = [0, 1, 2, -1, 3, 255, 2**16, 2**31, 10**9, 10**12, 2**63 - 1, 2**63, 2**64, 10**30, 10**300]
HOSTILE: list[Any] = [
    None,
    True,
    False,
    *NUMBERS,
    *WORDS,
    *(0.5, -0.5, 0.1, 1e308, 5e-324, 2.0),
    *([], [[]], [0, 1], [0, [1]], [True, 0], [0] * 5000, [[0, 1]] * 500, ["predicate"], [{}], [None]),
    *({}, {"a": 1}, {"kind": "noisy"}, {"kind": ["predicate"]}, {"dtype": ["<f8"], "shape": [1], "base64": ""}),
    {"dtype": "<f8", "shape": [10**9, 10**9], "base64": ""},
    {"dtype": "<f8", "shape": [0, 10**9], "base64": ""},
    {"dtype": "<u8", "shape": [1, 3], "base64": "//////////8AAAAAAAAAAAAAAAAAAAAA"},
    nested(400, lambda x: [x]),
    nested(400, lambda x: {"kind": "noisy", "noise": 0.0, "base": x}),
]
FIELDS = ["kind", "rules", "table", "scopes", "base", "colour", "n_latents", "a" * 1000, ""]


def places(form: Any) -> list[tuple[Any, ...]]:
    """The paths to all parts of a form, the whole first."""
    items = form.items() if isinstance(form, dict) else enumerate(form[:30]) if isinstance(form, list) else ()
    return [(), *((key, *rest) for key, part in items for rest in places(part))]


def mutated(form: Any, rng: random.Random) -> Any:
    """A copy with one to three faults."""
    form = copy.deepcopy(form)
    for _ in range(rng.choice((1, 1, 2, 3))):
        path = rng.choice(places(form))
        if not path:
            form = rng.choice(HOSTILE)
            continue
        inner = form
        for step in path[:-1]:
            inner = inner[step]
        fault(inner, path[-1], rng)
    return form


def fault(inner: Any, key: Any, rng: random.Random) -> None:
    """A part replaced, removed, added, doubled, a text with another character, a number a little off; in place."""
    kind, value = rng.randrange(7), inner[key]
    if kind == 0:
        del inner[key]
    elif kind == 1 and isinstance(inner, dict):
        inner[rng.choice(FIELDS)] = rng.choice(HOSTILE)
    elif kind in (1, 2) and isinstance(inner, list):
        inner.insert(rng.randrange(len(inner) + 1), value)
    elif kind > 2 and isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        inner[key] = value[:at] + rng.choice(string.printable) + value[at + rng.randrange(2) :]
    elif kind > 2 and isinstance(value, int | float):
        inner[key] = value + rng.choice((-1, 1, 2))
    elif kind > 4 and isinstance(value, list):
        rng.shuffle(value)
    else:
        inner[key] = copy.deepcopy(rng.choice(HOSTILE))


class Watch:
    """Times every case, and asks at the end how much memory they took."""

    def __init__(self) -> None:
        self.before, self.cases, self.refused, self.slowest = peak(), 0, 0, (0.0, "")

    def case(self, read: Callable[[Any], Any], form: Any) -> None:
        started, message = time.process_time(), ""
        try:
            read(form)
        except ValueError as error:
            message = str(error)
        seconds = time.process_time() - started
        self.cases += 1
        self.refused += bool(message)
        if seconds > self.slowest[0]:
            self.slowest = (seconds, repr(form)[:200])
        assert len(message) < 2000, message[:500]
        assert seconds < SECONDS, f"{seconds:.2f} s for {form!r:.500}"

    def check(self, name: str) -> None:
        took = peak() - self.before
        print(f"{name}: {self.cases} cases, {self.refused} refused, slowest {self.slowest}, {took:.0f} MB")
        assert took < MEGABYTES
        assert 0 < self.refused < self.cases


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def fuzz_form(name: str, form: Any, read: Callable[[Any], Any], cases: int) -> None:
    """Case number i of a form is a pure function of its name and i."""
    read(form)  # what is changed is right
    watch = Watch()
    for number in range(cases):
        damaged = mutated(form, random.Random(f"{name} {number}"))
        try:
            watch.case(read, damaged)
        except Exception as error:
            told = f"{type(error).__name__} {error}"
            raise AssertionError(f"case {number} of {name}, {repr(damaged)[:1000]}: {told}") from error
    watch.check(name)


OPERANDS = st.sampled_from(["x0", "x1", "x4", "x9", "true", "false", "x0 == x1", "x1 != 2", "x2 < 7", "3", "y"])
JOINTS = ["and", "or", "xor", "implies", "iff", "&", "|", "^", "->", "<->", "=", "&&", ","]
RULES = st.recursive(
    OPERANDS,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(JOINTS), inner).map(" ".join),
        st.tuples(st.sampled_from(["parity(", "at_least(2, ", "exactly(", "f("]), inner, inner).map(
            lambda parts: f"{parts[0]}{parts[1]}, {parts[2]})"
        ),
    ),
    max_leaves=8,
)
TEXTS = st.one_of(RULES, st.tuples(RULES, st.text(max_size=4), RULES).map("".join), st.text(max_size=30))


def read_rule(text: str) -> None:
    """A rule that is read says the same when it is written again."""
    tree = parse_rule(text, LATENTS, 3)
    assert parse_rule(format_rule(tree), LATENTS, 3) == tree
    truth_table(tree, 3)


def fuzz_rules(cases: int) -> None:
    watch = Watch()

    @settings(max_examples=cases, database=None, suppress_health_check=list(HealthCheck))
    @given(text=TEXTS)
    def run(text: str) -> None:
        watch.case(read_rule, text)

    run()
    watch.check("rules")


def fuzz_one(name: str, manifest: dict[str, Any], folder: Path, cases: int) -> None:
    if name == "rules":
        fuzz_rules(cases)
    elif name == "manifest":
        fuzz_form(name, manifest, lambda form: resealed(form, folder / "data"), cases)
    else:
        form, read = TARGETS[name]
        fuzz_form(name, form, lambda damaged: read(damaged, folder), cases)


NAMES = [*TARGETS, "manifest", "rules"]
SLOW = {"distribution": 60, "distribution file": 60, "puzzles": 60, "logic_rule": 100, "rules": 100, "manifest": 250}
"""Cases of a sample, where a case takes more than a millisecond."""


@pytest.mark.parametrize("name", NAMES)
def test_a_sample(name, manifest, folder):
    fuzz_one(name, manifest, folder, SLOW.get(name, 400))


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_many(name, manifest, folder):
    fuzz_one(name, manifest, folder, CASES // len(NAMES))
