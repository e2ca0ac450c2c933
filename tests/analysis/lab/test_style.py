"""Names beside lines keep apart, intervals keep to what a quantity can be, and a picture is the same every time."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.lab.rows import Row
from analysis.lab.style import LineName, band, bars, claim, headline, name_lines, paper_style, render, spread

GAP = 0.05


def row(value: float, error: float, low: float | None = None, high: float | None = None) -> Row:
    return Row(
        distribution="coin", fingerprint="0", model="mdm", experiment="e", metric="m", value=value, samples=9,
        standard_error=error, method="monte_carlo", low=low, high=high,
    )  # fmt: skip


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12).map(sorted))
def test_names_keep_their_order_and_their_distance_and_stay_below_the_top(wanted):
    places = spread(wanted, GAP)
    assert all(right - left > GAP - 1e-9 for left, right in itertools.pairwise(places))
    assert max(places) <= 1.0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True).map(sorted))
def test_names_that_are_apart_stay_where_their_lines_are(tenths):
    wanted = [tenth / 10 for tenth in tenths]
    assert spread(wanted, GAP) == pytest.approx(wanted)


def test_names_that_meet_share_the_way():
    assert spread([0.5, 0.5, 0.5], 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert spread([0.95, 1.0], 0.1) == pytest.approx([0.9, 1.0])


def test_an_interval_ends_where_the_quantity_does():
    rows = [row(0.1, 0.2), row(0.9, 0.01, low=0.8, high=1.4), row(0.5, math.nan)]
    low, high = band(rows, most=1.0)
    assert low.tolist() == pytest.approx([0.0, 0.8, 0.5])
    assert high.tolist() == pytest.approx([0.1 + 1.95996 * 0.2, 1.0, 0.5], rel=1e-5)
    assert bars(rows[:1], least=-math.inf)[0, 0] == pytest.approx(1.95996 * 0.2, rel=1e-5)
    assert bars([]).shape == (2, 0)


def drawn() -> Figure:
    with paper_style():
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0.0, 0.5])
        headline(axes, "a coin", "two lines\nof words")
        name_lines(axes, [LineName("one", 1.0, 0.5, "black"), LineName("other", 1.0, 0.5, "grey")])
        claim(figure, "It is thrown")
    return figure


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_equal_figures_are_equal_files(kind):
    assert render(drawn(), kind, "coin", dpi=50) == render(drawn(), kind, "coin", dpi=50)


def test_names_stand_right_of_the_axes_and_apart():
    figure = drawn()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [Text.get_window_extent(text) for text in axes.texts if text.get_text() in ("one", "other")]
    assert len(boxes) == 2
    assert all(box.x0 > axes.bbox.x1 for box in boxes)
    assert not boxes[0].overlaps(boxes[1])
