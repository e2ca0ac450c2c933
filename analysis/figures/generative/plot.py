"""What is written: its verdict, its distance from the truth and its variety, against noise, calls and as trade-offs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.generative.rules import TEMPERATURE
from analysis.figures.generative.units import (
    DATA,
    DISTINCT,
    ENTROPY,
    EXPERIMENT_NAME,
    JUDGED,
    KL_BLOCKS,
    KL_PATHS,
    NOISED,
    PATH,
    REPEATED,
    TOKEN_ENTROPY,
    noise_of,
    noised_name,
)
from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.lab.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
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
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, FIRST_HALF
from lo_theory.samplers.menu import BOUND, IN_STEPS, MARGIN, PAPERS, TOP, VANILLA

LOOKS = {
    VANILLA: (VERMILION, "o", "-"),
    TOP: (BLUE, "s", "--"),
    MARGIN: (GREEN, "D", "-"),
    BOUND: (PURPLE, "h", "-"),
}
_SHOWN_NOISE = 1.0
_VERDICT = "cost under the judge\n[nats per token]"
_NAMES = {
    JUDGED: "cost of what is written\nunder the truth [nats per token]",
    KL_PATHS: "KL(written || truth)\n[nats per token]",
}


def means(rows: Rows) -> Rows:
    """Averaged over seeds; a rule that decides its calls itself has their mean."""
    return combine_seeds(mean_calls(rows.of(EXPERIMENT_NAME)))


def of_chain(rows: Rows) -> Rows:
    """Those about the chain at full length, without the laws of short sequences."""
    return rows.where(distribution=CHAIN)


def singly(rows: Rows, rule: str, **where: object) -> Rows:
    """A rule at one token per call: the most steps among its rows."""
    own = rows.where(decoder=rule, swept=IN_STEPS, **where)
    most = max((row.at or 0.0 for row in own), default=0.0)
    return own.where(at=most)


def posterior_noises(rows: Rows) -> list[float]:
    """The noises of posteriors among the rows, ascending."""
    models = rows.where(metric=JUDGED).values("model")
    return sorted(noise_of(model) for model in models if model == CONTROL or model.startswith(NOISED))


def draw_chain(rows: Rows) -> Figure:
    """Verdict above, divergence below; against the noise at one token per call, against calls with it, of a network.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = of_chain(means(rows))
    with paper_style(EXPERIMENT_NAME):
        figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
        grid = figure.subplots(2, 3, squeeze=False)
        entropy = mine.get(metric=ENTROPY)
        for line, metric in zip(grid, (JUDGED, KL_PATHS), strict=True):
            noisy = [row for row in mine.where(metric=metric) if row.model == CONTROL or row.model.startswith(NOISED)]
            _against_noise(line[0], Rows(noisy), mine, metric)
            noises = posterior_noises(mine)
            shown = _SHOWN_NOISE if _SHOWN_NOISE in noises else (noises[-1] if noises else 0.0)
            _against_calls(line[1], Rows(row for row in noisy if noise_of(row.model) == shown), mine, metric)
            _against_calls(line[2], mine.where(metric=metric, model=MDM), mine, metric)
            _chain_line(line[2], mine.where(metric=metric))
            titles = ("noise, a token per call", f"noise {shown:g}, by calls", "masked network, by calls")
            for axes, title in zip(line, titles, strict=True):
                _finish(axes, metric, entropy)
                headline(axes, title, "")
            line[0].set_ylabel(_NAMES[metric])
        grid[1, 0].set_xlabel("noise of the posterior's logits")
        for axes in grid[1, 1:]:
            axes.set_xlabel("network calls per sequence")
        claim(figure, _chain_claim(mine))
        _legend(figure)
        return figure


