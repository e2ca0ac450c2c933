"""The report of the phase figure: what was expected outside the blur of the thresholds, and the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.plots.phase import LARGE, SMALL
from analysis.plots.style import SavedFigure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from analysis.theory.known_thresholds import CASES, Case
from analysis.theory.phase_sizes import DEGREES, LARGE_SIZES, SMALL_SIZES
from analysis.theory.phase_small import MDM, STEPS
from analysis.theory.planted_curve import BAYES, CONVERGED, LATENT, OBSERVATION, PROPAGATION, REFUSED, RELABELLED
from lo_theory.phases.thresholds import constraint_information, first_moment_degree

_BLUR = 0.1  # thresholds are blurred at finite N: nothing is asserted nearer to them than this share


def phase_report(
    rows: Sequence[Row],
    units: Sequence[StoredUnit],
    figures: dict[str, SavedFigure],
    scale: ScaleName,
    minutes: float,
) -> Report:
    """Everything on the page.

    Args:
        rows: of both sizes.
        figures: by experiment, large and small.
    """
    n, iterations, seeds = LARGE_SIZES[scale]
    small, means = SMALL_SIZES[scale], combine_seeds(rows)
    large = [row for row in means if row.experiment == LARGE]
    little = [row for row in means if row.experiment == SMALL]
    return Report(
        title="Phases of inference: possible, reached, learned",
        summary=[
            "The loss of a masked token against the degree of the visible constraints. Between D_cond and D_KS the "
            "visible observations determine the latents in part and belief propagation from the prior knows nothing.",
            "Hardness is conjectural: a statement about belief propagation and its relatives. Parities without "
            "noise are "
            "the warning: blind for belief propagation at every degree, solved by Gaussian elimination.",
        ],
        scale=scale,
        minutes=minutes,
        checks=_checks(large, little, n),
        sections=[
            Section(
                title=f"Large N: {n} latents, {seeds} instances per degree",
                figures=[
                    FigureItem(
                        path=figures[LARGE].svg,
                        caption="Loss of a fresh observation (left of each pair) and of a latent (right). Bayes: of "
                        "the "
                        "planted end and ignorance the one of larger Bethe free entropy. Shaded: D_cond to D_KS. For "
                        "symmetric predicates the latents' marginals are the prior, whatever is known; dashed: up to "
                        "relabelling, as after one revealed latent.",
                        alt="Pairs of panels for seven predicates with curves of Bayes and belief propagation.",
                    )
                ],
                tables=[_thresholds(), *(_large_table(large, name) for name in DEGREES)],
            ),
            Section(
                title=f"Small N: {small.n_latents} latents, {6 * small.n_latents} observations, "
                f"{small.network.steps} training steps",
                paragraphs=[
                    "Bayes is exact. Belief propagation starts at random on a dense small graph, where it is often "
                    "confidently wrong: its loss may exceed that of ignorance. The network is trained on uniform "
                    "masks, "
                    "so masks that hide all latents are rare in its training unless nearly everything is masked.",
                    _training(little),
                ],
                figures=[
                    FigureItem(
                        path=figures[SMALL].svg,
                        caption="Expected loss per masked token against the degree of visible observations: all "
                        "latents "
                        "hidden, and as large a share of the latents visible as of the observations.",
                        alt="Rows of panels by predicate with curves of Bayes, belief propagation and a network.",
                    )
                ],
                tables=[_small_table(little, name, at) for name in small.names for at in (0.0, 1.0)],
            ),
        ],
        units=units,
        caveats=[
            "Thresholds are those of infinite N; at small N there is none, and at large N they are blurred: by a "
            "tenth, "
            "at a continuous transition by twice N^(-1/3). The checks keep away from them.",
            f"Belief propagation gives up after {iterations} iterations at large N and 200 at small N; beliefs that "
            "did "
            "not settle are used as they are. The tables count them, and the starts that ruled out every value of a "
            "latent (refused), which then have no loss.",
            "The Bayes curve at large N rests on the replica-symmetric picture; for parities Gaussian elimination "
            "would "
            "give it exactly.",
            f"Networks of {small.network.steps} steps are far from converged at this scale: a loss above Bayes says "
            "that "
            "this budget does not suffice, no more.",
        ],
    )


def _training(rows: Sequence[Row]) -> str:
    losses = [f"{row.distribution} {row.value:.3f}" for row in rows if row.metric == STEPS]
    return (
        "Training loss at the last step, nats per token, every masked token counted alike: " + ", ".join(losses) + "."
    )


def _find(
    means: Sequence[Row],
    name: str,
    metric: str,
    model: str,
    degree: float,
    start: str | None = None,
    at: float | None = None,
) -> Row | None:
    wanted = (name, metric, model, degree, start, at)
    for row in means:
        if (row.distribution, row.metric, row.model, row.degree, row.start, row.at) == wanted:
            return row
    return None


def blur(case: Case, n_latents: int) -> float:
    """Relative distance from D_KS inside which nothing is asserted.

    A tenth; at a continuous transition at least twice the N^(-1/3) of its critical window, a fifth at N = 1,000.
    """
    continuous = case.condensation is not None and case.condensation.spinodal is None
    return max(_BLUR, 2 * n_latents ** (-1 / 3)) if continuous else _BLUR


def below_and_above(case: Case, n_latents: int) -> tuple[list[float], list[float]]:
    """Degrees of the figure well below and well above D_KS, see :func:`blur`."""
    ks, degrees, width = case.kesten_stigum, DEGREES[case.name], blur(case, n_latents)
    return [d for d in degrees if d <= (1 - width) * ks], [d for d in degrees if d >= (1 + width) * ks]


def _checks(large: Sequence[Row], small: Sequence[Row], n: int) -> list[Check]:
    checks = [check for name in DEGREES if (check := _ignorant_below(large, name, n)) is not None]
    checks += [check for name in DEGREES for check in _gap_checks(large, name, n)]
    return checks + _small_checks(small)


def _ignorant_below(large: Sequence[Row], name: str, n: int) -> Check | None:
    """Below D_KS the random start pays what ignorance pays: the entropy of an observation."""
    case = CASES[name]
    entropy = constraint_information(case.ensemble)
    rows = [_find(large, name, OBSERVATION, PROPAGATION, d, "random") for d in below_and_above(case, n)[0]]
    found = [row for row in rows if row is not None]
    if case.kesten_stigum == 0 or not found:
        return None
    worst = max(found, key=lambda row: abs(row.value - entropy))
    return Check(
        text=f"{name}: well below D_KS the random start pays the entropy of an observation",
        expected=f"{entropy:.3f} to 0.02",
        measured=f"furthest at degree {worst.degree:g}: {show(worst)}",
        met=abs(worst.value - entropy) < 0.02,
    )


def _gap_checks(large: Sequence[Row], name: str, n: int) -> list[Check]:
    case = CASES[name]
    entropy, known = constraint_information(case.ensemble), case.condensation
    ks = case.kesten_stigum

    def pair(degree: float) -> tuple[Row | None, Row | None]:
        return (
            _find(large, name, OBSERVATION, PROPAGATION, degree, "random"),
            _find(large, name, OBSERVATION, BAYES, degree),
        )

    if known is None or known.spinodal is None:
        text, degrees = "the random start is Bayes-optimal well above D_KS", below_and_above(case, n)[1]
        expected = "difference below 0.02 nats"
        pairs = [(reached, bayes) for reached, bayes in map(pair, degrees) if reached and bayes]
        return (
            [
                Check(
                    text=f"{name}, control: {text}",
                    expected=expected,
                    measured=f"largest difference {max(abs(r.value - b.value) for r, b in pairs):.3f}",
                    met=max(abs(r.value - b.value) for r, b in pairs) < 0.02,
                )
            ]
            if pairs
            else []
        )
    inside = [d for d in DEGREES[name] if (1 + _BLUR) * known.degree <= d <= (1 - _BLUR) * ks]
    pairs = [(reached, bayes) for reached, bayes in map(pair, inside) if reached and bayes]
    if not pairs:
        return []
    smallest = min(r.value - b.value for r, b in pairs)
    return [
        Check(
            text=f"{name}: between D_cond and D_KS belief propagation pays more than Bayes",
            expected=f"by at least half of the entropy, {entropy / 2:.3f} nats",
            measured=f"smallest difference {smallest:.3f} at {len(pairs)} degrees",
            met=smallest > entropy / 2,
        )
    ]


def _small_checks(small: Sequence[Row]) -> list[Check]:
    """What is exact must hold: nobody is below Bayes; symmetric predicates leave the latents at the prior."""
    bayes = {(r.distribution, r.metric, r.degree, r.at): r.value for r in small if r.model == BAYES}
    below = [
        bayes[key] - row.value
        for row in small
        if row.model in (MDM, PROPAGATION)
        and (key := (row.distribution, row.metric, row.degree, row.at)) in bayes
        and not row.metric.startswith("refused")
        and (row.model == MDM or _unrefused(small, row))
    ]
    flat = [
        abs(value - math.log(2))
        for (name, metric, _, at), value in bayes.items()
        if metric == LATENT and at == 0.0 and len(CASES[name].ensemble.label_symmetries()) == 2
    ]
    checks = []
    if below:
        checks.append(
            Check(
                text="small N: no answer has a smaller expected loss than the exact posterior",
                expected="never below it",
                measured=f"most below: {max(max(below), 0.0):.1e} nats",
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


def _unrefused(small: Sequence[Row], row: Row) -> bool:
    """Whether the answer was given on every sequence that the Bayes loss is a mean of."""
    assert row.degree is not None
    refused = _find(small, row.distribution, REFUSED, PROPAGATION, row.degree, at=row.at)
    return refused is not None and refused.value == 0.0


def _thresholds() -> TableItem:
    return TableItem(
        caption="Degrees k P / N; D_KS and the first-moment bound are exact.",
        header=["predicate", "expected", "D_d", "D_cond", "source", "D_KS", "first-moment bound", "relabellings"],
        rows=[_threshold_cells(CASES[name]) for name in DEGREES],
    )


def _threshold_cells(case: Case) -> list[str]:
    known = case.condensation
    bracket = "-" if known is None or known.spinodal is None else "{:g} to {:g}".format(*known.spinodal)
    return [
        case.name,
        case.verdict,
        bracket,
        "any degree informs" if known is None else f"{known.degree:g} +- {known.error:g}",
        "not balanced" if known is None else known.source,
        f"{case.kesten_stigum:.3f}",
        f"{first_moment_degree(case.ensemble):.3f}",
        str(len(case.ensemble.label_symmetries())),
    ]


def _large_table(large: Sequence[Row], name: str) -> TableItem:
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
    return TableItem(
        caption=f"{name}: losses in nats; shares of instances that settled and that were refused.",
        header=["degree", *(title for title, *_ in columns)],
        rows=[
            [f"{d:g}", *(_cell(_find(large, name, metric, model, d, start)) for _, metric, model, start in columns)]
            for d in DEGREES[name]
        ],
    )


def _small_table(small: Sequence[Row], name: str, at: float) -> TableItem:
    degrees = sorted({r.degree for r in small if r.distribution == name and r.degree is not None})
    who = ((BAYES, "Bayes"), (PROPAGATION, "belief propagation"), (MDM, "network"))
    columns = [
        *((f"{what}, {title}", metric, model) for metric, what in ((OBSERVATION, "observation"), (LATENT, "latent"))
          for model, title in who),
        ("settled", CONVERGED, PROPAGATION),
        ("refused", REFUSED, PROPAGATION),
    ]  # fmt: skip
    words = "as large a share of latents visible" if at else "all latents hidden"
    return TableItem(
        caption=f"{name}, {words}: expected losses in nats per masked token.",
        header=["degree", *(title for title, *_ in columns)],
        rows=[
            [f"{d:.2f}", *(_cell(_find(small, name, metric, model, d, at=at)) for _, metric, model in columns)]
            for d in degrees
        ],
    )


def _cell(row: Row | None) -> str:
    return "-" if row is None else show(row)
