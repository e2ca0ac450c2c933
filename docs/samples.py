"""Samples for the gallery, drawn from the code when pages are built: what a row, a rule list and a puzzle look like.

Seeds are fixed, so the same code writes the same page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from generators import (
    LODistribution,
    LogicRule,
    PlantedEnsemble,
    every_subset,
    local_hash,
    logic_rules,
    nae_sat,
    predicate_csp,
    random_logic,
    random_slabs,
    sparse_parity,
    sudoku,
    whole_hash,
    zebra,
)
from generators.observations.named_tables import all_different, majority, p5, t_in_k

_DISTRIBUTIONS: dict[str, Callable[[], LODistribution]] = {
    "NAE-SAT": lambda: nae_sat(6, 8, structure_seed=0),
    "majority": lambda: predicate_csp(majority(arity=3), 6, 8, structure_seed=0),
    "2-in-4": lambda: predicate_csp(t_in_k(2, arity=4), 6, 8, structure_seed=0),
    "P5": lambda: predicate_csp(p5(), 6, 8, structure_seed=0),
    "all different, three values": lambda: predicate_csp(all_different(), 6, 8, structure_seed=0),
    "dense": lambda: every_subset(t_in_k(2, arity=3), 3),
    "noisy parity": lambda: sparse_parity(6, 8, arity=3, noise=0.1, structure_seed=0),
    "random slabs": lambda: random_slabs(6, 8, width=0.7, structure_seed=0),
    "local hash": lambda: local_hash(6, 8, structure_seed=0),
    "hash of three symbols": lambda: local_hash(6, 8, alphabet=3, latent_alphabet=3, structure_seed=0),
    "whole hash": lambda: whole_hash(6, 8, structure_seed=0),
    "random logic": lambda: random_logic(6, 8, structure_seed=0),
    "logic rules": lambda: logic_rules(
        ["x0 xor x1", "x1 and not x2", "x2 implies x3", "at_least(2, x0, x2, x3)", "x0 == x3", "x1 or x3"], 4
    ),
}


def distribution_names() -> list[str]:
    """The distributions that :func:`rows_of` can show."""
    return list(_DISTRIBUTIONS)


def rows_of(name: str, count: int = 3) -> str:
    """A few rows of a distribution, a line each: latents, ``|``, observations."""
    made = _DISTRIBUTIONS[name]()
    split = made.n_latents
    natural = np.concatenate([made.latent_positions, made.observation_positions])
    rows = made.sample(count, np.random.default_rng(0))[:, natural].tolist()
    return "\n".join(f"{_spaced(row[:split])} | {_spaced(row[split:])}" for row in rows)


def reads_of(name: str) -> str:
    """Which latents each observation of a distribution reads, ``o0: x1 x3 x4``, or its rule where it is written."""
    return "\n".join(f"o{number}: {words}" for number, words in enumerate(_reads(_DISTRIBUTIONS[name]())))


def planted_sample() -> str:
    """A planted 2-in-4 instance with both values visible: its latents, then a constraint a line with its value."""
    ensemble = PlantedEnsemble(np.full(2, 0.5), 8, t_in_k(2, arity=4), degree=3.0, shown="both", count="fixed")
    drawn = ensemble.sample(np.random.default_rng(0))
    seen = zip(drawn.scopes.tolist(), drawn.values.tolist(), strict=True)
    lines = [f"{' '.join(f'x{latent}' for latent in scope)}: {value}" for scope, value in seen]
    return "\n".join([f"latents: {_spaced(drawn.latents.tolist())}", *lines])


def sudoku_sample(side: int) -> str:
    """A puzzle that the seven strategies solve, with ``.`` for an empty cell, beside its solution."""
    made = sudoku.SudokuSource(side=side, levels=(2, 8)).rows(0, 0, 1)
    digits = [[("." + "123456789")[int(cell)] for cell in grid] for grid in (made.puzzles[0], made.solutions[0])]
    lines = [
        "   ".join(" ".join(grid[start : start + side]) for grid in digits) for start in range(0, side * side, side)
    ]
    return "\n".join(lines)


def zebra_sample(houses: int, attributes: int) -> str:
    """The clues of a puzzle as sentences, numbered."""
    made = zebra.ZebraSource(houses=(houses, houses), attributes=(attributes, attributes), levels=(1, 5)).rows(0, 0, 1)
    told = zebra.sentences(made.puzzles[0], zebra.everyday_names(houses, attributes))
    return "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(told, start=1))


def _spaced(values: Iterable[int]) -> str:
    return " ".join(map(str, values))


def _reads(made: LODistribution) -> list[str]:
    return [
        function.rules[number] if isinstance(function, LogicRule) else " ".join(f"x{latent}" for latent in scope)
        for function in made.functions
        for number, scope in enumerate(function.scopes)
    ]


FUNCTIONS = (distribution_names, rows_of, reads_of, planted_sample, sudoku_sample, zebra_sample)
