"""Loss on new rows by the epochs of a small training set, a panel per text."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.repeats.crossing import Crossover
from analysis.figures.repeats.curves import averaged, lowest, overtakes, shown
from analysis.figures.repeats.units import ARM, EXPERIMENT_NAME, MODELS, SWEPT
from analysis.lab.rows import MDM, Rows
from analysis.lab.style import BLUE, GREEN, GREY, ORANGE, SMALL, WIDTH, bars, claim, headline, paper_style
from analysis.measures.text_learners import ARM_DROPOUT
from analysis.measures.text_networks import EXCESS

_LOOKS = {ARM: (GREEN, "D", "ARM"), ARM_DROPOUT: (ORANGE, "s", "ARM with dropout"), MDM: (BLUE, "o", "MDM (bound)")}
_NAMES = {"python": "Python's documentation", "chain": "Markov chain"}


def spoken_text(name: str) -> str:
    """A text's name on a figure."""
    return _NAMES.get(name, name)


def draw_repeats(rows: Rows) -> Figure:
    """Means over seeds with 95% intervals; where the MDM overtakes the ARM is marked.

    Raises:
        ValueError: no trained learner among the rows.
    """
    rows = rows.of(EXPERIMENT_NAME)
    names = rows.where(model=MODELS, swept=SWEPT).values("distribution")
    if not names:
        raise ValueError("no trained learner among these rows; pass those of repeats.")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            _panel(axes, rows, name)
        handles = [
            figure.axes[0].plot([], [], marker, color=colour, label=word)[0] for colour, marker, word in _LOOKS.values()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=SMALL)
        claim(figure, _claim(rows, names))
        return figure


def crossing_words(found: Crossover | None) -> str:
    """Where the MDM overtakes, for people."""
    if found is None:
        return "not both trained yet"
    if found.epoch is None:
        return "the MDM never overtakes the ARM"
    ends = "" if math.isnan(found.low) else f" [{found.low:.0f}, {found.high:.0f}]"
    return f"the MDM overtakes after {found.epoch:.0f}{ends} epochs"


def _panel(axes: Axes, rows: Rows, name: str) -> None:
    metric, ticks = shown(rows, name), set[float]()
    for model, (colour, marker, _) in _LOOKS.items():
        own = averaged(rows, name, model, metric)
        x = [row.at for row in own if row.at is not None]
        ticks.update(x)
        axes.errorbar(x, [row.value for row in own], yerr=bars(own), color=colour, marker=marker, elinewidth=0.8)
    found = overtakes(rows, name)
    if found is not None and found.epoch is not None:
        axes.axvline(found.epoch, color=GREY, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(sorted(ticks), [f"{tick:.0f}" for tick in sorted(ticks)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("epochs")
    axes.set_ylabel("excess over the entropy, nats per token" if metric == EXCESS else "loss, nats per token")
    axes.grid(axis="y")
    headline(axes, spoken_text(name), crossing_words(found))


def _claim(rows: Rows, names: list[str]) -> str:
    found = [overtakes(rows, name) for name in names]
    crossed = sum(one is not None and one.epoch is not None for one in found)
    ahead = sum(_ahead_at_its_best(rows, name) for name in names)
    return (
        f"Repeated rows: the MDM overtakes the ARM on {crossed} of {len(names)}, "
        f"and at its own best is ahead on {ahead} of {len(names)}"
    )


def _ahead_at_its_best(rows: Rows, name: str) -> bool:
    """Whether the MDM's lowest loss over epochs is below the lowest of the ARM without dropout."""
    masked, ordered = (lowest(rows, name, model) for model in (MDM, ARM))
    return masked is not None and ordered is not None and masked[0] < ordered[0]
