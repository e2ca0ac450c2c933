"""The report on the best order: what must hold, what was guessed before the whole run, and every mean."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.optimal_order.case import (
    KL,
    KL_EXCESS,
    KL_OVER_ORDERS,
    LEARNED,
    LEAST_KL,
    MOST_VALID,
    NATURAL,
    RANDOM,
    RULES,
    VALIDITY,
    VALIDITY_LOST,
)
from analysis.figures.optimal_order.own_order import own_order_checks, own_order_section
from analysis.figures.optimal_order.plot import draw_choices, draw_pairs, draw_regret
from analysis.figures.optimal_order.units import EVERYWHERE, INVERSIONS, SIZES, OrderSize, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, SavedFigure, Section, TableItem, show
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.learner import ARM_NATURAL
from lo_theory.samplers.menu import MARGIN

_EXACT = 1e-7  # nats and shares, on log-probabilities with a grid of 2**-32
_HALF = 0.5
_COLUMNS = {
    VALIDITY: "possible",
    VALIDITY_LOST: "lost to the most valid",
    KL: "KL",
    KL_EXCESS: "above the least",
    KL_OVER_ORDERS: "mean over orders",
}


def figures(rows: Rows, size: OrderSize) -> dict[str, Figure]:
    """What orders lose, where margin's choices are best, and what two tokens per call cost."""
    return {
        "optimal_order": draw_regret(rows),
        "optimal_choices": draw_choices(rows),
        "optimal_pairs": draw_pairs(rows),
    }


def report(run: Run[OrderSize]) -> Report:
    """What the rows say."""
    averaged, longest = combine_seeds(run.rows), max(i.n_latents + i.n_observations for i in run.size.instances)
    return Report(
        title="The best order there is",
        summary=[
            "An order of one token per call is a policy: the next position, chosen from what is visible. On small "
            "distributions backward induction over all sequences with masks finds, for a given imperfect denoiser, the "
            "policy that generates the fewest impossible sequences and the one of least KL divergence from the truth. "
            "No order, learned or not, can do better: what the usual ones lose to these two is exact.",
            "The two best orders know the truth, and look at where this denoiser errs. They are a bound and no method.",
        ],
        checks=[
            *_theorems(run.rows, run.size),
            *(c for kind in averaged.values("distribution") for c in _guesses(averaged, kind)),
            *own_order_checks(run.rows),
        ],
        sections=[*_sections(run, averaged), *own_order_section(run.rows)],
        caveats=[
            "KL(truth || random order) is that of the law, a mixture over orders; the mean over orders, which bounds "
            "it, is the NELBO's. The best order is best among policies that draw nothing.",
            f"At most {longest} tokens, one per call but in the last section. "
            "A posterior's errors are Gaussian on logits, of standard deviation 1 beside a tenth of doubt, times a "
            "hardness between 0 and 1.",
            _about_learned(run.rows),
            "The guesses were written down when one instance of each kind had been seen; those of networks along "
            "orders of their own when the networks' bound and margin's cost were known.",
        ],
        names={MDM: "network", ARM_NATURAL.name: "autoregressive network"},
    )


def _sections(run: Run[OrderSize], averaged: Rows) -> list[Section]:
    return [
        Section(
            title="What orders lose to the best one",
            figures=[
                _figure(
                    run.figures["optimal_order"],
                    "Above, the share of impossible sequences that an order generates and the most valid order "
                    "does not; below, KL(truth || law of the order) above that of the best order. Means and 95% "
                    "intervals over distributions with their errors, or over networks. On bits top probability, "
                    "margin and entropy are one rule. Left of the line: a random order is a mixture of orders, "
                    "which may be nearer to the truth than any single one.",
                )
            ],
            tables=[_table(averaged.where(distribution=kind), kind) for kind in averaged.values("distribution")],
        ),
        Section(
            title="Where margin's choice is best",
            paragraphs=[
                "A choice is a best one if the least KL can still be reached after it; sequences are drawn from "
                "the truth and revealed in margin's order. The last token leaves no choice and is not counted."
            ],
            figures=[
                _figure(
                    run.figures["optimal_choices"],
                    "Share of margin's choices that are best, against the tokens revealed before.",
                )
            ],
        ),
        Section(
            title="Two tokens per call",
            paragraphs=[
                "Two tokens of a call are drawn as if they were independent. With the exact posterior what is lost "
                "is what they know of each other; the best pairs lose as little as any choice that looks at "
                "visible tokens can."
            ],
            figures=[_figure(run.figures["optimal_pairs"], "KL(truth || law) by the rule that chooses two positions.")],
        ),
    ]


