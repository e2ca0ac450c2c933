"""Figure 1: where a model errs, by position and number of masked tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Role, Row, Rows
from analysis.lab.style import BLUE, INK, PALE, VERMILION, band, claim, headline, note, paper_style
from analysis.measures.task_error import EXPERIMENT_NAME, KL, SQUARED, role_errors, role_means

ROLE_COLOURS: dict[Role, str] = {"latent": VERMILION, "observation": BLUE}
_COLOUR_MAP = seaborn.color_palette("mako", as_cmap=True)
_MARKERS: dict[Role, str] = {"latent": "o", "observation": "s"}
_NAMES: dict[Role, str] = {"latent": "latents", "observation": "observations"}
_ABSCISSA = {KL: "masked tokens in the sequence", SQUARED: "masked latents (observations alike)"}
_ORDINATE = {
    KL: "mean KL to the\nexact posterior [nats]", SQUARED: "paper's measure:\n$(\\Delta\\log p)^2$ [nats²]"
}  # fmt: skip


def draw_task_error(rows: Rows, model: str = MDM) -> Figure:
    """One column per distribution; from top to bottom: the map of the error, its mean per role, the paper's own
    measure.

    Args:
        rows: of ``task_error`` and ``paper_task_error``; several seeds of a model are averaged first. Rows of other
            experiments are left aside, rows of the exact posterior give the control.
        model: the one to show.
    Raises:
        ValueError: no row of that model.
    """
    each = rows.where(experiment=EXPERIMENT_NAME)
    rows = combine_seeds(each)
    own = rows.where(model=model)
    names = own.values("distribution")
    if not names:
        raise ValueError(f"no task error of a model {model!r}; got rows of {sorted(rows.values('model'))}.")
    measures = [KL, SQUARED] if rows.get(metric=SQUARED) else [KL]
    with paper_style(EXPERIMENT_NAME):
        figure, grid = _panels(len(names), measures)
        norm = colour_norm(own)
        for axes, name in zip(grid, names, strict=True):
            mine = each.where(distribution=name, model=model)
            draw_maps(axes, mine, own.where(distribution=name), norm)
            headline(axes["latent"], name, excess_message(mine), lift=37.0)
        colour_bar(grid[-1]["colours"], norm, model)
        for metric in measures:
            draw_roles([axes[metric] for axes in grid], rows, names, model, metric)
        grid[0]["latent"].set_ylabel("masked tokens in the sequence")
        for axes in grid[1:]:
            axes["latent"].set_yticks([])
        role_legend(figure, grid[0][KL])
        claim(figure, "Where the network errs: each masked token against the exact posterior")
        return figure


def _panels(wide: int, measures: Sequence[str]) -> tuple[Figure, list[dict[str, Axes]]]:
    """A column of axes per distribution, by role and measure; the last has those of the colour bar too.

    Places are given: a layout that fits itself would move the two maps of a distribution apart.
    """
    width, height = 1.9 + 2.7 * wide, 4.5 + 1.8 * len(measures)
    figure = Figure(figsize=(width, height))
    left, right, top, bottom = 0.85 / width, 1.0 - 1.05 / width, 1.0 - 1.2 / height, 0.85 / height
    outer = figure.add_gridspec(
        1 + len(measures), wide, left=left, right=right, top=top, bottom=bottom, wspace=0.1, hspace=0.36,
        height_ratios=[2.0, *(1.0 for _ in measures)],
    )  # fmt: skip
    grid = []
    for column in range(wide):
        pair = outer[0, column].subgridspec(1, 2, width_ratios=(0.85, 1.0), wspace=0.08)
        axes = {role: figure.add_subplot(pair[0, i]) for i, role in enumerate(_NAMES)}
        axes |= {metric: figure.add_subplot(outer[1 + i, column]) for i, metric in enumerate(measures)}
        grid.append(axes)
    place = grid[-1]["latent"].get_position()
    grid[-1]["colours"] = figure.add_axes((right + 0.015, place.y0, 0.13 / width, place.height))
    return figure, grid


def colour_norm(rows: Rows) -> PowerNorm:
    """One scale of colours for all maps."""
    cells = [row.value for row in rows.where(metric=KL) if row.position is not None and math.isfinite(row.value)]
    return PowerNorm(0.5, vmin=0.0, vmax=max(cells, default=0.0) or 1.0)


def draw_maps(axes: Mapping[str, Axes], each: Rows, rows: Rows, norm: PowerNorm) -> None:
    """Latents and observations in maps of nearly the same width: the roles weigh the same."""
    counts, grid, n_latents = _grid(rows)
    errors = role_errors(each)
    _map(axes["latent"], counts, grid[:, :n_latents], "latent", errors.latent, norm)
    _map(axes["observation"], counts, grid[:, n_latents:], "observation", errors.observation, norm)
    axes["observation"].set_yticks([])


def colour_bar(axes: Axes, norm: PowerNorm, model: str) -> None:
    """What the colours of the maps mean."""
    bar = Colorbar(axes, ScalarMappable(norm, _COLOUR_MAP))
    bar.set_label(f"{model}: KL to the exact posterior\n[nats, square-root colour scale]")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.outline.set_visible(False)


def _grid(rows: Rows) -> tuple[list[int], np.ndarray, int]:
    """Mask counts, errors (counts, positions) with latents first, and the number of latents."""
    cells = Rows(row for row in rows.where(metric=KL) if row.position is not None)
    counts = sorted(cells.values("n_masked"))
    latents, observations = (sorted(cells.where(role=role).values("position")) for role in _NAMES)
    columns = {position: i for i, position in enumerate([*latents, *observations])}
    grid = np.full((len(counts), len(columns)), np.nan)
    for row in cells:
        grid[counts.index(row.n_masked), columns[row.position]] = row.value
    return counts, grid, len(latents)


def _map(axes: Axes, counts: list[int], grid: np.ndarray, role: Role, mean: float, norm: PowerNorm) -> None:
    """Error by number of masked tokens (up) and position of one role; its name and mean above, in its colour."""
    if not grid.shape[1]:
        axes.set_visible(False)
        return
    seaborn.heatmap(
        grid, mask=~np.isfinite(grid), norm=norm, cmap=_COLOUR_MAP, cbar=False, xticklabels=False, ax=axes,
        rasterized=True,
    )  # fmt: skip
    axes.invert_yaxis()
    axes.set_facecolor(PALE)
    ticks, labels = _sparse(counts, 8)
    axes.set_yticks([tick + 0.5 for tick in ticks], labels, rotation=0)
    axes.tick_params(length=0)
    colour, width = ROLE_COLOURS[role], grid.shape[1]
    axes.plot([0.0, 1.0], [1.02, 1.02], transform=axes.transAxes, color=colour, linewidth=4.0, clip_on=False)
    label = f"{width} {_NAMES[role]}" if width != 1 else f"1 {role}"
    said = f"\nmean {mean:.4f}" if math.isfinite(mean) else ""
    axes.text(
        0.0, 1.045, label + said, transform=axes.transAxes, va="bottom", fontsize=9.0, fontweight="bold", color=colour
    )
    axes.set_xlabel("position")


def _sparse(counts: list[int], most: int) -> tuple[list[int], list[str]]:
    step = math.ceil(len(counts) / most)
    ticks = list(range(len(counts) - 1, -1, -step))[::-1]
    return ticks, [str(counts[i]) for i in ticks]


def draw_roles(axes: Sequence[Axes], rows: Rows, names: list[str], model: str, metric: str) -> None:
    """The means over each role by number of masked tokens, a panel per distribution, all with one ordinate."""
    top = 0.0
    for panel, name in zip(axes, names, strict=True):
        here = rows.where(distribution=name)
        for role in _NAMES:
            top = max(top, _curve(panel, role_means(here.where(model=model), metric, role), role))
        _control(panel, [row for role in _NAMES for row in role_means(here.where(model=CONTROL), metric, role)])
        panel.grid(axis="y")
        panel.margins(x=0.03)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.yaxis.set_major_locator(MaxNLocator(5))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.set_xlabel(_ABSCISSA[metric])
    for panel in axes:
        panel.set_ylim(-0.06 * (top or 1.0), 1.08 * (top or 1.0))
    for panel in axes[1:]:
        panel.tick_params(labelleft=False)
    axes[0].set_ylabel(_ORDINATE[metric])


def _curve(axes: Axes, means: Rows, role: Role) -> float:
    """Mean and 95% band of one role; returns the highest finite value drawn."""
    rows = [row for row in means if math.isfinite(row.value)]
    if not rows:
        return 0.0
    x, y = [_abscissa(row) for row in rows], [row.value for row in rows]
    low, high = band(rows)
    axes.fill_between(x, low, high, color=ROLE_COLOURS[role], alpha=0.22, linewidth=0)
    size = 4.0 if len(rows) < 25 else 0.0
    axes.plot(
        x, y, color=ROLE_COLOURS[role], marker=_MARKERS[role], markersize=size, markeredgewidth=0, label=_NAMES[role]
    )
    return float(max(high.max(), max(y)))


def _control(axes: Axes, rows: Sequence[Row]) -> None:
    if not rows:
        return
    by_x: dict[int, float] = {}
    for row in rows:
        by_x[_abscissa(row)] = max(row.value, by_x.get(_abscissa(row), 0.0))
    x = sorted(by_x)
    axes.plot(x, [by_x[i] for i in x], color=INK, linestyle=(0, (4, 3)), linewidth=1.1, label=f"{CONTROL} (control)")


def role_legend(figure: Figure, axes: Axes) -> None:
    """The names of the roles, and of the control, below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        note(axes, "no means per role")
        return
    order = sorted(range(len(labels)), key=lambda i: labels[i] == f"{CONTROL} (control)")
    figure.legend([handles[i] for i in order], [labels[i] for i in order], loc="lower center", ncols=len(order))


def excess_message(rows: Rows) -> str:
    """Which role errs more and by what factor, if it is told apart from chance."""
    errors = role_errors(rows)
    if not math.isfinite(errors.z) or abs(errors.z) < 1.96:
        return "task error by position"
    ascending = sorted(((errors.latent, "latents"), (errors.observation, "observations")))
    (less, _), (more, first) = ascending
    return f"{first} err {more / less:.1f}\N{MULTIPLICATION SIGN} as much" if less > 0 else f"only {first} err"


def _abscissa(row: Row) -> int:
    place = row.n_masked if row.metric == KL else row.latents_masked
    assert place is not None  # both measures set it
    return place
