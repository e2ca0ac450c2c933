"""The report on the hard window: what share of masks meets it, and how revealed latents shrink it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures.window.plot import draw_window
from analysis.figures.window.units import (
    DRAWN,
    EXACT,
    EXPERIMENT_NAME,
    HARD,
    KEPT,
    LIMIT,
    REVEALED,
    SATISFIED,
    SHARE,
    SILENT,
    SIZES,
    STEPS,
    WindowSize,
    coexistence,
    units,
    window_of,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell, show
from analysis.lab.rows import Rows
from analysis.planted.cases import CASES
from analysis.planted.curve import CONVERGED


def figures(rows: Rows, size: WindowSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_window(rows)}


def report(run: Run[WindowSize]) -> Report:
    """What the rows say."""
    n, instances = run.size.n_latents, run.size.instances
    return Report(
        title="The hard window: how often masks meet it, and what revealed latents leave of it",
        summary=[
            "Between the condensation and the Kesten-Stigum degree of the visible constraints the latents are "
            "determined and belief propagation does not find them. Random masks meet these degrees with a share of "
            "(c_KS - c_cond) N / P, vanishing on dense designs: w is of the order of N**(1 - k) on that of Prop. 3.3. "
            "On the way there a sparse design reveals latents too, and a few per cent of them close the window.",
            "Hardness is conjectural: it is belief propagation that fails here.",
        ],
        checks=_checks(run.rows),
        sections=[
            Section(
                title="Shares and diagram",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Top left: share of masks (n uniform, then a uniform subset) whose visible degree lies "
                        "in the window; points are drawn masks with 95% intervals, lines the limit. Top right: the "
                        "same on the dense design of Prop. 3.3, by steps of random orders. Below: 2-in-4 with a share "
                        f"of latents revealed, N = {n}, {instances} instances per point: overlap of hidden latents "
                        "from the planted start minus that from the prior; dots where the planted end has the smaller "
                        "Bethe free entropy, so that nothing is determined. Lines are the paths of masks on sparse "
                        "designs.",
                        alt="Two panels of window shares and a diagram of revealed latents against degree.",
                    )
                ],
                tables=[_shares(run.rows), _diagram(run.rows)],
            )
        ],
        caveats=[
            "The window counts the degree alone. On sparse designs the latents revealed on the way shrink it, as the "
            "diagram shows: there the share is an upper bound on that of hard subproblems.",
            f"One share of revealed latents at N = {n} is {round(0.005 * n)} latents at the left edge; belief "
            f"propagation was given up after {run.size.iterations} iterations, the table says how often it had not "
            "settled.",
            f"Two ends count as different from an overlap difference of {KEPT} on; near the end point of the "
            "coexistence the difference vanishes continuously.",
        ],
    )


def _checks(rows: Rows) -> list[Check]:
    """Exact laws within four standard errors; the diagram where its neighbours do not decide."""
    found = coexistence(rows)
    wide, closed = found[0.02], [degrees for share, degrees in found.items() if share >= 0.2]
    return [
        _law_check(rows, SHARE, "share of masks in the window"),
        _law_check(rows, STEPS, "steps in the window"),
        Check(
            text="2-in-4, 2% of the latents revealed: degrees at which the planted start knows more",
            expected="3.8 to 4.2 among them, determined at 4.2",
            measured=_span(wide),
            met={3.8, 4.0, 4.2} <= {degree for degree, _ in wide} and (4.2, True) in wide,
        ),
        Check(
            text="20% of the latents revealed: no coexistence",
            expected="nowhere",
            measured=_span(closed[0]) if closed else "not measured",
            met=not closed[0] if closed else None,
        ),
    ]


def _law_check(rows: Rows, metric: str, text: str) -> Check:
    mine, far = rows.where(metric=metric), []
    for row in mine.where(model=DRAWN):
        law = mine.one(model=EXACT, distribution=row.distribution, at=row.at).value
        error = (law * (1 - law) / row.samples) ** 0.5 if metric == SHARE else row.standard_error
        far.append(abs(row.value - law) / error if error > 0 else float(row.value != law))
    return Check(
        text=f"{text}: drawn against the exact law",
        expected="within four standard errors in every design",
        measured=f"at most {max(far):.1f} standard errors in {len(far)} designs",
        met=max(far) <= 4.0,
    )


def _span(degrees: Sequence[tuple[float, bool]]) -> str:
    if not degrees:
        return "none"
    determined = [d for d, good in degrees if good]
    known = f", determined {min(determined):g} to {max(determined):g}" if determined else ", determined nowhere"
    return f"{degrees[0][0]:g} to {degrees[-1][0]:g}{known}"


def _shares(rows: Rows) -> TableItem:
    def cells(design: Rows) -> list[str]:
        def number(metric: str, how: str, digits: int) -> str:
            return f"{design.one(metric=metric, model=how).value:.{digits}f}"

        return [
            show(design.one(metric=SHARE, model=DRAWN), 4),
            *(number(SHARE, how, 5) for how in (EXACT, LIMIT)),
            show(design.one(metric=STEPS, model=DRAWN), 2),
            number(STEPS, EXACT, 2),
            cell(design.get(metric=SILENT, model=DRAWN), 3),
            *(number(SILENT, how, 3) for how in (EXACT, LIMIT)),
        ]

    windows = "; ".join("{}: {:.3f} to {:.3f}".format(name, *window_of(CASES[name])) for name in (HARD, SATISFIED))
    return TableItem(
        caption=f"Masks and steps inside the window ({windows}).",
        header=[
            "design", "P / N", "window share, drawn", "exact", "limit", "steps, drawn", "exact",
            "inside, no latent revealed", "exact", "limit",
        ],
        rows=[
            [name, f"{at:g}", *cells(design)]
            for (name, at), design in rows.where(experiment=EXPERIMENT_NAME).by("distribution", "at").items()
        ],
    )  # fmt: skip


def _diagram(rows: Rows) -> TableItem:
    settled = combine_seeds(rows.where(experiment=REVEALED, metric=CONVERGED))
    return TableItem(
        caption="2-in-4: degrees at which the two starts end apart, by the share of revealed latents, and the share of "
        "iterations that settled.",
        header=["revealed", "coexistence", "settled"],
        rows=[
            [f"{share:g}", _span(degrees), f"{_mean_value(settled.where(at=share)):.2f}"]
            for share, degrees in coexistence(rows).items()
        ],
    )


def _mean_value(rows: Rows) -> float:
    return sum(row.value for row in rows) / len(rows)


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
