"""The report on the Bayes loss at the paper's sizes."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.bayes.plot import draw_bayes
from analysis.figures.bayes.units import EXPERIMENT_NAME, LENGTH, SIZES, BayesSize, units
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import Role, Rows


def figures(rows: Rows, size: BayesSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_bayes(rows)}


def report(run: Run[BayesSize]) -> Report:
    """What the rows say."""
    return Report(
        title="The Bayes loss of L&O-NAE-SAT at the paper's sizes",
        summary=[
            "No predictor of a masked token can have a smaller expected loss than the entropy of its exact posterior. "
            "This floor is exact for each drawn sequence and mask, by variable elimination; the intervals of 95% come "
            "from the draw of sequences, masks and four distributions of each size."
        ],
        sections=[
            Section(
                title="Floor under every model",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Bayes loss per masked token against the share of masked tokens.",
                        alt="Six curves each for latents and observations, rising with the share of masked tokens.",
                    )
                ],
                tables=[_table(run.rows, "latent"), _table(run.rows, "observation")],
            )
        ],
        caveats=[
            "Masks are uniform given their size; other protocols, such as all latents visible, have other floors.",
            "The paper gives no Bayes losses: its reference is a network trained for longer.",
        ],
    )


def _table(rows: Rows, role: Role) -> TableItem:
    names, mine = rows.values("distribution"), rows.where(role=role)
    return TableItem(
        caption=f"Bayes loss of a masked {role}, nats; L = {LENGTH}.",
        header=["masked tokens", *names],
        rows=[
            [str(n), *(cell(mine.get(distribution=name, n_masked=n), 4) for name in names)]
            for n in sorted(rows.values("n_masked"))
        ],
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
