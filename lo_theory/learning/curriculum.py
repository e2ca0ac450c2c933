"""What is hidden early in a training of masked diffusion, where the usual masks teach slowly. Additions of ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

import torch

from lo_theory.learning.choices import Keys
from lo_theory.learning.masking import WeightedMasks, count_masks

_MIXED = 0.4


@dataclass(frozen=True)
class Curriculum:
    """Few masks first: the largest number of hidden positions grows in a straight line to L, and stays there.

    With few masks nearly all latents are visible and what an observation reads can be learned from it directly; with
    many it has to be found from what is left. An addition of ours, not in the paper.

    Attributes:
        share: of the training after which masks have their usual law.
        first: largest share of hidden positions at the start.
    Raises:
        ValueError: a share outside (0, 1].
    """

    share: float = 0.6
    first: float = 0.1

    def __post_init__(self) -> None:
        for name in ("share", "first"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} of a curriculum lies in (0, 1]; got {getattr(self, name)}.")

    def most(self, length: int, progress: float) -> int:
        """The largest number of hidden positions when ``progress`` of the training is done, 1..length."""
        reached = min(1.0, self.first + (1.0 - self.first) * progress / self.share)
        return max(1, round(length * reached))

    def masks(self, batch_size: int, length: int, generator: torch.Generator, progress: float) -> WeightedMasks | None:
        """Stratified masks of at most :meth:`most` positions; None where that is all of them: the usual ones."""
        most = self.most(length, progress)
        return None if most == length else count_masks(batch_size, length, generator, stratified=True, most=most)

    def to_json(self) -> dict[str, Any]:
        """What checkpoints record."""
        return {"curriculum": asdict(self)}


@dataclass(frozen=True)
class LatentsFirst:
    """The natural order first: all latents visible, all observations hidden; then some rows so; then none.

    Uniform masks seldom show an observation all latents that it reads, and no row asks many observations that can be
    known: with r of the tokens hidden a share r (1 - r)^k of them is, for k latents each. Here every observation of
    every row is. What reads what is learned in a fraction of the steps, and inverting it starts from there. It is told
    which positions are latents, which masked diffusion otherwise is not; the last part of the training has the usual
    masks alone, so the minimiser is the same posterior.

    Attributes:
        latents: their positions.
        share: of the training in which every row is so; for as long again two fifths of the rows are.
        keys: of attention in those rows, all tokens or the visible latents alone: then what is to be found is not
            watered down by tokens that say nothing, and there is less to compute. The other rows have the network's.
    Raises:
        ValueError: no latents, a position twice or below 0, a share outside (0, 1/2], or other keys.
    """

    latents: tuple[int, ...]
    share: float
    keys: Keys = "all"

    def __post_init__(self) -> None:
        object.__setattr__(self, "latents", tuple(map(int, self.latents)))  # a NumPy integer is none of JSON's
        if not self.latents or len({*self.latents}) < len(self.latents) or min(self.latents) < 0:
            raise ValueError(f"latents are one or more different positions, none below 0; got {self.latents}.")
        if not 0 < self.share <= 0.5:
            raise ValueError(f"share of the natural order lies in (0, 1/2]; got {self.share}.")
        if self.keys not in get_args(Keys):
            raise ValueError(f"keys of the natural order are 'all' or 'visible'; got {self.keys!r}.")

    def check(self, length: int) -> None:
        """Raise ValueError unless a sequence of this length has these latents, and something beside them."""
        if max(self.latents) >= length or len(self.latents) == length:
            raise ValueError(
                f"{len(self.latents)} latents up to position {max(self.latents)} leave no observation or lie outside a "
                f"sequence of {length} tokens; name the positions of the latents."
            )

    def masks(self, batch_size: int, length: int, generator: torch.Generator, progress: float) -> WeightedMasks | None:
        """Masks of some rows in the natural order and of the others as usual, stratified among themselves; or None.

        So every step hides about as many tokens: steps of many sizes would break the memory of a long training into
        pieces. None: all rows as usual. The weight is L / n for n hidden, as everywhere.
        """
        if progress >= 2 * self.share:
            return None
        natural = batch_size if progress < self.share else round(_MIXED * batch_size)
        hidden = torch.ones(batch_size, length, dtype=torch.bool, device=generator.device)
        hidden[:, list(self.latents)] = False
        if natural < batch_size:
            hidden[natural:] = count_masks(batch_size - natural, length, generator, stratified=True).hidden
        keys = None
        if self.keys == "visible":
            keys = torch.ones_like(hidden)
            keys[:natural] = ~hidden[:natural]
        return WeightedMasks(hidden, length / hidden.sum(dim=1).to(torch.float32), keys)

    def to_json(self) -> dict[str, Any]:
        """What checkpoints record."""
        keys = {} if self.keys == "all" else {"keys": self.keys}
        return {"latents_first": {"latents": [*self.latents], "share": self.share} | keys}
