"""Pages: templates of plain HTML and CSS that a phone and a printer can show, filled in with every text escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(template: str, room: str = "analysis.lab", **values: Any) -> str:
    """The template of a room, filled in.

    Args:
        template: file name, beside the room's modules.
        room: package that the template lies in.
        values: text is escaped; what is HTML already is ``markupsafe.Markup``.
    """
    return _environment(room).get_template(template).render(values)


@cache
def _environment(room: str) -> Environment:
    return Environment(
        loader=PackageLoader(room, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
