"""Configuration of the site: pages that are templates, a reference from docstrings, formulas without a script."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.writers.html5 import HTML5Translator

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.numbers import environment  # noqa: E402 - the checkout must be importable first

project = "lo-theory"
copyright = "the authors of lo-theory, MIT licence"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "lo-theory"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and types stand in the docstrings; signatures stay readable
autodoc_default_options = {"members": True, "special-members": "__call__"}
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
nitpicky = True
suppress_warnings = ["ref.python"]  # a report is one thing in the laboratory and another in the tests
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|torch|jaxtyping|hypothesis|joblib|matplotlib|pathlib|typing|collections)(\..*)?"),
    ("py:.*", r"(generators|lo_theory|analysis)\..*"),  # modules behind the public names have no page of their own
    ("py:.*", r"\w+"),  # ... and neither have their functions
    ("py:class", r".*[ '].*"),  # a sentence with a colon that reads like a type
]


def fill_in_numbers(app: Sphinx, docname: str, source: list[str]) -> None:
    """Render a page as a template: its numbers come from ``results/``, and one whose row is gone is an error."""
    source[0] = environment().from_string(source[0]).render()


def set_off(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Make paragraphs of ``Cost:`` and ``Source:``, which napoleon does not know; ``N.`` alone begins no list."""
    found, inside = [], False
    for raw in lines:
        line = re.sub(r"(^\s*|: )([A-Za-z])\.$", r"\1\2\\.", raw)
        title = re.match(r"(Cost|Source): (.*)", line)
        inside = title is not None or (inside and line.startswith("    "))
        found += ["", f"**{title[1]}:** {title[2]}"] if title else [line.strip() if inside else line]
    lines[:] = found


def read_property(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Read a property as a function: napoleon takes what stands before the first colon of a sentence for its type."""
    if isinstance(obj, property) and obj.__doc__:
        lines[:] = str(GoogleDocstring(inspect.cleandoc(obj.__doc__), app.config)).splitlines()


def inline_formula(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula within a sentence as MathML, which browsers show without a script and without a network."""
    translator.body.append(str(tex2mathml(node.astext(), as_block=False)))
    raise nodes.SkipNode


def displayed_formula(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on a line of its own."""
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register what stands above."""
    app.connect("source-read", fill_in_numbers)
    app.connect("autodoc-process-docstring", set_off, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", read_property, priority=900)  # after napoleon
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
