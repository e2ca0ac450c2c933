"""Every experiment that has a name is a value with that name, and nothing is computed by loading it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
import torch

import analysis.figures
from analysis.cli.main import main
from analysis.cli.reproduce import Name, experiment
from analysis.figures.audit.plans import plans
from analysis.lab.experiment import Experiment, run_units
from analysis.lab.rows import Row, Subject
from lo_theory.estimate import Estimate

FIGURES = Path(analysis.figures.__file__).parent


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in get_args(Name) for scale in experiment(name).scales]
)
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


def test_a_scale_that_few_have_names_them(monkeypatch, capsys, tmp_path):
    have = [name for name in get_args(Name) if "long" in experiment(name).scales]
    assert {"hardness", "table1"} <= {*have} < {*get_args(Name)}
    monkeypatch.chdir(tmp_path)
    for name in ("leak", "audit"):
        assert main(["reproduce", name, "--scale", "long"]) == 2
        said = capsys.readouterr()
        assert said.err == f"lo-theory: {', '.join(have)} have a scale 'long'; {name} has smoke, small, paper.\n"
        with pytest.raises(ValueError, match=f"{name} has no scale 'long'; it has smoke, small, paper"):
            experiment(name).reproduce("long", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_room_for_every_name_and_a_name_for_every_room():
    rooms = {path.parent.name for path in FIGURES.glob("*/__init__.py")}
    assert rooms == {name.replace("-", "_") for name in get_args(Name)}


def test_without_a_directory_a_run_has_one_of_its_own(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        Experiment, "reproduce", lambda self, scale, directory, **options: asked.append((scale, directory, options))
    )
    assert main(["reproduce", "leak", "--scale", "small", "--jobs", "3"]) == 0
    assert main(["reproduce", "leak", "--out", str(tmp_path), "--quiet"]) == 0
    assert asked == [
        ("small", Path("runs/leak-small"), {"jobs": 3, "device": "cpu", "quiet": False}),
        ("smoke", tmp_path, {"jobs": None, "device": "cpu", "quiet": True}),
    ]


@dataclass(frozen=True, kw_only=True)
class CountUnit:
    """A unit that measures its own number."""

    number: int

    @property
    def label(self) -> str:
        return f"number {self.number}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        about = Subject(distribution=self.label, fingerprint="", model="none")
        number = Estimate(value=float(self.number), standard_error=0.0, samples=1, method="exact")
        yield about.row("count", "number", number)


UNITS = [CountUnit(number=number) for number in range(3)]


def test_a_finished_unit_is_kept_and_says_so(tmp_path, capsys):
    run_units(UNITS[1:2], tmp_path, name="counts", jobs=1)
    assert capsys.readouterr().out == "  1/1 number 1: 1 rows, 0 s\n"
    first = run_units(UNITS, tmp_path, name="counts", jobs=1)
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "  1/3 number 1: 1 rows, kept",
        "  2/3 number 0: 1 rows, 0 s",
        "  3/3 number 2: 1 rows, 0 s",
    ]
    assert said.err == ""
    assert run_units(UNITS, tmp_path, name="counts", jobs=1) == first
    assert all(line.endswith("rows, kept") for line in capsys.readouterr().out.splitlines())
    assert [row.value for unit in first for row in unit.rows] == [0, 1, 2]


def test_quiet_units_say_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert len(run_units(UNITS, tmp_path, name="counts", jobs=1, quiet=True)) == 3
    assert capsys.readouterr() == ("", "")


def test_the_time_left_is_that_of_what_is_not_kept(tmp_path, capsys, monkeypatch):
    run_units(UNITS[:2], tmp_path, name="counts", jobs=1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run_units(UNITS, tmp_path, name="counts", jobs=1)
    bar = capsys.readouterr().err
    assert re.search(r"counts: +67%.*2/3 \[\d\d:\d\d<", bar)  # it starts where two are done
    assert "counts: 100%" in bar
