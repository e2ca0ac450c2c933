"""The best order of an imperfect denoiser by backward induction, and what the usual orders lose to it.

One token per call, on distributions whose sequences with masks can all be listed. Every number is exact; intervals are
over distributions with draws of the denoiser's errors, or over trained networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float64

from analysis.figures.optimal_order.case import LEAST_KL, MOST_VALID, NATURAL, RANDOM, SCORES, Case
from analysis.figures.optimal_order.networks import NetworkUnit, OwnOrderUnit
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, Row, Subject
from analysis.measures.small_distributions import GRID, Kind, Listed
from lo_theory.denoisers.noised import (
    Hardness,
    NoisedDenoiser,
    entropy_hardness,
    inversion_hardness,
    uniform_hardness,
)
from lo_theory.laws.best_pairs import PairProblem, pairs_by_score
from lo_theory.laws.learned_order import OrderTraining
from lo_theory.laws.partial_sequences import LawDenoiser
from lo_theory.samplers.scores import order_score

PER_CALL = "tokens per call"
EVERYWHERE, INVERSIONS, UNCERTAIN = "errors everywhere", "errors at inversions", "errors where uncertain"
_NOISE, _DOUBT = 1.0, 0.1


@dataclass(frozen=True, kw_only=True)
class PosteriorUnit:
    """Posteriors with errors of equal strength in different places, on one distribution.

    Attributes:
        seed: of the distribution's structure and of the errors.
        noise, doubt: of :class:`NoisedDenoiser`, where the hardness is 1.
    """

    instance: Listed
    seed: int
    noise: float = _NOISE
    doubt: float = _DOUBT

    @property
    def label(self) -> str:
        """The distribution and the seed."""
        return f"{self.instance.label}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Every order under errors everywhere, at inversions, and where the posterior is uncertain."""
        case = Case.of(self.instance.with_structure(self.seed))
        places: dict[str, Hardness] = {
            EVERYWHERE: uniform_hardness,
            INVERSIONS: inversion_hardness(case.distribution),
            UNCERTAIN: _finite_entropy_hardness,
        }
        posterior = LawDenoiser(case.truth, case.sequences.length, case.sequences.vocabulary)
        for name, hardness in places.items():
            wrong = NoisedDenoiser(posterior, hardness, noise=self.noise, doubt=self.doubt, seed=self.seed)
            about = Subject(distribution=self.instance.label, fingerprint="", model=name, seed=self.seed)
            yield from case.rows(case.sequences.answers(wrong, grid=GRID), about)


@dataclass(frozen=True, kw_only=True)
class LearnedUnit:
    """An order that a small network learned from exact values at some of the sequences with masks.

    Attributes:
        seed, noise, doubt: of the distribution and the posterior's errors, as of :class:`PosteriorUnit`.
        width, steps, share: of the network and its training (:class:`OrderTraining`).
    """

    instance: Listed
    seed: int
    width: int = 64
    steps: int = 1500
    share: float = 0.5
    noise: float = _NOISE
    doubt: float = _DOUBT

    @property
    def label(self) -> str:
        """The distribution and the seed."""
        return f"{self.instance.label}, seed {self.seed}, learned order"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Validity and divergence of the learned order under errors everywhere, and where its choices are best."""
        case = Case.of(self.instance.with_structure(self.seed))
        posterior = LawDenoiser(case.truth, case.sequences.length, case.sequences.vocabulary)
        wrong = NoisedDenoiser(posterior, uniform_hardness, noise=self.noise, doubt=self.doubt, seed=self.seed)
        about = Subject(distribution=self.instance.label, fingerprint="", model=EVERYWHERE, seed=self.seed)
        training = OrderTraining(width=self.width, steps=self.steps, share=self.share, seed=self.seed)
        answers = case.sequences.answers(wrong, grid=GRID)
        yield from case.learned_rows(answers, case.learned(answers, training), about)


@dataclass(frozen=True, kw_only=True)
class PairUnit:
    """Two tokens per call from the exact posterior, on one distribution: what that costs at least.

    Attributes:
        seed: of the distribution's structure.
    """

    instance: Listed
    seed: int

    @property
    def label(self) -> str:
        """The distribution and the seed."""
        return f"{self.instance.label}, seed {self.seed}, two per call"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Validity and divergence of every choice of pairs."""
        case = Case.of(self.instance.with_structure(self.seed))
        posterior = LawDenoiser(case.truth, case.sequences.length, case.sequences.vocabulary)
        answers = case.sequences.answers(posterior, grid=GRID)
        problem = PairProblem(case.sequences, answers, case.truth)
        (most_valid, top), (least_kl, bottom) = problem.most_valid(), problem.least_divergence()
        order = case.distribution.order
        assert order is not None
        scores = {**SCORES, NATURAL: order_score(order)}
        pairs = {name: pairs_by_score(case.sequences, answers, score) for name, score in scores.items()}
        about = Subject(distribution=self.instance.label, fingerprint="", model=CONTROL, seed=self.seed)
        for name, choices in {RANDOM: None, **pairs, MOST_VALID: most_valid, LEAST_KL: least_kl}.items():
            yield from case.law_rows(problem.law(choices), name, top, bottom, about, swept=PER_CALL, at=2.0)


