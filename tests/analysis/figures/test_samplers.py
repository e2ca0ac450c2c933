"""The cost of samplers: rows that keep the exact identities, tie-free instances, figures and report from rows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.samplers.menu import (
    CURVE,
    DRAWN,
    NATURAL,
    RANDOM,
    REVERSED,
    TWO_CALLS,
    VISIBLE_ALONE,
    step_grid,
)
from analysis.figures.samplers.plot import draw_imperfection, draw_samplers
from analysis.figures.samplers.report import EXPERIMENT
from analysis.figures.samplers.units import (
    CALLS,
    CURVE_BOUND,
    KL_FROM_TRUTH,
    NOISED,
    OFF_SUPPORT,
    ONE_PER_CALL,
    STRENGTH,
    TOTAL_VARIATION,
    ExactUnit,
    ImperfectionUnit,
    Instance,
    NoisedUnit,
    SamplersSize,
)
from analysis.lab.experiment import Run
from analysis.lab.report import SavedFigure
from analysis.lab.rows import CONTROL, Rows
from analysis.measures.small_distributions import small_distribution
from lo_theory.laws.information_curve import exact_curve
from lo_theory.samplers.menu import BOUND, IN_STEPS, MARGIN, TOP

BINARY = Instance(kind="NAE-SAT", n_latents=3, n_observations=2)
TERNARY = Instance(kind="hash of three symbols", n_latents=2, n_observations=3)


def values(unit, tmp_path):
    rows = list(unit.measure(tmp_path, torch.device("cpu")))
    return {(r.decoder, r.swept, r.at, r.metric): r.value for r in rows}


@pytest.mark.parametrize("instance", [BINARY, TERNARY], ids=["binary", "ternary"])
def test_exact_rows_keep_the_identities(instance, tmp_path):
    found = values(ExactUnit(instance=instance), tmp_path)
    length = instance.n_latents + instance.n_observations
    for rule in VISIBLE_ALONE:
        assert found[rule, ONE_PER_CALL, 1.0, KL_FROM_TRUTH] < 1e-12
        assert found[rule, ONE_PER_CALL, 1.0, CALLS] == pytest.approx(length)
    assert found[DRAWN, ONE_PER_CALL, 1.0, KL_FROM_TRUTH] > 1e-3
    assert found[TWO_CALLS, IN_STEPS, 2.0, KL_FROM_TRUTH] < 1e-12
    assert found[BOUND, "nats", 0.0, KL_FROM_TRUTH] < 1e-12
    at_once = [v for (_, dial, at, metric), v in found.items() if (dial, at, metric) == (IN_STEPS, 1.0, KL_FROM_TRUTH)]
    assert np.ptp(at_once) < 1e-12  # all rules are one when everything is revealed in one step
    curve = exact_curve(instance.distribution())
    assert found[CURVE, IN_STEPS, 1.0, CURVE_BOUND] == pytest.approx(curve.total_correlation().value)
    for steps in step_grid(length):
        assert found[CURVE, IN_STEPS, steps, CURVE_BOUND] <= found[RANDOM, IN_STEPS, steps, CURVE_BOUND] + 1e-12
        assert found[CURVE, IN_STEPS, steps, KL_FROM_TRUTH] <= found[CURVE, IN_STEPS, steps, CURVE_BOUND] + 1e-12


def test_margin_and_top_probability_part_from_three_symbols_on(tmp_path):
    for instance, same in ((BINARY, True), (TERNARY, False)):
        found = values(NoisedUnit(instance=instance, noise=1.0, doubt=0.1, seed=0), tmp_path)
        pairs = [
            (value, found[TOP, dial, at, metric])
            for (rule, dial, at, metric), value in found.items()
            if rule == MARGIN and metric == TOTAL_VARIATION
        ]
        assert (max(abs(margin - top) for margin, top in pairs) < 1e-12) == same


def test_errors_grow_with_their_strength_and_have_a_seed(tmp_path):
    unit = ImperfectionUnit(instance=BINARY, hardness="everywhere", strengths=(0.0, 2.0), doubt=0.0, seed=0)
    found = values(unit, tmp_path)
    assert found[RANDOM, STRENGTH, 0.0, KL_FROM_TRUTH] < 1e-12 < 1e-3 < found[RANDOM, STRENGTH, 2.0, KL_FROM_TRUTH]
    assert found == values(unit, tmp_path)
    assert found != values(replace(unit, seed=1), tmp_path)
    doubtful = values(replace(unit, hardness="at inversions", strengths=(0.5,)), tmp_path)
    assert doubtful[NATURAL, STRENGTH, 0.5, KL_FROM_TRUTH] < 1e-12  # only inversions are in doubt
    assert doubtful[REVERSED, STRENGTH, 0.5, OFF_SUPPORT] > 0.05


def test_ties_do_not_favour_the_latents():
    """A tie goes to the lower position, so latents must not all stand in front."""
    for kind in ("NAE-SAT", "hash of three symbols", "noisy parity"):
        distribution = small_distribution(kind, 4, 4, 0)
        assert sorted(distribution.latent_positions) != [0, 1, 2, 3]
        assert distribution.fingerprint == small_distribution(kind, 4, 4, 0).fingerprint
        assert distribution.fingerprint != small_distribution(kind, 4, 4, 1).fingerprint


def test_the_experiment_goes_from_nothing_to_its_report(tmp_path):
    tiny = replace(EXPERIMENT, sizes={"smoke": SamplersSize(instances=(BINARY,), seeds=1)})
    page = tiny.reproduce("smoke", tmp_path, jobs=1).read_text()
    assert page.count("<figure>") == 3
    assert len(list((tmp_path / "figures").iterdir())) == 6
    assert "at most 0.0e+00" in page or "e-1" in page
    before = (tmp_path / "tables" / "samplers.csv").read_bytes()
    tiny.reproduce("smoke", tmp_path, jobs=1)
    assert (tmp_path / "tables" / "samplers.csv").read_bytes() == before


def test_a_biased_rule_fails_its_check(tmp_path):
    """The check is not true by construction: with a wrong row in place it says so."""
    rows = Rows(ExactUnit(instance=BINARY).measure(tmp_path, torch.device("cpu")))
    spoiled = Rows(
        replace(r, value=0.1) if (r.decoder, r.swept, r.metric) == (MARGIN, ONE_PER_CALL, KL_FROM_TRUTH) else r
        for r in rows
    )
    figure = SavedFigure(tmp_path / "a.png", tmp_path / "a.svg")
    names = ("samplers", "samplers_noised", "samplers_imperfection")
    figures: dict[str, SavedFigure] = dict.fromkeys(names, figure)
    size = SamplersSize(instances=(BINARY,), seeds=0)
    for given, met in ((rows, True), (spoiled, False)):
        report = EXPERIMENT.report(Run(scale="smoke", size=size, units=[], rows=given, figures=figures))
        assert next(c for c in report.checks if "see visible tokens alone" in c.text).met is met


def test_figures_need_rows_and_take_any_metric(tmp_path):
    with pytest.raises(ValueError, match="no rows of samplers"):
        draw_samplers(Rows())
    with pytest.raises(ValueError, match="growing strength"):
        draw_imperfection(Rows())
    rows = Rows(ExactUnit(instance=BINARY).measure(tmp_path, torch.device("cpu")))
    assert len(draw_samplers(rows, metrics=(OFF_SUPPORT, TOTAL_VARIATION, KL_FROM_TRUTH)).axes) == 3
    with pytest.raises(ValueError, match=NOISED):
        draw_samplers(rows, model=NOISED)
    assert CONTROL in {row.model for row in rows}
