"""Claims of the table of the theory notes, section 2: thresholds of every predicate in it."""

from __future__ import annotations

import math

from analysis.figures.audit.claim import COMPUTED, Claim, Evidence, Judge, Measured, MissingRowsError, estimate, exact
from analysis.figures.audit.verdicts import Judgement, all_of, all_zero, below, equals, meets, rounds_to
from analysis.figures.thresholds.phases import Phases, phases
from analysis.figures.thresholds.predicates import CASES, NOTED_ERROR
from analysis.figures.thresholds.units import EXPERIMENT_NAME as EXPERIMENT
from analysis.figures.thresholds.units import MAGNETISATION
from analysis.lab.rows import Row
from lo_theory.estimate import Estimate
from lo_theory.phases.thresholds import first_moment_degree, has_proven_gap, kesten_stigum_degree

PRINTED: dict[str, tuple[str | None, str, str]] = {
    "NAE-3, 1 only": (".75", "4.5", "7.23"),
    "NAE-3": (".75", "1.5", "3.70"),
    "NAE-4, 1 only": (".875", "16.33", "20.8"),
    "NAE-4": (None, "2.33", "7.4"),
    "NAE-5": (None, "3.75", "14.8"),
    "NAE-6": (None, "6.2", "29.9"),
    "NAE-5, 1 only": (".9375", "56.25", "53.7"),
    "NAE-6, 1 only": (".969", "192.2", "131.0"),
    "NAE-3 m=3, 1 only": (".889", "32", "27.98"),
    "NAE-3 m=3": (".889", "4", "9.45"),
    "5-colouring, 1 only": (".8", "16", "14.43"),
    "5-colouring": (".8", "4", "6.43"),
    "3-XOR": (".5", "inf", "3"),
    "3-XOR, 5% noise": (".5", "inf", "4.20"),
    "2-in-4": (".375", "5", "4.19"),
    "3-in-6": (".3125", "11", "6.70"),
    "{1,4}-in-5": (".3125", "13.75", "5.58"),
    "1-in-3, P(1)=1/3": (".444", "2.5", "2.78"),
    "1-in-3, P(1)=1/3, 1 only": (".444", "2.0", "2.36"),
    "1-in-4, P(1)=1/4": (".422", "4.11", "3.30"),
    "all different, m=3": (".222", "7", "6.22"),
    "P4": (".5", "8", "4"),
    "P5": (".5", "inf", "5"),
    "sum mod 3": (None, "inf", "3"),
}
"""gamma, D_KS and D_1st as they are printed; None where the table has no number (the sum has three values)."""

BOUNDS = {"NAE-6, 1 only": 131.0, "{1,4}-in-5": 5.58}
"""D_cond is only bounded from above there."""

_SPINODAL_SLACK = 0.02  # of the degree: what a finite population and a coarse grid leave open
_JUMP_ABOVE = (1.14, 1.18)  # of D_KS of NAE-4, satisfied only: 18.6 and 19.3, about the degree of 19 that is noted


def _exact_columns(name: str) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        ensemble, printed = CASES[name].ensemble, PRINTED[name]
        numbers = (float(ensemble.value_rates[1]), kesten_stigum_degree(ensemble), first_moment_degree(ensemble))
        parts = [rounds_to(value, said) for value, said in zip(numbers, printed, strict=True) if said is not None]
        words = f"D_KS (gamma {numbers[0]:.4f}, D_1st {numbers[2]:.4f})"
        return Measured(words, exact(numbers[1]), all_of(parts))

    return judge


def _phase(evidence: Evidence, name: str) -> Phases:
    return phases(evidence.rows(EXPERIMENT, distribution=name))[0]


def _known(row: Row | None, name: str) -> Estimate:
    """Raises MissingRowsError where no replica has a value."""
    if row is None or not math.isfinite(row.value):
        raise MissingRowsError(f"no replica of {name} found a jump")
    return estimate(row)


