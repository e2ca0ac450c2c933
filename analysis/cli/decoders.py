"""Decoders by the names that the command line gives them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from analysis.cli.names import PuzzleRule, Rule
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.menu import (
    PAPERS,
    SamplingRule,
    board_rules,
    one_cell_rules,
    per_call_rules,
    trusting_rules,
)
from lo_theory.samplers.tokens import argmax_token


def named_decoder(rule: Rule, hidden: int, per_step: int) -> Decoder:
    """The decoder of that name for sequences with ``hidden`` masked tokens, ``per_step`` of them at a time.

    Rules of trust decide the number per step themselves; rules of a schedule take ``hidden / per_step`` steps.
    """
    return _typed(per_call_rules(hidden, per_step))[rule].decoder


def puzzle_rules(names: Sequence[PuzzleRule], most: int, per_step: int) -> list[SamplingRule]:
    """The rules of these names, in the order of the puzzle tables.

    Args:
        names: "all" is every rule that there is; none at all is the paper's three.
        most: cells to be filled in the emptiest puzzle.
        per_step: cells per call there. With 1 every rule that ranks cells fills one per call; with more, rules take
            ``most / per_step`` calls, and on fuller puzzles fewer cells in each. Rules of trust decide that themselves.
    Raises:
        ValueError: a rule that only fills one cell per call, and ``per_step`` above 1.
    """
    single = _typed(one_cell_rules(most)) if per_step == 1 else {}
    several = _typed([*board_rules(math.ceil(most / per_step)), *trusting_rules(token=argmax_token)])
    known = single | several | single  # a name that both have is that of one cell per call
    if "all" in names:
        return list(known.values())
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(f"--rule {missing[0]} fills one cell per call: leave out --per-step, or that rule.")
    return [rule for name, rule in known.items() if (name in names if names else rule.name in PAPERS)]


def _typed(rules: Iterable[SamplingRule]) -> dict[str, SamplingRule]:
    """By the name as it is typed: ``margin, Gumbel 0.5`` -> ``margin-gumbel-0.5``."""
    return {rule.name.lower().replace(",", "").replace(" ", "-"): rule for rule in rules}
