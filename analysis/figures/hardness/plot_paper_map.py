"""Fig. 2 (right) of the paper at its own size: task errors by position, against the exact posterior."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.hardness.paper_map import MAP, PAPERS_LATENTS, as_task_errors
from analysis.figures.hardness.plot_task_error import (
    ROLE_COLOURS,
    colour_bar,
    colour_norm,
    draw_maps,
    draw_roles,
    excess_message,
    role_legend,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import MDM, Rows
from analysis.lab.style import WIDTH, claim, headline, paper_style
from analysis.measures.rule_sweep import named_size
from analysis.measures.task_error import KL, SQUARED, role_means


def draw_paper_map(rows: Rows, model: str = MDM) -> Figure:
    """Top: the map of the error and its mean per role. Below: the paper's measure, in the case that it plots, and by
    number of masked latents.

    Args:
        rows: of ``task_error_map``, one distribution; the exact posterior's give the control.
        model: the one to show.
    Raises:
        ValueError: no row of that model.
    """
    each = as_task_errors(rows)
    own = each.where(model=model)
    if not own:
        raise ValueError(f"no task error of a model {model!r}; got rows of {sorted(each.values('model'))}.")
    means, name = combine_seeds(each), own[0].distribution
    with paper_style(MAP):
        figure = Figure(figsize=(WIDTH, 7.4))
        outer = figure.add_gridspec(
            2, 2, left=0.08, right=0.985, top=0.84, bottom=0.135, wspace=0.54, hspace=0.42, width_ratios=(1.5, 1.0),
            height_ratios=(1.35, 1.0),
        )  # fmt: skip
        pair = outer[0, 0].subgridspec(1, 3, width_ratios=(0.6, 1.4, 0.06), wspace=0.06)
        maps = {"latent": figure.add_subplot(pair[0, 0]), "observation": figure.add_subplot(pair[0, 1])}
        norm = colour_norm(means.where(model=model))
        draw_maps(maps, own, means.where(model=model), norm)
        maps["latent"].set_ylabel("masked tokens in the sequence")
        colour_bar(figure.add_subplot(pair[0, 2]), norm, "network")
        headline(maps["latent"], f"{name}: each position", excess_message(own), lift=37.0)
        roles = {metric: figure.add_subplot(outer[place, 1]) for place, metric in enumerate((KL, SQUARED))}
        for metric, axes in roles.items():
            draw_roles([axes], means, [name], model, metric)
        headline(roles[KL], "mean per role", "")
        headline(roles[SQUARED], "the paper's measure by masked latents", "")
        _papers_case(figure.add_subplot(outer[1, 0]), means.where(model=model))
        role_legend(figure, roles[KL])
        claim(figure, _claim(own))
        return figure


def _papers_case(axes: Axes, means: Rows) -> None:
    """The paper's measure at each position, with as many masked latents as in its plot, and the mean of each role."""
    case = means.where(metric=SQUARED, latents_masked=PAPERS_LATENTS)
    said = []
    for role, colour in ROLE_COLOURS.items():
        cells = [row for row in case.where(role=role) if row.position is not None]
        axes.plot(
            [row.position or 0 for row in cells], [row.value for row in cells], "o" if role == "latent" else "s",
            color=colour, markersize=4.5 if role == "latent" else 2.2, markeredgewidth=0,
        )  # fmt: skip
        for row in role_means(case, SQUARED, role):
            axes.axhline(row.value, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
            said.append(f"{role}s {row.value:.1g}")
    axes.set_xlabel("position")
    axes.set_ylabel("$(\\Delta\\log p)^2$ [nats²]")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.grid(axis="y")
    masked = max(case.values("n_masked"), default=0)
    headline(axes, f"the paper's case: {PAPERS_LATENTS} latents of {masked} masked", f"means: {', '.join(said)}")


def _claim(own: Rows) -> str:
    """Where the error of either role is above half of its largest, in tokens that are visible."""
    length = sum(named_size(own[0].distribution))
    means = [row for role in ROLE_COLOURS for row in role_means(own, KL, role)]
    if not means:
        return "The network against the exact posterior, under the paper's measure"
    worst = max(row.value for row in means)
    high = sorted(length - (row.n_masked or 0) for row in means if row.value > worst / 2)
    seen = f"{high[0]} to {high[-1]} of {length} tokens visible"
    return f"Far from the exact posterior with {seen}: {worst:.2g} nats at most"
