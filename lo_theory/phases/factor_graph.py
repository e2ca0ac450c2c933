"""Factor graphs as flat arrays: what belief propagation runs on, from planted instances and from masked sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.phases.ensemble import Ensemble
from lo_theory.posteriors.factors import observation_tables


class FactorGraph(NamedTuple):
    """The weight ``prod_i field[i, x_i] * prod_a table_a(x_scope(a))`` on N latents with m values, F factors, E edges.

    Factor a reads ``scope[scope_start[a] : scope_start[a + 1]]``; these E slots are the edges. Its table, C-ordered
    over its scope, begins at ``tables[table_start[a]]``; factors may share one. The edges of latent i, ascending, are
    ``touch[touch_start[i] : touch_start[i + 1]]``.
    """

    field: Float64[np.ndarray, "N m"]
    scope_start: Int64[np.ndarray, "F1"]
    scope: Int64[np.ndarray, "E"]
    table_start: Int64[np.ndarray, "F"]
    tables: Float64[np.ndarray, "T"]
    touch_start: Int64[np.ndarray, "N1"]
    touch: Int64[np.ndarray, "E"]


def factor_graph(
    field: Float64[np.ndarray, "N m"],
    arity: Int64[np.ndarray, "F"],
    scope: Int64[np.ndarray, "E"],
    table_start: Int64[np.ndarray, "F"],
    tables: Float64[np.ndarray, "T"],
) -> FactorGraph:
    """A graph from its factors: the edges of every latent are looked up."""
    touch = np.argsort(scope, kind="stable").astype(np.int64)
    touch_start = _starts(np.bincount(scope, minlength=len(field)))
    return FactorGraph(field, _starts(arity), scope, table_start, tables, touch_start, touch)


def planted_graph(
    ensemble: Ensemble,
    scopes: Integer[np.ndarray, "P k"],
    values: Integer[np.ndarray, "P"],
    n_latents: int,
) -> FactorGraph:
    """Visible constraints of an ensemble with weights F_y = Q(y | .) / gamma_y, so that knowing nothing costs nothing.

    Raises:
        ValueError: scopes of another arity or beyond N, or a value that is not visible in the ensemble.
    """
    if scopes.ndim != 2 or scopes.shape[1] != ensemble.arity or scopes.max(initial=0) >= n_latents:
        raise ValueError(
            f"scopes have shape (P, {ensemble.arity}) and entries in range({n_latents}); got shape {scopes.shape} "
            f"with largest entry {scopes.max(initial=0)}."
        )
    if not np.isin(values, ensemble.labels).all():
        raise ValueError(f"values must be visible ones, {ensemble.labels}; got {sorted(set(values.tolist()))}.")
    number = np.searchsorted(np.array(ensemble.labels), values).astype(np.int64)
    size = ensemble.alphabet**ensemble.arity
    return factor_graph(
        np.tile(ensemble.prior, (n_latents, 1)),
        np.full(len(scopes), ensemble.arity, dtype=np.int64),
        scopes.ravel().astype(np.int64),
        number * size,
        ensemble.weights.ravel().copy(),
    )


class Channels(NamedTuple):
    """Scopes and channels of all P observations of a distribution; K is the sum of their arities.

    ``channels[block[j] + y * size[j] :][: size[j]]`` is Q(y | .) of observation j over its scope.
    """

    prior: Float64[np.ndarray, "m"]
    start: Int64[np.ndarray, "P1"]
    scope: Int64[np.ndarray, "K"]
    block: Int64[np.ndarray, "P"]
    size: Int64[np.ndarray, "P"]
    alphabet: Int64[np.ndarray, "P"]
    channels: Float64[np.ndarray, "T"]

    @property
    def arity(self) -> Int64[np.ndarray, "P"]:
        """Latents that each observation reads."""
        return np.diff(self.start)


def observation_channels(distribution: LODistribution) -> Channels:
    """Tabulate every observation, noise included; equal channels are stored once.

    Raises:
        ValueError: an observation whose table would have more than 2**20 entries: it is not a local factor.
    """
    blocks: dict[tuple[int, float, bytes], int] = {}
    pieces, scopes, block, end = [np.empty(0)], [], [], 0
    for function in distribution.functions:
        scopes.append(function.scopes)
        for table in observation_tables(function):
            flat = np.ascontiguousarray(table, dtype=np.int64).ravel()
            key = (function.alphabet, function.noise, flat.tobytes())
            if key not in blocks:
                pieces.append(_channel(flat, function.alphabet, function.noise).ravel())
                blocks[key] = end
                end += pieces[-1].size
            block.append(blocks[key])
    arity = np.concatenate([np.empty(0, dtype=np.int64), *(np.full(len(s), s.shape[1]) for s in scopes)])
    alphabets = [np.full(len(f.scopes), f.alphabet) for f in distribution.functions]
    return Channels(
        prior=np.array(distribution.prior),
        start=_starts(arity),
        scope=np.concatenate([np.empty(0, dtype=np.int64), *(s.ravel() for s in scopes)]).astype(np.int64),
        block=np.array(block, dtype=np.int64),
        size=distribution.alphabet**arity,
        alphabet=np.concatenate([np.empty(0, dtype=np.int64), *alphabets]),
        channels=np.concatenate(pieces),
    )


def sequence_graph(
    channels: Channels, latents: Int64[np.ndarray, "N"], observations: Int64[np.ndarray, "P"]
) -> FactorGraph:
    """The posterior weight of one masked sequence: prior, visible latents and visible observations.

    Args:
        latents: values, -1 where masked. A value outside the alphabet has weight 0.
        observations: likewise.
    """
    m, chosen = len(channels.prior), np.flatnonzero(observations >= 0)
    field = np.where((latents[:, None] < 0) | (latents[:, None] == np.arange(m)), channels.prior, 0.0)
    seen, size = observations[chosen], channels.size[chosen]
    possible = seen < channels.alphabet[chosen]
    impossible_at = len(channels.channels)  # a block of zeros behind the pool, for values outside an alphabet
    tables = np.concatenate([channels.channels, np.zeros(0 if possible.all() else int(size.max()))])
    return factor_graph(
        field,
        channels.arity[chosen],
        channels.scope[slots(channels, chosen)],
        np.where(possible, channels.block[chosen] + seen * size, impossible_at),
        tables,
    )


def slots(channels: Channels, chosen: Int64[np.ndarray, "F"]) -> Int64[np.ndarray, "E"]:
    """Places in ``channels.scope`` of the scopes of the chosen observations, end to end."""
    arity = channels.arity[chosen]
    return np.repeat(channels.start[chosen] - _starts(arity)[:-1], arity) + np.arange(arity.sum())


def _channel(codes: Int64[np.ndarray, "s"], alphabet: int, noise: float) -> Float64[np.ndarray, "A s"]:
    hit = codes == np.arange(alphabet)[:, None]
    return np.where(hit, 1.0 - noise, noise / (alphabet - 1))


def _starts(sizes: Integer[np.ndarray, "n"]) -> Int64[np.ndarray, "n1"]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
