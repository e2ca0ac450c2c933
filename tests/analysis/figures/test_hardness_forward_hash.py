"""Which hash is easy forwards: the units, their curves, and the figure drawn from the rows alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from analysis.figures.hardness import forward_hash
from analysis.figures.hardness.forward_hash import (
    COIN,
    EXPERIMENT_NAME,
    OBSERVATION_NATS,
    ForwardHashUnit,
    forward_hash_units,
)
from analysis.figures.hardness.plot_forward_hash import draw_forward_hash
from analysis.lab.experiment import finish
from analysis.lab.rows import Row, Rows

SMALL = ForwardHashUnit(
    scope="local", n_latents=5, n_observations=4, steps=10, batch_size=16, layers=1, width=16, test_rows=32,
    measure_every=4,
)  # fmt: skip


def point(distribution: str, step: int, value: float, seed: int = 0) -> Row:
    return Row(
        distribution=distribution,
        fingerprint="0" * 16,
        model="arm natural",
        seed=seed,
        experiment=EXPERIMENT_NAME,
        metric=OBSERVATION_NATS,
        value=value,
        standard_error=0.01,
        samples=100,
        method="chain",
        step=step,
    )


def curve(distribution: str, values: list[float], seed: int = 0) -> Rows:
    return Rows(point(distribution, 50 * (i + 1), value, seed) for i, value in enumerate(values))


def texts(figure: Figure) -> list[str]:
    (axes,) = figure.axes
    return [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]


class TestUnits:
    def test_both_hashes_equal_in_everything_else(self):
        units = forward_hash_units(2)
        assert [(u.scope, u.seed) for u in units] == [("local", 0), ("local", 1), ("whole", 0), ("whole", 1)]
        assert len({replace(u, scope="local", seed=0) for u in units}) == 1

    def test_a_scope_is_three_latents_or_all(self):
        local, whole = (replace(SMALL, scope=scope).distribution() for scope in ("local", "whole"))
        assert local.functions[0].scopes.shape == (4, 3)
        assert whole.functions[0].scopes.shape == (4, 5)
        assert local.length == whole.length

    def test_another_scope_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="'local' or 'whole'; got 'global'"):
            finish(replace(SMALL, scope="global"), tmp_path)
        assert list(tmp_path.rglob("*.*")) == []


class TestCurves:
    def test_are_measured_at_every_so_many_steps_and_at_the_last(self, tmp_path):
        rows = finish(SMALL, tmp_path)
        assert [row.step for row in rows] == [4, 8, 10]
        assert {(row.experiment, row.metric, row.distribution) for row in rows} == {
            (EXPERIMENT_NAME, OBSERVATION_NATS, "local hash")
        }
        assert {(row.method, row.samples) for row in rows} == {("chain", 32)}
        assert all(math.isfinite(row.value) and row.standard_error > 0 for row in rows)

    def test_are_kept_and_repeatable(self, tmp_path, monkeypatch):
        rows = finish(SMALL, tmp_path / "a")
        assert finish(SMALL, tmp_path / "b") == rows
        monkeypatch.setattr(forward_hash, "train", None)
        assert finish(SMALL, tmp_path / "a") == rows

    def test_an_interrupted_unit_starts_again_with_its_whole_curve(self, tmp_path, monkeypatch):
        whole = finish(SMALL, tmp_path / "whole")

        def cut_short(*args, on_step, **options):
            def until_five(record):
                on_step(record)
                if record.step == 5:
                    raise KeyboardInterrupt

            return original(*args, on_step=until_five, **options)

        original = forward_hash.train
        monkeypatch.setattr(forward_hash, "train", cut_short)
        with pytest.raises(KeyboardInterrupt):
            finish(SMALL, tmp_path / "cut")
        assert not (tmp_path / "cut" / "units").exists()
        monkeypatch.setattr(forward_hash, "train", original)
        assert finish(SMALL, tmp_path / "cut") == whole

    def test_a_local_hash_is_learned_and_a_whole_one_stays_a_coin(self, tmp_path):
        """At one budget. With 2**16 latent vectors and 100 * 64 training rows a whole hash cannot be memorised."""
        budget = {"n_latents": 16, "n_observations": 4, "steps": 150, "batch_size": 64, "layers": 1, "width": 32}
        last = {}
        for scope in ("local", "whole"):
            unit = ForwardHashUnit(scope=scope, test_rows=256, learning_rate=1e-2, **budget)
            last[scope] = list(unit.measure(tmp_path, torch.device("cpu")))[-1]
        assert last["whole"].value > COIN - 0.02
        assert last["local"].value < last["whole"].value - 5 * last["local"].standard_error


class TestFigure:
    def test_needs_rows_of_this_experiment(self):
        with pytest.raises(ValueError, match="no rows of forward_hash"):
            draw_forward_hash(Rows([replace(point("local hash", 50, 0.1), experiment="task_error")]))

    def test_says_the_last_values_and_shows_the_coin(self):
        figure = draw_forward_hash(
            Rows(curve("local hash", [0.6, 0.3, 0.0125]) + curve("whole hash", [0.7, 0.69, 0.695]))
        )
        said = texts(figure)
        assert said[0] == "local hash: 0.013 nats, whole hash: 0.695 nats"
        assert {"a coin, log 2", "hash of 3 latents", "hash of all latents"} <= set(said)
        (axes,) = figure.axes
        assert any(np.allclose(line.get_ydata(), COIN) for line in axes.lines)

    def test_draws_the_points_of_the_rows_in_the_order_of_the_steps(self):
        rows = curve("local hash", [0.6, 0.3, 0.01])
        figure = draw_forward_hash(rows[::-1])
        drawn = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 3)
        assert drawn.get_xdata().tolist() == [50, 100, 150]
        assert drawn.get_ydata().tolist() == [0.6, 0.3, 0.01]

    def test_averages_seeds(self):
        rows = [row for seed, shift in enumerate((0.0, 0.02, 0.04)) for row in curve("local hash", [0.3 + shift], seed)]
        assert texts(draw_forward_hash(Rows(rows)))[0] == "local hash: 0.320 nats"

    def test_one_hash_alone_and_a_loss_above_the_axis_are_drawn(self):
        """A first measurement may lie above a coin; the axis must show it."""
        figure = draw_forward_hash(curve("whole hash", [1.1, 0.7]))
        low, high = figure.axes[0].get_ylim()
        assert low < 0.0
        assert high > 1.1
