"""Learners of puzzles as values: what each is, under the name that rows and figures have for it.

Masked diffusion reads a puzzle cell by cell and may fill it in any order; an autoregressive model writes triples (row,
column, value) in the order that it was trained on. Reasoners of fixed depth stand beside them, untrained.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from generators.prompted import Order
from lo_theory.puzzles.candidates import Reasoning


@dataclass(frozen=True, kw_only=True)
class PuzzleLearner:
    """One learner.

    Attributes:
        kind: masked diffusion, autoregressive, or a reasoner of that depth, which has nothing to learn.
        order: in which an autoregressive model writes; None for the others.
        grid: it is told which cell of the grid each token belongs to.
        large: it has the larger of two shapes.
        harder: it is also trained on puzzles as hard as those of the hard test set.
        times: its operations, in those of masked diffusion: 1 or 10.
    """

    kind: Literal["mdm", "arm", "peers", "singles"]
    order: Order | None = None
    grid: bool = False
    large: bool = False
    harder: bool = False
    times: int = 1

    @property
    def name(self) -> str:
        """Its name in rows and figures."""
        added = {
            f"{self.order} order": self.order is not None,
            "grid embeddings": self.grid,
            "large": self.large,
            "harder puzzles too": self.harder,
            f"{self.times} times the operations": self.times > 1,
        }
        first = f"{self.kind} reasoner" if self.reasoning else self.kind
        return ", ".join([first, *(words for words, there in added.items() if there)])

    @property
    def reasoning(self) -> Reasoning | None:
        """The depth of a reasoner; None for what is trained."""
        return self.kind if self.kind == "peers" or self.kind == "singles" else None

    @property
    def plain(self) -> PuzzleLearner:
        """The same without what is added to it."""
        return PuzzleLearner(kind=self.kind, order=self.order)


MASKED = PuzzleLearner(kind="mdm")
ARM_FIXED = PuzzleLearner(kind="arm", order="fixed")
ARM_SOLVER = PuzzleLearner(kind="arm", order="solver")
ARM_RANDOM = PuzzleLearner(kind="arm", order="random")
PEERS = PuzzleLearner(kind="peers")
SINGLES = PuzzleLearner(kind="singles")
REASONERS = (SINGLES, PEERS)

_TRAINED = (MASKED, ARM_FIXED, ARM_SOLVER, ARM_RANDOM)
_EITHER = (False, True)
_VARIANTS = [
    PuzzleLearner(kind=plain.kind, order=plain.order, grid=grid, large=large, harder=harder, times=times)
    for plain, grid, large, harder, times in product(_TRAINED, _EITHER, _EITHER, _EITHER, (1, 10))
]
_BY_NAME = {learner.name: learner for learner in (*_VARIANTS, *REASONERS)}


def standing_for(learner: PuzzleLearner, models: Collection[str | None]) -> str:
    """Whose rows stand for ``learner``'s: where it is not there, those of the one told the grid."""
    told = replace(learner, grid=True).name
    return told if learner.name not in models and told in models else learner.name


def learner_named(name: str) -> PuzzleLearner:
    """The learner of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in _BY_NAME:
        plain = ", ".join(repr(learner.name) for learner in (*_TRAINED, *REASONERS))
        raise ValueError(
            f"unknown learner {name!r}; there are {plain}, the trained ones also with ', grid embeddings', ', large', "
            "', harder puzzles too' and ', 10 times the operations' behind them, in this order."
        )
    return _BY_NAME[name]
