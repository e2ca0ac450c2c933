"""Small N: the exact posterior, belief propagation and a trained masked diffusion model on one L&O distribution.

What is exact here needs no limit of large N, and what is hard here is hard for belief propagation or for a network with
a training budget: with a dozen latents every posterior is a table, and no statement about large N follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from scipy.special import entr

from analysis.lab.rows import MDM, Role, Row, Subject
from analysis.lab.store import unit_key
from analysis.measures.task_error import balanced_masks, kl_divergence, roles_of
from analysis.planted.cases import CASES
from analysis.planted.curve import BAYES, CONVERGED, LATENT, OBSERVATION, PROPAGATION, REFUSED, MakeRow, one_instance
from analysis.planted.fresh_observation import symmetrised
from generators.distribution import LODistribution
from generators.families import predicate_csp
from generators.ground.draws import derived_seed
from lo_theory.denoisers.denoiser import ask, require_answers
from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.estimate import Estimate, mean_estimate, ratio_estimate
from lo_theory.learning.network import Shape
from lo_theory.learning.objective import MaskedObjective, per_mask
from lo_theory.learning.recipe import train_network
from lo_theory.learning.source import FreshRows
from lo_theory.learning.training import TrainConfig
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior, Convergence
from lo_theory.phases.belief_propagation import Settings
from lo_theory.posteriors.enumeration import ImpossibleEvidence
from lo_theory.posteriors.exact import exact_posterior

SMALL = "phase_small"
"""Name of these rows and of their figure."""
TRAINING_LOSS = "training_loss_nats_per_token"
VISIBLE = "visible share of latents"
_TRAIN, _TEST = 1, 2  # streams of sample seeds that never meet

Answer = Callable[[Int64[np.ndarray, "B L"]], Float64[np.ndarray, "B L V"]]
Propagated = tuple[Float64[np.ndarray, "S L V"], Float64[np.ndarray, "S"], Bool[np.ndarray, "S"]]
"""Log beliefs, whether each row settled, and whether it was refused (all values of a latent ruled out)."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Size and training of the masked diffusion model: the recipe of the hardness experiment at its small sizes."""

    steps: int
    layers: int = 3
    width: int = 64
    heads: int = 8
    batch_size: int = 64
    learning_rate: float = 4e-3


