"""The report on growth: exponents with intervals, runs that never got there, and what (100, 200) would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.growth.laws import Law, laws
from analysis.figures.growth.passages import GOALS
from analysis.figures.growth.plot import draw_growth
from analysis.figures.growth.power_law import PowerLaw, Reached, bracket
from analysis.figures.growth.units import (
    EXPERIMENT_NAME,
    LATENTS,
    SECONDS,
    SIZES,
    STEP_FLOPS,
    TARGET,
    TAUGHT,
    GrowthSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.forward_loss import FORWARD
from analysis.measures.learner import ARM_NATURAL, spoken_learners
from analysis.measures.order_accuracy import AGREEMENT

_ROUNDING = 1e-9


def figures(rows: Rows, size: GrowthSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_growth(rows)}


def report(run: Run[GrowthSize]) -> Report:
    """What the rows say."""
    size, found = run.size, laws(run.rows)
    network = size.network
    return Report(
        title="Growth: what a distribution of N latents costs to learn",
        summary=[
            f"Distributions of N = {size.latents[0]} to {size.latents[-1]} latents and {size.per_latent} observations "
            "for each: not-all-equal, a keyed hash, logic rules. A masked diffusion model (MDM), which learns every "
            "order, and an autoregressive one (ARM) in the natural order, of one size, are trained until the sequences "
            "that they generate agree with their own latents. The difference is the price of training for the worst. "
            '"Latents first" is the MDM that has every latent visible for the first fifth of its training.',
            f"Every point is a training from nothing, {network.layers} layers of width {network.width}, whose learning "
            "rate falls to its end; budgets double until 99% agree. Between two budgets what is missing is taken to "
            "fall as a power. A run that never gets there counts as one that needs more than its largest budget, one "
            "that is there at its smallest as one that needs less: both stay in the fit.",
            f"Fitted is cost = c N^exponent, and continued to the paper's largest size, ({TARGET}, {2 * TARGET}). The "
            "intervals are over resampled seeds; that the law goes on so far is not measured.",
        ],
        checks=growth_checks(run.rows, found),
        sections=[
            Section(
                title="Operations against latents",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Floating-point operations of the shortest training that gets there, by N: single "
                        f"runs, power laws with 95% bands over seeds, and their continuation to N = {TARGET}. Hollow "
                        "triangles are bounds: not reached at the largest budget, or reached at the smallest.",
                        alt="Nine panels of operations against latents on logarithmic axes, rules from left to right, "
                        "goals from top to bottom; the masked model above the autoregressive one.",
                    )
                ],
                tables=[_law_table(found), _target_table(run.rows, found)],
            ),
            Section(title="Curves", tables=[_curve_table(run.rows, name) for name in _names(found)]),
        ],
        caveats=[
            f"{size.seeds} seeds for each point: intervals from so few are rough, and cover the seeds alone.",
            "The network has one size whatever N is; that it is large enough at the target is not known.",
            "The MDM's forward loss is that of masked observations with visible latents under masks as in training, "
            "the ARM's that of all observations after the latents.",
            "No learning rate, batch or shape was tuned for a single N, and a better recipe has another law.",
        ],
        names=spoken_learners(run.rows.values("model")) | {TAUGHT: "MDM, latents first"},
    )


def growth_checks(rows: Rows, found: Sequence[Law]) -> list[Check]:
    """What was expected before anything was run."""
    checks = _control_checks(rows)
    for name in _names(found):
        own = {(law.model, law.goal.words): law for law in found if law.distribution == name}
        first, strict, forward = (goal.words for goal in GOALS)
        both = [own.get((model, first)) for model in (MDM, ARM_NATURAL.name)]
        if None not in both:
            checks += _against_arm(name, *(law for law in both if law is not None))
        pair = own.get((MDM, forward)), own.get((MDM, strict))
        if pair[0] is not None and pair[1] is not None:
            checks.append(_functions_first(name, pair[0], pair[1]))
        taught = own.get((TAUGHT, forward))
        if pair[0] is not None and taught is not None:
            checks += _taught(name, pair[0], taught)
    return checks


def _control_checks(rows: Rows) -> list[Check]:
    control = rows.where(model=CONTROL)
    if not control:
        return []
    agreement = min(row.value for row in control.where(metric=AGREEMENT))
    forward = max(row.value for row in control.where(metric=FORWARD))
    return [
        Check(
            text="control: the exact posterior in the MDM's place, every distribution",
            expected="agreement 1, forward loss 0 up to rounding",
            measured=f"at least {agreement:.4f}, at most {forward:.1e} nats",
            met=agreement == 1.0 and forward < _ROUNDING,
        )
    ]


def _against_arm(name: str, mdm: Law, arm: Law) -> list[Check]:
    ratios = _cost_ratios(mdm, arm)
    return [
        Check(
            text=f"{name}: the MDM takes more operations than the ARM to {mdm.goal.words}, at every N",
            expected="a ratio of geometric means above 1; bounds count as they are",
            measured=_at_every_n(ratios),
            met=min(ratios.values()) > 1.0 if ratios else None,
        ),
        Check(
            text=f"{name}: the MDM's steps to {mdm.goal.words} grow faster with N than the ARM's",
            expected="the larger exponent",
            measured=f"{_exponent(mdm.steps_law)} and {_exponent(arm.steps_law)}",
            met=_grows_faster(mdm.steps_law, arm.steps_law),
        ),
    ]


def _taught(name: str, uniform: Law, taught: Law) -> list[Check]:
    """With all latents visible every observation teaches what it reads, under uniform masks one in ten at best."""
    ratios = _cost_ratios(uniform, taught)
    return [
        Check(
            text=f"{name}: latents first, the MDM takes fewer operations to {taught.goal.words}, at every N",
            expected="a ratio of geometric means above 1; bounds count as they are, and every run gets there",
            measured=_at_every_n(ratios),
            met=min(ratios.values()) > 1.0 and not taught.never if ratios else None,
        ),
        Check(
            text=f"{name}: latents first, the MDM's operations to {taught.goal.words} grow more slowly with N",
            expected="the smaller exponent",
            measured=f"{_exponent(uniform.operations_law)} and {_exponent(taught.operations_law)}",
            met=_grows_faster(uniform.operations_law, taught.operations_law),
        ),
    ]


def _cost_ratios(dear: Law, cheap: Law) -> dict[int, float]:
    """Operations of one learner over those of another, by N that both were trained on, ascending."""
    above, below = (_mean_costs(law.operations) for law in (dear, cheap))
    return {n: above[n] / below[n] for n in sorted(above.keys() & below.keys())}


def _at_every_n(ratios: dict[int, float]) -> str:
    return ", ".join(f"{ratio:.1f} at N = {n}" for n, ratio in ratios.items())


def _grows_faster(one: PowerLaw | None, other: PowerLaw | None) -> bool | None:
    """Whether it has the larger exponent; None without two fits."""
    return None if one is None or other is None else one.exponent > other.exponent


def _functions_first(name: str, forward: Law, agreement: Law) -> Check:
    """Where both are known, or one is later than a bound of the other."""
    pairs = list(zip(forward.steps, agreement.steps, strict=True))
    early = sum(one.cost < other.cost and one.known <= 0 and other.known >= 0 for one, other in pairs)
    late = sum(one.cost > other.cost and one.known >= 0 and other.known <= 0 for one, other in pairs)
    return Check(
        text=f"{name}: the MDM knows the functions ({forward.goal.words}) before it is at {agreement.goal.words}",
        expected="in every run in which their order is known",
        measured=f"in {early} of {early + late}; unknown in {len(pairs) - early - late}",
        met=late == 0 if early + late else None,
    )


def _mean_costs(runs: Sequence[Reached]) -> dict[int, float]:
    """Geometric means by N."""
    sizes = dict.fromkeys(run.n_latents for run in runs)
    return {n: math.exp(np.mean([math.log(run.cost) for run in runs if run.n_latents == n])) for n in sizes}


def _names(found: Sequence[Law]) -> list[str]:
    return list(dict.fromkeys(law.distribution for law in found))


def _exponent(law: PowerLaw | None) -> str:
    if law is None:
        return "no fit"
    return f"{law.exponent:.2f}{bracket(law.exponent_interval(), '.2f')}"


def _law_table(found: Sequence[Law]) -> TableItem:
    return TableItem(
        caption="Exponents of N with 95% intervals over seeds. No fit: fewer than two values of N at which a run got "
        "there between its smallest and its largest budget.",
        header=["distribution", "learner", "goal", "steps", "operations", "runs", "never there", "there at once"],
        rows=[
            [
                law.distribution,
                law.model,
                law.goal.words,
                _exponent(law.steps_law),
                _exponent(law.operations_law),
                str(len(law.steps)),
                str(law.never),
                str(law.at_once),
            ]
            for law in found
        ],
    )


def _target_table(rows: Rows, found: Sequence[Law]) -> TableItem:
    rate = _rate(rows)
    lines = []
    for law in found:
        if law.steps_law is None or law.target is None:
            lines.append([law.distribution, law.model, law.goal.words, "-", "-", "-"])
            continue
        steps, ends = law.steps_law.cost(TARGET), law.steps_law.cost_interval(TARGET)
        cost, low, high = law.target
        hours = rate * 3600
        lines.append(
            [
                *(law.distribution, law.model, law.goal.words),
                f"{steps:.1e}{bracket(ends, '.1e')}",
                f"{cost:.1e}{bracket((low, high), '.1e')}",
                f"{cost / hours:.1f}{bracket((low / hours, high / hours), '.1f')}",
            ]
        )
    return TableItem(
        caption=f"({TARGET}, {2 * TARGET}) by extrapolation: steps by the law, times what a step of this network costs "
        f"there. Hours are those at {rate:.1e} operations a second, the rate of the largest N that was trained here. "
        "Intervals are over seeds and take the power law for granted.",
        header=["distribution", "learner", "goal", "steps", "operations", "hours"],
        rows=lines,
    )


def _rate(rows: Rows) -> float:
    """Operations a second, of all trainings at the largest N."""
    last = rows.where(at=max(rows.values("at")))
    flops = {
        key: run[0].value for key, run in last.where(metric=STEP_FLOPS).by("distribution", "model", "seed").items()
    }
    seconds = last.where(metric=SECONDS)
    done = sum(flops[row.distribution, row.model, row.seed] * (row.step or 0) for row in seconds)
    return done / max(sum(row.value for row in seconds), 1e-9)


def _curve_table(rows: Rows, name: str) -> TableItem:
    """Means over seeds, budget by budget."""
    own = combine_seeds(rows.where(distribution=name, metric=(AGREEMENT, FORWARD), swept=LATENTS))
    trained = Rows(row for row in own if row.model != CONTROL)
    lines = [
        [model, f"{at:g}", str(step), cell(found.get(metric=AGREEMENT), 4), cell(found.get(metric=FORWARD), 4)]
        for (model, at, step), found in trained.by("model", "at", "step").items()
    ]
    return TableItem(
        caption=f"{name}: agreement and forward loss (nats) by budget, means over the seeds that were trained so long.",
        header=["learner", "N", "steps", "agreement", "forward loss"],
        rows=lines,
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
