"""What can be chosen about a network and its training, as values that load no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Positions = Literal["learned", "rotary"]
Mlp = Literal["gelu", "swiglu"]
OptimizerName = Literal["adamw", "muon"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Size and kind of a network, whatever it reads.

    Attributes:
        layers: blocks.
        width: of the residual stream.
        heads: of attention.
        hidden: width inside the MLP; four times the width if not given.
        mlp: activation.
        positions: embedding of positions.
    """

    layers: int = 3
    width: int = 64
    heads: int = 4
    hidden: int | None = None
    mlp: Mlp = "gelu"
    positions: Positions = "learned"

    @property
    def shape(self) -> Shape:
        """These fields alone, of what has more."""
        return Shape(**{field.name: getattr(self, field.name) for field in fields(Shape)})
