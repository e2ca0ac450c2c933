"""Identity I1: along every order the exact conditionals of a sequence cost the same; a trained network's do not.

With deterministic observations and a uniform prior a sequence costs N log m nats, whatever the order and the sequence;
with a general prior minus its log prior, with a noisy channel the log of that in addition. No order is harder than
another *in total* for a learner that computes conditionals: what an order-agnostic learner loses it loses to learning
and computing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from analysis.experiment import run_units, write_tables
from analysis.networks.learners import MDM, LearnerUnit, masked_denoiser, order_of
from analysis.plots.orders import draw_orders
from analysis.plots.style import CONTROL, SavedFigure, save_figure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Row, Subject, combine_seeds
from analysis.scales import DISTRIBUTIONS, SCALES, ScaleName
from analysis.store import StoredUnit
from analysis.theory.identity import ERROR, EXPERIMENT, KINDS, IdentityUnit
from lo_theory.estimate import mean_estimate
from lo_theory.likelihood import chain_nll

CUMULATED, SMALLEST, LARGEST = "cumulated_nats", "smallest_cumulated_nats", "largest_cumulated_nats"
TOTAL, OVER_ORDERS = "total_nats", "spread_over_orders_nats"
SHOWN = ("arm natural", "arm reversed", "pi closer 0", "pi uniform 0")
_TEST = 2  # stream of test rows, as in analysis.networks.learners


@dataclass(frozen=True, kw_only=True)
class OrdersUnit(LearnerUnit):
    """Losses of one model along several orders: the exact posterior, or a masked diffusion model trained here.

    Attributes:
        random_orders: uniform orders behind the spread of the totals, the shown one among them.
    """

    random_orders: int

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Cumulated losses along the shown orders, and totals along all."""
        distribution = self.build()
        rows = distribution.rows(self.sample_seed(_TEST), 0, self.setting.test_rows)
        tokens, about = torch.from_numpy(rows.astype(np.int64)), self.about(distribution)
        denoiser = masked_denoiser(self, distribution, directory, device)
        names = [*SHOWN, *(f"pi uniform {i}" for i in range(1, self.random_orders))]
        totals = []
        for name in names:
            nats = chain_nll(denoiser, tokens, order_of(name, distribution, self.setting.structure_seed))
            totals.append(nats.sum(axis=1))
            yield _estimate(about, TOTAL, name, totals[-1])
            if name in SHOWN:
                yield from _path(about, name, nats)
        spread = np.ptp(np.stack(totals), axis=0)
        yield replace(_estimate(about, OVER_ORDERS, None, spread), method="chain")


def _path(about: Subject, name: str, nats: Float64[np.ndarray, "n L"]) -> Iterator[Row]:
    """Mean, smallest and largest cumulated loss after every step."""
    cumulated = np.concatenate([np.zeros((len(nats), 1)), nats.cumsum(axis=1)], axis=1)
    for step, values in enumerate(cumulated.T):
        at = {"swept": "revealed tokens", "at": float(step)}
        yield replace(_estimate(about, CUMULATED, name, values), **at)
        for metric, end in ((SMALLEST, values.min()), (LARGEST, values.max())):
            row = _estimate(about, metric, name, values)
            yield replace(row, value=float(end), standard_error=0.0, **at)


def _estimate(about: Subject, metric: str, name: str | None, values: Float64[np.ndarray, "n"]) -> Row:
    estimate = asdict(mean_estimate(values, "chain"))
    return Row(**asdict(about), experiment=EXPERIMENT, metric=metric, decoder=name, **estimate)


_SIZES: dict[ScaleName, tuple[int, int, int]] = {
    "smoke": (60, 256, 1),
    "small": (400, 1024, 3),
    "paper": (2000, 1024, 3),
}
_RANDOM_ORDERS = 8


