"""A puzzle table from its rows: figures, expectations, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.experiment import Experiment, Run, ScaleName
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import Row, Rows
from analysis.puzzles.judging import BOARD, CELL, VALIDITY
from analysis.puzzles.learner import ARM_FIXED, ARM_RANDOM, ARM_SOLVER, MASKED, REASONERS, learner_named, standing_for
from analysis.puzzles.order.measures import AVAILABLE
from analysis.puzzles.order.measures import EXPERIMENT_NAME as ORDER
from analysis.puzzles.order.plot import draw_reasoning_order
from analysis.puzzles.order.report import order_item, order_sections
from analysis.puzzles.paper import PuzzlesOfPaper
from analysis.puzzles.problems import SudokuProblem, ZebraProblem
from analysis.puzzles.scales import ONE_AT_A_TIME, PuzzleSize, puzzle_units
from analysis.puzzles.table_plot import draw_puzzle_table
from generators.zebra.human import STRATEGY_NAMES
from lo_theory.samplers.menu import MARGIN, OWN_ORDER, PAPERS, TOP, VANILLA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GOAL = 0.99
_ALT = "Boards that each learner solves, one cell or token per call, with 95% intervals over boards."
_CAPTION = (
    f"{_ALT} Crosses are the paper's, for puzzles and training of its own; its autoregressive models have 42 million "
    "weights. The last panel, where it is there, has the rules of the decoding suite against network calls."
)
_SHORT = {BOARD: "boards", CELL: "cells", VALIDITY: "valid boards"}
_OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon"}


@dataclass(frozen=True, kw_only=True)
class PuzzleTable:
    """What one of the paper's tables has of its own.

    Attributes:
        name: as ``lo-theory reproduce`` knows it, and its figure.
        title: of the report.
        paper: the paper's numbers beside the first test set, and those beside the hard one.
        goal: whether nearly every board of the first test set is to be solved.
    """

    name: str
    title: str
    paper: tuple[tuple[PuzzlesOfPaper, ...], ...]
    goal: bool

    def experiment(self, sizes: Mapping[ScaleName, PuzzleSize]) -> Experiment[PuzzleSize]:
        """Its experiment; the page of ``long``, whose networks take an hour each, is written after every unit."""
        return Experiment(
            name=self.name, sizes=sizes, units=puzzle_units, figures=self.figures, report=self.report, growing=("long",)
        )

    def figures(self, rows: Rows, size: PuzzleSize) -> dict[str, Figure]:
        """Boards solved, and for each set of Sudokus the order of reveals."""
        orders = {
            figure: draw_reasoning_order(rows.where(experiment=ORDER), name)
            for figure, name in self._orders(rows, size).items()
        }
        return {self.name: draw_puzzle_table(rows, self.numbers(size)), **orders}

    def report(self, run: Run[PuzzleSize]) -> Report:
        """What the rows say."""
        rows, size, drawn = run.rows, run.size, run.figures
        means = combine_seeds(mean_calls(rows))
        main = FigureItem(path=drawn[self.name].svg, caption=_CAPTION, alt=_ALT)
        orders = [order_item(drawn[figure].svg, name) for figure, name in self._orders(rows, size).items()]
        return Report(
            title=self.title,
            summary=_summary(rows),
            checks=puzzle_checks(means, size.problem.name if self.goal else None),
            sections=[
                Section(
                    title="Boards solved",
                    figures=[main],
                    tables=[*_paper_tables(means, self.numbers(size)), _main_table(means)],
                ),
                Section(title="Every rule", tables=_rule_tables(means)),
                *order_sections(rows, orders),
            ],
            caveats=_caveats(size),
        )

    def numbers(self, size: PuzzleSize) -> dict[str, tuple[PuzzlesOfPaper, ...]]:
        """Name of a test set -> the paper's numbers to stand beside it."""
        return dict(zip(size.problem.tests, self.paper, strict=False))

    def _orders(self, rows: Rows, size: PuzzleSize) -> dict[str, str]:
        """Name of a figure -> its set of Sudokus: it is about singles, which other puzzles have not."""
        names = zip(("", "_hard"), size.problem.tests, strict=False)
        found = rows.where(metric=AVAILABLE).values("distribution")
        return {f"{self.name}_reasoning_order{hard}": name for hard, name in names if name in found}


