"""Numbers of the docs and the README: every one comes from a recorded row, with its rounding and interval.

Pages are Jinja2 templates. ``{{ percent("hardness-smoke", "order_accuracy", decoder="margin", ...) }}`` finds the rows
of ``results/hardness-smoke/order_accuracy.csv`` with these fields, averages them over seeds and shows the one number
that is left, as ``99.9% [99.8, 99.9]``. A page whose rows change changes with them, and one whose rows are gone does
not build.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.lab.averages import combine_seeds, mean_calls
from analysis.lab.report import show
from analysis.lab.rows import Row, Rows, read_csv

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


@cache
def single(run: str, experiment: str) -> Rows:
    """The rows of one experiment of a recorded run, every seed by itself."""
    return read_csv(RESULTS / run / f"{experiment}.csv")


@cache
def table(run: str, experiment: str) -> Rows:
    """The rows of one experiment of a recorded run, averaged over seeds."""
    return _averaged(single(run, experiment))


def averaged(run: str, experiment: str, **fields: Any) -> Rows:
    """The rows of :func:`table` with these fields; only they are averaged, so a page with few numbers is quick."""
    kept = single(run, experiment).where(**{name: value for name, value in fields.items() if name != "calls"})
    return _averaged(kept).where(**({"calls": fields["calls"]} if "calls" in fields else {}))


def _averaged(rows: Rows) -> Rows:
    rules = rows.by("distribution", "model", "decoder", "swept", "at").values()
    return combine_seeds(row for rule in rules for row in (mean_calls(rule) if _decides_itself(rule) else rule))


def _decides_itself(rows: Rows) -> bool:
    """Whether a rule settles its number of calls itself: no seed has it at several."""
    return bool(rows.values("calls")) and all(len(own.values("calls")) == 1 for own in rows.by("seed").values())


def row(run: str, experiment: str, **fields: Any) -> Row:
    """The one row with these fields.

    Raises:
        LookupError: none, or several; the message says how many.
    """
    try:
        return averaged(run, experiment, **fields).one(**fields)
    except LookupError as error:
        raise LookupError(f"results/{run}/{experiment}.csv: {error}") from error


def number(
    run: str, experiment: str, digits: int = 3, scale: float = 1.0, unit: str = "", interval: bool = True, **fields: Any
) -> str:
    """Value and 95% interval, rounded; ``interval=False`` leaves the value alone."""
    text = show(row(run, experiment, **fields), digits, scale, unit)
    return text if interval else text.split(" [")[0]


def percent(run: str, experiment: str, digits: int = 1, interval: bool = True, **fields: Any) -> str:
    """:func:`number` in per cent."""
    return number(run, experiment, digits, 100.0, "%", interval, **fields)


def minutes(run: str, **fields: Any) -> str:
    """Minutes that the units of a recorded run took, as two processors share them.

    Args:
        fields: of a unit or of its setting; units with others are left out.
    Raises:
        LookupError: no unit has them.
    """
    units = json.loads((RESULTS / run / "provenance.json").read_text(encoding="utf-8"))
    chosen = [
        unit for unit in units if fields.items() <= {**unit["config"].get("setting", {}), **unit["config"]}.items()
    ]
    if not chosen:
        raise LookupError(f"results/{run}/provenance.json has no unit with {fields}.")
    spent = sum(unit["provenance"]["seconds"] for unit in chosen) / 120
    return "less than 1" if spent < 1 else f"{spent:.0f}"


@cache
def claims() -> list[dict[str, Any]]:
    """Every claim of the recorded audit, as ``lo-theory reproduce audit`` wrote it."""
    return json.loads((RESULTS / "audit-smoke" / "audit.json").read_text(encoding="utf-8"))


def paper_accuracy(rule: str, n_latents: int | None = None) -> str:
    """The paper's Table 1 by ``vanilla`` or ``margin``: at one size, or from the best to the worst of all."""
    from analysis.measures.paper import TABLE_1

    values = sorted(100 * getattr(line, rule) for line in TABLE_1 if n_latents in (None, line.n_latents))
    return f"{values[-1]:.1f}%" if n_latents else f"{values[-1]:.1f} to {values[0]:.1f}%"


def paper_solved(number_of_table: int, rule: str) -> str:
    """Puzzles that the masked model of the paper's Table 2, 3 or 5 solved by a rule."""
    from analysis.puzzles import paper

    lines = getattr(paper, f"TABLE_{number_of_table}")
    return f"{100 * next(line.solved for line in lines if line.decoder == rule):.1f}%"


def environment() -> Environment:
    """Templates with the functions of this module and of those built upon it; an unknown name is an error."""
    from docs import cost_curve, derived, estimates, expectations, samples, text_tables

    made = Environment(loader=FileSystemLoader(ROOT / "docs"), undefined=StrictUndefined, keep_trailing_newline=True)
    own = (row, number, percent, table, minutes, claims, paper_accuracy, paper_solved)
    upon = (derived, estimates, expectations, samples, text_tables, cost_curve)
    functions = (*own, *(function for module in upon for function in module.FUNCTIONS))
    made.globals |= {function.__name__: function for function in functions}
    return made
