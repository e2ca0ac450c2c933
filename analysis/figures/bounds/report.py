"""The report on bounds: theorems that must hold, published rates beside the truth, guesses, and every mean."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.bounds.plot import draw_bounds, draw_schedules, draw_sequences, half, loosenesses, times_least
from analysis.figures.bounds.units import (
    BOUND,
    BOUNDED,
    DUAL,
    DUAL_STEPS,
    EQUAL,
    EXPERIMENT_NAME,
    LEAST,
    LOSS,
    OVER_STEPS,
    RANDOM_SIZES,
    ROOTS,
    SCHEDULES,
    SEQUENCE_KL,
    SIZES,
    TOTAL,
    TOTAL_STEPS,
    BoundsSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, SavedFigure, Section, TableItem, show
from analysis.lab.rows import Row, Rows

_EXACT = 1e-9  # nats
_SEQUENCES_EXACT = 1e-7


def figures(rows: Rows, size: BoundsSize) -> dict[str, Figure]:
    """Bounds beside losses, schedules against each other, and sequences without their order."""
    return {
        EXPERIMENT_NAME: draw_bounds(rows),
        "bounds_schedules": draw_schedules(rows),
        "bounds_sequences": draw_sequences(rows),
    }


def report(run: Run[BoundsSize]) -> Report:
    """What the rows say."""
    means = combine_seeds(run.rows)
    return Report(
        title="Bounds on parallel decoding beside the truth",
        summary=[
            "A sampler with exact conditionals that reveals several random positions per call draws them as if they "
            "were independent. What that loses is a functional of the information curve, which is enumerated here, so "
            "bounds and schedules of the literature stand beside the exact loss at every number of calls.",
            "Published theorems hold by proof; what can come out otherwise is how loose they are, and which schedule "
            "is the best.",
        ],
        checks=[
            *theorems(run.rows),
            *readings(run.rows),
            *(check for instance in run.size.long for check in _guesses(means, instance.label)),
            *_order_guesses(means, [instance.label for instance in run.size.instances]),
        ],
        sections=_sections(run, means),
        caveats=[
            "Positions are revealed in a random order. An order that looks at what is visible may lose far less: see "
            "the best pairs of `optimal-order`.",
            "Constants and proofs are ours where the published statement could be read in the abstract alone: those of "
            "arXiv 2505.21400, 2510.25544 and 2511.04647. The random sizes of arXiv 2602.20126 could not be found; "
            "those shown are of the reverse process, each position with the same chance.",
            f"Short sequences; intervals are over {run.size.distributions} distributions of a kind.",
        ],
    )


def _sections(run: Run[BoundsSize], means: Rows) -> list[Section]:
    labels = [instance.label for instance in run.size.long]
    return [
        Section(
            title="How loose bounds are",
            figures=[
                _figure(
                    run.figures[EXPERIMENT_NAME],
                    "Dashed a bound, in the same colour the exact loss of the schedule that it bounds; means over "
                    "distributions with 95% intervals.",
                )
            ],
            tables=[_bounds_table(means, labels)],
        ),
        Section(
            title="Which schedule is best",
            figures=[
                _figure(
                    run.figures["bounds_schedules"],
                    "Exact loss of every schedule. Least loss and equal growth know the information curve, the others "
                    "the length alone.",
                )
            ],
            tables=[_schedules_table(means, labels)],
        ),
        Section(
            title="Sequences without their order",
            paragraphs=[
                "The formula is the divergence of sequence and order together. The law of the sequences alone is a "
                "mixture over orders, in which errors of single orders cancel."
            ],
            figures=[_figure(run.figures["bounds_sequences"], "Dashed with the order, solid without it, both exact.")],
        ),
    ]


def theorems(rows: Rows) -> list[Check]:
    """What follows from the curve: every bound, the least loss, the mixture, and both ends."""
    losses = {_key(row): row.value for row in rows.where(metric=LOSS)}
    over = []
    for row in rows.where(metric=BOUND):
        held = (BOUNDED[row.decoder or ""], *((RANDOM_SIZES,) if row.decoder == OVER_STEPS else ()))
        over += [losses[_key(row, schedule)] - row.value for schedule in held]
    below = [losses[_key(row, LEAST)] - row.value for row in rows.where(metric=LOSS)]
    mixture = [row.value - losses[_key(row)] for row in rows.where(metric=SEQUENCE_KL)]
    totals = {(row.distribution, row.seed): row.value for row in rows.where(metric=TOTAL)}
    ends = [abs(row.value - totals[row.distribution, row.seed]) for row in rows.where(metric=LOSS, at=1.0)]
    return [
        _at_most("no schedule loses more than its bound", over, _EXACT),
        _at_most("no schedule loses less than the one of least loss", below, _EXACT),
        _at_most("sequences alone are no farther from the truth than with their order", mixture, _SEQUENCES_EXACT),
        _at_most("one call loses the total correlation", ends, _EXACT),
    ]


def readings(rows: Rows) -> list[Check]:
    """Readings of the published rates that leave out a factor: the sizes matter, or the logarithm does."""
    checks = []
    for schedule in (EQUAL, RANDOM_SIZES):
        for name, metric in (("total correlation", TOTAL), ("dual total correlation", DUAL)):
            broken = broken_rates(rows, schedule, metric)
            checks.append(
                Check(
                    text=f"{schedule} lose more than the {name} over the calls, on some distribution",
                    expected="at least one",
                    measured=f"{sum(broken)} of {len(broken)}",
                    met=any(broken),
                )
            )
    return checks


def broken_rates(rows: Rows, schedule: str, metric: str) -> list[bool]:
    """For each distribution whether a schedule loses more than this number over the calls, at some number of calls."""
    number = {(row.distribution, row.seed): row.value for row in rows.where(metric=metric)}
    found = dict.fromkeys(number, False)
    for row in rows.where(metric=LOSS, decoder=schedule):
        key = (row.distribution, row.seed)
        found[key] |= row.value * (row.at or 0.0) > number[key] + _EXACT
    return list(found.values())


def _guesses(means: Rows, label: str) -> list[Check]:
    """Written down before the first run, when one curve of each short kind had been seen. They may fail."""
    here = means.where(distribution=label)
    loose = loosenesses(means, [label])[0]
    equal, dual, total, roots = (times_least(here, s) for s in (EQUAL, DUAL_STEPS, TOTAL_STEPS, ROOTS))
    where = f"{label}, {half(here.where(metric=LOSS)):g} calls"
    checks = [
        Check(
            text=f"{where}: mutual information over steps is at least twice what equal steps lose",
            expected="a ratio of at least 2",
            measured=f"{loose:.2f}",
            met=loose >= 2,
        )
    ]
    if label.startswith("Markov"):
        return [
            *checks,
            Check(
                text=f"{where}: equal steps are nearly the best",
                expected="at most 1.1 times the least loss",
                measured=f"{equal:.2f}",
                met=equal <= 1.1,
            ),
        ]
    return [
        *checks,
        Check(
            text=f"{where}: steps that grow with the visible tokens beat equal ones, and those beat shrinking ones",
            expected=f"{DUAL_STEPS} < {EQUAL} < {TOTAL_STEPS}",
            measured=f"{dual:.2f}, {equal:.2f}, {total:.2f} times the least loss",
            met=dual < equal < total,
        ),
        Check(
            text=f"{where}: square-root steps are near the best",
            expected="at most 1.25 times the least loss",
            measured=f"{roots:.2f}",
            met=roots <= 1.25,
        ),
    ]


def _order_guesses(means: Rows, labels: list[str]) -> list[Check]:
    checks = []
    for label in labels:
        here = means.where(distribution=label)
        at = half(here.where(metric=LOSS))
        alone, together = (here.one(metric=m, decoder=EQUAL, at=at) for m in (SEQUENCE_KL, LOSS))
        share = alone.value / together.value
        checks.append(
            Check(
                text=f"{label}, {at:g} calls: less than half of the loss of equal steps is left without the order",
                expected="a share below 0.5",
                measured=f"{share:.2f}",
                met=share < 0.5,
            )
        )
    return checks


def _key(row: Row, schedule: str | None = None) -> tuple[str, int | None, str | None, float | None]:
    return row.distribution, row.seed, row.decoder if schedule is None else schedule, row.at


def _at_most(text: str, found: list[float], slack: float) -> Check:
    worst = max(found, default=None)
    return Check(
        text=text,
        expected=f"by at most {slack:g} nats",
        measured="not measured" if worst is None else f"largest difference {worst:.1e} of {len(found)}",
        met=None if worst is None else worst <= slack,
    )


def _bounds_table(means: Rows, labels: list[str]) -> TableItem:
    rows = []
    for label in labels:
        here = means.where(distribution=label)
        at = half(here.where(metric=LOSS))
        for bound, schedule in BOUNDED.items():
            promised, lost = (
                here.one(metric=BOUND, decoder=bound, at=at),
                here.one(decoder=schedule, metric=LOSS, at=at),
            )
            ratio = f"{promised.value / lost.value:.1f}" if lost.value > _EXACT else "loses nothing"
            rows.append([label, f"{at:g}", bound, show(promised), schedule, show(lost), ratio])
    return TableItem(
        caption="Half as many calls as tokens, in nats: means over distributions.",
        header=["distribution", "calls", "bound", "promises", "schedule", "loses", "times too much"],
        rows=rows,
    )


def _schedules_table(means: Rows, labels: list[str]) -> TableItem:
    rows = []
    for label in labels:
        here = means.where(distribution=label)
        at = half(here.where(metric=LOSS))
        lost = {name: here.one(metric=LOSS, decoder=name, at=at) for name in SCHEDULES}
        rows += [[label, name, show(row), f"{times_least(here, name):.2f}"] for name, row in lost.items()]
    return TableItem(
        caption="Half as many calls as tokens, in nats: means over distributions.",
        header=["distribution", "schedule", "loses", "times the least"],
        rows=rows,
    )


def _figure(figure: SavedFigure, caption: str) -> FigureItem:
    return FigureItem(path=figure.svg, caption=caption, alt=caption)


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
