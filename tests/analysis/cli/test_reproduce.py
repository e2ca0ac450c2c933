"""Every experiment that has a name is a value with that name, and nothing is computed by loading it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import analysis.figures
from analysis.cli.main import main
from analysis.cli.reproduce import Name, experiment
from analysis.figures.audit.plans import plans
from analysis.lab.experiment import Experiment, ScaleName

FIGURES = Path(analysis.figures.__file__).parent


@pytest.mark.parametrize("scale", get_args(ScaleName))
@pytest.mark.parametrize("name", get_args(Name))
def test_no_unit_is_computed_twice(name, scale):
    found = experiment(name)
    if isinstance(found, Experiment):
        assert found.name == name
        units = list(found.units(found.sizes[scale]))
    else:
        assert name == "audit"
        units = [unit for some in plans(scale).values() for unit in some]
    assert units
    assert len({(type(unit), str(unit)) for unit in units}) == len(units), "a unit would be computed twice"


def test_a_room_for_every_name_and_a_name_for_every_room():
    rooms = {path.parent.name for path in FIGURES.glob("*/__init__.py")}
    assert rooms == {name.replace("-", "_") for name in get_args(Name)}


def test_without_a_directory_a_run_has_one_of_its_own(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        Experiment, "reproduce", lambda self, scale, directory, **options: asked.append((scale, directory, options))
    )
    assert main(["reproduce", "leak", "--scale", "small", "--jobs", "3"]) == 0
    assert main(["reproduce", "leak", "--out", str(tmp_path)]) == 0
    assert asked == [
        ("small", Path("runs/leak-small"), {"jobs": 3, "device": "cpu"}),
        ("smoke", tmp_path, {"jobs": None, "device": "cpu"}),
    ]
