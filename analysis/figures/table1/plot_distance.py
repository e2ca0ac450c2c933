"""How far a network is from the exact posterior: masks as in training beside observations alone."""

from __future__ import annotations

import re

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.lab.averages import combine_seeds
from analysis.lab.rows import MDM, Role, Row, Rows
from analysis.lab.style import BLUE, VERMILION, WIDTH, bars, claim, headline, paper_style
from analysis.measures.task_error import KL

NAME = "table1_distance"
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
        left, right = figure.subplots(1, 2, sharey=True)
        roles: tuple[Role, Role] = ("observation", "latent")
        for axes, role in zip((left, right), roles, strict=True):
            _lines(axes, own, role)
            headline(axes, f"hidden {role}s", "")
        left.legend(frameon=False, loc="upper left")
        left.set_ylabel("KL(posterior || network), nats per token")
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
    ticks = sorted({visible for hidden in (False, True) for visible, _ in seen(own, role, latents_hidden=hidden)})
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("tokens seen")
    axes.grid(axis="y")


def seen(rows: Rows, role: Role, *, latents_hidden: bool) -> list[tuple[int, Row]]:
    """Tokens that are seen, and the distance there, ascending; of rows of one size."""
    length = sum(int(number) for number in re.findall(r"\d+", rows[0].distribution))
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
