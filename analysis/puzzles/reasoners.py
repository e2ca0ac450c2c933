"""What the order of decoding does for reasoners of fixed depth, at 9x9 and without training: experiment and report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.experiment import run_units, write_tables
from analysis.paper_numbers import TABLE_2, TABLE_5
from analysis.plots.reasoners import draw_reasoner_noise, draw_reasoner_orders
from analysis.plots.style import SavedFigure, save_figure
from analysis.puzzles.judging import BOARD
from analysis.puzzles.reasoner_checks import reasoner_checks
from analysis.puzzles.reasoner_rows import (
    ANNEALED,
    CONSTANT,
    EXPERIMENT,
    FIRST_RIGHT,
    GUESSES,
    LATER_RIGHT,
    NATS,
    NEEDING,
    REMASKED,
    TOP_EXCESS,
)
from analysis.puzzles.reasoner_rules import BEYOND_ALL, NOISY, ORDERS, SETS, SOLVABLE
from analysis.puzzles.reasoner_units import CallsUnit, NoiseUnit, OrderUnit
from analysis.puzzles.rules import MARGIN, ONE_EACH, STEPS, TOP
from analysis.report import FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from lo_theory.puzzles.candidates import Reasoning

_SIZES: dict[ScaleName, tuple[int, int]] = {"smoke": (400, 100), "small": (2000, 400), "paper": (10_000, 2000)}
_CHEAP: tuple[Reasoning, ...] = ("singles", "peers")
_DEAR_NOISE = (0.0, 0.5)
PAPER = {SOLVABLE: TABLE_2, BEYOND_ALL: TABLE_5}
"""The paper's tables, by the set whose law is nearest to theirs."""


@dataclass(frozen=True, kw_only=True)
class ReasonersExperiment:
    """Three reasoners on four sets of puzzles; noise and budgets of calls for one reasoner and one set.

    Attributes:
        scale: boards per set, and per set for the reasoner with strategies: 400, 100; 2,000, 400; 10,000, 2,000.
        directory: for rows, figures and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: not used; the reasoners run on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[OrderUnit | NoiseUnit | CallsUnit]:
        """The longest first."""
        many, few = _SIZES[self.scale]
        solvable = SETS[SOLVABLE]
        return [
            *(
                NoiseUnit(reasoning="singles", levels=solvable, boards=many, schedule=schedule)
                for schedule in (CONSTANT, ANNEALED)
            ),
            NoiseUnit(reasoning="strategies", levels=solvable, boards=few, schedule=ANNEALED, coefficients=_DEAR_NOISE),
            CallsUnit(reasoning="singles", levels=solvable, boards=many),
            *(
                OrderUnit(reasoning="strategies", levels=levels, boards=few, everything=False)
                for levels in SETS.values()
            ),
            *(OrderUnit(reasoning=name, levels=levels, boards=many) for name in _CHEAP for levels in SETS.values()),
        ]

    def run(self) -> Path:
        """Decode what is missing, draw the figures, write tables and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"reasoners {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        folder = self.directory / "figures"
        figures = [
            save_figure(draw_reasoner_orders(rows, PAPER), folder, "reasoner_orders"),
            save_figure(draw_reasoner_noise(rows), folder, "reasoner_noise"),
        ]
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, _report(rows, units, figures, self.scale, minutes))


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figures: Sequence[SavedFigure], scale: ScaleName, minutes: float
) -> Report:
    captions = (
        "Boards solved with one cell per call: mean over boards of the exact chance along the order, 95% intervals. "
        "Crosses are the paper's networks (6 million weights, 50 calls, noise 0.5), on Radcliffe's puzzles.",
        "The singles reasoner on levels 2-8. Above: Gumbel noise on the scores and the early guesses that it causes, "
        "counted and predicted. Below: the first guess of the boards that need one, and budgets of calls, tokens by "
        "argmax.",
    )
    drawn = [
        FigureItem(path=figure.svg, caption=caption, alt=caption.split(":")[0])
        for figure, caption in zip(figures, captions, strict=True)
    ]
    return Report(
        title="Reasoners of fixed depth: what the order of decoding does by itself",
        summary=[
            "A reasoner answers each cell uniformly over the digits that it cannot exclude at a glance. It has learned "
            "nothing and plans nothing, so whatever separates the rules is the order's doing. Taking certain cells "
            "first lets a reasoner that knows lone and hidden singles solve most of the boards of which a random order "
            "solves none.",
            "That margin beats top probability does not follow. The two agree wherever some cell is certain, and where "
            "none is all margins are 0: margin then takes the first cell, top probability one with the fewest "
            "candidates, and is better. Only noise on the scores turns this, and it does so by spoiling both rules. "
            + _widest(rows),
        ],
        scale=scale,
        minutes=minutes,
        checks=reasoner_checks(rows),
        sections=[
            Section(
                title="Every order",
                paragraphs=[
                    "Chances are exact along the order: with drawn digits a board is solved with probability "
                    "prod 1/c over its guesses among c candidates, the decoder being led along the solution.",
                ],
                figures=drawn[:1],
                tables=[_orders_table(rows, name) for name in SETS],
            ),
            Section(
                title="Guesses, noise, calls",
                paragraphs=[
                    "With noise of scale s the next cell has weight exp(score / s). A cell with two candidates lies "
                    "below a certain one by 1/2 in top probability, by log 2 in log-probability, by 1 in margin: it is "
                    "as light under margin with noise s as under top probability with s / 2. The code that the paper "
                    "builds on adds its noise to the log-probability.",
                    "The reference code answers every cell at every call and masks the worst again. These reasoners "
                    "are certain of every digit that stands on the board, right or wrong, so a digit is never "
                    "overwritten; one is masked again only by noise, or where certain cells tie.",
                ],
                figures=drawn[1:],
                tables=[
                    _account_table(rows),
                    *(_noise_table(rows, s) for s in (CONSTANT, ANNEALED)),
                    _calls_table(rows),
                ],
            ),
        ],
        units=units,
        caveats=[
            "A network's answers are not uniform over candidates, and it may see more than singles in one call. With "
            "unequal answers margin and top probability differ at every step, not only where nothing is certain: what "
            "the paper found of its networks can neither be confirmed nor refuted here.",
            "Puzzles are made here, without a superfluous clue; the paper's are Radcliffe's, of similar number of "
            "clues. Its Table 2 is beside levels 2-8, its Table 5 beside level 9.",
            "Intervals are over boards. Where a chance is far below one in the number of boards, its mean rests on few "
            "boards and its interval is too narrow; nats per board say more there.",
            "The reference code's noise falls with the step, ours beside one cell per call with the masks that are "
            "left; the code's separator and end tokens are left out.",
        ],
    )


