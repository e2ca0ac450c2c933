"""Floating-point operations of a network, counted from its shape; a multiplication and an addition are two.

Matrix products only, as ``torch.utils.flop_counter`` counts them: norms, softmax and the optimizer are left out (a few
per cent). Causal attention counts in full, as in the counter, so equal sequences cost equal FLOPs whatever the learner;
so does attention to visible keys alone, whose number differs from row to row.
"""

from __future__ import annotations

from lo_theory.learning.network import NetworkConfig


def forward_flops(config: NetworkConfig) -> int:
    """FLOPs of one sequence forward, head at every position that can be answered.

    Per token and layer ``2 * (4 W^2 + c W H)`` for the matrices (c = 2 for GELU, 3 for SwiGLU, H the hidden width) and
    ``4 L W`` for attention's two products; ``2 V W`` for the head. A patch of the prompt counts as one token, and the
    head does not answer there. Every loop through the layers counts.
    """
    matrices = 4 * config.width**2 + (3 if config.mlp == "swiglu" else 2) * config.width * config.hidden_width
    attention = 2 * config.places * config.width
    answered = config.length - (config.patches.tokens if config.patches else 0)
    body = config.places * config.loops * config.layers * (matrices + attention)
    return 2 * (body + answered * config.vocabulary * config.width)


def training_flops(config: NetworkConfig) -> int:
    """FLOPs of one sequence forward and backward: three times forward, as backward has two products for each one.

    An implementation that recomputes attention in the backward pass does more work; it is not counted.
    """
    return 3 * forward_flops(config)
