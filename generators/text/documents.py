"""Texts as they lie about: files, folders, JSON lines, Parquet columns and public datasets, a piece at a time.

Every reader is an iterator over documents, and a document an iterator over its pieces; no more than a piece or a record
is in memory. The bounds of pieces depend on the text alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generators.ground.codec import shown
from generators.ground.optional import optional_library

Document = Iterable[str]
"""The pieces of one text, in order."""
PIECE = 2**20
"""Characters that are read at once; a piece goes on to the end of its line, for at most as many again."""


def read_documents(
    place: str | Path, *, field: str = "text", encoding: str = "utf-8", errors: str = "strict", pattern: str = "**/*"
) -> Iterator[Document]:
    """The documents of a path: a folder of text files, ``.jsonl``, ``.parquet``, or any other file as one text.

    Args:
        field: of the records of JSON lines, or the column of a Parquet file.
        encoding, errors: as :func:`open` takes them; by default what is no UTF-8 is an error.
        pattern: of the files of a folder.
    Raises:
        FileNotFoundError: there is no such path, or a folder has no such file.
        ModuleNotFoundError: a Parquet file, and pyarrow is not installed.
        ValueError: what is no text, with its file and its place.
    """
    path = Path(place)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; a corpus is a text file, a folder of them, .jsonl or .parquet. Names of public "
            "datasets are for hugging_face(name)."
        )
    if path.is_dir():
        return folder(path, pattern=pattern, encoding=encoding, errors=errors)
    if path.suffix in (".jsonl", ".ndjson"):
        return json_lines(path, field=field, encoding=encoding, errors=errors)
    if path.suffix == ".parquet":
        return parquet_column(path, column=field)
    return iter([text_file(path, encoding=encoding, errors=errors)])


def text_file(path: str | Path, *, encoding: str = "utf-8", errors: str = "strict") -> Iterator[str]:
    """The pieces of one file, its line ends as they are.

    Raises:
        ValueError: bytes that are not of the encoding; the message names their place.
    """
    try:
        with open(path, encoding=encoding, errors=errors, newline="") as file:
            while piece := file.read(PIECE):
                yield piece + file.readline(PIECE)
    except UnicodeDecodeError as error:
        raise ValueError(_undecodable(Path(path), encoding, error)) from error
    except LookupError as error:
        raise ValueError(f"{error}; encoding is one that Python knows, such as 'latin-1'.") from error


def folder(
    path: str | Path, *, pattern: str = "**/*", encoding: str = "utf-8", errors: str = "strict"
) -> Iterator[Document]:
    """A document for each file below a folder, in the order of their paths; hidden ones are passed over.

    Raises:
        FileNotFoundError: no file fits the pattern.
    """
    root = Path(path)
    inside = (file for file in root.glob(pattern) if file.is_file())
    files = sorted(file for file in inside if not any(part[0] == "." for part in file.relative_to(root).parts))
    if not files:
        raise FileNotFoundError(f"{root} has no file that fits {pattern!r}. Name another folder or pattern.")
    return (text_file(file, encoding=encoding, errors=errors) for file in files)


def json_lines(
    path: str | Path, *, field: str = "text", encoding: str = "utf-8", errors: str = "strict"
) -> Iterator[Document]:
    """A document for each line, an object whose ``field`` is the text; empty lines are passed over.

    Raises:
        ValueError: a line that is no such object; the message names it.
    """
    try:
        with open(path, encoding=encoding, errors=errors) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield [_text_of(line, field, f"{path}, line {number}")]
    except UnicodeDecodeError as error:
        raise ValueError(_undecodable(Path(path), encoding, error)) from error


def parquet_column(path: str | Path, *, column: str = "text") -> Iterator[Document]:
    """A document for each row of a Parquet file, 1024 rows at a time; rows without a text (null) are passed over.

    Raises:
        MissingLibraryError: pyarrow is not installed.
        ValueError: no such column, or one that holds no text.
    """
    parquet = optional_library("pyarrow.parquet", f"{path}, a Parquet file,")
    with parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if column not in names:
            raise ValueError(f"{path} has no column {column!r}; it has {', '.join(names)}. Say which: field=...")
        for batch in file.iter_batches(batch_size=1024, columns=[column]):
            for text in batch.column(0).to_pylist():
                if text is not None:
                    yield [_checked(text, column, str(path))]


def hugging_face(
    name: str, config: str | None = None, *, split: str = "train", field: str = "text", **options: Any
) -> Iterator[Document]:
    """A document for each row of a dataset of the Hugging Face hub, or of a local folder, streamed (extra ``hf``).

    Args:
        name, config, split, options: as ``datasets.load_dataset`` takes them.
        field: the column of texts.
    Raises:
        MissingLibraryError: the library is not installed; the message says how to.
        ValueError: no such column.
    """
    datasets = optional_library("datasets", f"reading {name!r} from the Hugging Face hub")
    rows: Any = datasets.load_dataset(name, config, split=split, streaming=True, **options)
    for row in rows:
        if field not in row:
            raise ValueError(f"{name} has no column {field!r}; it has {', '.join(row)}. Say which: field=...")
        if row[field] is not None:
            yield [_checked(row[field], field, name)]


def _text_of(line: str, field: str, where: str) -> str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON: {error}. Each line of a .jsonl file is one object.") from error
    if not isinstance(record, dict) or field not in record:
        has = f"fields {', '.join(record)}" if isinstance(record, dict) else f"value {shown(record)}"
        raise ValueError(f"{where} has no field {field!r}, but the {has}. Say which holds the text: field=...")
    return _checked(record[field], field, where)


def _checked(text: Any, field: str, where: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{where}: {field!r} holds {shown(text)} ({type(text).__name__}), which is no text.")
    return text


def _undecodable(path: Path, encoding: str, error: UnicodeDecodeError) -> str:
    """Where the first wrong byte stands: what read the file knows its place within a buffer alone."""
    try:
        path.read_bytes().decode(encoding)
    except UnicodeDecodeError as exact:
        error = exact
    return (
        f"{path} is no {encoding}: byte {error.start} is 0x{error.object[error.start]:02x} ({error.reason}). Name its "
        "encoding, such as encoding='latin-1', or read it with errors='replace'."
    )