def _widest(rows: Sequence[Row]) -> str:
    """Where margin is furthest ahead, beside the paper's gap."""
    ahead = [r for s in (CONSTANT, ANNEALED) for r in _rows_of(rows, TOP_EXCESS, SOLVABLE, s) if r.decoder == MARGIN]
    widest = min(ahead, key=lambda r: r.value)
    paper = {number.decoder: number.solved for number in TABLE_2}
    return (
        f"At its widest, under {widest.swept} {widest.at:g}, margin leads by {-100 * widest.value:.0f} points; in the "
        f"paper's Table 2 it leads by {100 * (paper[MARGIN] - paper[TOP]):.0f}."
    )


def _rows_of(rows: Sequence[Row], metric: str, name: str, swept: str) -> list[Row]:
    return [r for r in rows if (r.experiment, r.metric, r.distribution, r.swept) == (EXPERIMENT, metric, name, swept)]


def _orders_table(rows: Sequence[Row], name: str) -> TableItem:
    found = {(r.decoder, r.model): r for r in _rows_of(rows, BOARD, name, ONE_EACH) if r.method == "chain"}
    models = [model for model in ("peers", "singles", "strategies") if any(m == model for _, m in found)]
    return TableItem(
        caption=f"{name}: boards solved, one cell per call.",
        header=["order", *models],
        rows=[
            [order, *(show(found[order, m], 1, 100.0, "%") if (order, m) in found else "-" for m in models)]
            for order in ORDERS
            if any(decoder == order for decoder, _ in found)
        ],
    )


def _account_table(rows: Sequence[Row]) -> TableItem:
    metrics = (NEEDING, GUESSES, NATS, FIRST_RIGHT, LATER_RIGHT)
    lines = []
    for name in SETS:
        found = {
            (r.decoder, metric): r
            for metric in metrics
            for r in _rows_of(rows, metric, name, ONE_EACH)
            if r.model == "singles"
        }
        lines += [
            [name, order, *(show(found[order, m]) if (order, m) in found else "-" for m in metrics)]
            for order in ORDERS
            if (order, NEEDING) in found
        ]
    return TableItem(
        caption="The singles reasoner's guesses without noise. The last two columns are for boards with a guess; their "
        "product is the chance of solving one.",
        header=[
            "puzzles", "order", "boards with a guess", "guesses per board", "nats per board", "first guess right",
            "the others right",
        ],
        rows=lines,
    )  # fmt: skip


def _noise_table(rows: Sequence[Row], schedule: str) -> TableItem:
    singles = {
        (metric, r.decoder, r.at): r
        for metric in (BOARD, TOP_EXCESS)
        for r in _rows_of(rows, metric, SOLVABLE, schedule)
        if r.model == "singles"
    }
    return TableItem(
        caption=f"Boards of {SOLVABLE} that the singles reasoner solves, {schedule}; the difference is paired.",
        header=["coefficient", *NOISY, "top probability minus margin"],
        rows=[
            [
                f"{at:g}",
                *(show(singles[BOARD, name, at], 2, 100.0, "%") for name in NOISY),
                show(singles[TOP_EXCESS, MARGIN, at], 2, 100.0, "%"),
            ]
            for at in sorted({r.at for (m, d, _), r in singles.items() if (m, d) == (BOARD, TOP) and r.at is not None})
        ],
    )


def _calls_table(rows: Sequence[Row]) -> TableItem:
    solved = _rows_of(rows, BOARD, SOLVABLE, STEPS)
    again = {(r.decoder, r.at): r for r in _rows_of(rows, REMASKED, SOLVABLE, STEPS)}
    budgets = sorted({r.at for r in solved if r.at is not None})
    found = {(r.decoder, r.at): r for r in solved}
    last = budgets[-1] if budgets else 0.0
    return TableItem(
        caption=f"Boards of {SOLVABLE} that the singles reasoner solves by number of calls; cells masked again per "
        f"board, with {last:g} calls.",
        header=["rule", *(f"{at:g} calls" for at in budgets), "masked again"],
        rows=[
            [
                rule,
                *(show(found[rule, at], 1, 100.0, "%") for at in budgets),
                show(again[rule, last], 1) if (rule, last) in again else "-",
            ]
            for rule in dict.fromkeys(r.decoder or "" for r in solved)
        ],
    )
