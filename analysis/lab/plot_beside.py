"""Two or more kinds of the same thing beside each other, by what is measured of them: means, intervals and seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import Rows
from analysis.lab.style import bars

_APART = 0.24


def beside(axes: Axes, measured: Mapping[str, Rows], colours: Mapping[str, str]) -> None:
    """Squares are means with their 95% intervals, dots are seeds.

    Args:
        measured: rows of all kinds by the words under them, from left to right.
        colours: by ``model`` of a row.
    """
    for number, (model, colour) in enumerate(colours.items()):
        places = np.arange(len(measured)) + _APART * (number - (len(colours) - 1) / 2)
        own = [rows.where(model=model) for rows in measured.values()]
        means = [combine_seeds(rows)[0] for rows in own]
        values = [row.value for row in means]
        axes.errorbar(places, values, yerr=bars(means), fmt="s", color=colour, capsize=2.5, label=model)
        for place, rows in zip(places, own, strict=True):
            axes.plot([place + 0.08] * len(rows), [row.value for row in rows], ".", color=colour, alpha=0.5)
    axes.set_xticks(range(len(measured)), [*measured])
    axes.set_xlim(-0.5, len(measured) - 0.5)
    axes.grid(axis="y")
