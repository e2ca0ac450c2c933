"""Decoders by the names that the command line gives them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from lo_theory.samplers.decoder import (
    Decoder,
    full_rewrite,
    margin,
    path_planning,
    remdm,
    top_probability,
    vanilla,
)
from lo_theory.samplers.named_decoders import entropy_bound, klass, left_to_right, negative_entropy, threshold

Rule = Literal[
    "vanilla", "top-probability", "margin", "negative-entropy", "left-to-right", "threshold", "entropy-bound", "klass",
    "remdm", "path-planning", "full-rewrite",
]  # fmt: skip

_BY_TOKENS: dict[str, Callable[[int], Decoder]] = {
    "top-probability": top_probability,
    "margin": margin,
    "negative-entropy": negative_entropy,
    "left-to-right": left_to_right,
}
_BY_STEPS: dict[str, Callable[[int], Decoder]] = {
    "remdm": remdm,
    "path-planning": path_planning,
    "full-rewrite": lambda steps: full_rewrite(steps, noise=0.5),
}
_BY_TRUST: dict[str, Callable[[], Decoder]] = {"threshold": threshold, "entropy-bound": entropy_bound, "klass": klass}


def named_decoder(rule: Rule, hidden: int, per_step: int) -> Decoder:
    """The decoder of that name for sequences with ``hidden`` masked tokens, ``per_step`` of them at a time.

    Rules of trust decide the number per step themselves; rules of a schedule take ``hidden / per_step`` steps.
    """
    steps = math.ceil(hidden / per_step)
    if rule == "vanilla":
        return vanilla(None if per_step == 1 else steps)
    if rule in _BY_TOKENS:
        return _BY_TOKENS[rule](per_step)
    return _BY_STEPS[rule](steps) if rule in _BY_STEPS else _BY_TRUST[rule]()
