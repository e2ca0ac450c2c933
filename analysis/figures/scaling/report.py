"""The report on scaling: what equal compute buys, laws where they are known, and the horizontal gap beside others'."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures.scaling.checks import goal_checks, scaling_checks
from analysis.figures.scaling.iso_flop import fit_scaling_law
from analysis.figures.scaling.losses import bests, curve, kinds, lawful, losses, mean_loss, texts
from analysis.figures.scaling.plot import ORDERS_FIGURE, draw_orders, draw_scaling, gap_of, spoken_text
from analysis.figures.scaling.units import EPOCHS, EXPERIMENT_NAME, SECONDS, SIZES, ScalingSize, units
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import FigureItem, Report, Section, TableItem
from analysis.lab.rows import Rows
from analysis.measures.text_learners import spoken_text_learners
from analysis.measures.text_networks import EXCESS

PUBLISHED = (
    ("MDM over ARM", "SMDM, arXiv 2410.18514", "16"),
    ("MDM-Prime-v2 over ARM", "arXiv 2603.16077", f"1 / 21.8 = {1 / 21.8:.3f}"),
)
"""Compute for the same loss, as two papers claim it: of a plain masked model, and of one that masks binary digits."""


def figures(rows: Rows, size: ScalingSize) -> dict[str, Figure]:
    """One figure, and one on numbers of orders where they are measured."""
    return {EXPERIMENT_NAME: draw_scaling(rows)} | ({ORDERS_FIGURE: draw_orders(rows)} if size.orders else {})


def report(run: Run[ScalingSize]) -> Report:
    """What the rows say."""
    size = run.size
    return Report(
        title="Scaling: what equal compute buys on text",
        summary=[
            "At one budget of floating-point operations networks of several sizes are trained, each on as many tokens "
            "as the budget pays for, and measured on held-out text: an autoregressive model (ARM), a masked diffusion "
            "model (MDM), whose number is an upper bound, and pi-learners, which are ARMs of a shuffled sequence. All "
            "have learned positions.",
            "A best size is known only where it is neither the smallest nor the largest that was trained, and a law "
            "only where it is known at every budget: with one budget there is none.",
        ],
        checks=[*scaling_checks(run.rows), *goal_checks(run.rows, size.goals)],
        sections=_sections(run),
        caveats=[
            f"Windows of {size.length} tokens. The paper has 2,048; below 100 its orders 'much closer' have more swaps "
            "than 'closer'.",
            "The text is short: at larger budgets its tokens are met several times, as the table says. The chain draws "
            "new ones for ever.",
            "One learning rate, batch and recipe for all sizes and learners; a better one has another law.",
            "A window counts as one draw of a standard error, and all learners are measured on the same windows.",
            "Intervals of laws are over resampled runs, three at most: they are rough, and say nothing of whether the "
            "law holds.",
        ],
        names=spoken_text_learners(run.rows.values("model")),
    )


def _sections(run: Run[ScalingSize]) -> list[Section]:
    several = len(run.size.budgets) > 1
    main = Section(
        title="Loss by size and budget",
        figures=[
            FigureItem(
                path=run.figures[EXPERIMENT_NAME].svg,
                caption="Above: validation loss by number of weights at equal compute, with 95% intervals over "
                "windows; the best of a line is filled, the pale lines are small budgets. Below, where there are "
                "several budgets: the loss of the best size, hollow where that is an edge of what was trained.",
                alt="Loss against weights for an autoregressive and a masked model on a text and on a Markov chain.",
            )
        ],
        tables=[_law_table(run.rows), _gap_table(run.rows)] if several else [],
    )
    orders = Section(
        title="The number of orders",
        figures=[
            FigureItem(
                path=run.figures[ORDERS_FIGURE].svg,
                caption="Loss of the best size at one budget: one causal network that is told orders and trained on 1, "
                "2, 4, 16 or all of them, beside the ARM, the pi-learners of uniform orders and the MDM.",
                alt="Loss against the number of orders.",
            )
        ] if run.size.orders else [],
    )  # fmt: skip
    points = Section(title="Every point", tables=[_point_table(run.rows, name) for name in texts(run.rows)])
    return [main, *([orders] if run.size.orders else []), points]


def _law_table(rows: Rows) -> TableItem:
    lines = []
    for name in texts(rows):
        metric = lawful(rows, name)
        for kind in kinds(rows, name):
            found, law = bests(rows, name, kind, metric), fit_scaling_law(losses(curve(rows, name, kind, metric)))
            inside = f"{sum(best.interior for best in found)} of {len(found)}"
            what = "excess" if metric == EXCESS else "loss"
            ends = ["-", "-"]
            if law is not None:
                ends = [_with(law.size[1], law.size_interval), _with(law.loss[1], law.loss_interval)]
            lines.append([spoken_text(name), kind, what, inside, *ends])
    return TableItem(
        caption="Exponents in the budget C of the best size and of the loss there, 95% over resampled runs. None "
        "unless the best size is an interior one at every budget.",
        header=["text", "learner", "law of", "budgets with an interior best size", "size", "loss"],
        rows=lines,
    )


def _gap_table(rows: Rows) -> TableItem:
    lines = []
    for name in texts(rows):
        gap = gap_of(rows, name)
        where = "-" if gap is None else f"{gap.loss:.3f}{'' if gap.measured else ', on continued laws'}"
        number = "no law for both" if gap is None else _with(gap.value, (gap.low, gap.high))
        lines.append(["MDM over ARM", f"here, {spoken_text(name)}", number, where])
    lines += [[what, source, number, "-"] for what, source, number in PUBLISHED]
    return TableItem(
        caption="The horizontal gap: how many times the compute is needed for the same loss. Ours at the geometric "
        "middle of the losses that the MDM reached; of a chain, excess over its entropy.",
        header=["what", "where", "times the compute", "at a loss of"],
        rows=lines,
    )


def _point_table(rows: Rows, name: str) -> TableItem:
    has_floor = lawful(rows, name) == EXCESS
    return TableItem(
        caption=f"{spoken_text(name)}: means over the runs of a point, 95% over windows; nats per token.",
        header=["learner", "operations", "weights", "runs", "epochs", "seconds", "loss"] + ["excess"] * has_floor,
        rows=[
            line
            for kind in [*kinds(rows, name), *kinds(rows, name, any_order=True)]
            for line in _points(rows, name, kind, has_floor)
        ],
    )


def _points(rows: Rows, name: str, kind: str, has_floor: bool) -> list[list[str]]:
    over = curve(rows, name, kind, EXCESS) if has_floor else {}
    lines = []
    for budget, sizes in curve(rows, name, kind).items():
        for weights, runs in sizes.items():
            first = runs[0]
            beside = rows.where(distribution=name, model=first.model, seed=first.seed, at=budget, step=first.step)
            epochs, seconds = (beside.one(metric=metric).value for metric in (EPOCHS, SECONDS))
            lines.append(
                [kind, f"{budget:.1e}", f"{weights:.0f}", str(len(runs)), f"{epochs:.2f}", f"{seconds:.0f}", _of(runs)]
                + ([_of(over[budget][weights])] if has_floor else [])
            )
    return lines


def _of(runs: Sequence) -> str:
    mean, half = mean_loss(runs)
    return f"{mean:.4f} +- {half:.4f}"


def _with(value: float, ends: tuple[float, float]) -> str:
    return f"{value:.3g}" + ("" if math.isnan(ends[0]) else f" [{ends[0]:.3g}, {ends[1]:.3g}]")


EXPERIMENT = Experiment(
    name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report, growing=("small", "long", "paper")
)
