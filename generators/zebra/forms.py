"""Zebra puzzles as prompted rows: pads, clues and ``ANSWER`` are the prompt, then the solution as cells or triples.

Tokens are those of :mod:`generators.zebra.tokens`, or the compact ones of :mod:`generators.zebra.writing`. A prompt
ends at a fixed place, so that an answer always begins at the same one: what is missing in front are pads. Cells are the
form of masked diffusion, which knows where a token stands; triples (attribute, house, value) are the form of Shah et
al. (2024), in which a left-to-right model says where it writes and what. Either may be asked the other way round, for
the house of each value: see :mod:`generators.zebra.answer_grid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64, Integer

from generators.prompted import Order, agreed, check_answer_order, form_fingerprint, mark_given, random_order
from generators.zebra.answer_grid import Asks, as_asked, asked_grids, check_asks, check_rows, check_sizes, inside
from generators.zebra.clue import MOST
from generators.zebra.create import ZebraSource
from generators.zebra.human import STUCK, solve_by_strategies
from generators.zebra.puzzle import ZebraPuzzles
from generators.zebra.tokens import row_major
from generators.zebra.writing import COMPACT, PUBLISHED, Writing

_SOLVABLE = (1, STUCK - 1)


@dataclass(frozen=True)
class ZebraCells:
    """A prompt, then the values in a fixed layout of attributes x houses, row by row: V = 22, or 52 if compact.

    The layout is that of the source's largest puzzle; what lies beyond a smaller puzzle holds pads, which are given. If
    houses are asked for, it is one of attributes x values that holds houses.

    Args:
        source: where the puzzles of :meth:`rows` come from. Its ``prompt_length`` is that of every row, so no puzzle
            that a source of the same sizes, weights and ``most_tokens`` makes is ever too long.
        compact: four tokens per clue, and values or houses written by the tokens that the clues have for them.
        asks: for the "value" of each house, or for the "house" of each value.
    Raises:
        ValueError: something else is asked for.
    Cost: 1 to 3 microseconds, 6% of making a puzzle at 3 houses and 3 attributes, 0.2% at 6 and 6; up to 1.6 times as
    much for houses.
    """

    source: ZebraSource
    compact: bool = False
    asks: Asks = "value"

    def __post_init__(self) -> None:
        """Refuse what would stop a run on its way."""
        check_asks(self.asks)

    @property
    def fingerprint(self) -> str:
        """Names form, source and what is asked."""
        return form_fingerprint("ZebraCells", _fields(self.source), **_named(self.compact, self.asks))

    @property
    def prompt_length(self) -> int:
        """Tokens before the answer."""
        return _writing(self.compact).length(self.source.prompt_length)

    @property
    def clue_length(self) -> int | None:
        """Tokens that every clue of the prompt takes, None where clues differ."""
        return _writing(self.compact).clue

    @property
    def length(self) -> int:
        """Tokens per row: the prompt and the cells of the layout."""
        return self.prompt_length + self.source.attributes[1] * self.source.houses[1]

    @property
    def vocabulary(self) -> int:
        """Number of tokens. It is the mask id too."""
        return _writing(self.compact).vocabulary

    def rows(self, sample_seed: int, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of the source's puzzles ``start..stop-1``."""
        made = self.source.rows(sample_seed, start, stop)
        return self.encode(made.puzzles, made.solutions)

    def encode(self, puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"]) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of puzzles with their solutions.

        Raises:
            ValueError: a puzzle larger than the layout or longer than the prompt, or a solution of another size; if
                houses are asked for, a solution in which a value has no house or two.
        """
        grids = asked_grids(self.source, puzzles, solutions, self.asks)
        writing = _writing(self.compact)
        tokens = np.where(grids < 0, writing.pad, grids + _first_tokens(writing, self.asks)[:, None])
        return _prompted(writing, self._prompts(puzzles), self._layout(tokens))

    def prompt(self, puzzles: ZebraPuzzles) -> Int64[np.ndarray, "n L"]:
        """Tokens of the prompts, then the mask id in the cells to be filled and pads beyond the puzzle's size.

        Raises:
            ValueError: a puzzle larger than the layout or longer than the prompt.
        """
        check_sizes(self.source, puzzles)
        writing = _writing(self.compact)
        hidden = np.where(inside(puzzles), writing.vocabulary, writing.pad)
        return np.concatenate([self._prompts(puzzles), self._layout(hidden)], axis=1)

    def read(self, tokens: Integer[np.ndarray, "n L"], puzzles: ZebraPuzzles) -> Int8[np.ndarray, "n 6 6"]:
        """The solutions that rows of tokens write; -1 beyond a puzzle's size and where a token is none of its values.

        If houses are asked for, a cell is -1 if no value of the attribute claims the house, or several do. So a wrong
        token costs one cell where values are asked for, and up to two where houses are: accuracies of cells, unlike
        those of boards, do not compare.

        Raises:
            ValueError: rows of another length, or not one row per puzzle.
        """
        check_rows(tokens, self.length, puzzles)
        out = np.full((len(tokens), MOST, MOST), -1, dtype=np.int8)
        attributes, houses = self.source.attributes[1], self.source.houses[1]
        answers = tokens[:, self.prompt_length :].reshape(-1, attributes, houses)
        answers = answers - _first_tokens(_writing(self.compact), self.asks)[:attributes, None]
        valid = inside(puzzles)[:, :attributes, :houses] & (answers >= 0) & (answers < puzzles.houses[:, None, None])
        out[:, :attributes, :houses] = np.where(valid, answers, -1)
        return as_asked(out, self.asks)

    def places(self, puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"]) -> Int64[np.ndarray, "n 6 6"]:
        """Where the rows of :meth:`encode` say what each cell (attribute, house) holds: positions, -1 beyond its size.

        Raises:
            ValueError: as :meth:`encode`.
        """
        asked_grids(self.source, puzzles, solutions, self.asks)
        attribute, house = np.ogrid[:MOST, :MOST]
        column = house if self.asks == "value" else solutions.astype(np.int64)
        return np.where(solutions < 0, -1, self.prompt_length + self.source.houses[1] * attribute + column)

    def _layout(self, grids: Integer[np.ndarray, "n 6 6"]) -> Int64[np.ndarray, "n A"]:
        attributes, houses = self.source.attributes[1], self.source.houses[1]
        return grids[:, :attributes, :houses].reshape(-1, attributes * houses).astype(np.int64)

    def _prompts(self, puzzles: ZebraPuzzles) -> Int64[np.ndarray, "n P"]:
        return _writing(self.compact).prompts(puzzles, self.prompt_length)


@dataclass(frozen=True)
class ZebraTriples:
    """A prompt, then a triple (attribute, house, value) for every cell, in a chosen order: V = 22, or 52 if compact.

    There is room for the triples of the source's largest puzzle; after those of a smaller one stand pads, which are
    given. If houses are asked for, a triple is (attribute, value, house): where it belongs, then what was asked.

    Args:
        source: as in :class:`ZebraCells`.
        order: of the cells: "fixed" attribute by attribute, house by house, or value by value if houses are asked for;
            "solver" as the strategies fill them (dialect "pairs"); "random" a fresh uniformly random order for every
            row.
        compact: as in :class:`ZebraCells`. The first two of a triple count from 0 in either writing, by the tokens of
            house numbers: grid embeddings read rows and columns off them.
        asks: as in :class:`ZebraCells`.
    Raises:
        ValueError: an unknown order, or something else asked for; "solver" with a source whose puzzles the strategies
            may not solve.
    Cost: 3 to 7 microseconds, "solver" 4 (3 houses, 3 attributes) to 105 (6, 6): 0.3 to 31% of making the puzzle; up to
    1.6 times as much for houses.
    """

    source: ZebraSource
    order: Order = "fixed"
    compact: bool = False
    asks: Asks = "value"

    def __post_init__(self) -> None:
        """Refuse what would stop a run on its way."""
        check_answer_order(self.order, self.source.levels, _SOLVABLE)
        check_asks(self.asks)

    @property
    def fingerprint(self) -> str:
        """Names form, source, order and what is asked."""
        options = _named(self.compact, self.asks)
        return form_fingerprint("ZebraTriples", _fields(self.source), order=self.order, **options)

    @property
    def prompt_length(self) -> int:
        """Tokens before the answer."""
        return _writing(self.compact).length(self.source.prompt_length)

    @property
    def length(self) -> int:
        """Tokens per row: the prompt and three per cell of the largest puzzle."""
        return self.prompt_length + 3 * self._most_cells

    @property
    def vocabulary(self) -> int:
        """Number of tokens. It is the mask id too."""
        return _writing(self.compact).vocabulary

    def rows(self, sample_seed: int, start: int, stop: int) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of the source's puzzles ``start..stop-1``."""
        made = self.source.rows(sample_seed, start, stop)
        return self.encode(made.puzzles, made.solutions, seed=sample_seed, start=start)

    def encode(
        self, puzzles: ZebraPuzzles, solutions: Int8[np.ndarray, "n 6 6"], *, seed: int = 0, start: int = 0
    ) -> Int64[np.ndarray, "n L"]:
        """Prompted rows of puzzles with their solutions.

        Args:
            puzzles, solutions: n of them.
            seed, start: only for "random": the order of puzzle i is that of row ``start + i`` under ``seed``.
        Raises:
            ValueError: a puzzle larger than the source's or longer than the prompt, a solution of another size, or,
                with order "solver", a puzzle that the strategies do not solve; if houses are asked for, a solution in
                which a value has no house or two.
        """
        cells = row_major(puzzles, asked_grids(self.source, puzzles, solutions, self.asks))
        if self.order == "solver":
            fills = _solver_order(puzzles)
            cells = fills if self.asks == "value" else fills[:, :, [0, 2, 1]]
        elif self.order == "random":
            cells = _shuffled(cells, seed, start)
        return _prompted(_writing(self.compact), self._prompts(puzzles), self._answer(cells))

    def prompt(self, puzzles: ZebraPuzzles) -> Int64[np.ndarray, "n L"]:
        """Tokens of the prompts, then the mask id in the triples to be written and pads after them.

        Raises:
            ValueError: a puzzle larger than the source's or longer than the prompt.
        """
        check_sizes(self.source, puzzles)
        writing = _writing(self.compact)
        cells = row_major(puzzles, np.where(inside(puzzles), 0, -1).astype(np.int8))[:, : self._most_cells]
        hidden = np.where(cells < 0, writing.pad, writing.vocabulary).reshape(len(cells), 3 * self._most_cells)
        return np.concatenate([self._prompts(puzzles), hidden], axis=1)

    def read(self, tokens: Integer[np.ndarray, "n L"], puzzles: ZebraPuzzles) -> Int8[np.ndarray, "n 6 6"]:
        """The solutions that rows of triples write, whatever their order.

        A cell is -1 if no triple names it, if a triple that names it holds none of its values, or if two triples that
        name it disagree. A triple that names no cell of the puzzle is passed over. If houses are asked for, all this
        holds of (attribute, value) and its house; then a house that no value claims, or several do, is -1.

        Raises:
            ValueError: rows of another length, or not one row per puzzle.
        """
        check_rows(tokens, self.length, puzzles)
        triples = tokens[:, self.prompt_length :].astype(np.int64).reshape(-1, self._most_cells, 3)
        attribute, column, answer = np.moveaxis(triples, 2, 0)
        houses = puzzles.houses[:, None]
        named = (attribute >= 0) & (attribute < puzzles.attributes[:, None]) & (column >= 0) & (column < houses)
        answer = answer - _first_tokens(_writing(self.compact), self.asks)[np.where(named, attribute, 0)]
        answer = np.where((answer >= 0) & (answer < houses), answer, -1)
        written = agreed(np.where(named, MOST * attribute + column, -1), answer, MOST**2, -1)
        return as_asked(written.reshape(-1, MOST, MOST).astype(np.int8), self.asks)

    @property
    def _most_cells(self) -> int:
        return self.source.attributes[1] * self.source.houses[1]

    def _answer(self, cells: Int8[np.ndarray, "n 36 3"]) -> Int64[np.ndarray, "n A"]:
        writing = _writing(self.compact)
        triples = cells[:, : self._most_cells].astype(np.int64)
        absent = triples[:, :, 0] < 0
        triples[:, :, 2] += _first_tokens(writing, self.asks)[np.where(absent, 0, triples[:, :, 0])]
        return np.where(absent[:, :, None], writing.pad, triples).reshape(len(cells), 3 * self._most_cells)

    def _prompts(self, puzzles: ZebraPuzzles) -> Int64[np.ndarray, "n P"]:
        return _writing(self.compact).prompts(puzzles, self.prompt_length)


def _writing(compact: bool) -> Writing:
    return COMPACT if compact else PUBLISHED


def _first_tokens(writing: Writing, asks: Asks) -> Int64[np.ndarray, "6"]:
    """The token of answer 0 for each attribute; those of the other answers follow it. Houses are tokens 0 to 5."""
    return writing.first_value if asks == "value" else np.zeros(MOST, dtype=np.int64)


def _named(compact: bool, asks: Asks) -> dict[str, str]:
    """Options as fingerprints have them; what is not said there is "value", as before there was a choice."""
    return {"writing": _writing(compact).name} | ({} if asks == "value" else {"asks": asks})


def _fields(source: ZebraSource) -> dict[str, Any]:
    """The fields of a source, with the limit that it means: laws that are the same have one name."""
    weights = source.weights
    plain = None if weights is None else {name: float(weight) for name, weight in weights.items()}
    fields = {name: getattr(source, name) for name in source.__dataclass_fields__}
    return fields | {"weights": plain, "most_tokens": source.prompt_length}


def _prompted(
    writing: Writing, prompts: Int64[np.ndarray, "n P"], answer: Int64[np.ndarray, "n A"]
) -> Int64[np.ndarray, "n L"]:
    given = np.ones(prompts.shape, dtype=bool)
    return mark_given(np.concatenate([prompts, answer], axis=1), np.concatenate([given, answer == writing.pad], axis=1))


def _shuffled(cells: Int8[np.ndarray, "n 36 3"], seed: int, start: int) -> Int8[np.ndarray, "n 36 3"]:
    """The cells in random order, and what is no cell behind them."""
    order = random_order(cells[:, :, 0] < 0, seed, start)
    return np.take_along_axis(cells, order[:, :, None], axis=1)


def _solver_order(puzzles: ZebraPuzzles) -> Int8[np.ndarray, "n 36 3"]:
    result = solve_by_strategies(puzzles)
    if not result.solved.all():
        number = int(np.flatnonzero(~result.solved)[0])
        raise ValueError(
            f"row {number}: the strategies do not solve this puzzle, so it has no solver's order. Make puzzles with "
            f"levels={_SOLVABLE}, or keep those where solve_by_strategies(puzzles).solved is True."
        )
    return result.order
