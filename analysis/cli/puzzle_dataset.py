"""A dataset of puzzles on disk: a file per split, a card, and a manifest sealed with a digest.

The puzzles are those of one stream, in its order; one whose class was there before is passed over, so that no two are
the same up to symmetry. So a dataset is a function of its manifest's first fields, and whatever is missing or damaged
can be made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.cli.numbers import require_at_least, whole_number
from analysis.cli.puzzle_draws import Draws, Row
from generators.datasets.formats import pyarrow
from generators.ground.codec import seal, unseal
from generators.ground.memory import check_disk, check_memory
from generators.ground.ownership import owned_directory
from generators.ground.storage import read_json, write_atomic, write_json_atomic

if TYPE_CHECKING:
    from analysis.cli.sudoku.generate import GenerateSudoku
    from analysis.cli.zebra.generate import GenerateZebra

FORMAT = "lo-theory/puzzles/1"
MANIFEST = "manifest.json"
_CARD = "README.md"
_BATCH = 2048
_BYTES_IN_MEMORY, _BYTES_ON_DISK = 60, 80  # of a puzzle: its key in a set; a 4x4 Sudoku with its solution as JSON
_FRUITLESS = 16  # batches without a new puzzle after which a law is taken to have no more
_COLUMNS = {
    "sudoku": "`puzzle`, `solution` ('.' is empty), `givens`",
    "zebra": "`houses`, `attributes`, `values`, `clues` in tokens, `sentences`, `solution` (a row per attribute)",
}


def write_puzzles(asked: GenerateSudoku | GenerateZebra, kind: str, draws: Draws) -> None:
    """Write the splits, or find that they are there, and say what they are.

    Raises:
        ValueError: a split that is no ``name=rows``; another dataset in the directory; fewer puzzles than are wanted.
        OSError: the directory is in use, or cannot be written.
    """
    require_at_least(1, rows=asked.rows)
    require_at_least(0, sample_seed=asked.sample_seed)
    splits = [["train", asked.rows], *_further_splits(asked.split)]
    if asked.format == "parquet":
        pyarrow()
    _check_room(asked.out, sum(rows for _, rows in splits))
    wanted = {
        "format": FORMAT,
        "kind": kind,
        "source": json.loads(json.dumps(draws.source)),
        "sample_seed": asked.sample_seed,
        "file_format": asked.format,
        "rows": splits,
    }
    with owned_directory(asked.out, f"generate {kind}"):
        manifest = _finished(asked.out, wanted)
        if manifest is None:
            manifest = wanted | {"splits": _written(asked.out, wanted, draws)}
            write_atomic(asked.out / _CARD, _card(manifest).encode())
            write_json_atomic(asked.out / MANIFEST, seal(manifest))
    for split in manifest["splits"]:
        levels = ", ".join(f"{count:,} of level {level}" for level, count in split["levels"].items())
        print(f"{asked.out / split['file']}: {split['rows']:,} puzzles ({levels}), {split['guesses']:.4g} guesses each")
    print("no two of them are the same up to symmetry")


def _check_room(directory: Path, puzzles: int) -> None:
    """Refuse what fits neither on the disk nor into memory, where the classes of all puzzles are kept; lower bounds."""
    check_memory(
        _BYTES_IN_MEMORY * puzzles, what=f"keeping {puzzles} puzzles apart", advice="Ask for fewer with --rows."
    )
    check_disk(
        _BYTES_ON_DISK * puzzles,
        directory,
        what=f"{puzzles} puzzles",
        advice="Ask for fewer with --rows, or choose another disk.",
    )


def _further_splits(words: tuple[str, ...]) -> list[list[Any]]:
    """Name and rows of each, in the order in which they are drawn."""
    found = list[list[Any]]()
    for word in words:
        name, equals, count = word.partition("=")
        if not equals or not name.isidentifier() or name in ("train", *(other for other, _ in found)):
            raise ValueError(f"--split takes names and rows, such as test=1000, beside train; got {word!r}.")
        found.append([name, whole_number(count)])
        require_at_least(1, split=found[-1][1])
    return found


def _finished(out: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest, if the directory holds the whole of what is wanted.

    Raises:
        ValueError: it holds something else.
    """
    path = out / MANIFEST
    if not path.exists():
        return None
    manifest, _ = unseal(read_json(path), what=str(path))
    other = [name for name, value in wanted.items() if manifest.get(name) != value]
    if other:
        raise ValueError(
            f"{out} holds another dataset: its {other[0]} is {str(manifest.get(other[0]))[:120]}, asked for was "
            f"{str(wanted[other[0]])[:120]}. Choose another directory."
        )
    whole = all(_digest(out / split["file"]) == split["sha256"] for split in manifest["splits"])
    return manifest if whole else None


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _written(out: Path, wanted: dict[str, Any], draws: Draws) -> list[dict[str, Any]]:
    """Write every split; what the manifest says of each."""
    rows = _new_puzzles(draws, wanted["sample_seed"])
    return [_write_split(out, name, wanted["file_format"], rows, n) for name, n in wanted["rows"]]


