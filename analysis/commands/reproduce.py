"""``lo-theory reproduce``: an experiment from nothing to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from analysis.bayes import BayesExperiment
from analysis.commands.workspace import require_at_least, usable_device
from analysis.experiment import Experiment
from analysis.hardness import HardnessExperiment
from analysis.overlap import OverlapExperiment
from analysis.scales import ScaleName

_EXPERIMENTS: dict[str, Callable[..., Experiment]] = {
    "hardness": HardnessExperiment,
    "bayes": BayesExperiment,
    "overlap": OverlapExperiment,
}


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Run an experiment: rows, figures and a report in one directory. Finished parts are kept and skipped.

    Attributes:
        name: the experiment: "hardness" (the main figures), "bayes" (the loss of a perfect model at the paper's
            sizes), "overlap" (belief propagation on planted instances).
        scale: "smoke" takes minutes on two cores, "small" half an hour, "paper" a large GPU.
        out: directory; runs/NAME-SCALE if not given.
        jobs: networks trained at once, one thread each; all processors if not given.
        device: such as cpu or cuda.
    """

    name: Positional[Literal["hardness", "bayes", "overlap"]]
    scale: ScaleName = "smoke"
    out: Path | None = None
    jobs: int | None = None
    device: str = "cpu"

    def run(self) -> None:
        """Run it and say where the report is."""
        require_at_least(1, jobs=self.jobs)
        usable_device(self.device)
        directory = self.out or Path("runs") / f"{self.name}-{self.scale}"
        experiment = _EXPERIMENTS[self.name](scale=self.scale, directory=directory, jobs=self.jobs, device=self.device)
        print(f"report: {experiment.run()}")
