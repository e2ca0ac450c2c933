"""Identity I1: along every order the exact conditionals of a sequence cost the same; a trained network's do not.

With deterministic observations and a uniform prior a sequence costs N log m nats, whatever the order and the sequence;
with a general prior minus its log prior, with a noisy channel the log of that in addition. No order is harder than
another *in total* for a learner that computes conditionals: what an order-agnostic learner loses it loses to learning
and computing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Integer

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM, Row, Subject
from analysis.measures.learner import TEST, LearnerUnit, masked_denoiser, order_of
from analysis.measures.setting import DISTRIBUTIONS, SCALES, Setting
from generators.distribution import LODistribution
from generators.families import local_hash, predicate_csp
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import Estimate, mean_estimate
from lo_theory.likelihood import chain_nll, chain_nll_by_order
from lo_theory.orders import uniform
from lo_theory.posteriors.enumeration import EnumeratedPosterior

EXPERIMENT_NAME = "orders"
ERROR = "largest_error_nats"
CUMULATED, SMALLEST, LARGEST = "cumulated_nats", "smallest_cumulated_nats", "largest_cumulated_nats"
TOTAL, OVER_ORDERS = "total_nats", "spread_over_orders_nats"
REVEALED = "revealed tokens"
SHOWN_DISTRIBUTION = "NAE-SAT"
SHOWN_ORDERS = ("arm natural", "arm reversed", "pi closer 0", "pi uniform 0")
Kind = Literal["uniform prior", "general prior", "noisy channel"]
KINDS: tuple[Kind, ...] = ("uniform prior", "general prior", "noisy channel")


@dataclass(frozen=True, kw_only=True)
class OrdersSize:
    """What is trained and tested, and how often.

    Attributes:
        setting: of the networks, their distributions and test rows.
        distributions: on which a network is trained, the shown one among them.
        seeds: training runs.
        random_orders: uniform orders behind the spread of the totals, the shown one among them.
        identities: random small distributions per kind.
    """

    setting: Setting
    distributions: tuple[str, ...]
    seeds: int
    random_orders: int = 8
    identities: int

    @property
    def floor(self) -> float:
        """N log 2, in nats: the cost of every sequence of these distributions, whose latents are fair bits."""
        return self.setting.n_latents * math.log(2)


SIZES: dict[ScaleName, OrdersSize] = {
    "smoke": OrdersSize(
        setting=replace(SCALES["smoke"].learning, test_rows=256),
        distributions=(SHOWN_DISTRIBUTION,),
        seeds=1,
        identities=60,
    ),
    "small": OrdersSize(
        setting=replace(SCALES["small"].learning, test_rows=1024),
        distributions=tuple(DISTRIBUTIONS),
        seeds=3,
        identities=400,
    ),
    "paper": OrdersSize(
        setting=replace(SCALES["paper"].learning, test_rows=1024),
        distributions=tuple(DISTRIBUTIONS),
        seeds=3,
        identities=2000,
    ),
}


@dataclass(frozen=True, kw_only=True)
class OrdersUnit(LearnerUnit):
    """Losses of one model along several orders: the exact posterior, or a masked diffusion model trained here.

    Attributes:
        random_orders: uniform orders behind the spread of the totals, the shown one among them.
    """

    random_orders: int

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Cumulated losses along the shown orders, and totals along all."""
        distribution = self.build()
        rows = distribution.rows(self.sample_seed(TEST), 0, self.setting.test_rows)
        tokens, about = torch.from_numpy(rows.astype(np.int64)), self.about(distribution)
        denoiser = masked_denoiser(self, distribution, directory, device)
        totals = []
        for name in (*SHOWN_ORDERS, *(f"pi uniform {i}" for i in range(1, self.random_orders))):
            nats = chain_nll(denoiser, tokens, order_of(name, distribution, self.setting.structure_seed))
            totals.append(nats.sum(axis=1))
            yield about.row(EXPERIMENT_NAME, TOTAL, mean_estimate(totals[-1], "chain"), decoder=name)
            if name in SHOWN_ORDERS:
                yield from _path(about, name, nats)
        spread = np.ptp(np.stack(totals), axis=0)
        yield about.row(EXPERIMENT_NAME, OVER_ORDERS, mean_estimate(spread, "chain"))


def _path(about: Subject, name: str, nats: Float64[np.ndarray, "n L"]) -> Iterator[Row]:
    """Mean, smallest and largest cumulated loss after every step."""
    cumulated = np.concatenate([np.zeros((len(nats), 1)), nats.cumsum(axis=1)], axis=1)
    for step, values in enumerate(cumulated.T):
        made = partial(about.row, EXPERIMENT_NAME, decoder=name, swept=REVEALED, at=float(step))
        mean = mean_estimate(values, "chain")
        yield made(CUMULATED, mean)
        yield made(SMALLEST, replace(mean, value=float(values.min()), standard_error=0.0))
        yield made(LARGEST, replace(mean, value=float(values.max()), standard_error=0.0))


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
        found = Estimate(value=worst, standard_error=0.0, samples=count, method="exact")
        yield about.row(EXPERIMENT_NAME, ERROR, found)


def units(size: OrdersSize) -> list[OrdersUnit | IdentityUnit]:
    """The trained networks first: they take longest."""
    learners = [
        OrdersUnit(distribution=name, model=model, seed=seed, setting=size.setting, random_orders=size.random_orders)
        for model, runs in ((MDM, size.seeds), (CONTROL, 1))
        for seed in range(runs)
        for name in size.distributions
    ]
    return [*learners, *(IdentityUnit(kind=kind, distributions=size.identities) for kind in KINDS)]


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
