"""Faults of single rows, of structure and of promises: what a look at one row, or at one latent, finds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from generators.distribution import LODistribution
from generators.observations.named_tables import nae, parity
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing.altered import Fault, as_told, relabelled, reweighted


def _column(rows: np.ndarray, base: LODistribution) -> np.ndarray:
    return np.concatenate([rows, rows[:, :1]], axis=1)


def _mask_symbol(rows: np.ndarray, base: LODistribution) -> np.ndarray:
    return np.where(rows == 0, base.mask_id, rows)


def _rarely_wrong(rows: np.ndarray, base: LODistribution) -> np.ndarray:
    latents, observations = (part.copy() for part in base.split(rows))
    observations[latents.all(axis=1), 0] ^= 1
    return base.join(latents, observations)


def _skewed(base: LODistribution) -> dict[str, Any]:
    return {"sample": lambda n, rng: as_told(base, (rng.random((n, 4)) < 0.53).astype(np.int64), rng)}


def _one_skewed(base: LODistribution) -> dict[str, Any]:
    rates = np.array([0.5, 0.5, 0.45, 0.5])
    return {"sample": lambda n, rng: as_told(base, (rng.random((n, 4)) < rates).astype(np.int64), rng)}


def _copied(base: LODistribution) -> dict[str, Any]:
    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        latents = rng.integers(0, 2, (n, 4))
        latents[:, 3] = np.where(rng.random(n) < 0.1, latents[:, 0], latents[:, 3])
        return as_told(base, latents, rng)

    return {"sample": sample}


def _shared_noise(base: LODistribution) -> dict[str, Any]:
    return {"sample": lambda n, rng: as_told(base, rng.integers(0, 2, (n, 4)), rng, shared=True)}


def _wrong_noise(base: LODistribution) -> dict[str, Any]:
    quiet = replace(
        base, functions=(base.functions[0], Noisy(Predicate(parity(arity=2), base.functions[1].scopes), 0.17))
    )
    return {"sample": quiet.sample}


def _counting(base: LODistribution) -> dict[str, Any]:
    calls = itertools.count()
    return {"sample": lambda n, rng: base.rows(next(calls), 0, n)}


def _scopes_anew(base: LODistribution) -> dict[str, Any]:
    current = [base]

    def sample(n: int, rng: np.random.Generator) -> np.ndarray:
        current[0] = _with_scopes(base, int(rng.integers(2**31)))
        return current[0].sample(n, rng)

    return {
        "sample": sample,
        "log_prob": lambda x: current[0].log_prob(x),
        "observe": lambda latents: current[0].observe(latents),
        "rows": None,
    }


def _scopes_from_sample_seed(base: LODistribution) -> dict[str, Any]:
    return {"rows": lambda seed, start, stop: _with_scopes(base, seed).rows(seed, start, stop)}


def _with_scopes(base: LODistribution, seed: int) -> LODistribution:
    drawn = Predicate(nae(arity=3), random_scopes(4, 6, arity=3, structure_seed=seed))
    return replace(base, functions=(drawn, base.functions[1]))


def _block_stream(base: LODistribution) -> dict[str, Any]:
    return {"rows": lambda seed, start, stop: base.sample(stop - start, np.random.default_rng([seed, start]))}


def _repeating_order(base: LODistribution) -> dict[str, Any]:
    order = np.arange(base.length)
    order[-1] = order[0]
    return {"order": order}


def _without_order(base: LODistribution) -> dict[str, Any]:
    def from_json(form: dict[str, Any]) -> LODistribution:
        return LODistribution.from_json({**form, "order": list(range(base.length))})

    return {"to_json": base.to_json, "from_json": from_json}


def _raising(base: LODistribution) -> dict[str, Any]:
    def entropy() -> float:
        raise NotImplementedError("no entropy of noisy observations")

    return {"entropy": entropy}


PARTS: tuple[Fault, ...] = (
    ("shape", "a sample has a column too many", relabelled(_column)),
    ("shape", "tokens are floats", relabelled(lambda rows, _: rows / 1.0)),
    ("log_prob_shape", "log_prob keeps a second axis", reweighted(lambda values, _: values[:, None])),
    (
        "log_prob_shape",
        "log_prob is NaN on rows of zero latents",
        reweighted(lambda v, x: np.where(x[:, 0] == 0, np.nan, v)),
    ),
    ("alphabet", "the mask symbol stands for 0", relabelled(_mask_symbol)),
    (
        "support",
        "log_prob refuses rows that start with 0 0",
        reweighted(lambda v, x: np.where(x[:, :2].any(1), v, -np.inf)),
    ),
    (
        "off_support",
        "log_prob never looks at the observations",
        reweighted(lambda v, _: np.full(len(v), -4 * np.log(2))),
    ),
    ("row_independence", "log_prob is centred over the batch", reweighted(lambda v, _: v - np.exp(v).mean())),
    ("determinism", "the seed is ignored, every call goes on", _counting),
    (
        "seeds_differ",
        "the seed is ignored, every call is the same",
        lambda base: {"sample": lambda n, _: base.rows(0, 0, n)},
    ),
    ("fixed_structure", "scopes are drawn anew for every sample", _scopes_anew),
    ("fixed_structure", "scopes are drawn from the sample seed of the stream", _scopes_from_sample_seed),
    ("order_is_a_permutation", "the order repeats a position", _repeating_order),
    ("stream", "a row depends on where its piece starts", _block_stream),
    ("json_round_trip", "from_json forgets the order", _without_order),
    ("observations_agree", "an observation is wrong when all latents are 1", relabelled(_rarely_wrong)),
    ("noise_rate", "noise of rate 0.17 where 0.2 is promised", _wrong_noise),
    ("latent_frequencies", "every latent is 1 with probability 0.53", _skewed),
    ("latent_frequencies", "one latent is 1 with probability 0.45", _one_skewed),
    ("latent_independence", "a latent copies another one in a tenth of the rows", _copied),
    ("log_prob_sums_to_one", "log_prob is off by a constant", reweighted(lambda v, _: v + 0.001)),
    (
        "log_prob_sums_to_one",
        "impossible sequences get 1e-12 each",
        reweighted(lambda v, _: np.logaddexp(v, np.log(1e-12))),
    ),
    ("sample_frequencies", "noise hits all observations of a row or none", _shared_noise),
    ("entropy", "the entropy forgets the noise", lambda base: {"entropy": lambda: 4 * np.log(2)}),
    ("entropy", "the entropy is in bits", lambda base: {"entropy": lambda: base.entropy() / np.log(2)}),
    ("entropy", "the entropy is not implemented", _raising),
)
