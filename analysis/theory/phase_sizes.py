"""What the phase figure runs at each scale: degrees, sizes and budgets."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.scales import ScaleName
from analysis.theory.phase_small import Network

DEGREES: dict[str, tuple[float, ...]] = {
    "NAE-3": (0.3, 0.6, 1.0, 1.3, 1.8, 2.4, 3.2, 4.5, 6.0, 9.0),
    "majority": (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0),
    "XOR-3": (1.0, 1.6, 2.2, 2.6, 2.9, 3.3, 4.0, 6.0, 10.0),
    "2-in-4": (1.0, 2.0, 3.2, 3.7, 4.0, 4.4, 4.7, 5.5, 6.5, 8.0, 12.0),
    "1-in-4": (1.0, 2.0, 2.5, 3.1, 3.4, 3.7, 4.6, 5.5, 7.0, 10.0),
    "P4": (1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 7.0, 9.0, 11.0, 15.0),
    "P5": (1.0, 2.0, 3.5, 4.5, 5.2, 6.0, 8.0, 12.0, 20.0),
}
LARGE_SIZES: dict[ScaleName, tuple[int, int, int]] = {
    "smoke": (1000, 250, 3),
    "small": (4000, 1000, 5),
    "paper": (10_000, 3000, 10),
}


@dataclass(frozen=True, kw_only=True)
class SmallSize:
    """Size of the second part: P = 6 N."""

    n_latents: int
    network: Network
    names: tuple[str, ...]
    seeds: int
    samples: int


SMALL_SIZES: dict[ScaleName, SmallSize] = {
    "smoke": SmallSize(n_latents=8, network=Network(steps=200), names=("NAE-3", "2-in-4"), seeds=1, samples=64),
    "small": SmallSize(n_latents=12, network=Network(steps=900), names=tuple(DEGREES), seeds=1, samples=256),
    "paper": SmallSize(
        n_latents=16,
        network=Network(steps=50_000, layers=8, width=256, batch_size=256, learning_rate=1e-3),
        names=tuple(DEGREES),
        seeds=3,
        samples=2048,
    ),
}
