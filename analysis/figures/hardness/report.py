"""The report of the hardness experiment: what was expected, what came out, the paper's numbers beside ours."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.hardness.checks import at_most_calls, averaged, control_checks, effect_checks
from analysis.figures.hardness.forward_hash import COIN
from analysis.figures.hardness.forward_hash import EXPERIMENT_NAME as FORWARD_HASH
from analysis.figures.hardness.map_report import map_report
from analysis.figures.hardness.paper_map import MAP
from analysis.figures.hardness.plot_forward_hash import draw_forward_hash
from analysis.figures.hardness.plot_likelihood_gap import draw_likelihood_gap
from analysis.figures.hardness.plot_order_accuracy import draw_order_accuracy
from analysis.figures.hardness.plot_paper_map import draw_paper_map
from analysis.figures.hardness.plot_task_error import draw_task_error
from analysis.figures.hardness.units import EXPERIMENT_NAME, units
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import FigureItem, Report, SavedFigure, Section, TableItem, cell, show
from analysis.lab.rows import CONTROL, MDM, Role, Rows
from analysis.lab.scale import ScaleName
from analysis.measures.learner import spoken_learners
from analysis.measures.likelihood_gap import EXPERIMENT_NAME as LIKELIHOOD_GAP
from analysis.measures.likelihood_gap import GAP
from analysis.measures.long_networks import MAP_NETWORK
from analysis.measures.order_accuracy import AGREEMENT, REVEAL_RANK, naive_lines
from analysis.measures.order_accuracy import EXPERIMENT_NAME as ORDER_ACCURACY
from analysis.measures.paper import TABLE_1
from analysis.measures.setting import DISTRIBUTIONS, SCALES, Scale, Setting
from analysis.measures.task_error import EXPERIMENT_NAME as TASK_ERROR
from analysis.measures.task_error import KL, KL_BACKWARDS, KL_FORWARDS, SQUARED, role_errors
from lo_theory.samplers.menu import PAPERS

SIZES: dict[ScaleName, Scale] = {
    **{name: SCALES[name] for name in ("smoke", "small")},
    "long": Scale(planning=MAP_NETWORK, learning=MAP_NETWORK, seeds=1, permutations=0, only_map=True),
    "paper": SCALES["paper"],
}


def figures(rows: Rows, size: Scale) -> dict[str, Figure]:
    """The four figures, or the map alone."""
    if size.only_map:
        return {MAP: draw_paper_map(rows)}
    naive = {name: naive_lines(family(size.planning)) for name, family in DISTRIBUTIONS.items()}
    return {
        TASK_ERROR: draw_task_error(rows),
        LIKELIHOOD_GAP: draw_likelihood_gap(rows),
        ORDER_ACCURACY: draw_order_accuracy(rows, naive=naive),
        FORWARD_HASH: draw_forward_hash(rows),
    }


def report(run: Run[Scale]) -> Report:
    """What the rows say, the paper's numbers beside ours; every sentence with a number in it is computed from them."""
    if run.size.only_map:
        return map_report(run)
    rows, means, drawn = run.rows, combine_seeds(run.rows), run.figures
    return Report(
        title="Hardness of token orders on latents-and-observations distributions",
        summary=_summary(run.size),
        checks=[*control_checks(rows), *effect_checks(rows)],
        sections=[
            _task_error_section(rows, drawn[TASK_ERROR]),
            _gap_section(means, drawn[LIKELIHOOD_GAP]),
            _accuracy_section(means, drawn[ORDER_ACCURACY], run.size.planning),
            _hash_section(means, drawn[FORWARD_HASH]),
        ],
        caveats=_caveats(run),
        names=spoken_learners(rows.values("model")),
    )


def _summary(size: Scale) -> list[str]:
    planning, learning = size.planning, size.learning
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


def _task_error_section(rows: Rows, figure: SavedFigure) -> Section:
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
                    *("latents, KL", "observations, KL", "z"),
                    *("latents, squared", "observations, squared", "z, squared"),
                ],
                rows=[_imbalance(rows, name) for name in DISTRIBUTIONS],
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


