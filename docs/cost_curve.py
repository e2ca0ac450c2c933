"""What exact answers cost, for the page on the exact posterior: its picture and its numbers, from the rows beside it.

``python benchmarks/cost_curve.py --write`` measures the rows; ``python -m docs.cost_curve`` draws the picture again.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.lab.rows import CONTROL, Row, Rows, read_csv
from analysis.lab.style import BLUE, GREY, SMALL, VERMILION, WIDTH, bars, claim, headline, note, paper_style
from docs.numbers import ROOT
from docs.pictures import picture
from generators.ground.storage import write_atomic

ROWS, PICTURE = (ROOT / "docs" / "theory" / f"exact_cost.{suffix}" for suffix in ("csv", "png"))
SWEPT = {
    "N": "latents N, P = 3 N",
    "P": "observations P",
    "share hidden": "share of tokens hidden",
    "arity": "arity",
    "alphabet": "values of a latent",
}
_LIBRARY = "pyAgrum"
_LOGARITHMIC = ("N", "P")


@cache
def cost_rows() -> Rows:
    """All rows that are kept."""
    return read_csv(ROWS)


def cost(swept: str, at: float, model: str = CONTROL, metric: str = "time_ratio") -> str:
    """One number of the rows to two digits: a ratio of times, or with ``too_wide_share`` a share in per cent."""
    found = cost_rows().one(swept=swept, at=float(at), model=model, metric=metric).value
    return f"{100 * found:.0f}%" if metric == "too_wide_share" else _two_digits(found)


def cost_of_library() -> tuple[str, str]:
    """Smallest and largest ratio of the library's time to ours."""
    values = [row.value for row in cost_rows() if row.model == _LIBRARY]
    return _two_digits(min(values)), _two_digits(max(values))


def cost_table() -> list[tuple[str, str, str, str, str, str]]:
    """Per case: what is varied, its value, the time, its range over turns, the share too wide, the library's time."""
    lines = []
    for refused in cost_rows().where(metric="too_wide_share"):
        where = {"swept": refused.swept, "at": refused.at, "metric": "time_ratio"}
        ours, theirs = cost_rows().get(**where, model=CONTROL), cost_rows().get(**where, model=_LIBRARY)
        spread = "" if ours is None else " to ".join(map(_two_digits, ours.interval))
        lines.append(
            (str(refused.swept), f"{refused.at:g}", _cell(ours), spread, f"{100 * refused.value:.0f}%", _cell(theirs))
        )
    return lines


def hardest_share() -> str:
    """The share of hidden tokens at which a sequence takes longest."""
    found = cost_rows().where(swept="share hidden", metric="time_ratio", model=CONTROL)
    return f"{100 * max((row.value, row.at or 0.0) for row in found)[1]:.0f}%"


def draw_costs(rows: Rows) -> Figure:
    """Above, the time of a sequence over that of the base case; below, the library's time over ours.

    Raises:
        ValueError: a quantity that is not varied among the rows.
    """
    missing = set(SWEPT) - set(rows.values("swept"))
    if missing:
        raise ValueError(
            f"the rows do not vary {', '.join(sorted(missing))}; measure them with benchmarks/cost_curve.py."
        )
    with paper_style("exact_cost"):
        figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
        grid = figure.subplots(2, len(SWEPT), sharey="row", sharex="col")
        for (above, below), (swept, words) in zip(grid.T, SWEPT.items(), strict=True):
            own = rows.where(swept=swept)
            _line(above, own.where(metric="time_ratio", model=CONTROL), BLUE)
            _refused(above, own)
            _line(below, own.where(metric="time_ratio", model=_LIBRARY), VERMILION)
            headline(above, swept if swept != "alphabet" else "alphabet m", "")
            below.set_xlabel(words)
            for axes in (above, below):
                axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=0)
                axes.grid(axis="y")
                axes.set_yscale("log")
            if swept in _LOGARITHMIC:
                below.set_xscale("log")
                _plain_ticks(below, own.values("at"))
            elif swept != "share hidden":
                below.set_xticks(own.values("at"))
        grid[0, 0].set_ylabel("time per sequence\nover the base case")
        grid[1, 0].set_ylabel("pyAgrum's time\nover ours")
        claim(figure, "What an exact answer costs, from NAE-3 at (50, 150) with one quantity varied at a time")
        return figure


def _line(axes: Axes, rows: Rows, colour: str) -> None:
    if not rows:
        note(axes, "not measured")
        return
    at = np.array([row.at for row in rows], dtype=float)
    axes.errorbar(
        at,
        [row.value for row in rows],
        yerr=bars(rows),
        color=colour,
        marker="o",
        markersize=4,
        capsize=2,
        elinewidth=0.9,
    )


def _refused(axes: Axes, own: Rows) -> None:
    """Beside the points the share of sequences that were too wide to be timed."""
    if any(row.value > 0 for row in own.where(metric="too_wide_share")):
        axes.text(0.97, 0.04, "grey: share too wide", transform=axes.transAxes, fontsize=SMALL, color=GREY, ha="right")
    for refused in own.where(metric="too_wide_share"):
        timed = own.get(metric="time_ratio", model=CONTROL, at=refused.at)
        if refused.value > 0 and timed is not None:
            axes.annotate(
                f"{100 * refused.value:.0f}%", (refused.at or 0.0, timed.value), xytext=(-5, 3),
                textcoords="offset points", fontsize=SMALL, color=GREY, ha="right",
            )  # fmt: skip


def _plain_ticks(axes: Axes, values: list[float]) -> None:
    shown = values[:: -max(1, round(len(values) / 4))]
    axes.set_xticks(shown, [f"{value:g}" for value in shown])
    axes.minorticks_off()


def _cell(row: Row | None) -> str:
    return "" if row is None else _two_digits(row.value)


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.6g}"


FUNCTIONS = (cost, cost_of_library, cost_table, hardest_share)


def main() -> None:
    """Draw the picture again."""
    write_atomic(PICTURE, picture(draw_costs(cost_rows()), "exact_cost"))


if __name__ == "__main__":
    main()
