"""The report on samplers: what must hold exactly, what is found, and every number in tables."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.samplers.menu import DRAWN, RANDOM, TWO_CALLS, VISIBLE_ALONE
from analysis.figures.samplers.plot import draw_imperfection, draw_samplers
from analysis.figures.samplers.units import (
    CALLS,
    CURVE_BOUND,
    EVERYWHERE,
    EXPERIMENT_NAME,
    KL_FROM_TRUTH,
    NOISED,
    OFF_SUPPORT,
    ONE_PER_CALL,
    SIZES,
    STRENGTH,
    TOTAL_VARIATION,
    SamplersSize,
    units,
)
from analysis.lab.averages import combine_seeds
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, SavedFigure, Section, TableItem, show
from analysis.lab.rows import CONTROL, Row, Rows
from lo_theory.samplers.menu import BOUND, MARGIN

_EXACT = 1e-12
_BIASED = 1e-2
_METRICS = {KL_FROM_TRUTH: "KL", TOTAL_VARIATION: "total variation", OFF_SUPPORT: "off the support"}


def figures(rows: Rows, size: SamplersSize) -> dict[str, Figure]:
    """Error against calls, exact and noised, and error against the strength of errors."""
    return {
        "samplers": draw_samplers(rows),
        "samplers_noised": draw_samplers(rows, model=NOISED, metrics=(TOTAL_VARIATION, OFF_SUPPORT)),
        "samplers_imperfection": draw_imperfection(rows),
    }


def report(run: Run[SamplersSize]) -> Report:
    """What the rows say."""
    means = combine_seeds(run.rows)
    each = means.by("distribution")
    return Report(
        title="What a sampler costs, exactly",
        summary=[
            "For distributions small enough to list, the law of every decoding rule is computed without sampling. With "
            "the exact posterior in the network's place, one token per call is exact under every rule that chooses "
            "positions by the visible tokens alone; whatever error a rule has is the price of its parallel steps, or "
            "of looking at drawn tokens.",
            "With a posterior of known error, one token per call, a random order averages the errors of many orders "
            "and keeps the divergence small; margin follows one order and what the errors made look certain. It may "
            "generate fewer impossible sequences all the same: validity is bought with coverage.",
        ],
        checks=[check for name, here in each.items() for check in _checks(here, name)],
        sections=[
            Section(
                title="Error against calls, exact posterior",
                figures=[
                    _figure(run.figures["samplers"], "Exact KL divergence and total variation of each rule's law.")
                ],
                tables=[_table(here, name, CONTROL) for name, here in each.items()],
            ),
            Section(
                title="Error against calls, a posterior that is wrong",
                paragraphs=[
                    "Logits with Gaussian errors of standard deviation 1 and a tenth of doubt at every subproblem; "
                    "means over draws of the errors, 95% intervals."
                ],
                figures=[_figure(run.figures["samplers_noised"], "The same under errors at every subproblem.")],
                tables=[_table(here, name, NOISED) for name, here in each.items()],
            ),
            Section(
                title="One token per call: when the order matters",
                figures=[
                    _figure(run.figures["samplers_imperfection"], "Error of each order against the errors' strength.")
                ],
                tables=[_strength_table(here, name) for name, here in each.items()],
            ),
        ],
        caveats=[
            "One instance per distribution, of 7 to 11 tokens: the laws are exact, but of these instances.",
            "Every step before a sequence is finished counts as a call, also one that revealed nothing, whose answers "
            "could be used again.",
            "Where visible tokens contradict each other the exact posterior has no answer; it is then asked for the "
            "posterior given the tokens that do not contradict those kept before them, latents first.",
            "On bits the margin and the top probability are one rule.",
        ],
    )


def _checks(rows: Rows, name: str) -> list[Check]:
    kl, calls = (rows.where(model=CONTROL, metric=metric) for metric in (KL_FROM_TRUTH, CALLS))
    single, several = kl.where(swept=ONE_PER_CALL), Rows(row for row in kl if row.swept != ONE_PER_CALL)
    worst = max(single.one(decoder=rule).value for rule in VISIBLE_ALONE)
    drawn = single.one(decoder=DRAWN).value
    excess = max(
        several.one(decoder=bound.decoder, swept=bound.swept, at=bound.at).value - bound.value
        for bound in rows.where(model=CONTROL, metric=CURVE_BOUND)
    )
    two, free = several.one(decoder=TWO_CALLS).value, several.one(decoder=BOUND, at=0.0).value
    length, taken = max(row.value for row in calls), calls.one(decoder=BOUND, at=0.0).value
    return [
        Check(
            text=f"{name}: one token per call is exact for {len(VISIBLE_ALONE)} rules that see visible tokens alone",
            expected=f"KL below {_EXACT:g} nats",
            measured=f"at most {worst:.1e}",
            met=worst < _EXACT,
        ),
        Check(
            text=f"{name}: ranking by drawn tokens is biased, one token per call",
            expected=f"KL above {_BIASED:g} nats",
            measured=f"{drawn:.3f}",
            met=drawn > _BIASED,
        ),
        Check(
            text=f"{name}: latents, then observations, is exact in two calls",
            expected=f"KL below {_EXACT:g} nats",
            measured=f"{two:.1e}",
            met=two < _EXACT,
        ),
        Check(
            text=f"{name}: an entropy bound of zero is exact, and saves calls if anything is ever certain",
            expected=f"KL below {_EXACT:g} nats, at most {length:g} calls",
            measured=f"{free:.1e} in {taken:.2f} calls",
            met=free < _EXACT and taken <= length + 1e-9,
        ),
        Check(
            text=f"{name}: random positions lose at most what the information curve says",
            expected="KL below the bound, at every number of steps",
            measured=f"largest excess {excess:.1e}",
            met=excess < _EXACT,
        ),
        *_noised_checks(rows, name),
    ]


def _noised_checks(rows: Rows, name: str) -> list[Check]:
    """Logit errors that are not admitted, one token per call: what a random order averages, what margin avoids."""
    at_one = rows.where(model=EVERYWHERE, swept=STRENGTH, at=1.0)
    if not at_one:
        return []
    random, margin = (at_one.one(decoder=rule, metric=KL_FROM_TRUTH) for rule in (RANDOM, MARGIN))
    checks = [
        Check(
            text=f"{name}: under logit errors of 1 a random order is nearer to the truth than margin",
            expected="smaller KL, intervals apart",
            measured=f"random {show(random)}, margin {show(margin)} nats",
            met=random.interval[1] < margin.interval[0],
        )
    ]
    random, margin = (at_one.one(decoder=rule, metric=OFF_SUPPORT) for rule in (RANDOM, MARGIN))
    if random.value > 0:
        checks.append(
            Check(
                text=f"{name}: and margin generates fewer impossible sequences",
                expected="less mass off the support, intervals apart",
                measured=f"random {show(random)}, margin {show(margin)}",
                met=margin.interval[1] < random.interval[0],
            )
        )
    return checks


def _figure(figure: SavedFigure, caption: str) -> FigureItem:
    return FigureItem(path=figure.svg, caption=caption, alt=caption)


def _table(rows: Rows, name: str, model: str) -> TableItem:
    columns = {CALLS: "calls", **_METRICS, CURVE_BOUND: "bound"}
    return TableItem(
        caption=f"{name}, {model}. KL(truth || sampler) in nats; last, the information curve's bound on it.",
        header=["rule", "dial", *columns.values()],
        rows=[
            [rule, f"{dial} {at:g}", *(_cell(found.get(metric=metric)) for metric in columns)]
            for (rule, dial, at), found in rows.where(model=model).by("decoder", "swept", "at").items()
        ],
    )


def _strength_table(rows: Rows, name: str) -> TableItem:
    found = rows.where(swept=STRENGTH)
    rules = found.values("decoder")
    return TableItem(
        caption=f"{name}, one token per call. Errors everywhere: noise of the logits beside a tenth of doubt; at "
        "inversions: share of doubt.",
        header=["errors", "strength", "of", *rules],
        rows=[
            [model, f"{at:g}", label, *(_cell(each.get(decoder=rule, metric=metric)) for rule in rules)]
            for (model, at), each in found.by("model", "at").items()
            for metric, label in _METRICS.items()
        ],
    )


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row.value + 0.0:.3f}" if row.standard_error == 0 else show(row)


EXPERIMENT = Experiment(name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report)
