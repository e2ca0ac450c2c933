"""Fig. 4 of the paper: whether the jump of the planted start is D_cond, by two judges; the first is disclosed."""

from __future__ import annotations

from analysis.figures.audit.claim import Evidence, Measured, MissingRowsError, estimate, mean
from analysis.figures.audit.plans import OVERLAPS
from analysis.figures.audit.verdicts import above, all_of, equals
from analysis.figures.thresholds.phases import phases
from analysis.figures.thresholds.units import EXPERIMENT_NAME as THRESHOLDS
from analysis.planted.curve import OVERLAP, PHI
from lo_theory.estimate import Estimate

KEPT = 0.8
"""Overlap that counts as kept by the planted start."""
FINITE_SIZE = 0.003
"""Nats: corrections of order 1 / N to free entropies of instances."""

_PREDICATE = "NAE-3 m=3, 1 only"
_INSTANCES = "NAE-3, m = 3, satisfied"


def kept_without_evidence(evidence: Evidence) -> Measured:
    """If the jump were D_cond, phi would be positive wherever the planted start keeps the latents."""
    where = {"distribution": _INSTANCES, "degree": 25.4, "start": "planted"}
    kept, phi = (estimate(mean(evidence, OVERLAPS, metric=metric, **where)) for metric in (OVERLAP, PHI))
    rule = all_of([above(kept, KEPT), above(phi, -FINITE_SIZE)])
    words = f"phi at degree 25.4, past the jump of the planted start (overlap {kept.value:.2f})"
    return Measured(words, phi, rule, OVERLAPS, note=_exchanged(evidence))


def _exchanged(evidence: Evidence) -> str:
    """That the judge was exchanged, what the first one says of these rows, and why it went."""
    return (
        "The judge of this claim was exchanged (commit 07e770c) shortly before the recorded run. The first one asked "
        f"whether the upper end of D_d is D_cond in population dynamics: {_first_judge(evidence)}. An "
        "equality that is not refuted does not tell two thresholds apart which lie close together. The sign of phi "
        "does: where it is negative, condensation is yet to come, and a planted start that keeps the latents there has "
        "jumped before D_cond."
    )


def _first_judge(evidence: Evidence) -> str:
    """Its number and verdict on the rows at hand."""
    try:
        found = phases(evidence.rows(THRESHOLDS, distribution=_PREDICATE))[0]
    except MissingRowsError:
        return "not measured here"
    if found.spinodal is None or found.area is None:
        return "no jump found here"
    apart = Estimate(
        value=found.area.value - found.spinodal[1], standard_error=found.area.standard_error, samples=found.replicas,
        method="monte_carlo",
    )  # fmt: skip
    said = equals(apart, 0.0, claim_error=0.1, resolution=1.0)
    return f"{apart.value:.2f} apart, {said.rule}, which is {said.verdict!r}"
