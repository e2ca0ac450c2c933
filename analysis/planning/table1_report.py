"""Table 1 from its rows: the experiment, its expectations, its report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.networks.order_accuracy import AGREEMENT, WHOLE
from analysis.paper_numbers import TABLE_1
from analysis.planning.table1 import DISTINCT, Table1Unit, size_name, table1_units
from analysis.plots.style import CONTROL, SavedFigure, save_figure
from analysis.plots.table1 import draw_table1
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds, mean_calls
from analysis.scales import ScaleName
from analysis.store import StoredUnit

_GOAL = 0.99


@dataclass(frozen=True, kw_only=True)
class Table1Experiment:
    """Vanilla, margin and the rest of the decoding suite on networks and on the exact posterior.

    Attributes:
        scale: sizes, training steps and seeds.
        directory: for rows, checkpoints, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: of the networks.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[Table1Unit]:
        """One per model, size and seed."""
        return table1_units(self.scale)

    def run(self) -> Path:
        """Train and decode what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        name = f"table1 {self.scale}"
        units = run_units(self.units, self.directory, name=name, jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_table1(rows), self.directory / "figures", "table1")
        report = _report(rows, units, figure, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)


def table1_checks(rows: Sequence[Row]) -> list[Check]:
    """What must hold of a perfect model, and what this project wants of its networks."""
    means = [row for row in combine_seeds(mean_calls(rows)) if row.metric == AGREEMENT]
    checks = [
        Check(
            text=f"exact posterior, {row.distribution}, {row.decoder}, one token per call",
            expected="exactly 1: every sampled sequence is one of the distribution",
            measured=show(row),
            met=row.value == 1.0,
        )
        for row in means
        if row.model == CONTROL and row.decoder in ("vanilla", "margin") and _one_each(row, means)
    ]
    for row in (r for r in means if r.model != CONTROL and r.decoder == "margin" and _one_each(r, means)):
        beaten = _same(means, row, "vanilla")
        checks.append(
            Check(
                text=f"network, {row.distribution}: margin with one token per call",
                expected=f"at least {_GOAL:.0%}, and its interval above vanilla's",
                measured=f"{show(row)}; vanilla {show(beaten)}",
                met=row.value >= _GOAL and row.interval[0] > beaten.interval[1],
            )
        )
    return checks


def _one_each(row: Row, rows: Sequence[Row]) -> bool:
    return row.swept == "steps" and row.at == max(
        r.at or 0.0 for r in rows if r.swept == "steps" and r.distribution == row.distribution
    )


def _same(rows: Sequence[Row], row: Row, decoder: str) -> Row:
    key = (row.distribution, row.model, decoder, row.at)
    return next(r for r in rows if (r.distribution, r.model, r.decoder, r.at) == key)


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    return Report(
        title="Table 1, taken apart: model error and sampler error",
        summary=[
            "Sequences are generated from all masks; counted is the share of generated observations that equal the "
            "noiseless observation of the generated latents. The paper states neither protocol nor number of steps.",
            "The exact posterior in the network's place makes no model error. With one token per call it is right "
            "under every rule; with fewer calls its deficit is that of the sampler alone, which draws tokens together "
            "as if they were independent. Where tokens drawn together contradict each other it keeps a consistent "
            "part of them, as large as can be, and goes on (lo_theory.posteriors.contradiction).",
        ],
        scale=scale,
        minutes=minutes,
        checks=table1_checks(rows),
        sections=[
            Section(
                title="Agreement against network calls",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Share of generated observations that agree with the generated latents; 95% intervals, "
                        "over sequences or, with three seeds and more, over seeds. Right: line styles are the paper's "
                        "sizes, from N = 25 (solid) on; marks at the edge are its numbers, whose calls are not known.",
                        alt="Three panels of agreement against network calls, rising to one with one token per call.",
                    )
                ],
                tables=[_paper_table(rows), *(_rule_table(rows, name) for name in _network_sizes(rows))],
            )
        ],
        units=units,
        caveats=[
            "For bits margin, top probability and negative entropy rank alike: equal rows, one line is drawn.",
            "A rule that rewrites by argmax draws few different sequences: see the share of distinct latents, 1 for "
            "independent draws. In one call it writes one sequence, at times below the lower edge of the figure.",
            "Networks of this scale are far smaller than the paper's 19M, and so are N and P.",
        ],
    )


def _network_sizes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.distribution for row in rows if row.model != CONTROL))


def _paper_table(rows: Sequence[Row]) -> TableItem:
    means = [row for row in combine_seeds(mean_calls(rows)) if row.metric == AGREEMENT and row.model == CONTROL]
    cells = {(r.distribution, r.decoder, r.at): r for r in means if r.swept == "steps"}
    steps = sorted({at for name, _, at in cells if at and name in {_name(p) for p in TABLE_1}}, reverse=True)
    header = ["size", "paper, vanilla", "paper, margin"]
    header += [f"exact, {rule}, {at:g} calls" for rule in ("vanilla", "margin") for at in steps]
    return TableItem(
        caption="The paper's Table 1 beside the exact posterior with the same rules.",
        header=header,
        rows=[
            [
                _name(paper),
                f"{paper.vanilla:.2%}",
                f"{paper.margin:.2%}",
                *(
                    f"{row.value:.2%}" if (row := cells.get((_name(paper), rule, at))) else "-"
                    for rule in ("vanilla", "margin")
                    for at in steps
                ),
            ]
            for paper in TABLE_1
        ],
    )


def _name(paper: object) -> str:
    return size_name(paper.n_latents, paper.n_observations)  # type: ignore[attr-defined]


def _rule_table(rows: Sequence[Row], name: str) -> TableItem:
    means = [row for row in combine_seeds(mean_calls(rows)) if row.distribution == name]
    found = {(r.metric, r.model, r.decoder, r.swept, r.at): r for r in means}
    settings = list(dict.fromkeys((r.decoder or "", r.swept or "", r.at or 0.0) for r in means))
    models = list(dict.fromkeys(r.model for r in means))
    columns = [(metric, model) for model in models for metric in (AGREEMENT, WHOLE, DISTINCT)]
    short = {AGREEMENT: "agreement", WHOLE: "whole sequences", DISTINCT: "distinct latents"}
    return TableItem(
        caption=f"{name}: every rule. Calls are means per sequence.",
        header=["rule", "setting", *(f"{m}, calls" for m in models), *(f"{m}, {short[k]}" for k, m in columns)],
        rows=[
            [
                rule,
                f"{at:g} {swept}",
                *(
                    f"{row.calls:.1f}" if (row := found.get((AGREEMENT, m, rule, swept, at))) and row.calls else "-"
                    for m in models
                ),
                *(show(row, 4) if (row := found.get((metric, m, rule, swept, at))) else "-" for metric, m in columns),
            ]
            for rule, swept, at in settings
        ],
    )
