"""The text that is there wherever Python is: the docstrings of its standard library and the help of its language.

Source files are parsed, never imported. It is another text with every version of Python, and its digest says so.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from generators.text.corpus import Corpus, Splits
from generators.text.units import Bytes, Units

PARTS = ("train", "validation", "test")
_LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
_TOPICS = "pydoc_data/topics.py"
_TENTHS = {0: "validation", 1: "test"}  # of the modules; the other eight tenths are for training
_SHINGLE = 5  # words
_NEAR = 0.25  # share of its shingles from which on a passage is a near-duplicate

Passages = dict[str, list[str]]


def standard_library(units: Units | None = None) -> Splits:
    """Documentation that ships with this Python, for training, validation and test; about 2 MB in all, 5 seconds once.

    A top-level module, or a topic of ``help()``, stands in one part as a whole; a hash of its name says in which. Of
    the docstrings and paragraphs of validation and test those are left out that nearly stand in an earlier part: a
    quarter of their runs of five words are there (of shorter ones, the whole).

    Args:
        units: :class:`~generators.text.units.Bytes` if not given; an alphabet needs an ``other``.
    Raises:
        FileNotFoundError: this Python has no source files of its standard library.
        ValueError: a character that the units lack.
    """
    units = Bytes() if units is None else units
    corpora = []
    for part, passages in apart(documented_modules()).items():
        documents = ["\n\n".join(texts) + "\n" for texts in passages.values() if texts]
        corpora.append(Corpus.of(documents, units=units, name=f"{part} of Python's documentation"))
    return Splits(*corpora)


@cache
def documented_modules() -> dict[str, tuple[str, ...]]:
    """Passages of every top-level module that has docstrings, and of every topic of ``help()``, by name, in order.

    Raises:
        FileNotFoundError: no source files.
    """
    root = Path(sysconfig.get_path("stdlib"))
    modules: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        inside = path.relative_to(root)
        if _LEFT_OUT.isdisjoint(inside.parts):
            found = topics(path) if inside.as_posix() == _TOPICS else {_top(inside): list(docstrings(path))}
            for name, passages in found.items():
                modules.setdefault(name, []).extend(passages)
    if not any(modules.values()):
        raise FileNotFoundError(
            f"{root} holds no source files of Python's standard library, as in some small installations. Use a text of "
            "your own: read_corpus(path)."
        )
    return {name: tuple(modules[name]) for name in sorted(modules) if modules[name]}


def docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a source file, outer ones before inner ones; none of a file that this Python cannot parse."""
    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
    except (SyntaxError, ValueError, OSError):  # templates that are no Python, odd encodings, no permission
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def topics(path: Path) -> dict[str, list[str]]:
    """Paragraphs of ``help()``'s topics, the values of the dictionary that the file holds, as modules of their own."""
    with tokenize.open(path) as file:
        tree = ast.parse(file.read())
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            texts: dict[str, str] = ast.literal_eval(node.value)
            return {f"help({name})": re.split(r"\n{2,}", text.strip()) for name, text in texts.items()}
    return {}


def apart(modules: dict[str, tuple[str, ...]]) -> dict[str, Passages]:
    """Modules by part, near-duplicates of passages in earlier parts left out."""
    parts: dict[str, Passages] = {part: {} for part in PARTS}
    for name, passages in modules.items():
        parts[part_of(name)][name] = list(passages)
    seen: set[int] = set()
    for part, named in parts.items():
        if part != PARTS[0]:
            parts[part] = {name: [text for text in texts if not _near(text, seen)] for name, texts in named.items()}
        for texts in parts[part].values():
            for text in texts:
                seen |= shingles(text)
    return parts


def part_of(name: str) -> str:
    """The part in which a module stands, by a hash of its name: the same whatever other modules there are."""
    return _TENTHS.get(hashlib.sha256(name.encode()).digest()[0] % 10, PARTS[0])


def shingles(text: str) -> set[int]:
    """Hashes of all runs of five words of a passage, in small letters; of all its words if there are fewer."""
    words = re.findall(r"\w+", text.lower())
    runs = (" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1)))
    return {int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest()) for run in runs}


def _near(text: str, seen: set[int]) -> bool:
    own = shingles(text)
    return len(own & seen) >= _NEAR * len(own)


def _top(inside: Path) -> str:
    return inside.parts[0].removesuffix(".py")
