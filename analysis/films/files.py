"""A film as a file that anyone can open: one page with a slider, or an animated GIF."""

from __future__ import annotations

from pathlib import Path

from analysis.films.film import Film
from generators.ground.storage import write_atomic

_SUFFIXES = (".html", ".gif")


def check_film_path(path: Path) -> None:
    """Raise unless a film can be written under that name, before there is one.

    Raises:
        ValueError: a suffix other than ``.html`` and ``.gif``.
    """
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"a film is written as .html or .gif; got {str(path)!r}.")


def write_film(film: Film, path: Path) -> None:
    """Write ``path`` as what its suffix says: ``.html`` or ``.gif``.

    Raises:
        ValueError: another suffix.
    """
    check_film_path(path)
    from analysis.films.page import film_page  # these load a plotting library, which decoding alone does without
    from analysis.films.picture import film_gif

    write_atomic(path, film_page(film) if path.suffix == ".html" else film_gif(film))
