"""The card of a dataset: a ``README.md`` for people, whose header tells ``datasets.load_dataset`` where data are."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators.datasets.formats import MAPPED, SUFFIXES
from generators.distribution import LODistribution
from generators.ground.storage import write_atomic

if TYPE_CHECKING:
    from generators.datasets.splits_file import Split

CARD = "README.md"

_MARK = re.compile(r"<!-- lo-theory card ([0-9a-f]{16}) -->\n\Z")
_LICENCE = "mit"  # that of the generator; rows that a formula makes have no other author
_FORMATS = {
    "npy": "arrays of {dtype}, one row a sequence: `numpy.load(file, mmap_mode='r')`",
    "packed": "arrays of bits, eight to a byte: `numpy.unpackbits(numpy.load(file), axis=1, count={length})`",
    "jsonl": "JSON lines, fields {fields}",
    "parquet": "Parquet, lists of {dtype} in {fields}",
}
_COLUMNS = {
    "position": "A token stands at its position of the sequence.",
    "order": "Latents first, then observations.",
    "apart": "Latents and observations are apart.",
}


def dataset_card(
    distribution: LODistribution, plans: Mapping[str | None, dict[str, Any]], splits: Mapping[str, Split] | None = None
) -> str:
    """The text of a card; it depends on what the dataset is and on nothing else.

    Args:
        plans: of the splits by name, or of the one dataset under None.
        splits: what is known of their repeats.
    """
    rows = sum(plan["rows"] for plan in plans.values())
    first = next(iter(plans.values()))
    parts = [
        _header(distribution, plans, rows),
        f"# {_title(distribution)}\n",
        _what(distribution, first),
        _tables(plans, splits),
        _how(distribution, plans, splits),
    ]
    text = "\n".join(parts) + "\n"
    return f"{text}<!-- lo-theory card {_digest(text)} -->\n"


def is_card(path: Path) -> bool:
    """Whether a file was made by :func:`dataset_card`, and perhaps edited since."""
    return path.is_file() and "lo-theory card" in path.read_text(encoding="utf-8", errors="replace")


def write_card(directory: Path, text: str) -> bool:
    """Write the card, unless somebody has edited the one that is there; whether it was written."""
    path = directory / CARD
    if path.exists():
        present = path.read_text(encoding="utf-8", errors="replace")
        mark = _MARK.search(present)
        if present == text or mark is None or mark[1] != _digest(present[: mark.start()]):
            return False
    write_atomic(path, text.encode())
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _title(distribution: LODistribution) -> str:
    return f"Latents and observations, {distribution.n_latents} and {distribution.n_observations} tokens"


def _header(distribution: LODistribution, plans: Mapping[str | None, dict[str, Any]], rows: int) -> str:
    lines = [
        f"pretty_name: {_title(distribution)}",
        f"license: {_LICENCE}",
        f"size_categories:\n- {_size_category(rows)}",
        "tags:\n- synthetic\n- lo-theory",
    ]
    file_format = next(iter(plans.values()))["file_format"]
    if file_format not in MAPPED:
        lines.append("configs:\n- config_name: default\n  data_files:")
        for name, plan in plans.items():
            folder = "" if name is None else f"{name}/"
            path = f"{folder}rows-*.{SUFFIXES[plan['file_format']]}"
            lines.append(f"  - split: {name or 'train'}\n    path: {path}")
    return "---\n" + "\n".join(lines) + "\n---\n"


def _size_category(rows: int) -> str:
    """As the Hugging Face hub names sizes."""
    if rows < 1000:
        return "n<1K"
    power = int(math.log10(rows) + 1e-12)
    low, high = (f"{10 ** (p % 3)}{'KMBT'[p // 3 - 1]}" for p in (min(power, 12), min(power, 12) + 1))
    return "n>1T" if power >= 12 else f"{low}<n<{high}"


def _what(distribution: LODistribution, plan: dict[str, Any]) -> str:
    nats = distribution.entropy()
    kinds = [form["kind"] for form in plan["distribution"]["functions"]]
    counted = [
        f"{len(f.scopes)} of kind `{kind}`" + (f" with noise {f.noise:g}" if f.noise else "")
        for f, kind in zip(distribution.functions, kinds, strict=True)
    ]
    return (
        f"Sequences of {distribution.length} tokens from range({distribution.vocabulary}): {distribution.n_latents} "
        f"latents, drawn independently with probabilities {_numbers(distribution)}, and {distribution.n_observations} "
        f"observations that are functions of them: {', '.join(counted) or 'none'}. `dataset.json` holds the "
        "distribution itself: which latents each observation reads, its table, and where in the sequence it stands.\n\n"
        "| | |\n|---|---|\n"
        f"| fingerprint of the distribution | `{distribution.fingerprint}` |\n"
        f"| entropy of a sequence | {nats:.6g} nats = {nats / math.log(2):.6g} bits |\n"
        f"| mask id, pad id | {distribution.mask_id}, {distribution.pad_id}; neither occurs in the data |\n"
    )


def _numbers(distribution: LODistribution) -> str:
    shown = ", ".join(f"{p:.4g}" for p in distribution.prior[:8])
    return f"({shown}{', ...' if distribution.alphabet > 8 else ''})"


def _tables(plans: Mapping[str | None, dict[str, Any]], splits: Mapping[str, Split] | None) -> str:
    lines = ["| split | rows | seed of the draws |", "|---|---|---|"]
    if splits:
        lines = [
            "| split | rows | seed of the draws | rows that occur in the splits before | expected |",
            "|---" * 5 + "|",
        ]
    for name, plan in plans.items():
        line = f"| {name or 'train'} | {plan['rows']} | {plan['sample_seed']} |"
        if splits:
            split = splits[name or "train"]
            counted = (
                "not measured" if split.repeated is None else f"{split.repeated} ({split.repeated / split.rows:.2%})"
            )
            expected = "unknown" if split.expected_share is None else f"{split.expected_share:.2%}"
            line += f" {counted} | {expected} |"
        lines.append(line)
    left_out = [
        f"{one.passed_over} rows of the stream of `{one.name}`" for one in (splits or {}).values() if one.passed_over
    ]
    if left_out:
        lines.append(f"\nLeft out, because they occur in the splits before: {', '.join(left_out)}.")
    return "\n".join(lines) + "\n"


def _how(
    distribution: LODistribution, plans: Mapping[str | None, dict[str, Any]], splits: Mapping[str, Split] | None
) -> str:
    first = next(iter(plans.values()))
    fields = "`latents` and `observations`" if first["columns"] == "apart" else "`tokens`"
    dtype = f"uint{8 * (1 if distribution.pad_id < 256 else 2 if distribution.pad_id < 65536 else 4)}"
    form = _FORMATS[first["file_format"]].format(dtype=dtype, length=distribution.length, fields=fields)
    folder = "" if None in plans else f"{next(iter(plans))}/"
    options = f"--rows {first['rows']} --shard-rows {first['shard_rows']} --sample-seed {first['sample_seed']}"
    options += "".join(f" --split {name}={plan['rows']}" for name, plan in list(plans.items())[1:])
    options += " --distinct" if splits and any(plan.get("excludes") for plan in plans.values()) else ""
    options += f" --format {first['file_format']} --columns {first['columns']}"
    return (
        f"Files: {form}. {_COLUMNS[first['columns']]} "
        f"{'`datasets.load_dataset` reads this directory as it is.' if first['file_format'] not in MAPPED else ''}\n\n"
        "Every row follows from the distribution, the seed and its number alone. lo-theory made it, and makes it "
        "again, byte for byte, with\n\n"
        f"```text\nlo-theory generate --out ANOTHER {options} from-file --path {folder}dataset.json\n```\n\n"
        "and checks it with `lo-theory dataset verify`.\n"
    )
