"""Task errors of a network by what kind of subproblem a hidden token is, under uniform masks of every size.

An observation whose latents are all visible is computed; another one, and a latent, are inferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.lab.rows import Row, Rows, Subject
from analysis.measures.learner import TEST, LearnerUnit
from analysis.measures.task_error import KL, KL_BACKWARDS, KL_FORWARDS, task_error
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.posteriors.exact import exact_posterior

COMPUTED, INFERRED, LATENT = "computed observation", "inferred observation", "latent"
PROBLEMS = (COMPUTED, INFERRED, LATENT)
"""Values of ``swept``; the metric is that of a task error."""
_ROWS: dict[str, dict[str, Any]] = {
    COMPUTED: {"metric": KL_FORWARDS},
    INFERRED: {"metric": KL_BACKWARDS},
    LATENT: {"metric": KL, "role": "latent", "position": None},
}


def subproblem_errors(
    unit: LearnerUnit, distribution: LODistribution, denoiser: Denoiser, *, about: Subject, experiment: str
) -> Iterator[Row]:
    """KL(posterior || network) of each subproblem: the mean over numbers of masks, evenly spaced from 1 to L."""
    counts = np.unique(np.linspace(1, distribution.length, unit.setting.masked_counts).round().astype(int))
    rows = task_error(
        denoiser,
        exact_posterior(distribution),
        distribution,
        about=about,
        masked_counts=counts.tolist(),
        samples=unit.setting.task_samples,
        rng=np.random.default_rng(unit.sample_seed(TEST)),
    )
    for problem, where in _ROWS.items():
        found = [row for row in rows if all(getattr(row, name) == value for name, value in where.items())]
        if found:  # of few masks no observation may lack a latent
            yield replace(_mean(found), experiment=experiment, swept=problem)


def of_kind(rows: Rows, kind: str) -> Rows:
    """The rows of a subproblem, or of a rule."""
    return rows.where(swept=kind) if kind in PROBLEMS else rows.where(decoder=kind)


def _mean(rows: list[Row]) -> Row:
    """Of rows from independent sequences."""
    errors = np.array([row.standard_error for row in rows])
    return replace(
        rows[0],
        metric=KL,
        role=None,
        n_masked=None,
        value=float(np.mean([row.value for row in rows])),
        standard_error=float(np.sqrt((errors**2).sum())) / len(rows),
        samples=sum(row.samples for row in rows),
    )
