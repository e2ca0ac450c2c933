"""Task error: how far a model is from the exact posterior at each subproblem.

Two measures of one thing. :func:`task_error` is the Kullback-Leibler divergence KL(p || q) between the posterior p and
the model q at a masked position, in nats: what the model's loss exceeds the posterior's by, zero when it is perfect; a
value that the posterior excludes has no weight. :func:`paper_task_error` is the measure of Kim et al. (2025, Fig. 2):
the squared difference of log-probabilities, under their masking protocol.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Integer
from scipy.stats import norm, t

from analysis.lab.averages import combine_seeds, reach
from analysis.lab.rows import Role, Row, Rows, Subject
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser, ask, require_answers
from lo_theory.denoisers.oracle import Posterior
from lo_theory.estimate import Estimate, ratio_estimate

EXPERIMENT_NAME = "task_error"
KL = "kl_nats"
KL_FORWARDS, KL_BACKWARDS = "kl_nats_forwards", "kl_nats_backwards"
SQUARED = "squared_log_ratio"
INFINITE = "infinite_share"


def task_error(
    denoiser: Denoiser,
    posterior: Posterior,
    distribution: LODistribution,
    *,
    about: Subject,
    masked_counts: Sequence[int],
    samples: int,
    rng: np.random.Generator,
    latents_hidden: bool = False,
    batch_size: int = 256,
) -> list[Row]:
    """E KL(p(x_i | visible) || q(x_i | visible)) for each position i and number n of masked tokens, in nats.

    Sequences come from ``distribution``, masks are uniform of size n. Per n there is a row for each position and one
    for each role; the latter is the mean over that role's positions, its standard error counts a sequence as one draw.

    Args:
        about: names the rows.
        masked_counts: values of n, each in 1..L, or in N..L with the latents hidden.
        samples: sequences per n; a position is masked in about ``samples * n / L`` of them.
        latents_hidden: all N latents are masked, and n - N observations, a uniform subset; rows say so in
            ``latents_masked``. Where flipping all latents changes no observation, as in NAE-SAT, margin and top
            probability meet such masks: no latent is more probable one way until another one is visible.
        batch_size: sequences per call of the denoiser and of the posterior.
    Returns:
        rows with metric ``kl_nats``. ``inf`` where the model excludes a value that the posterior allows. For the
        observations also ``kl_nats_forwards`` and ``kl_nats_backwards``, the means over those whose latents are all
        visible and over the others: the latter ask for inference, as a masked latent does.
    Raises:
        ValueError: a count outside 1..L, no samples, a denoiser of another shape, or one that does not answer
        everywhere.
    Cost: ``len(masked_counts) * samples`` sequences through both.
    """
    _check(denoiser, distribution, samples)
    roles = roles_of(distribution)
    least, where = (distribution.n_latents, {"latents_masked": distribution.n_latents}) if latents_hidden else (1, {})
    rows: list[Row] = []
    for n in masked_counts:
        if not least <= n <= distribution.length:
            raise ValueError(f"masked_counts lie in {least}..L = {least}..{distribution.length}; got {n}.")
        x = distribution.sample(samples, rng)
        masks = _masks(distribution, samples, n, rng, latents_hidden)
        error = np.full(masks.shape, np.nan)
        for part, log_p, log_q in _answers(denoiser, posterior, distribution, x, masks, batch_size):
            error[part] = kl_divergence(log_p, log_q)
        rows += _summaries(error, masks, roles, about, metric=KL, n_masked=n, **where)
        forwards = forward_subproblems(distribution, masks)
        seen_at: dict[Role, np.ndarray] = {"observation": roles["observation"]}
        rows += _role_rows(error, forwards, seen_at, about, metric=KL_FORWARDS, n_masked=n, **where)
        rows += _role_rows(error, masks & ~forwards, seen_at, about, metric=KL_BACKWARDS, n_masked=n, **where)
    return rows


def forward_subproblems(distribution: LODistribution, masks: Bool[np.ndarray, "S L"]) -> Bool[np.ndarray, "S L"]:
    """Where a masked token is an observation all of whose latents are visible: to be computed, not inferred."""
    hidden_latent = masks[:, distribution.latent_positions]
    scopes = [scope for function in distribution.functions for scope in function.scopes]
    computable = np.zeros_like(masks)
    for position, scope in zip(distribution.observation_positions, scopes, strict=True):
        computable[:, position] = ~hidden_latent[:, scope].any(axis=1)
    return computable & masks


def paper_task_error(
    denoiser: Denoiser,
    posterior: Posterior,
    distribution: LODistribution,
    *,
    about: Subject,
    samples: int,
    rng: np.random.Generator,
    latent_counts: Sequence[int] | None = None,
    batch_size: int = 256,
) -> list[Row]:
    """E (log q(x_i | visible) - log p(x_i | visible))^2 under the paper's masks, in squared nats.

    For each l, l latents and round(l P / N) observations are masked, uniformly within each role (the paper: l = 1..N-1,
    1000 repetitions, the plot shows N = 20, P = 280, l = 11). It does not say whether its norm runs over all values of
    a token; on deterministic observations log p of the other values is -inf, so we take the true token x_i only. The
    posterior gives it positive probability, since x was drawn from the distribution, and p is exact here where the
    paper uses a long-trained model. If the model gives it probability zero, the square is infinite:
    ``squared_log_ratio`` is the mean over the finite ones, and ``infinite_share`` says, per role, what share was left
    out (a softmax in float32 has none in practice).

    Args:
        latent_counts: values of l; 1..N-1 if not given.
        others: as in :func:`task_error`.
    Raises:
        ValueError: as :func:`task_error`; ``l`` outside 1..N-1, so also any distribution with a single latent.
    """
    _check(denoiser, distribution, samples)
    n_latents = distribution.n_latents
    counts = range(1, n_latents) if latent_counts is None else latent_counts
    if n_latents < 2 or any(not 1 <= count < n_latents for count in counts):
        raise ValueError(f"the protocol masks l latents with l in 1..N-1, N = {n_latents}; got {list(counts)}.")
    roles = roles_of(distribution)
    rows: list[Row] = []
    for count in counts:
        hidden_observations = round(count * distribution.n_observations / n_latents)
        x = distribution.sample(samples, rng)
        masks = np.zeros(x.shape, dtype=bool)
        masks[:, roles["latent"]] = balanced_masks(samples, n_latents, count, rng)
        masks[:, roles["observation"]] = balanced_masks(samples, distribution.n_observations, hidden_observations, rng)
        error = np.full(masks.shape, np.nan)
        for part, log_p, log_q in _answers(denoiser, posterior, distribution, x, masks, batch_size):
            error[part] = _squared_log_ratio(log_p, log_q, x[part])
        where = {"n_masked": count + hidden_observations, "latents_masked": count}
        rows += _summaries(error, masks & ~np.isinf(error), roles, about, metric=SQUARED, **where)
        infinite = np.where(masks, np.isinf(error), np.nan).astype(np.float64)
        rows += _role_rows(infinite, masks, roles, about, metric=INFINITE, **where)
    return rows


@dataclass(frozen=True, kw_only=True)
class RoleErrors:
    """Task errors of both roles, each averaged over the numbers of masked tokens at which both occur.

    Attributes:
        latent, observation: their means.
        error: standard error of the difference.
        seeds: over which it was taken; None: over the sequences of one or two runs, and the normal law holds.
    """

    latent: float
    observation: float
    error: float
    seeds: int | None = None

    @property
    def difference(self) -> float:
        """Latents minus observations."""
        return self.latent - self.observation

    @property
    def z(self) -> float:
        """The difference in standard errors; of a few seeds the normal variable whose tail is Student's."""
        if not self.error > 0:
            return math.nan
        ratio = self.difference / self.error
        return ratio if self.seeds is None else math.copysign(norm.isf(t.sf(abs(ratio), self.seeds - 1)), ratio)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the difference, 95%."""
        half = reach(self.seeds or 1) * self.error
        return self.difference - half, self.difference + half


def role_errors(rows: Rows, metric: str = KL) -> RoleErrors:
    """Errors of latents and of observations, averaged over the mask counts that have both.

    Different counts have different sequences, hence independent errors in one run. From three seeds on the error is of
    the mean over seeds: the counts share a network, so only seeds are independent draws of it. NaN where there is
    nothing to compare.

    Args:
        rows: of one model on one distribution, seeds not averaged yet.
    """
    runs = [_of_run(run, metric) for run in rows.where(metric=metric).by("seed").values()]
    if len(runs) < 3:
        return _of_run(combine_seeds(rows.where(metric=metric)), metric)
    return RoleErrors(
        latent=float(np.mean([run.latent for run in runs])),
        observation=float(np.mean([run.observation for run in runs])),
        error=float(np.std([run.difference for run in runs], ddof=1)) / math.sqrt(len(runs)),
        seeds=len(runs),
    )


def role_means(rows: Rows, metric: str, role: Role) -> Rows:
    """The means over the positions of a role, by number of masked tokens."""
    chosen = rows.where(metric=metric, role=role, position=None)
    return Rows(sorted(chosen, key=lambda row: row.n_masked or 0))


def _of_run(rows: Rows, metric: str) -> RoleErrors:
    observations = {row.n_masked: row for row in role_means(rows, metric, "observation")}
    pairs = [
        (row, observations[row.n_masked]) for row in role_means(rows, metric, "latent") if row.n_masked in observations
    ]
    if not pairs:
        return RoleErrors(latent=math.nan, observation=math.nan, error=math.nan)
    latent, observation = (float(np.mean([pair[i].value for pair in pairs])) for i in (0, 1))
    error = math.sqrt(sum(a.standard_error**2 + b.standard_error**2 for a, b in pairs)) / len(pairs)
    return RoleErrors(latent=latent, observation=observation, error=error)


def kl_divergence(log_p: Float[np.ndarray, "... V"], log_q: Float[np.ndarray, "... V"]) -> Float64[np.ndarray, "..."]:
    """KL(p || q) in nats over the last axis, in float64; both are normalised first, ``inf`` where q excludes too much.

    Summed as p log(p/q) - p + q, whose every term is non-negative, so that rounding cannot make a divergence negative,
    and equal arguments give exactly zero.
    """
    log_p, log_q = _normalised(log_p), _normalised(log_q)
    p, q = np.exp(log_p), np.exp(log_q)
    ratio = np.subtract(log_p, log_q, out=np.zeros_like(log_p), where=p > 0)
    product = np.multiply(p, ratio, out=np.zeros_like(log_p), where=p > 0)
    return np.asarray(np.maximum(product - p + q, 0.0).sum(axis=-1))


def balanced_masks(samples: int, length: int, n_masked: int, rng: np.random.Generator) -> Bool[np.ndarray, "S L"]:
    """Masks of ``n_masked`` positions, (samples, length), True where hidden; each one uniform, all positions equally
    often.

    Consecutive masks are windows of one random permutation, a fresh one after every full turn: a window of a random
    permutation is a uniform subset, and a full turn hides every position equally often.
    """
    masks = np.zeros((samples, length), dtype=bool)
    if not n_masked:
        return masks
    turn = length // math.gcd(length, n_masked)
    for start in range(0, samples, turn):
        rows = np.arange(start, min(start + turn, samples))[:, None]
        windows = ((rows - start) * n_masked + np.arange(n_masked)) % length
        masks[rows, rng.permutation(length)[windows]] = True
    return masks


def _masks(
    distribution: LODistribution, samples: int, n_masked: int, rng: np.random.Generator, latents_hidden: bool
) -> Bool[np.ndarray, "S L"]:
    if not latents_hidden:
        return balanced_masks(samples, distribution.length, n_masked, rng)
    masks = np.ones((samples, distribution.length), dtype=bool)
    others = n_masked - distribution.n_latents
    masks[:, distribution.observation_positions] = balanced_masks(samples, distribution.n_observations, others, rng)
    return masks


def _answers(
    denoiser: Denoiser,
    posterior: Posterior,
    distribution: LODistribution,
    x: Integer[np.ndarray, "S L"],
    masks: Bool[np.ndarray, "S L"],
    batch_size: int,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(rows, log p, log q), the latter two (rows, L, V) float64; visible positions hold log p in both."""
    tokens = np.where(masks, distribution.mask_id, x).astype(np.int64)
    for start in range(0, len(x), batch_size):
        part = slice(start, min(start + batch_size, len(x)))
        log_p = posterior.log_marginals(tokens[part])
        answers = ask(denoiser, torch.from_numpy(tokens[part])).detach().double().cpu()
        require_answers(answers, torch.from_numpy(masks[part]), rows=torch.arange(part.start, part.stop))
        log_q = np.where(masks[part][..., None], answers.numpy(), log_p)
        yield part, log_p, log_q


