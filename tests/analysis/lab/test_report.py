"""The report is one valid page that needs nothing beside itself and hides no failure."""

from __future__ import annotations

import base64
import csv
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.lab.report import (
    Account,
    Check,
    FigureItem,
    Report,
    Section,
    TableItem,
    bounds,
    cell,
    render,
    show,
    write_report,
)
from analysis.lab.rows import Row, Rows
from analysis.lab.store import StoredUnit

RESULTS = Path(__file__).parents[3] / "results"
VOID = {"meta", "img", "br", "hr"}
PROVENANCE = {
    "date": "2026-01-01T00:00:00+00:00", "commit": "abc", "dirty": False, "versions": {"python": "3.11.7", "numpy":
    "2.0"}, "device": "a processor", "threads": 2, "seeds": {"sample_seed": 1}, "seconds": 90.0,
}  # fmt: skip


class Page(HTMLParser):
    """Elements in order; fails on a tag that is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def unit(**changes) -> StoredUnit:
    row = Row(
        distribution="NAE-3", fingerprint="0" * 16, model="mdm", seed=0, experiment="task_error", metric="kl_nats",
        value=0.1, standard_error=0.01, samples=9, method="monte_carlo",
    )  # fmt: skip
    return StoredUnit({"kind": "TrainUnit", "model": "mdm", "seed": 0, "steps": 7}, PROVENANCE | changes, Rows([row]))


def report(figure, **changes) -> Report:
    fields = {
        "title": "Hardness <of> ordering", "summary": ["One & two."],
        "checks": [
            Check(text="margin agrees", expected="at least 98%", measured="99.1%", met=True),
            Check(text="gap to vanilla", expected="intervals apart", measured="they touch", met=False),
            Check(text="three seeds", expected="3", measured="-", met=None),
        ],
        "sections": [
            Section(
                title="Order accuracy", paragraphs=["Text."],
                figures=[FigureItem(path=figure, caption="A caption.", alt='Agreement "rises"')],
                tables=[TableItem(caption="Ours and the paper's", header=["rule", "ours", "paper"],
                                  rows=[["margin", "98.0%", "93.76%"], ["vanilla", "86%", "-"]])],
            )
        ],
        "caveats": ["Small networks only."],
    }  # fmt: skip
    return Report(**fields | changes)


def account(*units, minutes=8.25) -> Account:
    return Account(scale="smoke", minutes=minutes, units=units or [unit()])


@pytest.fixture
def figure(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return path


def test_the_page_is_well_formed_and_holds_everything(figure, tmp_path):
    path = write_report(tmp_path, report(figure), account())
    assert path.name == "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert path.read_text().startswith("<!DOCTYPE html>")
    for words in (
        "Hardness <of> ordering", "One & two.", "Order accuracy", "A caption.", "93.76%", "Small networks only.",
        "1 finished units. The whole run took 8.2 minutes.", "python 3.11.7, numpy 2.0", "mdm, seed 0: 1 row", "steps",
    ):  # fmt: skip
        assert words in page.text
    assert ("html", "lang", "en") in page.attributes
    assert ("meta", "name", "viewport") in page.attributes
    assert ("img", "alt", 'Agreement "rises"') in page.attributes


def test_the_page_needs_nothing_beside_itself(figure):
    text = render(report(figure), account())
    page = Page(text)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    sources = [value for _, name, value in page.attributes if name in {"src", "href"}]
    (source,) = [value for value in sources if not value.startswith("#")]  # the others lead to places in the page
    kind, _, data = source.partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(data) == figure.read_bytes()
    assert "url(" not in text
    assert "@import" not in text


def test_expectations_that_are_not_met_stand_at_the_top(figure):
    page = Page(render(report(figure), account()))
    top = page.text[: page.text.index("Expectations")]
    assert "1 expectation was not met." in top
    assert "gap to vanilla: expected intervals apart, measured they touch." in top
    assert "margin agrees" not in top
    met = [Check(text="a", expected="b", measured="c", met=True)]
    assert "not met" not in Page(render(report(figure, checks=met), account())).text


def test_units_that_were_not_run_alike_are_seen(figure):
    units = [unit(), unit(commit="def", dirty=True)]
    assert "abc; def" in Page(render(report(figure), account(*units))).text


def test_a_page_without_figures_checks_and_units_is_a_page(figure):
    empty = Account(scale="smoke")
    Page(render(report(figure, checks=[], sections=[], caveats=[]), empty))


def test_bad_input_is_named_and_the_previous_report_kept(figure, tmp_path):
    path = write_report(tmp_path, report(figure), account())
    before = path.read_bytes()
    missing = Section(title="x", figures=[FigureItem(path=tmp_path / "none.svg", caption="", alt="")])
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path, report(figure, sections=[missing]), account())
    other = Section(title="x", figures=[FigureItem(path=tmp_path / "a.pdf", caption="", alt="")])
    with pytest.raises(ValueError, match=r"'a\.pdf'"):
        write_report(tmp_path, report(figure, sections=[other]), account())
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="row 1 has 1 cells under 2 headings"):
        TableItem(caption="t", header=["a", "b"], rows=[["1", "2"], ["3"]])


def test_the_headline_figure_comes_first_and_only_once(figure, tmp_path):
    other = tmp_path / "other.svg"
    other.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='72pt' height='36pt'/>".replace("'", '"'))
    first, second = (FigureItem(path=path, caption=path.name, alt=path.name) for path in (figure, other))
    sections = [Section(title="One", figures=[first]), Section(title="Two", paragraphs=["t"], figures=[second])]

    def page(**changes):
        return Page(render(report(figure, sections=sections, **changes), account()))

    by_default, chosen = page(), page(headline=second)
    for found, top in ((by_default, first), (chosen, second)):
        alts = [value for tag, name, value in found.attributes if name == "alt"]
        assert alts[0] == top.alt
        assert sorted(alts) == ["figure.svg", "other.svg"]
        text = found.text
        assert text.index("One & two.") < text.index(top.caption) < text.index("1 expectation was not met.")
        assert text.index("1 expectation was not met.") < text.index("Expectations")
    assert "One" not in by_default.text.replace("One & two.", "")  # nothing else was in that section
    assert "One" in chosen.text.replace("One & two.", "")
    assert ("img", "width", "96") in by_default.attributes  # 72 points
    assert ("img", "height", "48") in by_default.attributes


def test_contents_lead_to_every_section(figure):
    twice = [Section(title="A, b", paragraphs=["x"]), Section(title="A b", paragraphs=["y"])]
    page = Page(render(report(figure, sections=twice), account()))
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links == ["#expectations", "#a-b", "#a-b-2", "#what-is-not-shown", "#what-was-run"]
    assert [f"#{value}" for tag, name, value in page.attributes if (tag, name) == ("section", "id")] == links


def test_names_for_people_stand_in_cells_and_units(figure):
    table = TableItem(caption="c", header=["mdm"], rows=[["mdm"], ["an mdm"]])
    said = report(figure, sections=[Section(title="s", tables=[table])], names={"mdm": "masked diffusion model"})
    page = Page(render(said, account(unit())))
    assert page.text.count("masked diffusion model") == 3
    assert "an mdm" in page.text


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("kl_nats", "0.50 [0.00, 1.30]"),
        ("guesses_per_board", "0.50 [0.00, 1.30]"),
        ("refused_share", "0.50 [0.00, 1.00]"),
        ("whole_sequence_agreement", "0.50 [0.00, 1.00]"),
        ("overlap", "0.50 [-0.10, 1.00]"),
        ("free_entropy_nats", "0.50 [-0.10, 1.30]"),
        ("loss_minus_log_loss_nats", "0.50 [-0.10, 1.30]"),
        ("early_guesses_beyond_prediction", "0.50 [-0.10, 1.30]"),
        ("magnetisation", "0.50 [-0.10, 1.30]"),
    ],
)
def test_intervals_end_where_the_true_value_must(metric, shown):
    row = replace(unit().rows[0], metric=metric, value=0.5, low=-0.1, high=1.3)
    assert show(row, 2) == shown
    assert show(replace(row, metric="kl_nats", value=-0.05), 2) == "-0.05 [-0.10, 1.30]"


def test_no_recorded_value_is_beyond_the_bounds_of_its_name():
    """But for rounding; the rule is by the words of a name, and the recorded rows know every name."""
    ends: dict[str, tuple[float, float]] = {}
    for path in sorted(RESULTS.glob("*/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            header = next(lines)
            if {"metric", "value"} <= set(header):
                metric, value = header.index("metric"), header.index("value")
                for line in lines:
                    name, number = line[metric], float(line[value])
                    low, high = ends.get(name, (number, number))
                    ends[name] = min(low, number), max(high, number)
    known = {name: bounds(name) for name in ends if bounds(name) != (-math.inf, math.inf)}
    assert len(known) > 40
    beyond = [n for n, (least, most) in known.items() if ends[n][0] < least - 1e-9 or ends[n][1] > most + 1e-9]
    assert not beyond


def test_a_number_is_shown_with_its_interval():
    row = unit().rows[0]
    assert show(row, digits=2) == "0.10 [0.08, 0.12]"
    assert show(row, digits=1, scale=100.0, unit="%") == "10.0% [8.0, 12.0]"
    unknown = Row(**(row.to_json() | {"standard_error": math.nan}))
    assert show(unknown) == "0.100"
    assert cell(row, 2) == show(row, 2)
    assert cell(None) == "-"


def test_whatever_a_report_says_is_text_and_never_markup(figure):
    words = "<script>alert('x')</script> & \"quotes\""
    table = TableItem(caption=words, header=[words], rows=[[words]])
    item = FigureItem(path=figure, caption=words, alt=words)
    said = report(
        figure, title=words, summary=[words], caveats=[words],
        checks=[Check(text=words, expected=words, measured=words, met=False)],
        sections=[Section(title=words, paragraphs=[words], figures=[item], tables=[table])],
    )  # fmt: skip
    text = render(said, Account(scale=words, units=[unit(device=words)]))
    assert "<script" not in text
    page = Page(text)
    assert ("img", "alt", words) in page.attributes
    assert (
        page.text.count(words) == 19
    )  # title and heading, summary, three of a check twice, section, contents, table, ...


def test_marked_cells_are_coloured_and_others_are_not():
    table = TableItem(caption="c", header=["v"], rows=[["holds"], ["else"]], marks={"holds": "yes"})
    page = render(Report(title="t", summary=[], sections=[Section(title="s", tables=[table])]), Account(scale="smoke"))
    assert '<td class="yes">holds</td>' in page
    assert "<td>else</td>" in page
