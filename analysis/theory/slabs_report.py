"""The report on random slabs: thresholds beside their formulas, expectations that can fail, overlaps by density."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from analysis.plots.style import SavedFigure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit

_BELOW, _ABOVE = 0.85, 1.25  # of weak recovery and of the algorithmic density: far enough for N = 2,000
_AGREE = 0.1  # overlap
_CHANCE = 6.0  # times N^-1/2: a random vector exceeds it once in 10^9
_CONTROL = ("AMP, no teacher", "random", "overlap")
_MARKS = ("weak_recovery", "first_moment", "informative", "exact", "algorithmic")


def slabs_report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, n: int, minutes: float
) -> Report:
    """The page; ``n`` latents per instance of message passing."""
    means, names = combine_seeds(rows), list(dict.fromkeys(row.distribution for row in rows))
    return Report(
        title="Inference of latents from random slabs",
        summary=[
            "State evolution of Bayes-optimal inference (deterministic integrals) and approximate message passing "
            f"(AMP) on instances of N = {n}. The weak-recovery densities of closed form are those at which state "
            "evolution leaves zero. They are not where the latents are found: beyond them the overlap grows from "
            "zero, and jumps to one at the algorithmic density.",
            "Width 1 with both values visible is easy and hard at once: from weak recovery on, below any information "
            "bound, AMP in the limit is as good as the posterior and learns something; between the exact and the "
            "algorithmic density the posterior knows the latents and AMP does not. The other five problems have a "
            "window in which the latents are determined and AMP learns nothing at all.",
            "Hardness here is conjectural: it is a statement about AMP and what behaves like it.",
        ],
        scale=scale,
        minutes=minutes,
        checks=slabs_checks(rows, names, n),
        sections=[
            Section(
                title="Overlap with the latents",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Overlap by visible observations per latent: AMP from a random start on instances "
                        "(pale: each; dark: their mean with 95% interval), state evolution from no knowledge and the "
                        "best fixed point (lines). Shaded: the latents are determined and AMP does not reach them.",
                        alt="Six panels of overlap against density; lines jump to one, points follow the lower line.",
                    )
                ],
                tables=[_threshold_table(rows, names), *(_overlap_table(means, name) for name in names)],
            )
        ],
        units=units,
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


def slabs_checks(rows: Sequence[Row], names: Sequence[str], n: int) -> list[Check]:
    """Two expectations on each problem's formulas, one on its instances of ``n`` latents, and one on the control."""
    return [*_formula_checks(rows, names), *_instance_checks(rows, names, n)]


def evolution_value(rows: Sequence[Row], name: str, metric: str) -> float:
    """A threshold of state evolution.

    Raises:
        ValueError: it is not among the rows.
    """
    for row in rows:
        if (row.model, row.distribution, row.metric) == ("state evolution", name, metric):
            return row.value
    raise ValueError(f"no row of {metric} for {name!r}; run analysis.theory.slabs first.")


def _formula_checks(rows: Sequence[Row], names: Sequence[str]) -> list[Check]:
    checks = []
    for name in names:
        closed, linear, first = (
            evolution_value(rows, name, metric)
            for metric in ("weak_recovery_density", "linearised_density", "first_moment_density")
        )
        checks.append(
            Check(
                text=f"{name}: closed form of weak recovery is where state evolution leaves zero",
                expected=f"{closed:.4f} within 1e-4 of itself",
                measured=f"{linear:.4f}",
                met=abs(linear / closed - 1) < 1e-4,
            )
        )
        easy = name.startswith("width 1,") and "both" in name
        checks.append(
            Check(
                text=f"{name}: weak recovery {'below' if easy else 'above'} the information bound",
                expected=f"{'below' if easy else 'above'} {first:.3f}",
                measured=f"{closed:.3f}",
                met=(closed < first) == easy,
            )
        )
    return checks


def _instance_checks(rows: Sequence[Row], names: Sequence[str], n: int) -> list[Check]:
    checks = []
    for name in names:
        low = _BELOW * evolution_value(rows, name, "weak_recovery_density")
        high = _ABOVE * evolution_value(rows, name, "algorithmic_density")
        points = [r for r in rows if r.at is not None and _is(r, name, "AMP", "random")]
        away = [r for r in points if r.at is not None and not low <= r.at <= high]
        gaps: dict[float, list[float]] = {}
        for row in away:
            gaps.setdefault(row.at or 0.0, []).append(abs(row.value - _nearest(rows, name, row.at or 0.0)))
        worst = max((statistics.median(each) for each in gaps.values()), default=math.nan)
        apart = sum(gap > _AGREE for each in gaps.values() for gap in each)
        checks.append(
            Check(
                text=f"{name}: AMP finds nothing below {low:.3f} and all above {high:.3f}, {len(gaps)} densities",
                expected=f"median instance within {_AGREE:g} of state evolution",
                measured=f"within {worst:.3f}; {apart} of {len(away)} instances are not" if gaps else "none",
                met=worst < _AGREE if gaps else None,
            )
        )
    control = [r.value for r in rows if r.model == "AMP, no teacher" and r.metric == "overlap"]
    bound = _CHANCE / math.sqrt(n)
    checks.append(
        Check(
            text="control: fresh directions under the same values say nothing about the latents",
            expected=f"every overlap below {bound:.3f}",
            measured=f"largest {max(control):.3f}" if control else "none",
            met=max(control) < bound if control else None,
        )
    )
    return checks


def _is(row: Row, name: str, model: str, start: str, metric: str = "overlap") -> bool:
    return (row.distribution, row.model, row.start, row.metric) == (name, model, start, metric)


def _nearest(rows: Sequence[Row], name: str, density: float) -> float:
    """State evolution from no knowledge at the drawn density that is nearest; away from thresholds it is smooth."""
    line = [r for r in rows if _is(r, name, "state evolution", "random")]
    return min(line, key=lambda r: abs((r.at or 0.0) - density)).value


def _threshold_table(rows: Sequence[Row], names: Sequence[str]) -> TableItem:
    return TableItem(
        caption="Visible observations per latent at which state evolution changes. Weak recovery and first moment are "
        "closed forms; informative: the best estimate leaves zero; exact: the best estimate is the teacher; "
        "algorithmic: the iteration from zero reaches it.",
        header=["problem", *(mark.replace("_", " ") for mark in _MARKS)],
        rows=[[name, *(f"{evolution_value(rows, name, f'{mark}_density'):.4f}" for mark in _MARKS)] for name in names],
    )


def _overlap_table(means: Sequence[Row], name: str) -> TableItem:
    found = {(r.model, r.start, r.metric, r.at): r for r in means if r.distribution == name and r.at is not None}
    densities = sorted({at for model, _, _, at in found if model == "AMP" and at is not None})
    return TableItem(
        caption=f"AMP, {name}: overlap from a random start beside state evolution, mean square of the means (equal to "
        "the overlap where AMP is Bayes-optimal), converged share, planted start, and the control without a teacher.",
        header=["density", "state evolution", "random start", "mean square", "converged", "planted start", "control"],
        rows=[
            [
                f"{at:g}",
                f"{_nearest(means, name, at):.3f}",
                show(found["AMP", "random", "overlap", at]),
                f"{found['AMP', 'random', 'self_overlap', at].value:.3f}",
                f"{found['AMP', 'random', 'converged_share', at].value:.2f}",
                show(found["AMP", "planted", "overlap", at]),
                f"{control.value:.3f}" if (control := found.get((*_CONTROL, at))) else "-",
            ]
            for at in densities
        ],
    )
