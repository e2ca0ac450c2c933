"""Learners of text by their names: in which order each predicts, and what it is trained on."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from jaxtyping import Int64

from analysis.lab.rows import CONTROL, MDM
from analysis.measures.learner import ARM_NATURAL, read_learner, spoken_learners
from lo_theory.learning.any_order import AnyOrderObjective
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective, likelihood, per_mask
from lo_theory.orders import identity, named_order, uniform

ARM_DROPOUT = "arm dropout"
"""Left to right, with dropout in training."""
_ALL = "all"
_PI, _ANY = 3, 4  # streams of random orders


def any_order_learner(count: int | None) -> str:
    """The name of the autoregressive learner of ``count`` uniform orders, or of all of them (None)."""
    return f"any-order {_ALL if count is None else count}"


def is_any_order(model: str) -> bool:
    """Whether that is such a name."""
    return re.fullmatch(rf"any-order ({_ALL}|[1-9]\d*)", model) is not None


def orders_of(model: str, length: int) -> Int64[np.ndarray, "K L"] | None:
    """The orders along which an autoregressive learner is trained, one or several; None: all of them.

    Permutations depend on their kind, number and length alone, and fewer orders are the first of more.

    Raises:
        ValueError: no such learner, or one without an order.
    """
    if is_any_order(model):
        count = model.split()[1]
        if count == _ALL:
            return None
        return np.stack([uniform(length, np.random.default_rng([_ANY, number])) for number in range(int(count))])
    learner = ARM_NATURAL if model == ARM_DROPOUT else read_learner(model)
    if learner is None or learner.order is None:
        raise ValueError(
            f"{model!r} has no order; the autoregressive learners are 'arm natural', '{ARM_DROPOUT}', 'pi closer 0', "
            "'pi much-closer 0', 'pi uniform 0', 'any-order 4' (with any number) and 'any-order all'."
        )
    return named_order(learner.order, identity(length), np.random.default_rng([_PI, learner.number]))[None]


def text_objective(
    model: str, length: int, *, weighting: Literal["per_mask", "likelihood"], dropout: float
) -> Objective:
    """What a learner is trained on.

    Args:
        weighting: of the masked objective.
        dropout: of the learner that has it.
    Raises:
        ValueError: as :func:`orders_of`.
    """
    if model == MDM:
        return MaskedObjective({"per_mask": per_mask, "likelihood": likelihood}[weighting])
    orders = orders_of(model, length)
    if orders is None or is_any_order(model):
        return AnyOrderObjective(orders)
    return AutoregressiveObjective(orders[0], dropout=dropout if model == ARM_DROPOUT else 0.0)


def spoken_text_learners(models: list[str]) -> dict[str, str]:
    """Words for people by name of a learner; a name that is none of them is left out."""
    words = {ARM_DROPOUT: "ARM with dropout", CONTROL: "exact posterior"}
    for model in models:
        if is_any_order(model):
            count = model.split()[1]
            words[model] = f"autoregressive, {count} order{'' if count == '1' else 's'}"
    return spoken_learners(models) | {model: words[model] for model in models if model in words}