def draw_text(rows: Rows) -> Figure:
    """Real text: verdict against calls and against what the path cost, repetition and variety against calls.

    Raises:
        ValueError: no row of this experiment.
    """
    mine = means(rows).where(distribution=FIRST_HALF)
    with paper_style(f"{EXPERIMENT_NAME}_text"):
        figure = Figure(figsize=(WIDTH, 7.0), layout="constrained")
        grid = figure.subplots(2, 3)
        network = mine.where(model=MDM)
        for axes, metric, words in (
            (grid[0, 0], JUDGED, _VERDICT),
            (grid[1, 0], REPEATED, "phrases of 8 letters\nthat stood there before"),
            (grid[1, 1], DISTINCT, "different runs of 4 letters"),
            (grid[1, 2], TOKEN_ENTROPY, "entropy of a sample's\nletters [nats]"),
        ):
            _against_calls(axes, network.where(metric=metric), network, metric)
            _chain_line(axes, mine.where(metric=metric))
            _data_line(axes, mine.get(metric=metric, model=DATA))
            axes.set_ylabel(words)
            axes.set_xlabel("network calls per sequence")
        _trade_off(grid[0, 1], mine, PATH, "cost of the writer's own path\n[nats per token]")
        _trade_off(grid[0, 2], mine, DISTINCT, "different runs of 4 letters")
        grid[1, 0].yaxis.set_major_formatter(PERCENT)
        grid[1, 0].set_ylim(bottom=0.0)
        grid[1, 1].yaxis.set_major_formatter(PERCENT)
        grid[0, 2].xaxis.set_major_formatter(PERCENT)
        titles = ("Verdict", "by how sure the writer is", "by variety", "Repetition", "Variety", "Entropy")
        for axes, title in zip(grid.flat, titles, strict=True):
            headline(axes, title, "")
            axes.grid(axis="y")
            if not axes.lines:
                note(axes, "not measured")
        claim(figure, _text_claim(mine))
        _legend(figure)
        return figure


def _points(axes: Axes, rows: Iterable[Row], x: Callable[[Row], float], rule: str, least: float = -1e9) -> None:
    found = sorted(rows, key=x)
    if found:
        colour, marker, style = LOOKS[rule]
        axes.errorbar(
            [x(row) for row in found], [row.value for row in found], yerr=bars(found, least=least), color=colour,
            marker=marker, linestyle=style, markersize=4.5, elinewidth=0.9, label=rule,
        )  # fmt: skip


def _between(axes: Axes, paths: Iterable[Row], every: Rows, x: Callable[[Row], float]) -> None:
    """Vanilla's divergence lies between what blocks give away and what its path costs."""
    ends = []
    for row in sorted(paths, key=x):
        low = every.get(metric=KL_BLOCKS, model=row.model, decoder=row.decoder, swept=row.swept, at=row.at)
        ends.append((x(row), max(low.value, 0.0) if low else 0.0, row.value))
    if ends:
        x_values, low_values, high_values = zip(*ends, strict=True)
        axes.fill_between(x_values, low_values, high_values, color=VERMILION, alpha=0.15, linewidth=0)


def _against_noise(axes: Axes, rows: Rows, every: Rows, metric: str) -> None:
    def noise(row: Row) -> float:
        return noise_of(row.model)

    for rule in PAPERS:
        found = Rows(row for model in rows.values("model") for row in singly(rows.where(model=model), rule))
        _points(axes, found, noise, rule)
        if metric == KL_PATHS and rule == VANILLA:
            _between(axes, found, every, noise)


def _against_calls(axes: Axes, rows: Rows, every: Rows, metric: str) -> None:
    def calls(row: Row) -> float:
        return row.calls or 1.0

    for rule in LOOKS:
        found = Rows(row for row in rows.where(decoder=rule) if row.swept != TEMPERATURE)
        _points(axes, found, calls, rule)
        if metric == KL_PATHS and rule == VANILLA:
            _between(axes, found, every, calls)
    if rows:
        axes.set_xscale("log", base=2)
        ticks = sorted({row.at for row in rows if row.swept == IN_STEPS and row.at is not None})
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())


def _chain_line(axes: Axes, rows: Rows) -> None:
    """The autoregressive network of equal FLOPs, at temperature 1."""
    row = rows.get(model=ARM_NATURAL.name, at=1.0)
    if row is not None:
        axes.axhline(row.value, color=ORANGE, linewidth=1.4, linestyle=(0, (6, 2)), label="ARM, equal FLOPs")


