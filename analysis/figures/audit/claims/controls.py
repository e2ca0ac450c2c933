"""Deliberately false claims: an audit that cannot say ``fails`` proves nothing. They use the judges of true ones."""

from __future__ import annotations

from analysis.figures.audit.claim import COMPUTED, Claim, Evidence, Judge, Kind, Measured, estimate, exact, mean, one
from analysis.figures.audit.measurements.exact import ALWAYS_ONE
from analysis.figures.audit.measurements.loss import BOUND
from analysis.figures.audit.measurements.loss import EXPERIMENT as LOSS
from analysis.figures.audit.measurements.unit import EXPERIMENT as OWN
from analysis.figures.audit.measurements.windows import EXPERIMENT as WINDOWS
from analysis.figures.audit.measurements.windows import SHARE, by_size
from analysis.figures.audit.plans import OVERLAPS
from analysis.figures.audit.verdicts import above, equals, identical, meets, rounds_to, steady
from analysis.planted.curve import OVERLAP
from generators.observations import named_tables as named
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.thresholds import first_moment_degree, kesten_stigum_degree


def _identical(evidence: Evidence) -> Measured:
    row = one(evidence.rows(OWN, metric=ALWAYS_ONE))
    return Measured("accuracy", exact(row.value), identical(row.value, 0.7501))


def _rounds(evidence: Evidence) -> Measured:
    value = first_moment_degree(Ensemble.from_table(named.nae(arity=3), shown="satisfied"))
    return Measured("D_1st of NAE-3, satisfied", exact(value), rounds_to(value, "7.24"))


def _equals(evidence: Evidence) -> Measured:
    found = estimate(mean(evidence, OVERLAPS, distribution="2-in-4", metric=OVERLAP, degree=4.4, start="planted"))
    return Measured("overlap", found, equals(found, 0.75, claim_error=0.015, resolution=0.15))


def _above(evidence: Evidence) -> Measured:
    found = estimate(mean(evidence, OVERLAPS, distribution="2-in-4", metric=OVERLAP, degree=4.4, start="random"))
    return Measured("overlap", found, above(found, 0.9))


def _meets(evidence: Evidence) -> Measured:
    value = kesten_stigum_degree(Ensemble.from_table(named.t_in_k(2, arity=4)))
    return Measured("D_KS", exact(value), meets((value, value), (5.2, 5.4), slack=0.1))


def _steady(evidence: Evidence) -> Measured:
    sizes, values = by_size(evidence.rows(WINDOWS, distribution="dense", metric=SHARE))
    return Measured("share", exact(values[-1]), steady(sizes, values))


def _bound(evidence: Evidence) -> Measured:
    row = min(evidence.rows(LOSS, metric=BOUND), key=lambda row: row.value)
    return Measured("loss minus -E log p", exact(row.value), identical(row.value, 0.0))


_KINDS: dict[str, Kind] = {OWN: "arithmetic", COMPUTED: "arithmetic", OVERLAPS: "measured", WINDOWS: "arithmetic"}


def _control(name: str, text: str, experiment: str, judge: Judge) -> Claim:
    return Claim(
        name=name, text=text, source="control", tag="own", experiment=experiment, falsified_by="the truth", judge=judge,
        kind=_KINDS.get(experiment, "theorem"),
    )  # fmt: skip


CONTROLS: tuple[Claim, ...] = (
    _control("control, identical", "Naive accuracy is 75.01%.", OWN, _identical),
    _control("control, rounds", "D_1st of NAE-3, satisfied only, is 7.24.", COMPUTED, _rounds),
    _control("control, equals", "2-in-4, degree 4.4: the planted start ends at 0.75.", OVERLAPS, _equals),
    _control("control, above", "2-in-4, degree 4.4: the random start finds the latents.", OVERLAPS, _above),
    _control("control, meets", "D_KS of 2-in-4 lies between 5.2 and 5.4.", COMPUTED, _meets),
    _control("control, steady", "The window's share of masks on the dense design is constant.", WINDOWS, _steady),
    _control("control, bound", "The loss of an inconsistent learner equals -E log p.", LOSS, _bound),
)
