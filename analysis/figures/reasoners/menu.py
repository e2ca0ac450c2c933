"""What the reasoners' experiment compares: sets of puzzles, orders of one cell per call, noise, budgets of calls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from analysis.puzzles.problems import Levels
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.samplers.decoder import Decoder, full_rewrite
from lo_theory.samplers.menu import (
    ANNEALED_LOG,
    ENTROPY,
    FULL_REWRITE,
    GUMBEL,
    IN_CALLS,
    LEFT_TO_RIGHT,
    MARGIN,
    NOISED,
    PAPERS,
    TOP,
    VANILLA,
    SamplingRule,
    board_rules,
)
from lo_theory.samplers.reveal import scheduled
from lo_theory.samplers.scores import (
    Score,
    left_to_right_score,
    log_probability_score,
    margin_score,
    negative_entropy_score,
    random_score,
    top_probability_score,
    with_annealed_gumbel,
    with_gumbel,
)
from lo_theory.samplers.tokens import argmax_token

SINGLES_ENOUGH, BEYOND_SINGLES, BEYOND_ALL, SOLVABLE = "levels 2-3", "levels 4-8", "level 9", "levels 2-8"
SETS: dict[str, Levels] = {SINGLES_ENOUGH: (2, 3), BEYOND_SINGLES: (4, 8), SOLVABLE: (2, 8), BEYOND_ALL: (9, 9)}
"""Test sets by the hardest strategy that their puzzles take. The paper's are "levels 2-8", its hard ones "level 9"."""

LOG = "log-probability"
RANDOM_TIES, TOP_TIES = "margin, random ties", "margin, ties by top probability"
_NOTHING = 1e-9  # noise that decides between ties and nothing else: unequal margins and probabilities differ by 1/72
GIVENS_TOO = f"{FULL_REWRITE}, givens too, {NOISED}"


def _ties_by_top(
    log_probs: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"], generator: torch.Generator
) -> Float64[Tensor, "B L"]:
    top = top_probability_score(log_probs, hidden, generator)
    return margin_score(log_probs, hidden, generator) + _NOTHING * top


ORDERS: dict[str, Score] = {
    VANILLA: random_score,
    LEFT_TO_RIGHT: left_to_right_score,
    TOP: top_probability_score,
    MARGIN: margin_score,
    ENTROPY: negative_entropy_score,
    LOG: log_probability_score,
    RANDOM_TIES: with_gumbel(margin_score, _NOTHING),
    TOP_TIES: _ties_by_top,
}
"""One cell per call. Ties go to the first cell in reading order unless the name says otherwise."""

SAME_AS_TOP = (ENTROPY, LOG, TOP_TIES)
"""Orders that are the top probability's where every answer is uniform over its candidates."""

NOISY: dict[str, Score] = {name: ORDERS[name] for name in (TOP, MARGIN, LOG)}


def call_rules(steps: int, masks: int) -> list[SamplingRule]:
    """``steps`` calls whatever the board, tokens by argmax.

    Args:
        masks: largest number of empty cells, over which annealed noise dies out.
    """
    found = {rule.name: rule.decoder for rule in board_rules(steps)}
    names = (*PAPERS, *(f"{name}, {NOISED}" for name in (TOP, MARGIN)), FULL_REWRITE, f"{FULL_REWRITE}, {NOISED}")
    annealed = with_annealed_gumbel(log_probability_score, GUMBEL, masks)
    decoders = {name: found[name] for name in names} | {
        ANNEALED_LOG: Decoder(annealed, scheduled(steps), argmax_token),
        GIVENS_TOO: full_rewrite(steps, noise=GUMBEL),
    }
    return [SamplingRule(name, decoder, IN_CALLS, float(steps)) for name, decoder in decoders.items()]


@dataclass(frozen=True, eq=False)
class PromptedReasoner:
    """A reasoner that has the puzzle before it and fills a second, empty board, givens and all.

    So the reference code writes a Sudoku: the clues are a prompt, all 81 cells are answers, and a given has to be
    answered, may be masked again, and takes its place in the ranking; its answer is certain.

    Attributes:
        reasoner: of the boards.
        prompt: (B, L), tokens of the puzzles, row i that of the i-th row of every call.
    """

    reasoner: Denoiser
    prompt: Int64[Tensor, "B L"]

    @property
    def length(self) -> int:
        """Cells of a board."""
        return self.reasoner.length

    @property
    def vocabulary(self) -> int:
        """Digits; the mask id."""
        return self.reasoner.vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Answers on the board on which the givens stand.

        Raises:
            ValueError: another number of boards than prompts.
        """
        if tokens.shape != self.prompt.shape:
            raise ValueError(f"each board has its own prompt {tuple(self.prompt.shape)}; got {tuple(tokens.shape)}.")
        return self.reasoner(torch.where(self.prompt < self.vocabulary, self.prompt, tokens))
