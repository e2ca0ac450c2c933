"""Which networks Table 1 is measured on, and where the exact posterior stands alone."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.figures.table1.distance_unit import DistanceUnit
from analysis.figures.table1.long_unit import LongTable1Unit
from analysis.figures.table1.started_unit import StartedUnit
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM
from analysis.measures.long_networks import TABLE_1_NETWORKS
from analysis.measures.paper import TABLE_1
from analysis.measures.rule_sweep import Table1Unit
from analysis.measures.setting import Setting

AtPaperSize = LongTable1Unit | DistanceUnit | StartedUnit
PAPER_SIZES = tuple((line.n_latents, line.n_observations) for line in TABLE_1)


@dataclass(frozen=True, kw_only=True)
class Table1Size:
    """Which networks, how often, and where the exact posterior stands alone.

    Attributes:
        networks: a setting per size of the distribution, ascending.
        seeds: training runs per size.
        posterior_sizes: (N, P) at which the exact posterior is decoded though no network is trained.
        posterior_samples: sequences there.
        in_pieces: every unit goes on from where it was stopped, and has the paper's rules alone.
    """

    networks: tuple[Setting, ...]
    seeds: int
    posterior_sizes: tuple[tuple[int, int], ...] = PAPER_SIZES
    posterior_samples: int
    in_pieces: bool = False


def _network(n_latents: int, n_observations: int, steps: int) -> Setting:
    return Setting(n_latents=n_latents, n_observations=n_observations, steps=steps, generated=500)


def _paper_network(n_latents: int, n_observations: int) -> Setting:
    """The paper's network but for its positions: rotary ones cost 21 points in ``recipes``, learned ones nothing."""
    return Setting(
        n_latents=n_latents, n_observations=n_observations, layers=8, width=384, heads=6, hidden=1536, mlp="swiglu",
        steps=13_000, batch_size=256, learning_rate=4e-4, generated=1000,
    )  # fmt: skip


SIZES: dict[ScaleName, Table1Size] = {
    "smoke": Table1Size(
        networks=(_network(5, 15, 2200),), seeds=1, posterior_sizes=((25, 275), (100, 200)), posterior_samples=32
    ),
    "small": Table1Size(networks=(_network(5, 15, 2200), _network(7, 21, 3000)), seeds=3, posterior_samples=64),
    "long": Table1Size(networks=TABLE_1_NETWORKS, seeds=1, posterior_samples=1000, in_pieces=True),
    "paper": Table1Size(networks=tuple(_paper_network(n, p) for n, p in PAPER_SIZES), seeds=1, posterior_samples=1000),
}


def units(size: Table1Size) -> list[Table1Unit] | list[AtPaperSize]:
    """One per model, size of the distribution and seed: in pieces from the smallest size on, else the longest first."""
    if size.in_pieces:
        return _in_pieces(size)
    networks = [
        Table1Unit(model=MDM, seed=seed, setting=setting)
        for setting in reversed(size.networks)
        for seed in range(size.seeds)
    ]
    trained = {(setting.n_latents, setting.n_observations) for setting in size.networks}
    at_paper_sizes = [
        Table1Unit(
            model=CONTROL, seed=0, rules="paper",
            setting=Setting(n_latents=n, n_observations=p, steps=0, generated=size.posterior_samples),
        )
        for n, p in size.posterior_sizes
        if (n, p) not in trained
    ]  # fmt: skip
    controls = [Table1Unit(model=CONTROL, seed=0, setting=setting) for setting in size.networks]
    return [*networks, *at_paper_sizes, *controls]


def _in_pieces(size: Table1Size) -> list[AtPaperSize]:
    """A network, its distance from the posterior, margin with a start, and the posterior in its place.

    The last knows nothing of how the network is trained.
    """
    found = list[AtPaperSize]()
    for setting in size.networks:
        alone = Setting(
            n_latents=setting.n_latents, n_observations=setting.n_observations, steps=0,
            generated=size.posterior_samples, call_divisors=setting.call_divisors, test_rows=setting.test_rows,
        )  # fmt: skip
        for kind in (LongTable1Unit, DistanceUnit, StartedUnit):
            found += [kind(model=MDM, seed=seed, setting=setting) for seed in range(size.seeds)]
        found.append(LongTable1Unit(model=CONTROL, seed=0, setting=alone))
    return found
