"""The report of the hardness experiment: what was expected, what came out, the paper's numbers beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analysis.networks.forward_hash import COIN
from analysis.networks.hardness_checks import agreement, at_most_calls, averaged, control_checks, effect_checks
from analysis.networks.learners import MDM
from analysis.networks.likelihood_gap import GAP
from analysis.networks.order_accuracy import REVEAL_RANK
from analysis.networks.task_error import KL, KL_BACKWARDS, KL_FORWARDS, SQUARED
from analysis.paper_numbers import TABLE_1
from analysis.plots.style import CONTROL, SavedFigure
from analysis.plots.task_error import latent_excess
from analysis.report import FigureItem, Report, Section, TableItem, show
from analysis.rows import Role, Row, combine_seeds
from analysis.scales import DISTRIBUTIONS, SCALES, ScaleName
from analysis.store import StoredUnit


def build_report(
    rows: Sequence[Row],
    units: Sequence[StoredUnit],
    figures: Mapping[str, SavedFigure],
    *,
    scale: ScaleName,
    minutes: float | None = None,
) -> Report:
    """Put rows and figures together; every sentence with a number in it is computed from the rows."""
    means = combine_seeds(rows)
    return Report(
        title="Hardness of token orders on latents-and-observations distributions",
        summary=_summary(scale),
        scale=scale,
        minutes=minutes,
        checks=[*control_checks(rows), *effect_checks(rows)],
        sections=[
            _task_error_section(rows, figures["task_error"]),
            _gap_section(means, figures["likelihood_gap"]),
            _accuracy_section(means, figures["order_accuracy"], scale),
            _hash_section(means, figures["forward_hash"]),
        ],
        units=units,
        caveats=_caveats(scale),
    )


def _summary(scale: ScaleName) -> list[str]:
    planning, learning = SCALES[scale].planning, SCALES[scale].learning
    return [
        f"Three families of distributions, uniform bits as latents and observations computed from {planning.arity} of "
        "them each: not-all-equal, a keyed hash, and random logic rules. A masked diffusion model (MDM) is trained on "
        f"N = {planning.n_latents} latents and P = {planning.n_observations} observations; where it errs, and what it "
        "generates, is measured against the exact posterior, which also stands in the model's place as a control.",
        f"On N = {learning.n_latents}, P = {learning.n_observations} the likelihoods of MDM, autoregressive models "
        "(ARM) and pi-learners of one size are compared after equal FLOPs.",
        "Intervals are of 95%. A masked latent, or a masked observation one of whose latents is masked too, asks for "
        "the inverse of the observation functions; an observation whose latents are visible asks for the function. "
        "An MDM trains on all of them, and chooses among them when it generates.",
    ]


def _task_error_section(rows: Sequence[Row], figure: SavedFigure) -> Section:
    table = []
    for name in DISTRIBUTIONS:
        own = [row for row in rows if row.distribution == name and row.model == MDM]
        latent, observation, z = latent_excess(own)
        squared_latent, squared_observation, squared_z = latent_excess(own, SQUARED)
        table.append(
            [
                name,
                *(f"{latent:.4f}", f"{observation:.4f}", f"{z:.1f}"),
                *(f"{squared_latent:.3f}", f"{squared_observation:.3f}", f"{squared_z:.1f}"),
            ]
        )
    return Section(
        title="Task error imbalance",
        paragraphs=[
            "Each cell is one family of subproblems: predict the token at this position when so many tokens of "
            "the sequence are masked, at random. Its colour is the KL divergence of the model from the exact "
            "posterior in nats: zero is perfect. Below, the means over latents and over observations, and the "
            "paper's own measure: the squared difference of log-probabilities of the true token with l latents "
            "and l P / N observations masked. It needs no treatment of infinities here: the posterior gives the "
            "true token positive probability, and a softmax does too.",
            "Role alone does not make a subproblem hard. A masked observation whose latents are visible is computed; "
            "with one of them hidden it asks for the same inference as a masked latent. Under uniform masks most are "
            "of the second kind, so the roles need not differ; the second table tells the two kinds apart.",
        ],
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Excess loss of the MDM over the exact posterior, by position and number of masked tokens.",
                alt="Heatmaps of task error, a panel per distribution, and mean errors of latents and observations.",
            )
        ],
        tables=[
            TableItem(
                caption="Means over all numbers of masked tokens that involve both roles. The paper shows "
                "the same sign in a figure (N = 20, P = 280) without numbers.",
                header=[
                    "distribution",
                    "latents, KL",
                    "observations, KL",
                    "z",
                    "latents, squared",
                    "observations, squared",
                    "z, squared",
                ],
                rows=table,
            ),
            TableItem(
                caption="The same KL of observations, split by whether all latents that they read are visible, beside "
                "the latents'; means over the numbers of masked tokens at which each occurs, weighted by sequences, +- "
                "one standard error.",
                header=["distribution", "observations, forwards", "observations, backwards", "latents"],
                rows=[_directions(rows, name) for name in DISTRIBUTIONS],
            ),
        ],
    )


def _directions(rows: Sequence[Row], name: str) -> list[str]:
    own = [row for row in rows if row.distribution == name and row.model == MDM]
    asked: list[tuple[str, Role]] = [(KL_FORWARDS, "observation"), (KL_BACKWARDS, "observation"), (KL, "latent")]
    averages = [averaged(own, metric, role) for metric, role in asked]
    return [name, *(f"{value:.4f} +- {error:.4f}" for value, error in averages)]


def _gap_section(means: Sequence[Row], figure: SavedFigure) -> Section:
    models = list(dict.fromkeys(row.model for row in means if row.metric == GAP))
    found = {(row.distribution, row.model): show(row, 5) for row in means if row.metric == GAP}
    return Section(
        title="Likelihood gap",
        paragraphs=[
            "What each learner spends above the exact entropy, in nats per token. Every order has the same "
            "entropy, so a gap is a failure to learn or to compute. The MDM's is averaged over uniformly random "
            "orders.",
        ],
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Nats per token above the exact entropy; equal networks, equal training FLOPs.",
                alt="Dot plot of likelihood gaps by learner, a panel per distribution.",
            )
        ],
        tables=[
            TableItem(
                caption="Nats per token above the entropy. The paper's scaling curves (text, Fig. 2 left) "
                "have the same ordering of ARM, closer and uniform pi-learners, on data without a known entropy.",
                header=["learner", *DISTRIBUTIONS],
                rows=[[model, *(found.get((name, model), "-") for name in DISTRIBUTIONS)] for model in models],
            )
        ],
    )


def _accuracy_section(means: Sequence[Row], figure: SavedFigure, scale: ScaleName) -> Section:
    cell: Callable[[Row | None], str] = lambda row: "-" if row is None else show(row, 2, 100.0, "%")  # noqa: E731
    rules = ("vanilla", "top probability", "margin")
    ours = [
        [name, model, *(cell(agreement(means, name, model, rule)) for rule in rules)]
        for name in DISTRIBUTIONS
        for model in (MDM, CONTROL)
    ]
    papers = [
        [
            f"NAE-SAT ({t.n_latents}, {t.n_observations})",
            "paper, 19M MDM",
            *(f"{100 * t.vanilla:.2f}%", "-", f"{100 * t.margin:.2f}%"),
        ]
        for t in TABLE_1
    ]

    def rank(name: str, model: str, rule: str) -> str:
        row = at_most_calls(means, REVEAL_RANK, name, model, rule)
        return "-" if row is None else show(row, 3)

    return Section(
        title="Order accuracy",
        paragraphs=[
            "Sequences are generated from all masks, one token per network call or several. The share of "
            "generated observations that equal the function of the generated latents is 100% for a perfect model "
            "with one token per call, whatever the rule: the control shows it.",
            "The orders that the rules choose are not the natural one. The second table has the mean rank of the "
            "latents in the order of revelation, 0 if first and 1 if last: a latent that is still a fair coin has no "
            "margin, so biased observations go before it, for the exact posterior as for the network.",
            "All tokens here are bits, and for "
            "bits the margin is 2 p - 1 with p the top probability: both rules choose the same order, and their "
            "curves coincide. They part from three symbols on.",
        ],
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Agreement of generated observations with generated latents, against network calls.",
                alt="Agreement curves of vanilla, top probability and margin decoding, a panel per distribution.",
            )
        ],
        tables=[
            TableItem(
                caption="One token per call. The paper does not state its protocol or steps; its sizes are larger.",
                header=["distribution (N, P)", "model", *rules],
                rows=ours + papers,
            ),
            TableItem(
                caption="Mean rank of the latents in the order of revelation, one token per call; random: 0.5.",
                header=["distribution", "model", *rules, "latents first"],
                rows=[
                    [name, model, *(rank(name, model, rule) for rule in rules), f"{_latents_first(scale):.3f}"]
                    for name in DISTRIBUTIONS
                    for model in (MDM, CONTROL)
                ],
            ),
        ],
    )


def _latents_first(scale: ScaleName) -> float:
    """Rank of the latents in the natural order."""
    planning = SCALES[scale].planning
    return (planning.n_latents - 1) / (2 * (planning.length - 1))


def _hash_section(means: Sequence[Row], figure: SavedFigure) -> Section:
    last: dict[str, Row] = {}
    for row in means:
        if row.experiment == "forward_hash" and (row.step or 0) >= (last.get(row.distribution, row).step or 0):
            last[row.distribution] = row
    return Section(
        title="Which hash is easy forwards?",
        paragraphs=[
            "An observation function must be learnable in the natural order. The same keyed hash is, when it "
            f"reads three latents, and is not when it reads all of them: an ARM pays {COIN:.3f} nats per bit, "
            "like a coin. What a network does not learn forwards says nothing about orders, so the hash of the "
            "experiments is the local one.",
        ],
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Test loss of the observations given the latents, an ARM in natural order, as it trains.",
                alt="Two learning curves: the local hash falls towards zero, the whole hash stays at log 2.",
            )
        ],
        tables=[
            TableItem(
                caption="Nats per observation after the last step.",
                header=["hash", "steps", "nats per observation"],
                rows=[[name, str(row.step), show(row, 4)] for name, row in last.items()],
            )
        ],
    )


def _caveats(scale: ScaleName) -> list[str]:
    seeds, structure_seed = SCALES[scale].seeds, SCALES[scale].planning.structure_seed
    small = "" if scale == "paper" else " These are not the paper's sizes (N = 20 to 100, L = 300, 19M weights)."
    spread = (
        f"Intervals are over {seeds} training seeds."
        if seeds >= 3
        else "There is one training run per learner, so intervals cover the test sequences and not the spread between "
        "runs."
    )
    return [
        f"There is one distribution per family and size (structure seed {structure_seed}).{small}",
        spread,
        "At N <= 20 hardness is about networks and training budgets, not about asymptotics: 2**N latent vectors can be "
        "tabulated. An order that is hard at a small budget is learned with a larger one.",
        "Not-all-equal is invariant when all latents are flipped: as long as every latent is masked, each latent's "
        "exact posterior is uniform.",
        "Margin and top probability reveal the most biased token first. Not-all-equal observations are 1 three times "
        "in four, latents are fair: so the first tokens revealed are observations, not latents.",
        "The paper's vanilla row is probably tau-leaping with an unstated number of steps; ours is shown at several.",
    ]
