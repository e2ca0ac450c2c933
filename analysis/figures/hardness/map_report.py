"""The report on the map of task errors at the size of the paper's Fig. 2."""

from __future__ import annotations

from analysis.figures.hardness.checks import averaged, direction_check, no_task_error, role_check
from analysis.figures.hardness.paper_map import MAP, PAPERS_LATENTS, as_task_errors
from analysis.lab.experiment import Run
from analysis.lab.report import Check, FigureItem, Report, Section, TableItem, cell
from analysis.lab.rows import CONTROL, MDM, Role, Rows
from analysis.measures.forward_loss import FORWARD
from analysis.measures.setting import Scale
from analysis.measures.task_error import KL, KL_BACKWARDS, KL_FORWARDS, SQUARED, role_means


def map_report(run: Run[Scale]) -> Report:
    """What the rows say of the network, and whether the exact posterior has no error."""
    rows, setting = as_task_errors(run.rows), run.size.planning
    own, name = rows.where(model=MDM), rows[0].distribution
    return Report(
        title=f"Task errors at the paper's size, {name}",
        summary=[
            f"A masked diffusion model of {setting.layers} layers of width {setting.width} on {name}, trained for "
            f"{setting.steps:,} steps of {setting.batch_size} sequences. Each masked token it answers is compared with "
            "the exact posterior, for which the paper has a longer trained network.",
            "The paper hides l latents and l P / N observations; it plots l = 11 and finds latents harder. Its measure "
            "is the squared difference of log-probabilities, ours beside it the KL divergence under uniform masks.",
        ],
        checks=[*_control_checks(rows), role_check(own, name), _papers_check(own, name), direction_check(own, name)],
        sections=[
            Section(
                title="Where it errs",
                figures=[
                    FigureItem(
                        path=run.figures[MAP].svg,
                        caption="Top: KL divergence of the network from the exact posterior, by position and number of "
                        "masked tokens, and its mean over latents and over observations with 95% bands. Below: the "
                        f"paper's measure, at each position with {PAPERS_LATENTS} masked latents as in its plot, and "
                        "by the number of masked latents.",
                        alt="A heatmap of task errors, latents beside observations, and three panels of means.",
                    )
                ],
                tables=[_table(own, rows)],
            )
        ],
        caveats=[
            "One training run: intervals cover the test sequences, not the spread between runs.",
            "As long as every latent is masked its exact posterior is uniform, as all latents may be flipped together.",
        ],
    )


def _control_checks(rows: Rows) -> list[Check]:
    control = rows.where(model=CONTROL)
    return [no_task_error(control)] if control.where(metric=(KL, SQUARED)) else []


def _papers_check(own: Rows, name: str) -> Check:
    """The paper's own case, under its own measure."""
    return role_check(
        own.where(metric=SQUARED, latents_masked=PAPERS_LATENTS),
        name,
        f"latents have the larger error under the paper's measure with {PAPERS_LATENTS} latents masked",
        metric=SQUARED,
        unit="squared nats",
        digits=3,
    )


def _table(own: Rows, rows: Rows) -> TableItem:
    asked: list[tuple[str, str, Role]] = [
        ("latents, KL", KL, "latent"),
        ("observations, KL", KL, "observation"),
        ("observations, latents visible, KL", KL_FORWARDS, "observation"),
        ("observations, a latent masked, KL", KL_BACKWARDS, "observation"),
    ]
    lines = []
    for words, metric, role in asked:
        value, error = averaged(own, metric, role)
        lines.append([words, f"{value:.4f} +- {error:.4f}"])
    case = own.where(latents_masked=PAPERS_LATENTS)
    lines += [
        [f"{role}s, the paper's measure, {PAPERS_LATENTS} latents masked", cell(row, 4)]
        for role in ("latent", "observation")
        for row in role_means(case, SQUARED, role)
    ]
    lines += [[f"forward loss, {row.model}", cell(row, 4)] for row in rows.where(metric=FORWARD)]
    return TableItem(
        caption="Means in nats over all numbers of masked tokens, weighted by sequences, +- one standard error; the "
        "paper's measure in squared nats with its 95% interval.",
        header=["what", "mean"],
        rows=lines,
    )
