"""Learning to answer: objectives on prompted rows, where some tokens are given and only the others are predicted.

A prompted row is one row of integers in which given tokens t (clues, givens, pads) are stored as their complement
``~t``, which is negative, and answers as themselves; so it travels through every source of rows. Answers lie in
``range(V)``, given tokens in ``range(V + 2)``: pads are read, never predicted. ``FixedRows`` checks that. With other
sources a token out of range ends in an IndexError on a CPU and an abort on a GPU, where a check in every step would
cost a synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from lo_theory.learning.deep_supervision import LAST_ALONE, DeepSupervision
from lo_theory.learning.masking import WeightedMasks, answer_masks, check_draws
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import Reduction, named, require_both_ways, shift_right


def split_given(rows: Int64[Tensor, "B L"]) -> tuple[Int64[Tensor, "B L"], Bool[Tensor, "B L"]]:
    """Prompted rows -> (tokens, given): all tokens as themselves, and True where a token is given."""
    given = rows < 0
    return torch.where(given, ~rows, rows), given


def per_answer(cross_entropy: Float[Tensor, " M"], masks: WeightedMasks) -> Float[Tensor, ""]:
    """Mean number of answers per row times the mean over all masked tokens of the batch: every one counts alike.

    :func:`lo_theory.learning.objective.per_mask` with the number of answers, weight times masks, for the length: that
    many tokens are predicted. No likelihood, but steadier gradients; the minimiser over all functions is the same
    posterior.
    """
    answers = (masks.weight * masks.hidden.sum(dim=1)).mean()
    return cross_entropy.sum() * (answers / max(len(cross_entropy), 1))


@dataclass(frozen=True)
class AnswerObjective:
    """Masked diffusion on the answers: hide some of them at random, predict those from the prompt and the rest.

    Masks by :func:`~lo_theory.learning.masking.answer_masks`: of a row's A answers n are hidden, n uniform on 1..A.
    Without a prompt this is :class:`~lo_theory.learning.objective.MaskedObjective`. Rows without answers cost nothing.

    Attributes:
        reduction: :func:`per_answer`, or :func:`~lo_theory.learning.objective.likelihood`, whose expectation bounds
            -log p(answers | prompt) if ``draws`` is 1.
        draws: n is the largest of so many uniform draws. With few answers hidden a puzzle is easy, and teaches little;
            the minimiser over all functions is the same posterior.
        deep: whether inner layers are asked too.
    Raises:
        ValueError: no draw.
    """

    reduction: Reduction = per_answer
    draws: int = 1
    deep: DeepSupervision = LAST_ALONE

    def __post_init__(self) -> None:
        check_draws(self.draws)

    @property
    def causal(self) -> bool:
        """Masked diffusion looks both ways."""
        return False

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError if the network is causal, or has no inner layers to be asked."""
        require_both_ways(network)
        self.deep.check(network)

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """The reduced cross-entropy at the masked answers, in nats per sequence; the same throughout the training."""
        tokens, given = split_given(rows)
        masks = answer_masks(~given.to(generator.device), generator, draws=self.draws).to(rows.device)
        asked = tokens[masks.hidden]  # (M,)
        return self.deep.loss(
            network,
            tokens.masked_fill(masks.hidden, network.config.mask_id),
            masks.hidden,
            lambda logits: self.reduction(functional.cross_entropy(logits, asked, reduction="none"), masks),
        )

    def to_json(self) -> dict[str, Any]:
        """The name of the reduction, and what else is not as usual."""
        several = {} if self.draws == 1 else {"draws": self.draws}
        return {"objective": "answer", "reduction": named(self.reduction), **several, **self.deep.to_json()}


@dataclass(frozen=True)
class ContinuationObjective:
    """An ARM on the answers: -log p(answer token | everything before it), left to right, summed over a row's answers.

    The input is the mask as start symbol, then all but the last token. The first answer is trained like the others: in
    the code published for Sudoku (Shah et al. 2024) the loss begins one token late, so that the row number of the first
    empty cell is asked for at evaluation but never learnt.

    Attributes:
        deep: whether inner layers are asked too.
    """

    deep: DeepSupervision = LAST_ALONE

    @property
    def causal(self) -> bool:
        """An ARM never sees the tokens that it has yet to predict."""
        return True

    def check(self, network: NetworkConfig) -> None:
        """Raise ValueError if the network is bidirectional, or has no inner layers to be asked."""
        if not network.causal:
            raise ValueError("an ARM is a causal network; build it with NetworkConfig(causal=True).")
        self.deep.check(network)

    def loss(
        self, network: Transformer, rows: Int64[Tensor, "B L"], generator: torch.Generator, *, progress: float = 1.0
    ) -> Float[Tensor, ""]:
        """-log p(answers | prompt), averaged over rows; deterministic, and the same throughout the training."""
        tokens, given = split_given(rows)
        asked = tokens[~given]  # (M,)
        return self.deep.loss(
            network,
            shift_right(tokens, network.config.mask_id),
            ~given,
            lambda logits: functional.cross_entropy(logits, asked, reduction="sum") / len(rows),
        )

    def to_json(self) -> dict[str, Any]:
        """The name, and what is not as usual."""
        return {"objective": "continuation", **self.deep.to_json()}
