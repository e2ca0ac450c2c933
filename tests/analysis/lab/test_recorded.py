"""Finished runs are found on disk, the largest scale first."""

from __future__ import annotations

import json
from dataclasses import replace

from analysis.lab.recorded import recorded
from analysis.lab.rows import Row, write_csv

ROW = Row(
    distribution="2-in-4", fingerprint="", model="m", seed=0, experiment="leak", metric="x", value=1.5,
    standard_error=0.0, samples=3, method="monte_carlo",
)  # fmt: skip


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
        json.dumps([{"config": {}, "provenance": {"commit": "abcdef0123", "dirty": True}}])
    )
    source = recorded("leak", [tmp_path], "smoke", but="audit")
    assert source is not None
    assert source.words == "recorded run leak-small, commit abcdef0 (changed)"
    assert recorded("gap", [tmp_path], "smoke") is None