def puzzle_checks(means: Rows, goal: str | None) -> list[Check]:
    """The paper's claims, and what this project wants of its networks.

    Args:
        means: over seeds.
        goal: the test set that masked diffusion is to solve; None: there is none.
    """
    checks = []
    for name, here in _boards(means).by("distribution").items():
        models = here.values("model")
        masked = standing_for(MASKED, models)
        margin, top, vanilla = (here.get(model=masked, decoder=rule) for rule in (MARGIN, TOP, VANILLA))
        if not (margin and top and vanilla):
            continue
        arms = {
            arm: here.get(model=standing_for(arm, models), decoder=OWN_ORDER)
            for arm in (ARM_FIXED, ARM_RANDOM, ARM_SOLVER)
        }
        if name == goal:
            checks.append(
                Check(
                    text=f"{name}: masked diffusion by margin",
                    expected=f"at least {_GOAL:.0%} of the boards",
                    measured=_percent(margin),
                    met=margin.value >= _GOAL,
                )
            )
        checks.append(_above(f"{name}: margin above vanilla", margin, vanilla))
        checks += [
            _above(f"{name}: margin above the equally large {arm.name}", margin, row)
            for arm, row in arms.items()
            if row
        ]
        fixed, solver = arms[ARM_FIXED], arms[ARM_SOLVER]
        if fixed and solver:
            checks.append(_above(f"{name}: an ARM gains by the solver's order", solver, fixed))
    return checks


def _above(text: str, better: Row, worse: Row) -> Check:
    return Check(
        text=text,
        expected="intervals apart",
        measured=f"{_percent(better)} against {_percent(worse)}",
        met=better.interval[0] > worse.interval[1],
    )


def _boards(means: Rows) -> Rows:
    """Boards right, one cell (or token) per call."""
    return means.where(metric=BOARD, swept=ONE_AT_A_TIME)


def _percent(row: Row | None) -> str:
    return cell(row, 1, 100.0, "%")


def _summary(rows: Rows) -> list[str]:
    summary = [
        "A puzzle has one solution, so a perfect model is certain of every cell at once and solves every board in any "
        "order. All that separates the rules is what a network cannot see in one pass: the order lets it take the easy "
        "cells first, and each of them makes others easy."
    ]
    if rows.where(model=[learner.name for learner in REASONERS]):
        summary.append(
            "Reasoners of fixed depth show that without training: 'peers' excludes the digits that a cell sees, "
            "'singles' also knows when a digit has one place left. Neither plans; the order of decoding does."
        )
    return summary


