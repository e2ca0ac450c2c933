"""The report on repeated data: who overtakes whom, when, and whether dropout does as well."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.repeats.curves import averaged, lowest, overtakes, shown
from analysis.figures.repeats.plot import crossing_words, draw_repeats, spoken_text
from analysis.figures.repeats.units import ARM, EXPERIMENT_NAME, MODELS, SIZES, RepeatsSize, units
from analysis.lab.experiment import Experiment, Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import CONTROL, MDM, Rows
from analysis.measures.text_learners import ARM_DROPOUT, spoken_text_learners
from analysis.measures.text_networks import EXCESS, FLOOR, LOSS

_ROUNDING, _ERRORS = 1e-9, 4.0


def figures(rows: Rows, size: RepeatsSize) -> dict[str, Figure]:
    """The figure."""
    return {EXPERIMENT_NAME: draw_repeats(rows)}


def report(run: Run[RepeatsSize]) -> Report:
    """What the rows say."""
    size, rows = run.size, run.rows
    names = rows.where(model=MODELS).values("distribution")
    return Report(
        title="Repeats: few rows, met again and again",
        summary=[
            f"{size.rows} fixed rows of {size.length} tokens are trained on for {size.epochs[0]} to {size.epochs[-1]} "
            "epochs, each a training from nothing whose learning rate falls to its end: an autoregressive model (ARM), "
            "the same with dropout, and a masked diffusion model (MDM), whose number is an upper bound. All are "
            "measured on new rows.",
            "Published (arXiv 2507.15857, 2510.04071): diffusion wins when data repeat, as it sees each row under many "
            "masks; and dropout gives an ARM what it needs for the same. On the chain and on NAE-SAT the entropy is "
            "known, so the excess over it is shown.",
        ],
        checks=repeats_checks(rows),
        sections=[
            Section(
                title="Loss by epochs",
                figures=[
                    FigureItem(
                        path=run.figures[EXPERIMENT_NAME].svg,
                        caption="Loss on new rows, or its excess over the entropy, by the number of epochs; means over "
                        "seeds with 95% intervals. Dashed: where the MDM overtakes the ARM.",
                        alt="Three panels of loss against epochs on a logarithmic axis for three learners.",
                    )
                ],
                tables=[_crossing_table(rows, names), *(_curve_table(rows, name) for name in names)],
            )
        ],
        caveats=[
            "The bound of an MDM is above its likelihood: a crossing of bound and loss is a late one.",
            "Lowest losses over epochs are picked on the rows that they are measured on.",
            f"One network size, learning rate and dropout ({size.dropout:g}); none was tuned.",
            "Intervals of a crossing resample runs and add the errors of measurement as if those were independent.",
        ],
        names=spoken_text_learners(rows.values("model")),
    )


def repeats_checks(rows: Rows) -> list[Check]:
    """What was expected before anything was run: the published claims."""
    checks = _control(rows)
    for name in rows.where(model=MODELS).values("distribution"):
        found = overtakes(rows, name)
        if found is None:
            continue
        checks.append(
            Check(
                text=f"{spoken_text(name)}: with enough epochs the MDM overtakes the ARM",
                expected="a crossing within the epochs that were trained",
                measured=crossing_words(found),
                met=found.epoch is not None,
            )
        )
        best = {model: lowest(rows, name, model) for model in MODELS}
        checks += _best_checks(name, best)
    return checks


def _best_checks(name: str, best: dict[str, tuple[float, float] | None]) -> list[Check]:
    arm, dropout, mdm = (best[model] for model in (ARM, ARM_DROPOUT, MDM))
    if arm is None or dropout is None or mdm is None:
        return []
    return [
        Check(
            text=f"{spoken_text(name)}: {text}",
            expected=expected,
            measured=f"{_at(first)} and {_at(second)}",
            met=first[0] <= second[0],
        )
        for text, expected, first, second in (
            ("the MDM wins, each learner at its best epoch", "its bound below the ARM's loss", mdm, arm),
            ("an ARM with dropout does as well, each at its best", "its loss below the MDM's bound", dropout, mdm),
        )
    ]


def _control(rows: Rows) -> list[Check]:
    checks = []
    for row in rows.where(model=CONTROL, metric=EXCESS):
        loss, floor = (
            rows.one(model=CONTROL, metric=metric, distribution=row.distribution) for metric in (LOSS, FLOOR)
        )
        near = abs(loss.value - floor.value) <= _ERRORS * loss.standard_error + _ROUNDING
        checks.append(
            Check(
                text=f"control: the exact posterior of {spoken_text(row.distribution)}",
                expected=f"excess 0 up to rounding, loss within {_ERRORS:.0f} standard errors of the entropy",
                measured=f"excess {row.value:.1e}; {loss.value:.4f} beside {floor.value:.4f}",
                met=abs(row.value) < _ROUNDING and near,
            )
        )
    return checks


def _at(best: tuple[float, float]) -> str:
    return f"{best[0]:.4f} after {best[1]:.0f} epochs"


def _crossing_table(rows: Rows, names: list[str]) -> TableItem:
    lines = []
    for name in names:
        found = overtakes(rows, name)
        share = "-" if found is None else f"{100 * found.share:.0f}%"
        bests = [lowest(rows, name, model) for model in MODELS]
        lines.append(
            [spoken_text(name), crossing_words(found), share, *("-" if one is None else _at(one) for one in bests)]
        )
    return TableItem(
        caption="Where the MDM's bound falls below the ARM's loss, 95% over resampled runs; the share of resamples "
        "that have a crossing; and the lowest loss of each learner, nats per token.",
        header=["distribution", "crossing", "resamples with one", *MODELS],
        rows=lines,
    )


def _curve_table(rows: Rows, name: str) -> TableItem:
    metrics = [LOSS] + [EXCESS] * (shown(rows, name) == EXCESS)
    own = {(model, metric): averaged(rows, name, model, metric) for model in MODELS for metric in metrics}
    epochs = sorted({row.at for found in own.values() for row in found if row.at is not None})
    words = {LOSS: "loss", EXCESS: "excess"}
    return TableItem(
        caption=f"{spoken_text(name)}: nats per token by epochs, means over seeds.",
        header=["epochs", *(f"{model}: {words[metric]}" for model, metric in own)],
        rows=[[f"{at:.0f}", *(cell(found.get(at=at), 4) for found in own.values())] for at in epochs],
    )


EXPERIMENT = Experiment(
    name=EXPERIMENT_NAME, sizes=SIZES, units=units, figures=figures, report=report, growing=("small", "paper")
)
