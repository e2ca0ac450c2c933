"""What must come out of the reasoners' experiment, and what would show that it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures.reasoners.menu import (
    BEYOND_ALL,
    BEYOND_SINGLES,
    NOISY,
    ORDERS,
    RANDOM_TIES,
    SAME_AS_TOP,
    SINGLES_ENOUGH,
    SOLVABLE,
)
from analysis.figures.reasoners.rows import (
    ANNEALED,
    CONSTANT,
    EARLY,
    EARLY_EXCESS,
    EXPERIMENT_NAME,
    NEEDING,
    PREDICTED_EARLY,
    SAME_ORDER,
    SAMPLED_EXCESS,
    TOP_EXCESS,
    crossing,
)
from analysis.lab.report import Check, show
from analysis.lab.rows import Row, Rows
from analysis.puzzles.judging import BOARD
from analysis.puzzles.paper import TABLE_2
from lo_theory.samplers.menu import LEFT_TO_RIGHT, MARGIN, ONE_EACH, TOP, VANILLA

_BLIND = (VANILLA, LEFT_TO_RIGHT)
_ADAPTIVE = tuple(name for name in ORDERS if name not in _BLIND)
_DEVIATIONS = 4.0  # of some fifty numbers none is beyond, but once in 300 runs
_EXPECTED_EVENTS = 25.0  # below, the count of early guesses is too skewed for its standard error
_STRATEGIES_SOLVE = 0.99


def reasoner_checks(rows: Rows) -> list[Check]:
    """Identities first, then what the theory of ties and noise says; not measured where the rows lack it."""
    mine = rows.where(experiment=EXPERIMENT_NAME)
    return [*_identities(mine), *_orders(mine), *_noise(mine)]


def _identities(rows: Rows) -> list[Check]:
    easy = _along(rows, BOARD, SINGLES_ENOUGH, "singles", _ADAPTIVE)
    needing = {
        name: [r.value for r in _along(rows, NEEDING, name, "singles", _ADAPTIVE)]
        for name in (SINGLES_ENOUGH, BEYOND_SINGLES, SOLVABLE, BEYOND_ALL)
    }
    same = rows.where(metric=SAME_ORDER, decoder=SAME_AS_TOP, swept=ONE_EACH)
    early = rows.where(metric=EARLY, decoder=_ADAPTIVE, swept=ONE_EACH)
    drawn = [r for r in rows.where(metric=SAMPLED_EXCESS) if r.standard_error > 0]
    predicted = rows.where(metric=PREDICTED_EARLY)
    noisy = [r for r in rows.where(metric=EARLY_EXCESS) if _expected_events(predicted, r) >= _EXPECTED_EVENTS]
    shares = [sorted(set(values)) for values in needing.values() if values]
    return [
        Check(
            text=f"{SINGLES_ENOUGH}: the singles reasoner solves every board by every adaptive rule",
            expected="exactly 1",
            measured=_range([r.value for r in easy]),
            met=all(r.value == 1 for r in easy) if easy else None,
        ),
        Check(
            text="the singles reasoner needs a guess on the same boards by every adaptive rule: none of levels 2-3, "
            "all of levels 4-8",
            expected="one share per set, 0 and 1 on the first two",
            measured="; ".join(", ".join(f"{v:.3f}" for v in values) for values in shares),
            met=all(len(v) == 1 for v in shares) and shares[:2] == [[0.0], [1.0]] if len(shares) == 4 else None,
        ),
        Check(
            text="negative entropy, log-probability, margin with its ties broken: one order with top probability",
            expected="on every board",
            measured=_range([r.value for r in same]),
            met=all(r.value == 1 for r in same) if same else None,
        ),
        Check(
            text="without noise an adaptive rule never guesses while a cell is certain",
            expected="exactly 0 early guesses",
            measured=_range([r.value for r in early]),
            met=all(r.value == 0 for r in early) if early else None,
        ),
        _deviations("boards solved with drawn digits are as many as the chain rule says", drawn),
        _deviations("early guesses are as many as the weights exp(score / noise) say", noisy),
    ]


def _orders(rows: Rows) -> list[Check]:
    solved = _along(rows, BOARD, SOLVABLE, "strategies", (TOP, MARGIN))
    blind = rows.where(metric=TOP_EXCESS, decoder=_BLIND, swept=ONE_EACH)
    ties = [
        r
        for name in (BEYOND_SINGLES, SOLVABLE, BEYOND_ALL)
        for r in _along(rows, TOP_EXCESS, name, "singles", (MARGIN, RANDOM_TIES))
    ]
    lowest = min(blind, key=lambda r: r.interval[0], default=None)
    return [
        Check(
            text=f"{SOLVABLE}: the strategies reasoner solves nearly every board by top probability and margin",
            expected=f"at least {_STRATEGIES_SOLVE:.0%}",
            measured=_range([r.value for r in solved]),
            met=all(r.value >= _STRATEGIES_SOLVE for r in solved) if solved else None,
        ),
        Check(
            text="a random order and left to right are below top probability, for every reasoner and set",
            expected="every paired difference above 0",
            measured=f"least: {_percent(lowest)} ({lowest.model}, {lowest.distribution})" if lowest else "",
            met=None if lowest is None else lowest.interval[0] > 0,
        ),
        *(
            Check(
                text=f"{r.distribution}, singles, no noise: top probability above {r.decoder}",
                expected="paired difference above 0",
                measured=_percent(r),
                met=r.interval[0] > 0,
            )
            for r in ties
        ),
    ]


def _noise(rows: Rows) -> list[Check]:
    mine = rows.where(distribution=SOLVABLE, model="singles")
    checks = []
    for schedule in (CONSTANT, ANNEALED):
        half = mine.get(metric=TOP_EXCESS, swept=schedule, at=0.5, decoder=MARGIN)
        found = crossing(mine, schedule)
        checks.append(
            Check(
                text=f"{SOLVABLE}, singles, {schedule} 0.5: margin above top probability",
                expected="paired difference below 0",
                measured="" if half is None else show(half, 2, 100.0, "%"),
                met=None if half is None else half.interval[1] < 0,
            )
        )
        checks.append(
            Check(
                text=f"{SOLVABLE}, singles, {schedule}: the sign changes once",
                expected="between 0 and 0.5",
                measured="no" if found is None else f"{found.between:.2g}, within [{found.below:g}, {found.above:g}]",
                met=(found is not None and found.above <= 0.5) if half else None,
            )
        )
    paper = next(n.solved for n in TABLE_2 if n.decoder == MARGIN)
    reached = rows.where(metric=BOARD, swept=ANNEALED, at=0.5, decoder=tuple(NOISY))
    best = max(reached, key=lambda r: r.value, default=None)
    return [
        *checks,
        Check(
            text=f"{SOLVABLE}, annealed noise 0.5: no reasoner reaches the paper's margin by any score",
            expected=f"interval below {paper:.1%}",
            measured="" if best is None else f"best: {_percent(best)} ({best.model}, {best.decoder})",
            met=None if best is None else best.interval[1] < paper,
        ),
    ]


def _deviations(text: str, rows: Sequence[Row]) -> Check:
    worst = max((abs(r.value) / r.standard_error for r in rows), default=0.0)
    return Check(
        text=text,
        expected=f"within {_DEVIATIONS:g} standard errors, every one",
        measured=f"at most {worst:.1f}, of {len(rows)} numbers",
        met=worst <= _DEVIATIONS if rows else None,
    )


def _along(rows: Rows, metric: str, name: str, model: str, orders: Sequence[str]) -> Rows:
    """One cell per call, exact along the order."""
    about = {"distribution": name, "model": model, "swept": ONE_EACH, "method": "chain"}
    return rows.where(metric=metric, decoder=orders, **about)


def _expected_events(predicted: Rows, row: Row) -> float:
    """How many early guesses were predicted on all boards of a row."""
    about = {name: getattr(row, name) for name in ("distribution", "model", "decoder", "swept", "at")}
    return sum(r.value * r.samples for r in predicted.where(**about))


def _percent(row: Row) -> str:
    return show(row, 1, 100.0, "%")


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
