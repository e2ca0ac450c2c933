"""What was expected of written text before networks were run, beside what came out.

That margin falls below the entropy under noise was known from a trial with one seed; its sign is no guess. Of
networks nothing was known.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.figures.generative.plot import means, of_chain, posterior_noises, singly
from analysis.figures.generative.rules import TEMPERATURE
from analysis.figures.generative.units import (
    DATA,
    ENTROPY,
    JUDGED,
    KL_BLOCKS,
    KL_LAW,
    KL_PATHS,
    PATH,
    REPEATED,
    noised_name,
)
from analysis.lab.report import Check, show
from analysis.lab.rows import CONTROL, MDM, Row, Rows
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import FIRST_HALF
from lo_theory.samplers.menu import BOUND, MARGIN, PAPERS, VANILLA

_ROUNDING = 1e-9
_SMALL = 0.005  # nats per token


def generative_checks(rows: Rows) -> list[Check]:
    """Expectations, the controls first."""
    found = means(rows)
    chain, text = of_chain(found), found.where(distribution=FIRST_HALF)
    checks = [_control(chain), _control_blocks(chain), _laws(found)]
    checks += [_margin(chain, noised_name(noise), f"noise {noise:g}") for noise in posterior_noises(chain) if noise]
    checks.append(_margin(chain, MDM, "a trained masked network on the chain"))
    checks.append(_errors(chain))
    checks += [_below_data(text), _repeats(text), _arm(text)]
    return checks


def _check(text: str, expected: str, rows: list[Row | None], met: Callable[[list[Row]], bool]) -> Check:
    known = [row for row in rows if row is not None]
    if not rows or len(known) < len(rows):
        return Check(text=text, expected=expected, measured="not measured", met=None)
    return Check(text=text, expected=expected, measured=", ".join(show(row, 4) for row in known), met=met(known))


def _single(rows: Rows, rule: str, **where: object) -> Row | None:
    return next(iter(singly(rows, rule, **where)), None)


def _control(chain: Rows) -> Check:
    rows = [_single(chain, rule, model=CONTROL, metric=KL_PATHS) for rule in PAPERS]
    return _check(
        "control: the exact posterior, one token per call, by each of the paper's rules",
        "KL 0 up to rounding", rows, lambda known: all(abs(row.value) < _ROUNDING for row in known),
    )  # fmt: skip


def _control_blocks(chain: Rows) -> Check:
    rows = [_single(chain, rule, model=CONTROL, metric=KL_BLOCKS) for rule in PAPERS]
    return _check(
        "control: blocks of what the exact posterior writes",
        f"not above 0 by more than their error, and within {_SMALL} of it", rows,
        lambda known: all(row.interval[0] <= 0 and abs(row.value) < _SMALL for row in known),
    )  # fmt: skip


def _laws(rows: Rows) -> Check:
    laws, apart = rows.where(metric=KL_LAW), []
    for law in laws:
        where = {name: getattr(law, name) for name in ("distribution", "model", "decoder", "swept", "at")}
        above, below = rows.one(metric=KL_PATHS, **where), rows.one(metric=KL_BLOCKS, **where)
        slack = 4 * above.standard_error + _ROUNDING
        equal = law.decoder not in (VANILLA, BOUND) or (law.model == CONTROL and law.decoder == VANILLA)
        fits = abs(above.value - law.value) <= slack if equal else above.value >= law.value - slack
        if not (fits and below.value <= law.value + 4 * below.standard_error):
            apart.append(f"{law.model}, {law.decoder}")
    return Check(
        text="short sequences: blocks, law and path in this order; law and path equal for top probability and margin",
        expected="all, within four standard errors",
        measured=(", ".join(apart) or f"all {len(laws)}") if laws else "not measured",
        met=not apart if laws else None,
    )


def _margin(chain: Rows, model: str, words: str) -> Check:
    entropy = chain.get(metric=ENTROPY)
    own, far = (_single(chain, MARGIN, model=model, metric=metric) for metric in (JUDGED, KL_PATHS))
    other = _single(chain, VANILLA, model=model, metric=KL_PATHS)
    return _check(
        f"{words}, one token per call: margin's text costs less under the truth than the truth's own, and is farther "
        "from it than vanilla's",
        "cost below the entropy, KL above vanilla's upper bound", [own, entropy, far, other],
        lambda known: known[0].interval[1] < known[1].value and known[2].interval[0] > known[3].interval[1],
    )  # fmt: skip


def _errors(chain: Rows) -> Check:
    models = chain.where(metric=KL_PATHS).values("model")
    found = [_single(chain, rule, model=model, metric=KL_PATHS) for model in models for rule in PAPERS]
    rows = [row for row in found if row is not None]
    worst = max((row.standard_error for row in rows), default=0.0)
    return Check(
        text="standard errors of the divergences on the chain, one token per call",
        expected=f"at most {_SMALL} nats per token",
        measured=f"at most {worst:.4f}" if rows else "not measured",
        met=worst <= _SMALL if rows else None,
    )


def _below_data(text: Rows) -> Check:
    margin, vanilla = (_single(text, rule, model=MDM, metric=JUDGED) for rule in (MARGIN, VANILLA))
    return _check(
        "real text, one token per call: the judge finds margin's text likelier than vanilla's and than the text itself",
        "in this order", [margin, text.get(metric=JUDGED, model=DATA), vanilla],
        lambda known: known[0].interval[1] < min(known[1].interval[0], known[2].interval[0]),
    )  # fmt: skip


def _repeats(text: Rows) -> Check:
    margin, vanilla = (_single(text, rule, model=MDM, metric=REPEATED) for rule in (MARGIN, VANILLA))
    return _check(
        "real text, one token per call: margin repeats itself more than vanilla",
        "more phrases that stood there before", [margin, vanilla],
        lambda known: known[0].interval[0] > known[1].interval[1],
    )  # fmt: skip


def _arm(text: Rows) -> Check:
    """Whether the autoregressive network has a temperature at which it is judged as well and less sure of itself."""
    margin = _single(text, MARGIN, model=MDM, metric=JUDGED)
    own = _single(text, MARGIN, model=MDM, metric=PATH)
    arm = text.where(model=ARM_NATURAL.name, swept=TEMPERATURE)
    pairs = [(row, arm.one(metric=PATH, at=row.at)) for row in arm.where(metric=JUDGED)]
    if margin is None or own is None or not pairs:
        return _check("real text: an autoregressive network of equal FLOPs against margin", "-", [], lambda _: False)
    better = [f"T = {row.at:g}" for row, path in pairs if row.value <= margin.value and path.value >= own.value]
    return Check(
        text="real text: an autoregressive network of equal FLOPs has a temperature at which the judge finds its text "
        "no worse than margin's and its own path costs no less",
        expected="some temperature",
        measured=", ".join(better) or "none",
        met=bool(better),
    )
