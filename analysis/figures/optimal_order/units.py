"""The best order of an imperfect denoiser by backward induction, and what the usual orders lose to it.

One token per call, on distributions whose sequences with masks can all be listed. Every number is exact; intervals are
over distributions with draws of the denoiser's errors, or over trained networks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM, Row, Subject
from analysis.measures.small_distributions import GRID, Kind, Listed
from generators.distribution import LODistribution
from lo_theory.denoisers.noised import (
    Hardness,
    NoisedDenoiser,
    entropy_hardness,
    inversion_hardness,
    uniform_hardness,
)
from lo_theory.estimate import Estimate
from lo_theory.laws.best_order import OrderProblem, choices_by_score, choices_in_order, explaining, generating
from lo_theory.laws.best_pairs import PairProblem, pairs_by_score
from lo_theory.laws.learned_order import OrderTraining, learned_order
from lo_theory.laws.partial_sequences import LawDenoiser, PartialSequences
from lo_theory.laws.sampler_law import law_error, true_law
from lo_theory.learning.choices import Shape
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP
from lo_theory.samplers.scores import margin_score, negative_entropy_score, order_score, top_probability_score

EXPERIMENT_NAME = "optimal_order"
VALIDITY, VALIDITY_LOST = "validity", "validity_lost"
KL, KL_EXCESS, KL_OVER_ORDERS = "kl_nats", "kl_excess_nats", "kl_mean_over_orders_nats"
BEST_CHOICE = "best_choice_share"
RANDOM, NATURAL = "random order", "latents first"
PER_CALL = "tokens per call"
MOST_VALID, LEAST_KL = "most valid order", "least KL order"
LEARNED = "learned order"
RULES = (RANDOM, TOP, MARGIN, ENTROPY, NATURAL)
"""Orders that know nothing of the truth but, in the last, which tokens are latents."""
EVERYWHERE, INVERSIONS, UNCERTAIN = "errors everywhere", "errors at inversions", "errors where uncertain"
_SCORES = {TOP: top_probability_score, MARGIN: margin_score, ENTROPY: negative_entropy_score}
_TRAIN = 10**6  # sample seeds of training rows
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
        case = _Case.of(self.instance.with_structure(self.seed))
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
        case = _Case.of(self.instance.with_structure(self.seed))
        posterior = LawDenoiser(case.truth, case.sequences.length, case.sequences.vocabulary)
        wrong = NoisedDenoiser(posterior, uniform_hardness, noise=self.noise, doubt=self.doubt, seed=self.seed)
        about = Subject(distribution=self.instance.label, fingerprint="", model=EVERYWHERE, seed=self.seed)
        training = OrderTraining(width=self.width, steps=self.steps, share=self.share, seed=self.seed)
        yield from case.learned_rows(case.sequences.answers(wrong, grid=GRID), training, about)


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
        case = _Case.of(self.instance.with_structure(self.seed))
        posterior = LawDenoiser(case.truth, case.sequences.length, case.sequences.vocabulary)
        answers = case.sequences.answers(posterior, grid=GRID)
        problem = PairProblem(case.sequences, answers, case.truth)
        (most_valid, top), (least_kl, bottom) = problem.most_valid(), problem.least_divergence()
        order = case.distribution.order
        assert order is not None
        scores = {**_SCORES, NATURAL: order_score(order)}
        pairs = {name: pairs_by_score(case.sequences, answers, score) for name, score in scores.items()}
        about = Subject(distribution=self.instance.label, fingerprint="", model=CONTROL, seed=self.seed)
        for name, choices in {RANDOM: None, **pairs, MOST_VALID: most_valid, LEAST_KL: least_kl}.items():
            yield from case.law_rows(problem.law(choices), name, top, bottom, about, swept=PER_CALL, at=2.0)


@dataclass(frozen=True, kw_only=True)
class NetworkUnit(Shape):
    """A masked diffusion network, trained on one distribution.

    Attributes:
        structure_seed: of the distribution.
        seed: of initial weights, masks and training rows.
        steps, batch_size: of training.
    """

    instance: Listed
    seed: int
    steps: int
    structure_seed: int = 0
    batch_size: int = 128

    @property
    def label(self) -> str:
        """The distribution and the seed of training."""
        return f"{self.instance.label}, network {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Every order under the network."""
        from lo_theory.denoisers.network import MaskedDenoiser
        from lo_theory.learning.objective import MaskedObjective
        from lo_theory.learning.recipe import train_network
        from lo_theory.learning.source import FreshRows
        from lo_theory.learning.training import TrainConfig

        distribution = self.instance.with_structure(self.structure_seed)
        source = FreshRows(distribution, _TRAIN + self.seed, self.batch_size)
        config = TrainConfig(steps=self.steps, seed=self.seed)
        trained = train_network(self, MaskedObjective(), source, config, device=device)
        case = _Case.of(distribution)
        about = Subject(
            distribution=self.instance.label, fingerprint=distribution.fingerprint, model=MDM, seed=self.seed
        )
        yield from case.rows(case.sequences.answers(MaskedDenoiser(trained.network), grid=GRID), about)


