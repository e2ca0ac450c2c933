"""Does a generated sequence keep the distribution's own rules?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Integer

from generators.distribution import LODistribution
from generators.ground.integers import integers


def observation_agreement(distribution: LODistribution, rows: Integer[np.ndarray, "n L"]) -> Bool[np.ndarray, "n P"]:
    """Whether each observation token equals the noiseless function of the latents generated in its own row.

    The share of True is the "accuracy" of the paper's table 1 (by its likely protocol: unconditional generation).
    Observations of one row are dependent: for an error bar average over P first and over rows then,
    ``mean_estimate(observation_agreement(distribution, rows).mean(axis=1))``.

    Args:
        rows: finished sequences. A latent outside its alphabet, which a model may generate where observations have more
            values, makes every observation that reads it disagree.
    Raises:
        TypeError: rows that are no integers.
        ValueError: rows of another length than the distribution's.
    """
    rows = integers(rows, "rows")
    if rows.ndim != 2 or rows.shape[1] != distribution.length:
        raise ValueError(f"sequences must have shape (n, {distribution.length}); got {rows.shape}.")
    latents, observations = distribution.split(rows)
    valid = (latents >= 0) & (latents < distribution.alphabet)  # (n, N)
    agrees = observations == distribution.observe(np.where(valid, latents, 0))
    readable = [valid[:, function.scopes].all(axis=-1) for function in distribution.functions]
    return agrees & np.concatenate(readable, axis=1) if readable else agrees
