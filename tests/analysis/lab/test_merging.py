"""Finished rows of two machines in one directory, or the files that contradict each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.cli.merge import of_one_experiment
from analysis.figures.leak.report import EXPERIMENT as LEAK
from analysis.figures.orders.report import EXPERIMENT as ORDERS
from analysis.lab.experiment import run_units
from analysis.lab.merging import merge_runs
from analysis.lab.rows import read_csv
from analysis.lab.store import RowStore, read_unit
from generators.ground.codec import SEAL, seal
from tests.faults.units import FAULTS, FaultUnit, units


def ran(directory: Path, *numbers: int) -> Path:
    """A run of these units."""
    run_units([FaultUnit(number=number) for number in numbers], directory, name="faults", jobs=1, quiet=True)
    return directory


@pytest.fixture
def two(tmp_path):
    return ran(tmp_path / "a", 0, 1, 2, 3), ran(tmp_path / "b", 2, 3, 4, 5, 6, 7)


def edited(directory: Path, number: int, edit) -> Path:
    """Change the file of a unit as its writer would have written it."""
    path = RowStore(directory / "units").path(FaultUnit(number=number))
    form = json.loads(path.read_text())
    del form[SEAL]
    edit(form)
    path.write_text(json.dumps(seal(form)))
    read_unit(path)
    return path


def visible(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if not path.name.startswith(".")) if directory.exists() else []


def test_units_of_both_are_kept_by_the_next_reproduce(two, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["merge", *map(str, two), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 8 finished units, 8 rows (4 of {two[0]}, 4 of {two[1]}).\n"
    assert sorted(row.value * 3 for row in read_csv(out / "tables" / "fault.csv")) == pytest.approx(list(range(8)))
    for directory in (*two, out):
        for path in (directory / "units").iterdir():
            assert (out / "units" / path.name).exists()
    FAULTS.reproduce("smoke", out, jobs=1)
    lines = [line for line in capsys.readouterr().out.splitlines() if "number" in line]
    assert len(lines) == 8
    assert all("kept" in line for line in lines)


def test_again_changes_nothing_and_the_target_counts_as_a_run(two, tmp_path):
    out = tmp_path / "out"
    merge_runs(two, out)
    before = {path: path.read_bytes() for path in visible(out) if path.is_file()}
    merge_runs(two, out)
    assert before == {path: path.read_bytes() for path in visible(out) if path.is_file()}
    merge_runs(two, two[0])
    assert len(list((two[0] / "units").iterdir())) == len(units(FAULTS.sizes["smoke"]))
    edited(out, 0, lambda form: form["rows"][0].update(value=5.0))
    with pytest.raises(ValueError, match="the same unit with other rows"):
        merge_runs(two, out)


def test_rounding_times_and_provenance_may_differ(two, tmp_path):
    def edit(form):
        form["rows"][0]["value"] *= 1 + 1e-14
        form["provenance"]["device"] = "another"

    edited(two[1], 3, edit)
    first = RowStore(two[0] / "units").path(FaultUnit(number=3))
    merge_runs(two, tmp_path / "out")
    assert (tmp_path / "out" / "units" / first.name).read_bytes() == first.read_bytes()
    for directory, seconds in zip(two, (1.0, 2.0), strict=True):
        edited(directory, 3, lambda form, seconds=seconds: form["rows"][0].update(metric="seconds", value=seconds))
    merge_runs(two, tmp_path / "timed")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda form: form["rows"][0].update(value=0.5), "row 1: number has value 1.0 and 0.5"),
        (lambda form: form["rows"][0].update(metric="other"), "row 1: number has metric 'number' and 'other'"),
        (lambda form: form["rows"].append(form["rows"][0]), "1 rows and 2"),
    ],
)
def test_other_rows_of_the_same_unit_are_refused(two, tmp_path, edit, said, capsys):
    wrong = edited(two[1], 3, edit)
    assert main(["merge", *map(str, two), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert str(wrong) in line
    assert visible(tmp_path / "out") == []


def test_a_damaged_unit_is_named(two, tmp_path):
    path = next((two[1] / "units").iterdir())
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=path.name):
        merge_runs(two, tmp_path / "out")
    assert visible(tmp_path / "out") == []


def test_what_is_no_run_and_too_few_runs_are_refused(two, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for word in ("empty", "absent"):
        with pytest.raises(FileNotFoundError, match=f"{word} has no finished units"):
            merge_runs([two[0], tmp_path / word], tmp_path / "out")
    assert main(["merge", str(two[0]), "--out", str(tmp_path / "out")]) == 2
    assert "two directories or more; got 1" in capsys.readouterr().err


def test_another_experiment_is_refused(two, tmp_path, capsys):
    def edit(form):
        form["config"]["kind"] = "OtherUnit"
        form["rows"][0]["experiment"] = "other"

    path = edited_elsewhere(tmp_path / "c", edit)
    with pytest.raises(ValueError, match=r"c holds units of another experiment \(OtherUnit\) than .* \(FaultUnit\)"):
        merge_runs([*two, path], tmp_path / "out")
    merge_runs([*two, path], tmp_path / "out", lambda kinds: kinds == {"FaultUnit", "OtherUnit"})


def edited_elsewhere(directory: Path, edit) -> Path:
    """A run of one unit of another kind, under the name that such a unit has."""
    from dataclasses import make_dataclass

    other = make_dataclass("OtherUnit", [("number", int)], frozen=True)(1)
    ran(directory, 1)
    (path,) = (directory / "units").iterdir()
    form = json.loads(path.read_text())
    del form[SEAL]
    edit(form)
    path.unlink()
    RowStore(directory / "units").path(other).write_text(json.dumps(seal(form)))
    return directory


def test_kinds_of_one_experiment_are_known():
    kinds = [{type(unit).__name__ for unit in one.units(one.sizes["smoke"])} for one in (LEAK, ORDERS)]
    assert all(of_one_experiment(some, ("leak", "orders")) for some in kinds)
    assert not of_one_experiment({*kinds[0], "FaultUnit"}, ("leak", "orders"))
    assert not of_one_experiment(kinds[1], ("leak",))
