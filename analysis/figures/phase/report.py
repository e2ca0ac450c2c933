"""The report of the phase figure: what was expected outside the blur of the thresholds, and the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from analysis.figures.phase.plot import draw_phase, draw_phase_small
from analysis.figures.phase.small import SMALL, TRAINING_LOSS, SmallUnit
from analysis.figures.phase.units import EXPERIMENT_NAME, SIZES, PhaseSize, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, SavedFigure, Section, TableItem, cell, show
from analysis.lab.rows import MDM, Rows
from analysis.planted.cases import CASES, Case
from analysis.planted.curve import BAYES, CONVERGED, LATENT, OBSERVATION, PROPAGATION, REFUSED, RELABELLED
from lo_theory.phases.thresholds import constraint_information, first_moment_degree

_BLUR = 0.1  # thresholds are blurred at finite N: nothing is asserted nearer to them than this share
_SAME = 0.02  # nats: two losses at large N that differ by less are one


def figures(rows: Rows, size: PhaseSize) -> dict[str, Figure]:
    """Large N, small N."""
    return {EXPERIMENT_NAME: draw_phase(rows), SMALL: draw_phase_small(rows)}


def report(run: Run[PhaseSize]) -> Report:
    """What the rows say."""
    size, means = run.size, combine_seeds(run.rows)
    large, small = means.where(experiment=EXPERIMENT_NAME), means.where(experiment=SMALL)
    steps = size.small.network.steps
    return Report(
        title="Phases of inference: possible, reached, learned",
        summary=[
            "The loss of a masked token against the degree of the visible constraints. Between D_cond and D_KS the "
            "visible observations determine the latents in part and belief propagation from the prior knows nothing.",
            "Hardness is conjectural: a statement about belief propagation and its relatives. Parities without noise "
            "are the warning: blind for belief propagation at every degree, solved by Gaussian elimination.",
        ],
        checks=[*_large_checks(large, size), *_small_checks(small)],
        sections=[_large_section(large, size, run.figures), _small_section(small, size, run.figures)],
        caveats=[
            "Thresholds are those of infinite N; at small N there is none, and at large N they are blurred: by a "
            "tenth, at a continuous transition by twice N^(-1/3). The checks keep away from them.",
            f"Belief propagation gives up after {size.iterations} iterations at large N and {SmallUnit.iterations} at "
            "small N; beliefs that did not settle are used as they are. The tables count them, and the starts that "
            "ruled out every value of a latent (refused), which then have no loss.",
            "The Bayes curve at large N rests on the replica-symmetric picture; for parities Gaussian elimination "
            "would give it exactly.",
            f"Networks of {steps} steps are far from converged at this scale: a loss above Bayes says that this "
            "budget does not suffice, no more.",
        ],
    )


def _large_section(large: Rows, size: PhaseSize, drawn: Mapping[str, SavedFigure]) -> Section:
    return Section(
        title=f"Large N: {size.n_latents} latents, {size.instances} instances per degree",
        figures=[
            FigureItem(
                path=drawn[EXPERIMENT_NAME].svg,
                caption="Loss of a fresh observation (above in each pair) and of a latent (below). Bayes: of the "
                "planted end and ignorance the one of larger Bethe free entropy. Shaded: D_cond to D_KS. For "
                "symmetric predicates the latents' marginals are the prior, whatever is known; dashed: up to "
                "relabelling, as after one revealed latent.",
                alt="Pairs of panels for seven predicates with curves of Bayes and belief propagation.",
            )
        ],
        tables=[_thresholds(size), *(_large_table(large, name, degrees) for name, degrees in size.degrees.items())],
    )


def _small_section(small: Rows, size: PhaseSize, drawn: Mapping[str, SavedFigure]) -> Section:
    part = size.small
    losses = ", ".join(f"{row.distribution} {row.value:.3f}" for row in small.where(metric=TRAINING_LOSS))
    return Section(
        title=f"Small N: {part.n_latents} latents, {part.n_observations} observations, "
        f"{part.network.steps} training steps",
        paragraphs=[
            "Bayes is exact. Belief propagation starts at random on a dense small graph, where it is often "
            "confidently wrong: its loss may exceed that of ignorance. The network is trained on uniform masks, so "
            "masks that hide all latents are rare in its training unless nearly everything is masked.",
            f"Training loss at the last step, nats per token, every masked token counted alike: {losses}.",
        ],
        figures=[
            FigureItem(
                path=drawn[SMALL].svg,
                caption="Expected loss per masked token against the degree of visible observations: all latents "
                "hidden, and as large a share of the latents visible as of the observations. Grey: logarithmic axis.",
                alt="Rows of panels by predicate with curves of Bayes, belief propagation and a network.",
            )
        ],
        tables=[_small_table(small, name, at) for name in part.cases for at in (0.0, 1.0)],
    )


def _blur(case: Case, n_latents: int) -> float:
    """Relative distance from D_KS inside which nothing is asserted.

    A tenth; at a continuous transition at least twice the N^(-1/3) of its critical window, a fifth at N = 1,000.
    """
    continuous = case.condensation is not None and case.condensation.spinodal is None
    return max(_BLUR, 2 * n_latents ** (-1 / 3)) if continuous else _BLUR


def _large_checks(large: Rows, size: PhaseSize) -> list[Check]:
    by_case = {name: large.where(distribution=name, metric=OBSERVATION) for name in size.degrees}
    below = [_ignorant_below(rows, CASES[name], size) for name, rows in by_case.items()]
    beyond = [_against_bayes(rows, CASES[name], size) for name, rows in by_case.items()]
    return [check for check in (*below, *beyond) if check is not None]


def _ignorant_below(rows: Rows, case: Case, size: PhaseSize) -> Check | None:
    """Well below D_KS the random start pays what ignorance pays: the entropy of an observation."""
    below = [d for d in size.degrees[case.name] if d <= (1 - _blur(case, size.n_latents)) * case.kesten_stigum]
    found = rows.where(start="random", degree=below)
    if not found:
        return None
    entropy = constraint_information(case.ensemble)
    worst = max(found, key=lambda row: abs(row.value - entropy))
    return Check(
        text=f"{case.name}: well below D_KS the random start pays the entropy of an observation",
        expected=f"{entropy:.3f} to {_SAME}",
        measured=f"furthest at degree {worst.degree:g}: {show(worst)}",
        met=abs(worst.value - entropy) < _SAME,
    )


def _against_bayes(rows: Rows, case: Case, size: PhaseSize) -> Check | None:
    """Between a jump and D_KS the random start pays more than Bayes; without a jump it is Bayes-optimal above D_KS."""
    known, ks, degrees = case.condensation, case.kesten_stigum, size.degrees[case.name]
    if known is None or known.spinodal is None:
        excess = _excess(rows, [d for d in degrees if d >= (1 + _blur(case, size.n_latents)) * ks])
        if not excess:
            return None
        return Check(
            text=f"{case.name}, control: the random start is Bayes-optimal well above D_KS",
            expected=f"difference below {_SAME} nats",
            measured=f"largest difference {max(map(abs, excess)):.3f}",
            met=max(map(abs, excess)) < _SAME,
        )
    excess = _excess(rows, [d for d in degrees if (1 + _BLUR) * known.degree <= d <= (1 - _BLUR) * ks])
    half = constraint_information(case.ensemble) / 2
    if not excess:
        return None
    return Check(
        text=f"{case.name}: between D_cond and D_KS belief propagation pays more than Bayes",
        expected=f"by at least half of the entropy, {half:.3f} nats",
        measured=f"smallest difference {min(excess):.3f} at {len(excess)} degrees",
        met=min(excess) > half,
    )


def _excess(rows: Rows, degrees: Sequence[float]) -> list[float]:
    """What the random start pays above Bayes at those of these degrees where both have a loss."""
    pairs = [(rows.get(degree=d, start="random"), rows.get(degree=d, model=BAYES)) for d in degrees]
    return [reached.value - bayes.value for reached, bayes in pairs if reached and bayes]


def _small_checks(small: Rows) -> list[Check]:
    """What is exact must hold: nobody is below Bayes; symmetric predicates leave the latents at the prior."""
    below, flat = [], []
    for (name, metric, degree, at), rows in small.by("distribution", "metric", "degree", "at").items():
        bayes = rows.get(model=BAYES)
        if bayes is None:
            continue
        refused = small.get(distribution=name, metric=REFUSED, degree=degree, at=at)
        complete = refused is not None and refused.value == 0.0  # else Bayes is a mean over more sequences
        answers = rows.where(model=(MDM, PROPAGATION) if complete else MDM)
        below += [bayes.value - row.value for row in answers]
        if metric == LATENT and at == 0.0 and len(CASES[name].ensemble.label_symmetries()) == 2:
            flat.append(abs(bayes.value - math.log(2)))
    checks = []
    if below:
        checks.append(
            Check(
                text="small N: no answer has a smaller expected loss than the exact posterior",
                expected="never below it",
                measured=f"most below: {max(*below, 0.0):.1e} nats",
                met=max(below) < 1e-9,
            )
        )
    if flat:
        checks.append(
            Check(
                text="small N, symmetric predicates, all latents hidden: the posterior of a latent is the prior",
                expected="log 2, exactly",
                measured=f"furthest from it: {max(flat):.1e} nats",
                met=max(flat) < 1e-9,
            )
        )
    return checks


def _thresholds(size: PhaseSize) -> TableItem:
    return TableItem(
        caption="Degrees k P / N; D_KS and the first-moment bound are exact.",
        header=["predicate", "expected", "D_d", "D_cond", "source", "D_KS", "first-moment bound", "relabellings"],
        rows=[_threshold_cells(CASES[name]) for name in size.degrees],
    )


def _threshold_cells(case: Case) -> list[str]:
    known = case.condensation
    return [
        case.name,
        case.verdict,
        "-" if known is None or known.spinodal is None else "{:g} to {:g}".format(*known.spinodal),
        "any degree informs" if known is None else f"{known.degree:g} +- {known.error:g}",
        "not balanced" if known is None else known.source,
        f"{case.kesten_stigum:.3f}",
        f"{first_moment_degree(case.ensemble):.3f}",
        str(len(case.ensemble.label_symmetries())),
    ]


def _large_table(large: Rows, name: str, degrees: Sequence[float]) -> TableItem:
    columns = (
        ("observation, random start", OBSERVATION, PROPAGATION, "random"),
        ("observation, planted start", OBSERVATION, PROPAGATION, "planted"),
        ("observation, Bayes", OBSERVATION, BAYES, None),
        ("latent, random start", LATENT, PROPAGATION, "random"),
        ("latent, Bayes", LATENT, BAYES, None),
        ("latent, Bayes, relabelled", RELABELLED, BAYES, None),
        ("random settled", CONVERGED, PROPAGATION, "random"),
        ("planted settled", CONVERGED, PROPAGATION, "planted"),
        ("random refused", REFUSED, PROPAGATION, "random"),
    )
    mine = large.where(distribution=name)
    return TableItem(
        caption=f"{name}: losses in nats; shares of instances that settled and that were refused.",
        header=["degree", *(title for title, *_ in columns)],
        rows=[
            [
                f"{d:g}",
                *(cell(mine.get(degree=d, metric=what, model=who, start=start)) for _, what, who, start in columns),
            ]
            for d in degrees
        ],
    )


def _small_table(small: Rows, name: str, at: float) -> TableItem:
    who = ((BAYES, "Bayes"), (PROPAGATION, "belief propagation"), (MDM, "network"))
    columns = [
        *((f"{what}, {title}", metric, model) for metric, what in ((OBSERVATION, "observation"), (LATENT, "latent"))
          for model, title in who),
        ("settled", CONVERGED, PROPAGATION),
        ("refused", REFUSED, PROPAGATION),
    ]  # fmt: skip
    by_degree = sorted(small.where(distribution=name, at=at).by("degree").items())
    words = "as large a share of latents visible" if at else "all latents hidden"
    return TableItem(
        caption=f"{name}, {words}: expected losses in nats per masked token.",
        header=["degree", *(title for title, *_ in columns)],
        rows=[
            [f"{degree:.2f}", *(cell(rows.get(metric=metric, model=model)) for _, metric, model in columns)]
            for degree, rows in by_degree
        ],
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
