"""The report in a browser: nothing is wider than the page, wide tables scroll under a first column that stays."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.lab.report import Account, Check, FigureItem, Report, Section, TableItem, render
from analysis.lab.rows import Rows
from analysis.lab.store import StoredUnit

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (1400, 400)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
MEASURE = """
window.onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, width = frame.contentWindow.innerWidth;
    const wide = [...page.body.querySelectorAll("*")].filter(e => !e.closest(".scroll")
      && e.getBoundingClientRect().right > width + 0.5).map(e => e.tagName + " " + e.textContent.slice(0, 30));
    const box = page.querySelector("#wide .scroll:last-child"), cell = box.querySelector("tbody td");
    box.scrollLeft = 1e6;
    found[frame.width] = {
      inner: width, needed: page.scrollingElement.scrollWidth, wide: wide, scrolled: box.scrollLeft,
      kept: cell.getBoundingClientRect().left - box.getBoundingClientRect().left, first: cell.offsetWidth,
      images: [...page.images].map(i => i.getBoundingClientRect().width),
      top: ["h1", "header img", "nav", "table"].map(s => page.querySelector(s).getBoundingClientRect().top),
      lost: [...page.querySelectorAll("nav a")].filter(a => !page.querySelector(a.getAttribute("href"))).length,
    };
  }
  document.body.innerHTML = "<pre>" + JSON.stringify(found).replaceAll("<", " ") + "</pre>";
};
"""


def picture(folder: Path, name: str, points: int) -> FigureItem:
    path = folder / f"{name}.svg"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{points}pt" height="90pt"/>')
    return FigureItem(path=path, caption="A caption of some length, to be wrapped. " * 4, alt=name)


def page(folder: Path) -> str:
    """A page with everything that was too wide once."""
    config = {"kind": "AUnit", "name": "x" * 90, "degrees": list(range(90))}
    unit = StoredUnit(config, {"device": "y" * 200, "commit": "z" * 40}, Rows())
    numbers = TableItem(
        caption="Twelve columns of numbers, and a caption that is longer than a telephone is wide.",
        header=["what was asked of it", *(f"column {i}" for i in range(12))],
        rows=[["a rather long name of a row", *["0.1234 [0.1111, 0.2222]"] * 12]] * 3,
    )
    words = TableItem(
        caption="Words.", header=list("abcdefgh"), rows=[["fails", *["a sentence about this and that, not short"] * 7]]
    )
    return render(
        Report(
            title="A title that is long enough for two lines of a telephone",
            summary=["A sentence with averyveryverylongword" + "w" * 80],
            checks=[Check(text="c" * 70, expected="d " * 30, measured="e " * 30, met=False)],
            sections=[
                Section(title="Figures", figures=[picture(folder, "first", 600), picture(folder, "small", 200)]),
                Section(title="More", figures=[picture(folder, "huge", 2000)], tables=[words]),
                Section(title="Wide", tables=[words, numbers]),
            ],
            caveats=["g" * 150],
        ),
        Account(scale="smoke", units=[unit, unit]),
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, Any]:
    """What a browser says of the page at both widths."""
    if BROWSER is None:
        pytest.skip("no Chromium here; `apt-get install chromium` on Debian, or Google Chrome, and this test runs")
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe width="{width}" height="900" srcdoc="{html.escape(page(folder))}"></iframe>' for width in WIDTHS
    )
    start = folder / "start.html"
    start.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{frames}<script>{MEASURE}</script>", encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [BROWSER, *FLAGS, profile, "--dump-dom", start.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search("<pre>(.*)</pre>", done.stdout, re.DOTALL)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(measured, width):
    seen = measured[str(width)]
    assert seen["inner"] == width
    assert seen["needed"] <= width
    assert seen["wide"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_wide_tables_scroll_and_their_first_column_stays(measured, width):
    seen = measured[str(width)]
    assert seen["scrolled"] > 100
    assert abs(seen["kept"]) <= 1
    assert seen["first"] < width / 2


def test_figures_keep_their_size_and_end_at_the_column(measured):
    points = 96 / 72
    assert measured["1400"]["images"] == pytest.approx([600 * points, 200 * points, 62 * 16], abs=1)
    assert measured["400"]["images"] == pytest.approx([35 * 16, 200 * points, 35 * 16], abs=1)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_headline_figure_stands_before_contents_and_tables_and_every_entry_leads_somewhere(measured, width):
    seen = measured[str(width)]
    assert seen["top"] == sorted(seen["top"])
    assert seen["lost"] == 0
