"""What can be chosen about a network and its training, as values that load no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from generators.ground.later import later

Positions = Literal["learned", "rotary"]
Mlp = Literal["gelu", "swiglu"]
Keys = Literal["all", "visible"]
OptimizerName = Literal["adamw", "muon"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
SIZES = ("layers", "loops", "width", "heads", "hidden")
"""Fields of a :class:`Shape` that count something."""


def known_precision(name: PrecisionName) -> PrecisionName:
    """The name.

    Raises:
        ValueError: there is no such precision.
    """
    if name not in get_args(PrecisionName):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16'; got {name!r}.")
    return name


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Size and kind of a network, whatever it reads.

    With loops it has the depth of all of them and the weights of one (Dehghani et al. 2019, arXiv 1807.03819). Each
    goes on from the state of the loop before. What was read is not added again: the residual stream never loses it, and
    added to it at every loop it outgrows what was found out since; on 6x6 Sudokus training fell behind.

    Attributes:
        layers: blocks.
        width: of the residual stream.
        heads: of attention.
        hidden: width inside the MLP; four times the width if not given.
        mlp: activation.
        positions: embedding of positions.
        loops: how often the blocks are run, each time on what they made of the tokens the time before.
        keys: of attention: all tokens, or what is visible and each token itself. A causal network sees nothing hidden.
    """

    layers: int = 3
    width: int = 64
    heads: int = 4
    hidden: int | None = None
    mlp: Mlp = "gelu"
    positions: Positions = "learned"
    loops: int = later(1)
    keys: Keys = later("all")  # noqa: RUF009 - a field, as dataclasses.field makes one

    @property
    def hidden_width(self) -> int:
        """Width inside the MLP."""
        return 4 * self.width if self.hidden is None else self.hidden

    @property
    def shape(self) -> Shape:
        """These fields alone, of what has more."""
        return Shape(**{field.name: getattr(self, field.name) for field in fields(Shape)})
