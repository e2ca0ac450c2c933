"""Written text: what units measure, what is drawn of it, and expectations that can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.figures.generative import units as generative_units
from analysis.figures.generative.checks import generative_checks
from analysis.figures.generative.plot import draw_chain, draw_text, singly
from analysis.figures.generative.report import EXPERIMENT, report
from analysis.figures.generative.rules import TEMPERATURE, rules, tempered_rules
from analysis.figures.generative.units import (
    DATA,
    ENTROPY,
    FLOPS,
    JUDGED,
    KL_BLOCKS,
    KL_LAW,
    KL_PATHS,
    PATH,
    READER,
    SIZES,
    GenerativeSize,
    LawUnit,
    NetworkUnit,
    NoiseUnit,
    chain_of,
    noise_of,
    noised_name,
    units,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import CONTROL, MDM, Row, Rows, Subject
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, FIRST_HALF, SECOND_HALF
from analysis.measures.text_networks import TextSetting
from lo_theory.estimate import Estimate
from lo_theory.samplers.menu import BOUND, IN_STEPS, MARGIN, TOP, VANILLA
from tests.analysis.figures.small_text import MODULES, small_text

CPU, ARM = torch.device("cpu"), ARM_NATURAL.name
TINY = TextSetting(length=12, steps=3, batch_size=4, layers=1, width=16, heads=2)
DIALS = {"calls": (12, 4), "bounds": (2.0,)}
TINY_SIZE = GenerativeSize(
    length=12, noises=(0.0, 1.0), samples=200, law_samples=300, written=12, temperatures=(1.0, 0.2), setting=TINY,
    judge=replace(TINY, width=32), seeds=1, **DIALS,
)  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small texts in the places of Python's documentation."""
    for module in MODULES:
        monkeypatch.setattr(f"{module}.text_data", small_text)


def rows_of(unit, tmp_path) -> Rows:
    return Rows(unit.measure(tmp_path, CPU))


class TestPosteriors:
    def test_the_exact_one_is_at_zero_and_at_the_entropy(self, tmp_path):
        rows = rows_of(NoiseUnit(length=12, noise=0.0, samples=200, calls=(12, 4), bounds=()), tmp_path)
        entropy = rows.one(metric=ENTROPY).value
        for rule in (VANILLA, TOP, MARGIN):
            (cost,) = singly(rows.where(metric=JUDGED), rule)
            assert abs(cost.value - entropy) < 4 * cost.standard_error
            assert singly(rows.where(metric=KL_PATHS), rule)[0].value == pytest.approx(0.0, abs=1e-12)
            assert rows.one(metric=KL_PATHS, decoder=rule, at=4.0).value > 0.01  # several tokens per call

    def test_errors_pull_margin_below_the_entropy_and_away(self, tmp_path):
        """A false alarm in 10^4 for each sign."""
        rows = rows_of(NoiseUnit(length=12, noise=1.0, samples=1000, calls=(12,), bounds=()), tmp_path)
        entropy = small_text(CHAIN, 12).floor
        (cost,), (far,) = (singly(rows.where(metric=metric), MARGIN) for metric in (JUDGED, KL_PATHS))
        assert entropy is not None
        assert cost.value < entropy - 4 * cost.standard_error
        assert far.value > 4 * far.standard_error
        for row in rows.where(metric=KL_BLOCKS):
            above = rows.one(metric=KL_PATHS, decoder=row.decoder, at=row.at)
            assert row.value <= above.value + 4 * (row.standard_error + above.standard_error)

    def test_laws_of_short_sequences_lie_between_their_bounds(self, tmp_path):
        rows = rows_of(LawUnit(noise=1.0, length=2, samples=2000), tmp_path)
        assert {row.decoder for row in rows.where(metric=KL_LAW)} == {VANILLA, TOP, MARGIN, BOUND}
        for law in rows.where(metric=KL_LAW):
            above, below = (rows.one(metric=metric, decoder=law.decoder) for metric in (KL_PATHS, KL_BLOCKS))
            assert below.value <= law.value + 4 * below.standard_error
            assert above.value >= law.value - 4 * above.standard_error
            if law.decoder in (TOP, MARGIN):
                assert above.value == pytest.approx(law.value, abs=4 * above.standard_error)

    def test_names_of_noises(self):
        assert [noise_of(noised_name(noise)) for noise in (0.0, 0.25, 1.0)] == [0.0, 0.25, 1.0]
        assert noised_name(0.0) == CONTROL


