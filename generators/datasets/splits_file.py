"""``splits.json``: which splits a directory has, and what is known of the sequences that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from generators.ground.codec import seal, shown, unseal
from generators.ground.forms import Count, Form, Hex16, Positive, Sha256, read_form
from generators.ground.storage import read_json

FORMAT = "lo-theory/splits/1"
SPLITS = "splits.json"
NAME = r"^[a-z][a-z0-9_]{0,31}$"


class Split(Form, frozen=True):
    """One split of a dataset.

    Attributes:
        sample_seed: of its stream; no two splits have the same.
        repeated: how many of its rows occur in the splits before it, None if that was not measured.
        expected_share: the expectation of that share, from the law; None where it was not computed.
        passed_over: rows of the stream that were left out because they occur in the splits before.
    """

    name: Annotated[str, Meta(pattern=NAME)]
    rows: Positive
    sample_seed: Annotated[int, Meta(ge=0)]
    repeated: Count | None
    expected_share: Annotated[float, Meta(ge=0, le=1)] | None
    passed_over: Count

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class _Splits(Form, frozen=True):
    format: str
    fingerprint: Hex16
    distinct: bool
    splits: Annotated[list[Split], Meta(min_length=1)]
    digest: Sha256


def splits_form(fingerprint: str, splits: list[Split], *, distinct: bool) -> dict[str, Any]:
    """The sealed form of some splits."""
    listed = [split.to_json() for split in splits]
    return seal({"format": FORMAT, "fingerprint": fingerprint, "distinct": distinct, "splits": listed})


def read_splits(directory: str | Path) -> dict[str, Split]:
    """The splits of a directory by name, in their order.

    Raises:
        FileNotFoundError: it has none.
        ValueError: the file is damaged, was edited, or is of another format.
    """
    path = Path(directory) / SPLITS
    if not path.exists():
        raise FileNotFoundError(f"{directory} has no {SPLITS}: there are no splits, or their writing was interrupted.")
    form = read_json(path)
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        found = form.get("format") if isinstance(form, dict) else None
        raise ValueError(f"{path} lists no splits in format {FORMAT!r}; its format is {shown(found)}.")
    read = read_form(form, _Splits, what=f"list of splits {path}")
    unseal(form, what=f"list of splits {path}")
    found = {split.name: split for split in read.splits}
    if len(found) < len(read.splits):
        raise ValueError(f"{path} names a split twice. Write the splits again with the same command.")
    return found