def _new_puzzles(draws: Draws, seed: int) -> Iterator[Row]:
    """Puzzles of the stream whose class was not there before.

    Raises:
        ValueError: tens of thousands of draws in a row hold nothing new.
    """
    known, start, fruitless = set[int](), 0, 0
    while fruitless < _FRUITLESS:
        rows, keys = draws.rows(seed, start, start + _BATCH)
        start, fruitless = start + _BATCH, fruitless + 1
        for row, key in zip(rows, keys.tolist(), strict=True):
            if key not in known:
                known.add(key)
                fruitless = 0
                yield row
    raise ValueError(
        f"there are {len(known):,} puzzles of this kind up to symmetry, as far as {start:,} draws tell. Ask for fewer "
        "rows, or for larger puzzles."
    )


def _write_split(out: Path, name: str, form: str, rows: Iterator[Row], n: int) -> dict[str, Any]:
    """One file, under another name until it is whole."""
    path = out / f"{name}.{form}"
    part = out / f".{path.name}.{secrets.token_hex(8)}.part"
    levels, guesses, done = Counter[int](), 0, 0
    try:
        with _Writer(part, form) as writer:
            while done < n:
                batch = list(islice(rows, min(_BATCH, n - done)))
                writer.write(batch)
                levels.update(row["level"] for row in batch)
                guesses += sum(row["guesses"] for row in batch)
                done += len(batch)
        digest = _digest(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    ordered = {str(level): levels[level] for level in sorted(levels)}
    return {"name": name, "file": path.name, "rows": n, "sha256": digest, "levels": ordered, "guesses": guesses / n}


class _Writer:
    """Rows into a file, batch by batch; on the disk when the block ends."""

    def __init__(self, path: Path, form: str) -> None:
        self._stream = path.open("wb")
        self._form = form
        self._table: Any = None

    def __enter__(self) -> _Writer:
        return self

    def write(self, rows: list[Row]) -> None:
        """Append rows."""
        if self._form == "jsonl":
            self._stream.write("".join(json.dumps(row) + "\n" for row in rows).encode())
            return
        arrow, parquet = pyarrow()
        table = arrow.Table.from_pylist(rows)
        if self._table is None:
            self._table = parquet.ParquetWriter(self._stream, table.schema)
        self._table.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self._table is not None:
            self._table.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()


def _card(manifest: dict[str, Any]) -> str:
    """What the dataset is, with the header by which Hugging Face finds the splits."""
    files = "\n".join(f"      - split: {split['name']}\n        path: {split['file']}" for split in manifest["splits"])
    kind = manifest["kind"]
    counts = "\n".join(f"- `{split['name']}`: {split['rows']:,} puzzles" for split in manifest["splits"])
    return f"""---
configs:
  - config_name: default
    data_files:
{files}
---

# {kind.capitalize()} puzzles

Made by `lo-theory generate {kind}` from the seed {manifest["sample_seed"]}; `{MANIFEST}` holds the law and the digests.

{counts}

Columns: {_COLUMNS[kind]}, `level` (the hardest strategy that a person needs), `guesses` (of a search until the solution
is proved to be the only one), `draw` (the puzzle's number in the stream). Every puzzle has exactly one solution, and no
two puzzles of the dataset are the same up to symmetry.
"""
