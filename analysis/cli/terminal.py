"""What a terminal cannot spell is written in the nearest ASCII, so that no output ends in an encoding error."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

NEAREST = "lo_theory_nearest"
"""Name of the codec error handler: frames become ``+--+``, blocks ``#``, a letter loses its accent, the rest ``?``."""

_ALIKE = dict.fromkeys("─━═╌┄╴╶╸╺", "-") | dict.fromkeys("│┃║╎┆╵╷╹╻", "|") | dict.fromkeys("░▒▓█▉▊▋▌▍▎▏▁▂▃▄▅▆▇", "#")
_ALIKE |= {"·": ".", "•": "*", "…": "...", "—": "-", "≤": "<=", "≥": ">=", "→": "->"}
_ALIKE |= {"±": "+-", "≠": "!=", "∞": "inf"}


def write_what_can_be_written() -> None:
    """From now on, standard output and error replace characters outside their encoding instead of raising."""
    codecs.register_error(NEAREST, _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what stands in for it in a notebook takes any character
            stream.reconfigure(errors=NEAREST)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if character in _ALIKE:
        return _ALIKE[character]
    if "\u2500" <= character <= "\u257f":  # what is left of the frames: corners and crossings
        return "+"
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
