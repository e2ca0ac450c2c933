"""What must come out of the reasoners' experiment, and what would show that it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.paper_numbers import TABLE_2
from analysis.puzzles.judging import BOARD
from analysis.puzzles.reasoner_rows import (
    ANNEALED,
    CONSTANT,
    EARLY,
    EARLY_EXCESS,
    EXPERIMENT,
    NEEDING,
    PREDICTED_EARLY,
    SAME_ORDER,
    SAMPLED_EXCESS,
    TOP_EXCESS,
    crossing,
)
from analysis.puzzles.reasoner_rules import (
    BEYOND_ALL,
    BEYOND_SINGLES,
    LEFT_TO_RIGHT,
    NOISY,
    ORDERS,
    RANDOM_TIES,
    SAME_AS_TOP,
    SINGLES_ENOUGH,
    SOLVABLE,
)
from analysis.puzzles.rules import MARGIN, ONE_EACH, TOP, VANILLA
from analysis.report import Check, show
from analysis.rows import Row

_BLIND = (VANILLA, LEFT_TO_RIGHT)
_ADAPTIVE = tuple(name for name in ORDERS if name not in _BLIND)
_DEVIATIONS = 4.0  # of some fifty numbers none is beyond, but once in 300 runs
_EXPECTED_EVENTS = 25.0  # below, the count of early guesses is too skewed for its standard error
_STRATEGIES_SOLVE = 0.99


def reasoner_checks(rows: Sequence[Row]) -> list[Check]:
    """Identities first, then what the theory of ties and noise says; not measured where the rows lack it."""
    mine = [row for row in rows if row.experiment == EXPERIMENT]
    return [*_identities(mine), *_orders(mine), *_noise(mine)]


def _identities(rows: Sequence[Row]) -> list[Check]:
    easy = _of(rows, BOARD, SINGLES_ENOUGH, "singles", _ADAPTIVE)
    needing = {
        name: [r.value for r in _of(rows, NEEDING, name, "singles", _ADAPTIVE)]
        for name in (SINGLES_ENOUGH, BEYOND_SINGLES, SOLVABLE, BEYOND_ALL)
    }
    same = [r for r in rows if r.metric == SAME_ORDER and r.decoder in SAME_AS_TOP and r.swept == ONE_EACH]
    early = [r for r in rows if r.metric == EARLY and r.decoder in _ADAPTIVE and r.swept == ONE_EACH]
    drawn = [r for r in rows if r.metric == SAMPLED_EXCESS and r.standard_error > 0]
    expected = {_key(r): r.value * r.samples for r in rows if r.metric == PREDICTED_EARLY}
    noisy = [r for r in rows if r.metric == EARLY_EXCESS and expected.get(_key(r), 0.0) >= _EXPECTED_EVENTS]
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


def _orders(rows: Sequence[Row]) -> list[Check]:
    solved = _of(rows, BOARD, SOLVABLE, "strategies", (TOP, MARGIN))
    blind = [r for r in rows if r.metric == TOP_EXCESS and r.decoder in _BLIND and r.swept == ONE_EACH]
    ties = [
        r
        for name in (BEYOND_SINGLES, SOLVABLE, BEYOND_ALL)
        for r in _of(rows, TOP_EXCESS, name, "singles", (MARGIN, RANDOM_TIES))
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
            measured=""
            if lowest is None
            else f"least: {show(lowest, 1, 100.0, '%')} ({lowest.model}, {lowest.distribution})",
            met=None if lowest is None else lowest.interval[0] > 0,
        ),
        *(
            Check(
                text=f"{r.distribution}, singles, no noise: top probability above {r.decoder}",
                expected="paired difference above 0",
                measured=show(r, 1, 100.0, "%"),
                met=r.interval[0] > 0,
            )
            for r in ties
        ),
    ]


def _noise(rows: Sequence[Row]) -> list[Check]:
    mine = [r for r in rows if (r.distribution, r.model) == (SOLVABLE, "singles")]
    checks = []
    for schedule in (CONSTANT, ANNEALED):
        half = next((r for r in mine if _under(r, TOP_EXCESS, schedule) and r.decoder == MARGIN), None)
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
    reached = [r for r in rows if _under(r, BOARD, ANNEALED) and r.decoder in NOISY]
    best = max(reached, key=lambda r: r.value, default=None)
    return [
        *checks,
        Check(
            text=f"{SOLVABLE}, annealed noise 0.5: no reasoner reaches the paper's margin by any score",
            expected=f"interval below {paper:.1%}",
            measured="" if best is None else f"best: {show(best, 1, 100.0, '%')} ({best.model}, {best.decoder})",
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


def _of(rows: Sequence[Row], metric: str, name: str, model: str, orders: Sequence[str]) -> list[Row]:
    """One cell per call, exact along the order."""
    return [
        r
        for r in rows
        if (r.metric, r.distribution, r.model, r.swept, r.method) == (metric, name, model, ONE_EACH, "chain")
        and r.decoder in orders
    ]


def _under(row: Row, metric: str, schedule: str) -> bool:
    return (row.metric, row.swept, row.at) == (metric, schedule, 0.5)


def _key(row: Row) -> tuple[str, str, str | None, str | None, float | None]:
    return row.distribution, row.model, row.decoder, row.swept, row.at


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
