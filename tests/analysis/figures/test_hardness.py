"""The main job at a tiny scale, from nothing to its report; what is finished is never computed again."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.figures.hardness import checks as hardness_checks
from analysis.figures.hardness import forward_hash
from analysis.figures.hardness import report as hardness
from analysis.figures.hardness.forward_hash import ForwardHashUnit
from analysis.figures.hardness.units import learner_units
from analysis.lab.experiment import Experiment, Unit, run_units, write_tables
from analysis.lab.rows import CONTROL, Rows
from analysis.lab.store import RowStore
from analysis.measures import learner as learners
from analysis.measures.likelihood_gap import GAP
from analysis.measures.order_accuracy import AGREEMENT, WHOLE
from analysis.measures.setting import DISTRIBUTIONS, Scale, Setting
from analysis.measures.task_error import KL, SQUARED
from lo_theory.learning import recipe

ROOT = Path(__file__).resolve().parents[3]
SIZES = Setting(
    n_latents=4,
    n_observations=6,
    layers=1,
    width=16,
    heads=2,
    steps=20,
    batch_size=16,
    test_rows=32,
    task_samples=24,
    masked_counts=4,
    generated=32,
    call_divisors=(1, 2),
)
TINY = Scale(planning=SIZES, learning=replace(SIZES, n_latents=5, n_observations=7, steps=10), seeds=1, permutations=1)
TRAINED = 3 * (1 + 5) + 2  # per distribution an MDM to plan with, and an MDM, 2 ARMs and 2 pi-learners; two hashes
UNITS = TRAINED + 3 * 2  # the control of each
TABLES = {"task_error", "likelihood_gap", "order_accuracy", "forward_hash"}


def tiny_hashes(seeds: int) -> list[ForwardHashUnit]:
    small = {"n_latents": 4, "n_observations": 4, "steps": 6, "batch_size": 8, "layers": 1, "width": 16}
    return [
        ForwardHashUnit(scope=scope, seed=seed, test_rows=16, measure_every=4, **small)
        for scope in ("local", "whole")
        for seed in range(seeds)
    ]


def tiny_units(size: Scale) -> list[Unit]:
    return [*learner_units(size), *tiny_hashes(size.seeds)]


def shrunk(size: Scale = TINY) -> Experiment[Scale]:
    """The experiment with another size in the place of its smallest."""
    return replace(hardness.EXPERIMENT, sizes={"smoke": size}, units=tiny_units)


def compute(experiment: Experiment[Scale], directory: Path) -> None:
    """Units and tables only: drawing takes longer than everything else here."""
    units = run_units(experiment.units(experiment.sizes["smoke"]), directory, name="tiny", jobs=1)
    write_tables(units, directory / "tables")


HARDNESS = shrunk()


def table(directory: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((directory / "tables" / f"{name}.csv").read_text().splitlines()))


def refuse(*_, **__):
    raise AssertionError("a finished unit was computed again")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The command finds the small one, too."""
    monkeypatch.setattr(hardness, "EXPERIMENT", HARDNESS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished run, with what it printed left alone; tests that write copy nothing into it."""
    directory = tmp_path_factory.mktemp("hardness")
    assert HARDNESS.reproduce("smoke", directory, jobs=1) == directory / "report.html"
    return directory


@pytest.fixture
def rows(finished) -> Rows:
    return RowStore(finished / "units").rows()


class TestWhatItLeaves:
    def test_a_report_that_needs_no_other_file(self, finished):
        page = (finished / "report.html").read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
        assert page.count("<svg") >= len(TABLES) or page.count("<img") >= len(TABLES)
        for name in DISTRIBUTIONS:
            assert name in page
        assert 'src="http' not in page
        assert str(finished) not in page

    def test_four_figures_in_two_forms(self, finished):
        names = {path.name for path in (finished / "figures").iterdir()}
        assert names == {f"{name}.{form}" for name in TABLES for form in ("png", "svg")}
        assert (finished / "figures" / "task_error.png").read_bytes().startswith(b"\x89PNG")

    def test_tables_hold_the_rows(self, finished, rows):
        assert {path.stem for path in (finished / "tables").glob("*.csv")} == TABLES
        tables = {name: table(finished, name) for name in TABLES}
        assert sum(map(len, tables.values())) == len(rows)
        assert {line["distribution"] for line in tables["likelihood_gap"]} == set(DISTRIBUTIONS)

    def test_a_file_per_unit_with_its_origin(self, finished):
        units = [json.loads(path.read_text()) for path in (finished / "units").iterdir()]
        assert len(units) == UNITS
        assert all(unit["provenance"]["seconds"] > 0 for unit in units)
        origins = json.loads((finished / "tables" / "provenance.json").read_text())
        assert len(origins) == UNITS
        assert all({"config", "provenance"} <= set(origin) for origin in origins)
        assert not list(finished.rglob("*.part"))


class TestWhatIsMeasured:
    def test_the_control_is_perfect(self, rows):
        control = [row for row in rows if row.model == CONTROL]
        assert {row.distribution for row in control} == set(DISTRIBUTIONS)
        assert max(abs(row.value) for row in control if row.metric == GAP) < 1e-9
        assert max(row.value for row in control if row.metric in (KL, SQUARED)) < 1e-9
        assert {row.value for row in control if row.metric in (AGREEMENT, WHOLE)} == {1.0}
        assert {row.decoder for row in control if row.metric == AGREEMENT} == {"vanilla", "top probability", "margin"}

    def test_networks_are_not(self, rows):
        """So that the test above could fail: the same measures of hardly trained networks are far from perfect."""
        network = [row for row in rows if row.model == "mdm"]
        assert min(row.value for row in network if row.metric == GAP) > 0.01
        assert max(row.value for row in network if row.metric == KL) > 0.01
        assert max(row.value for row in network if row.metric == WHOLE) < 1.0

    def test_every_learner_has_a_gap(self, rows):
        models = {row.model for row in rows if row.metric == GAP}
        assert models == {"mdm", "arm natural", "arm reversed", "pi closer 0", "pi uniform 0", CONTROL}
        methods = {row.model: row.method for row in rows if row.metric == GAP}
        assert methods["arm natural"] == methods["pi uniform 0"] == "chain"
        assert methods["mdm"] == methods[CONTROL] == "monte_carlo"

    def test_agreement_is_measured_at_each_number_of_calls(self, rows):
        calls = {(row.model, row.calls) for row in rows if row.metric == AGREEMENT}
        assert calls == {("mdm", 10.0), ("mdm", 5.0), (CONTROL, 10.0)}

    def test_learners_of_one_distribution_share_their_test_rows(self, rows):
        fingerprints = {(row.distribution, row.fingerprint) for row in rows if row.metric == GAP}
        assert len(fingerprints) == len(DISTRIBUTIONS)  # and below, with the rows themselves, in test_learners


class TestASecondStart:
    def test_computes_nothing_and_draws_the_same_figures(self, finished, monkeypatch, capsys):
        parts = [*(finished / "units").iterdir(), *(finished / "training").rglob("*.*")]
        before = {path: path.stat().st_mtime_ns for path in parts}
        figures = {path.name: path.read_bytes() for path in (finished / "figures").iterdir()}
        monkeypatch.setattr(learners, "train_network", refuse)
        monkeypatch.setattr(forward_hash, "train", refuse)
        monkeypatch.setattr(learners, "exact_posterior", refuse)
        assert main(["reproduce", "hardness", "--scale", "smoke", "--out", str(finished), "--jobs", "1"]) == 0
        said = capsys.readouterr()
        assert said.out.splitlines()[-1] == f"report: {finished / 'report.html'}"
        assert said.err == ""  # no bar where stderr is no terminal
        assert {path: path.stat().st_mtime_ns for path in parts} == before
        assert {path.name: path.read_bytes() for path in (finished / "figures").iterdir()} == figures

    def test_computes_lost_units_to_the_same_numbers(self, finished):
        """With its checkpoint, which is then only read, and without it."""
        units, store = HARDNESS.units(TINY), RowStore(finished / "units")
        lost = [units[0], units[-3], units[-1]]
        before = [store.get(unit) for unit in lost]
        for unit in lost:
            store.path(unit).unlink()
        shutil.rmtree(finished / "training" / store.path(lost[0]).stem)
        compute(HARDNESS, finished)
        assert [store.get(unit) for unit in lost] == before

    def test_with_another_seed_computes_that_seed_only(self, finished, monkeypatch):
        """And with it gone again, the tables are those of one seed: a folder's other units do not leak in."""
        trained = []

        def watched(network, objective, source, config, **options):
            trained.append(config.seed)
            return original(network, objective, source, config, **options)

        original = recipe.train
        monkeypatch.setattr(recipe, "train", watched)
        monkeypatch.setattr(forward_hash, "train", watched)
        for size, seeds in ((replace(TINY, seeds=2), {"0", "1"}), (TINY, {"0"})):
            compute(shrunk(size), finished)
            assert {line["seed"] for line in table(finished, "likelihood_gap") if line["model"] == "mdm"} == seeds
            assert trained == [1] * TRAINED
        for path in (finished / "units").iterdir():  # leave it as it was found
            if json.loads(path.read_text())["config"]["seed"] == 1:
                path.unlink()


class TestItsReport:
    def test_checks_name_what_was_met_and_what_was_not(self, finished, rows):
        checks = hardness_checks.control_checks(rows)
        assert [check.met for check in checks] == [True, True, True]
        spoiled = Rows(replace(row, value=row.value + 0.01) if row.model == CONTROL else row for row in rows)
        assert [check.met for check in hardness_checks.control_checks(spoiled)] == [False, False, False]

    def test_hardly_trained_networks_miss_the_goal_and_the_page_says_so(self, rows):
        checks = hardness_checks.effect_checks(rows)
        assert len(checks) == 5 * len(DISTRIBUTIONS)
        goal = [check for check in checks if "agreement by margin" in check.text]
        assert [check.met for check in goal] == [False] * 3


class TestTheCommand:
    def test_its_directory_is_named_after_the_scale(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(Experiment, "reproduce", lambda self, scale, directory, **_: directory)
        assert main(["reproduce", "hardness"]) == 0
        assert capsys.readouterr().out == f"report: {Path('runs') / 'hardness-smoke'}\n"

    def test_a_damaged_unit_is_named(self, finished, capsys):
        path = RowStore(finished / "units").path(HARDNESS.units(TINY)[0])
        whole = path.read_bytes()
        path.write_bytes(whole[:100])
        assert main(["reproduce", "hardness", "--out", str(finished), "--jobs", "1"]) == 2
        said = capsys.readouterr().err
        assert str(path) in said
        assert "Delete it" in said
        path.write_bytes(whole)


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    """Sent to the whole process group, as a terminal does: code 130, a line, nothing half written, and it goes on."""
    program = (
        "import sys; from tests_hardness import HARDNESS, hardness; from analysis.cli.main import main\n"
        "hardness.EXPERIMENT = HARDNESS\n"
        "sys.exit(main(['reproduce', 'hardness', '--out', 'run', '--jobs', '2']))"
    )
    (tmp_path / "tests_hardness.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-c", program]
    units = tmp_path / "run" / "units"
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while not list(units.glob("*.json")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == "interrupted; finished parts are kept, and the same command goes on from there.\n"
    assert list(tmp_path.rglob("*.part")) == []
    kept = {path: path.read_bytes() for path in units.glob("*.json")}
    assert 0 < len(kept) < UNITS
    compute(HARDNESS, tmp_path / "run")
    assert len(list(units.glob("*.json"))) == UNITS
    assert all(path.read_bytes() == before for path, before in kept.items())