def _finite_entropy_hardness(
    tokens: torch.Tensor, log_probs: Float64[torch.Tensor, "B L V"]
) -> Float64[torch.Tensor, "B L"]:
    """:func:`entropy_hardness`, 0 at visible positions, which have no answer."""
    return entropy_hardness(tokens, log_probs).nan_to_num(nan=0.0).clamp(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class OrderSize:
    """How much is listed.

    Attributes:
        instances: a small distribution of each kind.
        distributions: of each kind, each with its own draw of errors.
        paired: instances for two tokens per call.
        networks: trained on the first of each kind.
        steps, layers, width: of the networks.
        learned: distributions of each kind for which an order is learned.
        own_orders: of the networks, how many of each kind have an order learned and an ARM beside them.
    """

    instances: tuple[Listed, ...]
    distributions: int
    paired: tuple[Listed, ...]
    networks: int
    steps: int
    layers: int = 2
    width: int = 32
    learned: int = 0
    own_orders: int = 0


def _instances(nae: tuple[int, int], hashed: tuple[int, int], parity: tuple[int, int]) -> tuple[Listed, ...]:
    """Of (N, P) for each kind."""
    sizes: dict[Kind, tuple[int, int]] = {"NAE-SAT": nae, "hash of three symbols": hashed, "parity": parity}
    return tuple(Listed(kind=kind, n_latents=n, n_observations=p) for kind, (n, p) in sizes.items())


_FEW = _instances((4, 4), (3, 3), (4, 4))
SIZES: dict[ScaleName, OrderSize] = {
    "smoke": OrderSize(instances=_FEW, distributions=8, paired=_FEW, networks=3, steps=300, learned=8, own_orders=3),
    "small": OrderSize(
        instances=_instances((4, 5), (3, 4), (4, 5)),
        distributions=50,
        paired=_FEW,
        networks=5,
        steps=1500,
        learned=50,
        own_orders=5,
    ),
    "paper": OrderSize(
        instances=_instances((5, 7), (4, 4), (6, 6)),
        distributions=50,
        paired=_instances((4, 4), (4, 4), (4, 4)),
        networks=5,
        steps=20_000,
        layers=3,
        width=64,
        learned=50,
        own_orders=5,
    ),
}


def units(size: OrderSize) -> list[PosteriorUnit | PairUnit | NetworkUnit | LearnedUnit | OwnOrderUnit]:
    """Per kind: distributions with errors, then without and two tokens per call, networks, learned orders, ARMs."""
    wrong = [PosteriorUnit(instance=i, seed=seed) for i in size.instances for seed in range(size.distributions)]
    pairs = [PairUnit(instance=i, seed=seed) for i in size.paired for seed in range(size.distributions)]
    networks = [
        NetworkUnit(instance=i, seed=seed, steps=size.steps, layers=size.layers, width=size.width, heads=2)
        for i in size.instances
        for seed in range(size.networks)
    ]
    learned = [LearnedUnit(instance=i, seed=seed) for i in size.instances for seed in range(size.learned)]
    beside = [OwnOrderUnit(network=network) for network in networks if network.seed < size.own_orders]
    return [*wrong, *pairs, *networks, *learned, *beside]