@dataclass(frozen=True, eq=False)
class _Case:
    """A distribution with everything about it that can be listed."""

    distribution: LODistribution
    sequences: PartialSequences
    truth: Float64[np.ndarray, " F"]

    @classmethod
    def of(cls, distribution: LODistribution) -> _Case:
        sequences = PartialSequences(distribution.length, distribution.vocabulary)
        return cls(distribution, sequences, true_law(distribution))

    @property
    def entropy(self) -> float:
        """Of the truth, in nats."""
        return -float(self.truth[self.truth > 0] @ np.log(self.truth[self.truth > 0]))

    def rows(self, answers: Float64[np.ndarray, "S L V"], about: Subject) -> Iterator[Row]:
        """Validity and divergence of every order, what it loses to the best one, and where its choices are best."""
        made = generating(self.sequences, answers, (self.truth > 0).astype(np.float64))
        told = explaining(self.sequences, self.sequences.conditionals(self.truth), answers)
        most_valid, validity = made.best()
        least_kl, cross = told.best()
        orders = {**self._rules(answers), MOST_VALID: most_valid, LEAST_KL: least_kl}
        entropy = self.entropy
        top, bottom = float(validity[-1]), -float(cross[-1]) - entropy
        for name, choices in orders.items():
            yield from self.law_rows(made.law(choices), name, top, bottom, about)
            if choices is None:
                yield _row(about, name, KL_OVER_ORDERS, -told.random_value() - entropy)
            elif name in _SCORES:
                yield from self._choice_rows(told, name, choices, told.is_best(choices, cross), about)

    def learned_rows(
        self, answers: Float64[np.ndarray, "S L V"], training: OrderTraining, about: Subject
    ) -> Iterator[Row]:
        """The same of an order that a network learned from the values of least divergence."""
        made = generating(self.sequences, answers, (self.truth > 0).astype(np.float64))
        told = explaining(self.sequences, self.sequences.conditionals(self.truth), answers)
        cross = told.best()[1]
        choices = learned_order(told, answers, training).choices
        top, bottom = float(made.best()[1][-1]), -float(cross[-1]) - self.entropy
        yield from self.law_rows(made.law(choices), LEARNED, top, bottom, about)
        yield from self._choice_rows(told, LEARNED, choices, told.is_best(choices, cross), about)

    def _rules(self, answers: Float64[np.ndarray, "S L V"]) -> Mapping[str, Int64[np.ndarray, " S"] | None]:
        scored = {name: choices_by_score(self.sequences, answers, score) for name, score in _SCORES.items()}
        assert self.distribution.order is not None
        return {RANDOM: None, **scored, NATURAL: choices_in_order(self.sequences, self.distribution.order)}

    def law_rows(
        self, law: Float64[np.ndarray, " F"], name: str, top: float, bottom: float, about: Subject, **where: Any
    ) -> Iterator[Row]:
        """Validity and divergence of an order's law, and what it loses to the best order in each."""
        validity, divergence = float(law[self.truth > 0].sum()), law_error(self.truth, law).kl_from_truth
        yield _row(about, name, VALIDITY, validity, **where)
        yield _row(about, name, VALIDITY_LOST, top - validity, **where)
        yield _row(about, name, KL, divergence, **where)
        yield _row(about, name, KL_EXCESS, divergence - bottom, **where)

    def _choice_rows(
        self,
        told: OrderProblem,
        name: str,
        choices: Int64[np.ndarray, " S"],
        best: np.ndarray,
        about: Subject,
    ) -> Iterator[Row]:
        """Chance that the rule's choice is one that the least divergence allows, by the masks that are left."""
        masks, reached = self.sequences.hidden().sum(axis=1), told.reached(choices)
        for n_masked in range(2, self.sequences.length + 1):
            here = masks == n_masked
            share = float(reached[here & best].sum())
            yield _row(about, name, BEST_CHOICE, share, n_masked=n_masked)