def _data_line(axes: Axes, row: Row | None) -> None:
    if row is not None:
        axes.axhline(row.value, color=INK, linewidth=1.0, linestyle=(0, (1, 2)), label="the text itself")


def _finish(axes: Axes, metric: str, entropy: Row | None) -> None:
    axes.grid(axis="y")
    if not axes.lines:
        note(axes, "not measured")
    if metric == KL_PATHS:
        axes.set_ylim(bottom=0.0)
    elif entropy is not None:
        axes.axhline(entropy.value, color=INK, linewidth=1.0, linestyle=(0, (1, 2)), label="entropy of the truth")


def _trade_off(axes: Axes, rows: Rows, against: str, words: str) -> None:
    """Verdict against another metric, the rules by calls, the autoregressive network and vanilla by temperature."""

    def lines(model: str, rule: str, swept: set[str]) -> list[tuple[float, float]]:
        pairs = []
        for row in rows.where(metric=JUDGED, model=model, decoder=rule, swept=swept):
            own = rows.one(metric=against, model=model, decoder=rule, swept=row.swept, at=row.at)
            pairs.append((own.value, row.value))
        return sorted(pairs)

    for rule, (colour, marker, style) in LOOKS.items():
        found = lines(MDM, rule, {IN_STEPS, "nats"})
        if found:
            axes.plot(*zip(*found, strict=True), color=colour, marker=marker, linestyle=style, markersize=4.5)
    for model, rule, colour, label in (
        (ARM_NATURAL.name, "left to right", ORANGE, "ARM, by temperature"),
        (MDM, VANILLA, VERMILION, "vanilla, by temperature"),
    ):
        found = lines(model, rule, {TEMPERATURE})
        if found:
            x, y = zip(*found, strict=True)
            axes.plot(x, y, color=colour, linestyle=(0, (2, 1)), marker="x", markersize=5, label=label)
    text = [rows.get(metric=metric, model=DATA) for metric in (against, JUDGED)]
    if text[0] is not None and text[1] is not None:
        axes.plot(text[0].value, text[1].value, "*", color=INK, markersize=9)
        axes.annotate(
            "the text itself", (text[0].value, text[1].value), xytext=(0, 9), textcoords="offset points", ha="center",
            fontsize=SMALL,
        )  # fmt: skip
    axes.set_xlabel(words)
    axes.set_ylabel(_VERDICT)


def _chain_claim(rows: Rows) -> str:
    entropy = rows.get(metric=ENTROPY)
    noisy = [noise for noise in posterior_noises(rows) if noise > 0]
    told = [_margin_cost(rows, noise) for noise in noisy]
    below = [cost is not None and entropy is not None and cost < entropy.value for cost in told]
    if told and all(below):
        network = singly(rows.where(model=MDM, metric=JUDGED), MARGIN)
        shared = network and entropy is not None and network[0].value < entropy.value
        other = "; the network's too" if shared else "; the network's is not" if network else ""
        return f"Margin under random errors: text more probable than the truth's own, far from it{other}"
    return "What is written: cost under the truth, and distance from it"


def _margin_cost(rows: Rows, noise: float) -> float | None:
    found = singly(rows.where(model=noised_name(noise), metric=JUDGED), MARGIN)
    return found[0].value if found else None


def _text_claim(rows: Rows) -> str:
    margin, vanilla = (singly(rows.where(model=MDM, metric=JUDGED), rule) for rule in (MARGIN, VANILLA))
    arm = rows.get(model=ARM_NATURAL.name, metric=JUDGED, at=1.0)
    if not margin or not vanilla or arm is None:
        return "Real text: verdict of a judge, repetition and variety"
    order = sorted(((margin[0].value, "margin"), (vanilla[0].value, "vanilla"), (arm.value, "ARM")))
    return f"Real text, one token per call, from best to worst verdict: {', '.join(name for _, name in order)}"


def _legend(figure: Figure) -> None:
    found = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=min(len(found), 5), fontsize=SMALL)
