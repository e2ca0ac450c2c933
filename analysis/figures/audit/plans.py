"""What the audit runs itself, by scale: units of the other experiments at a small size, and its own measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analysis.figures.audit.measurements import loss as audit_loss
from analysis.figures.audit.measurements import unit as audit_unit
from analysis.figures.audit.measurements import windows as audit_windows
from analysis.figures.audit.measurements.loss import LossUnit
from analysis.figures.audit.measurements.unit import MeasurementUnit
from analysis.figures.audit.measurements.windows import EventsUnit
from analysis.figures.bounds import units as bounds
from analysis.figures.bounds.units import BoundsUnit
from analysis.figures.gap import units as gap
from analysis.figures.gap.units import PopulationUnit
from analysis.figures.inversion import units as inversion
from analysis.figures.inversion.attacks import HashAttack, ParityAttack
from analysis.figures.inversion.units import InversionUnit
from analysis.figures.leak import units as leak
from analysis.figures.leak.units import LeakUnit
from analysis.figures.optimal_order import case as optimal_order_case
from analysis.figures.optimal_order import units as optimal_order
from analysis.figures.optimal_order.units import PosteriorUnit
from analysis.figures.orders.units import KINDS, IdentityUnit
from analysis.figures.slabs import units as slabs
from analysis.figures.slabs.units import SHOWN, WIDTHS, SlabAmpUnit, SlabEvolutionUnit
from analysis.figures.thresholds import units as thresholds
from analysis.figures.window import units as window
from analysis.figures.window.units import RevealedUnit, WindowUnit
from analysis.lab.experiment import ScaleName, Unit
from analysis.planted.cases import CASES
from analysis.planted.curve import CurveUnit
from lo_theory.phases.condensation import Effort

OVERLAPS = "audit_overlap"
POINTS: dict[str, tuple[float, ...]] = {
    "2-in-4": (4.4, 5.0, 5.6),
    "NAE-3": (3.0, 4.5),
    "NAE-3, satisfied": (6.0,),
    "NAE-3, m = 3": (8.0, 12.0),
    "NAE-3, m = 3, satisfied": (25.4, 28.0, 36.0),
    "XOR-3": (6.0,),
}
"""Degrees at which belief propagation is compared with the overlaps that the notes list; 25.4 lies between D_d and
D_cond, 5.0 is D_KS of 2-in-4, and 3-XOR is the control that elimination solves."""

_DOWN: dict[ScaleName, ScaleName] = {"small": "smoke", "paper": "small"}
_AMOUNTS: dict[ScaleName, dict[str, int]] = {
    "smoke": {
        "laws": 30, "symmetric marginals": 20, "naive accuracy": 500, "eliminated parities": 5, "percolation": 3,
        "small N": 24, "dense limit": 3, "search budget": 60, "absent tuples": 3,
    },
    "small": {
        "laws": 200, "symmetric marginals": 100, "naive accuracy": 5000, "eliminated parities": 20, "percolation": 10,
        "small N": 400, "dense limit": 5, "search budget": 400, "absent tuples": 5,
    },
    "paper": {
        "laws": 1000, "symmetric marginals": 400, "naive accuracy": 50_000, "eliminated parities": 100,
        "percolation": 20, "small N": 2000, "dense limit": 10, "search budget": 2000, "absent tuples": 10,
    },
}  # fmt: skip


@dataclass(frozen=True)
class _Instances:
    """Of :data:`POINTS`: N, iterations of belief propagation at most, and seeds."""

    n_latents: int
    iterations: int
    seeds: int


SCALES: tuple[ScaleName, ...] = tuple(_AMOUNTS)
_INSTANCES: dict[ScaleName, _Instances] = {
    "smoke": _Instances(1500, 300, 4),
    "small": _Instances(4000, 1000, 5),
    "paper": _Instances(10_000, 2000, 10),
}
_FEW_PREDICATES = (*thresholds.SIZES["smoke"].predicates, "NAE-3, 1 only", "NAE-3 m=3", "1-in-3, P(1)=1/3")
_ALL_PREDICATES = replace(
    thresholds.SIZES["small"],
    replicas=3,
    updates=3e5,
    largest=Effort(size=1200, burn_in=30, sweeps=80, patience=200, resolution=0.006, points=4, nodes=6),
)


def plans(scale: ScaleName) -> dict[str, Sequence[Unit]]:
    """Units by experiment, in the order in which they are started; experiments without units are only read."""
    return {name: build(scale) for name, build in _PLANS.items()}


def _thresholds(scale: ScaleName) -> Sequence[Unit]:
    if scale == "paper":
        return thresholds.units(thresholds.SIZES[scale])
    few = replace(thresholds.SIZES["smoke"], predicates=_FEW_PREDICATES)
    return thresholds.units(few if scale == "smoke" else _ALL_PREDICATES)


def _leak(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return leak.units(leak.SIZES[_DOWN[scale]])
    points = {"NAE-3, m = 3": (28.0,), "5-colouring": (13.5,)}
    return [
        LeakUnit(case=name, seed=seed, n_latents=1500, degrees=degrees, iterations=250, fresh=2000)
        for name, degrees in points.items()
        for seed in range(3)
    ]


def _gap(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return gap.units(gap.SIZES[_DOWN[scale]])
    names = ("2-in-4", "1-in-3", "NAE-3")
    populations = [PopulationUnit(case=name, seed=seed, size=300) for name in names for seed in range(3)]
    instances = [
        CurveUnit(
            experiment="gap", case=name, asked=CASES[name].shown, seed=seed, n_latents=2000,
            degrees=gap.curve_degrees(name, 5), iterations=250, fresh=10_000,
        )
        for name in names
        for seed in range(4)
    ]  # fmt: skip
    return [*populations, *instances]


def _orders(scale: ScaleName) -> Sequence[Unit]:
    count = {"smoke": 15, "small": 400, "paper": 2000}[scale]
    return [IdentityUnit(kind=kind, distributions=count) for kind in KINDS]


def _window(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return [u for u in window.units(window.SIZES[_DOWN[scale]]) if isinstance(u, WindowUnit)]
    designs = ((100, 5.0), (100, 20.0), (10, None))
    return [WindowUnit(case="2-in-4", n_latents=n, per_latent=p, masks=3000, orders=100) for n, p in designs]


def _revealed(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return [u for u in window.units(window.SIZES[_DOWN[scale]]) if isinstance(u, RevealedUnit)]
    degrees = (3.0, 3.3, 3.6, 3.9, 4.2, 4.5, 4.8)
    return [
        RevealedUnit(case="2-in-4", revealed=share, degrees=degrees, n_latents=2000, iterations=300, seed=seed)
        for share in (0.02, 0.05, 0.12, 0.2)
        for seed in range(2)
    ]


def _slabs(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return slabs.units(slabs.SIZES[_DOWN[scale]])
    lines = [SlabEvolutionUnit(width=width, shown=shown, points=10) for shown in SHOWN for width in WIDTHS]
    points = {1.0: (0.75, 2.0), 0.6745: (1.1, 2.2)}
    drawn = [
        SlabAmpUnit(width=width, shown="both", seed=seed, n_latents=2500, iterations=150, densities=densities)
        for width, densities in points.items()
        for seed in range(3)
    ]
    return [*lines, *drawn]


def _inversion(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return [u for u in inversion.units(inversion.SIZES[_DOWN[scale]]) if not _is_sat(u)]
    attacks = ((HashAttack(), (6, 8, 10, 12)), (ParityAttack(0.1, None), (20, 30, 40)))
    return [InversionUnit(attack=attack, sizes=sizes, runs=48, budget=100_000) for attack, sizes in attacks]


def _is_sat(unit: InversionUnit) -> bool:
    return unit.attack.known_bits is None


def _bounds(scale: ScaleName) -> Sequence[Unit]:
    if scale in _DOWN:
        return bounds.units(bounds.SIZES[_DOWN[scale]])
    instances = bounds.SIZES["smoke"].instances
    return [BoundsUnit(instance=i, seed=seed, sequences=False) for i in instances for seed in range(5)]


def _optimal_order(scale: ScaleName) -> Sequence[Unit]:
    size = optimal_order.SIZES[_DOWN.get(scale, "smoke")]
    return [PosteriorUnit(instance=i, seed=seed) for i in size.instances for seed in range(size.distributions)]


def _overlaps(scale: ScaleName) -> Sequence[Unit]:
    size = _INSTANCES[scale]
    return [
        CurveUnit(
            experiment=OVERLAPS, case=name, asked=CASES[name].shown, seed=seed, n_latents=size.n_latents,
            degrees=degrees, iterations=size.iterations, fresh=2000,
        )
        for name, degrees in POINTS.items()
        for seed in range(size.seeds)
    ]  # fmt: skip


def _own(scale: ScaleName) -> Sequence[Unit]:
    return [MeasurementUnit(name=name, amount=amount) for name, amount in _AMOUNTS[scale].items()]


def _loss(scale: ScaleName) -> Sequence[Unit]:
    return [LossUnit(distributions={"smoke": 10, "small": 100, "paper": 500}[scale])]


_PLANS: dict[str, Callable[[ScaleName], Sequence[Unit]]] = {
    "thresholds": _thresholds,
    audit_unit.EXPERIMENT: _own,
    OVERLAPS: _overlaps,
    "leak": _leak,
    "gap": _gap,
    "slabs": _slabs,
    "revealed": _revealed,
    "window": _window,
    "inversion": _inversion,
    "orders": _orders,
    audit_loss.EXPERIMENT: _loss,
    audit_windows.EXPERIMENT: lambda scale: [EventsUnit()],
    bounds.EXPERIMENT_NAME: _bounds,
    optimal_order_case.EXPERIMENT_NAME: _optimal_order,
    "task_error": lambda scale: [],
}
