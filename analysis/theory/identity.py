"""Identity I1 on random small distributions: the sum of exact conditional losses, whatever the order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Integer

from analysis.plots.style import CONTROL
from analysis.rows import Row, Subject
from generators.distribution import LODistribution
from generators.families import local_hash, predicate_csp
from lo_theory.likelihood import chain_nll_by_order
from lo_theory.oracle import PosteriorDenoiser
from lo_theory.orders import uniform
from lo_theory.posteriors.posterior import EnumeratedPosterior

EXPERIMENT = "orders"
ERROR = "largest_error_nats"
Kind = Literal["uniform prior", "general prior", "noisy channel"]
KINDS: tuple[Kind, ...] = ("uniform prior", "general prior", "noisy channel")


@dataclass(frozen=True, kw_only=True)
class IdentityUnit:
    """The identity on random small distributions: how far any total is from minus the log-probability of its row.

    Attributes:
        kind: what is general about the distributions.
        distributions: drawn; each with ``rows`` sequences and ``orders`` orders.
        seed: of everything.
    """

    kind: Kind
    distributions: int
    rows: int = 8
    orders: int = 8
    seed: int = 0

    @property
    def label(self) -> str:
        """The kind."""
        return f"identity, {self.kind}"

    @property
    def seeds(self) -> dict[str, int]:
        """The one there is."""
        return {"seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Largest deviation of a sum of exact conditional losses, in nats."""
        rng, worst = np.random.default_rng([self.seed, KINDS.index(self.kind)]), 0.0
        for _ in range(self.distributions):
            distribution = random_distribution(self.kind, rng)
            rows = distribution.sample(self.rows, rng)
            expected = tokens_nats(distribution, rows)
            orders = np.stack([uniform(distribution.length, rng) for _ in range(self.orders)])
            posterior = PosteriorDenoiser(EnumeratedPosterior(distribution))
            totals = chain_nll_by_order(posterior, torch.from_numpy(rows.astype(np.int64)), orders)
            worst = max(worst, float(np.abs(totals - expected[:, None]).max()))
        about = Subject(distribution=self.kind, fingerprint="", model=CONTROL, seed=self.seed)
        count = self.distributions * self.rows * self.orders
        yield Row(
            **asdict(about), experiment=EXPERIMENT, metric=ERROR, value=worst, standard_error=0.0, samples=count,
            method="exact",
        )  # fmt: skip


def random_distribution(kind: Kind, rng: np.random.Generator) -> LODistribution:
    """A random truth table or a keyed hash over random scopes: 2 to 6 latents of 2 or 3 values, up to 10 observations.

    The order of the positions is random too. The kinds are nested: "noisy channel" has a general prior as well.
    """
    n, m = int(rng.integers(2, 7)), int(rng.integers(2, 4))
    count, arity, seed = int(rng.integers(1, 11)), int(rng.integers(1, min(n, 3) + 1)), int(rng.integers(2**31))
    order = rng.permutation(n + count)
    if kind == "uniform prior" and rng.random() < 0.3:
        return local_hash(n, count, arity=arity, latent_alphabet=m, structure_seed=seed, order=order)
    alphabet = int(rng.integers(2, 4))
    table = rng.integers(alphabet, size=(m,) * arity)
    prior = np.full(m, 1.0 / m) if kind == "uniform prior" else rng.dirichlet(np.ones(m))
    noise = float(rng.uniform(0.05, 0.5)) if kind == "noisy channel" else 0.0
    return predicate_csp(table, n, count, structure_seed=seed, prior=prior, noise=noise, alphabet=alphabet, order=order)


def tokens_nats(distribution: LODistribution, rows: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, "n"]:
    """``-sum_i log prior - sum_j log Q``, each token charged for itself: what the identity says a row costs.

    Computed from prior, predicates and noise, without any posterior.
    """
    latents, seen = rows[:, distribution.latent_positions], rows[:, distribution.observation_positions]
    nats = -np.log(distribution.prior)[latents].sum(axis=1)
    sizes = distribution.alphabets[distribution.observation_positions]
    with np.errstate(divide="ignore"):
        kept, other = -np.log1p(-distribution.noise), -np.log(distribution.noise / (sizes - 1))
    return nats + np.where(seen == distribution.observe(latents), kept, other).sum(axis=1)
