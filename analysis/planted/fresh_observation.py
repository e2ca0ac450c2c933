"""What an instance tells about an observation that is not in it, and about its latents: losses at large N.

The loss of one more observation is what a masked diffusion model pays for it. Its mean over the true posterior is the
slope of the information in the visible constraints, I'(c) per latent; where belief propagation is right, the mean over
its beliefs is the same number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from generators.planted.constraints import PlantedEnsemble, PlantedInstance, Shown

_BATCH = 2**16  # tuples drawn at once, at most


def fresh_scopes(
    planted: PlantedEnsemble, instance: PlantedInstance, asked: Shown, count: int, rng: np.random.Generator
) -> Int64[np.ndarray, "count k"]:
    """``count`` tuples of distinct latents that the instance does not show, uniform among those that are asked about.

    Args:
        asked: "both", whatever their value; "satisfied", those whose predicate holds.
    Raises:
        ValueError: the instance shows nearly all of them, or hardly any tuple holds.
    """
    known = _keys(instance.scopes, planted.n_latents)
    found, tries, batch = np.empty((0, planted.arity), dtype=np.int64), 0, min(_BATCH, 2 * count + 64)
    while len(found) < count:
        if tries == 100:
            raise ValueError(
                f"only {len(found)} of {count} fresh tuples were found in {tries * batch} draws; raise N or lower the "
                f"degree: {len(instance.scopes)} tuples of {planted.n_latents} latents are shown."
            )
        drawn = rng.integers(planted.n_latents, size=(batch, planted.arity))
        ordered = np.sort(drawn, axis=1)
        keep = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1) & ~np.isin(_keys(drawn, planted.n_latents), known)
        if asked == "satisfied":
            keep &= planted.table[tuple(instance.latents[drawn].T)] == 1
        found, tries = np.concatenate([found, drawn[keep]]), tries + 1
    return found[:count]


def observation_nats(
    planted: PlantedEnsemble,
    instance: PlantedInstance,
    marginals: Float64[np.ndarray, "N m"],
    scopes: Int64[np.ndarray, "n k"],
) -> Float64[np.ndarray, "n"]:
    """``-log p(y)`` of the true value y at each scope, its latents taken as independent with the given marginals.

    Far apart in a sparse random graph, as random latents are, they are so as N grows, within one pure state. ``inf``
    where the marginals rule the truth out.
    """
    truth = planted.table[tuple(instance.latents[scopes].T)]
    nats = np.empty(len(scopes))
    for value in (0, 1):  # each sums its own small terms: 1 - p would round a confident mistake to certainty
        asked = np.flatnonzero(truth == value)
        nats[asked] = _nats_of_holding(planted.table == value, marginals, scopes[asked])
    return nats


def _nats_of_holding(
    wanted: Bool[np.ndarray, "..."], marginals: Float64[np.ndarray, "N m"], scopes: Int64[np.ndarray, "n k"]
) -> Float64[np.ndarray, "n"]:
    held = np.broadcast_to(wanted.astype(np.float64), (len(scopes), *wanted.shape))
    for column in scopes.T:
        held = np.einsum("nx...,nx->n...", held, marginals[column])
    with np.errstate(divide="ignore"):
        return -np.log(np.clip(held, 0.0, 1.0)) + 0.0


def latent_nats(
    marginals: Float64[np.ndarray, "N m"],
    latents: Integer[np.ndarray, "N"],
    symmetries: Sequence[Sequence[int]] = ((),),
) -> Float64[np.ndarray, "N"]:
    """``-log p(z_i)`` of the true values, after the relabelling of the values that serves best on average.

    Args:
        symmetries: relabellings to choose from, ``s[a]`` the new name of value a; only the identity if not given. With
            those that what is visible cannot tell apart this is the loss once a single latent has been revealed.
    """
    tried = [np.argsort(s) if len(s) else np.arange(marginals.shape[1]) for s in symmetries]
    with np.errstate(divide="ignore"):
        losses = [-np.log(marginals[np.arange(len(latents)), s[latents]]) + 0.0 for s in tried]
    return min(losses, key=lambda loss: float(loss.mean()))


def symmetrised(
    marginals: Float64[np.ndarray, "N m"], symmetries: Sequence[Sequence[int]]
) -> Float64[np.ndarray, "N m"]:
    """The mean of the beliefs over relabellings: what they say when no relabelling is preferred.

    Where the symmetries move every value to every other one this is the prior, whatever was believed, and so is the
    exact posterior with all latents masked.
    """
    return np.mean([marginals[:, np.argsort(s)] for s in symmetries], axis=0)


def _keys(scopes: Int64[np.ndarray, "n k"], n_latents: int) -> Int64[np.ndarray, "n"]:
    """A number per tuple; beyond 2**63 of them it wraps around, and a chance collision costs one fresh tuple."""
    keys = np.zeros(len(scopes), dtype=np.int64)
    for column in scopes.T:
        keys = keys * n_latents + column
    return keys
