"""``lo-theory merge``: finished rows of several machines in one directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from tyro.conf import Positional

from analysis.cli.reproduce import Name, experiment


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Put finished rows of one experiment, computed in several directories, into one; what contradicts is refused.

    `lo-theory reproduce NAME --out OUT` then finds them finished, computes what is missing, and draws and reports.

    Attributes:
        directories: of the runs, two or more; they are only read. Checkpoints stay where they are.
        out: directory of the merged run, made if needed; rows in it are kept, and must agree with the others.
    """

    directories: Positional[tuple[Path, ...]]
    out: Path

    def run(self) -> None:
        """Merge, and say how many units came from where."""
        from analysis.lab.merging import merge_runs

        merged = merge_runs(self.directories, self.out, of_one_experiment)
        parts = ", ".join(f"{number} of {directory}" for directory, number in merged.taken.items())
        print(f"{self.out}: {merged.units} finished units, {merged.rows} rows ({parts}).")


def of_one_experiment(kinds: set[str], names: Sequence[Name] = get_args(Name)) -> bool:
    """Whether one experiment of these names has units of all these kinds; loads them until one has."""
    from analysis.figures.audit.plans import plans
    from analysis.lab.experiment import Experiment

    for name in names:
        one = experiment(name)
        if isinstance(one, Experiment):
            units = list(one.units(one.sizes["smoke"]))
        else:
            units = [unit for some in plans("smoke").values() for unit in some]
        if kinds <= {type(unit).__name__ for unit in units}:
            return True
    return False
