"""The chance that a board is solved, without drawing a digit: the decoder is led along the solution.

With one cell per call and sampled digits, a board comes out right if every digit that is drawn is the solution's, and
until the first wrong one the decoder sees the solution so far. So given the order, the probability of a right board is
the product of the solution's probabilities along it. A reasoner that never excludes the solution's digit and answers
uniformly over ``c`` digits makes that ``prod 1/c`` over its guesses, the cells with ``c > 1``. Means over boards then
lack the noise of the draws, guesses can be counted and priced (``log c`` nats each), and a board that is solved once in
a million draws still has a number.

A guess is *forced* if no cell was certain, and *early* if some was: the adaptive rules make early guesses only when
noise is added to their scores. Gumbel noise of scale s draws the cell with weight ``exp(score / s)``, so how many early
guesses it makes is known in advance, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import DecodingState, advance
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import Score, with_annealed_gumbel, with_gumbel


@dataclass(frozen=True)
class ScoreNoise:
    """Gumbel noise on a score.

    Attributes:
        coefficient: its scale; 0: none.
        annealed_over: the number of masks at which it has that scale, from where it falls in proportion to the masks
            that are left; None: it stays.
    """

    coefficient: float = 0.0
    annealed_over: int | None = None

    def around(self, score: Score) -> Score:
        """The score with this noise."""
        if self.coefficient == 0:
            return score
        if self.annealed_over is None:
            return with_gumbel(score, self.coefficient)
        return with_annealed_gumbel(score, self.coefficient, self.annealed_over)

    def scale(self, hidden: Bool[Tensor, "B L"]) -> Float64[Tensor, "B 1"]:
        """Of the noise at each board."""
        masks = hidden.sum(dim=1, keepdim=True, dtype=torch.float64)
        share = torch.ones_like(masks) if self.annealed_over is None else masks / self.annealed_over
        return self.coefficient * share


@dataclass(frozen=True, eq=False)
class SolutionPath:
    """What a decoder met on its way along the solutions of n boards, T steps, one cell per step.

    Attributes:
        candidates: (n, T), digits that the reasoner held possible at the cell of step t; 0 after a board's last cell.
        certain: (n, T), True where some hidden cell had one possible digit when step t began.
        early: (n, T), the probability, given the board before step t, that the noise picks an uncertain cell although
            there are certain ones; 0 without noise.
        revealed_at: (n, L), the step of each cell, -1 where it was given.
    """

    candidates: Int64[np.ndarray, "n T"]
    certain: Bool[np.ndarray, "n T"]
    early: Float64[np.ndarray, "n T"]
    revealed_at: Int64[np.ndarray, "n L"]

    @property
    def guesses(self) -> Bool[np.ndarray, "n T"]:
        """Steps at which the cell was uncertain."""
        return self.candidates > 1

    @property
    def early_guesses(self) -> Bool[np.ndarray, "n T"]:
        """Guesses although some cell was certain."""
        return self.guesses & self.certain

    @property
    def nats(self) -> Float64[np.ndarray, "n T"]:
        """What each step costs, ``log c``; 0 where nothing is guessed."""
        return np.log(np.maximum(self.candidates, 1))

    @property
    def solved(self) -> Float64[np.ndarray, "n"]:
        """Probability that each board is solved, given the order."""
        return np.exp(-self.nats.sum(axis=1))

    @property
    def first_guess(self) -> Int64[np.ndarray, "n"]:
        """Candidates at each board's first guess, 0 if it needs none."""
        first = self.guesses.argmax(axis=1)
        return np.where(self.guesses.any(axis=1), self.candidates[np.arange(len(first)), first], 0)


