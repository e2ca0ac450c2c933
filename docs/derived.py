"""What pages say of several rows at once: extremes, seeds one by one, verdicts, thresholds, pictures.

Most functions take the name of a recorded run, a folder of ``results/``, and raise LookupError where that run has not
what a page wants to say. :func:`docs.numbers.environment` gives them to the pages beside ``number`` and ``percent``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from analysis.figures.gap.identity import Identity, identity
from analysis.figures.gap.units import SIZES as GAP_SIZES
from analysis.figures.hardness.checks import MARGIN_GOAL
from analysis.figures.hardness.checks import averaged as mean_and_error
from analysis.figures.hardness.forward_hash import COIN, ForwardHashUnit
from analysis.figures.hardness.paper_map import MAP, as_task_errors
from analysis.figures.optimal_order.own_order import closed
from analysis.figures.phase.units import SIZES as PHASE_SIZES
from analysis.figures.precision.compare import Difference, Ratio, differences, error_ratio
from analysis.figures.thresholds.phases import Phases
from analysis.figures.thresholds.phases import phases as phases_of
from analysis.figures.thresholds.predicates import CASES as PREDICATES
from analysis.figures.window.units import coexistence
from analysis.lab.report import show
from analysis.lab.rows import MDM, Rows
from analysis.measures.gap_closed import PUBLISHED as PUBLISHED_SHARES
from analysis.measures.task_error import KL, KL_BACKWARDS, KL_FORWARDS, role_errors
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, OBSERVATION
from analysis.puzzles import paper
from docs.numbers import RESULTS, ROOT, averaged, claims, minutes, row, single
from generators.ground.storage import read_json
from lo_theory.samplers.menu import OWN_ORDER

_BLUR = 0.1  # share of a threshold's degree nearer to which a finite instance says nothing, as in the report of phase


def command(run: str) -> str:
    """The line that measures a recorded run: ``hardness-small`` is ``lo-theory reproduce hardness --scale small``."""
    name, _, scale = run.rpartition("-")
    return f"lo-theory reproduce {name}" + ("" if scale == "smoke" else f" --scale {scale}")


def units(run: str) -> int:
    """How many units a run has."""
    return len(read_json(RESULTS / run / "provenance.json"))


def ran(run: str) -> str:
    """What was run, in a sentence with the command, the folder of its rows, and the minutes."""
    return f"`{command(run)}` ({units(run)} units, {minutes(run)} min of two processors; rows in `results/{run}`)."


def published(predicate: str) -> str:
    """D_cond of a predicate as published, or exact, where it is known."""
    known = PREDICATES[predicate].published
    if known is None:
        raise LookupError(f"nothing is published of {predicate}.")
    return f"{known[0]:g}"


def coin() -> float:
    """Nats that a fair coin costs."""
    return COIN


def paper_arms(number_of_table: int) -> str:
    """Puzzles that the paper's large ARMs solved: in the solver's order, then in a fixed one."""
    lines = {2: paper.TABLE_2, 3: paper.TABLE_3}[number_of_table]
    solved = {line.learner.order: line.solved for line in lines if line.decoder == OWN_ORDER}
    return f"{100 * solved['solver']:.1f}%, {100 * solved['fixed']:.1f}%"


def margin_goal() -> str:
    """The agreement that the report of ``hardness`` asks of margin."""
    return f"{100 * MARGIN_GOAL:.0f}%"


def picture(name: str) -> str:
    """File name of a picture of ``docs/``, drawn as SVG if there is one, else PNG.

    Raises:
        LookupError: neither.
    """
    for suffix in (".svg", ".png"):
        if (ROOT / "docs" / f"{name}{suffix}").exists():
            return name + suffix
    raise LookupError(f"docs/ has no picture {name}.svg or {name}.png.")


def seeds(run: str, experiment: str, digits: int = 1, scale: float = 100.0, unit: str = "%", **fields: Any) -> str:
    """The values of single seeds in their order, ``99.9, 97.1 and 98.0%``; LookupError if there is no such row."""
    found = sorted(single(run, experiment).where(**fields), key=lambda one: one.seed or 0)
    if not found or len({one.seed for one in found}) < len(found):
        raise LookupError(f"results/{run}/{experiment}.csv: one row per seed is wanted of {fields}; got {len(found)}.")
    *first, last = (f"{scale * one.value:.{digits}f}" for one in found)
    return (", ".join(first) + f" and {last}" if first else last) + unit


def span(run: str, experiment: str, digits: int = 1, scale: float = 100.0, unit: str = "%", **fields: Any) -> str:
    """Smallest and largest value among all rows with these fields, ``97.4 to 97.8%``."""
    low, high = (f"{scale * value:.{digits}f}" for value in _extremes(run, experiment, fields))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def largest(run: str, experiment: str, digits: int = 1, scale: float = 100.0, unit: str = "%", **fields: Any) -> str:
    """Largest value among all rows with these fields."""
    return f"{scale * _extremes(run, experiment, fields)[1]:.{digits}f}{unit}"


def scientific(run: str, experiment: str, **fields: Any) -> str:
    """Largest absolute value among all rows with these fields as ``2e-15``: for what is zero but for rounding."""
    worst = max(map(abs, _extremes(run, experiment, fields)))
    return f"{worst:.0e}" if worst else "0"


def calls(run: str, experiment: str, digits: int = 1, **fields: Any) -> str:
    """Network calls per sequence of the one row with these fields."""
    made = row(run, experiment, **fields).calls
    if made is None:
        raise LookupError(f"results/{run}/{experiment}.csv: the row of {fields} has no calls.")
    return f"{made:.{digits}f}"


def points(
    run: str, experiment: str, first: Mapping[str, Any], second: Mapping[str, Any], digits: int = 0, **fields: Any
) -> str:
    """By how many percentage points the first row is above the second; ``fields`` are of both. No interval."""
    above, below = (row(run, experiment, **{**fields, **own}).value for own in (first, second))
    return f"{100 * (above - below):.{digits}f}"


def gap_share(run: str, distribution: str, rule: str) -> str:
    """What an order of the masked networks closes of the gap from their bound to the autoregressive ones, per cent.

    Raises:
        LookupError: the run has not both for the same seeds.
    """
    found = closed(single(run, "optimal_order"), distribution, rule)
    if found is None:
        raise LookupError(f"results/{run}/optimal_order.csv has no {rule} and ARM of the same networks.")
    return show(found, 0, 100.0, "%")


def published_shares() -> str:
    """The largest published shares of that gap: on the text of training, and on others."""
    return " and ".join(f"{share:.0%}" for share in PUBLISHED_SHARES)


def with_error(value: float, error: float, digits: int = 4) -> str:
    """``0.0117 +- 0.0031``, one standard error."""
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def roles(run: str, distribution: str) -> str:
    """Task error of latents against that of observations in nats, and their difference with its 95% interval.

    From three seeds on the interval is Student's, over seeds.
    """
    errors = role_errors(_trained(run, distribution))
    low, high = errors.interval
    difference = f"{errors.difference:.4f} [{low:.4f}, {high:.4f}]"
    return f"{errors.latent:.4f} against {errors.observation:.4f} nats, difference {difference}"


def directions(run: str, distribution: str, digits: int = 4) -> dict[str, str]:
    """Task errors in nats with standard errors: observations ``forwards`` and ``backwards``, and ``latents``."""
    rows = _trained(run, distribution)
    return {
        "forwards": with_error(*mean_and_error(rows, KL_FORWARDS, "observation"), digits),
        "backwards": with_error(*mean_and_error(rows, KL_BACKWARDS, "observation"), digits),
        "latents": with_error(*mean_and_error(rows, KL, "latent"), digits),
    }


def precision_ratio(run: str) -> Ratio:
    """The error of networks trained in bfloat16 over that of networks trained in float32."""
    return error_ratio(single(run, "precision"))


def precision_differences(run: str) -> list[Difference]:
    """bfloat16 less float32, of every distribution, subproblem and rule."""
    return differences(single(run, "precision"))


@cache
def phases(run: str) -> dict[str, Phases]:
    """The thresholds of every predicate by name."""
    return {phase.name: phase for phase in phases_of(single(run, "thresholds"))}


def hard_window(run: str, predicate: str, digits: int = 3) -> str:
    """From D_cond to D_KS of a predicate, ``3.892 to 5.000``."""
    phase = phases(run)[predicate]
    high = f"to {phase.kesten_stigum:.{digits}f}" if math.isfinite(phase.kesten_stigum) else "on, without an upper end"
    return f"{phase.condensation:.{digits}f} {high}"


def hard_predicates(run: str) -> list[str]:
    """Names of the predicates whose latents are determined before local algorithms find them: D_cond below D_KS."""
    return [name for name, phase in phases(run).items() if phase.condensation < phase.kesten_stigum]


@cache
def gaps(run: str) -> list[Identity]:
    """Both sides of the identity of the computational gap, case by case."""
    size = GAP_SIZES["smoke"]
    return [identity(single(run, "gap"), name, size.nodes) for name in size.names]


def overpaid(run: str, *, inside: bool) -> list[float]:
    """What belief propagation from the prior pays above Bayes for an observation, nats, ascending.

    Args:
        inside: at degrees between D_cond and D_KS of predicates with a jump; else well above D_KS of those without.
    """
    excess: list[float] = []
    for name, degrees in PHASE_SIZES["smoke"].degrees.items():
        case, rows = CASES[name], averaged(run, "phase", distribution=name, metric=OBSERVATION)
        known = case.condensation
        jumps = known is not None and known.spinodal is not None
        if jumps is not inside:
            continue
        low, high = (1 + 2 * _BLUR) * case.kesten_stigum, math.inf
        if known is not None and jumps:
            low, high = (1 + _BLUR) * known.degree, (1 - _BLUR) * case.kesten_stigum
        near = [degree for degree in degrees if low <= degree <= high]
        pairs = [(rows.get(degree=degree, start="random"), rows.get(degree=degree, model=BAYES)) for degree in near]
        excess += [reached.value - bayes.value for reached, bayes in pairs if reached and bayes]
    return sorted(excess)


def closing_share(run: str) -> float:
    """The largest share of revealed latents at which some degree still determines what an uninformed start misses."""
    found = coexistence(single(run, "revealed"))
    return max(share for share, degrees in found.items() if any(determined for _, determined in degrees))


def verdicts() -> dict[str, int]:
    """How many claims of the recorded audit hold, fail and are open, and how many there are (``claims``)."""
    said = [claim["verdict"] for claim in claims()]
    return {verdict: said.count(verdict) for verdict in ("holds", "fails", "open")} | {"claims": len(said)}


def judged(verdict: str) -> list[dict[str, Any]]:
    """The claims of the recorded audit with this verdict, in their order."""
    return [claim for claim in claims() if claim["verdict"] == verdict]


def claim(name: str) -> dict[str, Any]:
    """The one claim of the recorded audit with this name; LookupError if there is none, or several."""
    found = [one for one in claims() if one["name"] == name]
    if len(found) != 1:
        raise LookupError(f"one claim {name!r} is wanted; results/audit-smoke/audit.json has {len(found)}.")
    return found[0]


def hash_tables(seed: int = 0) -> list[tuple[int, ...]]:
    """Truth tables of the local functions of the forward-hash figure, eight values each, latents counted in binary."""
    distribution = ForwardHashUnit(scope="local", structure_seed=seed).distribution()
    patterns = np.array(list(itertools.product((0, 1), repeat=3)), dtype=np.int64)
    tables = []
    for function in distribution.functions:
        for number, scope in enumerate(function.scopes):
            columns = np.zeros((distribution.n_latents, len(patterns)), dtype=np.int64)
            columns[scope] = patterns.T
            tables.append(tuple(function.evaluate(columns)[number].tolist()))
    return tables


def parities(tables: list[tuple[int, ...]]) -> int:
    """How many of these tables are the XOR of two or three of their inputs, or its complement."""
    bits = np.array(list(itertools.product((0, 1), repeat=3)))
    xors = [tuple((bits @ chosen % 2).tolist()) for chosen in bits if chosen.sum() > 1]
    return sum(table in xors or tuple(1 - bit for bit in table) in xors for table in tables)


def parity_plateau(tables: list[tuple[int, ...]]) -> float:
    """Nats per observation that a learner pays which knows every function but the parities: their share of log 2."""
    return parities(tables) * math.log(2) / len(tables)


def _trained(run: str, distribution: str) -> Rows:
    """Task errors of its networks: of small distributions, or the map of them at the paper's size."""
    mapped = (RESULTS / run / f"{MAP}.csv").exists()
    rows = as_task_errors(single(run, MAP)) if mapped else single(run, "task_error")
    return rows.where(distribution=distribution, model=MDM)


def _extremes(run: str, experiment: str, fields: Mapping[str, Any]) -> tuple[float, float]:
    rows = averaged(run, experiment, **fields)
    if not rows:
        raise LookupError(f"results/{run}/{experiment}.csv has no row of {dict(fields)}.")
    values = [one.value for one in rows]
    return min(values), max(values)


FUNCTIONS = (
    command, units, picture, seeds, span, largest, scientific, calls, points, with_error, roles, directions,
    phases, hard_window, hard_predicates, gaps, overpaid, closing_share, verdicts, judged, claim, hash_tables, parities,
    parity_plateau, gap_share, published_shares, ran, margin_goal, coin, paper_arms, published,
    precision_ratio, precision_differences,
)  # fmt: skip
