"""Networks along orders of their own: a learned one, and what one closes of the gap to an autoregressive network."""

from __future__ import annotations

from analysis.figures.optimal_order.case import KL, KL_EXCESS, LEARNED, LEAST_KL, NATURAL, SAVED
from analysis.lab.averages import combine_seeds
from analysis.lab.report import Check, Section, TableItem, cell, show
from analysis.lab.rows import MDM, Row, Rows
from analysis.measures.gap_closed import PUBLISHED, gap_closed
from analysis.measures.learner import ARM_NATURAL
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP

ORDERS = (TOP, MARGIN, ENTROPY, NATURAL, LEARNED, LEAST_KL)
_KEPT = 0.5  # of what margin loses


def closed(rows: Rows, kind: str, rule: str) -> Row | None:
    """The share that an order closes of the gap between the bound and the autoregressive network, over the seeds."""
    found = rows.where(distribution=kind, metric=SAVED)
    own, gap = found.where(model=MDM, decoder=rule), found.where(model=ARM_NATURAL.name)
    return gap_closed(own, gap) if own and len(own) == len(gap) else None


def own_order_checks(rows: Rows) -> list[Check]:
    """What was expected when the recorded rows had the networks' bound and usual orders, and nothing of what is new."""
    averaged = combine_seeds(rows)
    return [check for kind in rows.values("distribution") for check in _expected(rows, averaged, kind)]


def _expected(rows: Rows, averaged: Rows, kind: str) -> list[Check]:
    learned = averaged.get(distribution=kind, model=MDM, decoder=LEARNED, metric=KL_EXCESS)
    margin = averaged.get(distribution=kind, model=MDM, decoder=MARGIN, metric=KL_EXCESS)
    share, gap = closed(rows, kind, MARGIN), averaged.get(distribution=kind, model=ARM_NATURAL.name, metric=SAVED)
    checks = []
    if learned is not None and margin is not None:
        kept = learned.value / margin.value
        checks.append(
            Check(
                text=f"{kind}, networks: an order learned for a network keeps less than half of what margin loses",
                expected=f"a share below {_KEPT:g}",
                measured=f"{kept:.2f}: {show(learned)} against {show(margin)}",
                met=kept < _KEPT,
            )
        )
    if share is not None and gap is not None:
        checks += [
            Check(
                text=f"{kind}: an autoregressive network of equal operations, latents first, is below the bound",
                expected="an interval above 0",
                measured=show(gap),
                met=gap.interval[0] > 0,
            ),
            Check(
                text=f"{kind}: margin's own order closes less than the largest published share of that gap",
                expected=f"below {PUBLISHED[1]:.0%}",
                measured=show(share, 0, 100.0, "%"),
                met=share.value < PUBLISHED[1],
            ),
        ]
    return checks


def own_order_section(rows: Rows) -> list[Section]:
    """The table of shares; nothing where no autoregressive network was trained."""
    averaged = combine_seeds(rows)
    lines = [
        [
            kind,
            rule,
            show(averaged.one(distribution=kind, model=MDM, decoder=rule, metric=SAVED)),
            show(share, 0, 100.0, "%"),
        ]
        for kind in rows.values("distribution")
        for rule in ORDERS
        if (share := closed(rows, kind, rule)) is not None
    ]
    if not lines:
        return []
    arms = [
        [
            kind,
            cell(averaged.get(distribution=kind, model=ARM_NATURAL.name, metric=KL)),
            show(averaged.one(distribution=kind, model=ARM_NATURAL.name, metric=SAVED)),
        ]
        for kind in dict.fromkeys(line[0] for line in lines)
    ]
    return [
        Section(
            title="An order of its own, and an autoregressive network",
            paragraphs=[
                "A masked network is usually judged by a bound, the mean over all orders. Along the order that it "
                "decodes in it has a likelihood, which may be lower or higher than the bound. An autoregressive "
                "network of equal shape, steps and operations, which goes through latents first, stands beside it. The "
                "share of the gap that an order closes is the quotient of two means over the same seeds, with "
                "Fieller's interval; "
                f"published, of other models on text and in perplexity: up to {PUBLISHED[0]:.0%} and "
                f"{PUBLISHED[1]:.0%} (arXiv 2603.01367). Without ends it is one that the seeds do not determine."
            ],
            tables=[
                TableItem(
                    caption="The autoregressive network: KL(truth || network), and how far that is below the masked "
                    "network's bound, in nats.",
                    header=["distribution", "KL", "below the bound"],
                    rows=arms,
                ),
                TableItem(
                    caption="The masked network along orders that draw nothing: nats below its bound, and the share of "
                    "the gap.",
                    header=["distribution", "order", "below the bound", "share of the gap closed"],
                    rows=lines,
                ),
            ],
        )
    ]
