"""Draws every picture of ``docs/`` again from the rows in ``results/``: ``python -m docs.pictures [NAME ...]``.

A picture is a figure of ``lo-theory reproduce``, 150 dots per inch and 256 colours. Equal rows give equal bytes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial.distance import cdist

from analysis.lab.experiment import Experiment, ScaleName
from analysis.lab.rows import Rows, read_csv
from analysis.lab.style import render
from generators.ground.storage import write_atomic

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "results"
DPI, COLOURS, RARE = 150, 256, 64


@dataclass(frozen=True)
class Source:
    """A recorded run and one of its figures, by the name that ``lo-theory reproduce`` gives it."""

    experiment: str
    scale: ScaleName
    figure: str


_OWN: dict[tuple[str, ScaleName], tuple[str, ...]] = {
    ("antibody", "small"): ("antibody",),
    ("bayes", "smoke"): ("bayes",),
    ("bounds", "small"): ("bounds", "bounds_schedules", "bounds_sequences"),
    ("gap", "smoke"): ("gap",),
    ("generative", "smoke"): ("generative", "generative_text"),
    ("growth", "smoke"): ("growth",),
    ("hardness", "long"): ("task_error_map",),
    ("hardness", "smoke"): ("task_error", "likelihood_gap", "order_accuracy"),
    ("inversion", "smoke"): ("inversion",),
    ("keys", "small"): ("keys", "keys_plateau"),
    ("leak", "smoke"): ("leak",),
    ("optimal-order", "small"): ("optimal_order", "optimal_choices", "optimal_pairs"),
    ("order-imbalance", "smoke"): ("order_imbalance",),
    ("orders", "smoke"): ("orders",),
    ("overlap", "smoke"): ("overlap",),
    ("phase", "smoke"): ("phase", "phase_small"),
    ("precision", "small"): ("precision",),
    ("recipes", "small"): ("recipes",),
    ("repeats", "smoke"): ("repeats",),
    ("samplers", "smoke"): ("samplers", "samplers_noised"),
    ("scaling", "smoke"): ("scaling",),
    ("slabs", "smoke"): ("slabs",),
    ("table1", "long"): ("table1_distance",),
    ("table1", "small"): ("table1",),
    ("table2", "smoke"): ("table2",),
    ("table3", "smoke"): ("table3",),
    ("table5", "smoke"): ("table5",),
    ("thresholds", "small"): ("thresholds",),
    ("window", "smoke"): ("window",),
}

PICTURES: dict[str, Source] = {
    **{name: Source(*run, name) for run, names in _OWN.items() for name in names},
    "forward_hash": Source("hardness", "small", "forward_hash"),
    "likelihood_gap_seeds": Source("hardness", "small", "likelihood_gap"),
    "task_error_seeds": Source("hardness", "small", "task_error"),
    "reasoners": Source("reasoners", "smoke", "reasoner_orders"),
    "reasoner_noise": Source("reasoners", "smoke", "reasoner_noise"),
    "reasoning_order": Source("table5", "smoke", "table5_reasoning_order_hard"),
    "table2_long": Source("table2", "long", "table2"),
    "table2_small": Source("table2", "small", "table2"),
    "table3_small": Source("table3", "small", "table3"),
}
"""Name of a picture -> where it comes from."""


def recorded_rows(experiment: str, scale: ScaleName) -> Rows:
    """All rows of a recorded run, file by file."""
    files = sorted((RESULTS / f"{experiment}-{scale}").glob("*.csv"))
    return Rows(row for file in files for row in read_csv(file))


def room(experiment: str) -> Experiment:
    """The experiment of that name."""
    return import_module(f"analysis.figures.{experiment.replace('-', '_')}.report").EXPERIMENT


def draw(names: Iterable[str]) -> dict[str, Figure]:
    """These pictures as figures; the rows of a run are read once."""
    runs: dict[tuple[str, ScaleName], dict[str, str]] = {}
    for name in names:
        source = PICTURES[name]
        runs.setdefault((source.experiment, source.scale), {})[name] = source.figure
    drawn = {}
    for (experiment, scale), wanted in runs.items():
        here = room(experiment)
        figures = here.figures(recorded_rows(experiment, scale), here.sizes[scale])
        drawn |= {name: figures[figure] for name, figure in wanted.items()}
    return drawn


def picture(figure: Figure, name: str) -> bytes:
    """A small PNG: lines and letters need few colours; every pixel has the nearest of them."""
    image = Image.open(io.BytesIO(render(figure, "png", name, dpi=DPI))).convert("RGB")
    colours, inverse, counts = np.unique(
        np.asarray(image).reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    palette = _palette(colours, counts)
    nearest = cdist(colours, palette).argmin(axis=1).astype(np.uint8)
    small = Image.fromarray(nearest[inverse.ravel()].reshape(image.height, image.width), mode="P")
    small.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    small.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _palette(colours: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The most frequent colours (n, 3), and of the others, one by one, that which is farthest from all before it."""
    chosen = list(np.argsort(-counts, kind="stable")[: COLOURS - RARE])
    distance = cdist(colours, colours[chosen]).min(axis=1)
    while len(chosen) < COLOURS and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, cdist(colours, colours[chosen[-1:]])[:, 0])
    return colours[chosen]


def main(names: list[str]) -> None:
    """Write the pictures of these names, all of them if there are none."""
    for name, figure in draw(names or list(PICTURES)).items():
        write_atomic(DOCS / f"{name}.png", picture(figure, name))


if __name__ == "__main__":
    main(sys.argv[1:])
