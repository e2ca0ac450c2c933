"""Every experiment that has a name can be built, at every scale, and nothing is computed by that."""

from __future__ import annotations

from typing import get_args

import pytest

from analysis.commands.reproduce import Name, Reproduce
from analysis.scales import ScaleName


@pytest.mark.parametrize("scale", get_args(ScaleName))
@pytest.mark.parametrize("name", get_args(Name))
def test_an_experiment_is_its_scale_and_its_directory(name, scale, tmp_path):
    experiment = Reproduce(name=name, scale=scale, out=tmp_path / "run", jobs=1).experiment()
    assert (experiment.scale, experiment.directory, experiment.jobs) == (scale, tmp_path / "run", 1)
    units = list(experiment.units)
    assert units
    assert len({(type(unit), str(unit)) for unit in units}) == len(units), "a unit would be computed twice"
    assert not (tmp_path / "run").exists()


def test_without_a_directory_a_run_has_one_of_its_own():
    names = {str(Reproduce(name=name, scale="small").experiment().directory) for name in get_args(Name)}
    assert names == {f"runs/{name}-small" for name in get_args(Name)}
