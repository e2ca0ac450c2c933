"""Lines of tables of the pages on text, from recorded rows."""

from __future__ import annotations

from analysis.figures.repeats.curves import lowest, overtakes
from analysis.figures.repeats.plot import crossing_words
from analysis.figures.repeats.units import MODELS
from analysis.figures.scaling.losses import curve, kinds, lawful, mean_loss, texts
from analysis.figures.scaling.plot import spoken_text
from analysis.figures.scaling.units import ARM, SIZES
from analysis.lab.rows import MDM
from analysis.measures.text_learners import spoken_text_learners
from analysis.measures.text_networks import EXCESS, LOSS
from docs.numbers import single


def scaling_table(run: str) -> list[tuple[str, str, str, str, str, str]]:
    """Text, learner, operations, weights of the best size, its loss, and its excess over the entropy where known."""
    rows = single(run, "scaling")
    lines = []
    for name in texts(rows):
        every = [*kinds(rows, name), *kinds(rows, name, any_order=True)]
        words = spoken_text_learners(every)
        for kind in every:
            over = curve(rows, name, kind, EXCESS) if lawful(rows, name) == EXCESS else {}
            for budget, sizes in curve(rows, name, kind).items():
                best = min(sizes, key=lambda size: mean_loss(sizes[size]))
                excess = _nats(*mean_loss(over[budget][best])) if over else "not known"
                lines.append(
                    (spoken_text(name), words.get(kind, kind), f"{budget:.0e}", f"{best:,.0f}",
                     _nats(*mean_loss(sizes[best])), excess)
                )  # fmt: skip
    return lines


def repeats_table(run: str) -> list[tuple[str, ...]]:
    """Distribution, where the MDM overtakes the ARM, and the lowest loss of each learner with its epoch."""
    rows = single(run, "repeats")
    lines = []
    for name in rows.where(model=MODELS).values("distribution"):
        bests = (lowest(rows, name, model) for model in MODELS)
        words = ("-" if best is None else f"{best[0]:.3f} after {best[1]:.0f} epochs" for best in bests)
        lines.append((spoken_text(name), crossing_words(overtakes(rows, name)), *words))
    return lines


def _nats(value: float, half: float) -> str:
    return f"{value:.3f} [{value - half:.3f}, {value + half:.3f}]"


def scaling_goals() -> tuple[float, float]:
    """What was wanted of Shakespeare: the loss of the ARM, and the bound of the MDM over it."""
    goals = SIZES["long"].goals
    assert goals is not None
    return goals


def bound_over_loss(run: str) -> float:
    """The MDM's bound over the ARM's loss, at equal operations and one size each."""
    losses = single(run, "scaling").where(metric=LOSS)
    return losses.one(model=MDM).value / losses.one(model=ARM).value


FUNCTIONS = (scaling_table, repeats_table, scaling_goals, bound_over_loss)