def _squared_log_ratio(
    log_p: np.ndarray, log_q: np.ndarray, x: Integer[np.ndarray, "S L"]
) -> Float64[np.ndarray, "S L"]:
    true = x.astype(np.int64)[..., None]
    return (np.take_along_axis(log_q, true, -1) - np.take_along_axis(log_p, true, -1))[..., 0] ** 2


def _summaries(
    error: Float64[np.ndarray, "S L"],
    used: Bool[np.ndarray, "S L"],
    roles: dict[Role, np.ndarray],
    about: Subject,
    *,
    metric: str,
    **where: Any,
) -> list[Row]:
    """A row per position, then one per role; positions that were never masked have none."""
    rows = [
        about.row(EXPERIMENT_NAME, metric, _ratio(error[:, [i]], used[:, [i]]), position=int(i), role=role, **where)
        for role, positions in roles.items()
        for i in positions
        if used[:, i].any()
    ]
    return rows + _role_rows(error, used, roles, about, metric=metric, **where)


def _role_rows(
    error: np.ndarray, used: np.ndarray, roles: dict[Role, np.ndarray], about: Subject, *, metric: str, **where: Any
) -> list[Row]:
    return [
        about.row(EXPERIMENT_NAME, metric, _ratio(error[:, at], used[:, at]), role=role, **where)
        for role, at in roles.items()
        if used[:, at].any()
    ]


