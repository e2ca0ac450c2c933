"""Claims of the theory notes on random slabs, section 4: formulas that had not been simulated."""

from __future__ import annotations

from analysis.figures.audit.claim import Claim, Evidence, Judge, Measured, MissingRowsError, estimate, exact, one
from analysis.figures.audit.verdicts import Judgement, above, all_of, below, identical, rounds_to
from analysis.figures.slabs.units import AMP, EVOLUTION, LINEARISED, panel_name
from analysis.figures.slabs.units import EXPERIMENT_NAME as SLABS
from analysis.figures.slabs.units import OVERLAP as SLAB_OVERLAP
from analysis.lab.averages import combine_seeds
from generators.planted.constraints import Shown
from lo_theory.phases.slab_evolution import Slabs

_BELOW, _ABOVE = 0.85, 1.25  # of weak recovery and of the algorithmic density
_SLAB_FORMULAS: tuple[tuple[float, Shown, str, str, str], ...] = (
    (1.0, "satisfied", "weak_recovery", "1.990", "AMP weak recovery (p / 2 kappa phi)^2"),
    (1.0, "both", "weak_recovery", "0.925", "AMP weak recovery 1 / [4 kappa^2 phi^2 (1/p + 1/(1-p))]"),
    (1.0, "both", "first_moment", "1.109", "information bound ln 2 / h"),
    (1.0, "satisfied", "first_moment", "1.816", "alpha_c = -ln 2 / ln P(|Z| <= kappa)"),
    (0.6745, "both", "weak_recovery", "1.36", "AMP weak recovery"),
    (0.6745, "both", "first_moment", "1.00", "information bound"),
    (0.5, "both", "weak_recovery", "1.906", "AMP weak recovery"),
    (0.5, "both", "first_moment", "1.042", "information bound"),
)


def _threshold(evidence: Evidence, width: float, shown: Shown, metric: str) -> float:
    return one(evidence.rows(SLABS, distribution=panel_name(width, shown), model=EVOLUTION, metric=metric)).value


def _slab_formula(width: float, shown: Shown, mark: str, printed: str) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        value = _threshold(evidence, width, shown, f"{mark}_density")
        return Measured("closed form", exact(value), rounds_to(value, printed))

    return judge


def _linearised(evidence: Evidence) -> Measured:
    rows = evidence.rows(SLABS, model=EVOLUTION, metric=LINEARISED)
    ratios = [
        r.value
        / one(evidence.rows(SLABS, model=EVOLUTION, metric="weak_recovery_density", distribution=r.distribution)).value
        for r in rows
    ]
    worst = max(ratios, key=lambda x: abs(x - 1))
    return Measured(
        f"density where state evolution leaves 0, over the formula; worst of {len(rows)}", exact(worst, len(rows)),
        identical(worst, 1.0, tolerance=1e-4),
    )  # fmt: skip


def _slab_law(evidence: Evidence) -> Measured:
    ratios = []
    for width in (1.0, 0.6745, 0.5):
        rate = Slabs(width=width).satisfied_rate
        both, one_only = (
            _threshold(evidence, width, shown, "weak_recovery_density") for shown in ("both", "satisfied")
        )
        ratios.append(both / (one_only / rate) / (1 - rate))
    worst = max(ratios, key=lambda x: abs(x - 1))
    return Measured("total density, both over satisfied only, over 1 - p", exact(worst, 3), identical(worst, 1.0))


def _slab_hard(width: float) -> Judge:
    """Weak recovery above the density at which the teacher is the best fixed point."""

    def judge(evidence: Evidence) -> Measured:
        weak, determined = (_threshold(evidence, width, "both", f"{m}_density") for m in ("weak_recovery", "exact"))
        rule = Judgement("holds" if weak > determined else "fails", "above 1", "exact: deterministic integrals")
        return Measured(
            f"weak recovery over the density {determined:.3f} that determines the latents",
            exact(weak / determined),
            rule,
        )

    return judge