def _condensation(name: str, claimed: float, error: float, resolution: float) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        found = _phase(evidence, name)
        bethe, area = (_known(row, name) for row in (found.bethe, found.area))
        spread = math.hypot(error, claimed / found.size)  # a finite population is off by O(1 / size)
        parts = [equals(x, claimed, claim_error=spread, resolution=resolution * claimed) for x in (area, bethe)]
        words = f"D_cond by the area theorem (Bethe {bethe.value:.4f} +- {bethe.standard_error:.4f})"
        return Measured(words, area, all_of(parts))

    return judge


def _spinodal(name: str, claimed: tuple[float, float]) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        found = _phase(evidence, name)
        if found.spinodal is None:
            raise MissingRowsError(f"no replica of {name} found a jump")
        low, high = found.spinodal
        middle = Estimate(
            value=(low + high) / 2, standard_error=(high - low) / 2, samples=found.replicas, method="monte_carlo"
        )
        return Measured(
            "D_d, middle and half width of its interval",
            middle,
            meets((low, high), claimed, slack=_SPINODAL_SLACK * high),
        )

    return judge


def _kind(name: str, continuous: bool) -> Judge:
    """A jump below D_KS where D_KS > D_1st is a theorem; else the replicas say."""

    def judge(evidence: Evidence) -> Measured:
        ensemble, words = CASES[name].ensemble, {True: "continuous", False: "jump", None: "replicas differ"}
        if has_proven_gap(ensemble):
            ratio = kesten_stigum_degree(ensemble) / first_moment_degree(ensemble)
            verdict = Judgement("fails" if continuous else "holds", words[continuous], "exact: D_KS above D_1st")
            return Measured("D_KS / D_1st, above 1: a jump is proven", exact(ratio), verdict, COMPUTED)
        found = _phase(evidence, name)
        same = found.continuous == continuous
        verdict = "open" if found.continuous is None or found.replicas < 2 else "holds" if same else "fails"
        share = Estimate(
            value=float(found.continuous or 0.0), standard_error=0.0, samples=found.replicas, method="monte_carlo"
        )
        rule = Judgement(verdict, words[continuous], "all of two or more replicas agree")
        return Measured(f"{words[found.continuous]}: planted start at 0.97 D_KS", share, rule)

    return judge


def _bound(name: str, bound: float) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        area = _known(_phase(evidence, name).area, name)
        return Measured("D_cond by the area theorem", area, below(area, bound))

    return judge


def _routes(evidence: Evidence) -> Measured:
    """All predicates with a jump: the one whose two routes are farthest apart, relative to D_cond."""
    found = [p for p in phases(evidence.rows(EXPERIMENT)) if p.bethe is not None and p.area is not None]
    if not found:
        raise MissingRowsError("no predicate with a jump has both routes")
    apart = [_difference(phase) for phase in found]
    worst, rule = all_zero(apart, [1 / phase.size for phase in found], resolution=0.05)
    words = f"Bethe minus area over D_cond, least likely of {len(found)} predicates ({found[worst].name})"
    return Measured(words, apart[worst], rule)


def _difference(phase: Phases) -> Estimate:
    assert phase.bethe is not None
    assert phase.area is not None
    error = math.hypot(phase.bethe.standard_error, phase.area.standard_error)
    return Estimate(
        value=(phase.bethe.value - phase.area.value) / phase.condensation, standard_error=error / phase.condensation,
        samples=phase.replicas, method="monte_carlo",
    )  # fmt: skip


def _jump_above(evidence: Evidence) -> Measured:
    """NAE-4, satisfied only: planted start against a hint, above D_KS."""
    name = "NAE-4, 1 only"
    rows = evidence.rows(EXPERIMENT, distribution=name, metric=MAGNETISATION)
    degree = kesten_stigum_degree(CASES[name].ensemble)
    pairs = rows.where(degree=[x * degree for x in _JUMP_ABOVE]).by("seed", "degree").values()
    gaps = [ends.one(start="planted").value - ends.one(start="hint").value for ends in pairs]
    value = max(gaps)
    verdict = "holds" if value > 0.1 else "open" if value > 0.03 or len(gaps) < 4 else "fails"
    rule = Judgement(verdict, "about 0.2 near 19", "ends apart by 0.1 hold, all within 0.03 in four runs or more fail")
    found = Estimate(value=value, standard_error=math.nan, samples=len(gaps), method="monte_carlo")
    return Measured(
        "largest difference of the ends of the planted start and a hint, degrees 18.6 and 19.3", found, rule
    )


