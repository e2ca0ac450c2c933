"""What the hardness experiment expects, beside what came out: every expectation could have failed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.lab.averages import combine_seeds, reach
from analysis.lab.report import Check, show
from analysis.lab.rows import CONTROL, MDM, Role, Row, Rows
from analysis.measures.learner import ARM_NATURAL, ARM_REVERSED
from analysis.measures.likelihood_gap import GAP
from analysis.measures.order_accuracy import AGREEMENT
from analysis.measures.setting import DISTRIBUTIONS
from analysis.measures.task_error import KL, KL_BACKWARDS, KL_FORWARDS, SQUARED, role_errors
from lo_theory.samplers.menu import MARGIN, VANILLA

MARGIN_GOAL = 0.98


def control_checks(rows: Rows) -> list[Check]:
    """The exact posterior in the model's place: nothing it measures may differ from perfect."""
    control = rows.where(model=CONTROL)
    if not control:
        return []
    gap = max(abs(row.value) for row in control.where(metric=GAP))
    full = control.where(metric=AGREEMENT, calls=max(row.calls or 0.0 for row in control))
    worst = min(row.value for row in full)
    return [
        Check(
            text="control: likelihood gap of the exact posterior",
            expected="0 up to rounding",
            measured=f"at most {gap:.1e} nats per token",
            met=gap < 1e-9,
        ),
        no_task_error(control),
        Check(
            text="control: agreement of the exact posterior, one token per call, every rule",
            expected="100%",
            measured=f"{100 * worst:.2f}%",
            met=worst == 1.0,
        ),
    ]


def effect_checks(rows: Rows) -> list[Check]:
    """What the theory, or the paper, says of the trained models; from three seeds on, of their mean."""
    means = combine_seeds(rows)
    return [
        check
        for name in DISTRIBUTIONS
        for check in (
            *_accuracy_checks(means, name),
            role_check(rows.where(distribution=name, model=MDM), name),
            direction_check(rows.where(distribution=name, model=MDM), name),
            *_gap_checks(means, name),
        )
    ]


def _accuracy_checks(means: Rows, name: str) -> list[Check]:
    margin, vanilla = (at_most_calls(means, AGREEMENT, name, MDM, rule) for rule in (MARGIN, VANILLA))
    if margin is None or vanilla is None:
        return []
    return [
        Check(
            text=f"{name}: agreement by margin, one token per call",
            expected=f"at least {100 * MARGIN_GOAL:.0f}%",
            measured=show(margin, 2, 100.0, "%"),
            met=margin.value >= MARGIN_GOAL,
        ),
        Check(
            text=f"{name}: margin above vanilla, intervals apart",
            expected="vanilla's interval below margin's",
            measured=f"vanilla {show(vanilla, 2, 100.0, '%')}",
            met=vanilla.interval[1] < margin.interval[0],
        ),
    ]


def no_task_error(control: Rows) -> Check:
    """Nothing that the exact posterior answers differs from itself."""
    error = max(row.value for row in control.where(metric=(KL, SQUARED)))
    return Check(
        text="control: task error of the exact posterior",
        expected="0 up to rounding",
        measured=f"at most {error:.1e} nats",
        met=error < 1e-9,
    )


def role_check(
    own: Rows,
    name: str,
    claim: str = "latents have the larger task error (the paper's claim)",
    *,
    metric: str = KL,
    unit: str = "nats",
    digits: int = 4,
) -> Check:
    """The paper's claim, of the rows of one model on one distribution, under one measure of error."""
    errors = role_errors(own, metric)
    means = f"{errors.latent:.{digits}f} against {errors.observation:.{digits}f}"
    return Check(
        text=f"{name}: {claim}",
        expected="larger than observations, z > 1.96",
        measured=f"{means} {unit}, z = {errors.z:.1f}",
        met=errors.z > 1.96,
    )


def direction_check(own: Rows, name: str) -> Check:
    """What can be computed is learned better than what has to be inferred; rows as of :func:`role_check`."""
    forwards, f_error = averaged(own, KL_FORWARDS, "observation")
    backwards, b_error = averaged(own, KL_BACKWARDS, "observation")
    return Check(
        text=f"{name}: observations with all latents visible have the smaller task error",
        expected="smaller than the other observations, 95% interval of the difference",
        measured=f"{forwards:.4f} +- {f_error:.4f} against {backwards:.4f} +- {b_error:.4f} nats",
        met=backwards - forwards > reach(len(own.values("seed"))) * math.hypot(f_error, b_error),
    )


def _gap_checks(means: Rows, name: str) -> list[Check]:
    gaps = means.where(metric=GAP, distribution=name)
    natural, reverse = (gaps.get(model=learner.name) for learner in (ARM_NATURAL, ARM_REVERSED))
    if natural is None or reverse is None:
        return []
    return [
        Check(
            text=f"{name}: ARM in natural order closer to the entropy than reversed, intervals apart",
            expected="natural's interval below reversed's",
            measured=f"{show(natural, 5)} against {show(reverse, 5)} nats per token",
            met=natural.interval[1] < reverse.interval[0],
        )
    ]


def at_most_calls(means: Rows, metric: str, name: str, model: str, rule: str) -> Row | None:
    """The row of a model under a reveal rule at the largest number of calls, one per token."""
    found = means.where(metric=metric, distribution=name, model=model, decoder=rule)
    return max(found, key=lambda row: row.calls or 0.0, default=None)


def averaged(rows: Rows, metric: str, role: Role) -> tuple[float, float]:
    """Mean over numbers of masked tokens, weighted by the sequences behind each, and its standard error.

    Different numbers have different sequences, hence independent errors. From three seeds on the error is that of the
    mean over seeds.

    Args:
        rows: of one model on one distribution, seeds not averaged yet.
    """
    chosen = Rows(row for row in rows.where(metric=metric, role=role, position=None) if row.samples > 1)
    if not chosen:
        return math.nan, math.nan
    values, errors = np.array([_weighted(run) for run in chosen.by("seed").values()]).T
    if len(values) >= 3:
        return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()), float(np.sqrt((errors**2).sum())) / len(values)


def _weighted(rows: Sequence[Row]) -> tuple[float, float]:
    total = sum(row.samples for row in rows)
    value = sum(row.samples * row.value for row in rows) / total
    return value, math.hypot(*(row.samples * row.standard_error for row in rows)) / total
