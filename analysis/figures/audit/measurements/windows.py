"""Measurements for the audit: exact probabilities of the events on which the paper's propositions condition, finite N.

Every token is masked independently with probability alpha. In all three propositions the latents must all be masked,
and the number of visible observations must fall where inference is possible and conjectured hard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.stats import binom

from analysis.figures.audit.claim import exact
from analysis.figures.window.units import window_of
from analysis.lab.rows import Row, Subject
from analysis.planted.cases import CASES
from lo_theory.phases.window import Design, no_latent_revealed, window_share, window_steps

EXPERIMENT = "audit_windows"
EVENT, ALL_MASKED, SPARSE_RANGE, SHARE, STEPS, SILENT = (
    "least_probability_of_the_event",
    "least_probability_that_all_latents_are_masked",
    "largest_over_smallest_number_of_observations",
    "share_of_masks_in_the_window",
    "steps_in_the_window",
    "no_latent_revealed",
)
NONEMPTY = "share_of_c_with_an_interval"
LATENTS = "latents"
PROP_33, PROP_B2, PROP_B5 = "Prop. 3.3", "Prop. B.2", "Prop. B.5"
_ALPHAS = 9  # masks probabilities per interval, its ends included
_PARITY_ARITY = 5


@dataclass(frozen=True, kw_only=True)
class EventsUnit:
    """All events at growing N.

    Attributes:
        sizes: N, ascending.
        slab_density: c_beta of Prop. B.5, whose value is not known.
    """

    sizes: tuple[int, ...] = (30, 100, 300, 1000, 10_000, 100_000)
    slab_density: float = 0.5

    @property
    def label(self) -> str:
        """What it is."""
        return "events of the propositions at finite N"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Least probability over the interval of alpha, per proposition and N; lengths of the intervals."""
        for n in self.sizes:
            for name in ("5-colouring, satisfied", "NAE-3, m = 3, satisfied"):
                masked, event = predicate_event(name, n)
                yield _row(f"{PROP_33}, {name}", ALL_MASKED, masked, n)
                yield _row(f"{PROP_33}, {name}", EVENT, event, n)
            yield _row(PROP_B2, EVENT, parity_event(n), n)
            for arity in (3, 4, 5, 6):
                yield _row(f"{PROP_B2}, k = {arity}", SPARSE_RANGE, n ** (0.49 * arity) / (n**2 * math.log(n)), n)
            yield _row(PROP_B5, EVENT, slab_event(n, self.slab_density), n)
        yield _row(PROP_B5, NONEMPTY, nonempty_share(), None)
        yield from _designs()


def predicate_event(name: str, n: int) -> tuple[float, float]:
    """Prop. 3.3: least probabilities over its interval of alpha that all latents are masked, and of the event too.

    The event: between ``D_cond N / (gamma k)`` and ``D_KS N / (gamma k)`` of all N! / (N - k)! observations are
    visible, gamma the share of those with value 1. Degrees are k P / N, as defined there.
    """
    case = CASES[name]
    low, high = window_of(case)
    k, gamma = case.arity, float(case.ensemble.value_rates[1])
    count, scale = math.perm(n, k), gamma * k * n ** (k - 1)
    fewest, most = math.ceil(low * n / (gamma * k)), math.floor(high * n / (gamma * k))
    masked, event = [], []
    for visible in _spread(low / scale, high / scale):
        masked.append((1 - visible) ** n)
        event.append(masked[-1] * _between(count, visible, fewest, most))
    return min(masked), min(event)


def parity_event(n: int) -> float:
    """Prop. B.2, k = 5, P = N^2 log N: all latents are masked and at least P / (4 N) observations are visible."""
    count = math.ceil(n**2 * math.log(n))
    fewest = math.ceil(count / (4 * n))
    return min((1 - v) ** n * _between(count, v, fewest, count) for v in _spread(1 / (2 * n), 1 / n))


def slab_event(n: int, density: float) -> float:
    """Prop. B.5, gamma = 2 c_beta, c = c_beta / 4: all latents masked, fewer than c_beta N observations visible."""
    count = round(2 * density * n**2)
    most = math.ceil(density * n) - 1
    ends = density / 4 * n / count, density / 2 * n / count
    return min((1 - v) ** n * _between(count, v, 0, most) for v in _spread(*ends))


def nonempty_share(points: int = 1000) -> float:
    """Share of 0 < c < c_beta for which ``1 - c_beta N / (2 P) <= 1 - c N / P``: the interval that is displayed."""
    shares = [(i + 0.5) / points for i in range(points)]
    return sum(c <= 0.5 for c in shares) / points


def _designs() -> Iterator[Row]:
    """Exact shares and steps of the window of 2-in-4 on the dense design, and chances that no latent is revealed."""
    case = CASES["2-in-4"]
    low, high = window_of(case)
    for n in (100, 200, 400, 800):
        dense = _design(n, math.perm(n, case.arity), case.arity)
        yield _row("dense", SHARE, window_share(dense, low, high), n)
        yield _row("dense", STEPS, window_steps(dense, low, high), n)
    n, ratio = 10_000, 20
    sparse = _design(n, ratio * n, case.arity)
    limit = (high - low) / case.arity / ratio
    yield _row("sparse", SHARE, window_share(sparse, low, high) / limit, n)
    yield _row("sparse", STEPS, window_steps(sparse, low, high) / (limit * sparse.length), n)
    degree = 2.0
    for power in (2, 3):
        n = 400
        silent = no_latent_revealed(_design(n, n**power, 2), degree - 0.01, degree + 0.01)
        yield _row(f"P = N^{power}", SILENT, silent, n)


def _design(n: int, count: int, arity: int) -> Design:
    return Design(n_latents=n, length=n + count, informative=count, arity=arity)


def _spread(low: float, high: float) -> list[float]:
    """Probabilities of being visible, evenly over the interval."""
    return [low + (high - low) * i / (_ALPHAS - 1) for i in range(_ALPHAS)]


def _between(count: int, chance: float, fewest: int, most: int) -> float:
    return float(binom.cdf(most, count, chance) - binom.cdf(fewest - 1, count, chance))


def _row(name: str, metric: str, value: float, n: int | None) -> Row:
    about = Subject(distribution=name, fingerprint="", model="exact law")
    at: dict[str, float | str] = {} if n is None else {"swept": LATENTS, "at": float(n)}
    return about.row(EXPERIMENT, metric, exact(float(value)), **at)


def by_size(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """N and value, ascending in N."""
    found = sorted((row.at or 0.0, row.value) for row in rows)
    return [n for n, _ in found], [value for _, value in found]
