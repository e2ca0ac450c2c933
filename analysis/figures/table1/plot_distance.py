"""How far a network is from the exact posterior, and what that does to margin: one latent drawn first, and two."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.table1.started_unit import DOUBTFUL, GIVEN
from analysis.lab.averages import combine_seeds
from analysis.lab.rows import MDM, Role, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    INK,
    PERCENT,
    PURPLE,
    SMALL,
    VERMILION,
    WIDTH,
    bars,
    claim,
    headline,
    note,
    paper_style,
)
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.rule_sweep import named_size
from analysis.measures.task_error import KL

NAME = "table1_distance"
_TICKS = (5, 10, 20, 50, 100, 200)
_ROOM = 1.35  # above the highest point, for the legend
_STARTS = {GIVEN: ("latents", GREEN, "D"), DOUBTFUL: ("least sure tokens", PURPLE, "v")}
_MASKS = {"masks as in training": (False, BLUE, "o"), "observations alone seen": (True, VERMILION, "s")}


def draw_distance(rows: Rows, model: str = MDM) -> Figure:
    """A panel for hidden observations and one for hidden latents, at the first size that is there.

    Raises:
        ValueError: no distance of that model.
    """
    means = combine_seeds(rows.where(metric=KL, model=model))
    if not means:
        raise ValueError(f"no distance from the posterior of a model {model!r}; got rows of {rows.values('model')}.")
    name = means[0].distribution
    own = means.where(distribution=name)
    with paper_style(NAME):
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        left, right, agreement = figure.subplots(1, 3)
        right.sharey(left)
        roles: tuple[Role, Role] = ("observation", "latent")
        for axes, role in zip((left, right), roles, strict=True):
            _lines(axes, own, role)
            headline(axes, f"hidden {role}s", "")
        left.legend(frameon=False, loc="upper left")
        left.set_ylabel("KL(posterior || network), nats per token")
        _started(agreement, rows.where(metric=AGREEMENT, model=model, distribution=name, swept=tuple(_STARTS)))
        claim(figure, _claim(own))
        return figure


def _lines(axes: Axes, own: Rows, role: Role) -> None:
    for words, (hidden, colour, marker) in _MASKS.items():
        line = seen(own, role, latents_hidden=hidden)
        if not line:
            continue
        axes.errorbar(
            [visible for visible, _ in line], [row.value for _, row in line], yerr=bars([row for _, row in line]),
            color=colour, marker=marker, markersize=4.5, linewidth=1.6, capsize=2.0, label=words,
        )  # fmt: skip
    axes.set_xscale("log")
    seen_at = sorted({visible for hidden in (False, True) for visible, _ in seen(own, role, latents_hidden=hidden)})
    ticks = [tick for tick in _TICKS if seen_at[0] <= tick <= seen_at[-1]]
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_ylim(0.0, _ROOM * max(row.value for row in own.where(metric=KL)))
    axes.set_xlabel("tokens seen")
    axes.grid(axis="y")


def _started(axes: Axes, rows: Rows) -> None:
    """Agreement by margin against tokens that come before it."""
    headline(axes, "margin from a start", "")
    axes.set_xlabel("tokens before margin begins")
    axes.yaxis.set_major_formatter(PERCENT)
    means = combine_seeds(rows)
    if not means:
        note(axes, "not measured yet")
        return
    for swept, (words, colour, marker) in _STARTS.items():
        if not means.where(swept=swept):
            continue
        line = sorted((row for row in means if row.swept == swept or row.at == 0.0), key=lambda row: row.at or 0.0)
        axes.errorbar(
            [row.at or 0.0 for row in line], [row.value for row in line], yerr=bars(line, most=1.0), color=colour,
            marker=marker, markersize=4.5, linewidth=1.6, capsize=2.0, label=words,
        )  # fmt: skip
    axes.axhline(1.0, color=INK, linewidth=1.0)
    axes.annotate("exact posterior", (0.0, 1.0), xytext=(0, -11), textcoords="offset points", ha="left",
                  fontsize=SMALL)  # fmt: skip
    at = sorted({row.at or 0.0 for row in means})
    axes.set_xticks(at, [f"{x:g}" for x in at])
    axes.set_ylabel("observations that agree")
    axes.legend(frameon=False, loc="lower right")
    axes.grid(axis="y")


def seen(rows: Rows, role: Role, *, latents_hidden: bool) -> list[tuple[int, Row]]:
    """Tokens that are seen, and the distance there, ascending; of rows of one size."""
    length = sum(named_size(rows[0].distribution))
    chosen = [row for row in rows.where(role=role) if (row.latents_masked is not None) == latents_hidden]
    return sorted(((length - (row.n_masked or 0), row) for row in chosen), key=lambda pair: pair[0])


def _claim(own: Rows) -> str:
    """Which of the two masks leaves more at its worst."""
    worst = {
        words: max((row.value for _, row in seen(own, "observation", latents_hidden=hidden)), default=0.0)
        for words, (hidden, _, _) in _MASKS.items()
    }
    size = own[0].distribution.removeprefix("NAE-SAT ")
    masks, alone = worst.values()
    return (
        f"{size}: a hidden observation misses {masks:.2f} nats at most, {alone:.2f} where observations alone are seen"
    )