def _caveats(size: PuzzleSize) -> list[str]:
    pool = size.setting.pool
    caveats = [
        f"Training puzzles are made here ({'endlessly many, seen once' if pool is None else f'{pool:,}'}), without a "
        "superfluous clue unless the problem says otherwise; the paper's are 1.8 million of Radcliffe's collection "
        "(Sudoku) and 1.5 million of Shah et al. (Zebra). No test puzzle is a training puzzle up to symmetry.",
        "Autoregressive models of equal size train for as many operations as masked diffusion; a Sudoku takes them "
        "three tokens per cell, so they see at most a third of the puzzles. Answers are the likeliest tokens unless a "
        "rule is called 'sampled'; the paper does not say which it used.",
    ]
    if isinstance(size.problem, SudokuProblem) and size.problem.side == 4:
        caveats.append(
            "Puzzles of 4x4 with 5 clues fall into 96 classes up to symmetry, a quarter of which is kept for testing: "
            "intervals over boards understate what another choice of classes would change."
        )
    if isinstance(size.problem, ZebraProblem) and size.problem.compact:
        caveats.append(
            "Clues take four tokens here instead of ten or more"
            + (", are read as one position each" if size.setting.whole_clues else "")
            + (", and answers say the house of each value" if size.problem.asks == "house" else "")
            + "; all learners alike."
        )
    caveats.append(
        f"All networks are trained with {_OPTIMIZERS[size.setting.optimizer]}"
        + (", their inner layers asked too." if size.setting.deep_supervision else ".")
    )
    if size.setting.mask_draws > 1:
        caveats.append(
            f"Masked diffusion hides more answers than the paper's uniform number: the largest of "
            f"{size.setting.mask_draws} uniform draws."
        )
    shape = size.setting.shape
    if shape.loops > 1:
        caveats.append(
            f"Every network runs its {shape.layers} layers {shape.loops} times with the same weights; what is said of "
            "inner layers is said of the ends of these loops."
        )
    if any(learner.harder for learner in size.learners):
        caveats.append(
            "Of a network that learned from 'harder puzzles too' the hard ones are not beyond its training; no test "
            "puzzle is a training puzzle up to symmetry all the same."
        )
    hard = size.problem.hard
    if isinstance(size.problem, ZebraProblem) and hard is not None and hard[1] <= size.problem.levels[1]:
        caveats.append(
            f"The hard Zebras are those of the training law whose hardest step is {STRATEGY_NAMES[hard[0]]} or harder, "
            "not puzzles beyond it."
        )
    return caveats


def _paper_tables(means: Rows, numbers: dict[str, tuple[PuzzlesOfPaper, ...]]) -> list[TableItem]:
    boards, models = _boards(means), means.values("model")

    def here(name: str, paper: PuzzlesOfPaper) -> Row | None:
        return boards.get(distribution=name, model=standing_for(paper.learner, models), decoder=paper.decoder)

    return [
        TableItem(
            caption=f"{name}: the paper's rows, for puzzles and training of its own, beside ours. '-': not run at this "
            "scale.",
            header=["learner", "rule", "paper", "here"],
            rows=[
                [
                    paper.learner.name,
                    paper.decoder,
                    f"{paper.solved:.1%}",
                    _percent(here(name, paper)),
                ]
                for paper in papers
            ],
        )
        for name, papers in numbers.items()
    ]


def _main_table(means: Rows) -> TableItem:
    shown = means.where(metric=tuple(_SHORT), swept=ONE_AT_A_TIME, decoder=(*PAPERS, OWN_ORDER))
    return TableItem(
        caption="One cell per call. Cells are those left open by the puzzle; valid boards break no rule and no clue.",
        header=["puzzles", "learner", "rule", *_SHORT.values()],
        rows=[
            [*about, *(_percent(found.one(metric=metric)) for metric in _SHORT)]
            for about, found in shown.by("distribution", "model", "decoder").items()
        ],
    )


def _rule_tables(means: Rows) -> list[TableItem]:
    solved = means.where(metric=BOARD)
    models = [model for model in solved.values("model") if learner_named(model).kind == MASKED.kind]
    masked = solved.where(model=models)
    return [
        TableItem(
            caption=f"{name}: boards solved by every rule. Calls are means per board.",
            header=["rule", "setting", *(column for model in models for column in (f"{model}, calls", model))],
            rows=[
                [rule, f"{at:g} {swept}", *_both(found.where(distribution=name), models)]
                for (rule, swept, at), found in masked.by("decoder", "swept", "at").items()
            ],
        )
        for name in masked.values("distribution")
    ]


def _both(rows: Rows, models: Sequence[str]) -> list[str]:
    """Calls and boards solved of each model."""
    found = [rows.get(model=model) for model in models]
    return [text for row in found for text in (f"{row.calls:.1f}" if row and row.calls else "-", _percent(row))]
