"""Rows survive the disk exactly; a finished unit is kept, a damaged one named; provenance leaks nothing."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.lab import provenance
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import COLUMNS, Row, write_csv
from analysis.lab.store import RowStore, config_to_json, unit_key


@dataclass(frozen=True, kw_only=True)
class TrainUnit:
    distribution: str = "NAE-3"
    model: str = "mdm"
    seed: int = 0
    counts: tuple[int, ...] = (1, 2)


def row(**changes) -> Row:
    fields = {
        "distribution": "NAE-3", "fingerprint": "0" * 16, "model": "mdm", "seed": 0, "experiment": "task_error",
        "metric": "kl_nats", "value": 0.25, "standard_error": 0.01, "samples": 64, "method": "monte_carlo",
    }  # fmt: skip
    return Row(**fields | changes)


@given(value=st.floats(), error=st.floats(), low=st.none() | st.floats(), position=st.none() | st.integers(0, 99))
def test_a_row_survives_json_exactly(value, error, low, position):
    first = row(value=value, standard_error=error, low=low, position=position)
    second = Row.from_json(json.loads(json.dumps(first.to_json(), allow_nan=False)))
    assert repr(second) == repr(first)  # repr, since NaN differs from itself


@pytest.mark.parametrize(
    ("change", "message"),
    [({"extra": 1}, "unknown field 'extra'"), ({"value": "big"}, "'big'"), ({"value": True}, "True")],
)
def test_a_malformed_row_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Row.from_json(row().to_json() | change)


def test_a_finished_unit_is_kept_and_found_again(tmp_path):
    store, unit = RowStore(tmp_path / "rows"), TrainUnit()
    assert store.get(unit) is None
    rows = [row(position=3), row(value=math.inf, standard_error=math.nan, low=0.0, high=1.0)]
    path = store.put(unit, rows, provenance.collect({"sample_seed": 1}, seconds=1.5))
    assert repr(RowStore(tmp_path / "rows").get(unit)) == repr(rows)
    assert store.get(TrainUnit(seed=1)) is None
    assert path.name.startswith("train-unit-nae-3-mdm-0-")
    (stored,) = store.units()
    assert stored.config == {"kind": "TrainUnit", **json.loads(json.dumps(dataclasses.asdict(unit)))}
    assert stored.provenance["seeds"] == {"sample_seed": 1}
    assert len(store.table("task_error")) == 2
    assert store.table("likelihood_gap") == []


def test_other_units_in_the_folder_stay_out_of_a_figure(tmp_path):
    store, source = RowStore(tmp_path), provenance.collect({})
    for seed in range(3):
        store.put(TrainUnit(seed=seed), [row(seed=seed)], source)
    wanted = [TrainUnit(seed=2), TrainUnit(seed=0), TrainUnit(seed=9)]
    assert [r.seed for r in store.rows("task_error", wanted)] == [2, 0]


@dataclass(frozen=True, kw_only=True)
class CurveUnit:
    case: str = "2-in-4"
    seed: int = 0
    degrees: tuple[float, ...] = (0.1, 0.3, 0.7)


def test_a_unit_from_a_machine_that_rounds_otherwise_is_found(tmp_path):
    """The nodes of a quadrature differ in their last digits from machine to machine; another size is another unit."""
    store = RowStore(tmp_path)
    moved = CurveUnit(degrees=tuple(math.nextafter(x, math.inf) for x in CurveUnit().degrees))
    assert unit_key(moved) != unit_key(CurveUnit())
    store.put(moved, [row(value=7.0)], provenance.collect({}))
    store.put(CurveUnit(degrees=(0.1, 0.3, 0.8)), [row(value=8.0)], provenance.collect({}))
    (store.directory / f"{unit_key(CurveUnit())[:-10]}{'0' * 10}.json").write_text("damaged, and of nobody's concern")
    assert [r.value for r in store.get(CurveUnit()) or []] == [7.0]
    assert [r.value for r in store.rows(configs=[CurveUnit()])] == [7.0]
    assert store.get(CurveUnit(degrees=(0.1, 0.3))) is None
    assert store.get(CurveUnit(degrees=(0.1, 0.3, 0.7 + 1e-6))) is None
    assert store.get(CurveUnit(seed=1)) is None


def test_every_field_of_the_configuration_changes_the_key():
    units = [
        TrainUnit(),
        TrainUnit(seed=1),
        TrainUnit(model="arm"),
        TrainUnit(counts=(1, 3)),
        TrainUnit(distribution="x"),
    ]
    assert len({unit_key(unit) for unit in units}) == len(units)
    assert unit_key(TrainUnit()) == unit_key(TrainUnit())


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"config": {}',
        "[]",
        '{"config": {}, "provenance": {}, "rows": [{}]}',
        '{"config": {}, "provenance": {}, "rows": [1]}',
    ],
)
def test_a_damaged_file_is_named_with_the_way_out(tmp_path, content):
    store = RowStore(tmp_path)
    path = store.put(TrainUnit(), [row()], provenance.collect({}))
    path.write_text(content)
    with pytest.raises(ValueError, match=r"train-unit.*json.*[Dd]elete it"):
        store.get(TrainUnit())


def test_a_file_of_another_unit_is_not_taken_for_this_one(tmp_path):
    store = RowStore(tmp_path)
    other = store.put(TrainUnit(seed=1), [row()], provenance.collect({}))
    other.rename(store.path(TrainUnit()))
    with pytest.raises(ValueError, match="another configuration"):
        store.get(TrainUnit())


def kept(store, **changes):
    """The file of a finished unit, and its JSON form."""
    path = store.put(TrainUnit(), [row(**changes)], provenance.collect({}))
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    "change",
    [
        lambda form: form["rows"][0].update(value=0.26),
        lambda form: form["rows"][0].update(metric="kl_bits"),
        lambda form: form["rows"][0].update(method="exact"),
        lambda form: form["provenance"].update(commit="unknown"),
        lambda form: form["rows"].clear(),
        lambda form: form.update(digest="0" * 64),
    ],
)
def test_a_finished_unit_is_covered_by_its_digest(tmp_path, change):
    store = RowStore(tmp_path)
    path, form = kept(store)
    change(form)
    path.write_text(json.dumps(form))
    with pytest.raises(ValueError, match=r"train-unit.*json is damaged.*digest.*Delete it"):
        store.get(TrainUnit())


def test_a_unit_of_before_is_read_and_reported_as_unchecked(tmp_path):
    store = RowStore(tmp_path)
    path, form = kept(store)
    assert [unit.checked for unit in store.units()] == [True]
    del form["digest"]
    form["rows"][0]["value"] = 0.75
    path.write_text(json.dumps(form))
    (unit,) = store.units([TrainUnit()])
    assert not unit.checked
    assert unit.rows[0].value == 0.75


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda form: form["rows"][0].update(samples=-1), r"in rows\[0\].samples; got -1"),
        (lambda form: form["rows"][0].update(seed="0"), r"in rows\[0\].seed; got '0'"),
        (lambda form: form["rows"][0].update(over="rows"), r"in rows\[0\].over; got 'rows'"),
        (lambda form: form["rows"][0].update(step=2.5), r"in rows\[0\].step; got 2.5"),
        (lambda form: form["provenance"].update(date="yesterday"), "in provenance.date; got 'yesterday'"),
        (lambda form: form["provenance"].update(threads=0), "in provenance.threads; got 0"),
        (lambda form: form["provenance"].update(seconds=-1), "in provenance.seconds; got -1"),
        (lambda form: form["provenance"].update(host="x"), "host"),
    ],
)
def test_every_field_of_a_unit_of_before_has_its_type_and_range(tmp_path, change, message):
    store = RowStore(tmp_path)
    path, form = kept(store)
    del form["digest"]
    change(form)
    path.write_text(json.dumps(form))
    with pytest.raises(ValueError, match=rf"json is damaged: .*{message}.*Delete it"):
        store.get(TrainUnit())


def test_the_configuration_of_a_unit_of_before_is_covered_by_its_name(tmp_path):
    store = RowStore(tmp_path)
    path, form = kept(store)
    del form["digest"]
    form["config"]["counts"] = [1, 3]
    path.write_text(json.dumps(form))
    with pytest.raises(ValueError, match="another configuration than its name says"):
        store.units()


def test_a_row_that_no_reader_would_accept_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="samples; got -1"):
        RowStore(tmp_path).put(TrainUnit(), [row(samples=-1)], provenance.collect({}))
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_leaves_the_finished_unit_intact(tmp_path, monkeypatch):
    store = RowStore(tmp_path)
    store.put(TrainUnit(), [row(value=1.0)], provenance.collect({}))

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        store.put(TrainUnit(), [row(value=2.0)], provenance.collect({}))
    monkeypatch.undo()
    assert [r.value for r in store.get(TrainUnit()) or []] == [1.0]
    assert len(list(tmp_path.iterdir())) == 1


def test_only_frozen_dataclasses_with_json_fields_are_configurations():
    @dataclass
    class Mutable:
        steps: int = 1

    @dataclass(frozen=True)
    class WithPath:
        folder: Path = Path()

    with pytest.raises(TypeError, match="frozen"):
        config_to_json(Mutable())
    with pytest.raises(TypeError, match="WithPath must have a JSON form"):
        config_to_json(WithPath())


def test_csv_has_every_field_and_empty_cells_for_none(tmp_path):
    write_csv(tmp_path / "rows.csv", [row(position=3), row(value=math.inf, role="latent")])
    first, second = csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())
    assert tuple(first) == COLUMNS
    assert (first["position"], first["role"], float(first["value"])) == ("3", "", 0.25)
    assert (second["position"], second["role"], float(second["value"])) == ("", "latent", math.inf)


def test_seeds_are_combined_by_their_spread_from_three_on():
    few = [row(seed=s, value=v, standard_error=0.3) for s, v in enumerate((1.0, 2.0))]
    (two,) = combine_seeds(few)
    assert (two.value, two.over, two.samples) == (1.5, "sequences", 128)
    assert two.standard_error == pytest.approx(math.sqrt(0.18) / 2)
    (three,) = combine_seeds([*few, row(seed=2, value=3.0, standard_error=0.3)])
    assert (three.value, three.over, three.samples, three.seed) == (2.0, "seeds", 3, None)
    assert three.standard_error == pytest.approx(1 / math.sqrt(3))
    assert three.interval[1] - 2.0 == pytest.approx(4.302653 / math.sqrt(3))  # Student's t, 2 degrees of freedom


def test_one_seed_twice_is_an_error_and_different_numbers_stay_apart():
    with pytest.raises(ValueError, match="twice for one seed"):
        combine_seeds([row(), row()])
    assert [r.position for r in combine_seeds([row(position=1), row(position=0)])] == [1, 0]


def test_provenance_knows_the_commit_of_a_checkout_only(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    file = tmp_path / "module.py"
    file.write_text("x = 1\n")
    assert provenance.git_state(file) == ("unknown", None)
    git("init")
    assert provenance.git_state(file) == ("unknown", None)  # in a checkout, not of it
    git("add", "module.py")
    git("commit", "-m", "first")
    commit, dirty = provenance.git_state(file)
    assert (len(commit), dirty) == (40, False)
    file.write_text("x = 2\n")
    assert provenance.git_state(file) == (commit, True)


def test_provenance_names_no_machine_and_no_folder():
    form = json.dumps(provenance.collect({"structure_seed": 3}).to_json())
    assert socket.gethostname() not in form
    assert str(Path.cwd()) not in form
    assert str(Path.home()) not in form
    assert '"structure_seed": 3' in form


def test_the_interval_of_a_mean_proportion_stays_a_proportion():
    about = {"distribution": "d", "fingerprint": "f", "model": "m", "experiment": "e", "method": "monte_carlo"}
    shares = [
        Row(**about, metric="share", seed=seed, value=value, standard_error=0.01, samples=9, low=low, high=high)
        for seed, (value, low, high) in enumerate([(0.99, 0.98, 1.0), (1.0, 0.99, 1.0), (0.9, 0.88, 0.92)])
    ]
    (mean,) = combine_seeds(shares)
    assert mean.high == 1.0
    assert 0.0 < mean.low < mean.value
    (nats,) = combine_seeds([dataclasses.replace(row, low=None, high=None) for row in shares])
    assert nats.high > 1.0
