"""Networks as denoisers: trained transformers behind the one socket of likelihood, decoding and figures.

Dropout belongs to a step of training, so a transformer has one mode; gradients are off here.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import whole_tokens
from lo_theory.learning.choices import PrecisionName, known_precision
from lo_theory.learning.network import Transformer
from lo_theory.learning.objective import shift_right
from lo_theory.learning.products import autocast, fast_products
from lo_theory.orders import check_order


class MaskedDenoiser:
    """A bidirectional network: answers every subproblem.

    Args:
        everywhere: answer at visible positions too, where training asked nothing. Decoders that judge their own tokens
            need it (:mod:`lo_theory.samplers.rewrite`). Else only masked positions pay for the output head.
        precision: of products, as in :class:`~lo_theory.learning.training.TrainConfig`. In bfloat16 factors have
            eight bits, but for those of the output head, and processors with units for it are faster
            (``benchmarks/training.py``).
    Raises:
        ValueError: the network is causal; another precision.
    """

    def __init__(self, network: Transformer, *, everywhere: bool = False, precision: PrecisionName = "float32") -> None:
        if network.config.causal:
            raise ValueError("MaskedDenoiser needs a bidirectional network; for a causal one use CausalDenoiser.")
        self.network, self.everywhere = network, everywhere
        self.precision: PrecisionName = known_precision(precision)
        self.length, self.vocabulary = network.config.length, network.config.vocabulary

    @torch.no_grad()
    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities in float32, on the device of ``tokens``; NaN at visible positions unless ``everywhere``.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: another shape than (B, L).
            IndexError: an id out of range (CPU; a GPU aborts). Decoding and likelihoods look at them first.
        """
        tokens = whole_tokens(tokens, self.length)
        inputs = tokens.to(_device(self.network))
        hidden = inputs == self.vocabulary
        with fast_products(inputs.device), autocast(self.precision, inputs.device):
            log_probs = self.network(inputs, where=None if self.everywhere else hidden).log_softmax(dim=-1)
        if self.everywhere:
            return log_probs.to(tokens.device)
        answers = log_probs.new_full((*tokens.shape, self.vocabulary), math.nan)
        return answers.masked_scatter_(hidden[..., None], log_probs).to(tokens.device)


class CausalDenoiser:
    """An ARM or pi-learner: answers the subproblems along its own order, the next position given all before it.

    Args:
        network: causal, trained with ``AutoregressiveObjective(order)``.
        order: (L,) integers, ``order[t]`` is the position revealed at step t.
        remembers: keep what was read from one call to the next, so that a sequence costs about one pass and not one per
            token; not for several threads. Answers are the same but for rounding. What was read with other weights is
            forgotten (:class:`~lo_theory.learning.key_value_cache.Weights` says what it notices). Memory as
            :class:`~lo_theory.learning.key_value_cache.KeyValueCache` says.
    Raises:
        ValueError: the network is bidirectional, or ``order`` no permutation of its length.
    """

    def __init__(self, network: Transformer, order: Integer[np.ndarray, " L"], *, remembers: bool = False) -> None:
        if not network.config.causal:
            raise ValueError("CausalDenoiser needs a causal network; for a bidirectional one use MaskedDenoiser.")
        self.network = network
        self.length, self.vocabulary = network.config.length, network.config.vocabulary
        self.order = check_order(order, self.length)
        self._index = torch.from_numpy(self.order)
        self._cache = network.cache() if remembers else None

    @torch.no_grad()
    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities at each row's first hidden position in order; NaN everywhere else.

        NaN, not a guess: this network has no answer for other positions, and a caller that uses one should notice.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: another shape than (B, L); a row's visible positions are no prefix of the order.
            IndexError: an id out of range (CPU; a GPU aborts).
        """
        tokens = whole_tokens(tokens, self.length)
        permuted = tokens[:, self._index.to(tokens.device)]
        visible = self._visible_prefix(permuted)  # (B,)
        answers = torch.full((*tokens.shape, self.vocabulary), math.nan, device=tokens.device)
        rows = (visible < self.length).nonzero().squeeze(1)
        if len(rows) == 0:
            return answers
        steps = visible[rows]
        read = int(steps.max()) + 1  # later inputs cannot matter
        inputs = shift_right(permuted[rows], self.vocabulary)[:, :read]
        answers[rows, self._index.to(tokens.device)[steps]] = self._next_log_probs(inputs, steps).to(tokens.device)
        return answers

    @torch.no_grad()
    def chain_log_probs(self, rows: Integer[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        """log p of every token of clean rows given those before it in order, in one pass.

        Entry t belongs to position ``order[t]``; a row sums to its log-likelihood in nats.

        Raises:
            TypeError: rows that are no integers.
            ValueError: another shape than (B, L); a row holds a mask, a pad or another id outside ``range(V)``.
        """
        rows = whole_tokens(rows, self.length, "rows")
        outside = (rows < 0) | (rows >= self.vocabulary)
        if outside.any():
            raise ValueError(f"rows must be clean, in range({self.vocabulary}); got {int(rows[outside][0])}.")
        permuted = rows[:, self._index.to(rows.device)].to(_device(self.network))
        log_probs = self._log_probs(shift_right(permuted, self.vocabulary))
        return log_probs.gather(2, permuted[..., None]).squeeze(2).to(rows.device)

    def _next_log_probs(self, inputs: Int64[Tensor, "B T"], steps: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Of the token at ``steps`` of each row."""
        if self._cache is None:
            log_probs = self._log_probs(inputs)
            return log_probs[torch.arange(len(inputs), device=log_probs.device), steps.to(log_probs.device)]
        device = _device(self.network)
        with fast_products(device):
            return self.network.next_logits(inputs.to(device), steps.to(device), self._cache).log_softmax(dim=-1)

    def _log_probs(self, inputs: Int64[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        device = _device(self.network)
        with fast_products(device):
            return self.network(inputs.to(device)).log_softmax(dim=-1)

    def _visible_prefix(self, permuted: Int64[Tensor, "B L"]) -> Int64[Tensor, " B"]:
        """How many tokens of each row are visible, once they are known to come first in order."""
        hidden = permuted == self.vocabulary
        visible = (~hidden).sum(dim=1)
        gaps = hidden[:, :-1] & ~hidden[:, 1:]
        if gaps.any():
            row, step = (int(i) for i in gaps.nonzero()[0])
            raise ValueError(
                f"a causal network answers only along its order: in row {row} position {int(self.order[step])} is "
                f"masked while position {int(self.order[step + 1])}, later in order, is visible. Use a MaskedDenoiser."
            )
        return visible


def _device(network: Transformer) -> torch.device:
    return network.head.device
