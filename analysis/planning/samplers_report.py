"""The report on samplers: what must hold exactly, what is found, and every number in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.planning.sampler_rules import (
    BOUND,
    CALLS,
    CURVE_BOUND,
    DRAWN,
    KL_FROM_TRUTH,
    MARGIN,
    NOISED,
    OFF_SUPPORT,
    ONE_PER_CALL,
    RANDOM,
    STRENGTH,
    TOTAL_VARIATION,
    TWO_CALLS,
    VISIBLE_ALONE,
)
from analysis.plots.style import CONTROL, SavedFigure
from analysis.report import Check, FigureItem, Report, Section, TableItem, show
from analysis.rows import Row, combine_seeds
from analysis.scales import ScaleName
from analysis.store import StoredUnit

_EXACT = 1e-12
_BIASED = 1e-2


def samplers_report(
    rows: Sequence[Row],
    units: Sequence[StoredUnit],
    figures: Mapping[str, SavedFigure],
    scale: ScaleName,
    minutes: float,
) -> Report:
    """The page, from rows alone."""
    means = combine_seeds(rows)
    names = list(dict.fromkeys(row.distribution for row in means))
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
        scale=scale,
        minutes=minutes,
        checks=[check for name in names for check in _checks([r for r in means if r.distribution == name], name)],
        sections=[
            Section(
                title="Error against calls, exact posterior",
                figures=[_figure(figures["samplers"], "Exact KL divergence and total variation of each rule's law.")],
                tables=[_table(means, name, CONTROL) for name in names],
            ),
            Section(
                title="Error against calls, a posterior that is wrong",
                paragraphs=[
                    "Logits with Gaussian errors of standard deviation 1 and a tenth of doubt at every subproblem; "
                    "means over draws of the errors, 95% intervals."
                ],
                figures=[_figure(figures["samplers_noised"], "The same under errors at every subproblem.")],
                tables=[_table(means, name, NOISED) for name in names],
            ),
            Section(
                title="One token per call: when the order matters",
                figures=[
                    _figure(figures["samplers_imperfection"], "Error of each order against the errors' strength.")
                ],
                tables=[_strength_table(means, name) for name in names],
            ),
        ],
        units=units,
        caveats=[
            "One instance per distribution, of 7 to 11 tokens: the laws are exact, but of these instances.",
            "Every step before a sequence is finished counts as a call, also one that revealed nothing, whose answers "
            "could be used again.",
            "Where visible tokens contradict each other the exact posterior has no answer; it is then asked for the "
            "posterior given the tokens that do not contradict those kept before them, latents first.",
            "On bits the margin and the top probability are one rule.",
        ],
    )


def _checks(rows: Sequence[Row], name: str) -> list[Check]:
    exact = [r for r in rows if r.model == CONTROL]
    single = {r.decoder: r.value for r in exact if r.metric == KL_FROM_TRUTH and r.swept == ONE_PER_CALL}
    worst = max(single[rule] for rule in VISIBLE_ALONE)
    kl = {(r.decoder, r.at): r.value for r in exact if r.metric == KL_FROM_TRUTH and r.swept != ONE_PER_CALL}
    calls = {(r.decoder, r.at): r.value for r in exact if r.metric == CALLS and r.swept != ONE_PER_CALL}
    bound = {(r.decoder, r.at): r.value for r in exact if r.metric == CURVE_BOUND}
    excess = max(kl[key] - bound[key] for key in bound)
    two, free = kl[TWO_CALLS, 2.0], kl[BOUND, 0.0]
    length = max(calls.values())
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
            measured=f"{single[DRAWN]:.3f}",
            met=single[DRAWN] > _BIASED,
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
            measured=f"{free:.1e} in {calls[BOUND, 0.0]:.2f} calls",
            met=free < _EXACT and calls[BOUND, 0.0] <= length + 1e-9,
        ),
        Check(
            text=f"{name}: random positions lose at most what the information curve says",
            expected="KL below the bound, at every number of steps",
            measured=f"largest excess {excess:.1e}",
            met=excess < _EXACT,
        ),
        *_noised_checks(rows, name),
    ]


def _noised_checks(rows: Sequence[Row], name: str) -> list[Check]:
    """Logit errors that are not admitted, one token per call: what a random order averages, what margin avoids."""
    at_one = {(r.decoder, r.metric): r for r in rows if (r.model, r.swept, r.at) == ("everywhere", STRENGTH, 1.0)}
    if not at_one:
        return []
    random, margin = at_one[RANDOM, KL_FROM_TRUTH], at_one[MARGIN, KL_FROM_TRUTH]
    checks = [
        Check(
            text=f"{name}: under logit errors of 1 a random order is nearer to the truth than margin",
            expected="smaller KL, intervals apart",
            measured=f"random {show(random)}, margin {show(margin)} nats",
            met=random.interval[1] < margin.interval[0],
        )
    ]
    random, margin = at_one[RANDOM, OFF_SUPPORT], at_one[MARGIN, OFF_SUPPORT]
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


def _table(rows: Sequence[Row], name: str, model: str) -> TableItem:
    chosen = [r for r in rows if r.distribution == name and r.model == model]
    found = {(r.decoder, r.swept, r.at, r.metric): r for r in chosen}
    keys = list(dict.fromkeys((r.decoder, r.swept, r.at) for r in chosen))
    metrics = (CALLS, KL_FROM_TRUTH, TOTAL_VARIATION, OFF_SUPPORT, CURVE_BOUND)
    return TableItem(
        caption=f"{name}, {model}. KL(truth || sampler) in nats; last, the information curve's bound on it.",
        header=["rule", "dial", "calls", "KL", "total variation", "off the support", "bound"],
        rows=[
            [
                key[0] or "",
                f"{key[1]} {key[2]:g}",
                *(_cell(found.get((*key, metric))) for metric in metrics),
            ]
            for key in keys
        ],
    )


def _strength_table(rows: Sequence[Row], name: str) -> TableItem:
    chosen = [r for r in rows if r.distribution == name and r.swept == STRENGTH]
    found = {(r.model, r.at, r.decoder, r.metric): r for r in chosen}
    rules = list(dict.fromkeys(r.decoder for r in chosen))
    settings = list(dict.fromkeys((r.model, r.at) for r in chosen))
    metrics = {KL_FROM_TRUTH: "KL", TOTAL_VARIATION: "total variation", OFF_SUPPORT: "off the support"}
    return TableItem(
        caption=f"{name}, one token per call. Errors everywhere: noise of the logits beside a tenth of doubt; at "
        "inversions: share of doubt.",
        header=["errors", "strength", "of", *(rule or "" for rule in rules)],
        rows=[
            [model, f"{at:g}", label, *(_cell(found[model, at, rule, metric]) for rule in rules)]
            for model, at in settings
            for metric, label in metrics.items()
        ],
    )


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row.value + 0.0:.3f}" if row.standard_error == 0 else show(row)