def follow_solution(
    denoiser: Denoiser,
    tokens: Int64[np.ndarray, "n L"],
    solutions: Int64[np.ndarray, "n L"],
    score: Score,
    seed: int,
    noise: ScoreNoise | None = None,
    *,
    batch_size: int = 500,
) -> SolutionPath:
    """Decode one cell per step in the order of the score, writing the solution's digit whatever is drawn.

    Args:
        denoiser: whose answer at a masked cell is uniform over its possible digits and never excludes the solution's,
            such as :class:`~lo_theory.puzzles.candidates.CandidateDenoiser`.
        tokens: the puzzles, masks (``denoiser.vocabulary``) where an answer is wanted.
        solutions: tokens of the solutions.
        score: without its noise; of a random order if it draws one itself.
        seed: of the noise; equal seeds give equal noise to every score.
    Raises:
        ValueError: a solution that contradicts its puzzle, or that the denoiser excludes (with board and cell).
    Cost: as decoding, one call per step on the boards that are not finished.
    """
    masked = tokens == denoiser.vocabulary
    wrong = np.flatnonzero((~masked & (tokens != solutions)).any(axis=1))
    if len(wrong):
        raise ValueError(f"board {wrong[0]}: the solution contradicts its puzzle. Pair them row by row.")
    generator, steps = torch.Generator().manual_seed(seed), int(masked.sum(axis=1).max())
    parts = [
        _follow(
            denoiser, torch.from_numpy(tokens[i : i + batch_size]), torch.from_numpy(solutions[i : i + batch_size]),
            score, generator, noise or ScoreNoise(), steps,
        )
        for i in range(0, len(tokens), batch_size)
    ]  # fmt: skip
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in SolutionPath.__annotations__}
    path = SolutionPath(**joined)
    excluded = np.argwhere((path.revealed_at >= 0) & (_at_cells(path.candidates, path.revealed_at) == 0))
    if len(excluded):
        raise ValueError(
            f"board {excluded[0][0]}, cell {excluded[0][1]}: the denoiser excludes the solution's digit. Take a "
            "reasoner that excludes only what contradicts the board."
        )
    return path


def _follow(
    denoiser: Denoiser,
    tokens: Int64[Tensor, "B L"],
    solutions: Int64[Tensor, "B L"],
    score: Score,
    generator: torch.Generator,
    noise: ScoreNoise,
    steps: int,
) -> SolutionPath:
    def solution_token(
        log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Int64[Tensor, " M"]:
        return solutions[chosen]

    decoder = Decoder(noise.around(score), one_per_step(), solution_token)
    n = len(tokens)
    candidates, certain = torch.zeros((n, steps), dtype=torch.int64), torch.zeros((n, steps), dtype=torch.bool)
    early, revealed_at = torch.zeros((n, steps), dtype=torch.float64), torch.full(tokens.shape, -1)
    state = DecodingState(tokens, tokens != denoiser.vocabulary)
    for step in range(steps):
        hidden = state.tokens == denoiser.vocabulary
        state, record = advance(denoiser, state, decoder, generator, rows=hidden.any(dim=1).nonzero().squeeze(1))
        answers = state.previous
        assert answers is not None  # advance keeps them
        possible = torch.where(hidden, (answers > -torch.inf).sum(dim=2), 0)  # (B, L)
        certain[:, step] = (possible == 1).any(dim=1)
        held = record.log_prob > -torch.inf  # else the solution's digit was excluded, which the caller refuses
        candidates[record.row, step] = torch.where(held, possible[record.row, record.position], 0)
        revealed_at[record.row, record.position] = step
        if noise.coefficient > 0:
            values = score(answers, hidden, generator)
            early[:, step] = _early(values, hidden, possible, noise)
    return SolutionPath(candidates.numpy(), certain.numpy(), early.numpy(), revealed_at.numpy())


def _early(
    values: Float64[Tensor, "B L"], hidden: Bool[Tensor, "B L"], possible: Int64[Tensor, "B L"], noise: ScoreNoise
) -> Float64[Tensor, " B"]:
    """Probability of an uncertain cell under the weights ``exp(value / scale)``; 0 where no cell is certain."""
    logits = (values / noise.scale(hidden)).masked_fill(~hidden, -torch.inf)  # (B, L)
    weights = logits.softmax(dim=1)
    uncertain = torch.where(possible > 1, weights, 0.0).sum(dim=1)
    return torch.where((possible == 1).any(dim=1), uncertain, 0.0)


def _at_cells(at_steps: Int64[np.ndarray, "n T"], revealed_at: Int64[np.ndarray, "n L"]) -> Int64[np.ndarray, "n L"]:
    return np.take_along_axis(at_steps, np.maximum(revealed_at, 0), axis=1)
