"""The report on bfloat16."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.precision.compare import LEVEL, TOLERATED, Difference, Ratio, differences, error_ratio
from analysis.figures.precision.plot import draw_precision
from analysis.figures.precision.units import BFLOAT16, EXPERIMENT_NAME, FLOAT32, SIZES, PrecisionSize, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Rows
from analysis.measures.subproblems import of_kind


def figures(rows: Rows, size: PrecisionSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_precision(rows)}


def checks(rows: Rows) -> list[Check]:
    """A network learns the same in either precision.

    Written down before any run: intervals and their level, the ratio, and the tenth by which errors may be larger.
    """
    found = differences(rows)
    if not found:
        return []
    apart, ratio = [difference for difference in found if not difference.covers_zero], error_ratio(rows)
    return [
        Check(
            text=f"differences between the precisions, {len(found)} intervals that hold together at {LEVEL:.0%}",
            expected="every one covers 0",
            measured="; ".join(map(_spoken, apart)) or "every one does",
            met=not apart,
        ),
        Check(
            text=f"error in {BFLOAT16} over error in {FLOAT32}, {ratio.samples} trainings in either",
            expected=f"covers 1, and at most {TOLERATED:g} at the upper end",
            measured=_ratio(ratio),
            met=ratio.is_level,
        ),
    ]


def _spoken(difference: Difference) -> str:
    return f"{difference.distribution}, {difference.kind}: {_interval(difference)}"


def _interval(difference: Difference) -> str:
    numbers = (difference.value, difference.low, difference.high)
    if difference.is_error:
        value, low, high = (f"{number:+.4f}" for number in numbers)
    else:
        value, low, high = (f"{100 * number:+.1f}" for number in numbers)
    return f"{value} [{low}, {high}]"


def report(run: Run[PrecisionSize]) -> Report:
    """What the rows say."""
    mine = run.rows.of(EXPERIMENT_NAME)
    return Report(
        title="Training in bfloat16",
        summary=[
            f"{run.size.seeds} seeds of each network with products in bfloat16, and as many in float32. Weights, their "
            "gradients, the optimizer and norms are in float32 in both; what is measured is measured in float32.",
            "Both begin with the same weights and meet the same rows and masks. Rounding takes them apart as another "
            "seed would, so the question is whether they differ by more than seeds do.",
        ],
        checks=checks(mine),
        sections=[
            Section(
                title="Errors and agreement",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Above: KL(posterior || network) under uniform masks of every size: of observations "
                        "whose latents are all visible, of other observations, of latents. Below: generated "
                        "observations that agree with the generated latents, one token per call. Squares: means and "
                        "95% intervals over seeds; dots: seeds.",
                        alt="Squares and dots for both precisions, close together, one column per distribution.",
                    )
                ],
                tables=[_table(mine), _ratios(mine)],
            )
        ],
        caveats=[
            "Three seeds against three tell little of a single number: so many intervals that hold together reach far "
            "beyond what a seed changes. The ratio, of all of them, tells more; but what goes wrong at one "
            "distribution alone it waters down, so it stands beside by distribution.",
            "Small networks, and trainings of minutes. Whether rounding is felt after many more steps is not said.",
            "How bfloat16 is multiplied differs between processors; provenance says which this was.",
        ],
    )


def _table(rows: Rows) -> TableItem:
    lines = []
    for difference in differences(rows):
        own = of_kind(rows.where(distribution=difference.distribution), difference.kind)
        digits, scale, unit = (4, 1.0, "") if difference.is_error else (1, 100.0, "%")
        means = [combine_seeds(own.where(model=model))[0] for model in (FLOAT32, BFLOAT16)]
        shown = [show(mean, digits, scale, unit) for mean in means]
        lines.append([difference.distribution, difference.kind, *shown, _interval(difference)])
    return TableItem(
        caption=f"Nats per hidden token, or observations that agree; 95% intervals. Those of differences, {BFLOAT16} "
        f"less {FLOAT32}, hold together.",
        header=["distribution", "subproblem or rule", FLOAT32, BFLOAT16, "difference"],
        rows=lines,
    )


def _ratios(rows: Rows) -> TableItem:
    parts = {name: rows.where(distribution=name) for name in rows.values("distribution")}
    lines = [[name, _ratio(error_ratio(part))] for name, part in parts.items() if differences(part)]
    return TableItem(
        caption=f"Error in {BFLOAT16} over error in {FLOAT32}, geometric means; 95% intervals, each by itself.",
        header=["distribution", "ratio"],
        rows=lines,
    )


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
"""What bfloat16 costs in learning."""
