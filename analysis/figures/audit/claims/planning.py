"""Claims on orders and schedules: published rates, tempting readings of them, and what confidence is worth.

What was published is known here by abstract; constants and proofs are those of
:mod:`lo_theory.laws.parallel_bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from analysis.figures.audit.claim import COMPUTED, Claim, Evidence, Judge, Measured, exact
from analysis.figures.audit.verdicts import EXACT, Judgement, above, all_of, below
from analysis.figures.bounds.units import BOUND, DUAL, EQUAL, LEAST, LOGARITHMIC, LOSS, OVER_STEPS, TOTAL
from analysis.figures.bounds.units import EXPERIMENT_NAME as BOUNDS
from analysis.figures.optimal_order.case import EXPERIMENT_NAME as ORDERS
from analysis.figures.optimal_order.case import KL, KL_EXCESS, RANDOM, VALIDITY, VALIDITY_LOST
from analysis.figures.optimal_order.units import EVERYWHERE
from analysis.lab.rows import rounded
from generators.families import nae_sat
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.laws.partial_sequences import LawDenoiser
from lo_theory.laws.sampler_law import all_sequences, true_law
from lo_theory.samplers.menu import MARGIN
from lo_theory.samplers.named_decoders import NAMED_DECODERS, scheduled_score
from lo_theory.samplers.scores import margin_score, negative_entropy_score, top_probability_score

_SLACK = 1e-7  # nats and shares, on log-probabilities with a grid of 2**-32
_SUM_SLACK = 1e-12


def _at_most_one(ratios: Sequence[float], words: str) -> Measured:
    worst = max(ratios)
    verdict = "holds" if worst <= 1 + EXACT else "fails"
    rule = Judgement(verdict, "at most 1", "exact: no distribution and number of calls above 1")
    return Measured(f"{words}, largest of {len(ratios)}", exact(worst, len(ratios)), rule)


def _bound(bound: str, schedule: str) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        found = evidence.rows(BOUNDS, metric=BOUND, decoder=bound)
        promised = {(r.distribution, r.seed, rounded(r.at)): r.value for r in found}
        losses = evidence.rows(BOUNDS, metric=LOSS, decoder=schedule)
        ratios = [r.value / promised[r.distribution, r.seed, rounded(r.at)] for r in losses if r.value > EXACT]
        return _at_most_one(ratios, f"loss of {schedule} over the bound")

    return judge


def _rate(metric: str, words: str) -> Judge:
    def judge(evidence: Evidence) -> Measured:
        number = {(r.distribution, r.seed): r.value for r in evidence.rows(BOUNDS, metric=metric)}
        losses = evidence.rows(BOUNDS, metric=LOSS, decoder=EQUAL)
        ratios = [(r.at or 0.0) * r.value / number[r.distribution, r.seed] for r in losses if r.value > EXACT]
        return _at_most_one(ratios, f"calls times loss of equal steps over the {words}")

    return judge


def _no_better(evidence: Evidence) -> Measured:
    lost = [row.value for row in evidence.rows(ORDERS, metric=VALIDITY_LOST)]
    excess = [row.value for row in evidence.rows(ORDERS, metric=KL_EXCESS) if row.decoder != RANDOM]
    least = min(*lost, *excess)
    rule = Judgement("holds" if least > -_SLACK else "fails", "at least 0", f"exact: above -{_SLACK:g}")
    return Measured("smallest distance to the best order", exact(least, len(lost) + len(excess)), rule)


def _margin_less_random(evidence: Evidence, metric: str) -> list[Estimate]:
    """Of each kind of distribution the mean over distributions, with errors everywhere."""
    rows = evidence.rows(ORDERS, model=EVERYWHERE, metric=metric)
    found = []
    for kind in rows.values("distribution"):
        here = rows.where(distribution=kind)
        random = {row.seed: row.value for row in here.where(decoder=RANDOM, swept=None)}
        margin = here.where(decoder=MARGIN, swept=None)
        found.append(mean_estimate(np.array([row.value - random[row.seed] for row in margin])))
    return found


def _valid(evidence: Evidence) -> Measured:
    found = _margin_less_random(evidence, VALIDITY)
    return Measured(
        f"possible sequences, margin less random; smallest of {len(found)} kinds",
        min(found, key=lambda x: x.value), all_of([above(x, 0.0) for x in found]),
    )  # fmt: skip


def _near(evidence: Evidence) -> Measured:
    found = _margin_less_random(evidence, KL)
    return Measured(
        f"KL from the truth in nats, margin less random; smallest of {len(found)} kinds",
        min(found, key=lambda x: x.value), all_of([below(x, 0.0) for x in found]),
    )  # fmt: skip


def _sums_to_one(evidence: Evidence) -> Measured:
    """Every deterministic score, one and several tokens per call, under a denoiser with errors."""
    del evidence
    distribution = nae_sat(3, 3, structure_seed=0)
    truth = LawDenoiser(true_law(distribution), distribution.length, distribution.vocabulary)
    wrong = TabulatedDenoiser(NoisedDenoiser(truth, uniform_hardness, noise=1.0, doubt=0.1, seed=0))
    every = torch.from_numpy(all_sequences(distribution.length, distribution.vocabulary))
    scores = (margin_score, top_probability_score, negative_entropy_score)
    decoders = [scheduled_score(steps, score) for score in scores for steps in (6, 3, 2)]
    decoders.append(NAMED_DECODERS["entropy bound"](0.2))
    sums = [float(np.exp(-decoder_nll(wrong, every, decoder).rows().nats).sum()) for decoder in decoders]
    worst = max(abs(total - 1) for total in sums)
    rule = Judgement("holds" if worst < _SUM_SLACK else "fails", "0", f"exact: within {_SUM_SLACK:g}")
    return Measured(f"distance of the sum from 1, largest of {len(sums)} rules", exact(worst, len(sums)), rule)


PLANNING_CLAIMS: tuple[Claim, ...] = (
    Claim(
        name="2505.21400, rate",
        text="Equal steps lose at most the summed mutual information of each token with all others, over the steps.",
        source="arXiv 2505.21400, abstract (constant ours)", tag="published", experiment=BOUNDS,
        falsified_by="a distribution and number of calls with a larger loss", judge=_bound(OVER_STEPS, EQUAL),
        kind="theorem",
    ),
    Claim(
        name="2511.04647, O(log L) calls",
        text="The best schedule of T steps loses at most total or dual total correlation times log L over T.",
        source="arXiv 2511.04647, abstract (constants ours)", tag="published", experiment=BOUNDS,
        falsified_by="a distribution and number of calls with a larger loss", judge=_bound(LOGARITHMIC, LEAST),
        kind="theorem",
    ),
    Claim(
        name="2511.04647, equal steps, TC", text="Equal steps lose at most the total correlation over the steps.",
        source="a reading of arXiv 2511.04647 without its sizes", tag="own", experiment=BOUNDS,
        falsified_by="a distribution and number of calls with a larger loss", judge=_rate(TOTAL, "total correlation"),
        kind="arithmetic",
    ),
    Claim(
        name="2511.04647, equal steps, DTC", text="Equal steps lose at most the dual total correlation over the steps.",
        source="a reading of arXiv 2511.04647 without its sizes", tag="own", experiment=BOUNDS,
        falsified_by="a distribution and number of calls with a larger loss",
        judge=_rate(DUAL, "dual total correlation"), kind="arithmetic",
    ),
    Claim(
        name="best order", text="No order beats that of backward induction, in validity or in divergence.",
        source="Bellman's recursion", tag="own", experiment=ORDERS, falsified_by="an order that does",
        judge=_no_better, kind="theorem",
    ),
    Claim(
        name="sec. 4, margin is valid",
        text="Under errors everywhere margin generates more possible sequences than a random order.",
        source="sec. 4 of the paper, on tasks with one answer", tag="paper", experiment=ORDERS,
        falsified_by="a kind of distributions on which it does not", judge=_valid, kind="arithmetic",
    ),
    Claim(
        name="margin is near the truth",
        text="Under errors everywhere margin is nearer to the truth than a random order.",
        source="a reading of sec. 4 of the paper", tag="own", experiment=ORDERS,
        falsified_by="a kind of distributions on which it is farther", judge=_near, kind="arithmetic",
    ),
    Claim(
        name="2603.01367, adaptive likelihood",
        text="The likelihood along each row's own path adds up to one, for every deterministic rule.",
        source="arXiv 2603.01367, abstract", tag="published", experiment=COMPUTED,
        falsified_by="a rule whose sum is not 1", judge=_sums_to_one, kind="theorem",
    ),
)  # fmt: skip
