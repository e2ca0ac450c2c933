"""What a run's report expected and did not find, as a table for a page: recorded folders have rows and no report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from analysis.lab.experiment import Run, ScaleName
from analysis.lab.report import Check, SavedFigure
from docs.pictures import recorded_rows, room


def expectations(run: str) -> str:
    """How many of the expectations in a run's report were met, and a table of those that were not.

    Raises:
        LookupError: the name of the run does not end with a scale.
    """
    judged = [check for check in checks(run) if check.met is not None]
    failed = [check for check in judged if not check.met]
    met = len(judged) - len(failed)
    if not failed:
        many = f"All {met} expectations in its report were met."
        return "The one expectation in its report was met." if met == 1 else many
    said = f"Of the {len(judged)} expectations in its report {met} {'was' if met == 1 else 'were'} met"
    lines = [f"| {_cell(check.text)} | {_cell(check.expected)} | {_cell(check.measured)} |" for check in failed]
    return "\n".join([f"{said}. Not met:", "", "| of what | expected | measured |", "|---|---|---|", *lines])


def checks(run: str) -> list[Check]:
    """All of them, controls first, as the report of the recorded rows has them."""
    name, _, ending = run.rpartition("-")
    scale = next((one for one in get_args(ScaleName) if one == ending), None)
    if scale is None:
        raise LookupError(f"{run!r} does not end with a scale, one of {', '.join(get_args(ScaleName))}.")
    made, rows = room(name), recorded_rows(name, scale)
    return [*made.report(Run(scale=scale, size=made.sizes[scale], units=[], rows=rows, figures=_NoFigures())).checks]


class _NoFigures(Mapping[str, SavedFigure]):
    """Names of files for every figure, for a report of which no page is written."""

    def __getitem__(self, name: str) -> SavedFigure:
        return SavedFigure(png=Path(f"{name}.png"), svg=Path(f"{name}.svg"))

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


FUNCTIONS = (expectations,)
