"""Figures, drawn from rows and from nothing else."""

from analysis.plots.bayes import draw_bayes
from analysis.plots.forward_hash import draw_forward_hash
from analysis.plots.gap import draw_gap
from analysis.plots.inversion import draw_inversion
from analysis.plots.leak import draw_leak
from analysis.plots.likelihood_gap import draw_likelihood_gap
from analysis.plots.order_accuracy import draw_order_accuracy
from analysis.plots.orders import draw_orders
from analysis.plots.overlap import draw_overlap
from analysis.plots.phase import draw_phase, draw_phase_small
from analysis.plots.phase_thresholds import draw_phase_thresholds
from analysis.plots.samplers import draw_imperfection, draw_samplers
from analysis.plots.slabs import draw_slabs
from analysis.plots.style import save_figure
from analysis.plots.table1 import draw_table1
from analysis.plots.task_error import draw_task_error
from analysis.plots.window import draw_window

__all__ = [
    "draw_bayes",
    "draw_forward_hash",
    "draw_gap",
    "draw_imperfection",
    "draw_inversion",
    "draw_leak",
    "draw_likelihood_gap",
    "draw_order_accuracy",
    "draw_orders",
    "draw_overlap",
    "draw_phase",
    "draw_phase_small",
    "draw_phase_thresholds",
    "draw_samplers",
    "draw_slabs",
    "draw_table1",
    "draw_task_error",
    "draw_window",
    "save_figure",
]
