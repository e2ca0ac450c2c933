"""The report of the thresholds: what was known against what came out, for every predicate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from analysis.figures.thresholds.phases import Phases, phases, sigmas
from analysis.figures.thresholds.plot import draw_phase_thresholds
from analysis.figures.thresholds.predicates import CASES, NOTED_ERROR, PhaseCase
from analysis.figures.thresholds.units import (
    EXPERIMENT_NAME,
    HINT,
    MAGNETISATION,
    PLANTED,
    SIZES,
    ThresholdsSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Row, Rows

# Standard errors; with four replicas (Student's t, 3 degrees of freedom) one number in 25 exceeds them.
_TOLERATED = 3.5


def figures(rows: Rows, size: ThresholdsSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_phase_thresholds(rows)}


def report(run: Run[ThresholdsSize]) -> Report:
    """What the rows say."""
    found = phases(run.rows)
    return Report(
        title="Impossible, hard, easy: thresholds of predicates",
        summary=[
            "Degrees are k P / N and count visible constraints. Below D_cond nothing can be known of the latents; from "
            "D_cond to D_KS they are determined in part, but belief propagation from the prior learns nothing; above "
            "D_KS it leaves the prior. D_d, the degree from which the planted state exists, and the first-moment bound "
            "D_1st are marked.",
            "That the stretch from D_cond to D_KS is hard for every polynomial algorithm is a conjecture, and false "
            "for parities without noise, which Gaussian elimination solves.",
        ],
        checks=threshold_checks(found),
        sections=[
            Section(title="Against published and exact values", tables=[_published(found)]),
            Section(
                title="Phases",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Phases of each predicate; degrees relative to D_cond, which stands at the right.",
                        alt="A horizontal bar per predicate, split at the condensation and Kesten-Stigum degrees.",
                    )
                ],
                tables=[_all(found), _claims(found), *_above(run.rows)],
            ),
        ],
        caveats=[
            "A transition is called continuous if the planted start collapses at 0.97 D_KS; a jump within 3% of D_KS "
            "would be missed. Where D_KS > D_1st no test is needed.",
            "D_d is an interval: brackets of all replicas, the lower end moved down by size^(-2/3) for the noise of "
            "finite populations. Errors of D_cond are the scatter of replicas; differences are counted in errors to "
            "which 1 / size of the value is added, for the bias of finite populations.",
            "The integral of the area theorem begins at 5 D_1st; for parities without noise what is left out moves "
            "D_cond by 1e-6.",
        ],
    )


def threshold_checks(found: Sequence[Phases]) -> list[Check]:
    """Expectations, each of which could have failed."""
    known = {phase.name: phase for phase in found}
    pairs = [(known[name], case) for name, case in CASES.items() if name in known]
    checks = [check for phase, case in pairs for check in _published_checks(phase, case)]
    checks += [check for phase, case in pairs for check in _noted_checks(phase, case)]
    jumps = [phase for phase in found if phase.continuous is False]
    apart = max((abs(phase.routes_apart) for phase in jumps if math.isfinite(phase.routes_apart)), default=math.nan)
    return [
        *checks,
        Check(
            text="the two routes to D_cond agree, every predicate",
            expected=f"within {_TOLERATED} standard errors",
            measured=f"at most {apart:.1f}",
            met=None if math.isnan(apart) else apart <= _TOLERATED,
        ),
        _every("D_cond below the first-moment bound, a theorem", found, lambda p: p.condensation < p.first_moment),
        _every("D_d below D_cond", jumps, lambda p: p.spinodal is not None and p.spinodal[0] < p.condensation),
        _every(
            "phi at D_KS is positive where D_KS is above D_cond, and only there",
            [phase for phase in jumps if phase.gap is not None],
            lambda p: p.gap is not None and (p.gap.value > 0) == (p.kesten_stigum > p.condensation),
        ),
    ]


def _published_checks(phase: Phases, case: PhaseCase) -> list[Check]:
    checks = []
    if case.published is not None:
        away = [sigmas(row, *case.published) for row in (phase.bethe, phase.area)]
        checks.append(
            Check(
                text=f"{phase.name}: D_cond against the published or exact value, both routes",
                expected=f"{case.published[0]:g} within {_TOLERATED} standard errors",
                measured=f"{_value(phase.bethe)} and {_value(phase.area)}",
                met=None if any(map(math.isnan, away)) else max(map(abs, away)) <= _TOLERATED,
            )
        )
    if case.published_spinodal is not None and phase.spinodal is not None:
        checks.append(_spinodal_check(phase, "exact", (case.published_spinodal, case.published_spinodal)))
    return checks


def _noted_checks(phase: Phases, case: PhaseCase) -> list[Check]:
    checks = []
    if case.noted is not None:
        away = sigmas(phase.area, case.noted, NOTED_ERROR * case.noted)
        checks.append(
            Check(
                text=f"{phase.name}: D_cond against the theory notes",
                expected=f"{case.noted:g} +- 1%, within {_TOLERATED} standard errors",
                measured=f"{_value(phase.area)}, {_signed(away)} standard errors",
                met=None if math.isnan(away) else abs(away) <= _TOLERATED,
            )
        )
    if case.noted_spinodal is not None and phase.spinodal is not None:
        checks.append(_spinodal_check(phase, "noted", case.noted_spinodal))
    if case.noted_continuous is not None:
        words = {True: "continuous", False: "jump", None: "replicas differ"}
        checks.append(
            Check(
                text=f"{phase.name}: kind of transition against the theory notes",
                expected=words[case.noted_continuous],
                measured=words[phase.continuous],
                met=phase.continuous == case.noted_continuous,
            )
        )
    return checks


def _spinodal_check(phase: Phases, origin: str, said: tuple[float, float]) -> Check:
    assert phase.spinodal is not None
    low, high = phase.spinodal
    return Check(
        text=f"{phase.name}: interval of D_d meets the {origin} one",
        expected=f"{said[0]:g}" if said[0] == said[1] else f"{said[0]:g} to {said[1]:g}",
        measured=f"{low:.3f} to {high:.3f}",
        met=low <= said[1] and said[0] <= high,
    )


def _every(text: str, found: Sequence[Phases], holds: Callable[[Phases], bool]) -> Check:
    broken = [phase.name for phase in found if not holds(phase)]
    return Check(
        text=text,
        expected="every predicate",
        measured="not for " + ", ".join(broken) if broken else f"{len(found)} of {len(found)}",
        met=not broken if found else None,
    )


def _value(row: Row | None, digits: int = 4) -> str:
    if row is None or not math.isfinite(row.value):
        return "-"
    error = f" +- {row.standard_error:.{digits}f}" if math.isfinite(row.standard_error) else ""
    return f"{row.value:.{digits}f}{error}"


def _signed(number: float) -> str:
    return "-" if math.isnan(number) else f"{number:+.1f}"


def _published(found: Sequence[Phases]) -> TableItem:
    rows = []
    for phase in found:
        case = CASES[phase.name]
        if case.published is None:
            continue
        for route, row in (("Bethe", phase.bethe), ("area", phase.area)):
            away = sigmas(row, *case.published)
            rows.append([phase.name, f"D_cond, {route}", f"{case.published[0]:g}", _value(row), _signed(away)])
        if case.published_spinodal is not None and phase.spinodal is not None:
            interval = f"{phase.spinodal[0]:.3f} to {phase.spinodal[1]:.3f}"
            rows.append([phase.name, "D_d", f"{case.published_spinodal:g}", interval, "-"])
    return TableItem(
        caption="Published (five colours) and exact (parity) values. Last column: difference in standard errors.",
        header=["predicate", "threshold", "known", "measured", "apart"],
        rows=rows,
    )


def _all(found: Sequence[Phases]) -> TableItem:
    return TableItem(
        caption="All thresholds. D_cond by the Bethe free entropy and by the area theorem, mean and standard error "
        "over replicas; where the transition is continuous D_cond = D_KS. Gap: phi at D_KS, nats per latent.",
        header=["predicate", "D_d", "D_cond, Bethe", "D_cond, area", "D_KS", "D_1st", "gap", "messages", "replicas"],
        rows=[
            [
                phase.name,
                "-" if phase.spinodal is None else f"{phase.spinodal[0]:.3f} to {phase.spinodal[1]:.3f}",
                "continuous" if phase.continuous else _value(phase.bethe),
                "continuous" if phase.continuous else _value(phase.area),
                f"{phase.kesten_stigum:.4g}",
                f"{phase.first_moment:.4g}",
                _value(phase.gap),
                str(phase.size),
                str(phase.replicas),
            ]
            for phase in found
        ],
    )


def _claims(found: Sequence[Phases]) -> TableItem:
    rows = []
    for phase in found:
        case = CASES[phase.name]
        away = math.nan if case.noted is None else sigmas(phase.area, case.noted, NOTED_ERROR * case.noted)
        own = math.nan if case.noted is None else sigmas(phase.area, case.noted, 0.0)
        said = "continuous" if case.noted_continuous else "-" if case.noted is None else f"{case.noted:g}"
        verdicts = {check.met for check in _noted_checks(phase, case)} - {None}
        verdict = "nothing noted" if not verdicts else "disagrees" if False in verdicts else "agrees"
        measured = f"continuous at {phase.kesten_stigum:.4g}" if phase.continuous else _value(phase.area)
        noted_spinodal = "-" if case.noted_spinodal is None else "{:g} to {:g}".format(*case.noted_spinodal)
        rows.append([phase.name, noted_spinodal, said, measured, _signed(away), _signed(own), verdict])
    return TableItem(
        caption="Against the theory notes: D_cond apart in errors that include their 1%, and in ours alone. "
        "The verdict counts D_cond, the kind of transition and the interval of D_d.",
        header=["predicate", "noted D_d", "noted D_cond", "measured", "apart", "apart, ours alone", "verdict"],
        rows=rows,
    )


def _above(rows: Rows) -> list[TableItem]:
    """Where two starts end above D_KS; different ends mean a jump there."""
    means = combine_seeds(rows.where(experiment=EXPERIMENT_NAME, metric=MAGNETISATION))
    if not means:
        return []
    return [
        TableItem(
            caption="Continuous transitions, above D_KS: magnetisation from the planted start and from one that knows "
            "10%; 0 is the prior, 1 certainty. Where they differ a jump lies above D_KS.",
            header=["predicate", "degree", "planted start", "hint"],
            rows=[
                [name, f"{degree:.2f}", *(show(ends.one(start=start)) for start in (PLANTED, HINT))]
                for (name, degree), ends in means.by("distribution", "degree").items()
            ],
        )
    ]


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