def _imbalance(rows: Rows, name: str) -> list[str]:
    own = rows.where(distribution=name, model=MDM)
    cells = [name]
    for metric, digits in ((KL, 4), (SQUARED, 3)):
        errors = role_errors(own, metric)
        cells += [f"{errors.latent:.{digits}f}", f"{errors.observation:.{digits}f}", f"{errors.z:.1f}"]
    return cells


def _directions(rows: Rows, name: str) -> list[str]:
    own = rows.where(distribution=name, model=MDM)
    asked: list[tuple[str, Role]] = [(KL_FORWARDS, "observation"), (KL_BACKWARDS, "observation"), (KL, "latent")]
    averages = [averaged(own, metric, role) for metric, role in asked]
    return [name, *(f"{value:.4f} +- {error:.4f}" for value, error in averages)]


def _gap_section(means: Rows, figure: SavedFigure) -> Section:
    gaps = means.where(metric=GAP)
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
                rows=[
                    [model, *(cell(gaps.get(model=model, distribution=name), 5) for name in DISTRIBUTIONS)]
                    for model in gaps.values("model")
                ],
            )
        ],
    )


def _accuracy_section(means: Rows, figure: SavedFigure, planning: Setting) -> Section:
    shown = [(name, model) for name in DISTRIBUTIONS for model in (MDM, CONTROL)]
    agreements = [
        [*each, *(cell(at_most_calls(means, AGREEMENT, *each, rule), 2, 100.0, "%") for rule in PAPERS)]
        for each in shown
    ]
    papers = [
        [
            f"NAE-SAT ({t.n_latents}, {t.n_observations})",
            "paper, 19M MDM",
            *(f"{100 * t.vanilla:.2f}%", "-", f"{100 * t.margin:.2f}%"),
        ]
        for t in TABLE_1
    ]
    ranks = [[*each, *(cell(at_most_calls(means, REVEAL_RANK, *each, rule)) for rule in PAPERS)] for each in shown]
    latents_first = (planning.n_latents - 1) / (2 * (planning.length - 1))  # rank of latents in the natural order
    return Section(
        title="Order accuracy",
        paragraphs=[
            "Sequences are generated from all masks, one token per network call or several. The share of "
            "generated observations that equal the function of the generated latents is 100% for a perfect model "
            "with one token per call, whatever the rule: the control shows it.",
            "The orders that the rules choose are not the natural one. The second table has the mean rank of the "
            "latents in the order of revelation, 0 if first and 1 if last: a latent that is still a fair coin has no "
            "margin, so biased observations go before it, for the exact posterior as for the network.",
            "All tokens here are bits, and for bits the margin is 2 p - 1 with p the top probability: both rules "
            "choose the same order, and their curves coincide. They part from three symbols on.",
        ],
        figures=[
            FigureItem(
                path=figure.svg,
                caption="Agreement of generated observations with generated latents, against network calls; last, the "
                "paper's Table 1, whose calls are not stated.",
                alt="Agreement curves of vanilla, top probability and margin decoding, a panel per distribution.",
            )
        ],
        tables=[
            TableItem(
                caption="One token per call. The paper does not state its protocol or steps; its sizes are larger.",
                header=["distribution (N, P)", "model", *PAPERS],
                rows=agreements + papers,
            ),
            TableItem(
                caption="Mean rank of the latents in the order of revelation, one token per call; random: 0.5.",
                header=["distribution", "model", *PAPERS, "latents first"],
                rows=[[*line, f"{latents_first:.3f}"] for line in ranks],
            ),
        ],
    )


def _hash_section(means: Rows, figure: SavedFigure) -> Section:
    curves = means.where(experiment=FORWARD_HASH).by("distribution")
    last = {name: max(curve, key=lambda row: row.step or 0) for name, curve in curves.items()}
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


def _caveats(run: Run[Scale]) -> list[str]:
    seeds, structure_seed = run.size.seeds, run.size.planning.structure_seed
    small = "" if run.scale == "paper" else " These are not the paper's sizes (N = 20 to 100, L = 300, 19M weights)."
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


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
