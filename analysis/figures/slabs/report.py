"""The report on random slabs: thresholds beside their formulas, expectations that can fail, overlaps by density."""

from __future__ import annotations

import math
import statistics

from matplotlib.figure import Figure

from analysis.figures.slabs.plot import draw_slabs
from analysis.figures.slabs.units import (
    ALGORITHMIC,
    AMP,
    CONVERGED,
    EVOLUTION,
    EXACT,
    EXPERIMENT_NAME,
    FIRST_MOMENT,
    INFORMATIVE,
    LINEARISED,
    NO_TEACHER,
    OVERLAP,
    SELF_OVERLAP,
    SIZES,
    WEAK_RECOVERY,
    SlabsSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Rows

_BELOW, _ABOVE = 0.85, 1.25  # of weak recovery and of the algorithmic density: far enough for N = 2,000
_AGREE = 0.1  # overlap
_CHANCE = 6.0  # times N^-1/2: a random vector exceeds it once in 10^9
_THRESHOLDS = {
    "weak recovery": WEAK_RECOVERY,
    "first moment": FIRST_MOMENT,
    "informative": INFORMATIVE,
    "exact": EXACT,
    "algorithmic": ALGORITHMIC,
}


def figures(rows: Rows, size: SlabsSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_slabs(rows)}


def report(run: Run[SlabsSize]) -> Report:
    """What the rows say."""
    rows, n = run.rows, run.size.n_latents
    return Report(
        title="Inference of latents from random slabs",
        summary=[
            "State evolution of Bayes-optimal inference (deterministic integrals) and approximate message passing "
            f"(AMP) on instances of N = {n}. The weak-recovery densities of closed form are those at which state "
            "evolution leaves zero. They are not where the latents are found: beyond them the overlap grows from zero, "
            "and jumps to one at the algorithmic density.",
            "Width 1 with both values visible is easy and hard at once: from weak recovery on, below any information "
            "bound, AMP in the limit is as good as the posterior and learns something; between the exact and the "
            "algorithmic density the posterior knows the latents and AMP does not. The other five problems have a "
            "window in which the latents are determined and AMP learns nothing at all.",
            "Hardness here is conjectural: it is a statement about AMP and what behaves like it.",
        ],
        checks=checks(rows, n),
        sections=[
            Section(
                title="Overlap with the latents",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Overlap by visible observations per latent: AMP from a random start on instances "
                        "(pale: each; dark: their mean with 95% interval), state evolution from no knowledge and the "
                        "best fixed point (lines). Shaded: the latents are determined and AMP does not reach them.",
                        alt="Six panels of overlap against density; lines jump to one, points follow the lower line.",
                    )
                ],
                tables=[
                    _threshold_table(rows),
                    *(_overlap_table(own, name) for name, own in combine_seeds(rows).by("distribution").items()),
                ],
            )
        ],
        caveats=[
            "The largest free entropy is the truth by theorem where both values are visible and by the planted form of "
            "the same formula, not proven here, for satisfied observations alone.",
            "The teacher is a stable fixed point of state evolution at every density, so a planted start keeps it and "
            "there is no spinodal of the informed branch.",
            f"At N = {n} thresholds are blurred, and near them AMP does not settle: see the tables. Above the "
            "algorithmic density single instances still defeat it, at times in a wrong vector of which it is certain "
            "(mean square near 1, overlap near 0).",
            "Slabs are even: latents are found up to one common sign, and overlaps are absolute values.",
        ],
    )


def checks(rows: Rows, n: int) -> list[Check]:
    """Two expectations on each problem's formulas, one on its instances of ``n`` latents, and one on the control.

    Raises:
        LookupError: a problem without a row of state evolution that these need.
    """
    problems = rows.by("distribution")
    return [
        *(check for name, own in problems.items() for check in _check_formulas(own, name)),
        *(_check_instances(own, name) for name, own in problems.items()),
        _check_control(rows, n),
    ]


