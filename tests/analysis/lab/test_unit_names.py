"""Units are called by what differs between them."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.lab.unit_names import unit_names, words


def config(**fields: Any) -> dict[str, Any]:
    return {"kind": "TaskUnit", "steps": 7, "model": "mdm", **fields}


@pytest.mark.parametrize(
    ("configs", "names"),
    [
        ([config(seed=0)], ["mdm, seed 0"]),
        ([config(seed=seed) for seed in (0, 1)], ["seed 0", "seed 1"]),
        (
            [config(n_latents=n, n_observations=300 - n, seed=0) for n in (20, 100)],
            ["N = 20, P = 280", "N = 100, P = 200"],
        ),
        (
            [config(seed=0, model="arm", rule="margin"), config(seed=1, model="mdm", rule="margin")],
            ["arm, seed 0", "mdm, seed 1"],
        ),
        (
            [config(setting={"width": 8, "depth": {"layers": n}}, seed=0) for n in (1, 2)],
            ["layers 1", "layers 2"],
        ),
        ([config(left={"n": n}, right={"n": 2 * n}) for n in (1, 2)], ["left n 1, right n 2", "left n 2, right n 4"]),
        ([config(case=c, seed=0) for c in ("NAE-3, m = 3", "5-colouring")], ["NAE-3, m = 3", "5-colouring"]),
        (
            [config(case=c, seed=s) for c, s in (("NAE-3, m = 3", 0), ("5-colouring", 1))],
            ["NAE-3, m = 3; seed 0", "5-colouring, seed 1"],
        ),
        ([config(noise=n) for n in (None, 0.5)], ["no noise", "noise 0.5"]),
        ([config(noisy=n) for n in (False, True)], ["no noisy", "noisy"]),
        ([config(degrees=d) for d in ([1.0, 2.0, 3.0], [2.0, 3.0, 4.5])], ["degrees 1.0 to 3.0", "degrees 2.0 to 4.5"]),
        ([config(rules=r) for r in (["a", "b", "c"], ["a"])], ["3 rules", 'rules ["a"]']),
        ([config(seed=0), {"kind": "ForwardHashUnit", "seed": 0}], ["task, mdm, seed 0", "forward hash, seed 0"]),
        ([config(attack={"kind": "HashAttack"}), config(attack={"kind": "Gauss"})], ["hash attack", "gauss"]),
        ([{"kind": "ExactUnit", "steps": 3}], ["exact"]),
        ([{"kind": "Unit"}], ["unit"]),
        ([{}], ["unit"]),
        ([], []),
    ],
)
def test_a_unit_is_called_by_what_differs(configs, names):
    assert unit_names(configs) == names


def test_people_read_words_and_not_ids():
    names = {"pi closer 0": "pi-learner, closer to the natural order, permutation 0"}
    configs = [config(model="pi closer 0", seed=0), config(model="mdm", seed=0)]
    assert unit_names(configs, names) == [names["pi closer 0"], "mdm"]
    assert words({"model": "mdm", "noise": None, "both": True}) == "model mdm, noise unknown, both yes"