@dataclass(frozen=True, kw_only=True)
class OrdersExperiment:
    """The identity, and one network against it.

    Attributes:
        scale: random distributions per kind, test rows, training runs; NAE-SAT alone at "smoke", else all three
            distributions of the hardness experiment, in its sizes.
        directory: for rows, checkpoints, figure and report; finished units in it are kept and skipped.
        jobs: units computed at once; all processors if not given.
        device: of the networks.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[OrdersUnit | IdentityUnit]:
        """The trained networks first: they take longest."""
        distributions, rows, seeds = _SIZES[self.scale]
        setting = replace(SCALES[self.scale].learning, test_rows=rows)
        names = list(DISTRIBUTIONS)[: 1 if self.scale == "smoke" else None]
        learners = [
            OrdersUnit(distribution=name, model=model, seed=seed, setting=setting, random_orders=_RANDOM_ORDERS)
            for model, runs in ((MDM, seeds), (CONTROL, 1))
            for seed in range(runs)
            for name in names
        ]
        return [*learners, *(IdentityUnit(kind=kind, distributions=distributions) for kind in KINDS)]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write tables and report; returns the report's file."""
        started = time.perf_counter()
        name = f"orders {self.scale}"
        units = run_units(self.units, self.directory, name=name, jobs=self.jobs, device=self.device)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        setting = SCALES[self.scale].learning
        floor = setting.n_latents * math.log(2)
        figure = save_figure(draw_orders(rows, floor), self.directory / "figures", "orders")
        minutes = (time.perf_counter() - started) / 60
        return write_report(self.directory, _report(rows, units, figure, self.scale, minutes, floor))


def _report(
    rows: Sequence[Row],
    units: Sequence[StoredUnit],
    figure: SavedFigure,
    scale: ScaleName,
    minutes: float,
    floor: float,
) -> Report:
    setting = SCALES[scale].learning
    return Report(
        title="Every order costs the same, for whoever computes the conditionals",
        summary=[
            "Summed along any order, the exact conditional losses of a sequence are minus its log-probability: "
            f"N log 2 = {floor:.4f} nats for every sequence of a deterministic distribution on {setting.n_latents} "
            "fair bits. Orders differ in where this is paid. A trained order-agnostic network pays more, and not "
            "the same along all orders: its gap is one of learning or computation, none of information."
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(rows, floor),
        sections=[
            Section(
                title="Losses along orders",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Left: cumulated loss of the exact posterior, mean over test sequences; bands reach "
                        "from the smallest to the largest. Middle: the same of a trained network, bands of 95%. Right: "
                        "totals along these and further random orders with 95% intervals.",
                        alt="Two panels of cumulated loss against revealed tokens, and a dot plot of totals by order.",
                    )
                ],
                tables=[_identity_table(rows), _total_table(rows)],
            )
        ],
        units=units,
        caveats=[
            f"N = {setting.n_latents}, P = {setting.n_observations}, {setting.steps} training steps: a longer training "
            "makes all totals smaller; the identity holds of any model whose conditionals are those of one "
            "distribution, right or wrong.",
            "Intervals at one seed are over test sequences and do not cover the spread between trainings.",
        ],
    )


def _checks(rows: Sequence[Row], floor: float) -> list[Check]:
    errors = {r.distribution: r.value for r in rows if r.metric == ERROR}
    totals = [r for r in rows if r.metric == TOTAL]
    exact = max(abs(r.value - floor) for r in totals if r.model == CONTROL)
    spread = {
        r.model: r for r in combine_seeds([r for r in rows if r.metric == OVER_ORDERS and r.distribution == "NAE-SAT"])
    }
    checks = [
        Check(
            text=f"random distributions, {kind}: largest deviation of a total from the sum over tokens",
            expected="below 1e-9 nats",
            measured=f"{error:.1e} nats",
            met=error < 1e-9,
        )
        for kind, error in errors.items()
    ]
    return [
        *checks,
        Check(
            text="exact posterior: total along every order, mean over test sequences",
            expected=f"N log 2 = {floor:.6f} within 1e-9",
            measured=f"at most {exact:.1e} nats away",
            met=exact < 1e-9,
        ),
        Check(
            text="NAE-SAT, one sequence: largest minus smallest total over the orders",
            expected="exact posterior below 1e-9 nats, trained network above 0.1",
            measured=f"{spread[CONTROL].value:.1e} against {show(spread[MDM])}",
            met=spread[CONTROL].value < 1e-9 and spread[MDM].interval[0] > 0.1,
        ),
    ]


def _identity_table(rows: Sequence[Row]) -> TableItem:
    return TableItem(
        caption="Identity on random distributions.",
        header=["distributions with", "totals", "largest error, nats"],
        rows=[[r.distribution, str(r.samples), f"{r.value:.1e}"] for r in rows if r.metric == ERROR],
    )


def _total_table(rows: Sequence[Row]) -> TableItem:
    means = combine_seeds([r for r in rows if r.metric == TOTAL])
    return TableItem(
        caption="Mean total along each order, nats per sequence.",
        header=["distribution", "model", "order", "total"],
        rows=[[r.distribution, r.model, str(r.decoder), show(r, 4)] for r in means],
    )