def _table_claims(name: str) -> list[Claim]:
    case, source = CASES[name], "theory notes, table of sec. 2"
    claims = [
        Claim(
            name=f"{name}, exact columns",
            text=f"{name}: gamma, D_KS and D_1st are as printed: {', '.join(filter(None, PRINTED[name]))}.",
            source=source, tag="C", experiment=COMPUTED, falsified_by="a number that rounds otherwise",
            kind="arithmetic", judge=_exact_columns(name),
        )
    ]  # fmt: skip
    if case.noted_continuous is not None:
        word = (
            "is continuous at D_KS (no hard phase)" if case.noted_continuous else "is a jump below D_KS (a hard phase)"
        )
        claims.append(
            Claim(
                name=f"{name}, kind", text=f"{name}: the transition {word}.", source=source, tag="C",
                experiment=EXPERIMENT, conjectural=not case.noted_continuous,
                falsified_by="a planted start at 0.97 D_KS that ends otherwise",
                kind="theorem" if has_proven_gap(case.ensemble) else "measured",
                judge=_kind(name, case.noted_continuous),
            )
        )  # fmt: skip
    if case.noted is not None:
        claims.append(
            Claim(
                name=f"{name}, D_cond", text=f"{name}: D_cond = {case.noted:g}, to 1%.", source=source, tag="C",
                experiment=EXPERIMENT, falsified_by="either route away from it by more than both errors allow",
                kind="measured", judge=_condensation(name, case.noted, NOTED_ERROR * case.noted, 0.05),
            )
        )  # fmt: skip
    if case.noted_spinodal is not None:
        low, high = case.noted_spinodal
        said = f"at most {high:g}" if low == 0 else f"between {low:g} and {high:g}"
        claims.append(
            Claim(
                name=f"{name}, D_d", text=f"{name}: D_d lies {said}.", source=source, tag="C", experiment=EXPERIMENT,
                falsified_by="a planted start that collapses above or survives below",
                kind="measured", judge=_spinodal(name, case.noted_spinodal),
            )
        )  # fmt: skip
    if case.published is not None:
        value, half = case.published
        claims.append(
            Claim(
                name=f"{name}, published D_cond",
                text=f"{name}: D_cond = {value:g}, published or exact: the check of the method.",
                source=source, tag="C", experiment=EXPERIMENT,
                falsified_by="either route away from it by more than its error",
                kind="measured", repeats=f"{name}, D_cond" if case.noted is not None else None,
                judge=_condensation(name, value, half / math.sqrt(3), 0.02),
            )
        )  # fmt: skip
    return claims


TABLE_CLAIMS: tuple[Claim, ...] = (
    *(claim for name in CASES for claim in _table_claims(name)),
    *(
        Claim(
            name=f"{name}, bound", text=f"{name}: D_cond is below {bound:g}.", source="theory notes, table of sec. 2",
            tag="C",
            experiment=EXPERIMENT, falsified_by="a D_cond above the first-moment degree, against a theorem",
            kind="measured", judge=_bound(name, bound),
        )
        for name, bound in BOUNDS.items()
    ),
    Claim(
        name="NAE-4, 1 only, jump above D_KS", text="NAE-4, satisfied only: possibly a jump above D_KS near degree 19.",
        source="theory notes, table of sec. 2 (weak evidence)", tag="C", experiment=EXPERIMENT, conjectural=True,
        falsified_by="two starts that end in one state at 18.6 and 19.3", kind="measured", judge=_jump_above,
    ),
    Claim(
        name="area theorem", text="The area theorem and the Bethe free entropy give one D_cond.",
        source="theory notes, 1.4 and 1.5", tag="D", experiment=EXPERIMENT,
        falsified_by="a difference beyond the scatter of replicas for any predicate", kind="measured", judge=_routes,
    ),
)  # fmt: skip