def _theorems(rows: Rows, size: OrderSize) -> list[Check]:
    """No order beats the best. Where only inverting is wrong latents first is exact, and so are pairs of latents."""
    lost = min(row.value for row in rows.where(metric=VALIDITY_LOST))
    excess = min(row.value for row in rows.where(metric=KL_EXCESS) if row.decoder != RANDOM)
    inverted = rows.where(model=INVERSIONS, decoder=NATURAL)
    even = [instance.label for instance in size.paired if instance.n_latents % 2 == 0]
    pairs = rows.where(model=CONTROL, decoder=LEAST_KL, metric=KL, distribution=even)
    together = max((row.value for row in pairs), default=None)
    worst = max([*(row.value for row in inverted.where(metric=KL)), *(_impossible(inverted))], default=None)
    return [
        Check(
            text="no order generates fewer impossible sequences than the most valid one, a random order included",
            expected=f"loses at least -{_EXACT:g}",
            measured=f"least {lost:.1e}",
            met=lost > -_EXACT,
        ),
        Check(
            text="no order that draws nothing is nearer to the truth than the one of least KL",
            expected=f"above it by at least -{_EXACT:g} nats",
            measured=f"least {excess:.1e}",
            met=excess > -_EXACT,
        ),
        Check(
            text=f"{INVERSIONS}: latents first is exact, so it is a best order",
            expected=f"KL and impossible sequences below {_EXACT:g}",
            measured="not measured" if worst is None else f"at most {worst:.1e}",
            met=None if worst is None else worst < _EXACT,
        ),
        Check(
            text="exact posterior, an even number of latents: two tokens per call need cost nothing",
            expected=f"least KL below {_EXACT:g}",
            measured="not measured" if together is None else f"at most {together:.1e}",
            met=None if together is None else together < _EXACT,
        ),
    ]


def _impossible(rows: Rows) -> list[float]:
    return [1.0 - row.value for row in rows.where(metric=VALIDITY)]


def _guesses(rows: Rows, kind: str) -> list[Check]:
    """Guesses; they may fail, and then the report says so. Written after one instance of each kind was seen."""
    wrong, network = rows.where(distribution=kind, model=EVERYWHERE), rows.where(distribution=kind, model=MDM)
    checks = []
    if wrong:
        checks += [
            _smaller(wrong, VALIDITY, RANDOM, MARGIN, f"{kind}, {EVERYWHERE}: margin is more often valid than random"),
            _gain(wrong, f"{kind}, {EVERYWHERE}: margin gains less than half of what the most valid order gains"),
            _smaller(
                wrong, KL, RANDOM, MARGIN, f"{kind}, {EVERYWHERE}: a random order is nearer to the truth than margin"
            ),
            _smaller(
                wrong, KL, LEAST_KL, RANDOM, f"{kind}, {EVERYWHERE}: and the best order is nearer than a random one"
            ),
        ]
    if wrong.where(decoder=LEARNED):
        checks.append(_learned(wrong, kind))
    pairs = rows.where(distribution=kind, model=CONTROL)
    if pairs:
        text = f"{kind}, exact posterior: margin's pairs cost more than random pairs"
        checks.append(_smaller(pairs, KL, RANDOM, MARGIN, text))
    if network:
        checks += [
            _gain(network, f"{kind}, networks: margin gains less than half of what the most valid order gains"),
            _smaller(
                network, KL, NATURAL, MARGIN, f"{kind}, networks: latents first is nearer to the truth than margin"
            ),
        ]
    return checks


def _about_learned(rows: Rows) -> str:
    if not rows.where(decoder=LEARNED):
        return "A learned order is not among those compared."
    return (
        "The learned order is that of a network of two hidden layers, told the exact values at a random half of the "
        "sequences with masks, for each denoiser anew: under errors everywhere, and for trained networks. What is "
        "expected of it was written down when one instance of each kind had been seen, and no network."
    )


def _learned(rows: Rows, kind: str) -> Check:
    margin, learned = (rows.one(metric=KL_EXCESS, decoder=rule) for rule in (MARGIN, LEARNED))
    return Check(
        text=f"{kind}, {EVERYWHERE}: a learned order keeps a tenth to a half of what margin loses to the best",
        expected="a share between 0.1 and 0.5",
        measured=f"{show(learned)} against {show(margin)}",
        met=0.1 < learned.value / margin.value < 0.5,
    )


def _smaller(rows: Rows, metric: str, less: str, more: str, text: str) -> Check:
    low, high = (rows.one(metric=metric, decoder=rule) for rule in (less, more))
    return Check(
        text=text,
        expected="intervals apart",
        measured=f"{less} {show(low)}, {more} {show(high)}",
        met=low.interval[1] < high.interval[0],
    )


def _gain(rows: Rows, text: str) -> Check:
    random, margin, best = (rows.one(metric=VALIDITY, decoder=rule).value for rule in (RANDOM, MARGIN, MOST_VALID))
    share = (margin - random) / (best - random) if best > random else None
    return Check(
        text=f"{text}, from a random order on",
        expected=f"a share below {_HALF:g}",
        measured="nothing to gain" if share is None else f"{share:.2f}",
        met=None if share is None else share < _HALF,
    )


def _figure(figure: SavedFigure, caption: str) -> FigureItem:
    return FigureItem(path=figure.svg, caption=caption, alt=caption)


def _table(rows: Rows, kind: str) -> TableItem:
    return TableItem(
        caption=f"{kind}: shares of possible sequences and KL(truth || law of the order) in nats, each also against "
        "the best order; means over distributions or networks.",
        header=["denoiser", "order", *_COLUMNS.values()],
        rows=[
            [model, rule, *(_cell(rows, model, rule, metric) for metric in _COLUMNS)]
            for model in rows.values("model")
            for rule in (*RULES, LEARNED, MOST_VALID, LEAST_KL)
            if rows.where(model=model, decoder=rule)
        ],
    )


def _cell(rows: Rows, model: str, rule: str, metric: str) -> str:
    row = rows.get(model=model, decoder=rule, metric=metric)
    return "" if row is None else show(row)


EXPERIMENT = Experiment(name="optimal-order", sizes=SIZES, units=units, figures=figures, report=report)
