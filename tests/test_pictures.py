"""Every picture of docs/ has its recorded run, and is drawn from it into the same small file every time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from docs.pictures import COLOURS, DOCS, PICTURES, RESULTS, draw, picture, recorded_rows


def test_pictures_and_files_are_the_same() -> None:
    assert {path.stem for path in DOCS.glob("*.png")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_a_recorded_run(name: str) -> None:
    source = PICTURES[name]
    assert list((RESULTS / f"{source.experiment}-{source.scale}").glob("*.csv"))


def test_a_picture_is_the_same_every_time() -> None:
    first, second = (picture(draw(["recipes"])["recipes"], "recipes") for _ in range(2))
    assert first == second
    assert recorded_rows("recipes", "small")


def test_a_colour_that_few_pixels_have_stays() -> None:
    figure = Figure(figsize=(2, 2))
    axes = figure.subplots()
    axes.imshow(np.linspace(0.0, 1.0, 4096).reshape(64, 64), cmap="gray")
    axes.plot(32, 32, "o", color="#00ff00", markersize=2)
    image = Image.open(io.BytesIO(picture(figure, "grey")))
    palette = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(palette) <= COLOURS
    assert any(np.abs(colour - np.array([0, 255, 0])).max() < 40 for colour in palette.astype(int))
    assert [255, 255, 255] in palette.tolist()
