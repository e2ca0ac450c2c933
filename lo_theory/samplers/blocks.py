"""Semi-autoregressive decoding: blocks from left to right, any reveal rule inside."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from lo_theory.samplers.reveal import RevealRule
from lo_theory.samplers.situation import Situation


def in_blocks(rule: RevealRule, size: int, length: int, *, start: int = 0) -> RevealRule:
    """``rule`` inside one block of ``size`` positions at a time, the blocks from left to right.

    A rule that names its steps gets that many for every block, and every row is in the same block at the same time: S
    steps a block, ``S * ceil((length - start) / size)`` in all, as in LLaDA, where the rule is ``split_evenly(S)``. A
    row without masks in the block waits. A rule that reveals at least one token per step works in each row's leftmost
    unfinished block, so a row never waits and ends after as many steps as it has masks at the most. Inside a block the
    rule sees the block's masks alone, and its steps counted from the beginning of the block if it names them.

    The last block may be shorter. Source: Nie et al. 2025, "LLaDA", arXiv 2502.09992 (there they begin after the
    prompt).

    Args:
        start: where the first block begins, such as after a prompt; a mask before it counts with the first block.
    Raises:
        ValueError: ``size < 1``, ``length < 1``, a start outside ``range(length)``; at the call, sequences of another
            length.
    """
    if size < 1 or length < 1:
        raise ValueError(f"blocks need a size and a length of at least 1; got size {size}, length {length}.")
    if not 0 <= start < length:
        raise ValueError(f"blocks begin at a position in range({length}); got start = {start}.")
    block = (torch.arange(length) - start).clamp_min(0) // size  # (L,)

    def choose(now: Situation, generator: torch.Generator) -> Bool[Tensor, "B L"]:
        if now.hidden.shape[1] != length:
            raise ValueError(
                f"these blocks are for length {length}, the sequences have {now.hidden.shape[1]} positions."
            )
        here = block.to(now.hidden.device)
        number, step = (0, now.step) if rule.steps is None else divmod(now.step, rule.steps)
        inside = here == (_leftmost_unfinished(now.hidden, here) if rule.steps is None else number)
        restricted = _restricted(now, inside, step)
        return rule.choose(restricted, generator) & restricted.hidden  # what a rule says of others is of no account

    return RevealRule(choose, None if rule.steps is None else rule.steps * math.ceil((length - start) / size))


def _leftmost_unfinished(hidden: Bool[Tensor, "B L"], block: Tensor) -> Tensor:
    """(B, 1) the first block with a mask; of a finished row, one past all blocks."""
    return torch.where(hidden, block, len(block)).amin(dim=1, keepdim=True)


def _restricted(now: Situation, inside: Tensor, step: int) -> Situation:
    """The same moment as if only the positions ``inside``, (L,) or (B, L), were hidden."""
    hidden = now.hidden & inside
    return replace(now, hidden=hidden, score=now.score.masked_fill(~hidden, -math.inf), step=step)
