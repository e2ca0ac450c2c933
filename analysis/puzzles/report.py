"""A puzzle table from its rows: the experiment, its expectations, its report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.plots.puzzle_tables import draw_puzzle_table
from analysis.plots.style import save_figure
from analysis.puzzles.judging import BOARD, CELL, VALIDITY
from analysis.puzzles.learners import ARM_FIXED, ARM_RANDOM, ARM_SOLVER, MDM, PEERS, SINGLES, PuzzleUnit
from analysis.puzzles.order_report import order_figures, order_sections
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.puzzles.rules import MARGIN, ONE_EACH, ONE_TOKEN, OWN_ORDER, TOP, VANILLA
from analysis.puzzles.tables import SCALES, PuzzleScale, Table, paper_numbers, puzzle_units
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, combine_seeds, mean_calls
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from generators.zebra.human import STRATEGY_NAMES

_TITLES: dict[Table, str] = {
    "table2": "Table 2: Sudoku, decoded in an order of the model's own",
    "table3": "Table 3: Zebra puzzles, decoded in an order of the model's own",
    "table5": "Table 5: puzzles harder than any in training",
}
_GOAL = 0.99
_ALT = "Boards that each learner solves, one cell or token per call, with 95% intervals over boards."
_CAPTION = (
    f"{_ALT} Crosses are the paper's, for puzzles and training of its own; its autoregressive models have 42 million "
    "weights. The last panel, where it is there, has the rules of the decoding suite against network calls."
)
_SHORT = {BOARD: "boards", CELL: "cells", VALIDITY: "valid boards"}
_OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon"}


@dataclass(frozen=True, kw_only=True)
class PuzzleExperiment:
    """Masked diffusion, autoregressive models in three orders and reasoners of fixed depth on one kind of puzzle.

    Attributes:
        table: of the paper.
        scale: sizes, training steps and seeds.
        directory: for rows, checkpoints, figures and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: of the networks.
    """

    table: Table
    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[PuzzleUnit]:
        """One per model and seed."""
        return puzzle_units(self.table, self.scale)

    def run(self) -> Path:
        """Train and decode what is missing, draw the figures, write tables and report; returns the report's file."""
        started = time.perf_counter()
        name = f"{self.table} {self.scale}"
        units = run_units(self.units, self.directory, name=name, jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figures = self.directory / "figures"
        drawn = draw_puzzle_table(rows, paper_numbers(self.table, self.scale))
        items = [FigureItem(path=save_figure(drawn, figures, self.table).svg, caption=_CAPTION, alt=_ALT)]
        items += order_figures(rows, figures, self.table)
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, _report(self.table, rows, units, items, self.scale, minutes))


Table2Experiment = partial(PuzzleExperiment, table="table2")
Table3Experiment = partial(PuzzleExperiment, table="table3")
Table5Experiment = partial(PuzzleExperiment, table="table5")


def puzzle_checks(table: Table, rows: Sequence[Row]) -> list[Check]:
    """The paper's claims, and what this project wants of its networks."""
    found = {_key(row): row for row in _boards(rows)}
    checks = []
    for name in dict.fromkeys(row.distribution for row in _boards(rows)):
        ours = {rule: found[name, MDM, rule] for rule in (MARGIN, TOP, VANILLA) if (name, MDM, rule) in found}
        if len(ours) < 3:
            continue
        if table != "table5" and not name.endswith("hard"):
            margin = ours[MARGIN]
            checks.append(
                Check(
                    text=f"{name}: masked diffusion by margin",
                    expected=f"at least {_GOAL:.0%} of the boards",
                    measured=_percent(margin),
                    met=margin.value >= _GOAL,
                )
            )
        checks.append(_above(f"{name}: margin above vanilla", ours[MARGIN], ours[VANILLA]))
        for model in (ARM_FIXED, ARM_RANDOM, ARM_SOLVER):
            if (name, model, OWN_ORDER) in found:
                text = f"{name}: margin above the equally large {model}"
                checks.append(_above(text, ours[MARGIN], found[name, model, OWN_ORDER]))
        pair = [found.get((name, model, OWN_ORDER)) for model in (ARM_SOLVER, ARM_FIXED)]
        if pair[0] and pair[1]:
            checks.append(_above(f"{name}: an ARM gains by the solver's order", pair[0], pair[1]))
    return checks


def _above(text: str, better: Row, worse: Row) -> Check:
    return Check(
        text=text,
        expected="intervals apart",
        measured=f"{_percent(better)} against {_percent(worse)}",
        met=better.interval[0] > worse.interval[1],
    )


def _boards(rows: Sequence[Row]) -> list[Row]:
    """Boards right, one cell (or token) per call, seeds averaged."""
    return [
        row for row in combine_seeds(mean_calls(rows)) if row.metric == BOARD and row.swept in (ONE_EACH, ONE_TOKEN)
    ]


def _key(row: Row) -> tuple[str, str, str]:
    return row.distribution, row.model, row.decoder or ""


def _percent(row: Row) -> str:
    return show(row, 1, 100.0, "%")


def _report(
    table: Table,
    rows: Sequence[Row],
    units: Sequence[StoredUnit],
    figures: Sequence[FigureItem],
    scale: ScaleName,
    minutes: float,
) -> Report:
    return Report(
        title=_TITLES[table],
        summary=_summary(rows),
        scale=scale,
        minutes=minutes,
        checks=puzzle_checks(table, rows),
        sections=[
            Section(
                title="Boards solved",
                figures=figures[:1],
                tables=[*_paper_tables(table, scale, rows), _main_table(rows)],
            ),
            Section(title="Every rule", tables=_rule_tables(rows)),
            *order_sections(rows, figures[1:]),
        ],
        units=units,
        caveats=_caveats(SCALES[table][scale]),
    )


