"""Nats per residue by order, and the share of hidden residues that come back by rule."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.antibody.material import LOCI
from analysis.figures.antibody.units import EXPERIMENT_NAME, RULES
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, GREY, PERCENT, PURPLE, VERMILION, WIDTH, bars, claim, headline, paper_style
from analysis.measures.infilling import LEFT_TO_RIGHT, NATS, RIGHT, RIGHT_TO_LEFT, UNIFORM

_COLOURS = dict(zip(LOCI, (BLUE, VERMILION, PURPLE), strict=True))
_ORDERS = (LEFT_TO_RIGHT, RIGHT_TO_LEFT, UNIFORM)


def draw_antibody(rows: Rows) -> Figure:
    """Two panels, a colour for each locus.

    Raises:
        ValueError: no row of this experiment.
    """
    own = rows.of(EXPERIMENT_NAME)
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _dots(left, own.where(metric=NATS), _ORDERS)
        left.set_xlabel("nats per residue")
        headline(left, "likelihood", "by order, 95% over genes")
        _dots(right, own.where(metric=RIGHT), RULES)
        right.set_xlabel("hidden residues given back")
        right.xaxis.set_major_formatter(PERCENT)
        left.legend(frameon=False, loc="lower left")
        headline(right, "infilling", "by rule, 95% over genes")
        claim(figure, f"A pretrained model of antibodies on human germline V genes{_cheapest(own)}")
        return figure


def _cheapest(own: Rows) -> str:
    """The order that costs least, if it is one of every locus."""
    costs = own.where(metric=NATS).by("distribution").values()
    least = {min(found, key=lambda row: row.value).decoder for found in costs}
    return f": {least.pop()} costs least" if len(least) == 1 else ""


def _dots(axes: Axes, rows: Rows, names: Sequence[str]) -> None:
    """A line for each name, a dot for each locus."""
    for shift, (locus, colour) in enumerate(_COLOURS.items()):
        own = rows.where(distribution=locus, decoder=names)
        axes.errorbar(
            [row.value for row in own], [names.index(row.decoder or "") + 0.2 * (shift - 1) for row in own],
            xerr=bars(own), color=colour, marker="o", linestyle="", capsize=2.0, markersize=4, elinewidth=1.0,
            label=locus,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=GREY, alpha=0.2)
