"""The decoding rules of the puzzle tables by the names that the command line gives them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from analysis.planning.table1_rules import SamplingRule
from analysis.puzzles.rules import PAPERS, adaptive_rules, budgeted_rules, one_cell_rules

PuzzleRule = Literal[
    "vanilla", "top-probability", "margin", "negative-entropy", "left-to-right", "vanilla-sampled",
    "top-probability-sampled", "margin-sampled", "top-probability-gumbel-0.5", "margin-gumbel-0.5",
    "log-probability-annealed-gumbel-0.5", "full-rewrite", "full-rewrite-gumbel-0.5", "path-planning", "remdm",
    "threshold", "entropy-bound", "klass", "all",
]  # fmt: skip


def puzzle_rules(names: Sequence[PuzzleRule], most: int, per_step: int) -> list[SamplingRule]:
    """The rules of these names, in the order of the tables.

    Args:
        names: "all" is every rule that there is; none at all is the paper's three.
        most: cells to be filled in the emptiest puzzle.
        per_step: cells per call there. With 1 every rule that ranks cells fills one per call; with more, rules take
            ``most / per_step`` calls, and on fuller puzzles fewer cells in each. Rules of trust decide that themselves.
    Raises:
        ValueError: a rule that only fills one cell per call, and ``per_step`` above 1.
    """
    budgeted = [*budgeted_rules(math.ceil(most / per_step)), *adaptive_rules()]
    single = one_cell_rules(most)
    alone = {rule.name for rule in single}
    rules = [*single, *(rule for rule in budgeted if rule.name not in alone)] if per_step == 1 else budgeted
    known = {_typed(rule.name): rule for rule in rules}
    asked = set(names) or {_typed(name) for name in PAPERS}
    if "all" in asked:
        return rules
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(f"--rule {missing[0]} fills one cell per call: leave out --per-step, or that rule.")
    return [rule for name, rule in known.items() if name in asked]


def _typed(name: str) -> str:
    """``margin, Gumbel 0.5`` -> ``margin-gumbel-0.5``."""
    return name.lower().replace(",", "").replace(" ", "-")