def _summary(rows: Sequence[Row]) -> list[str]:
    summary = [
        "A puzzle has one solution, so a perfect model is certain of every cell at once and solves every board in any "
        "order. All that separates the rules is what a network cannot see in one pass: the order lets it take the easy "
        "cells first, and each of them makes others easy."
    ]
    if any(row.model in (SINGLES, PEERS) for row in rows):
        summary.append(
            "Reasoners of fixed depth show that without training: 'peers' excludes the digits that a cell sees, "
            "'singles' also knows when a digit has one place left. Neither plans; the order of decoding does."
        )
    return summary


def _caveats(chosen: PuzzleScale) -> list[str]:
    pool = chosen.setting.pool
    caveats = [
        f"Training puzzles are made here ({'endlessly many, seen once' if pool is None else f'{pool:,}'}), without a "
        "superfluous clue unless the problem says otherwise; the paper's are 1.8 million of Radcliffe's collection "
        "(Sudoku) and 1.5 million of Shah et al. (Zebra). No test puzzle is a training puzzle up to symmetry.",
        "Autoregressive models of equal size train for as many operations as masked diffusion; a Sudoku takes them "
        "three tokens per cell, so they see at most a third of the puzzles. Answers are the likeliest tokens unless a "
        "rule is called 'sampled'; the paper does not say which it used.",
    ]
    if isinstance(chosen.problem, SudokuProblem) and chosen.problem.side == 4:
        caveats.append(
            "Puzzles of 4x4 with 5 clues fall into 96 classes up to symmetry, a quarter of which is kept for testing: "
            "intervals over boards understate what another choice of classes would change."
        )
    if isinstance(chosen.problem, ZebraProblem) and chosen.problem.compact:
        caveats.append(
            "Clues take four tokens here instead of ten or more"
            + (", are read as one position each" if chosen.setting.whole_clues else "")
            + (", and answers say the house of each value" if chosen.problem.asks == "house" else "")
            + "; all learners alike."
        )
    caveats.append(
        f"All networks are trained with {_OPTIMIZERS[chosen.setting.optimizer]}"
        + (", their inner layers asked too." if chosen.setting.deep_supervision else ".")
    )
    if chosen.setting.mask_draws > 1:
        caveats.append(
            f"Masked diffusion hides more answers than the paper's uniform number: the largest of "
            f"{chosen.setting.mask_draws} uniform draws."
        )
    hard = chosen.problem.hard
    if isinstance(chosen.problem, ZebraProblem) and hard is not None and hard[1] <= chosen.problem.levels[1]:
        caveats.append(
            f"The hard Zebras are those of the training law whose hardest step is {STRATEGY_NAMES[hard[0]]} or harder, "
            "not puzzles beyond it."
        )
    return caveats


def _paper_tables(table: Table, scale: ScaleName, rows: Sequence[Row]) -> list[TableItem]:
    found = {_key(row): row for row in _boards(rows)}
    return [
        TableItem(
            caption=f"{name}: the paper's rows, for puzzles and training of its own, beside ours. '-': not run at this "
            "scale.",
            header=["learner", "rule", "paper", "here"],
            rows=[
                [
                    paper.model,
                    paper.decoder,
                    f"{paper.solved:.1%}",
                    _percent(row) if (row := found.get((name, paper.model, paper.decoder))) else "-",
                ]
                for paper in numbers
            ],
        )
        for name, numbers in paper_numbers(table, scale).items()
    ]


def _main_table(rows: Sequence[Row]) -> TableItem:
    means = [r for r in combine_seeds(mean_calls(rows)) if r.metric in _SHORT and r.swept in (ONE_EACH, ONE_TOKEN)]
    found = {(*_key(row), row.metric): row for row in means}
    keys = list(dict.fromkeys(_key(row) for row in means if row.decoder in (MARGIN, TOP, VANILLA, OWN_ORDER)))
    return TableItem(
        caption="One cell per call. Cells are those left open by the puzzle; valid boards break no rule and no clue.",
        header=["puzzles", "learner", "rule", *_SHORT.values()],
        rows=[[*key, *(_percent(found[*key, metric]) for metric in _SHORT)] for key in keys],
    )


def _rule_tables(rows: Sequence[Row]) -> list[TableItem]:
    means = [row for row in combine_seeds(mean_calls(rows)) if row.metric == BOARD and row.decoder != OWN_ORDER]
    models = list(dict.fromkeys(r.model for r in means if r.model.startswith(MDM)))
    names = list(dict.fromkeys(row.distribution for row in means))
    found = {(r.distribution, r.model, r.decoder, r.swept, r.at): r for r in means}
    settings = list(dict.fromkeys((r.decoder or "", r.swept or "", r.at or 0.0) for r in means if r.model in models))
    return [
        TableItem(
            caption=f"{name}: boards solved by every rule. Calls are means per board.",
            header=["rule", "setting", *(column for model in models for column in (f"{model}, calls", model))],
            rows=[
                [
                    rule,
                    f"{at:g} {swept}",
                    *(
                        cell
                        for model in models
                        for row in [found.get((name, model, rule, swept, at))]
                        for cell in (f"{row.calls:.1f}" if row and row.calls else "-", _percent(row) if row else "-")
                    ),
                ]
                for rule, swept, at in settings
            ],
        )
        for name in names
        if models
    ]
