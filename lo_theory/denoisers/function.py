"""Any callable as a denoiser: tokens in, log-probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import whole_tokens

_ROUNDED = 0.05  # nats that a sum of probabilities in bfloat16 may be off


class FunctionDenoiser:
    """A function of tokens (B, L), masks being ``vocabulary``, that answers with log-probabilities (B, L, V).

    Args:
        function: gets int64 on the CPU, a copy that it may write into; answers with a tensor or a NumPy array of
            floats, log-probabilities in nats, which it may use again. What stands at visible positions is ignored; NaN
            is "no answer".
        length, vocabulary: L and V.
    Raises:
        TypeError: no function. ValueError: a length or vocabulary below 1.
    """

    def __init__(self, function: Callable[[Tensor], Any], length: int, vocabulary: int) -> None:
        if not callable(function):
            raise TypeError(f"a denoiser is called with tokens; got {type(function).__name__}, which cannot be called.")
        if length < 1 or vocabulary < 1:
            raise ValueError(f"length and vocabulary are at least 1; got {length} and {vocabulary}.")
        self.function, self.length, self.vocabulary = function, length, vocabulary

    @torch.no_grad()
    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """What the function answers; whoever uses it looks at its form (:func:`~lo_theory.denoisers.denoiser.ask`).

        Raises:
            TypeError, ValueError: tokens that are no integers, of another shape than (B, L); an answer that is neither
                a tensor nor an array, or whose probabilities do not add up to 1.
        """
        asked: Int64[Tensor, "B L"] = whole_tokens(tokens, self.length).cpu()
        answers = self.function(asked.clone())
        if isinstance(answers, np.ndarray):
            answers = torch.from_numpy(answers)
        if not isinstance(answers, Tensor):
            raise TypeError(f"the function answers with {type(answers).__name__}; a tensor or a NumPy array is wanted.")
        if answers.is_floating_point() and answers.shape == (*asked.shape, self.vocabulary):
            self._check_sums(answers.detach().cpu(), asked == self.vocabulary)
        return answers.to(tokens.device, copy=True)

    def _check_sums(self, answers: Float[Tensor, "B L V"], hidden: Bool[Tensor, "B L"]) -> None:
        """What is finite and no distribution is refused; who asks looks for what is not finite."""
        totals = answers[hidden].float().logsumexp(dim=-1)  # (hidden,)
        wrong = totals.isfinite() & (totals.abs() > _ROUNDED)
        if wrong.any():
            row, position = hidden.nonzero()[int(wrong.long().argmax())].tolist()
            raise ValueError(
                f"the function's answer at position {position} of row {row} adds up to a probability of "
                f"{float(totals[wrong][0].exp()):.4g}, not 1: it answers with log-probabilities, so end it with "
                "log_softmax(-1) if it makes logits, or with log() if it makes probabilities."
            )
