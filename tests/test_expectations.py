"""Expectations that pages show of recorded runs are those of the reports, which the recorded folders do not have."""

from __future__ import annotations

import pytest

from analysis.figures.repeats.report import repeats_checks
from analysis.lab.report import Check
from docs import expectations
from docs.numbers import single


def test_expectations_of_a_recorded_run_are_those_of_its_report() -> None:
    """Of the other runs whose expectations stand on pages the pages' own tests render them."""
    found = expectations.checks("repeats-smoke")
    assert found == repeats_checks(single("repeats-smoke", "repeats"))
    assert {check.met for check in found} == {True, False}


def test_only_what_was_judged_is_counted_and_only_what_failed_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        Check(text="one", expected="a", measured="b", met=True),
        Check(text="two | three", expected="c", measured="d", met=False),
        Check(text="four", expected="e", measured="not measured", met=None),
    ]
    monkeypatch.setattr(expectations, "checks", lambda _: made)
    assert expectations.expectations("any-smoke") == (
        "Of the 2 expectations in its report 1 was met. Not met:\n\n"
        "| of what | expected | measured |\n|---|---|---|\n| two \\| three | c | d |"
    )
    monkeypatch.setattr(expectations, "checks", lambda _: made[:1])
    assert expectations.expectations("any-smoke") == "The one expectation in its report was met."


def test_a_run_without_a_scale_is_refused() -> None:
    with pytest.raises(LookupError, match="'sudoku-collections' does not end with a scale, one of smoke, small"):
        expectations.checks("sudoku-collections")
