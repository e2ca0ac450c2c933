"""Figure 1: where a model errs, by position and number of masked tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import CONTROL, MDM, Role, Row, Rows
from analysis.lab.style import BLUE, INK, PALE, VERMILION, headline, note, paper_style
from analysis.measures.task_error import EXPERIMENT_NAME, KL, SQUARED, latent_excess, role_means

_COLOURS: dict[Role, str] = {"latent": VERMILION, "observation": BLUE}
_COLOUR_MAP = seaborn.color_palette("mako", as_cmap=True)
_MARKERS: dict[Role, str] = {"latent": "o", "observation": "s"}
_NAMES: dict[Role, str] = {"latent": "latents", "observation": "observations"}
_ABSCISSA = {KL: "masked tokens in the sequence", SQUARED: "masked latents (observations in proportion)"}
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
        heights = [1.5, *(1.0 for _ in measures)]
        figure = Figure(
            figsize=(0.9 + 3.3 * len(names), 2.35 * sum(heights)),
            layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.09),
        )
        axes = figure.subplots(len(heights), len(names), squeeze=False, height_ratios=heights)
        _maps(figure, axes[0], own, names, model)
        for panel, name in zip(axes[0], names, strict=True):
            headline(panel, name, _message(each.where(distribution=name, model=model)), lift=21.0)
        for line, metric in zip(axes[1:], measures, strict=True):
            _role_row(line, rows, names, model, metric)
        _role_legend(axes[1, 0])
        return figure


def _maps(figure: Figure, axes: np.ndarray, rows: Rows, names: list[str], model: str) -> None:
    grids = {name: _grid(rows.where(distribution=name)) for name in names}
    top = max((grid[np.isfinite(grid)].max(initial=0.0) for _, grid, _ in grids.values()), default=0.0)
    norm = PowerNorm(0.5, vmin=0.0, vmax=top if top > 0 else 1.0)
    image = None
    for panel, name in zip(axes, names, strict=True):
        counts, grid, n_latents = grids[name]
        image = _map(panel, counts, grid, n_latents, norm)
    axes[0].set_ylabel("masked tokens in the sequence")
    if image is not None:
        bar = figure.colorbar(image, ax=axes.tolist(), shrink=0.92, pad=0.015, aspect=22)
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


def _map(axes: Axes, counts: list[int], grid: np.ndarray, n_latents: int, norm: PowerNorm) -> AxesImage:
    image = axes.imshow(
        np.ma.masked_invalid(grid), aspect="auto", origin="lower", norm=norm, cmap=_COLOUR_MAP, interpolation="nearest"
    )
    axes.set_facecolor(PALE)
    axes.axvline(n_latents - 0.5, color="white", linewidth=2.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(*_sparse(counts, 8))
    axes.set_xticks([])
    axes.tick_params(length=0)
    _bracket(axes, -0.5, n_latents - 0.5, "latent")
    _bracket(axes, n_latents - 0.5, grid.shape[1] - 0.5, "observation")
    axes.set_xlabel("position, latents first")
    return image


def _bracket(axes: Axes, left: float, right: float, role: Role) -> None:
    """A line over the columns of a role, with their number and name."""
    width = right - left
    if width <= 0:
        return
    transform = axes.get_xaxis_transform()
    inset = min(0.25, width / 8)
    ends = [left + inset, right - inset]
    axes.plot(ends, [1.035, 1.035], transform=transform, color=_COLOURS[role], linewidth=2.2, clip_on=False)
    label = f"{width:.0f} {_NAMES[role]}" if width != 1 else f"1 {role}"
    narrow = role == "latent"
    place, side = (left + inset, "left") if narrow else (right - inset, "right")
    axes.text(place, 1.055, label, transform=transform, ha=side, va="bottom", fontsize=8, color=_COLOURS[role])


def _sparse(counts: list[int], most: int) -> tuple[list[int], list[str]]:
    step = math.ceil(len(counts) / most)
    ticks = list(range(len(counts) - 1, -1, -step))[::-1]
    return ticks, [str(counts[i]) for i in ticks]


def _role_row(axes: np.ndarray, rows: Rows, names: list[str], model: str, metric: str) -> None:
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
    low, high = np.array([row.interval if math.isfinite(row.standard_error) else (row.value,) * 2 for row in rows]).T
    axes.fill_between(x, low, high, color=_COLOURS[role], alpha=0.22, linewidth=0)
    size = 4.0 if len(rows) < 25 else 0.0
    axes.plot(x, y, color=_COLOURS[role], marker=_MARKERS[role], markersize=size, markeredgewidth=0, label=_NAMES[role])
    return float(max(high.max(), max(y)))


def _control(axes: Axes, rows: Sequence[Row]) -> None:
    if not rows:
        return
    by_x: dict[int, float] = {}
    for row in rows:
        by_x[_abscissa(row)] = max(row.value, by_x.get(_abscissa(row), 0.0))
    x = sorted(by_x)
    axes.plot(x, [by_x[i] for i in x], color=INK, linestyle=(0, (4, 3)), linewidth=1.1, label=f"{CONTROL} (control)")


def _role_legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        note(axes, "no means per role")
        return
    order = sorted(range(len(labels)), key=lambda i: labels[i] == f"{CONTROL} (control)")
    axes.figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=len(order)
    )


def _message(rows: Rows) -> str:
    latent, observation, z = latent_excess(rows)
    if not math.isfinite(z) or abs(z) < 2:
        return "task error by position"
    first, more, less = ("latents", latent, observation) if z > 0 else ("observations", observation, latent)
    return f"{first} err {more / less:.1f}\N{MULTIPLICATION SIGN} as much" if less > 0 else f"only {first} err"


def _abscissa(row: Row) -> int:
    place = row.n_masked if row.metric == KL else row.latents_masked
    assert place is not None  # both measures set it
    return place
