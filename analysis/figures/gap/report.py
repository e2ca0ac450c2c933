"""The report on the computational gap: an area between two losses against one free entropy."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures.gap.identity import Identity, Measured, identity
from analysis.figures.gap.plot import draw_gap
from analysis.figures.gap.units import CLAIMED, CONTROL_CASE, EXPERIMENT_NAME, SIZES, GapSize, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import Rows
from analysis.planted.cases import CASES
from analysis.planted.curve import CONVERGED, OBSERVATION, PHI, PROPAGATION, REFUSED
from lo_theory.phases.thresholds import prior_entropy


def figures(rows: Rows, size: GapSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_gap(rows, size.nodes)}


def report(run: Run[GapSize]) -> Report:
    """What the rows say."""
    size, means = run.size, combine_seeds(run.rows.where(model=PROPAGATION))
    sides = [identity(run.rows, name, size.nodes) for name in size.names]
    return Report(
        title="The computational gap is a free entropy",
        summary=[
            "Between the degree at which the visible observations determine the latents in part, and the one at which "
            "belief propagation from the prior notices, a learner that knows no more than belief propagation pays for "
            "every observation as if it knew nothing. What it pays too much, per latent, is the area between two "
            "curves, and it equals the Bethe free entropy at the Kesten-Stigum degree.",
            f"The area is measured on {size.instances} instances of N = {size.n_latents} per degree with {size.nodes} "
            f"nodes of Gauss-Legendre quadrature, the free entropy on {size.populations} populations of "
            f"{size.messages} messages per planted value, which have no N.",
        ],
        checks=_checks(sides),
        sections=[
            Section(
                title="Area against free entropy",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Loss of a fresh visible observation at the two ends of belief propagation; bottom "
                        "right the area between D_cond and D_KS per latent against phi(D_KS), with 95% intervals. "
                        "Lines are means over instances; where only some of them are solved, their number is given: "
                        "there the mean jumps.",
                        alt="Three panels of loss against degree with shaded gaps, one of area against free entropy.",
                    )
                ],
                tables=[_table(sides), *(_curves(means.where(distribution=name), name) for name in size.names)],
            )
        ],
        caveats=_caveats(size.iterations),
    )


def _caveats(iterations: int) -> list[str]:
    return [
        "The equality is derived, not proven: it takes the Bethe free entropy of the planted fixed point for the true "
        "one, and belief propagation for the learner. That nothing efficient does better below D_KS is a conjecture.",
        "The ideal area puts ignorance in the place of the random start below D_KS. At finite N the threshold is "
        "blurred: some instances are solved below it and the measured area is then smaller. Above D_KS nothing is "
        "counted, so the blur does not cancel.",
        "Corrections of finite size are of order 1/N. Where only satisfied constraints are visible they are the "
        "largest: the share of each value among the latents fluctuates, and an uneven share tells more, so phi of "
        "small instances is too large. It stands beside and is not what the area is compared with.",
        f"Beliefs that did not settle within {iterations} iterations are used as they are; the tables count them.",
        "D_cond is taken from other sources (see the table). Its error enters the area, with the largest weight it can "
        "have.",
    ]


def _checks(sides: Sequence[Identity]) -> list[Check]:
    return [
        *(_check_identity(side) for side in sides),
        *(_check_claim(side, CLAIMED[side.case]) for side in sides if side.case in CLAIMED.keys() - {CONTROL_CASE}),
        *(_check_control(side) for side in sides if side.case == CONTROL_CASE),
    ]


def _check_identity(side: Identity) -> Check:
    return Check(
        text=f"{side.case}: area to D_KS equals phi(D_KS)",
        expected="within errors by Student's t, one false alarm in a thousand",
        measured=f"{_with_error(side.ideal_area)} against {_with_error(side.free_entropy)}, z = {side.z:.1f}",
        met=side.agrees(),
    )


def _check_claim(side: Identity, claimed: float) -> Check:
    found = side.free_entropy
    return Check(
        text=f"{side.case}: phi(D_KS) as noted",
        expected=f"{claimed:.3f}, to 0.005 and the 95% half-width",
        measured=_with_error(found),
        met=abs(found.value - claimed) < 0.005 + found.half_width,
    )


def _check_control(side: Identity) -> Check:
    return Check(
        text=f"{side.case}, the control: no gap between half and twice D_KS",
        expected="area below 0.005 nats per latent",
        measured=_with_error(side.area),
        met=abs(side.area.value) < 0.005,
    )


def _with_error(measured: Measured) -> str:
    return f"{measured.value + 0.0:.4f} +- {measured.error:.4f}"


def _table(sides: Sequence[Identity]) -> TableItem:
    return TableItem(
        caption="Nats per latent, with standard errors over instances; z compares with phi(D_KS).",
        header=[
            "case", "D_cond", "its source", "D_KS", "measured area", "z", "ideal area", "z", "phi(D_KS)",
            "share of H(prior)", "noted phi", "phi on instances",
        ],
        rows=[[side.case, *_condensation(side.case), *_sides(side)] for side in sides],
    )  # fmt: skip


def _condensation(name: str) -> list[str]:
    known = CASES[name].condensation
    assert known is not None  # interval() has refused it
    return [f"{known.degree:g} +- {known.error:g}", known.source]


def _sides(side: Identity) -> list[str]:
    case = CASES[side.case]
    return [
        f"{case.kesten_stigum:.3f}",
        _with_error(side.area),
        f"{side.z_measured:.1f}",
        _with_error(side.ideal_area),
        f"{side.z:.1f}",
        _with_error(side.free_entropy),
        f"{100 * side.free_entropy.value / prior_entropy(case.ensemble) + 0.0:.1f}%",
        f"{CLAIMED[side.case]:.3f}" if side.case in CLAIMED else "-",
        _with_error(side.on_instances),
    ]


def _curves(means: Rows, name: str) -> TableItem:
    return TableItem(
        caption=f"{name}: loss of a fresh visible observation in nats, free entropy of the planted end, and the shares "
        "of instances in which the iteration settled, or ruled out every value of a latent (refused).",
        header=["degree", "random start", "planted start", "phi, planted", "settled", "refused"],
        rows=[
            [
                f"{degree:.3f}",
                cell(here.get(metric=OBSERVATION, start="random"), 4),
                cell(here.get(metric=OBSERVATION, start="planted"), 4),
                cell(here.get(metric=PHI, start="planted"), 4),
                _shares(here, CONVERGED),
                _shares(here, REFUSED),
            ]
            for degree, here in sorted(means.by("degree").items())
        ],
    )


def _shares(rows: Rows, metric: str) -> str:
    """Of instances, from the random and from the planted start."""
    found = [rows.get(metric=metric, start=start) for start in ("random", "planted")]
    return " / ".join("-" if row is None else f"{row.value:.2f}" for row in found)


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