class TestNetworks:
    def test_on_text_a_network_judges_and_an_equal_one_stands_beside(self, tmp_path):
        unit = next(unit for unit in units(TINY_SIZE) if isinstance(unit, NetworkUnit))
        rows = rows_of(unit, tmp_path)
        assert unit.text == FIRST_HALF
        assert unit.judge_text == SECOND_HALF
        assert rows.one(metric=FLOPS, model=MDM).value == rows.one(metric=FLOPS, model=ARM).value
        assert not rows.where(metric=[KL_PATHS, KL_BLOCKS, ENTROPY])
        assert len(rows.where(metric=JUDGED, model=DATA)) == 1
        assert rows.where(model=ARM, metric=JUDGED).values("at") == [1.0, 0.2]
        cold, warm = (rows.one(metric=PATH, model=ARM, swept=TEMPERATURE, at=at).value for at in (0.2, 1.0))
        assert cold < warm

    def test_on_the_chain_the_truth_judges(self, tmp_path):
        unit = next(u for u in units(TINY_SIZE) if isinstance(u, NetworkUnit) and u.text == CHAIN)
        rows = rows_of(unit, tmp_path)
        for row in rows.where(metric=KL_PATHS):
            where = {"model": row.model, "decoder": row.decoder, "swept": row.swept, "at": row.at}
            cost, own = (rows.one(metric=metric, **where).value for metric in (JUDGED, PATH))
            assert row.value == pytest.approx(cost - own, abs=1e-9)

    def test_a_reader_is_asked_for_before_anything_is_trained(self, tmp_path, monkeypatch):
        unit = replace(next(u for u in units(TINY_SIZE) if isinstance(u, NetworkUnit)), reader="any")
        monkeypatch.setattr(
            generative_units, "require_transformers", lambda: (_ for _ in ()).throw(ModuleNotFoundError)
        )
        with pytest.raises(ModuleNotFoundError):
            rows_of(unit, tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_reader_judges_beside_our_own(self, tmp_path, monkeypatch):
        monkeypatch.setattr(generative_units, "require_transformers", lambda: None)
        monkeypatch.setattr(
            generative_units, "transformers_judge", lambda name, units, device: lambda rows: 0 * rows[:, 0]
        )
        unit = next(u for u in units(replace(TINY_SIZE, reader="any")) if isinstance(u, NetworkUnit))
        rows = rows_of(unit, tmp_path)
        assert len(rows.where(metric=READER)) == len(rows.where(metric=JUDGED))

    def test_text_has_no_truth(self):
        with pytest.raises(ValueError, match="is no chain, so its truth is not known"):
            chain_of(small_text(FIRST_HALF, 12))


def test_rules():
    found = list(rules(12, (12, 3), (0.5,)))
    assert [(rule.name, rule.at) for rule in found if rule.name == MARGIN] == [(MARGIN, 12.0), (MARGIN, 3.0)]
    assert [rule.at for rule in found if rule.name == BOUND] == [0.5]
    assert [rule.temperature for rule in tempered_rules(12, (1.0, 0.5), masked=True)] == [1.0, 0.5]


def written(model: str, rule: str, cost: float, far: float, text: str = CHAIN, error: float = 0.001) -> list[Row]:
    """One rule at one token per call."""
    about = Subject(distribution=text, fingerprint="", model=model, seed=0)
    numbers = {
        JUDGED: cost,
        KL_PATHS: far,
        PATH: cost - far,
        KL_BLOCKS: 0.0,
        "repeated_share": far,
        "distinct_share": 1 - far,
    }
    where = {"decoder": rule, "swept": IN_STEPS, "at": 8.0, "calls": 8.0}
    return [
        about.row(
            "generative", metric, Estimate(value=v, standard_error=error, samples=9, method="monte_carlo"), **where
        )
        for metric, v in numbers.items()
    ]


def story(margin_cost: float, margin_far: float) -> Rows:
    """The exact posterior, noise 1, networks on the chain and on text; margin's numbers are given, vanilla's fixed."""
    exact = Estimate(value=2.0, standard_error=0.0, samples=1, method="exact")
    about = Subject(distribution=CHAIN, fingerprint="", model=DATA, seed=0)
    rows = [about.row("generative", ENTROPY, exact)]
    for rule in (VANILLA, TOP, MARGIN):
        rows += written(CONTROL, rule, 2.0, 0.0)
        for model, text in ((noised_name(1.0), CHAIN), (MDM, CHAIN), (MDM, FIRST_HALF)):
            cost, far = (2.1, 0.1) if rule == VANILLA else (margin_cost, margin_far)
            rows += written(model, rule, cost, far, text)
    rows += [replace(row, model=DATA) for row in written(MDM, MARGIN, 2.0, 0.0, FIRST_HALF) if row.metric == JUDGED]
    return Rows(rows)


def test_expectations_can_fail():
    for cost, far, met in ((1.8, 0.3, True), (2.05, 0.3, False), (1.8, 0.05, False)):
        checks = generative_checks(story(cost, far))
        assert [check.met for check in checks if "costs less under the truth" in check.text] == [met, met]
    spoiled = [
        replace(row, value=0.02) if row.model == CONTROL and row.metric == KL_BLOCKS else row for row in story(1.8, 0.3)
    ]
    (blocks,) = (check for check in generative_checks(Rows(spoiled)) if "blocks of what" in check.text)
    assert blocks.met is False
    assert all(check.met is None for check in generative_checks(story(1.8, 0.3)) if "short sequences" in check.text)


def test_the_figure_says_whether_the_network_does_it_too():
    assert "the network's too" in draw_chain(story(1.8, 0.3)).get_suptitle()
    assert draw_text(story(1.8, 0.3)).get_suptitle().startswith("Real text")
    with pytest.raises(ValueError, match="no rows of generative"):
        draw_chain(Rows())


def test_the_page_has_a_table_of_every_rule():
    rows = story(1.8, 0.3)
    figures = {name: SavedFigure(Path("a.png"), Path("a.svg")) for name in ("generative", "generative_text")}
    page = report(Run(scale="smoke", size=TINY_SIZE, units=[], rows=rows, figures=figures))
    chain, laws, text = (section.tables[0] for section in page.sections)
    assert len(chain.rows) == 9  # three rules of the exact posterior, of noise 1 and of the network
    assert (len(laws.rows), len(text.rows)) == (0, 4)
    assert all("dial" in table.header for table in (chain, text))


def test_the_plan():
    found = units(SIZES["smoke"])
    assert [type(unit).__name__ for unit in found] == ["NetworkUnit"] * 2 + ["NoiseUnit"] * 3 + ["LawUnit"] * 3
    assert EXPERIMENT.scales == ("smoke", "small", "paper")
    assert {unit.reader for unit in units(SIZES["paper"]) if isinstance(unit, NetworkUnit)} == {"gpt2-large", ""}
