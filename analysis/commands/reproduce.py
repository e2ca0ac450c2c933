"""``lo-theory reproduce``: an experiment from nothing to its report."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args

from tyro.conf import Positional

from analysis.commands.workspace import require_at_least, usable_device
from analysis.experiment import Experiment
from analysis.scales import ScaleName

Name = Literal[
    "hardness", "bayes", "overlap", "thresholds", "slabs", "phase", "leak", "gap", "orders", "window", "inversion",
    "audit", "samplers", "table1", "recipes", "table2", "table3", "table5", "reasoners",
]  # fmt: skip

_EXPERIMENTS: dict[Name, tuple[str, str]] = {
    "hardness": ("analysis.networks.hardness", "HardnessExperiment"),
    "bayes": ("analysis.theory.bayes", "BayesExperiment"),
    "overlap": ("analysis.theory.overlap", "OverlapExperiment"),
    "thresholds": ("analysis.theory.phase_thresholds", "ThresholdsExperiment"),
    "slabs": ("analysis.theory.slabs", "SlabsExperiment"),
    "phase": ("analysis.theory.phase", "PhaseExperiment"),
    "leak": ("analysis.theory.leak", "LeakExperiment"),
    "gap": ("analysis.theory.gap", "GapExperiment"),
    "orders": ("analysis.theory.orders", "OrdersExperiment"),
    "window": ("analysis.theory.window", "WindowExperiment"),
    "inversion": ("analysis.theory.inversion", "InversionExperiment"),
    "audit": ("analysis.audit.experiment", "AuditExperiment"),
    "samplers": ("analysis.planning.samplers", "SamplersExperiment"),
    "table1": ("analysis.planning.table1_report", "Table1Experiment"),
    "recipes": ("analysis.planning.recipes", "RecipesExperiment"),
    "table2": ("analysis.puzzles.report", "Table2Experiment"),
    "table3": ("analysis.puzzles.report", "Table3Experiment"),
    "table5": ("analysis.puzzles.report", "Table5Experiment"),
    "reasoners": ("analysis.puzzles.reasoners", "ReasonersExperiment"),
}
"""Module and class of each; imported when asked for, as some compile kernels and others load networks."""


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
            parallel decoding costs, exactly. "table1": the paper's Table 1, taken apart. "recipes": training for it.
            "table2", "table3", "table5": Sudoku, Zebra, and Sudokus harder than those of training. "reasoners": what
            the order of decoding does for a reasoner of fixed depth.
        scale: "smoke" takes minutes on two cores, "small" up to an hour, "paper" a large GPU for networks.
        out: directory; runs/NAME-SCALE if not given.
        jobs: units computed at once, one thread each; all processors if not given.
        device: such as cpu or cuda.
    """

    name: Positional[Name]
    scale: ScaleName = "smoke"
    out: Path | None = None
    jobs: int | None = None
    device: str = "cpu"

    def run(self) -> None:
        """Run it and say where the report is."""
        require_at_least(1, jobs=self.jobs)
        usable_device(self.device)
        print(f"report: {self.experiment().run()}")

    def experiment(self) -> Experiment:
        """The experiment itself, not yet run."""
        module, kind = _EXPERIMENTS[self.name]
        directory = self.out or Path("runs") / f"{self.name}-{self.scale}"
        build = getattr(import_module(module), kind)
        return build(scale=self.scale, directory=directory, jobs=self.jobs, device=self.device)


assert set(_EXPERIMENTS) == set(get_args(Name))
