"""Writes ``README.md`` from its template ``docs/README.md.j2``: ``python -m docs.render``, from the checkout."""

from __future__ import annotations

from docs.numbers import ROOT, environment

README = ROOT / "README.md"
TEMPLATE = "README.md.j2"


def readme() -> str:
    """The README as its template and the recorded rows make it."""
    return environment().get_template(TEMPLATE).render()


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
