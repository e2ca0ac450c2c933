"""What the hardness experiment expects, beside what came out: every expectation could have failed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.networks.learners import MDM
from analysis.networks.likelihood_gap import GAP
from analysis.networks.order_accuracy import AGREEMENT
from analysis.networks.task_error import KL, KL_BACKWARDS, KL_FORWARDS, SQUARED
from analysis.plots.style import CONTROL
from analysis.plots.task_error import latent_excess
from analysis.report import Check, show
from analysis.rows import Role, Row, combine_seeds
from analysis.scales import DISTRIBUTIONS

MARGIN_GOAL = 0.98


def control_checks(rows: Sequence[Row]) -> list[Check]:
    """The exact posterior in the model's place: nothing it measures may differ from perfect."""
    control = [row for row in rows if row.model == CONTROL]
    if not control:
        return []
    gap = max(abs(row.value) for row in control if row.metric == GAP)
    error = max(row.value for row in control if row.metric in (KL, SQUARED))
    full = [row for row in control if row.metric == AGREEMENT and row.calls == max(r.calls or 0 for r in control)]
    worst = min(row.value for row in full)
    return [
        Check(
            text="control: likelihood gap of the exact posterior",
            expected="0 up to rounding",
            measured=f"at most {gap:.1e} nats per token",
            met=gap < 1e-9,
        ),
        Check(
            text="control: task error of the exact posterior",
            expected="0 up to rounding",
            measured=f"at most {error:.1e} nats",
            met=error < 1e-9,
        ),
        Check(
            text="control: agreement of the exact posterior, one token per call, every rule",
            expected="100%",
            measured=f"{100 * worst:.2f}%",
            met=worst == 1.0,
        ),
    ]


def effect_checks(rows: Sequence[Row]) -> list[Check]:
    """What the theory, or the paper, says of the trained models; from three seeds on, of their mean."""
    means = combine_seeds(rows)
    return [
        check
        for name in DISTRIBUTIONS
        for check in (
            *_accuracy_checks(means, name),
            *_role_checks(rows, name),
            *_direction_checks(rows, name),
            *_gap_checks(means, name),
        )
    ]


def _accuracy_checks(means: Sequence[Row], name: str) -> list[Check]:
    margin, vanilla = (agreement(means, name, MDM, rule) for rule in ("margin", "vanilla"))
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


def _role_checks(rows: Sequence[Row], name: str) -> list[Check]:
    latent, observation, z = latent_excess([r for r in rows if r.distribution == name and r.model == MDM])
    return [
        Check(
            text=f"{name}: latents have the larger task error (the paper's claim)",
            expected="larger than observations, z > 1.96",
            measured=f"{latent:.4f} against {observation:.4f} nats, z = {z:.1f}",
            met=z > 1.96,
        )
    ]


def _direction_checks(rows: Sequence[Row], name: str) -> list[Check]:
    own = [r for r in rows if r.distribution == name and r.model == MDM]
    (forwards, f_error), (backwards, b_error) = (
        averaged(own, metric, "observation") for metric in (KL_FORWARDS, KL_BACKWARDS)
    )
    return [
        Check(
            text=f"{name}: observations with all latents visible have the smaller task error",
            expected="smaller than the other observations by 1.96 standard errors",
            measured=f"{forwards:.4f} +- {f_error:.4f} against {backwards:.4f} +- {b_error:.4f} nats",
            met=backwards - forwards > 1.96 * math.hypot(f_error, b_error),
        )
    ]


def _gap_checks(means: Sequence[Row], name: str) -> list[Check]:
    natural, reverse = (gap_of(means, name, model) for model in ("arm natural", "arm reversed"))
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


def agreement(means: Sequence[Row], name: str, model: str, rule: str) -> Row | None:
    """Agreement of a model under a reveal rule, one token per call."""
    return at_most_calls(means, AGREEMENT, name, model, rule)


def at_most_calls(means: Sequence[Row], metric: str, name: str, model: str, rule: str) -> Row | None:
    """The row at the largest number of calls, one per token."""
    found = [r for r in means if r.metric == metric and (r.distribution, r.model, r.decoder) == (name, model, rule)]
    return max(found, key=lambda row: row.calls or 0.0, default=None)


def gap_of(means: Sequence[Row], name: str, model: str) -> Row | None:
    """Likelihood gap of a learner."""
    return next((r for r in means if r.metric == GAP and r.distribution == name and r.model == model), None)


def averaged(rows: Sequence[Row], metric: str, role: Role) -> tuple[float, float]:
    """Mean over numbers of masked tokens, weighted by the sequences behind each, and its standard error.

    Different numbers have different sequences, hence independent errors. From three seeds on the error is that of the
    mean over seeds.

    Args:
        rows: of one model on one distribution, seeds not averaged yet.
    """
    chosen = [r for r in rows if r.metric == metric and r.role == role and r.position is None and r.samples > 1]
    seeds = list(dict.fromkeys(row.seed for row in chosen))
    if not seeds:
        return math.nan, math.nan
    each = [_weighted([row for row in chosen if row.seed == seed]) for seed in seeds]
    values, errors = np.array([value for value, _ in each]), np.array([error for _, error in each])
    if len(seeds) >= 3:
        return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(seeds))
    return float(values.mean()), float(np.sqrt((errors**2).sum())) / len(seeds)


def _weighted(rows: Sequence[Row]) -> tuple[float, float]:
    total = sum(row.samples for row in rows)
    value = sum(row.samples * row.value for row in rows) / total
    return value, math.hypot(*(row.samples * row.standard_error for row in rows)) / total
