"""Scores by item and by rule: files for both, and the table with the paper's numbers beside ours."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.lab.rows import Row, Subject
from analysis.pretrained.paper_table import NOT_STATED, RULES, SOURCE, PaperTask, RuleName
from analysis.pretrained.programs import NOT_EXECUTED
from generators.ground.storage import write_atomic
from lo_theory.estimate import mean_estimate, share_estimate, wilson_interval
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA

EXPERIMENT_NAME = "table4"
_LINE = "{:16} {:32} {:>6}  {:14} {:>5} {:>6} {:>6}"
_NAMES: dict[RuleName, str] = {"vanilla": VANILLA, "top-probability": TOP, "margin": MARGIN}
_WIDTH = 100
_FIRST = ("task", "rule", "key", "tokens", "calls", "executed")


@dataclass(frozen=True)
class ItemScore:
    """What one item got by one rule.

    Attributes:
        tokens, calls: decoded tokens, calls of the model.
        text: the answer.
        scores: by name, in [0, 1]; a share where all items have 0 or 1.
        executed: of a program, what came of it.
    """

    rule: RuleName
    key: str
    tokens: int
    calls: int
    text: str
    scores: dict[str, float]
    executed: str = ""


def write_items(path: Path, task: str, items: Sequence[ItemScore]) -> None:
    """One line per item and rule under a header; a score that an item does not have is an empty cell."""
    names = list(dict.fromkeys(name for item in items for name in item.scores))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, (*_FIRST, *names, "text"), restval="", lineterminator="\n")
    writer.writeheader()
    for item in items:
        cells = {"task": task, "rule": item.rule, "key": item.key, "tokens": item.tokens, "calls": item.calls}
        writer.writerow({**cells, "executed": item.executed, **item.scores, "text": item.text})
    write_atomic(path, text.getvalue().encode("utf-8", "backslashreplace"))


def summary(about: Subject, items: Sequence[ItemScore]) -> list[Row]:
    """Mean of every score by rule, over items; of shares with Wilson's interval, of others with the normal one."""
    rows = list[Row]()
    for rule in _rules(items):
        mine = [item for item in items if item.rule == rule]
        calls = float(np.mean([item.calls for item in mine]))
        for name in dict.fromkeys(name for item in mine for name in item.scores):
            values = np.array([item.scores[name] for item in mine if name in item.scores])
            rows.append(_row(about, rule, name, calls, values))
    return rows


def _rules(items: Sequence[ItemScore]) -> list[RuleName]:
    return [rule for rule in RULES if any(item.rule == rule for item in items)]


def _row(about: Subject, rule: RuleName, name: str, calls: float, values: np.ndarray) -> Row:
    where = {"decoder": _NAMES[rule], "calls": calls}
    if np.isin(values, (0.0, 1.0)).all():
        right, n = int(values.sum()), len(values)
        low, high = wilson_interval(right, n)
        return about.row(EXPERIMENT_NAME, name, share_estimate(right, n), low=low, high=high, **where)
    alone = {"low": 0.0, "high": 1.0} if len(values) == 1 else {}  # one text says nothing of others
    return about.row(EXPERIMENT_NAME, name, mean_estimate(values), **alone, **where)


def printed(task: PaperTask, rows: Sequence[Row], items: Sequence[ItemScore]) -> str:
    """The table, in percent: ours with its interval, and the paper's number beside the measure that it may be."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    beside = lead(task, metrics)
    lines = [_LINE.format("rule", "measure", "ours", "95%", "items", "calls", "paper")]
    for metric in dict.fromkeys((beside, *metrics)):
        lines += [_line(task, rule, metric, beside, rows) for rule in _rules(items)]
    if any(item.executed == NOT_EXECUTED for item in items):
        lines.append(f"Programs: {NOT_EXECUTED}, so no share of them passed or failed; --execute-code runs them.")
    lines += textwrap.wrap(" ".join([f"Paper: {SOURCE}.", NOT_STATED, task.beside]), _WIDTH)
    return "\n".join(lines)


def lead(task: PaperTask, metrics: Sequence[str]) -> str:
    """The measure that the paper's number stands beside: one of the task's, with any filter of lm-eval."""
    found = [name for wanted in task.metrics for name in metrics if name.partition(",")[0] == wanted]
    return found[0] if found else task.metrics[0]


def _line(task: PaperTask, rule: RuleName, metric: str, beside: str, rows: Sequence[Row]) -> str:
    paper = f"{task.paper[rule]:.4g}" if metric == beside and rule in task.paper else "-"
    mine = [row for row in rows if (row.decoder, row.metric) == (_NAMES[rule], metric)]
    if not mine:
        return _LINE.format(rule, metric, "-", "-", "-", "-", paper)
    row = mine[0]
    low, high = (100 * max(0.0, min(1.0, end)) for end in row.interval)
    ours, between = f"{100 * row.value:.1f}", f"[{low:.1f}, {high:.1f}]"
    return _LINE.format(rule, metric, ours, between, row.samples, f"{row.calls:.4g}", paper)
