"""From a file to its text or its arrays: compression, archives, byte orders; what is neither is never printed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

_HEAD = 1 << 16
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 24
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_BYTE_ORDERS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_TORCH = "a PyTorch file. In Python: numpy.save('puzzles.npy', torch.load(PATH, weights_only=True).numpy())"
_PICKLE = "a Python pickle, which can run anything when it is read. Save what it holds with numpy.save or as CSV"
_OTHERS = {
    b"\x80\x02": _TORCH,
    b"\x80\x03": _PICKLE,
    b"\x80\x04": _PICKLE,
    b"\x80\x05": _PICKLE,
    b"\x28\xb5\x2f\xfd": "compressed by zstd. Unpack it with zstd -d",
    b"7z\xbc\xaf": "a 7-Zip archive. Unpack it first",
    b"Rar!": "a RAR archive. Unpack it first",
    b"SQLite format 3": "an SQLite data base. Export the table as CSV",
    b"\x89HDF": "an HDF5 file. Save its array with numpy.save",
    b"\xd0\xcf\x11\xe0": "an Excel workbook. Save the sheet as CSV",
    b"%PDF": "a PDF. Copy the puzzles into a text file",
    b"\x89PNG": "a picture. Type the puzzle in",
    b"\xff\xd8\xff": "a picture. Type the puzzle in",
    b"GIF8": "a picture. Type the puzzle in",
    b"ARROW1": "an Arrow file. Write the table as Parquet or CSV",
}
NPY, PARQUET = b"\x93NUMPY", b"PAR1"


@dataclass(frozen=True, eq=False)
class Opened:
    """What a file turned out to be.

    Attributes:
        kind: "text": ``text`` and its ``head`` are there; "npy": ``binary``; "npz": ``archive``; "parquet": only named.
        head: the first 64 thousand characters, which ``text`` does not give again.
    """

    kind: Literal["text", "npy", "npz", "parquet"]
    head: str = ""
    text: io.TextIOWrapper | None = None
    binary: io.BufferedReader | None = None
    archive: zipfile.ZipFile | None = None

    def chunks(self) -> Iterator[str]:
        """The whole text in pieces."""
        assert self.text is not None
        yield self.head
        while piece := self.text.read(_CHUNK):
            yield piece

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line with its number from 1, without its end.

        Raises:
            ValueError: a line beyond 16 MiB.
        """
        number, rest = 0, ""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split("\n")
            for line in whole:
                number += 1
                yield number, line
            if len(rest) > _LONGEST_LINE:
                raise ValueError(f"line {number + 1} has more than {_LONGEST_LINE:,} characters, so it is no puzzle's.")
        if rest:
            yield number + 1, rest


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file of whatever kind; gzip, bzip2, xz and a zip of one file are undone on the way.

    Raises:
        ValueError: a file that is neither text nor an array, with the way out where its kind is known; a damaged
            archive, or one of several files.
        OSError: as the system reports it.
    """
    with ExitStack() as stack:
        raw = cast(io.BufferedReader, stack.enter_context(path.open("rb")))
        name = str(path)
        try:
            yield _unpacked(path, raw, name, stack)
        except (zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
            raise ValueError(f"{path} is a damaged archive: {error}. Fetch or write it again.") from error


def _unpacked(path: Path, raw: io.BufferedReader, name: str, stack: ExitStack) -> Opened:
    for _ in range(4):  # a zip of a gz of ..., but not for ever
        first = raw.peek(16)[:16]
        opener = next((opener for magic, opener in _OPENERS.items() if first.startswith(magic)), None)
        if opener is not None:
            raw = io.BufferedReader(cast(io.RawIOBase, stack.enter_context(opener(raw, "rb"))))
            continue
        if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            archive = stack.enter_context(zipfile.ZipFile(raw))
            inside = _members(archive)
            if inside and all(member.endswith(".npy") for member in inside):
                return Opened("npz", archive=archive)
            member = _only_member(path, inside)
            raw = io.BufferedReader(cast(io.RawIOBase, stack.enter_context(archive.open(member))))
            continue
        return _recognised(path, raw, first, name)
    raise ValueError(f"{path} is an archive within an archive within an archive. Unpack it first.")


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")]


def _only_member(path: Path, inside: list[str]) -> str:
    if any(name.endswith("data.pkl") for name in inside):
        raise ValueError(f"{path} is {_TORCH}.")
    if any(name.startswith("xl/") for name in inside):
        raise ValueError(f"{path} is an Excel workbook. Save the sheet as CSV.")
    if len(inside) != 1:
        shown = ", ".join(ascii(name) for name in inside[:5])
        raise ValueError(
            f"{path} is a zip archive of {len(inside)} files ({shown}{', ...' if len(inside) > 5 else ''}). Unpack it "
            "and name one of them."
        )
    return inside[0]


def _recognised(path: Path, raw: io.BufferedReader, first: bytes, name: str) -> Opened:
    if first.startswith(NPY) or (path.suffix == ".npy" and name == str(path)):
        return Opened("npy", binary=raw)
    if first.startswith(PARQUET):
        return Opened("parquet")
    for magic, what in _OTHERS.items():
        if first.startswith(magic):
            raise ValueError(f"{path} is {what}.")
    encoding = next((known for mark, known in _BYTE_ORDERS.items() if first.startswith(mark)), "utf-8")
    text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None)
    head = text.read(_HEAD)
    strange = sum(character < " " and character not in "\t\n\r\f\x1a" for character in head)
    if strange * 1000 > len(head) or "\0" in head:
        shown = first[:8].hex(" ")
        raise ValueError(
            f"{path} is no text, and no array that NumPy wrote: it begins with the bytes {shown}. Puzzles are read "
            "from text (CSV, JSON, lines, drawn grids), .npy, .npz and Parquet; UTF-16 needs its byte order mark."
        )
    return Opened("text", head=head, text=text)
