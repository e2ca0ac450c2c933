"""Damage by seed: a flipped bit or a cut in a copy of a file, and what its reader makes of it.

A reader refuses a damaged file with a documented error of one line that names it, or answers as from the whole file:
a flip in white space changes nothing. Another answer, given silently, or another exception is a fault.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["refused", "identical", "silent", "crash", "unnamed"]
"""Silent: another answer. Crash: an exception that is not documented. Unnamed: a documented one, but its message does
not name the place, or has several lines."""
DOCUMENTED = (ValueError, OSError)


def flip(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """``content`` with one random bit flipped, and what was done."""
    bit = rng.randrange(8 * len(content))
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    around = bytes(damaged[max(0, bit // 8 - 24) : bit // 8 + 16])
    return bytes(damaged), f"byte {bit // 8} bit {bit % 8}, now {around!r}"


def cut(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """``content`` up to a random place before its end, and what was done."""
    size = rng.randrange(len(content))
    return content[:size], f"cut from {len(content)} to {size} bytes"


@dataclass
class Tally:
    """Verdicts on many damages of one file, and what was seen of each fault."""

    file: str
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.file}: {dict(self.verdicts)}"

    def check(self) -> None:
        """Fail unless every damage was refused or changed nothing, and some were refused."""
        assert not self.faults, "\n".join([str(self), *self.faults[:20]])
        assert self.verdicts["refused"] > 0, str(self)


def damage(
    source: Path,
    file: str,
    read: Callable[[Path], Any],
    *,
    work: Path,
    flips: int,
    cuts: int,
    seed: int = 0,
    documented: tuple[type[Exception], ...] = DOCUMENTED,
) -> Tally:
    """Damage one file of a directory so many times, each in a fresh copy, and read the copy.

    Args:
        source: the whole directory; not touched.
        file: name of the file in it.
        read: from a directory to what the reader learns, comparable by ``==``; may write into the directory.
        work: an empty place for copies.
        documented: the exceptions that the reader may raise.
    """
    rng, tally = random.Random(f"{seed} {file}"), Tally(file)
    content, copy = (source / file).read_bytes(), work / "copy"
    truth = read(_copied(source, copy))
    for harm in [flip] * flips + [cut] * cuts:
        damaged, told = harm(content, rng)
        (_copied(source, copy) / file).write_bytes(damaged)
        verdict, seen = judge(read, copy, truth, documented)
        tally.verdicts[verdict] += 1
        if verdict not in ("refused", "identical"):
            tally.faults.append(f"{verdict}, {told}: {seen}")
    return tally


def judge(
    read: Callable[[Path], Any], directory: Path, truth: Any, documented: tuple[type[Exception], ...] = DOCUMENTED
) -> tuple[Verdict, str]:
    """What a reader makes of a directory whose right answer is ``truth``, and its answer or error."""
    try:
        answer = read(directory)
    except documented as error:
        named = str(directory) in str(error) and "\n" not in str(error)
        return "refused" if named else "unnamed", f"{type(error).__name__}: {error}"
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"
    return ("identical" if answer == truth else "silent"), repr(answer)[:200]


def _copied(source: Path, copy: Path) -> Path:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    return copy
