"""File formats of shards: rows as the bytes of a file, and parsed files as rows again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from jaxtyping import Integer

from generators.distribution import LODistribution
from generators.ground.optional import optional_library

if TYPE_CHECKING:
    from generators.datasets.sources import Source

FileFormat = Literal["npy", "packed", "jsonl", "parquet"]
Columns = Literal["position", "order", "apart"]
MAPPED: tuple[FileFormat, ...] = ("npy", "packed")
"""Formats that are mapped into memory, so that a row costs the reading of a block; the others are parsed by shards."""
SUFFIXES: dict[FileFormat, str] = {"npy": "npy", "packed": "packed.npy", "jsonl": "jsonl", "parquet": "parquet"}

_PIECE = 4096  # rows of an array that are drawn, hashed and written before the next ones

_Tokens = list[Annotated[int, msgspec.Meta(ge=0)]]


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    tokens: _Tokens


class _LineApart(msgspec.Struct, forbid_unknown_fields=True):
    latents: _Tokens
    observations: _Tokens


_LINES = msgspec.json.Decoder(_Line)
_LINES_APART = msgspec.json.Decoder(_LineApart)


@dataclass(frozen=True, eq=False)
class Layout:
    """How the rows of a distribution lie in the files of a dataset.

    Attributes:
        order: (L,) position of the distribution that is revealed at step t; the first ``n_latents`` are latents.
    """

    file_format: FileFormat
    columns: Columns
    vocabulary: int
    n_latents: int
    order: Integer[np.ndarray, "L"]

    @classmethod
    def of(cls, distribution: LODistribution, plan: dict[str, Any]) -> Layout:
        """That of a plan or manifest."""
        order = np.concatenate([distribution.latent_positions, distribution.observation_positions])
        return cls(plan["file_format"], plan["columns"], distribution.vocabulary, distribution.n_latents, order)

    @property
    def length(self) -> int:
        """L."""
        return len(self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned type that holds every token, mask and pad."""
        return np.min_scalar_type(self.vocabulary + 1)

    @property
    def bits(self) -> float:
        """What a token takes on disk at least, roughly: Parquet stores a few values in as few bits."""
        if self.file_format == "packed":
            return 8 * -(-self.length // 8) / self.length
        digit_and_comma, array = 16.0, 8.0 * self.dtype.itemsize
        few = float((self.vocabulary - 1).bit_length())
        return {"npy": array, "jsonl": digit_and_comma, "parquet": few}[self.file_format]

    def arranged(self, rows: Integer[np.ndarray, "n L"]) -> Integer[np.ndarray, "n L"]:
        """Rows as the files hold them: latents first unless ``columns`` is "position"."""
        return rows if self.columns == "position" else rows[:, self.order]

    def restored(self, stored: Integer[np.ndarray, "n L"]) -> Integer[np.ndarray, "n L"]:
        """Inverse of :meth:`arranged`: rows as the distribution has them."""
        if self.columns == "position":
            return stored
        rows = np.empty_like(stored)
        rows[:, self.order] = stored
        return rows

    def parts(self) -> dict[str, slice]:
        """Names of the fields or columns of a parsed file, and what of an arranged row they hold."""
        if self.columns != "apart":
            return {"tokens": slice(0, self.length)}
        parts = {"latents": slice(0, self.n_latents), "observations": slice(self.n_latents, self.length)}
        return {name: part for name, part in parts.items() if part.start < part.stop or self.file_format == "jsonl"}


@dataclass(frozen=True, eq=False)
class Encoded:
    """The file of some rows.

    Attributes:
        n_bytes: its size.
        pieces: its bytes, drawn anew at every call.
    """

    n_bytes: int
    pieces: Callable[[], Iterable[memoryview]]


def encoded(source: Source, start: int, stop: int, layout: Layout) -> Encoded:
    """The file of rows ``start..stop-1``. Arrays are drawn piece by piece, and what is drawn packed is never unpacked.

    Raises:
        ValueError: Parquet without pyarrow.
    """
    if layout.file_format in MAPPED:
        return _npy(source, start, stop, layout)
    rows = layout.arranged(source.rows(start, stop))
    content = memoryview(_parquet(rows, layout) if layout.file_format == "parquet" else _jsonl(rows, layout))
    return Encoded(len(content), lambda: [content])


def _npy(source: Source, start: int, stop: int, layout: Layout) -> Encoded:
    packed = layout.file_format == "packed"
    width, dtype = (-(-layout.length // 8), np.dtype(np.uint8)) if packed else (layout.length, layout.dtype)
    form, header = np.lib.format, io.BytesIO()
    described = {"descr": form.dtype_to_descr(dtype), "fortran_order": False, "shape": (stop - start, width)}
    form.write_array_header_1_0(header, described)

    def pieces() -> Iterator[memoryview]:
        yield header.getbuffer()
        for low in range(start, stop, _PIECE):
            rows = _array(source, low, min(low + _PIECE, stop), layout)
            yield np.ascontiguousarray(rows).data.cast("B")

    return Encoded(len(header.getbuffer()) + (stop - start) * width * dtype.itemsize, pieces)


def _array(source: Source, start: int, stop: int, layout: Layout) -> np.ndarray:
    if layout.file_format == "packed" and layout.columns == "position":
        return source.packed(start, stop)
    rows = layout.arranged(source.rows(start, stop))
    return np.packbits(rows, axis=1) if layout.file_format == "packed" else rows


def _jsonl(rows: Integer[np.ndarray, "n L"], layout: Layout) -> bytes:
    parts = layout.parts().items()
    lines = ({name: row[part] for name, part in parts} for row in rows.tolist())
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()


def _parquet(rows: Integer[np.ndarray, "n L"], layout: Layout) -> bytes:
    """One row group; columns of lists of one length. The bytes depend on the version of pyarrow too."""
    arrow, parquet = pyarrow()
    columns = {}
    for name, part in layout.parts().items():
        values = np.ascontiguousarray(rows[:, part], dtype=layout.dtype)
        columns[name] = arrow.FixedSizeListArray.from_arrays(arrow.array(values.reshape(-1)), values.shape[1])
    file = io.BytesIO()
    parquet.write_table(arrow.table(columns), file, row_group_size=len(rows), write_statistics=False)
    return file.getvalue()


def parsed(content: bytes, layout: Layout, path: Path) -> Integer[np.ndarray, "n L"]:
    """Rows of a JSON lines or Parquet file as it has them, latents first where they stand apart.

    Raises:
        ValueError: it holds something else; the message names ``path``. Parquet without pyarrow.
    """
    if layout.file_format == "parquet":
        return _from_parquet(content, layout, path)
    try:
        return np.array(list(_lines(content, layout)))
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        names = " and ".join(map(repr, layout.parts()))
        raise ValueError(f"{path} does not hold lines of one length with a field {names}: {error}.") from error


def _lines(content: bytes, layout: Layout) -> Iterator[Sequence[int]]:
    if layout.columns != "apart":
        yield from (line.tokens for line in _LINES.decode_lines(content))
    else:
        yield from (line.latents + line.observations for line in _LINES_APART.decode_lines(content))


def _from_parquet(content: bytes, layout: Layout, path: Path) -> Integer[np.ndarray, "n L"]:
    arrow, parquet = pyarrow()
    try:
        table = parquet.read_table(arrow.BufferReader(content), use_threads=False)
        found = []
        for name, part in layout.parts().items():
            lists = table.column(name).combine_chunks()
            flat = lists.flatten().to_numpy(zero_copy_only=False)
            found.append(flat.reshape(len(lists), part.stop - part.start))
        return np.concatenate(found, axis=1)
    except (arrow.ArrowException, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        names = " and ".join(map(repr, layout.parts()))
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is no Parquet file with lists of one length in {names}: {reason}.") from error


def pyarrow() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        MissingLibraryError: they are not installed.
    """
    return optional_library("pyarrow", "Parquet"), optional_library("pyarrow.parquet", "Parquet")
