"""Inverting a keyed hash of all latents: exhaustive search, for want of anything better."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from generators.observations.keyed_hash import KeyedHash
from lo_theory.attacks.inversion import Attempt

EVALUATIONS = "hash evaluations"
MAX_HIDDEN = 30
_BATCH = 4096


def search_hash(
    hashed: KeyedHash,
    latents: Integer[np.ndarray, "N"],
    hidden: Bool[np.ndarray, "N"],
    observed: Integer[np.ndarray, "P"],
    rng: np.random.Generator,
) -> Attempt:
    """Try all values of the hidden latents until the hash of all latents shows the observations.

    The order of the candidates is random (a fixed order, shifted), so a search takes (2**h + 1) / 2 evaluations on
    average for h hidden latents, 2**h at most. The evaluations are counted up to the hit, not up to the end of its
    batch. A hit agrees in all P observations: with P bits a wrong one does so with probability 2**-P each.

    Args:
        hashed: binary latents, every scope all of them, so that one evaluation is one digest.
        latents: (N,) bits; those that are hidden are not looked at.
        hidden: which latents are masked.
        observed: the values to meet.
    Returns:
        the preimage found, not necessarily the planted one where P is not larger than h; cost in "hash evaluations".
    Raises:
        ValueError: latents that are no bits, a hash of other scopes, more than 30 hidden latents, or observations that
            no candidate shows.
    Cost: about 0.9 microseconds per evaluation.
    """
    n, count = len(latents), int(hidden.sum())
    if hashed.latent_alphabet != 2 or hashed.scopes.shape[1] != n:
        raise ValueError(
            f"the search is over bits and whole scopes of {n} latents; got alphabet {hashed.latent_alphabet}, scopes "
            f"of {hashed.scopes.shape[1]}. Small scopes are solved exactly, see lo_theory.posteriors.exact."
        )
    if count > MAX_HIDDEN:
        raise ValueError(f"a search over 2**{count} candidates is refused; at most {MAX_HIDDEN} latents may be hidden.")
    started, total, shift = time.perf_counter(), 2**count, int(rng.integers(2**count))
    for first in range(0, total, _BATCH):
        codes = np.arange(first, min(first + _BATCH, total)) ^ shift
        candidates = _candidates(latents, hidden, codes)
        hits = np.flatnonzero((hashed.digest(candidates) == observed[:, None]).all(axis=0))
        if hits.size:
            found, tried = candidates[:, hits[0]].copy(), first + int(hits[0]) + 1
            return Attempt(found, {EVALUATIONS: tried}, time.perf_counter() - started)
    raise ValueError(
        "no value of the hidden latents shows these observations; check that they belong to the visible latents."
    )


def _candidates(
    latents: Integer[np.ndarray, "N"], hidden: Bool[np.ndarray, "N"], codes: Integer[np.ndarray, "n"]
) -> UInt8[np.ndarray, "N n"]:
    """The latents with bit i of a code in the place of hidden latent i."""
    columns = np.repeat(latents.astype(np.uint8)[:, None], len(codes), axis=1)
    columns[hidden] = (codes >> np.arange(hidden.sum())[:, None]) & 1
    return columns