def _slab_unclear(evidence: Evidence) -> Measured:
    """A hard window exists at width 1 too: above the density that determines the latents AMP is not at the teacher."""
    determined, reached = (_threshold(evidence, 1.0, "both", f"{m}_density") for m in ("exact", "algorithmic"))
    rule = Judgement("fails" if reached > determined else "holds", "at most 1", "exact: deterministic integrals")
    return Measured(
        f"density {reached:.3f} at which AMP reaches the latents over {determined:.3f} that determines them",
        exact(reached / determined),
        rule,
    )


def _amp(width: float) -> Judge:
    """AMP on instances, either side of its thresholds."""

    def judge(evidence: Evidence) -> Measured:
        name = panel_name(width, "both")
        low = _BELOW * _threshold(evidence, width, "both", "weak_recovery_density")
        high = _ABOVE * _threshold(evidence, width, "both", "algorithmic_density")
        where = {"distribution": name, "model": AMP, "metric": SLAB_OVERLAP, "start": "random"}
        rows = [(row.at or 0.0, estimate(row)) for row in combine_seeds(evidence.rows(SLABS, **where))]
        nothing, everything = [x for at, x in rows if at < low], [x for at, x in rows if at > high]
        if not nothing or not everything:
            raise MissingRowsError(f"no density below {low:.2f} or none above {high:.2f} was drawn")
        worst = max(nothing, key=lambda x: x.value)
        rule = all_of([*(below(x, 0.2) for x in nothing), *(above(x, 0.9) for x in everything)])
        words = f"largest overlap below {low:.2f} (smallest above {high:.2f}: {min(x.value for x in everything):.3f})"
        return Measured(
            words,
            worst,
            Judgement(rule.verdict, "below 0.2 (above 0.9)", "direction: the 95% intervals lie on one side"),
        )

    return judge


SLAB_CLAIMS: tuple[Claim, ...] = (
    *(
        Claim(
            name=f"4, slab {width:g}, {shown}, {mark.replace('_', ' ')}",
            text=f"Slab of width {width:g}, {shown}: {text} = {printed}.",
            source="theory notes, sec. 4", tag="D", experiment=SLABS, falsified_by="a value that rounds otherwise",
            kind="arithmetic", judge=_slab_formula(width, shown, mark, printed),
        )
        for width, shown, mark, printed, text in _SLAB_FORMULAS
    ),
    Claim(
        name="4, slab weak recovery", text="The formulas are where AMP begins to learn (they had not been simulated).",
        source="theory notes, sec. 4", tag="D", experiment=SLABS,
        falsified_by="state evolution that leaves 0 elsewhere", kind="measured", judge=_linearised,
    ),
    Claim(
        name="4, slab (1 - gamma) law", text="Slabs obey the (1 - gamma) law of 1.3.", source="theory notes, sec. 4",
        tag="D",
        experiment=SLABS, falsified_by="a width that violates it", kind="arithmetic", judge=_slab_law,
    ),
    *(
        Claim(
            name=f"4, slab {width:g} hard",
            text=f"Width {width:g}, both values: hard, AMP is blind where the latents are determined.",
            source="theory notes, sec. 4", tag="D", experiment=SLABS, conjectural=True,
            falsified_by="weak recovery below the density that determines the latents",
            kind="measured", judge=_slab_hard(width),
        )
        for width in (0.6745, 0.5)
    ),
    Claim(
        name="4, slab 1 no window",
        text="Width 1, both values: no hard window, as weak recovery lies below the information bound.",
        source="theory notes, sec. 4 (unclear there)", tag="own", experiment=SLABS, conjectural=True,
        falsified_by="a density that determines the latents and does not lead AMP to them",
        kind="measured", judge=_slab_unclear,
    ),
    *(
        Claim(
            name=f"4, slab {width:g} on instances",
            text=f"Width {width:g}, both values: AMP on instances does what state evolution says.",
            source="theory notes, sec. 4", tag="D", experiment=SLABS,
            falsified_by="an overlap below weak recovery, or none far above the algorithmic density",
            kind="measured", judge=_amp(width),
        )
        for width in (1.0, 0.6745)
    ),
)  # fmt: skip
