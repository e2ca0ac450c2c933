"""What was expected of scaling before anything was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.figures.scaling.losses import bests, curve, kinds, mean_loss, texts
from analysis.figures.scaling.plot import gap_of, spoken_text
from analysis.figures.scaling.units import ARM
from analysis.lab.report import Check
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.text_data import SHAKESPEARE
from analysis.measures.text_networks import EXCESS, FLOOR, LOSS

_ROUNDING, _ERRORS = 1e-9, 4.0
_SMDM = 16.0
_LADDER = (ARM, "pi much-closer", "pi closer", "pi uniform")


def scaling_checks(rows: Rows) -> list[Check]:
    """Controls first, then who is above whom, then the gap."""
    checks = _control(rows)
    for name in texts(rows):
        lowest = _lowest(rows, name, kinds(rows, name))
        if ARM in lowest and MDM in lowest:
            checks.append(_above(name, "the MDM's bound is above the ARM's loss", lowest[ARM], lowest[MDM]))
        if all(kind in lowest for kind in _LADDER):
            text = "a pi-learner of uniform orders is above those of orders near the natural one"
            near = {budget: max(lowest["pi closer"][budget], lowest["pi much-closer"][budget])
                    for budget in lowest["pi closer"] if budget in lowest["pi much-closer"]}  # fmt: skip
            checks.append(_above(name, text, near, lowest["pi uniform"]))
            checks.append(
                _above(name, "these are above the ARM", lowest[ARM], lowest["pi closer"], lowest["pi much-closer"])
            )
        several = kinds(rows, name, any_order=True)
        if len(several) > 1:
            checks.append(_by_orders(rows, name, several))
        gap = gap_of(rows, name)
        if gap is not None:
            checks.append(
                Check(
                    text=f"{spoken_text(name)}: times the compute that the MDM needs for the same loss",
                    expected=f"an interval that holds SMDM's {_SMDM:.0f}",
                    measured=f"{gap.value:.2f} [{gap.low:.2f}, {gap.high:.2f}]",
                    met=gap.low <= _SMDM <= gap.high,
                )
            )
    return checks


def goal_checks(rows: Rows, goals: tuple[float, float] | None) -> list[Check]:
    """What is hoped for on Shakespeare by characters, reached or not."""
    if goals is None:
        return []
    lowest = _lowest(rows, SHAKESPEARE, [ARM, MDM])
    arm, mdm = (min(lowest[kind].values(), default=None) if kind in lowest else None for kind in (ARM, MDM))
    ratio = None if arm is None or mdm is None else mdm / arm
    loss_goal, ratio_goal = goals
    return [
        Check(
            text="Shakespeare by characters: the ARM's validation loss after an hour of one core",
            expected=f"at most {loss_goal} nats per character",
            measured="not trained" if arm is None else f"{arm:.4f}",
            met=None if arm is None else arm <= loss_goal,
        ),
        Check(
            text="Shakespeare by characters: the MDM's bound at equal compute over the ARM's loss",
            expected=f"a ratio of at most {ratio_goal}",
            measured="not trained" if ratio is None else f"{ratio:.4f}",
            met=None if ratio is None else ratio <= ratio_goal,
        ),
    ]


def _control(rows: Rows) -> list[Check]:
    checks = []
    for row in rows.where(model=CONTROL, metric=EXCESS):
        loss = rows.one(model=CONTROL, metric=LOSS, distribution=row.distribution)
        floor = rows.one(metric=FLOOR, distribution=row.distribution)
        away = abs(loss.value - floor.value)
        checks.append(
            Check(
                text=f"control: the exact posterior of the {spoken_text(row.distribution)}",
                expected=f"excess 0 up to rounding, loss within {_ERRORS:.0f} standard errors of the entropy",
                measured=f"excess {row.value:.1e}; {loss.value:.4f} beside {floor.value:.4f}",
                met=abs(row.value) < _ROUNDING and away <= _ERRORS * loss.standard_error,
            )
        )
    return checks


def _lowest(rows: Rows, name: str, wanted: Sequence[str]) -> dict[str, dict[float, float]]:
    """Lowest mean loss of any size by kind and budget."""
    found = {
        kind: {
            budget: min(mean_loss(runs)[0] for runs in sizes.values())
            for budget, sizes in curve(rows, name, kind).items()
        }
        for kind in wanted
    }
    return {kind: losses for kind, losses in found.items() if losses}


def _above(name: str, text: str, below: Mapping[float, float], *above: Mapping[float, float]) -> Check:
    """That losses are above others at every budget at which there are both."""
    pairs = [(budget, below[budget], min(one[budget] for one in above)) for budget in below
             if all(budget in one for one in above)]  # fmt: skip
    return Check(
        text=f"{spoken_text(name)}: {text}",
        expected="at every budget, each with its best size",
        measured=", ".join(f"{high:.3f} and {low:.3f} at {budget:.1e}" for budget, low, high in pairs),
        met=all(high > low for _, low, high in pairs) if pairs else None,
    )


def _by_orders(rows: Rows, name: str, several: Sequence[str]) -> Check:
    values = [min(best.loss for best in bests(rows, name, kind)) for kind in several]
    return Check(
        text=f"{spoken_text(name)}: one network along more orders costs more",
        expected="losses that rise with the number of orders",
        measured=", ".join(f"{kind.split()[-1]}: {value:.3f}" for kind, value in zip(several, values, strict=True)),
        met=values == sorted(values),
    )
