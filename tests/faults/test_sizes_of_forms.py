"""Input of any size and shape: one line that says what is wrong, within a second and 512 MB."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.cli.main import main
from generators import families
from generators.distribution import LODistribution
from generators.ground.codec import array_from_json, shown
from generators.observations.function import noiseless_tables
from generators.observations.keyed_hash import KeyedHash
from generators.observations.kinds import function_from_json
from generators.observations.named_tables import nae
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.rules.rule import LogicRule, compile_rules
from generators.observations.rules.syntax import MAX_LATENTS, MAX_TEXT
from generators.observations.scopes import regular_scopes
from generators.observations.slab import RandomSlab, gaussian_directions
from generators.planted.constraints import PlantedEnsemble
from generators.planted.slabs import PlantedSlabs
from generators.zebra.reading import read_logic_grids

SECONDS = 60.0
"""Of processor time, for a case that has an answer within one. No measure of speed: without its limits a case takes
minutes or has no end, and annotations that are checked at every call, as in the tests, slow some of them much."""
SCOPES = np.array([[0, 1, 2]])
HALF = np.array([0.5, 0.5])
PREDICATE = Predicate(nae(arity=3), SCOPES).to_json()
RULE = compile_rules("x0", 2).to_json()
HASH = KeyedHash("00", SCOPES).to_json()
SLAB = RandomSlab(gaussian_directions(3, 2, structure_seed=0), 1.0).to_json()
WHOLE = LODistribution(HALF, 3, (Predicate(nae(arity=3), SCOPES),)).to_json()
PLANTED = PlantedEnsemble(HALF, 5, nae(arity=3), 1.0).to_json()


def nested(depth: int, wrap: Callable[[Any], Any], value: Any = 1) -> Any:
    for _ in range(depth):
        value = wrap(value)
    return value


def noisily(base: Any) -> dict[str, Any]:
    return {"kind": "noisy", "noise": 0.0, "base": base}


def bytes_of(shape: Any, dtype: Any = "<f8", text: Any = "") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "base64": text}


FORMS: list[tuple[Callable[[Any], Any], Any, str]] = [
    (function_from_json, PREDICATE | {"kind": ["predicate"]}, "unknown kind ['predicate']; the nearest of"),
    (function_from_json, PREDICATE | {"kind": "k" * 10**6}, "unknown kind 'kkkkk"),
    (function_from_json, PREDICATE | {"alphabet": "2"}, "predicate: expected `int`, got `str` in alphabet; got '2'."),
    (function_from_json, PREDICATE | {"alphabet": 10**30}, "in alphabet; got 1000000000000000000000000000000."),
    (function_from_json, PREDICATE | {"scopes": [[2**63, 0, 1]]}, "an array given as lists must hold integers"),
    (function_from_json, PREDICATE | {"scopes": [0, 1, 2]}, "an array of 2 axes was expected; got shape (3,)."),
    (function_from_json, SLAB | {"width": {}}, "random slab: expected `float`, got `object` in width; got {}."),
    (function_from_json, SLAB | {"directions": bytes_of([10**9, 10**9])}, "8000000000000000000 are needed"),
    (function_from_json, SLAB | {"directions": bytes_of([0, 10**12])}, "do not fill its shape [0, 1000000000000]"),
    (function_from_json, HASH | {"scopes": bytes_of([1, 3], "<u8", "//////////8AAAAAAAAAAAAAAAAAAAAA")}, "below 2**63"),
    (function_from_json, HASH | {"scopes": bytes_of([1, 1], "<f8", "AAAAAAAA8D8=")}, "scopes must hold integers"),
    (function_from_json, HASH | {"latent_alphabet": 2**64}, "`int` <= 65536 in latent_alphabet"),
    (function_from_json, noisily(5), "noisy function: expected `object`, got `int` in base; got 5."),
    (function_from_json, noisily(PREDICATE) | {"noise": True}, "expected `float`, got `bool` in noise; got True."),
    (function_from_json, nested(10**5, noisily), "noisy functions nest at most 16 deep"),
    (function_from_json, nested(10**5, lambda x: [x]), "an object with a 'kind'; got [[[[...]]]]."),
    (function_from_json, RULE | {"n_latents": 10**9}, f"at most {MAX_LATENTS} latents; got n_latents = 1000000000."),
    (function_from_json, RULE | {"rules": [" and ".join(["x0"] * 10**6)]}, f"characters, more than {MAX_TEXT}"),
    (function_from_json, RULE | {"rules": ["x0 == " + "9" * 10**5]}, "a number has at most 9 digits (column 7)."),
    (function_from_json, RULE | {"rules": ["(" * 10**5]}, "nests more than 64 levels"),
    (function_from_json, RULE | {"rules": ["y" * 10**5]}, "unknown latent"),
    (
        function_from_json,
        RULE | {"rules": [" xor ".join(f"x{i % 20}" for i in range(10**4))], "n_latents": 20},
        "names latents 10000 times takes too long over a table of 1048576 entries",
    ),
    (LODistribution.from_json, WHOLE | {"prior": {"a": 1}}, "expected `array`, got `object` in prior"),
    (LODistribution.from_json, WHOLE | {"prior": [0.5, "a"]}, "expected `float`, got `str` in prior[1]; got 'a'."),
    (LODistribution.from_json, WHOLE | {"prior": [-1.0] * 10**6}, "finite and >= 0; got [-1.0, -1.0"),
    (LODistribution.from_json, WHOLE | {"n_latents": 10**9}, "takes 150 GB of memory"),
    (LODistribution.from_json, WHOLE | {"n_latents": 10**6}, "first missing position 4"),
    (LODistribution.from_json, WHOLE | {"functions": [[]]}, "expected `object`, got `array` in functions[0]"),
    (LODistribution.from_json, WHOLE | {"x" * 10**6: 1}, "distribution has an unknown field 'xxxx"),
    (LODistribution.from_json, WHOLE | {"digest": "0" * 64}, "distribution is damaged or was edited"),
    (LODistribution.from_json, [WHOLE], "is an object; got list"),
    (PlantedEnsemble.from_json, PLANTED | {"n_latents": "5"}, "planted ensemble: expected `int`, got `str`"),
    (PlantedEnsemble.from_json, PLANTED | {"degree": [1]}, "in degree; got [1]."),
    (PlantedEnsemble.from_json, PLANTED | {"shown": "all"}, "in shown; got 'all'."),
    (array_from_json, bytes_of([1], ["<f8"]), "an array of dtype ['<f8'] is not supported"),
    (array_from_json, bytes_of([1] * 10**6, "<f8", "AAAAAAAAAAA="), "over at most 32 axes"),
    (array_from_json, bytes_of([True], "<f8", "AAAAAAAAAAA="), "do not fill its shape [True]"),
    (array_from_json, bytes_of([1], "<f8", 5), "do not fill its shape [1]"),
    (array_from_json, ["a" * 10**6] * 10**5, "must hold integers; got ['aaaa"),
    (array_from_json, [1, True], "must hold integers; got [1, True]"),
    (array_from_json, nested(10**5, lambda x: [x]), "must be rectangular; got [[[[...]]]]"),
]


def at_once(call: Callable[[], Any]) -> str:
    """The one line of the ValueError that ``call`` raises, in little time and memory."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the caller reads the message
        call()
    assert time.process_time() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * (
        2**20 if sys.platform == "darwin" else 2**10
    )
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize(("read", "form", "words"), FORMS, ids=range(len(FORMS)))
def test_forms_are_refused_in_one_line(read, form, words):
    assert words in at_once(lambda: read(form))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"functions": [PREDICATE | {"kind": ["predicate"]}]}, "unknown kind ['predicate']"),
        ({"prior": {"a": 1}}, "in prior; got {'a': 1}."),
        ({"functions": [PREDICATE | {"alphabet": "2"}]}, "in alphabet; got '2'."),
        ({"functions": [SLAB | {"width": {}}]}, "in width; got {}."),
        ({"functions": [RULE | {"rules": ["x0 and"], "n_latents": 3}]}, "(column 7)."),
    ],
)
def test_from_file_says_it_in_one_line(tmp_path, capsys, change, words):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(WHOLE | change))
    assert main(["generate", "--rows", "3", "--out", str(tmp_path / "out"), "from-file", "--path", str(path)]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert f"{path} holds no distribution: " in said
    assert words in said


def test_library_sizes():
    for call, words in (
        (lambda: LODistribution(HALF, 10**12, ()), "takes 150 TB of memory"),
        (lambda: families.random_slabs(10**6, 10**6, 1.0, structure_seed=0), "takes 8 TB of memory"),
        (
            lambda: PlantedSlabs(n_latents=10**7, density=1.0, width=1.0).sample(np.random.default_rng(0)),
            "takes 1.6 PB of memory",
        ),
        (
            lambda: PlantedEnsemble(HALF, 10**12, nae(arity=3), 1.0).sample(np.random.default_rng(0)),
            "of memory",
        ),
        (lambda: families.nae_sat(10**9, 10, structure_seed=0), "takes 160 GB of memory"),
        (lambda: families.whole_hash(10, 10**12, structure_seed=0), "takes 240 TB of memory"),
        (lambda: families.random_logic(10**9, 10, structure_seed=0), "rules speak of at most"),
        (lambda: families.random_logic(10, 10**12, structure_seed=0), "takes 300 TB of memory"),
        (lambda: regular_scopes(10**9, 10**11, arity=3, structure_seed=0), "of memory"),
        (lambda: LogicRule(("x0",), 10**9), "rules speak of at most"),
        (lambda: Predicate(nae(arity=3), SCOPES, 2**40), "at most 2147483648 values"),
    ):
        assert words in at_once(call)


def test_long_scopes_are_judged_by_their_length():
    function = KeyedHash("00", np.arange(100_000)[None], latent_alphabet=60_000)
    assert not function.is_local
    assert "60000**100000 entries, more than" in at_once(lambda: noiseless_tables(function))


def test_noise_may_be_nested_a_little():
    form = nested(16, noisily, PREDICATE)
    assert isinstance(function_from_json(form), Noisy)


def test_puzzles_of_any_shape_are_left_out_with_a_reason(tmp_path):
    good = {
        "dimensions": ["Name", "Pet", "Drink"],
        "entities": [["Ann", "Ben", "Cid"], ["dog", "cat", "emu"], ["tea", "ale", "gin"]],
        "clues": [],
        "solution": [[], [2, 0, 1], [0, 1, 2]],
    }
    changes: list[tuple[dict[str, Any], str]] = [
        ({"dimensions": ["a"] * 10**5}, ""),
        ({"dimensions": [{}] * 3}, "got {}."),
        ({"entities": [1, 2, 3]}, "got 1."),
        ({"entities": [["a"] * 10**5] * 3}, ""),
        ({"clues": [7]}, "expected `str`, got `int` in clues[0]"),
        ({"clues": ["x" * 10**6]}, ""),
        ({"solution": [[], [2, 0, 1], [0, True, 2]]}, ""),
        ({"solution": [[], [2, 0, 10**30], [0, 1, 2]]}, ""),
        ({"solution": [[], 5, [0, 1, 2]]}, ""),
        ({"puzzle_id": nested(300, lambda x: [x])}, ""),
    ]
    path = tmp_path / "puzzles.json"
    path.write_text(json.dumps([good | change for change, _ in changes]))
    started = time.process_time()
    records, rejections = read_logic_grids(path)
    assert time.process_time() - started < SECONDS
    assert not records
    for rejection, (_, words) in zip(rejections, changes, strict=True):
        assert words in rejection.detail
        assert len(rejection.name) <= 80
        assert 0 < len(rejection.detail) < 10_000
    path.write_text("[" * 10**6)
    assert f"{path}: no JSON: " in at_once(lambda: read_logic_grids(path))


def test_what_a_message_shows_is_short():
    assert shown("2") == "'2'"
    assert len(shown("a" * 10**6)) <= 60
    assert shown(nested(10**5, lambda x: [x])) == "[[[[...]]]]"
    assert shown([10**5000]) == "a value of type list"
