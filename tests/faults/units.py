"""Units of an experiment that wait, or kill the process that computes them, as files in their directory say."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure

from analysis.lab.experiment import Experiment, Run, run_units
from analysis.lab.report import FigureItem, Report, Section
from analysis.lab.rows import Row, Rows, Subject
from lo_theory.estimate import Estimate

SLOW, DEADLY = "slow", "deadly"
"""Files: while the first is there, later units take minutes; who finds the second removes it and is killed."""
LONG = 300.0


@dataclass(frozen=True, kw_only=True)
class FaultUnit:
    """Measures its number; the first two are quick, the third may be deadly."""

    number: int

    @property
    def label(self) -> str:
        return f"number {self.number}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        if self.number == 2 and (directory / DEADLY).exists():
            (directory / DEADLY).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.number >= 2 and (directory / SLOW).exists():
            (directory / f"waits-{self.number}").touch()
            time.sleep(LONG)
        about = Subject(distribution=self.label, fingerprint="", model="none")
        number = Estimate(value=self.number / 3, standard_error=0.0, samples=1, method="exact")
        yield about.row("fault", "number", number)


@dataclass(frozen=True, kw_only=True)
class FaultSize:
    units: int


def units(size: FaultSize) -> list[FaultUnit]:
    return [FaultUnit(number=number) for number in range(size.units)]


def figures(rows: Rows, size: FaultSize) -> dict[str, Figure]:
    figure = Figure()
    figure.subplots().plot([row.value for row in rows])
    return {"numbers": figure}


def report(run: Run[FaultSize]) -> Report:
    item = FigureItem(path=run.figures["numbers"].svg, caption="c", alt="a")
    return Report(title="Faults", summary=["s"], sections=[Section(title="s", figures=[item])])


EIGHT = FaultSize(units=8)
FAULTS = Experiment(name="faults", sizes={"smoke": EIGHT}, units=units, figures=figures, report=report)


def main() -> None:
    """Run eight units by two jobs in the directory that is named; an error is a line, as on the command line."""
    try:
        run_units(units(EIGHT), Path(sys.argv[1]), name="faults", jobs=2)
    except OSError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(2)
