"""The report on what inverting costs: laws and fits of its growth, success rates, and every cost."""

from __future__ import annotations

from matplotlib.figure import Figure
from scipy.stats import binom, norm

from analysis.figures.inversion.plot import draw_inversion
from analysis.figures.inversion.units import (
    BITS,
    EXPERIMENT_NAME,
    MISFIT,
    PLANTED,
    POWER,
    POWER_MISFIT,
    RATE,
    SECONDS,
    SIZES,
    SOLVED,
    InversionSize,
    known_bits,
    units,
)
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.lab.rows import Row, Rows
from lo_theory.attacks.inversion import MIN_SOLVED
from lo_theory.attacks.planted_sat import CONFLICTS


def figures(rows: Rows, size: InversionSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_inversion(rows)}


def report(run: Run[InversionSize]) -> Report:
    """What the rows say."""
    rows = run.rows
    return Report(
        title="What inverting observations costs",
        summary=[
            "All observations are visible, the latents are hidden, and an algorithm made for this recovers them. A "
            "keyed hash of all latents is searched exhaustively, noisy parities by Gaussian elimination on parities "
            "that are hoped to be free of noise, local constraints by a SAT solver. Costs are counted in units that do "
            "not depend on the machine.",
            "The exponents are those of these algorithms at these sizes. That no algorithm does much better is "
            "conjectured, and proven for none of them.",
        ],
        checks=_checks(rows),
        sections=[
            Section(
                title="Cost against hidden latents",
                paragraphs=[
                    f"A run is given up at {run.size.budget:,} trials or conflicts (a search for a hash always ends). "
                    "Given-up runs are counted: in the mean, all work over the number of solutions, with their whole "
                    "work; in the median as dearer than any other. A size with fewer than "
                    f"{MIN_SOLVED:.0%} of its runs solved is a lower bound and no point of a fit; the share that was "
                    "solved stands in the table.",
                    "What is recovered is verified: the hash in all its bits, parities against others that were held "
                    "out, solutions of constraints clause by clause. Constraints may have other solutions than the "
                    "planted one; the table says how often that one was found.",
                ],
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Typical cost (mean for hash and parities, median for the solver) with 95% intervals "
                        "from resampled runs, on a logarithmic scale; lines are known laws, broken ones fits. Last: "
                        "fitted bits per latent beside the known ones.",
                        alt="Three panels of logarithmic cost against hidden latents, and one of their slopes.",
                    )
                ],
                tables=[_growths(rows), _rates(rows), _costs(rows)],
            )
        ],
        caveats=[
            "Pooled Gauss is not the best attack on noisy parities. Dense ones fall to BKW in fewer trials and more "
            "memory, sparse ones to spectral methods from about N**(k/2) observations on, which these pools have; a "
            "sparse solution with a few wrong latents could also be repaired instead of thrown away.",
            "No exponent is known for the solver on these ensembles. Over less than a factor of three in N an "
            "exponential and a power of N are hard to tell apart: the table has the misfit of both.",
            "The mean over runs from a finite pool of parities exceeds the law by about two per cent.",
        ],
    )


def _checks(rows: Rows) -> list[Check]:
    """Laws within four standard errors (false alarm below one in 10,000 each); control and hard case apart."""
    known = known_bits(rows)
    return [
        *(_check_law(row, known[row.distribution]) for row in rows.where(metric=BITS, distribution=list(known))),
        _check_rates(rows, known),
        _check_order(rows),
    ]


def _check_law(row: Row, known: float) -> Check:
    return Check(
        text=f"{row.distribution}: bits per hidden latent",
        expected=f"{known:.3f} within four standard errors",
        measured=show(row),
        met=abs(row.value - known) <= 4 * row.standard_error + 1e-12,
    )


def _check_rates(rows: Rows, known: dict[str, float]) -> Check:
    scores = [_waiting_score(row, known[row.distribution]) for row in rows.where(metric=RATE)]
    scores = [score for score in scores if score is not None]
    return Check(
        text="trials of pooled Gauss until the solutions there are, against the success rate (1 - noise)**N",
        expected="normal scores of the exact law within 4 at every size and rate",
        measured=f"at most {max(scores, key=abs):+.1f} of {len(scores)}, "
        f"sum of squares {sum(z * z for z in scores):.0f}",
        met=max(map(abs, scores)) <= 4.0,
    )


def _check_order(rows: Rows) -> Check:
    slopes = rows.where(metric=BITS, swept=CONFLICTS)
    easy, hard = (slopes.get(distribution=name) for name in ("NAE-3", "3-SAT, two hidden"))
    return Check(
        text="the solver's conflicts grow faster on 3-SAT with two hidden assignments than on the easy control",
        expected="intervals of the slopes apart",
        measured=f"{show(hard)} against {show(easy)}" if hard and easy else "too few sizes solved",
        met=hard.interval[0] > easy.interval[1] if hard and easy else None,
    )


def _waiting_score(row: Row, bits: float) -> float | None:
    """Normal score of the number of trials that the solutions of a size took, were the law true; None without noise.

    The estimated standard error of a rate is skewed with some fifty solutions: small rates look too certain of
    themselves. The waiting time has an exact law: t trials or fewer for n solutions is n or more in t trials.
    """
    chance, trials = _law(row, bits), row.samples
    if chance == 1.0:
        return None
    return float(norm.ppf(binom.sf(round(row.value * trials) - 1, trials, chance)))


def _law(row: Row, bits: float) -> float:
    """Chance that one trial succeeds."""
    return 2.0 ** (-bits * (row.latents_masked or 0))


def _growths(rows: Rows) -> TableItem:
    known, lines = known_bits(rows), []
    for row in rows.where(metric=BITS):
        fit = rows.where(distribution=row.distribution, swept=row.swept)
        law = f"{known[row.distribution]:.4f}" if row.distribution in known else "none"
        others = (f"{fit.one(metric=metric).value:.2f}" for metric in (MISFIT, POWER, POWER_MISFIT))
        lines.append([row.distribution, str(row.swept), show(row, 4), law, *others])
    return TableItem(
        caption="Fitted growth. Bits per latent: log2 of the factor in cost per latent, 95% intervals; power: exponent "
        "of N if the cost were a power of it; misfits: root mean square of log2 cost about either fit.",
        header=["observations", "unit", "bits per latent", "known", "misfit", "power of N", "misfit of the power"],
        rows=lines,
    )


def _rates(rows: Rows) -> TableItem:
    known = known_bits(rows)
    return TableItem(
        caption="Success rate of a trial of pooled Gauss, 95% interval, beside (1 - noise)**N.",
        header=["parities", "N", "measured", "law"],
        rows=[
            [r.distribution, str(r.latents_masked), show(r, 5), f"{_law(r, known[r.distribution]):.5f}"]
            for r in rows.where(metric=RATE)
        ],
    )


def _costs(rows: Rows) -> TableItem:
    lines = []
    for (name, size), here in rows.by("distribution", "latents_masked").items():
        if size is not None:
            seconds, solved, planted = (here.one(metric=metric).value for metric in (SECONDS, SOLVED, PLANTED))
            rest = [f"{seconds:.2g}", f"{solved:.2f}", f"{planted:.2f}"]
            costs = [row for row in here if row.metric not in {SECONDS, SOLVED, PLANTED, RATE}]
            lines += [[name, str(size), row.metric, show(row, 1), *rest] for row in costs]
    return TableItem(
        caption="Typical cost of a solution, share of runs that found one and that found the planted latents.",
        header=["observations", "hidden latents", "unit", "cost", "seconds", "solved", "planted"],
        rows=lines,
    )


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
