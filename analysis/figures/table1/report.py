"""The report on Table 1: what must hold, the paper's numbers beside ours, and every rule."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.table1.paper_sizes import distance_section, size_checks, sizes_section, start_checks
from analysis.figures.table1.plot import draw_table1
from analysis.figures.table1.plot_distance import NAME as DISTANCE_FIGURE
from analysis.figures.table1.plot_distance import draw_distance
from analysis.figures.table1.plot_sizes import NAME as SIZES_FIGURE
from analysis.figures.table1.plot_sizes import draw_sizes, networks_at_paper_sizes
from analysis.figures.table1.units import SIZES, Table1Size, units
from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, SavedFigure, Section, TableItem, cell, show
from analysis.lab.rows import CONTROL, Row, Rows, same
from analysis.measures.order_accuracy import AGREEMENT, WHOLE
from analysis.measures.paper import TABLE_1
from analysis.measures.rule_sweep import DISTINCT, EXPERIMENT_NAME, size_name
from analysis.measures.task_error import KL
from lo_theory.samplers.menu import IN_STEPS, MARGIN, VANILLA

_GOAL = 0.99


def figures(rows: Rows, size: Table1Size) -> dict[str, Figure]:
    """Size by size where networks have the paper's sizes; call by call where the whole suite was measured."""
    drawn = dict[str, Figure]()
    if size.in_pieces or networks_at_paper_sizes(rows):
        drawn[SIZES_FIGURE] = draw_sizes(rows)
    if rows.where(metric=KL):
        drawn[DISTANCE_FIGURE] = draw_distance(rows)
    if not size.in_pieces:
        drawn[EXPERIMENT_NAME] = draw_table1(rows)
    return drawn


def report(run: Run[Table1Size]) -> Report:
    """What the rows say."""
    means = combine_seeds(mean_calls(run.rows))
    networks = Rows(row for row in means if row.model != CONTROL).values("distribution")
    swept = means.where(metric=(AGREEMENT, WHOLE, DISTINCT))
    tables = [_rule_table(swept.where(distribution=name)) for name in networks]
    own, paper = (networks_at_paper_sizes(means) or run.size.in_pieces), [_paper_table(means)]
    sections = []
    if SIZES_FIGURE in run.figures:
        sections.append(sizes_section(means, run.figures[SIZES_FIGURE], run.size))
    if DISTANCE_FIGURE in run.figures:
        sections.append(distance_section(means, run.figures[DISTANCE_FIGURE]))
    if EXPERIMENT_NAME in run.figures:
        sections.append(_calls_section(run.figures[EXPERIMENT_NAME], [*paper, *tables]))
    else:
        sections.append(Section(title="Every rule", tables=[*paper, *tables]))
    return Report(
        title="Table 1, taken apart: model error and sampler error",
        summary=[
            "Sequences are generated from all masks; counted is the share of generated observations that equal the "
            "noiseless observation of the generated latents. The paper states neither protocol nor number of steps.",
            "The exact posterior in the network's place makes no model error. With one token per call it is right "
            "under every rule; with fewer calls its deficit is that of the sampler alone, which draws tokens together "
            "as if they were independent. Where tokens drawn together contradict each other it keeps a consistent "
            "part of them, as large as can be, and goes on (lo_theory.posteriors.contradiction).",
        ],
        checks=[*table1_checks(means), *size_checks(means), *start_checks(means)],
        sections=sections,
        caveats=[
            "For bits margin, top probability and negative entropy rank alike: equal rows, one line is drawn.",
            *([] if own else _SMALL_NETWORKS),
            *([] if run.size.in_pieces else _REWRITERS),
        ],
    )


_SMALL_NETWORKS = ["Networks of this scale are far smaller than the paper's 19M, and so are N and P."]
_REWRITERS = [
    "A rule that rewrites by argmax draws few different sequences: see the share of distinct latents, 1 for "
    "independent draws. In one call it writes one sequence, at times below the lower edge of the figure."
]


