"""The report on written text: whether the more probable text is the nearer one."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures.generative.checks import generative_checks
from analysis.figures.generative.plot import draw_chain, draw_text, means
from analysis.figures.generative.rules import TEMPERATURE
from analysis.figures.generative.units import (
    DISTINCT,
    EXPERIMENT_NAME,
    JUDGED,
    KL_BLOCKS,
    KL_LAW,
    KL_PATHS,
    PATH,
    READER,
    REPEATED,
    SIZES,
    TOKEN_ENTROPY,
    GenerativeSize,
    units,
)
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import Row, Rows
from analysis.measures.learner import spoken_learners
from analysis.measures.text_data import CHAIN

_TEXT = f"{EXPERIMENT_NAME}_text"
_CAVEATS = [
    "Errors of a network's logits are not independent Gaussian numbers, and not equally large everywhere. The "
    "noise here is another draw for every set of visible tokens.",
    "Networks are small and briefly trained, with rotary positions; how good they are is in the tables.",
    "A judge of a few hundred thousand weights rewards what it has learned, spelling more than sense. Any "
    "causal language model of the library transformers can judge as well: `reader` of a size.",
    "Blocks reach back two tokens. What the writer does wrong over longer distances, or differently from "
    "context to context, they do not see; they bound the divergence, and often by little.",
]


def figures(rows: Rows, size: GenerativeSize) -> dict[str, Figure]:
    """The chain, and real text."""
    return {EXPERIMENT_NAME: draw_chain(rows), _TEXT: draw_text(rows)}


def report(run: Run[GenerativeSize]) -> Report:
    """What the rows say."""
    size, found = run.size, means(run.rows)
    return Report(
        title="Generative perplexity with the truth beside it",
        summary=[
            "Generative perplexity asks a judge how probable a written text is. On a Markov chain with the letters of "
            "Python's documentation the judge can be the truth, and how far the writer is from it is known too. Text "
            "that is more probable than the truth's own is not nearer to it: a rule that looks for what the model is "
            "sure of finds, under a wrong model, what it is wrongly sure of.",
            "KL(written || truth) is exact for rules whose positions follow from the visible tokens: it is the mean of "
            "the logarithm of what the writer gave its own text over what the truth gives it. Positions drawn at "
            "random leave a bound from above, and blocks of the written text one from below.",
            f"All costs are in nats per token, with {size.samples} sequences of {size.length} tokens for each rule of "
            f"a posterior and {size.written} for each of a network.",
        ],
        checks=generative_checks(run.rows),
        sections=[
            Section(
                title="The chain, whose truth is known",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Above: the cost of written text under the truth; dotted, its entropy. Below: "
                        "KL(written || truth), for vanilla anywhere in the pale band. Left: posteriors with noise in "
                        "their logits, one token per call; middle: one of them by calls; right: a trained masked "
                        "network, with an autoregressive one of equal FLOPs as a line.",
                        alt="Six panels: cost above and divergence below, against noise, calls and calls of a network.",
                    )
                ],
                tables=[_table("Posteriors and networks on the chain.", found.where(distribution=CHAIN))],
            ),
            Section(title="Short sequences, whose law is known", tables=[_law_table(found)]),
            Section(
                title="Real text",
                paragraphs=[
                    "The judge is a larger autoregressive network that was trained on the other half of the text. A "
                    "path costs what the writer itself gives each token when it writes it; the autoregressive network "
                    "and vanilla decoding are shown at several temperatures as well."
                ],
                figures=[
                    FigureItem(
                        path=run.figures[_TEXT].svg,
                        caption="Verdict against calls; verdict against the cost of the writer's own path, the rules "
                        "by calls, the autoregressive network and vanilla by temperature; phrases that come back "
                        "within a sample; entropy of a sample's letters.",
                        alt="Four panels: verdict by calls, a trade-off, repetition, variety.",
                    )
                ],
                tables=[_table("Networks on real text.", _real(found))],
            ),
        ],
        caveats=_CAVEATS,
        names=spoken_learners([row.model for row in found]),
    )


def _real(rows: Rows) -> Rows:
    return Rows(row for row in rows if not row.distribution.startswith(CHAIN))


def _lines(rows: Rows) -> list[Row]:
    """One row for each rule and dial, in the order in which they were measured."""
    return list(rows.where(metric=JUDGED))


def _table(caption: str, rows: Rows) -> TableItem:
    metrics = {
        JUDGED: "cost", READER: "cost, public model", PATH: "own path", KL_PATHS: "KL, or above it",
        KL_BLOCKS: "below KL", TOKEN_ENTROPY: "entropy of a sample", DISTINCT: "distinct 4", REPEATED: "repeated 8",
    }  # fmt: skip
    shown = {metric: words for metric, words in metrics.items() if rows.where(metric=metric)}
    return TableItem(
        caption=f"{caption} Nats per token; shares of blocks of 4 and of 8 tokens.",
        header=["model", "rule", "dial", "calls", *shown.values()],
        rows=[
            [
                row.model, row.decoder or "-", _dial(row), f"{row.calls:.1f}" if row.calls else "-",
                *(_value(rows, row, metric) for metric in shown),
            ]
            for row in _lines(rows)
        ],
    )  # fmt: skip


def _dial(row: Row) -> str:
    if row.swept is None or row.at is None:
        return "-"
    return f"T = {row.at:g}" if row.swept == TEMPERATURE else f"{row.at:g} {row.swept}"


def _value(rows: Rows, row: Row, metric: str) -> str:
    where = {name: getattr(row, name) for name in ("distribution", "model", "decoder", "swept", "at")}
    return cell(rows.get(metric=metric, **where))


def _law_table(rows: Rows) -> TableItem:
    found: Sequence[Row] = rows.where(metric=KL_LAW)
    return TableItem(
        caption="KL(sampler || chain) by the exact law, and its bounds from sequences, in nats per token.",
        header=["sequences", "model", "rule", "below", "law", "above, or equal"],
        rows=[
            [
                row.distribution, row.model, row.decoder or "-", _value(rows, row, KL_BLOCKS), f"{row.value:.4f}",
                _value(rows, row, KL_PATHS),
            ]
            for row in found
        ],
    )  # fmt: skip


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
