"""``lo-theory reproduce``: an experiment from nothing to its report."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from tyro.conf import Positional

from analysis.cli.numbers import require_at_least
from analysis.lab.scale import ScaleName

Name = Literal[
    "hardness", "bayes", "overlap", "thresholds", "slabs", "phase", "leak", "gap", "orders", "window", "inversion",
    "audit", "samplers", "optimal-order", "bounds", "table1", "recipes", "keys", "precision", "growth", "scaling",
    "repeats", "generative", "order-imbalance", "table2", "table3", "table5", "reasoners", "antibody",
]  # fmt: skip


@runtime_checkable
class Reproducible(Protocol):
    """An :class:`~analysis.lab.experiment.Experiment`, or the audit, whose units depend on the runs that it finds."""

    @property
    def scales(self) -> tuple[ScaleName, ...]:
        """Those that it has, ascending."""
        ...

    def reproduce(
        self, scale: ScaleName, directory: Path, *, jobs: int | None = None, device: str = "cpu", quiet: bool = False
    ) -> Path:
        """From nothing to the report; returns its file."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Run an experiment: rows, figures and a report in one directory. Finished parts are kept and skipped.

    Attributes:
        name: "hardness": the main figures, of trained networks. "bayes": the loss of a perfect model at the paper's
            sizes. "overlap": belief propagation on planted instances. "thresholds": where inference becomes possible
            and where easy, by population dynamics. "slabs": the same for random slabs. "phase": loss of Bayes, belief
            propagation and networks against the degree. "leak": with and without observations of value 0. "gap": the
            computational gap as an area. "orders": every order has one likelihood. "window": how often masks hit the
            hard window. "inversion": the cost of inverting. "audit": every claim with its verdict. "samplers": what
            parallel decoding costs, exactly. "optimal-order": the best order there is, and what others lose to it.
            "bounds": bounds on parallel decoding beside its exact loss, and the best schedule.
            "table1": the paper's Table 1, taken apart. "recipes": training for it. "keys": networks that see no hidden
            tokens. "precision": training in bfloat16. "growth": what training costs as N grows. "scaling": what equal
            compute buys on text. "repeats": few rows, met again and again. "generative": written text,
            how probable it is and how far from the truth. "order-imbalance": one masked model along many orders.
            "table2", "table3", "table5": Sudoku, Zebra, and Sudokus harder than those of training. "reasoners": what
            the order of decoding does for a reasoner of fixed depth. "antibody": a pretrained model of proteins, its
            likelihood by order and its infilling by rule (extra "hf", and two wheels: make antibody).
        scale: "smoke" takes minutes on two cores, "small" up to an hour, "long" hours in pieces ("hardness", "recipes",
            "scaling", "table1", "table2", "table3" and "table5" have it), "paper" a large GPU for networks.
        out: directory; runs/NAME-SCALE if not given.
        jobs: units computed at once, one thread each; all processors if not given.
        cluster: address of a Dask scheduler whose workers compute the units, such as tcp://host:8786 (extra "cluster").
        device: such as cpu or cuda.
        quiet: show no progress and no line for each unit; results are printed all the same.
    """

    name: Positional[Name]
    scale: ScaleName = "smoke"
    out: Path | None = None
    jobs: int | None = None
    cluster: str | None = None
    device: str = "cpu"
    quiet: bool = False

    def run(self) -> None:
        """Run it and say where the report is."""
        from analysis.cli.cluster import cluster
        from analysis.cli.workspace import usable_device

        require_at_least(1, jobs=self.jobs)
        chosen = at_scale(self.name, self.scale)
        if self.cluster is None:  # else it is the workers' device
            usable_device(self.device)
        directory = self.out or Path("runs") / f"{self.name}-{self.scale}"
        with cluster(self.cluster, self.jobs) as jobs:
            page = chosen.reproduce(self.scale, directory, jobs=jobs, device=self.device, quiet=self.quiet)
        print(f"report: {page}")


def experiment(name: Name) -> Reproducible:
    """The experiment of that name; imported when asked for, as some compile kernels and others load networks."""
    return import_module(f"analysis.figures.{name.replace('-', '_')}.report").EXPERIMENT


def at_scale(name: Name, scale: ScaleName) -> Reproducible:
    """:func:`experiment`, which has that scale.

    Raises:
        ValueError: it has not; the message names those that have.
    """
    found = experiment(name)
    if scale in found.scales:
        return found
    others = [other for other in get_args(Name) if scale in experiment(other).scales]
    have = f"{', '.join(others)} {'has' if len(others) == 1 else 'have'} a scale {scale!r}"
    raise ValueError(f"{have}; {name} has {', '.join(found.scales)}.")
