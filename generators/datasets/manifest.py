"""The manifest of a dataset: which distribution, which draws, and every shard with its digests; sealed as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import numpy as np
from msgspec import Meta

from generators.datasets.formats import SUFFIXES, Columns, FileFormat, pyarrow
from generators.datasets.shards import BLOCK
from generators.distribution import LODistribution
from generators.ground.codec import shown, unseal
from generators.ground.forms import Count, Form, Hex16, Positive, Sha256, read_form
from generators.ground.numbers import whole_number
from generators.ground.storage import read_json

FORMAT = "lo-theory/dataset/2"
UNSEALED = "lo-theory/dataset/1"
"""The format of before: no digest over the manifest, one digest per shard instead of one per block."""
MANIFEST = "dataset.json"
MAX_SHARDS = 10**6
"""Files of one dataset; more than that in one directory is a shard_rows too small, not a dataset."""
EDITED = "It was edited by hand: restore it, or write the dataset again into an empty directory."

_SHARD_BYTES = 2**24  # of an array where shard_rows is not given


class _File(Form, frozen=True):
    file: str
    rows: Positive
    bytes: Positive


class _OldShard(_File, frozen=True):
    sha256: Sha256


class _Shard(_File, frozen=True):
    blocks: list[Sha256]


class _Excluded(Form, frozen=True):
    sample_seed: Annotated[int, Meta(ge=0)]
    rows: Positive


class _OldManifest(Form, frozen=True):
    format: str
    distribution: dict[str, Any]
    fingerprint: Hex16
    sample_seed: Annotated[int, Meta(ge=0)]
    rows: Positive
    shard_rows: Positive
    file_format: FileFormat
    columns: Columns
    mask_id: Count
    pad_id: Count
    shards: Sequence[_File]


class _Unsealed(_OldManifest, frozen=True):
    shards: Sequence[_OldShard]


class _Manifest(_OldManifest, frozen=True):
    block_bytes: Positive
    shards: Sequence[_Shard]
    digest: Sha256
    excludes: list[_Excluded] = msgspec.field(default_factory=list)
    passed_over: Count = 0


_KINDS: dict[str, type[_OldManifest]] = {FORMAT: _Manifest, UNSEALED: _Unsealed}


def plan(
    distribution: LODistribution, rows: Any, sample_seed: Any, shard_rows: Any, format: str, columns: str
) -> dict[str, Any]:
    """The manifest without its shards and its seal: everything that decides the bytes.

    Raises:
        TypeError: a size or the seed is no integer.
        ValueError: a size below 1, a negative seed, an unknown format or arrangement, more than ``MAX_SHARDS`` files.
    """
    token = np.min_scalar_type(distribution.pad_id).itemsize
    width = -(-distribution.length // 8) if format == "packed" else distribution.length * token
    rows = whole_number(rows, "rows", least=1, most=2**63 - 1)
    size = max(1, _SHARD_BYTES // width) if shard_rows is None else shard_rows
    size = whole_number(size, "shard_rows", least=1, most=2**63 - 1)
    for name, value, choices in (("format", format, get_args(FileFormat)), ("columns", columns, get_args(Columns))):
        if value not in choices:
            raise ValueError(f"{name} must be one of {choices}; got {shown(value)}.")
    check_format(distribution, format, columns)
    if -(-rows // size) > MAX_SHARDS:
        raise ValueError(
            f"{rows} rows in shards of {size} make {-(-rows // size)} files, more than {MAX_SHARDS}; raise shard_rows."
        )
    return {
        "format": FORMAT,
        "distribution": distribution.to_json(),
        "fingerprint": distribution.fingerprint,
        "sample_seed": whole_number(sample_seed, "sample_seed", least=0),
        "rows": rows,
        "shard_rows": size,
        "file_format": format,
        "columns": columns,
        "mask_id": distribution.mask_id,
        "pad_id": distribution.pad_id,
        "block_bytes": BLOCK,
    }


def check_format(distribution: LODistribution, file_format: str, columns: str) -> None:
    """Refuse what a format cannot hold.

    Raises:
        ValueError: packed rows of more than two symbols, or latents apart in an array.
    """
    if file_format == "packed" and distribution.vocabulary != 2:
        raise ValueError(
            f"format 'packed' holds bits; this distribution has {distribution.vocabulary} symbols. "
            "Choose 'npy', 'jsonl' or 'parquet'."
        )
    if columns == "apart" and file_format not in ("jsonl", "parquet"):
        raise ValueError(
            f"columns 'apart' are fields of their own, which {file_format!r} has not; choose format 'parquet' or "
            "'jsonl', or columns 'order', where the latents come first."
        )
    if file_format == "parquet":
        pyarrow()


def n_shards(plan: dict[str, Any]) -> int:
    """Number of files of a plan or manifest."""
    return -(-plan["rows"] // plan["shard_rows"])


def shard_range(number: int, plan: dict[str, Any]) -> tuple[int, int]:
    """The rows ``start..stop-1`` of a shard."""
    start = number * plan["shard_rows"]
    return start, min(start + plan["shard_rows"], plan["rows"])


def shard_name(number: int, plan: dict[str, Any]) -> str:
    """The file of a shard."""
    return f"rows-{number:05d}.{SUFFIXES[plan['file_format']]}"


def read_manifest(path: Path) -> tuple[dict[str, Any], bool]:
    """A manifest, and whether it is sealed; that of before is not, so that nothing tells whether it was changed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no JSON, another format, a field of another type or outside its range, a seal that does not belong
            to it, shards that are not those of its sizes.
    """
    manifest = read_json(path)
    known = manifest.get("format") if isinstance(manifest, dict) else None
    kind = _KINDS.get(known) if isinstance(known, str) else None
    if kind is None:
        raise ValueError(
            f"{path} is no dataset in format {FORMAT!r}; its format is {shown(known)}. "
            "Read it with the version that wrote it, or write it again into an empty directory."
        )
    form = read_form(manifest, kind, what=f"dataset manifest {path}")
    _, sealed = unseal(manifest, what=f"dataset manifest {path}")
    _check_shards(form, manifest, path)
    return manifest, sealed


def _check_shards(form: _OldManifest, manifest: dict[str, Any], path: Path) -> None:
    """The shards are counted before any list is made of what their sizes promise: a size may be any number."""
    listed, count = form.shards, n_shards(manifest)
    fits = len(listed) == count
    for number, shard in enumerate(listed if fits else ()):
        start, stop = shard_range(number, manifest)
        fits = fits and (shard.file, shard.rows) == (shard_name(number, manifest), stop - start)
        if isinstance(form, _Manifest) and isinstance(shard, _Shard):
            fits = fits and len(shard.blocks) == -(-shard.bytes // form.block_bytes)
    if not fits:
        raise ValueError(
            f"{path} promises {form.rows} rows in {count} shards of {form.shard_rows}, but lists {len(listed)} shards "
            f"with {sum(shard.rows for shard in listed)} rows, or other files or blocks. {EDITED}"
        )
