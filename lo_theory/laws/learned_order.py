"""An order learned by a small network from the exact values of the best one, to see how much of it can be learned.

Learned orders of the literature (arXiv 2510.05725, 2602.09501, 2606.23567) are trained by reward, without knowing what
the best order is worth. Here the network is told, at some of the sequences with masks, what revealing each position
leads to; at the others it must generalise. It sees what any order may see: the visible tokens and the denoiser's
answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor, nn

from lo_theory.laws.best_order import OrderProblem


@dataclass(frozen=True, kw_only=True)
class OrderTraining:
    """How an order is learned.

    Attributes:
        width: of the two hidden layers.
        steps, batch_size: of training; sequences are drawn as a random order comes by them.
        share: of the sequences with masks that are taught, chosen at random.
        learning_rate: at first; it falls to 0 along a cosine.
        seed: of initial weights, of what is taught, and of batches.
    """

    width: int = 64
    steps: int = 1500
    batch_size: int = 128
    share: float = 0.5
    learning_rate: float = 3e-3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class LearnedOrder:
    """A learned policy.

    Attributes:
        choices: a position for every sequence with masks; 0 where nothing is hidden.
        taught: at which sequences the network was told the values.
    """

    choices: Int64[np.ndarray, " S"]
    taught: Bool[np.ndarray, " S"]


def learned_order(
    problem: OrderProblem, answers: Float64[np.ndarray, "S L V"], training: OrderTraining
) -> LearnedOrder:
    """The position whose regret a network expects to be least, ties to the lower one.

    Args:
        problem: whose values are taught, as what each position loses to the best one.
        answers: of the denoiser, which the network sees beside the tokens.
    Raises:
        ValueError: a share outside (0, 1], no steps, or a loss that is infinite: a possible value that the denoiser
            excludes has no finite regret.
    """
    if not 0 < training.share <= 1 or training.steps < 1:
        raise ValueError(f"a share in (0, 1] and at least one step; got {training.share!r} and {training.steps}.")
    _, value = problem.best()
    hidden, reached = problem.partial.hidden(), problem.reached(None)
    with np.errstate(invalid="ignore"):  # inf - inf, refused below
        regret = np.where(hidden, value[:, None] - problem.outcomes(value), 0.0)
    rng = np.random.default_rng(training.seed)
    taught = rng.random(problem.partial.count) < training.share
    weight = np.where(taught & (hidden.sum(axis=1) > 1), reached, 0.0)
    if not np.isfinite(regret[weight > 0]).all():
        raise ValueError("some position has an infinite regret; give the denoiser a little doubt.")
    if not weight.any():
        raise ValueError(f"no sequence with a choice was taught; raise the share, now {training.share}.")
    seen = torch.from_numpy(_seen(problem, answers)).float()
    score = _trained(seen, torch.from_numpy(regret).float(), torch.from_numpy(hidden), weight, training, rng)
    expected = np.where(hidden, score.double().numpy(), np.inf)
    return LearnedOrder(np.where(hidden.any(axis=1), expected.argmin(axis=1), 0), taught)


def _seen(problem: OrderProblem, answers: Float64[np.ndarray, "S L V"]) -> Float64[np.ndarray, "S D"]:
    """Tokens as indicators of every value and the mask, and the answers' probabilities, 0 at visible positions."""
    partial = problem.partial
    tokens = np.eye(partial.vocabulary + 1)[partial.tokens()]  # (S, L, V + 1)
    chances = np.where(partial.hidden()[..., None], np.exp(np.nan_to_num(answers, nan=0.0)), 0.0)
    return np.concatenate([tokens, chances], axis=-1).reshape(partial.count, -1)


def _trained(
    seen: Tensor,
    regret: Tensor,
    hidden: Tensor,
    weight: Float64[np.ndarray, " S"],
    training: OrderTraining,
    rng: np.random.Generator,
) -> Tensor:
    """Expected regret (S, L) of every position, by least squares at the hidden ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = nn.Sequential(
            nn.Linear(seen.shape[1], training.width), nn.SiLU(),
            nn.Linear(training.width, training.width), nn.SiLU(),
            nn.Linear(training.width, regret.shape[1]),
        )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    cumulative = (weight / weight.sum()).cumsum()
    for _ in range(training.steps):
        batch = torch.from_numpy(np.searchsorted(cumulative, rng.random(training.batch_size) * cumulative[-1], "right"))
        error = (network(seen[batch]) - regret[batch]) * hidden[batch]
        loss = error.square().sum() / hidden[batch].sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    with torch.no_grad():
        return network(seen)
