"""The report on a pretrained model of antibodies."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from analysis.figures.antibody.plot import draw_antibody
from analysis.figures.antibody.units import (
    BEYOND,
    ENTROPY,
    EXPERIMENT_NAME,
    GENES,
    MODEL,
    OWN_NATS,
    RULES,
    SIZES,
    AntibodySize,
    units,
)
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Row, Rows
from analysis.measures.infilling import NATS, RIGHT, SPREAD
from lo_theory.samplers.menu import MARGIN, TOP

CONSISTENT = 0.01  # nats per residue: below this, orders of a gene would be called one likelihood


def figures(rows: Rows, size: AntibodySize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_antibody(rows)}


def report(run: Run[AntibodySize]) -> Report:
    """What the rows say."""
    counts = ", ".join(f"{row.samples} {row.distribution}" for row in run.rows.where(model=GENES))
    return Report(
        title="A pretrained masked language model in the socket",
        summary=[
            f"{MODEL}, a BERT of 26 million parameters trained on 558 million antibody sequences, answers the same "
            "questions as every other denoiser here: likelihood along orders, and infilling by every rule. It is a "
            f"model of proteins and not of text. The rows are human germline V genes, one allele each ({counts}).",
        ],
        checks=antibody_checks(run.rows),
        sections=[
            Section(
                title="Orders and infilling",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Left: negative log-likelihood by order. Right: share of hidden residues that come "
                        "back, tokens drawn at temperature 1. Dots with 95% intervals over genes.",
                        alt="Two dot plots: nats per residue by order, and the share of right residues by rule.",
                    )
                ],
                tables=[_order_table(run.rows), _infill_table(run.rows), _written_table(run.rows)],
            )
        ],
        caveats=[
            "Germline genes are real sequences, but no whole antibodies: they end before the third loop. The model has "
            "seen thousands of descendants of each, so its infilling is no test of what it makes of new ones.",
            "Genes of a locus are related by descent; intervals take them for independent.",
            "The model was trained with few masked residues. Long stretches of masks are not what it knows.",
        ],
    )


def antibody_checks(rows: Rows) -> list[Check]:
    """What was expected before the run, locus by locus."""
    return [
        *(
            Check(
                text=f"{row.distribution}: standard deviation of a gene's likelihood over orders",
                expected=f"above {CONSISTENT} nats per residue: no training makes a BERT's answers those of one joint",
                measured=show(row),
                met=row.interval[0] > CONSISTENT,
            )
            for row in rows.where(metric=SPREAD)
        ),
        *(
            Check(
                text=f"{row.distribution}: residues that come back, {row.decoder} minus vanilla",
                expected="not below 0: the surest first, as in the paper's Table 4",
                measured=show(row),
                met=row.interval[1] >= 0,
            )
            for row in rows.where(metric=BEYOND, decoder=(TOP, MARGIN))
        ),
    ]


def _order_table(rows: Rows) -> TableItem:
    return TableItem(
        caption="Nats per residue by order; the spread is the standard deviation over the orders of a gene.",
        header=["locus", "order", "nats per residue", "genes"],
        rows=[
            [row.distribution, row.decoder or "spread", show(row), str(row.samples)]
            for row in rows.where(metric=(NATS, SPREAD))
        ],
    )


def _infill_table(rows: Rows) -> TableItem:
    return TableItem(
        caption="Hidden residues that come back, and the difference from vanilla gene by gene.",
        header=["locus", "rule", "right", "minus vanilla", "calls", "genes"],
        rows=[
            [row.distribution, name, show(row), _beyond(rows, row), f"{row.calls or 0:.1f}", str(row.samples)]
            for row in rows.where(metric=RIGHT)
            if (name := row.decoder) in RULES
        ],
    )


def _beyond(rows: Rows, of: Row) -> str:
    found = rows.get(metric=BEYOND, distribution=of.distribution, decoder=of.decoder)
    return "-" if found is None else show(found)


def _written_table(rows: Rows) -> TableItem:
    lines = []
    for row in rows.where(metric=ENTROPY):
        cost = rows.get(metric=OWN_NATS, decoder=row.decoder) if row.decoder else None
        lines.append([row.decoder or row.distribution, show(row), "-" if cost is None else show(cost)])
    return TableItem(
        caption="Entropy of the residues of a sequence, of genes and of sequences written from masks alone (at most "
        f"log 20 = {math.log(20):.3f} nats), and what these cost along the order they were written in.",
        header=["sequences", "residue entropy, nats", "own nats per residue"],
        rows=lines,
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
