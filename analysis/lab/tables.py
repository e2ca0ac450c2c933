"""The digests of a run's tables: a table that is read back is the one that was written, or is refused.

``digests.json`` lies beside the tables and carries a digest of its own. Runs of before have none: their tables are read
and reported as unchecked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from analysis.lab.forms import DigestsForm
from generators.ground.codec import seal, unseal
from generators.ground.forms import read_form
from generators.ground.storage import read_json, write_json_atomic

DIGESTS, PROVENANCE = "digests.json", "provenance.json"


def write_digests(directory: Path, names: Iterable[str]) -> None:
    """Write ``digests.json`` over these files of a directory."""
    write_json_atomic(directory / DIGESTS, seal({"files": {name: _sha256(directory / name) for name in names}}))


def check_table(path: Path) -> bool:
    """Whether ``digests.json`` beside a file vouches for it; False: it is of before, or of other making.

    Raises:
        ValueError: the file is not what was written, or ``digests.json`` itself is damaged; names it and the way out.
    """
    digests = path.parent / DIGESTS
    if not digests.exists():
        return False
    try:
        form, sealed = unseal(read_json(digests), what="the table of digests")
        if not sealed:
            raise ValueError("the table of digests lacks its own.")
        files = read_form(form, DigestsForm, what="table of digests").files
    except ValueError as error:
        raise ValueError(f"{digests} is damaged: {error} Reproduce the run again, or restore a copy.") from error
    if path.name in files and files[path.name] != _sha256(path):
        raise ValueError(
            f"{path} is damaged, was edited or is of another run: its digest is not the one in {DIGESTS} beside it. "
            "Reproduce the run again, or restore a copy."
        )
    return path.name in files


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
