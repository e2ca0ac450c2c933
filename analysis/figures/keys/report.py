"""The report on keys of attention."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.keys.plateau import ENOUGH, STEPS, WORDS
from analysis.figures.keys.plot import draw_keys, draw_plateau
from analysis.figures.keys.units import EXPERIMENT_NAME, SIZES, KeysSize, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Row, Rows
from analysis.measures.subproblems import PROBLEMS, of_kind
from analysis.measures.task_error import KL
from lo_theory.samplers.menu import MARGIN, VANILLA

_COIN = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
_PLATEAU = f"{EXPERIMENT_NAME}_plateau"


def figures(rows: Rows, size: KeysSize) -> dict[str, Figure]:
    """Errors and boards, and steps."""
    return {EXPERIMENT_NAME: draw_keys(rows), _PLATEAU: draw_plateau(rows)}


def key_checks(rows: Rows) -> list[Check]:
    """A network that sees what is visible is the better one, seed by seed.

    Written down before any run, after the loss of one network of 24 tokens. What is inferred was the doubtful part:
    hidden tokens cannot pass messages to one another so.
    """
    return [
        Check(
            text=f"{name}: {kind}",
            expected=f"keys from {WORDS['visible']}: {'lower' if swept else 'higher'} at every seed",
            measured=" against ".join(_spoken(part, swept) for part in pair),
            met=all((a.value < b.value) if swept else (a.value > b.value) for a, b in zip(*pair, strict=True)),
        )
        for name, kind, swept, pair in _pairs(rows)
    ]


def plateau_checks(rows: Rows) -> list[Check]:
    """In the natural order keys from the latents alone need fewer steps, and the more so the more masks there are.

    Written down before these runs, after trainings at (20, 80) and (40, 260).
    """
    found, factors = list[Check](), list[float]()
    for at in rows.where(metric=STEPS).values("at"):
        few, every = (
            [row.value for row in rows.where(metric=STEPS, at=at, model=WORDS[keys])] for keys in ("visible", "all")
        )
        factors.append(float(np.median(every) / np.median(few)))
        found.append(
            Check(
                text=f"natural order, P = {at:g}: steps until observations are learned",
                expected=f"keys from {WORDS['visible']}: fewer at every seed",
                measured=f"{', '.join(f'{n:g}' for n in few)} against {', '.join(f'{n:g}' for n in every)}",
                met=all(a < b for a, b in zip(few, every, strict=True)),
            )
        )
    if len(factors) > 1:
        found.append(
            Check(
                text="natural order: factor between the medians, from the smallest P to the largest",
                expected="ascending",
                measured=", ".join(f"{factor:.2f}" for factor in factors),
                met=factors == sorted(factors),
            )
        )
    return found


def _pairs(rows: Rows) -> list[tuple[str, str, bool, tuple[list[Row], list[Row]]]]:
    """Distribution, subproblem or rule, whether it is an error, and the rows of both kinds of keys by seed."""
    found = []
    for name in rows.values("distribution"):
        for kind in (*PROBLEMS, MARGIN, VANILLA):
            own = of_kind(rows.where(distribution=name), kind)
            if own:
                pair = [
                    sorted(own.where(model=WORDS[keys]), key=lambda row: row.seed or 0) for keys in ("visible", "all")
                ]
                found.append((name, kind, own[0].metric == KL, (pair[0], pair[1])))
    return found


def _spoken(rows: list[Row], error: bool) -> str:
    return ", ".join(f"{row.value:.4f}" if error else f"{row.value:.1%}" for row in rows)


def report(run: Run[KeysSize]) -> Report:
    """What the rows say."""
    setting = run.size.setting
    return Report(
        title="Keys of attention: all tokens, or the visible ones",
        summary=[
            f"Networks of {setting.layers} layers of width {setting.width}, {setting.steps} steps of "
            f"{setting.batch_size} sequences of ({setting.n_latents}, {setting.n_observations}), {run.size.seeds} "
            f"seed{'s' * (run.size.seeds > 1)}. Both kinds have the same weights at the start, rows and masks. With "
            "keys from visible tokens alone a hidden token attends to those and to itself, in every layer.",
            "An observation whose latents are all visible is computed. Others, and latents, are inferred.",
        ],
        checks=key_checks(run.rows.of(EXPERIMENT_NAME)) + plateau_checks(run.rows.of(EXPERIMENT_NAME)),
        sections=[
            Section(
                title="Errors and solved boards",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="KL(posterior || network) under uniform masks of every size: of observations whose "
                        "latents are all visible, which are computed, of others, and of latents. Boards of the puzzle "
                        "that are solved. Squares: means over seeds with 95% intervals; dots: seeds.",
                        alt="A panel per distribution with errors of three subproblems, and one of solved boards, for "
                        "both kinds of keys.",
                    )
                ],
                tables=[_table(run.rows.of(EXPERIMENT_NAME))],
            ),
            Section(
                title="The natural order",
                paragraphs=[
                    "All rows have all latents visible and every observation masked, "
                    f"N = {run.size.plateau.n_latents}. Observations count as learned when ten steps in a row cost "
                    f"less than {ENOUGH:g} nats each on average. Who always says how often each value comes pays "
                    f"{_COIN:.2f}."
                ],
                figures=[
                    FigureItem(
                        path=run.figures[_PLATEAU].svg,
                        caption="Steps of training until observations are learned. Squares: medians over seeds; dots: "
                        "seeds.",
                        alt="Steps against P on a logarithmic axis, a line for each kind of keys.",
                    )
                ],
            ),
        ],
        caveats=[
            "Equal steps, not equal operations: fewer keys are fewer products, which are not counted here.",
            "Sizes are small; how the two compare when both have learned all there is, is not said.",
        ],
    )


def _table(rows: Rows) -> TableItem:
    lines = []
    for name, kind, error, pair in _pairs(rows):
        shown = [combine_seeds(Rows(part))[0] for part in pair]
        lines.append([name, kind, *(show(row, 4) if error else show(row, 1, 100.0, "%") for row in shown)])
    return TableItem(
        caption="Nats per hidden token, or solved boards; 95% intervals.",
        header=["distribution", "subproblem or rule", f"keys: {WORDS['visible']}", f"keys: {WORDS['all']}"],
        rows=lines,
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
"""What a network gains whose hidden tokens are no keys for others."""
