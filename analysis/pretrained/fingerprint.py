"""What tells one folder of a model from another, wherever it lies: a digest of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_TELLING = (".json", ".txt", ".model", ".py", ".safetensors", ".bin")
_PIECE = 16 << 20
WHOLE = 256 << 20  # bytes of a file that is read to its end, in a second or so
PLACES, PLACE = 256, 64 << 10  # of a longer one, so many pieces of so many bytes


def folder_fingerprint(folder: Path, whole: int = WHOLE, places: int = PLACES) -> str:
    """16 hexadecimal digits of the names, sizes and contents of a model's files, and of nothing else about them.

    Of a file longer than ``whole`` bytes the first 16 MiB are read and ``places`` pieces of 64 KiB, evenly spaced, the
    last of them its end: all of a large model takes minutes. A change that lies between the pieces altogether is not
    seen; one to every layer, as fine-tuning makes it, is.

    Args:
        whole: a longer file is read in pieces.
        places: pieces of such a file, at least 2.
    Raises:
        OSError: a file that cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in _TELLING and path.is_file()):
        digest.update(f"{path.name} {path.stat().st_size}".encode())
        for piece in _pieces(path, whole, places):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(path: Path, whole: int, places: int) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= whole:
            while piece := file.read(_PIECE):
                yield piece
            return
        yield file.read(_PIECE)
        last = max(0, size - PLACE)
        for i in range(places):
            file.seek(last * i // (places - 1))
            yield file.read(PLACE)