def _finite_entropy_hardness(
    tokens: torch.Tensor, log_probs: Float64[torch.Tensor, "B L V"]
) -> Float64[torch.Tensor, "B L"]:
    """:func:`entropy_hardness`, 0 at visible positions, which have no answer."""
    return entropy_hardness(tokens, log_probs).nan_to_num(nan=0.0).clamp(0.0, 1.0)


def _row(about: Subject, rule: str, metric: str, value: float, **where: Any) -> Row:
    found = Estimate(value=value, standard_error=0.0 if math.isfinite(value) else math.nan, samples=1, method="exact")
    return about.row(EXPERIMENT_NAME, metric, found, decoder=rule, **where)


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
    """

    instances: tuple[Listed, ...]
    distributions: int
    paired: tuple[Listed, ...]
    networks: int
    steps: int
    layers: int = 2
    width: int = 32
    learned: int = 0


def _instances(nae: tuple[int, int], hashed: tuple[int, int], parity: tuple[int, int]) -> tuple[Listed, ...]:
    """Of (N, P) for each kind."""
    sizes: dict[Kind, tuple[int, int]] = {"NAE-SAT": nae, "hash of three symbols": hashed, "parity": parity}
    return tuple(Listed(kind=kind, n_latents=n, n_observations=p) for kind, (n, p) in sizes.items())


_FEW = _instances((4, 4), (3, 3), (4, 4))
SIZES: dict[ScaleName, OrderSize] = {
    "smoke": OrderSize(instances=_FEW, distributions=8, paired=_FEW, networks=3, steps=300, learned=8),
    "small": OrderSize(
        instances=_instances((4, 5), (3, 4), (4, 5)),
        distributions=50,
        paired=_FEW,
        networks=5,
        steps=1500,
        learned=50,
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
    ),
}


def units(size: OrderSize) -> list[PosteriorUnit | PairUnit | NetworkUnit | LearnedUnit]:
    """Per kind: distributions with errors, then without and two tokens per call, then networks, then learned orders."""
    wrong = [PosteriorUnit(instance=i, seed=seed) for i in size.instances for seed in range(size.distributions)]
    pairs = [PairUnit(instance=i, seed=seed) for i in size.paired for seed in range(size.distributions)]
    trained = [
        NetworkUnit(instance=i, seed=seed, steps=size.steps, layers=size.layers, width=size.width, heads=2)
        for i in size.instances
        for seed in range(size.networks)
    ]
    learned = [LearnedUnit(instance=i, seed=seed) for i in size.instances for seed in range(size.learned)]
    return [*wrong, *pairs, *trained, *learned]