def _ratio(error: Float64[np.ndarray, "S n"], used: Bool[np.ndarray, "S n"]) -> Estimate:
    """Mean over used cells, a sequence being one draw."""
    drawn = used.any(axis=1)
    totals = np.where(used, error, 0.0).sum(axis=1)[drawn]
    return ratio_estimate(totals, used.sum(axis=1)[drawn].astype(np.float64))


def roles_of(distribution: LODistribution) -> dict[Role, np.ndarray]:
    """Positions of the latents and of the observations."""
    return {"latent": distribution.latent_positions, "observation": distribution.observation_positions}


def _normalised(log_p: Float[np.ndarray, "... V"]) -> Float64[np.ndarray, "... V"]:
    log_p = np.asarray(log_p, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # NaN at visible positions, where a network was not asked
        return log_p - np.logaddexp.reduce(log_p, axis=-1, keepdims=True)


def _check(denoiser: Denoiser, distribution: LODistribution, samples: int) -> None:
    if samples < 1:
        raise ValueError(f"a task error needs at least one sample; got {samples}.")
    shape, wanted = (denoiser.length, denoiser.vocabulary), (distribution.length, distribution.vocabulary)
    if shape != wanted:
        raise ValueError(
            f"the denoiser has (length, vocabulary) = {shape}, the distribution {wanted}; it was made for another one."
        )
