"""Where on a grid a token stands: row, column and box as embeddings, beside the position in the sequence.

For puzzles. In the *cells* form position ``start + i`` holds the value of cell i, row by row. In the *triples* form
``start + 3 t`` holds a row number, the next position a column number, the third the value of that cell: the cells come
in any order, and where a token stands is read off the tokens.

A token's coordinates are those of the cell it belongs to, as far as they can be known:

- bidirectional networks hold token j at position j. In a triple all three positions know what is visible of the cell:
  its row, its column, and its box if both are there.
- causal networks read inputs shifted right by one: position j holds token j - 1 and predicts token j. There a row
  number knows its row, a column number and a value know row, column and box. So the position that predicts a value
  knows that value's cell, the one that has read a value knows which cell it fills, and nothing comes from the future.

The role of a position, in triples only, is that of the token predicted *there*, token j in both kinds of network: row,
column or value. Outside of the grid there are neither coordinates nor roles.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class GridCoordinates:
    """A grid of cells and where in the sequence it stands.

    Sudoku: ``GridCoordinates(rows=9, columns=9, box_rows=3, box_columns=3)``. A logic grid has attributes as rows,
    houses as columns and no boxes; its ``start`` is the length of the prompt.

    Attributes:
        rows, columns: of the grid.
        box_rows, box_columns: of one box; 0 and 0: there are no boxes.
        start: position of the first token of the grid in the sequence.
        triples: three tokens per cell (row, column, value), all numbers from 0; else one, its value.
    Raises:
        ValueError: no cells, a negative start, or boxes that do not tile the grid.
    """

    rows: int
    columns: int
    box_rows: int = 0
    box_columns: int = 0
    start: int = 0
    triples: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1 or self.start < 0:
            raise ValueError(
                f"a grid needs rows, columns >= 1 and start >= 0; got {self.rows}, {self.columns} and {self.start}."
            )
        box = (self.box_rows, self.box_columns)
        tiled = min(box) >= 1 and self.rows % self.box_rows == 0 and self.columns % self.box_columns == 0
        if box != (0, 0) and not tiled:
            raise ValueError(
                f"boxes of {box[0]} x {box[1]} do not tile a grid of {self.rows} x {self.columns}; 0 x 0: no boxes."
            )

    @property
    def sizes(self) -> dict[str, int]:
        """How many numbers there are of each kind that the grid has: row, column, box, role."""
        boxes = {"box": self.boxes} if self.boxes else {}
        return {"row": self.rows, "column": self.columns, **boxes, **({"role": 3} if self.triples else {})}

    @property
    def boxes(self) -> int:
        """Number of boxes, 0 without them."""
        return self.rows // self.box_rows * (self.columns // self.box_columns) if self.box_rows else 0

    @property
    def stop(self) -> int:
        """The position after the last token of the grid."""
        return self.start + self.rows * self.columns * (3 if self.triples else 1)

    def check(self, length: int, vocabulary: int) -> None:
        """Raise ValueError unless sequences of this length have room for the grid and these tokens can number it."""
        if self.stop > length:
            raise ValueError(f"the grid ends at position {self.stop}, sequences of the network at {length}.")
        if self.triples and max(self.rows, self.columns) > vocabulary:
            raise ValueError(f"{vocabulary} tokens cannot number {self.rows} rows and {self.columns} columns.")


def token_places(grid: GridCoordinates, tokens: Int64[Tensor, "B T"], *, causal: bool) -> dict[str, Tensor]:
    """Row, column and, where there are boxes, box of the first T tokens of sequences, each at its own position.

    Args:
        tokens: ids; a row or column number that is masked, or none of the grid's, is unknown.
        causal: whether the place of token j may depend on tokens 0..j only.
    Returns:
        Int64 tensors (B, T), or (1, T) in the cells form, of numbers from 0; n stands for "not on the grid" and n + 1
        for "unknown", n being the number of rows, columns or boxes.
    """
    row, column = _read_triples(grid, tokens, causal) if grid.triples else _fixed_cells(grid, tokens)
    places = {"row": row, "column": column}
    return places | {"box": _box(grid, row, column)} if grid.boxes else places


def input_coordinates(grid: GridCoordinates, inputs: Int64[Tensor, "B T"], *, causal: bool) -> dict[str, Tensor]:
    """What a network is told about its inputs: the kinds of ``grid.sizes``, (B, T) or (1, T) int64 each.

    Args:
        inputs: T tokens; for a causal network the start symbol and T - 1 tokens.
    """
    if causal:
        places = token_places(grid, inputs[:, 1:], causal=True)
        coordinates = {kind: functional.pad(place, (1, 0), value=grid.sizes[kind]) for kind, place in places.items()}
    else:
        coordinates = token_places(grid, inputs, causal=False)
    return coordinates | {"role": _roles(grid, inputs)} if grid.triples else coordinates


class CoordinateEmbedding(nn.Module):
    """The sum of one embedding for each kind of coordinate.

    Drawn from ``generator`` so that the sum starts at N(0, 1), the scale of tokens and positions. Only ``causal``
    decides what an input may be told.
    """

    def __init__(self, grid: GridCoordinates, width: int, causal: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.grid, self.causal = grid, causal
        std = len(grid.sizes) ** -0.5
        drawn = {kind: torch.randn(size + 2, width, generator=generator) for kind, size in grid.sizes.items()}
        self.tables = nn.ParameterDict({kind: nn.Parameter(table * std) for kind, table in drawn.items()})

    def forward(self, inputs: Int64[Tensor, "B T"]) -> Float[Tensor, "b T W"]:
        """(B, T, W), or (1, T, W) in the cells form, where the coordinates do not depend on the tokens."""
        coordinates = input_coordinates(self.grid, inputs, causal=self.causal)
        parts = [functional.embedding(coordinates[kind], table) for kind, table in self.tables.items()]
        return sum(parts[1:], parts[0])


def _fixed_cells(grid: GridCoordinates, tokens: Tensor) -> tuple[Tensor, Tensor]:
    cell = torch.arange(tokens.shape[1], device=tokens.device)[None] - grid.start
    outside = (cell < 0) | (cell >= grid.rows * grid.columns)
    row, column = cell // grid.columns, cell % grid.columns
    return row.masked_fill(outside, grid.rows), column.masked_fill(outside, grid.columns)


def _read_triples(grid: GridCoordinates, tokens: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    body = tokens[:, grid.start : grid.stop]
    whole = functional.pad(body, (0, -body.shape[1] % 3), value=-1).unflatten(1, (-1, 3))  # (B, triples, 3)
    row = _known(whole[:, :, :1], grid.rows).expand(whole.shape)
    column = _known(whole[:, :, 1:2], grid.columns).expand(whole.shape)
    if causal:
        at_row = torch.arange(3, device=tokens.device) == 0  # the column number comes after it
        column = column.masked_fill(at_row, grid.columns + 1)
    return _spread(grid, row, tokens.shape[1], grid.rows), _spread(grid, column, tokens.shape[1], grid.columns)


def _spread(grid: GridCoordinates, numbers: Tensor, length: int, nowhere: int) -> Tensor:
    """(B, triples, 3) numbers to where they belong in T = ``length`` tokens, ``nowhere`` around them."""
    before = min(grid.start, length)
    inside = numbers.flatten(1)[:, : length - before]
    return functional.pad(inside, (before, length - before - inside.shape[1]), value=nowhere)


def _known(numbers: Tensor, size: int) -> Tensor:
    return numbers.masked_fill((numbers < 0) | (numbers >= size), size + 1)


def _box(grid: GridCoordinates, row: Tensor, column: Tensor) -> Tensor:
    box = row // grid.box_rows * (grid.columns // grid.box_columns) + column // grid.box_columns
    unknown = (row > grid.rows) | (column > grid.columns)
    return box.masked_fill(unknown, grid.boxes + 1).masked_fill(row == grid.rows, grid.boxes)


def _roles(grid: GridCoordinates, inputs: Tensor) -> Tensor:
    """(1, T): 0 where a row number is predicted, 1 a column number, 2 a value; 3 outside of the grid."""
    position = torch.arange(inputs.shape[1], device=inputs.device)[None]
    outside = (position < grid.start) | (position >= grid.stop)
    return ((position - grid.start) % 3).masked_fill(outside, 3)
