"""The report on reasoners of fixed depth: what the order of decoding does for them, at 9x9 and without training."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.reasoners.checks import reasoner_checks
from analysis.figures.reasoners.menu import BEYOND_ALL, NOISY, ORDERS, SETS, SOLVABLE
from analysis.figures.reasoners.plot import draw_reasoner_noise, draw_reasoner_orders
from analysis.figures.reasoners.rows import (
    ANNEALED,
    CONSTANT,
    EXPERIMENT_NAME,
    FIRST_RIGHT,
    GUESSES,
    LATER_RIGHT,
    NATS,
    NEEDING,
    REMASKED,
    TOP_EXCESS,
)
from analysis.figures.reasoners.units import SIZES, ReasonersSize, units
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import FigureItem, Report, Section, TableItem, cell, show
from analysis.lab.rows import Rows
from analysis.puzzles.judging import BOARD
from analysis.puzzles.paper import TABLE_2, TABLE_5
from lo_theory.samplers.menu import IN_CALLS, MARGIN, ONE_EACH, TOP

PAPER = {SOLVABLE: TABLE_2, BEYOND_ALL: TABLE_5}
"""The paper's tables, by the set whose law is nearest to theirs."""
_ORDERS, _NOISE = "reasoner_orders", "reasoner_noise"


def figures(rows: Rows, size: ReasonersSize) -> dict[str, Figure]:
    """Every order on every set; noise, guesses and calls on one."""
    return {_ORDERS: draw_reasoner_orders(rows, PAPER), _NOISE: draw_reasoner_noise(rows)}


def report(run: Run[ReasonersSize]) -> Report:
    """What the rows say."""
    rows = run.rows.where(experiment=EXPERIMENT_NAME)
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
        checks=reasoner_checks(rows),
        sections=[_every_order(run, rows), _noise_and_calls(run, rows)],
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


def _every_order(run: Run[ReasonersSize], rows: Rows) -> Section:
    told = "Boards solved with one cell per call"
    return Section(
        title="Every order",
        paragraphs=[
            "Chances are exact along the order: with drawn digits a board is solved with probability prod 1/c over its "
            "guesses among c candidates, the decoder being led along the solution.",
        ],
        figures=[
            FigureItem(
                path=run.figures[_ORDERS].svg,
                caption=f"{told}: mean over boards of the exact chance along the order, 95% intervals. Crosses are the "
                "paper's networks (6 million weights, 50 calls, noise 0.5), on Radcliffe's puzzles.",
                alt=told,
            )
        ],
        tables=[_orders_table(rows, name) for name in SETS],
    )


def _noise_and_calls(run: Run[ReasonersSize], rows: Rows) -> Section:
    return Section(
        title="Guesses, noise, calls",
        paragraphs=[
            "With noise of scale s the next cell has weight exp(score / s). A cell with two candidates lies below a "
            "certain one by 1/2 in top probability, by log 2 in log-probability, by 1 in margin: it is as light under "
            "margin with noise s as under top probability with s / 2. The code that the paper builds on adds its noise "
            "to the log-probability.",
            "The reference code answers every cell at every call and masks the worst again. These reasoners are "
            "certain of every digit that stands on the board, right or wrong, so a digit is never overwritten; one is "
            "masked again only by noise, or where certain cells tie.",
        ],
        figures=[
            FigureItem(
                path=run.figures[_NOISE].svg,
                caption="The singles reasoner on levels 2-8. Above: Gumbel noise on the scores and the early guesses "
                "that it causes, counted and predicted. Below: the first guess of the boards that need one, and "
                "budgets of calls, tokens by argmax.",
                alt="The singles reasoner on levels 2-8: under noise, its early and its first guesses, with few calls.",
            )
        ],
        tables=[_account_table(rows), *(_noise_table(rows, s) for s in (CONSTANT, ANNEALED)), _calls_table(rows)],
    )


def _widest(rows: Rows) -> str:
    """Where margin is furthest ahead, beside the paper's gap."""
    ahead = rows.where(metric=TOP_EXCESS, distribution=SOLVABLE, swept=(CONSTANT, ANNEALED), decoder=MARGIN)
    widest = min(ahead, key=lambda row: row.value)
    paper = {number.decoder: number.solved for number in TABLE_2}
    return (
        f"At its widest, under {widest.swept} {widest.at:g}, margin leads by {-100 * widest.value:.0f} points; in the "
        f"paper's Table 2 it leads by {100 * (paper[MARGIN] - paper[TOP]):.0f}."
    )


def _orders_table(rows: Rows, name: str) -> TableItem:
    found = rows.where(metric=BOARD, distribution=name, swept=ONE_EACH, method="chain")
    models = [model for model in ("peers", "singles", "strategies") if found.where(model=model)]
    return TableItem(
        caption=f"{name}: boards solved, one cell per call.",
        header=["order", *models],
        rows=[
            [order, *(cell(found.get(decoder=order, model=model), 1, 100.0, "%") for model in models)]
            for order in ORDERS
            if found.where(decoder=order)
        ],
    )


def _account_table(rows: Rows) -> TableItem:
    metrics = (NEEDING, GUESSES, NATS, FIRST_RIGHT, LATER_RIGHT)
    singles = rows.where(model="singles", swept=ONE_EACH)
    lines = [
        [name, order, *(cell(found.get(metric=metric)) for metric in metrics)]
        for name in SETS
        for order in ORDERS
        if (found := singles.where(distribution=name, decoder=order)).where(metric=NEEDING)
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


def _noise_table(rows: Rows, schedule: str) -> TableItem:
    singles = rows.where(distribution=SOLVABLE, swept=schedule, model="singles")
    solved, excess = singles.where(metric=BOARD), singles.where(metric=TOP_EXCESS, decoder=MARGIN)
    return TableItem(
        caption=f"Boards of {SOLVABLE} that the singles reasoner solves, {schedule}; the difference is paired.",
        header=["coefficient", *NOISY, "top probability minus margin"],
        rows=[
            [
                f"{at:g}",
                *(show(solved.one(decoder=name, at=at), 2, 100.0, "%") for name in NOISY),
                show(excess.one(at=at), 2, 100.0, "%"),
            ]
            for at in sorted(solved.where(decoder=TOP).values("at"))
        ],
    )


def _calls_table(rows: Rows) -> TableItem:
    found = rows.where(distribution=SOLVABLE, swept=IN_CALLS)
    solved, again = found.where(metric=BOARD), found.where(metric=REMASKED)
    budgets = sorted(solved.values("at"))
    last = budgets[-1] if budgets else 0.0
    return TableItem(
        caption=f"Boards of {SOLVABLE} that the singles reasoner solves by number of calls; cells masked again per "
        f"board, with {last:g} calls.",
        header=["rule", *(f"{at:g} calls" for at in budgets), "masked again"],
        rows=[
            [
                rule,
                *(show(solved.one(decoder=rule, at=at), 1, 100.0, "%") for at in budgets),
                cell(again.get(decoder=rule, at=last), 1),
            ]
            for rule in solved.values("decoder")
        ],
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
