"""Finished runs are found on disk, the largest scale first."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from analysis.lab.experiment import write_tables
from analysis.lab.provenance import collect
from analysis.lab.recorded import recorded
from analysis.lab.rows import Row, Rows, write_csv
from analysis.lab.store import StoredUnit

ROW = Row(
    distribution="2-in-4", fingerprint="", model="m", seed=0, experiment="leak", metric="x", value=1.5,
    standard_error=0.0, samples=3, method="monte_carlo",
)  # fmt: skip

PROVENANCE = collect({}).to_json()


def write_run(folder, name, value, below=""):
    write_csv(folder / name / below / "leak.csv", [replace(ROW, value=value)])


def test_recorded_runs_are_found_the_largest_first(tmp_path):
    assert recorded("leak", [tmp_path / "none", tmp_path], "smoke") is None
    write_run(tmp_path, "leak-smoke", 1.0, "tables")
    write_run(tmp_path, "audit-paper", 9.0)
    source = recorded("leak", [tmp_path], "smoke", but="audit")
    assert source is not None
    assert source.rows[0].value == 1.0
    assert "leak-smoke" in source.words
    largest = recorded("leak", [tmp_path], "smoke")
    assert largest is not None
    assert largest.rows[0].value == 9.0
    assert recorded("leak", [tmp_path], "small", but="audit") is None  # smaller than asked for
    write_run(tmp_path, "leak-small", 2.0)
    (tmp_path / "leak-small" / "provenance.json").write_text(
        json.dumps([{"config": {}, "provenance": PROVENANCE | {"commit": "abcdef0123", "dirty": True}}])
    )
    source = recorded("leak", [tmp_path], "smoke", but="audit")
    assert source is not None
    assert source.words == "recorded run leak-small, commit abcdef0 (changed)"
    assert not source.checked  # written before tables had digests
    assert recorded("gap", [tmp_path], "smoke") is None


def found(folder):
    source = recorded("leak", [folder], "smoke")
    assert source is not None
    return source


@pytest.fixture
def run(tmp_path):
    """A finished run with digests, and its tables."""
    unit = StoredUnit({"kind": "LeakUnit"}, PROVENANCE, Rows([ROW]))
    write_tables([unit], tmp_path / "leak-smoke" / "tables")
    return tmp_path / "leak-smoke" / "tables"


def test_digests_vouch_for_tables(run):
    source = found(run.parents[1])
    assert source.checked
    assert source.rows == Rows([ROW])
    for name in ("leak.csv", "provenance.json", "digests.json"):
        whole = (run / name).read_text()
        (run / name).write_text(whole.replace("1", "2", 1))
        with pytest.raises(ValueError, match=rf"{name} is damaged.* Reproduce the run again"):
            found(run.parents[1])
        (run / name).write_text(whole)
    (run / "digests.json").unlink()
    assert not found(run.parents[1]).checked


def test_digests_are_gone_while_tables_are_written(run, monkeypatch):
    """A run that dies in between leaves tables that nothing vouches for, not ones that contradict their digests."""
    with monkeypatch.context() as patch:
        patch.setattr("analysis.lab.experiment.write_digests", lambda *_: None)
        other = StoredUnit({"kind": "LeakUnit"}, PROVENANCE, Rows([replace(ROW, value=2.5)]))
        write_tables([other], run)
    source = found(run.parents[1])
    assert (source.checked, source.rows[0].value) == (False, 2.5)


@pytest.mark.parametrize(
    ("old", "new"),
    [("1.5", "x"), (",3,", ",-3,"), ("monte_carlo", "monte"), ("2-in-4,", ""), ("2-in-4", "a,b"), ("metric", "metrik")],
)
def test_a_damaged_table_of_before_is_named(tmp_path, old, new):
    write_run(tmp_path, "leak-smoke", 1.5)
    path = tmp_path / "leak-smoke" / "leak.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"leak\.csv is no table of rows, or is damaged after line"):
        found(tmp_path)