def _check_formulas(rows: Rows, name: str) -> list[Check]:
    closed, linear, first = (_threshold(rows, name, metric) for metric in (WEAK_RECOVERY, LINEARISED, FIRST_MOMENT))
    easy = name.startswith("width 1,") and "both" in name
    side = "below" if easy else "above"
    return [
        Check(
            text=f"{name}: closed form of weak recovery is where state evolution leaves zero",
            expected=f"{closed:.4f} within 1e-4 of itself",
            measured=f"{linear:.4f}",
            met=abs(linear / closed - 1) < 1e-4,
        ),
        Check(
            text=f"{name}: weak recovery {side} the information bound",
            expected=f"{side} {first:.3f}",
            measured=f"{closed:.3f}",
            met=(closed < first) == easy,
        ),
    ]


def _check_instances(rows: Rows, name: str) -> Check:
    low = _BELOW * _threshold(rows, name, WEAK_RECOVERY)
    high = _ABOVE * _threshold(rows, name, ALGORITHMIC)
    away = {
        density: [abs(row.value - _nearest(rows, density)) for row in each]
        for density, each in rows.where(model=AMP, start="random", metric=OVERLAP).by("at").items()
        if not low <= density <= high
    }
    gaps = [gap for each in away.values() for gap in each]
    worst = max(map(statistics.median, away.values()), default=math.nan)
    apart = sum(gap > _AGREE for gap in gaps)
    return Check(
        text=f"{name}: AMP finds nothing below {low:.3f} and all above {high:.3f}, {len(away)} densities",
        expected=f"median instance within {_AGREE:g} of state evolution",
        measured=f"within {worst:.3f}; {apart} of {len(gaps)} instances are not" if gaps else "none",
        met=worst < _AGREE if gaps else None,
    )


def _check_control(rows: Rows, n: int) -> Check:
    overlaps = [row.value for row in rows.where(model=NO_TEACHER, metric=OVERLAP)]
    bound = _CHANCE / math.sqrt(n)
    return Check(
        text="control: fresh directions under the same values say nothing about the latents",
        expected=f"every overlap below {bound:.3f}",
        measured=f"largest {max(overlaps):.3f}" if overlaps else "none",
        met=max(overlaps) < bound if overlaps else None,
    )


def _threshold(rows: Rows, name: str, metric: str) -> float:
    return rows.one(distribution=name, model=EVOLUTION, metric=metric).value


def _nearest(rows: Rows, density: float) -> float:
    """State evolution from no knowledge at the drawn density that is nearest; away from thresholds it is smooth."""
    line = rows.where(model=EVOLUTION, start="random", metric=OVERLAP)
    return min(line, key=lambda row: abs((row.at or 0.0) - density)).value


def _threshold_table(rows: Rows) -> TableItem:
    return TableItem(
        caption="Visible observations per latent at which state evolution changes. Weak recovery and first moment are "
        "closed forms; informative: the best estimate leaves zero; exact: the best estimate is the teacher; "
        "algorithmic: the iteration from zero reaches it.",
        header=["problem", *_THRESHOLDS],
        rows=[
            [name, *(f"{_threshold(rows, name, metric):.4f}" for metric in _THRESHOLDS.values())]
            for name in rows.values("distribution")
        ],
    )


def _overlap_table(means: Rows, name: str) -> TableItem:
    lines = []
    for density, here in sorted(means.where(model=AMP).by("at").items()):
        control = means.get(model=NO_TEACHER, start="random", metric=OVERLAP, at=density)
        lines.append(
            [
                f"{density:g}",
                f"{_nearest(means, density):.3f}",
                show(here.one(start="random", metric=OVERLAP)),
                f"{here.one(start='random', metric=SELF_OVERLAP).value:.3f}",
                f"{here.one(start='random', metric=CONVERGED).value:.2f}",
                show(here.one(start="planted", metric=OVERLAP)),
                "-" if control is None else f"{control.value:.3f}",
            ]
        )
    return TableItem(
        caption=f"AMP, {name}: overlap from a random start beside state evolution, mean square of the means (equal to "
        "the overlap where AMP is Bayes-optimal), converged share, planted start, and the control without a teacher.",
        header=["density", "state evolution", "random start", "mean square", "converged", "planted start", "control"],
        rows=lines,
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
