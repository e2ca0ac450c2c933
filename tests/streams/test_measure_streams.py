"""Streams of what measures: drawn masks and orders, draws of posteriors, attacks, messages and populations.

Whole numbers come from comparisons of draws of NumPy's PCG64 and of PyTorch's generator on a CPU: the same on any
machine. Floats are float64: single draws are compared to within 1e-12, where sums are behind them to within 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from generators import KeyedHash, PlantedEnsemble, nae_sat, sparse_parity
from generators.observations.named_tables import nae, t_in_k
from lo_theory import orders
from lo_theory.attacks.hash_search import EVALUATIONS, search_hash
from lo_theory.attacks.inversion import fit_growth
from lo_theory.attacks.noisy_parity import TRIALS, draw_parities, pooled_gauss
from lo_theory.attacks.planted_sat import observation_clauses, planted_clauses
from lo_theory.denoisers.noised import gaussian_of_tokens
from lo_theory.laws.information_curve import sampled_curve
from lo_theory.likelihood import monte_carlo_nelbo
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.phases.belief_propagation import Settings, random_messages
from lo_theory.phases.condensation import Effort, both_starts, find_transition, kesten_stigum_free_entropy
from lo_theory.phases.ensemble import Ensemble
from lo_theory.phases.factor_graph import planted_graph
from lo_theory.phases.population_dynamics import evolve, planted_population, random_population
from lo_theory.phases.slab_amp import planted_start, random_start
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.parities import ParityPosterior

NAE = nae_sat(5, 4, structure_seed=0)
PARITIES = sparse_parity(6, 6, arity=3, noise=0.0, structure_seed=0)
CONSTRAINTS = PlantedEnsemble(np.array([0.3, 0.7]), 9, nae(arity=3), 6.0, "both")
WHOLE = KeyedHash("00ff", np.tile(np.arange(10), (20, 1)))
BACKWARDS = np.arange(20)[::-1].copy()
TOKENS = torch.zeros(5, 6, dtype=torch.int64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Listening:
    """Fair answers; remembers which positions were hidden whenever it was asked."""

    length, vocabulary = 6, 2

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        return torch.from_numpy(self.log_marginals(tokens.numpy()))

    def log_marginals(self, tokens: Int64[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        self.asked.append(tokens == self.vocabulary)
        return np.full((*tokens.shape, self.vocabulary), -np.log(self.vocabulary))


def _masks(stratified: bool) -> np.ndarray:
    listening = Listening()
    draws = torch.Generator().manual_seed(0)
    monte_carlo_nelbo(listening, TOKENS, 4, draws, stratified=stratified)
    return np.concatenate(listening.asked)


def _curve() -> np.ndarray:
    listening = Listening()
    sampled_curve(listening, TOKENS.numpy(), rng(1))
    return sum(hidden.astype(np.int64) for hidden in listening.asked) - 1


def _bits(arity: int | None) -> np.ndarray:
    """Of each drawn parity which latents are in it, then its value."""
    made = draw_parities(20, 60, 0.1, arity=arity, rng=rng())
    return np.unpackbits(made.rows.astype("<u8").view(np.uint8), axis=1, bitorder="little")[:, :21]


def _clauses(formula: Any) -> np.ndarray:
    return np.concatenate([formula.scopes, formula.wanted], axis=1)


def _planted(hidden: Any) -> np.ndarray:
    return _clauses(planted_clauses(9, 3.0, arity=3, hidden=hidden, rng=rng()))


def _evaluations(seed: int) -> int:
    latents = np.arange(10) % 2
    observed = WHOLE.digest(latents[:, None])[:, 0]
    return search_hash(WHOLE, latents, np.arange(10) > 2, observed, rng(seed)).costs[EVALUATIONS]


def _trials(seed: int) -> int:
    pool, held_out = (draw_parities(12, count, 0.1, arity=None, rng=rng()) for count in (240, 300))
    return pooled_gauss(pool, held_out, 10_000, rng(seed)).costs[TRIALS]


NUMBERS: dict[str, tuple[Callable[[], Any], str]] = {
    "masks of a likelihood": (lambda: _masks(stratified=True), "111111 111110 101001 #10df2b9e"),
    "masks of a likelihood, not spread": (lambda: _masks(stratified=False), "111111 111110 101001 #b0a57d11"),
    "orders of an information curve": (_curve, "402153 235401 154023 #978e646d"),
    "a uniform order": (lambda: orders.uniform(10, rng()), "4627359081 #f83294c6"),
    "orders by swaps": (lambda: [orders.swaps(8, n, rng()) for n in range(4)], "01234567 01234765 02 #c1f30c9e"),
    "closer orders": (
        lambda: [orders.closer(100, rng()), orders.much_closer(100, rng())],
        "0,7,2,76,4,5,6,1,8,9 #2fa04940",
    ),
    "a named order": (lambda: orders.named_order("much-closer", BACKWARDS, rng()), "18,19,17,16,15,13,14 #87da3b7c"),
    "draws by elimination": (
        lambda: EliminatedPosterior(NAE).sample(np.full((30, 9), 2), rng()),
        "100011110 110101101 #7ea70805",
    ),
    "draws of parities": (
        lambda: ParityPosterior(PARITIES).sample(np.full((30, 12), 2), rng()),
        "111000001101 0001111 #b7a3ca37",
    ),
    "dense parities": (lambda: _bits(None), "10000100100000100001 #4e01e34e"),
    "sparse parities": (lambda: _bits(3), "01000100000001000000 #4370c6c1"),
    "less sparse parities": (lambda: _bits(5), "01001010000011000000 #333f9afd"),
    "trials of pooled Gauss": (lambda: [_trials(seed) for seed in range(5)], "10,3,4,2,3 #822f515d"),
    "evaluations of a hash": (lambda: [_evaluations(seed) for seed in range(5)], "58,106,63,51,10 #614a7f27"),
    "clauses": (lambda: _planted("one"), "106001 024101 015001 #049e39e4"),
    "clauses with two solutions": (lambda: _planted("two"), "106001 024010 015101 #6972b92c"),
    "clauses of observations": (
        lambda: _clauses(observation_clauses(CONSTRAINTS, rng())),
        "406110 064110 576110 #a09b09bc",
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(seen, name):
    make, golden = NUMBERS[name]
    assert seen(make()) == golden


BALANCED = Ensemble.from_table(t_in_k(2, arity=4))
TINY = Effort(size=40, burn_in=2, sweeps=20, patience=4, nodes=1, points=3, resolution=0.2)


def _noise() -> Tensor:
    return gaussian_of_tokens(TOKENS[:1], 7, 2)[0, 5]


def _population() -> np.ndarray:
    return random_population(BALANCED, 3, rng()).messages[:, 2, 0]


def _evolved() -> list[float]:
    _, history = evolve(BALANCED, 4.0, planted_population(BALANCED, 9), 3, rng())
    return [history.free_entropy[2], history.magnetisation[2]]


def _starts() -> list[float]:
    return [end.magnetisation.value for end in both_starts(BALANCED, 4.0, TINY, rng())]


def _transition() -> list[float]:
    found = find_transition(BALANCED, TINY, rng())
    return [found.spinodal[0], found.bethe, found.area]


def _free_entropy() -> list[float]:
    found = kesten_stigum_free_entropy(BALANCED, TINY, rng(), replicas=2)
    return [found.value, found.standard_error]


def _believed() -> np.ndarray:
    posterior = BeliefPropagationPosterior(NAE, settings=Settings(max_iterations=1), start="random", seed=1)
    return posterior.log_marginals(np.array([[2, 2, 2, 2, 2, 0, 1, 1, 2]]))[0, :2, 0]


def _messages() -> np.ndarray:
    drawn, ensemble = CONSTRAINTS.sample(rng()), Ensemble.from_planted(CONSTRAINTS)
    graph = planted_graph(ensemble, drawn.scopes, drawn.values, CONSTRAINTS.n_latents)
    return random_messages(graph, rng())[[0, -1], 0]


def _growth() -> list[float]:
    sizes = np.repeat([4, 6, 8], 5)
    cost = 2.0**sizes * (1 + np.arange(15) % 5)
    growth = fit_growth(sizes, cost, np.ones(15, dtype=bool), "mean", rng(), resamples=20)
    return [growth.standard_error, growth.low]


FLOATS: dict[str, tuple[Callable[[], Any], float, list[float]]] = {
    "Gaussian numbers of tokens": (_noise, 1e-12, [-0.3399229991731, 0.4284338731424]),
    "random messages": (_messages, 1e-12, [0.387627354181, 0.4723560243685]),
    "beliefs from a random start": (_believed, 1e-9, [-0.7164905644923, -0.4270219961141]),
    "a random population": (_population, 1e-12, [0.4817526786658, 0.7235561988827]),
    "an evolving population": (_evolved, 1e-9, [-0.03346849936015, 0.8888888888889]),
    "ends of two starts": (_starts, 1e-9, [0.9103058964712, 0.00333676786216]),
    "a transition": (_transition, 1e-9, [2.661160529548, 3.863439726854, 3.402511264522]),
    "a free entropy": (_free_entropy, 1e-9, [0.1519509879838, 0.00406839385217]),
    "a random start of AMP": (lambda: random_start(4, rng())[2:], 1e-12, [0.0006404225628887, 0.0001049001167683]),
    "a planted start of AMP": (
        lambda: planted_start(np.arange(3) % 2, rng(), 0.5)[1:],
        1e-12,
        [0.3855715465103, -0.04711788579508],
    ),
    "errors of a growth": (_growth, 1e-9, [0.1002861817338, 0.7724087567796]),
}


@pytest.mark.parametrize("name", FLOATS)
def test_floats(name):
    make, within, golden = FLOATS[name]
    assert [float(value) for value in make()] == pytest.approx(golden, abs=within)
