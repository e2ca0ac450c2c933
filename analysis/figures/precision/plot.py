"""Networks trained in bfloat16 beside such trained in float32: task errors, and order accuracy."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.precision.compare import differences, error_ratio
from analysis.figures.precision.units import BFLOAT16, EXPERIMENT_NAME, FLOAT32, RULES
from analysis.lab.plot_beside import beside
from analysis.lab.rows import Rows
from analysis.lab.style import BLUE, ORANGE, PERCENT, SMALL, WIDTH, claim, headline, paper_style
from analysis.measures.subproblems import COMPUTED, INFERRED, LATENT, PROBLEMS, of_kind

_COLOURS = {FLOAT32: ORANGE, BFLOAT16: BLUE}
_TICKS = {COMPUTED: "computed\nobserv.", INFERRED: "inferred\nobserv.", LATENT: "latent"}


def draw_precision(rows: Rows) -> Figure:
    """A column per distribution: KL by subproblem above, agreement by rule below.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = rows.of(EXPERIMENT_NAME)
    names = mine.values("distribution")
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(max(WIDTH / 2, WIDTH * len(names) / 4), 5.4), layout="constrained")
        above, below = figure.subplots(2, len(names), squeeze=False, height_ratios=(3, 2))
        for errors, agreement, name in zip(above, below, names, strict=True):
            own = mine.where(distribution=name)
            beside(errors, {_TICKS[kind]: of_kind(own, kind) for kind in PROBLEMS}, _COLOURS)
            errors.set_ylim(bottom=0.0)
            headline(errors, name, "")
            beside(agreement, {rule: of_kind(own, rule) for rule in RULES}, _COLOURS)
            agreement.yaxis.set_major_formatter(PERCENT)
        above[0].set_ylabel("KL to the posterior\n[nats per hidden token]")
        below[0].set_ylabel("observations that\nagree")
        handles, labels = above[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=2, fontsize=SMALL, title="products in training"
        )
        claim(figure, _claim(mine))
        return figure


def _claim(rows: Rows) -> str:
    found = differences(rows)
    if not found:
        return "Networks trained in bfloat16 beside such trained in float32"
    if not all(difference.covers_zero for difference in found):
        return "Trained in bfloat16 a network differs from one in float32 by more than seeds do"
    if error_ratio(rows).is_level:
        return "Trained in bfloat16 networks err as much as in float32, as far as three seeds can tell"
    return "Trained in bfloat16 networks may err more or less than in float32: three seeds cannot tell"