@dataclass(frozen=True, kw_only=True)
class SmallUnit:
    """Three answers to the same masked sequences of one distribution.

    Attributes:
        case: a key of ``CASES`` with both values visible.
        seed: of weights, training rows, test rows, masks and the start of belief propagation.
        degrees: k times visible observations over N; rounded to whole observations, at least one stays masked.
        samples: masked sequences per degree and protocol.
        iterations: of belief propagation, at most.
    """

    case: str
    seed: int
    n_latents: int
    n_observations: int
    network: Network
    degrees: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 11.0, 15.0)
    samples: int = 256
    iterations: int = 200
    structure_seed: int = 0

    @property
    def label(self) -> str:
        """Case, size and seed."""
        return f"{self.case}, N = {self.n_latents}, seed {self.seed}"

    def build(self) -> LODistribution:
        """The case's predicate over random scopes."""
        case = CASES[self.case]
        return predicate_csp(
            case.table,
            self.n_latents,
            self.n_observations,
            structure_seed=self.structure_seed,
            prior=np.array(case.prior),
        )

    def visible_counts(self) -> tuple[int, ...]:
        """Visible observations, ascending, without repetition."""
        wanted = (round(degree * self.n_latents / CASES[self.case].arity) for degree in self.degrees)
        return tuple(sorted({min(max(v, 1), self.n_observations - 1) for v in wanted}))

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Losses of latents and observations by protocol, visible observations and who answers."""
        distribution = self.build()
        exact = exact_posterior(distribution).log_marginals
        about = Subject(distribution=self.case, fingerprint=distribution.fingerprint, model=MDM, seed=self.seed)
        model, final_loss = self._train(distribution, directory, device)
        yield about.row(SMALL, TRAINING_LOSS, one_instance(final_loss))
        rng = np.random.default_rng([_TEST, self.seed])
        for visible in self.visible_counts():
            degree, share = visible * CASES[self.case].arity / self.n_latents, visible / self.n_observations
            for at, latents_seen in ((0.0, 0.0), (1.0, share)):
                x = distribution.sample(self.samples, rng)
                masks = protocol(distribution, self.samples, visible, round(latents_seen * self.n_latents), rng)
                tokens = np.where(masks, distribution.mask_id, x).astype(np.int64)
                made = partial(about.row, SMALL, degree=degree, swept=VISIBLE, at=at)
                propagated = self._propagate(distribution, tokens, symmetrise=latents_seen == 0)
                yield from _answers(distribution, masks, exact(tokens), propagated, model(tokens), made)

    def _propagate(
        self, distribution: LODistribution, tokens: Int64[np.ndarray, "S L"], *, symmetrise: bool
    ) -> Propagated:
        """From a random start, row by row.

        With all latents hidden their beliefs are averaged over the relabellings that nothing visible can tell apart, as
        the posterior's are.
        """
        kept: list[Convergence] = []
        posterior = BeliefPropagationPosterior(
            distribution,
            start="random",
            seed=self.seed,
            report=kept.append,
            settings=Settings(damping=0.3, tolerance=1e-6, max_iterations=self.iterations),
        )
        beliefs = np.zeros((*tokens.shape, distribution.vocabulary))
        settled, refused = np.zeros(len(tokens)), np.zeros(len(tokens), dtype=bool)
        for number in range(len(tokens)):
            try:
                beliefs[number] = posterior.log_marginals(tokens[number : number + 1])[0]
                settled[number] = float(kept[-1].converged[0])
            except ImpossibleEvidence:
                refused[number] = True
        if symmetrise:
            symmetries = CASES[self.case].ensemble.label_symmetries()
            at, m = distribution.latent_positions, distribution.alphabet
            flat = np.exp(beliefs[:, at, :m]).reshape(-1, m)
            with np.errstate(divide="ignore"):
                beliefs[:, at, :m] = np.log(symmetrised(flat, symmetries)).reshape(len(tokens), len(at), m)
        return beliefs, settled, refused

    def _train(self, distribution: LODistribution, directory: Path, device: torch.device) -> tuple[Answer, float]:
        """The model as a function of masked sequences, and the loss of its last logged training step."""
        sizes = self.network
        source = FreshRows(distribution, derived_seed(_TRAIN, self.seed), sizes.batch_size)
        trained = train_network(
            Shape(layers=sizes.layers, width=sizes.width, heads=sizes.heads),
            MaskedObjective(per_mask),
            source,
            TrainConfig(steps=sizes.steps, learning_rate=sizes.learning_rate, seed=self.seed),
            directory=directory / "training" / unit_key(self),
            device=device,
        )
        denoiser = MaskedDenoiser(trained.network)

        def answer(tokens: Int64[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
            answers = ask(denoiser, torch.from_numpy(tokens).to(device)).double().cpu()
            require_answers(answers, torch.from_numpy(tokens == distribution.mask_id))
            return answers.numpy()

        return answer, trained.history[-1].loss_nats / distribution.length


def _answers(
    distribution: LODistribution,
    masks: Bool[np.ndarray, "S L"],
    truth: Float64[np.ndarray, "S L V"],
    propagated: Propagated,
    learned: Float64[np.ndarray, "S L V"],
    made: MakeRow,
) -> Iterator[Row]:
    """How belief propagation ended, then the losses of all three."""
    beliefs, settled, refused = propagated
    for metric, values in ((CONVERGED, settled), (REFUSED, refused.astype(np.float64))):
        yield made(metric, mean_estimate(values), model=PROPAGATION)
    every = np.ones(len(masks), dtype=bool)
    for name, answer, rows in ((BAYES, truth, every), (PROPAGATION, beliefs, ~refused), (MDM, learned, every)):
        for (metric, role), estimate in losses(distribution, truth, answer, masks, rows).items():
            yield made(metric, estimate, model=name, role=role)


def protocol(
    distribution: LODistribution, samples: int, observations: int, latents: int, rng: np.random.Generator
) -> Bool[np.ndarray, "samples L"]:
    """Masks that leave so many observations and so many latents visible, each set uniform."""
    masks = np.empty((samples, distribution.length), dtype=bool)
    for at, visible in ((distribution.observation_positions, observations), (distribution.latent_positions, latents)):
        masks[:, at] = balanced_masks(samples, len(at), len(at) - visible, rng)
    return masks


def losses(
    distribution: LODistribution,
    truth: Float64[np.ndarray, "S L V"],
    answer: Float64[np.ndarray, "S L V"],
    masks: Bool[np.ndarray, "S L"],
    rows: Bool[np.ndarray, "S"],
) -> dict[tuple[str, Role], Estimate]:
    """Expected loss of an answer per masked token of either role, in nats: its cross-entropy under the exact posterior.

    The mean over the posterior takes the place of the one true token, so a sequence counts with no noise of its own.
    Roles with no masked token, and rows that are not answered, are left out.
    """
    loss = np.zeros(masks.shape)
    log_p = truth[masks]  # (M, V)
    loss[masks] = entr(np.exp(log_p)).sum(axis=-1) + kl_divergence(log_p, answer[masks])
    found: dict[tuple[str, Role], Estimate] = {}
    for role, at in roles_of(distribution).items():
        cells = masks[:, at].sum(axis=1).astype(np.float64)
        used = rows & (cells > 0)
        if used.any():
            totals = loss[:, at].sum(axis=1)
            found[LATENT if role == "latent" else OBSERVATION, role] = ratio_estimate(totals[used], cells[used])
    return found
