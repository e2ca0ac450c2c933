"""The report on one masked model along many orders."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from analysis.figures.order_imbalance.along import CLOSER, EXPERIMENT_NAME, KINDS, NLL, UNIFORM
from analysis.figures.order_imbalance.own_order import RULES, SAVED
from analysis.figures.order_imbalance.plot import WORDS, draw_imbalance
from analysis.figures.order_imbalance.units import (
    OVER_CLOSER,
    OVER_IDENTITY,
    RANGE,
    SIZES,
    VARIANCE,
    ImbalanceSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell, show
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.gap_closed import GAP_CLOSED, PUBLISHED
from analysis.measures.learner import ARM_NATURAL, spoken_learners
from analysis.measures.text_data import CHAIN, PYTHON
from lo_theory.samplers.menu import MARGIN

PAPER = (3.171, 3.212, 3.245)
"""Nats per token of the paper's masked model along the identity, closer and uniform orders (Fig. 2, right)."""
_PUBLISHED = 0.49  # largest nats per token between orders, arXiv 2606.00997
_ROUNDING = 1e-9


def figures(rows: Rows, size: ImbalanceSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_imbalance(rows)}


def report(run: Run[ImbalanceSize]) -> Report:
    """What the rows say."""
    size, found = run.size, combine_seeds(run.rows)
    return Report(
        title="One masked model along many orders",
        summary=[
            "A masked model answers every subproblem, so it gives a likelihood along every order. The paper finds "
            f"{', '.join(f'{value:g}' for value in PAPER)} nats per token from left to right, along closer and along "
            "uniform orders: the order from left to right is the easy one even for a model that was trained on all.",
            "The likelihoods here are exact along each order, by the chain rule, token by token; every sequence has "
            "orders of its own, and differences are taken sequence by sequence. On a Markov chain the exact posterior "
            "stands beside the network: its likelihood is one number whatever the order.",
        ],
        checks=imbalance_checks(found),
        sections=[
            Section(
                title="Three kinds of orders",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Above: nats per token of held-out windows; below: what an order costs more than left "
                        f"to right, paired. {size.windows} windows of {size.setting.length} tokens, a closer order is "
                        f"the identity after {size.setting.length // 10} swaps.",
                        alt="Two columns, text and chain: cost by kind of order, and the paired excess.",
                    )
                ],
                tables=[_table(found)],
            ),
            *_own_orders(found),
        ],
        caveats=[
            "The network is small and briefly trained; differences between orders grow and shrink with training.",
            f"Windows are {size.setting.length} tokens long, the paper's 2048: a closer order has fewer swaps here.",
            f"The published diagnostic, up to {_PUBLISHED} nats per token between orders of one sequence, is of other "
            "models on other text.",
        ],
        names=spoken_learners([row.model for row in found]),
    )


def imbalance_checks(rows: Rows) -> list[Check]:
    """What was expected before anything was run."""
    control = rows.where(model=CONTROL, metric=[OVER_IDENTITY, OVER_CLOSER, RANGE])
    worst = max((abs(row.value) for row in control), default=0.0)
    checks = [
        Check(
            text="control: the exact posterior of the chain, differences between orders and ranges over them",
            expected="0 up to rounding",
            measured=f"at most {worst:.1e} nats" if control else "not measured",
            met=worst < _ROUNDING if control else None,
        )
    ]
    for name in (PYTHON, CHAIN):
        own = rows.where(distribution=name, model=MDM)
        pair = own.get(metric=OVER_IDENTITY, decoder=CLOSER), own.get(metric=OVER_CLOSER, decoder=UNIFORM)
        first, second = pair
        known = first is not None and second is not None
        checks.append(
            Check(
                text=f"{name}: a masked network costs more along closer orders than from left to right, and more along "
                "uniform ones than along closer ones",
                expected=f"both above 0 (paper: {PAPER[1] - PAPER[0]:.3f} and {PAPER[2] - PAPER[1]:.3f})",
                measured=", ".join(show(row, 4) for row in pair if row is not None) or "not measured",
                met=first.interval[0] > 0 and second.interval[0] > 0 if first and second and known else None,
            )
        )
    return [*checks, _varies(rows), *_closes(rows)]


