"""An experiment as a value: computed once, kept, drawn from rows, reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from analysis.lab import experiment, provenance
from analysis.lab.experiment import Experiment, Run, finish, named_seeds, run_units, write_tables
from analysis.lab.report import FigureItem, Report, Section
from analysis.lab.rows import Row, Rows, Subject, read_csv
from analysis.lab.store import RowStore
from lo_theory.estimate import Estimate


@dataclass(frozen=True, kw_only=True)
class Inner:
    structure_seed: int = 5
    seed: int = 6


@dataclass(frozen=True, kw_only=True)
class CoinUnit:
    name: str
    seed: int
    inner: Inner = Inner()
    sample_seed: int = 2
    seeds: int = 9  # how many, not one
    random_seed: str = "text"

    @property
    def label(self) -> str:
        return f"{self.name}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        with (directory / "measured.txt").open("a") as file:
            file.write(f"{self.label}\n")
        about = Subject(distribution=self.name, fingerprint="", model="coin", seed=self.seed)
        yield about.row("coin", "heads", Estimate(value=0.5, standard_error=0.0, samples=1, method="exact"))


@dataclass(frozen=True, kw_only=True)
class CoinSize:
    names: tuple[str, ...]


def units(size: CoinSize) -> list[CoinUnit]:
    return [CoinUnit(name=name, seed=0) for name in size.names]


def figures(rows: Rows, size: CoinSize) -> dict[str, Figure]:
    figure = Figure()
    figure.subplots().plot([row.value for row in rows])
    return {"coins": figure}


def report(run: Run[CoinSize]) -> Report:
    item = FigureItem(path=run.figures["coins"].svg, caption="c", alt="a")
    words = f"{run.scale}: {len(run.units)} units, {len(run.rows)} rows of {', '.join(run.size.names)}"
    return Report(title="Coins", summary=[words], sections=[Section(title="s", figures=[item])])


COINS = Experiment(
    name="coins", sizes={"smoke": CoinSize(names=("fair", "bent"))}, units=units, figures=figures, report=report
)


def test_an_experiment_goes_from_nothing_to_its_report_and_computes_nothing_twice(tmp_path):
    tmp_path.joinpath("run").mkdir()
    page = COINS.reproduce("smoke", tmp_path / "run", jobs=1)
    assert page == tmp_path / "run" / "report.html"
    assert "smoke: 2 units, 2 rows of fair, bent" in page.read_text()
    assert [row.distribution for row in read_csv(tmp_path / "run" / "tables" / "coin.csv")] == ["fair", "bent"]
    assert {path.name for path in (tmp_path / "run" / "figures").iterdir()} == {"coins.png", "coins.svg"}
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.*") if path.name != "report.html"}
    assert COINS.reproduce("smoke", tmp_path / "run", jobs=1) == page
    assert before == {path: path.read_bytes() for path in before}
    assert (tmp_path / "run" / "measured.txt").read_text().splitlines() == ["fair, seed 0", "bent, seed 0"]


def test_a_larger_run_in_the_same_directory_goes_on_from_the_smaller(tmp_path):
    COINS.reproduce("smoke", tmp_path, jobs=1)
    larger = replace(COINS, sizes={"small": CoinSize(names=("bent", "new"))})
    assert "small: 2 units, 2 rows of bent, new" in larger.reproduce("small", tmp_path, jobs=1).read_text()
    assert (tmp_path / "measured.txt").read_text().splitlines() == ["fair, seed 0", "bent, seed 0", "new, seed 0"]


def test_seeds_are_read_off_the_fields():
    assert named_seeds(CoinUnit(name="fair", seed=3)) == {"structure_seed": 5, "seed": 3, "sample_seed": 2}


def test_a_finished_unit_says_its_seeds(tmp_path):
    finish(CoinUnit(name="fair", seed=3), tmp_path)
    (unit,) = RowStore(tmp_path / "units").units()
    assert unit.provenance["seeds"] == {"structure_seed": 5, "seed": 3, "sample_seed": 2}
    write_tables([unit], tmp_path)
    (written,) = json.loads((tmp_path / "provenance.json").read_text())
    assert written["config"]["name"] == "fair"


def test_a_scale_that_the_experiment_does_not_have_is_refused_with_those_that_it_has(tmp_path):
    with pytest.raises(ValueError, match="coins has no scale 'paper'; it has smoke"):
        COINS.reproduce("paper", tmp_path / "run", jobs=1)
    assert list(tmp_path.iterdir()) == []


GROWING = replace(COINS, sizes={"long": CoinSize(names=("fair", "bent", "worn"))}, growing=("long",))


def pages(monkeypatch) -> list[str]:
    """The texts of the pages as they are written."""
    seen = list[str]()
    write = experiment.write_report
    monkeypatch.setattr(
        experiment, "write_report", lambda *told: seen.append((page := write(*told)).read_text()) or page
    )
    return seen


def test_a_growing_scale_shows_what_is_finished_before_the_rest_is(tmp_path, monkeypatch):
    seen = pages(monkeypatch)
    GROWING.reproduce("long", tmp_path, jobs=1)
    assert [f"long: {count} units, {count} rows" in page for page, count in zip(seen, (1, 2, 3), strict=True)]
    assert ["Unfinished: 1 of 3 units" in page for page in seen] == [True, False, False]
    assert ["Unfinished" in page for page in seen] == [True, True, False]
    assert "2 of 3 finished units" in seen[1]
    assert len(read_csv(tmp_path / "tables" / "coin.csv")) == 3


def test_other_scales_write_their_page_once(tmp_path, monkeypatch):
    seen = pages(monkeypatch)
    replace(GROWING, growing=()).reproduce("long", tmp_path, jobs=1)
    assert len(seen) == 1


def test_a_growing_run_that_was_stopped_has_the_page_of_its_finished_units(tmp_path, monkeypatch):
    measure = CoinUnit.measure

    def stopped(unit, directory, device):
        if unit.name == "bent":
            raise KeyboardInterrupt
        return measure(unit, directory, device)

    monkeypatch.setattr(CoinUnit, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        GROWING.reproduce("long", tmp_path, jobs=1)
    assert "Unfinished: 1 of 3 units" in (tmp_path / "report.html").read_text()
    assert [row.distribution for row in read_csv(tmp_path / "tables" / "coin.csv")] == ["fair"]


def test_a_unit_leaves_the_threads_of_the_caller_and_says_the_code_that_it_began_with(tmp_path, monkeypatch):
    """The repository may go on while a unit takes hours."""
    states = iter([("a" * 40, False), ("b" * 40, True)])
    monkeypatch.setattr(provenance, "git_state", lambda file: next(states))
    provenance.checkout.cache_clear()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (kept, _) = run_units(units(CoinSize(names=("fair", "bent"))), tmp_path, name="coins", jobs=1, quiet=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
        provenance.checkout.cache_clear()
    assert (kept.provenance["commit"], kept.provenance["dirty"], kept.provenance["threads"]) == ("a" * 40, False, 1)
    assert next(states)[0] == "b" * 40, "looked at once"