def _calls_section(figure: SavedFigure, tables: list[TableItem]) -> Section:
    return Section(
        title="Agreement against network calls",
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Share of generated observations that agree with the generated latents; 95% intervals, "
                "over sequences or, with three seeds and more, over seeds. Grey: other rules. Below: the exact "
                "posterior at the paper's sizes, and the paper's numbers, whose calls are not known.",
                alt="Three panels of agreement against network calls, rising to one with one token per call; "
                "the paper's numbers in a fourth.",
            )
        ],
        tables=tables,
    )


def table1_checks(means: Rows) -> list[Check]:
    """What must hold of a perfect model, and what this project wants of its networks; from means over seeds."""
    agreement = means.where(metric=AGREEMENT, swept=IN_STEPS)
    one_each = _one_token_per_call(agreement)
    checks = [
        Check(
            text=f"exact posterior, {row.distribution}, {row.decoder}, one token per call",
            expected="exactly 1: every sampled sequence is one of the distribution",
            measured=show(row),
            met=row.value == 1.0,
        )
        for row in one_each.where(model=CONTROL, decoder=(VANILLA, MARGIN))
    ]
    networks = [row for row in one_each.where(decoder=MARGIN) if row.model != CONTROL]
    return [*checks, *(_network_check(row, one_each) for row in networks)]


def _network_check(row: Row, one_each: Rows) -> Check:
    beaten = one_each.one(distribution=row.distribution, model=row.model, decoder=VANILLA)
    return Check(
        text=f"network, {row.distribution}: margin with one token per call",
        expected=f"at least {_GOAL:.0%}, and its interval above vanilla's",
        measured=f"{show(row)}; vanilla {show(beaten)}",
        met=row.value >= _GOAL and row.interval[0] > beaten.interval[1],
    )


def _one_token_per_call(rows: Rows) -> Rows:
    """Those with the most steps that their distribution has."""
    most = {name: max(found.values("at")) for name, found in rows.by("distribution").items()}
    return Rows(row for row in rows if same(row.at, most[row.distribution]))


def _paper_table(means: Rows) -> TableItem:
    exact = means.where(metric=AGREEMENT, model=CONTROL, swept=IN_STEPS)
    names = {size_name(paper.n_latents, paper.n_observations): paper for paper in TABLE_1}
    steps = sorted(exact.where(distribution=list(names)).values("at"), reverse=True)
    settings = [(rule, at) for rule in (VANILLA, MARGIN) for at in steps]
    return TableItem(
        caption="The paper's Table 1 beside the exact posterior with the same rules.",
        header=["size", "paper, vanilla", "paper, margin", *(f"exact, {rule}, {at:g} calls" for rule, at in settings)],
        rows=[
            [
                name,
                f"{paper.vanilla:.2%}",
                f"{paper.margin:.2%}",
                *(_percent(exact.get(distribution=name, decoder=rule, at=at)) for rule, at in settings),
            ]
            for name, paper in names.items()
        ],
    )


def _percent(row: Row | None) -> str:
    return "-" if row is None else f"{row.value:.2%}"


def _rule_table(means: Rows) -> TableItem:
    """Of one distribution."""
    models = means.values("model")
    columns = [(metric, model) for model in models for metric in (AGREEMENT, WHOLE, DISTINCT)]
    short = {AGREEMENT: "agreement", WHOLE: "whole sequences", DISTINCT: "distinct latents"}
    lines = []
    for (rule, swept, at), found in means.by("decoder", "swept", "at").items():
        agreements = [found.get(metric=AGREEMENT, model=model) for model in models]
        calls = [f"{row.calls:.1f}" if row is not None and row.calls else "-" for row in agreements]
        numbers = [cell(found.get(metric=metric, model=model), 4) for metric, model in columns]
        lines.append([rule, f"{at:g} {swept}", *calls, *numbers])
    return TableItem(
        caption=f"{means[0].distribution}: every rule. Calls are means per sequence.",
        header=["rule", "setting", *(f"{m}, calls" for m in models), *(f"{m}, {short[k]}" for k, m in columns)],
        rows=lines,
    )


EXPERIMENT = Experiment(
    name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report, growing=("long",)
)
