"""Figures come from rows alone, say only what the rows say, and are the same file for the same rows."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure

from analysis.figures.hardness.plot_likelihood_gap import draw_likelihood_gap
from analysis.figures.hardness.plot_order_accuracy import draw_order_accuracy
from analysis.figures.hardness.plot_task_error import draw_task_error
from analysis.lab.rows import CONTROL, Row, Rows
from analysis.lab.style import save_figure
from analysis.measures.order_accuracy import NaiveLines
from analysis.measures.task_error import RoleErrors, role_errors


def row(**changes) -> Row:
    fields = {
        "distribution": "NAE-3", "fingerprint": "0" * 16, "model": "mdm", "seed": 0, "experiment": "task_error",
        "metric": "kl_nats", "value": 0.25, "standard_error": 0.01, "samples": 64, "method": "monte_carlo",
    }  # fmt: skip
    return Row(**fields | changes)


def task_rows(latent: float = 0.4, observation: float = 0.1, error: float = 0.01, seed: int = 0) -> Rows:
    rows = []
    roles = {"latent": (latent, [3, 0]), "observation": (observation, [1, 2, 4])}
    for n in (1, 2, 5):
        for role, (value, positions) in roles.items():
            common = {"role": role, "n_masked": n, "standard_error": error, "seed": seed}
            rows += [row(position=i, value=value + 0.01 * i, **common) for i in positions]
            rows += [row(value=value, **common), row(value=0.0, model=CONTROL, **common)]
            rows += [row(metric="squared_log_ratio", value=value, latents_masked=n, **common)]
    return Rows(rows)


def gap_rows(values: dict[str, float], seeds: int = 3) -> Rows:
    common = {"experiment": "likelihood_gap", "metric": "gap_nats_per_token", "method": "chain"}
    rows = [
        row(model=model, seed=seed, value=value * (1 + 0.01 * seed), standard_error=0.01 * value, **common)
        for model, value in values.items()
        for seed in range(seeds)
    ]
    return Rows([*rows, row(model=CONTROL, seed=None, value=0.0, standard_error=0.0, **common)])


def order_rows(margin: float = 0.98, half: float = 0.01) -> Rows:
    shares = {"vanilla": 0.86, "top probability": 0.93, "margin": margin}
    return Rows(
        row(
            experiment="order_accuracy", metric="agreement", model=model, decoder=rule, calls=calls, standard_error=half
            / 2, value=share if model == "mdm" else 1.0, low=share - half, high=min(1.0, share + half),
        )
        for model in ("mdm", CONTROL) for rule, share in shares.items() for calls in (2.0, 8.0)
    )  # fmt: skip


def cells(axes: Axes) -> np.ndarray:
    """The numbers of a map."""
    mesh = next(child for child in axes.get_children() if isinstance(child, QuadMesh))
    return np.asarray(mesh.get_array()).reshape(len(np.asarray(mesh.get_coordinates())) - 1, -1)


def texts(figure: Figure) -> str:
    artists = [
        t.get_text() for axes in figure.axes for t in [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
    ] + [axes.get_title("left") for axes in figure.axes]
    return "\n".join([*artists, *(text.get_text() for legend in figure.legends for text in legend.get_texts())])


DRAWINGS = {
    "task_error": lambda: draw_task_error(task_rows()),
    "likelihood_gap": lambda: draw_likelihood_gap(gap_rows({"arm natural": 0.002, "mdm": 0.1})),
    "order_accuracy": lambda: draw_order_accuracy(order_rows(), naive={"NAE-3": NaiveLines(0.75, 0.625)}),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_is_two_files_that_are_the_same_every_time(name, tmp_path):
    first = save_figure(DRAWINGS[name](), tmp_path / "a", name)
    second = save_figure(DRAWINGS[name](), tmp_path / "b", name)
    assert first.png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in first.svg.read_bytes()
    assert first.png.read_bytes() == second.png.read_bytes()
    assert first.svg.read_bytes() == second.svg.read_bytes()
    assert b"<dc:date>" not in first.svg.read_bytes()


def test_drawing_leaves_the_settings_of_the_caller_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    save_figure(draw_task_error(task_rows()), tmp_path, "figure")
    assert dict(matplotlib.rcParams) == before


def test_the_map_puts_latents_first_and_each_cell_in_its_place():
    figure = draw_task_error(task_rows())
    latents, observations = (cells(axes) for axes in figure.axes[:2])
    assert (latents.shape, observations.shape) == ((3, 2), (3, 3))
    grid = np.hstack([latents, observations])
    assert grid[0] == pytest.approx([0.40, 0.43, 0.11, 0.12, 0.14])  # positions 0, 3 | 1, 2, 4
    assert "2 latents" in texts(figure)
    assert "3 observations" in texts(figure)


def test_the_task_error_figure_averages_seeds():
    rows = Rows(task_rows(latent=0.4) + task_rows(latent=0.6, seed=1))
    figure = draw_task_error(rows.where(model="mdm"))
    assert cells(figure.axes[0])[0, 0] == pytest.approx(0.5)


def test_the_maps_say_the_mean_of_each_role_and_share_one_scale():
    figure = draw_task_error(task_rows(latent=0.4, observation=0.1))
    maps = [next(c for c in axes.collections if isinstance(c, QuadMesh)) for axes in figure.axes[:2]]
    assert maps[0].norm is maps[1].norm
    for words in ("2 latents\nmean 0.4000", "3 observations\nmean 0.1000"):
        assert words in texts(figure)


def test_an_error_that_cannot_be_negative_has_no_interval_below_zero():
    figure = draw_task_error(task_rows(latent=0.1, error=0.4))
    bands = [band for axes in figure.axes for band in axes.collections if isinstance(band, PolyCollection)]
    lowest = min(np.asarray(path.vertices)[:, 1].min() for band in bands for path in band.get_paths())
    assert len(bands) == 4
    assert lowest == 0.0


@pytest.mark.parametrize(
    ("latent", "observation", "error", "message"),
    [
        (0.4, 0.1, 0.01, "latents err 4.0\N{MULTIPLICATION SIGN} as much"),
        (0.1, 0.4, 0.01, "observations err 4.0\N{MULTIPLICATION SIGN} as much"),
        (0.4, 0.1, 0.5, "task error by position"),
        (0.4, 0.1, math.nan, "task error by position"),
        (0.0, 0.0, 0.0, "task error by position"),
    ],
)
def test_the_task_error_headline_says_only_what_the_errors_allow(latent, observation, error, message):
    assert message in texts(draw_task_error(task_rows(latent, observation, error)))


def test_errors_of_roles_are_means_over_counts():
    errors = role_errors(task_rows(0.4, 0.1, 0.03).where(model="mdm"))
    assert (errors.latent, errors.observation) == (pytest.approx(0.4), pytest.approx(0.1))
    assert errors.error == pytest.approx(0.03 * math.sqrt(6) / 3)
    assert errors.z == pytest.approx(0.3 / errors.error)
    assert errors.interval == pytest.approx((0.3 - 1.959964 * errors.error, 0.3 + 1.959964 * errors.error))
    nothing = role_errors(Rows())
    assert all(math.isnan(number) for number in (nothing.latent, nothing.observation, nothing.difference, nothing.z))


@pytest.mark.parametrize("ratio", [4.302, 4.303, -4.302, -4.303])
def test_of_three_seeds_z_and_interval_are_student_s(ratio):
    """With two degrees of freedom 4.3027 standard errors are what 1.96 are of many."""
    errors = RoleErrors(latent=1.0 + ratio * 0.1, observation=1.0, error=0.1, seeds=3)
    low, high = errors.interval
    beyond = abs(ratio) > 4.3025
    assert (abs(errors.z) > 1.959964) == beyond == (low > 0 or high < 0)
    assert math.copysign(1.0, errors.z) == math.copysign(1.0, ratio)
    assert abs(errors.z) == pytest.approx(1.96, abs=1e-3)


def test_infinite_and_missing_errors_are_drawn_without_breaking():
    rows = [replace(r, value=math.inf, standard_error=math.nan) if r.n_masked == 5 else r for r in task_rows()]
    rows = [r for r in rows if not (r.position == 0 and r.n_masked == 1)]
    draw_task_error(Rows(rows)).draw_without_rendering()


@pytest.mark.parametrize(
    ("other", "message"), [(0.1, "smallest gap: arm natural\n"), (0.0201, "smallest gap: arm natural or mdm")]
)
def test_the_gap_headline_names_a_winner_only_when_intervals_are_apart(other, message):
    assert message in texts(draw_likelihood_gap(gap_rows({"arm natural": 0.02, "mdm": other})))


def test_the_gap_axis_is_logarithmic_only_where_gaps_span_much():
    assert draw_likelihood_gap(gap_rows({"arm": 0.02, "mdm": 0.1})).axes[0].get_xscale() == "linear"
    wide = draw_likelihood_gap(gap_rows({"arm": 0.001, "mdm": 0.1}))
    assert wide.axes[0].get_xscale() == "symlog"
    low, high = wide.axes[0].get_xlim()
    assert low < 0 < 0.1 < high
    assert "exact entropy" in texts(wide)


def test_the_gap_legend_says_what_the_interval_is_over():
    assert "over 3 seeds" in texts(draw_likelihood_gap(gap_rows({"arm": 0.02, "mdm": 0.1})))
    assert "over test sequences" in texts(draw_likelihood_gap(gap_rows({"arm": 0.02, "mdm": 0.1}, seeds=1)))


def test_an_infinite_gap_is_said_in_words():
    rows = [
        replace(r, value=math.inf, standard_error=math.nan) if r.model == "arm" else r for r in gap_rows({"arm": 0.2})
    ]
    assert "infinite" in texts(draw_likelihood_gap(Rows(rows)))


def test_the_order_figure_names_its_lines_and_says_when_rules_are_not_separated():
    naive = {"NAE-3": NaiveLines(0.75, 0.625)}
    clear = texts(draw_order_accuracy(order_rows(), naive=naive))
    for words in ("commoner value, 75.0%", "the paper's Table 1", "marginal draws, 62.5%", "mdm, margin", "control"):
        assert words in clear
    assert "margin 98.0%, vanilla 86.0%" in clear
    assert "not separated" not in clear
    assert "not separated" in texts(draw_order_accuracy(order_rows(margin=0.87, half=0.05)))


def test_a_rule_that_is_not_of_the_paper_gets_a_line_of_its_own():
    rows = [*order_rows(), *(replace(r, decoder="entropy") for r in order_rows() if r.decoder == "margin")]
    assert "mdm, entropy" in texts(draw_order_accuracy(Rows(rows)))


def test_rows_of_the_wrong_kind_are_named():
    with pytest.raises(ValueError, match="no task error of a model 'mdm'"):
        draw_task_error(order_rows())
    with pytest.raises(ValueError, match="no likelihood gap"):
        draw_likelihood_gap(task_rows())
    with pytest.raises(ValueError, match="no order accuracy of a model 'net'"):
        draw_order_accuracy(order_rows(), model="net")


def test_from_three_seeds_on_the_excess_is_judged_between_seeds():
    """Runs that differ by much more than their test sequences say: z must follow the runs."""
    runs = Rows(
        replace(one, seed=seed)
        for seed, latents in enumerate((0.4, 0.1, 0.3))
        for one in task_rows(latents, 0.1, 0.001).where(model="mdm")
    )
    each = [role_errors(runs.where(seed=seed)) for seed in range(3)]
    errors = role_errors(runs)
    assert errors.latent == pytest.approx(np.mean([one.latent for one in each]))
    assert errors.observation == pytest.approx(np.mean([one.observation for one in each]))
    assert errors.error == pytest.approx(np.std([one.difference for one in each], ddof=1) / math.sqrt(3))
    assert (errors.seeds, each[0].seeds) == (3, None)
    assert errors.z < 10 < each[0].z  # one run alone is far surer of itself
