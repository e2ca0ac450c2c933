"""Where one step of a decoder leads, each outcome with its exact probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lo_theory.denoisers.denoiser import check_temperature, require_answers, tempered
from lo_theory.laws.choice_law import ChoiceLaw, Choices, undrawn
from lo_theory.samplers.reveal import RevealRule
from lo_theory.samplers.rewrite import Planner
from lo_theory.samplers.scores import require_scores
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.tokens import TokenRule

TokenLaw = Callable[[Tensor], Tensor]
"""Log-probabilities (M, V) of the denoiser at some positions -> probabilities (M, V) of the token drawn there."""


@dataclass(frozen=True, eq=False)
class Moves:
    """All sequences that may follow the B rows of a situation, M in all; the same one may be there several times.

    Attributes:
        row: which row is followed.
        tokens: by what, with masks.
        probability: given the row; those of a row add up to one.
    """

    row: Int64[Tensor, " M"]
    tokens: Int64[Tensor, "M L"]
    probability: Float64[Tensor, " M"]


StepLaw = Callable[[Situation], Moves]


def sampled(temperature: float = 1.0) -> TokenLaw:
    """The law of ``sample_token(temperature)``: p^(1/temperature), normalised.

    Raises:
        ValueError: the temperature is not positive and finite.
    """
    check_temperature(temperature)
    return lambda log_probs: tempered(log_probs, temperature).softmax(dim=-1)


def certain_token(rule: TokenRule) -> TokenLaw:
    """A point mass on the rule's own token, for a rule without randomness such as ``argmax_token``.

    Raises:
        ValueError: at the call, if it draws random numbers.
    """

    def law(log_probs: Float64[Tensor, "M V"]) -> Float64[Tensor, "M V"]:
        everywhere = torch.ones(len(log_probs), 1, dtype=torch.bool)
        tokens = undrawn(lambda generator: rule(log_probs, everywhere, generator), "token rule")
        return torch.nn.functional.one_hot(tokens, log_probs.shape[1]).double()

    return law


def revealing(choice: ChoiceLaw, token: TokenLaw | None = None, remask: ChoiceLaw | None = None) -> StepLaw:
    """Choose positions, draw a token at each by itself, and mask again what the remask law says.

    Args:
        token: ``sampled()`` if not given.
        remask: sets of generated tokens; those that this very step reveals are not among them.
    """
    draw = token or sampled()

    def law(now: Situation) -> Moves:
        choices = choice(now)
        moves = drawn_everywhere(now, choices, draw)
        return moves if remask is None else _masked_again(moves, remask(now), now.log_probs.shape[-1])

    return law


def planning(planner: Planner, reveal: RevealRule, token: TokenLaw | None = None) -> StepLaw:
    """Draw a token at every position to be decided, rank these drafts, keep the best and mask the others.

    A score that looks at drawn tokens lives here, among them LLaDA's "low confidence remasking", the planner
    ``doubting_planner(0)``. Planner and reveal rule must be without randomness.

    Raises:
        ValueError: at the call, if one of them draws random numbers.
    """
    draw = token or sampled()

    def law(now: Situation) -> Moves:
        asked = now.hidden if planner.rewrites else now.masked
        every_row = torch.arange(len(asked))
        drafts = drawn_everywhere(now, Choices(every_row, asked, torch.ones(len(asked), dtype=torch.float64)), draw)
        seen = _with_drafts(now, drafts)
        trust = undrawn(lambda generator: planner.plan(seen, generator), "planner")
        seen = replace(seen, score=trust.masked_fill(~seen.hidden, -torch.inf))
        require_scores(seen.score)
        kept = undrawn(lambda generator: reveal.choose(seen, generator), "reveal rule")
        mask = torch.full_like(drafts.tokens, now.log_probs.shape[-1])
        return replace(drafts, tokens=torch.where(seen.hidden & ~kept, mask, drafts.tokens))

    return law


def drawn_everywhere(now: Situation, choices: Choices, token: TokenLaw) -> Moves:
    """Every way to fill the chosen positions with tokens drawn independently; impossible values are left out.

    Raises:
        ValueError: the denoiser has no answer at a chosen position.
    """
    asked = torch.zeros_like(now.hidden, dtype=torch.int64).index_add_(0, choices.row, choices.chosen.long()) > 0
    require_answers(now.log_probs, now.hidden, asked)
    row, tokens, probability = choices.row, now.tokens[choices.row], choices.probability
    chosen, origin = choices.chosen, torch.arange(len(choices.row))
    law = torch.zeros_like(now.log_probs)
    law[now.hidden] = token(now.log_probs[now.hidden])
    values = torch.arange(law.shape[-1])
    for position in range(tokens.shape[1]):
        here = chosen[origin, position]
        after = probability[here, None] * law[row[origin[here]], position]  # (m, V)
        which, value = (after > 0).nonzero(as_tuple=True)
        written = tokens[here][which]
        written[:, position] = values[value]
        tokens = torch.cat([tokens[~here], written])
        probability = torch.cat([probability[~here], after[which, value]])
        origin = torch.cat([origin[~here], origin[here][which]])
    return Moves(row[origin], tokens, probability)


def _with_drafts(now: Situation, drafts: Moves) -> Situation:
    """The situation with a row for every draft."""
    previous = None if now.previous is None else now.previous[drafts.row]
    return Situation(
        step=now.step,
        tokens=now.tokens[drafts.row],
        given=now.given[drafts.row],
        hidden=now.hidden[drafts.row],
        score=now.score[drafts.row],
        log_probs=now.log_probs[drafts.row],
        previous=previous,
        draft=drafts.tokens,
    )


def _masked_again(moves: Moves, remasked: Choices, mask_id: int) -> Moves:
    """Every move with every set of its row masked."""
    sets = torch.bincount(remasked.row, minlength=int(moves.row.max()) + 1)
    by_row = remasked.row.argsort(stable=True)
    start = sets.cumsum(0) - sets
    repeated = torch.arange(len(moves.row)).repeat_interleave(sets[moves.row])
    within = torch.arange(len(repeated)) - (sets[moves.row].cumsum(0) - sets[moves.row])[repeated]
    chosen = by_row[start[moves.row[repeated]] + within]
    tokens = moves.tokens[repeated].masked_fill(remasked.chosen[chosen], mask_id)
    return Moves(moves.row[repeated], tokens, moves.probability[repeated] * remasked.probability[chosen])
