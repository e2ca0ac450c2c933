"""The map of task errors at the paper's size: rows of its own, positions where they are drawn, a perfect control."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.figures.hardness.map_report import map_report
from analysis.figures.hardness.paper_map import MAP, PAPERS_LATENTS, MapUnit, as_task_errors
from analysis.figures.hardness.plot_paper_map import draw_paper_map
from analysis.figures.hardness.report import EXPERIMENT, SIZES
from analysis.figures.hardness.units import units
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.forward_loss import FORWARD
from analysis.measures.setting import Setting
from analysis.measures.task_error import EXPERIMENT_NAME as TASK_ERROR
from analysis.measures.task_error import KL, SQUARED

TINY = Setting(
    n_latents=12, n_observations=24, steps=2, layers=1, width=16, heads=2, batch_size=8, test_rows=60,
    task_samples=40, masked_counts=4,
)  # fmt: skip
NETWORK = MapUnit(model=MDM, seed=0, setting=TINY)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    return Rows(row for model in (MDM, CONTROL) for row in replace(NETWORK, model=model).measure(directory, CPU))


def test_is_of_the_papers_size_and_one_network():
    found = units(SIZES["long"])
    assert [unit.label for unit in found] == [f"NAE-SAT (20, 280), {model}, seed 0" for model in (MDM, CONTROL)]
    changed = replace(SIZES["long"], planning=replace(SIZES["long"].planning, width=32))
    assert units(changed)[1] == found[1]
    assert list(SIZES) == ["smoke", "small", "long", "paper"]


def test_its_rows_are_not_those_that_other_figures_read(rows):
    assert {row.experiment for row in rows} == {MAP}
    assert {row.distribution for row in rows} == {"NAE-SAT (12, 24)"}
    assert not rows.where(experiment=TASK_ERROR)
    assert len(as_task_errors(rows)) == len(rows)


def test_positions_are_those_of_the_network_and_of_the_papers_case(rows):
    single = Rows(row for row in rows if row.position is not None)
    assert set(single.values("model")) == {MDM}
    assert {row.latents_masked for row in single.where(metric=SQUARED)} == {PAPERS_LATENTS}
    assert {row.position for row in single.where(metric=SQUARED)} == set(range(36))
    means = Rows(row for row in rows.where(metric=SQUARED, model=MDM) if row.position is None)
    assert {row.latents_masked for row in means} == set(range(1, 12))


def test_the_exact_posterior_has_no_error_and_the_network_has(rows):
    errors = rows.where(metric=(KL, SQUARED, FORWARD))
    assert max(row.value for row in errors.where(model=CONTROL)) < 1e-9
    assert min(row.value for row in errors.where(model=MDM, metric=FORWARD)) > 0.1


def test_the_figure_and_the_page_say_what_the_rows_say(rows, tmp_path):
    figure = draw_paper_map(rows)
    case = rows.one(model=MDM, metric=SQUARED, latents_masked=PAPERS_LATENTS, role="latent", position=None)
    texts = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert f"means: latents {case.value:.1g}, observations" in texts
    means = rows.where(model=MDM, metric=KL, position=None)
    worst = max(row.value for row in means)
    far = [36 - row.n_masked for row in means if row.value > worst / 2]
    assert figure.get_suptitle() == (
        f"Far from the exact posterior with {min(far)} to {max(far)} of 36 tokens visible: {worst:.2g} nats at most"
    )
    assert 0 <= min(far) < max(far) < 36
    run = Run(
        scale="long", size=replace(SIZES["long"], planning=TINY), units=[], rows=rows,
        figures={MAP: SavedFigure(tmp_path / "a.png", tmp_path / "a.svg")},
    )  # fmt: skip
    page = map_report(run)
    assert page.title.endswith("NAE-SAT (12, 24)")
    checks = {check.text: check.met for check in page.checks}
    assert checks["control: task error of the exact posterior"] is True
    assert len(checks) == 4
    wrong = map_report(replace(run, rows=Rows(replace(r, model=CONTROL) if r.model == MDM else r for r in rows)))
    assert wrong.checks[0].met is False


def test_a_figure_needs_rows_of_its_model(rows):
    with pytest.raises(ValueError, match="no task error of a model 'mdm'; got rows of"):
        draw_paper_map(rows.where(model=CONTROL))


def test_from_nothing_to_the_report(tmp_path):
    size = replace(SIZES["long"], planning=replace(TINY, task_samples=4, masked_counts=2))
    page = replace(EXPERIMENT, sizes={"long": size}).reproduce("long", tmp_path, jobs=1)
    assert "Task errors at the paper&#39;s size" in page.read_text()
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {f"{MAP}.png", f"{MAP}.svg"}
    assert {path.name for path in (tmp_path / "tables").glob("*.csv")} == {f"{MAP}.csv"}
