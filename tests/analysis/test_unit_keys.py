"""Finished units of earlier versions are found: the key of every unit of every experiment is frozen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from analysis.cli.reproduce import Name, experiment
from analysis.figures.audit.plans import plans
from analysis.lab.scale import ScaleName
from analysis.lab.store import unit_key

KEYS = json.loads((Path(__file__).parent / "unit_keys.json").read_text())
SCALES = {name: experiment(name).scales for name in get_args(Name)}


def keys(name, scale):
    if name == "audit":  # whose own units depend on the runs it finds: all that it may run
        return [unit_key(unit) for units in plans(scale).values() for unit in units]
    found = experiment(name)
    return [unit_key(unit) for unit in found.units(found.sizes[scale])]


def test_every_experiment_is_frozen():
    assert {name: tuple(by_scale) for name, by_scale in KEYS.items()} == SCALES
    assert list(KEYS) == list(SCALES)
    assert sum(len(found) for by_scale in KEYS.values() for found in by_scale.values()) == 6856


def test_scales_ascend_and_but_one_are_those_of_every_experiment():
    ascending = get_args(ScaleName)
    for scales in SCALES.values():
        assert [scale for scale in ascending if scale in scales] == list(scales)
        assert {*ascending} - {*scales} <= {"long"}


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, scales in SCALES.items() for scale in scales])
def test_the_keys_of_its_units_are_those_of_before(name, scale):
    assert keys(name, scale) == KEYS[name][scale]
