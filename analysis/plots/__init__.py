"""Figures, drawn from rows and from nothing else."""

from analysis.plots.bayes import draw_bayes
from analysis.plots.forward_hash import draw_forward_hash
from analysis.plots.likelihood_gap import draw_likelihood_gap
from analysis.plots.order_accuracy import draw_order_accuracy
from analysis.plots.overlap import draw_overlap
from analysis.plots.style import save_figure
from analysis.plots.task_error import draw_task_error

__all__ = [
    "draw_bayes",
    "draw_forward_hash",
    "draw_likelihood_gap",
    "draw_order_accuracy",
    "draw_overlap",
    "draw_task_error",
    "save_figure",
]
