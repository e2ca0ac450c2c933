"""The report on the likelihood along different orders."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.orders.plot import draw_orders
from analysis.figures.orders.units import (
    ERROR,
    EXPERIMENT_NAME,
    OVER_ORDERS,
    SHOWN_DISTRIBUTION,
    SIZES,
    TOTAL,
    OrdersSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import CONTROL, MDM, Rows


def figures(rows: Rows, size: OrdersSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_orders(rows, size.floor)}


def report(run: Run[OrdersSize]) -> Report:
    """What the rows say."""
    setting, floor = run.size.setting, run.size.floor
    return Report(
        title="Every order costs the same, for whoever computes the conditionals",
        summary=[
            "Summed along any order, the exact conditional losses of a sequence are minus its log-probability: "
            f"N log 2 = {floor:.4f} nats for every sequence of a deterministic distribution on {setting.n_latents} "
            "fair bits. Orders differ in where this is paid. A trained order-agnostic network pays more, and not "
            "the same along all orders: its gap is one of learning or computation, none of information."
        ],
        checks=_checks(run.rows, floor),
        sections=[
            Section(
                title="Losses along orders",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Left: cumulated loss of the exact posterior, mean over test sequences; bands reach "
                        "from the smallest to the largest. Middle: the same of a trained network, bands of 95%. Right: "
                        "totals along these and further random orders with 95% intervals.",
                        alt="Two panels of cumulated loss against revealed tokens, and a dot plot of totals by order.",
                    )
                ],
                tables=[_identity_table(run.rows), _total_table(run.rows)],
            )
        ],
        caveats=[
            f"N = {setting.n_latents}, P = {setting.n_observations}, {setting.steps} training steps: a longer training "
            "makes all totals smaller; the identity holds of any model whose conditionals are those of one "
            "distribution, right or wrong.",
            "Intervals at one seed are over test sequences and do not cover the spread between trainings.",
        ],
    )


def _checks(rows: Rows, floor: float) -> list[Check]:
    away = max(abs(row.value - floor) for row in rows.where(metric=TOTAL, model=CONTROL))
    spreads = combine_seeds(rows.where(metric=OVER_ORDERS, distribution=SHOWN_DISTRIBUTION))
    exact, trained = spreads.one(model=CONTROL), spreads.one(model=MDM)
    return [
        *(
            Check(
                text=f"random distributions, {row.distribution}: largest deviation of a total from the sum over tokens",
                expected="below 1e-9 nats",
                measured=f"{row.value:.1e} nats",
                met=row.value < 1e-9,
            )
            for row in rows.where(metric=ERROR)
        ),
        Check(
            text="exact posterior: total along every order, mean over test sequences",
            expected=f"N log 2 = {floor:.6f} within 1e-9",
            measured=f"at most {away:.1e} nats away",
            met=away < 1e-9,
        ),
        Check(
            text=f"{SHOWN_DISTRIBUTION}, one sequence: largest minus smallest total over the orders",
            expected="exact posterior below 1e-9 nats, trained network above 0.1",
            measured=f"{exact.value:.1e} against {show(trained)}",
            met=exact.value < 1e-9 and trained.interval[0] > 0.1,
        ),
    ]


def _identity_table(rows: Rows) -> TableItem:
    return TableItem(
        caption="Identity on random distributions.",
        header=["distributions with", "totals", "largest error, nats"],
        rows=[[row.distribution, str(row.samples), f"{row.value:.1e}"] for row in rows.where(metric=ERROR)],
    )


def _total_table(rows: Rows) -> TableItem:
    return TableItem(
        caption="Mean total along each order, nats per sequence.",
        header=["distribution", "model", "order", "total"],
        rows=[
            [row.distribution, row.model, str(row.decoder), show(row, 4)]
            for row in combine_seeds(rows.where(metric=TOTAL))
        ],
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