def _varies(rows: Rows) -> Check:
    row = rows.get(distribution=PYTHON, model=MDM, metric=VARIANCE, decoder=UNIFORM)
    return Check(
        text=f"{PYTHON}: the likelihood of one sequence varies between uniform orders",
        expected=f"a standard deviation above 0.01 nats per token (published, of other models: up to {_PUBLISHED})",
        measured="not measured" if row is None else f"{math.sqrt(row.value):.4f}",
        met=None if row is None else math.sqrt(row.value) > 0.01,
    )


def _closes(rows: Rows) -> list[Check]:
    """Expected when nothing had been measured along orders of a network's own."""
    shares = [(name, rows.get(distribution=name, decoder=MARGIN, metric=GAP_CLOSED)) for name in (PYTHON, CHAIN)]
    return [
        Check(
            text=f"{name}: along margin's own order a masked network costs less than its bound, and closes less than "
            "the largest published share of the gap to an autoregressive one",
            expected=f"a share whose interval is above 0, below {PUBLISHED[1]:.0%}",
            measured=show(share, 1, 100.0, "%"),
            met=share.interval[0] > 0 and share.value < PUBLISHED[1],
        )
        for name, share in shares
        if share is not None
    ]


def _own_orders(rows: Rows) -> list[Section]:
    """Nothing in runs that did not measure them."""
    lines = [
        [name, rule, *(cell(rows.get(distribution=name, decoder=rule, metric=metric), 4) for metric in (NLL, SAVED)),
         show(share, 1, 100.0, "%")]
        for name in (PYTHON, CHAIN)
        for rule in RULES
        if (share := rows.get(distribution=name, decoder=rule, metric=GAP_CLOSED)) is not None
    ]  # fmt: skip
    if not lines:
        return []
    gaps = [
        f"{name}: {show(gap, 4)}"
        for name in (PYTHON, CHAIN)
        if (gap := rows.get(distribution=name, model=ARM_NATURAL.name, metric=SAVED)) is not None
    ]
    return [
        Section(
            title="Orders of its own",
            paragraphs=[
                "A rule that draws nothing reveals every window along one path, and the product of the answers along "
                "it is a likelihood. It stands beside the bound, the mean over uniform orders, and an autoregressive "
                f"network of equal FLOPs, which is below the bound by, in nats per token, {'; '.join(gaps)}. The share "
                "of that gap is a quotient of means over the same windows of one network, with Fieller's interval "
                f"(arXiv 2603.01367, of other models and in perplexity: up to {PUBLISHED[0]:.0%} and "
                f"{PUBLISHED[1]:.0%})."
            ],
            tables=[
                TableItem(
                    caption="Masked networks along the orders that they decode in, one token per call.",
                    header=["text", "order", "cost", "below the bound", "share of the gap closed"],
                    rows=lines,
                )
            ],
        )
    ]


def _table(rows: Rows) -> TableItem:
    about = list(dict.fromkeys((row.distribution, row.model) for row in rows.where(metric=NLL)))
    lines = []
    for name, model in about:
        for kind in KINDS:
            own = rows.where(distribution=name, model=model, decoder=kind)
            if own:
                variance = own.get(metric=VARIANCE)
                deviation = "-" if variance is None else f"{math.sqrt(max(variance.value, 0.0)):.4f}"
                cells = [cell(own.get(metric=metric), 4) for metric in (NLL, OVER_IDENTITY, OVER_CLOSER, RANGE)]
                lines.append([name, model, WORDS[kind], *cells, deviation])
    return TableItem(
        caption="Nats per token along each kind of order, paired differences, and how orders of one sequence differ.",
        header=[
            "text", "model", "orders", "cost", "over left to right", "over closer", "range over orders",
            "deviation over orders",
        ],
        rows=lines,
    )  # fmt: skip


EXPERIMENT = Experiment(name="order-imbalance", sizes=SIZES, units=units, figures=figures, report=report)
