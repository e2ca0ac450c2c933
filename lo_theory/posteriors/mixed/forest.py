"""An elimination forest of a graph, small enough for Python's sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def elimination_forest(latents: Iterable[int], scopes: Sequence[tuple[int, ...]]) -> dict[int, int | None]:
    """Latents in the order of least degree, each with the first of its later neighbours; None for roots.

    Args:
        latents: the vertices.
        scopes: cliques of the graph.
    """
    near: dict[int, set[int]] = {latent: set() for latent in latents}
    for scope in scopes:
        for latent in scope:
            near[latent].update(scope)
    for latent, others in near.items():
        others.discard(latent)
    cluster: dict[int, set[int]] = {}
    while near:
        latent = min(near, key=lambda v: (len(near[v]), v))
        cluster[latent] = near.pop(latent)
        for other in cluster[latent]:
            near[other] |= cluster[latent]
            near[other] -= {latent, other}
    rank = {latent: number for number, latent in enumerate(cluster)}
    return {latent: min(others, key=rank.__getitem__) if others else None for latent, others in cluster.items()}
