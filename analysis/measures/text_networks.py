"""Networks on text as values: which learner on which text, its training, and what held-out rows cost it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Integer

from analysis.lab.rows import CONTROL, MDM, Subject
from analysis.measures.learner import steps_between_checkpoints, training_folder
from analysis.measures.text_data import TextData, text_data, text_vocabulary
from analysis.measures.text_learners import is_any_order, orders_of, text_objective
from generators.ground.later import later
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.estimate import Estimate, exact_estimate
from lo_theory.learning.any_order import any_order_log_probs
from lo_theory.learning.flops import training_flops
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import NetworkConfig, Shape, Transformer
from lo_theory.learning.objective import Objective
from lo_theory.learning.optimizer import OptimizerName
from lo_theory.learning.recipe import train_network
from lo_theory.learning.source import FixedRows, FreshRows, RowSource
from lo_theory.learning.training import TrainConfig
from lo_theory.likelihood import RowNats, chain_nll, monte_carlo_nelbo
from lo_theory.orders import uniform
from lo_theory.posteriors.exact import exact_posterior

LOSS, EXCESS, FLOOR = "validation_nats_per_token", "excess_nats_per_token", "floor_nats_per_token"
_MASKS = 14  # stream of the masks behind a bound
_ROWS_PER_CALL = 64


@dataclass(frozen=True, kw_only=True)
class TextSetting(Shape):
    """Everything that a network on text depends on, apart from which text, which learner and which seed.

    Attributes:
        length: tokens of a window, L.
        steps, batch_size, learning_rate, optimizer, min_ratio, weight_decay: of the training.
        weighting: of the masked objective, see ``lo_theory.learning.objective``.
        fixed_rows: train on so many rows again and again; 0: on new windows at every step.
        dropout: of the learner ``arm dropout``.
    """

    length: int
    steps: int
    batch_size: int = 16
    learning_rate: float = 4e-3
    optimizer: OptimizerName = "muon"
    min_ratio: float = 0.02
    weight_decay: float = 0.1
    weighting: Literal["per_mask", "likelihood"] = "per_mask"
    fixed_rows: int = 0
    dropout: float = later(0.1)


@dataclass(frozen=True, kw_only=True)
class TextNetwork:
    """One learner on one text.

    Attributes:
        text: a key of :data:`~analysis.measures.text_data.TEXTS`.
        model: ``mdm``, ``arm natural``, ``arm dropout``, ``pi closer 0``, ``pi much-closer 0`` or ``pi uniform 0``
            (with any number), ``any-order 4`` (likewise) or ``any-order all``; or ``exact posterior``, for which
            nothing is trained and the text must be a law.
        seed: of initial weights, training rows and masks.
        setting: sizes.
    """

    text: str
    model: str
    seed: int
    setting: TextSetting

    @property
    def label(self) -> str:
        """Text, model, size and seed."""
        size = f"{self.setting.layers} x {self.setting.width}"
        return f"{self.text}, {self.model}, {size}, {self.setting.steps} steps, seed {self.seed}"

    def data(self) -> TextData:
        """Its rows."""
        return text_data(self.text, self.setting.length)

    def about(self, data: TextData) -> Subject:
        """What rows of results say they are about; the fingerprint is that of the training text or law."""
        return Subject(distribution=self.text, fingerprint=data.fingerprint, model=self.model, seed=self.seed)

    def order(self) -> np.ndarray:
        """The order of an autoregressive learner of one, (L,); a permutation depends on its kind and number alone.

        Raises:
            ValueError: the learner has none, or several.
        """
        orders = orders_of(self.model, self.setting.length)
        if orders is None or is_any_order(self.model):
            raise ValueError(f"{self.model!r} has no order of its own; 'arm natural' and 'pi uniform 0' have.")
        return orders[0]

    def objective(self) -> Objective:
        """What it is trained on."""
        setting = self.setting
        return text_objective(self.model, setting.length, weighting=setting.weighting, dropout=setting.dropout)

    def config(self) -> NetworkConfig:
        """The network."""
        return NetworkConfig.of(
            self.setting,
            length=self.setting.length,
            vocabulary=text_vocabulary(self.text),
            causal=self.objective().causal,
            any_order=is_any_order(self.model),
        )

    @property
    def weights(self) -> int:
        """Trainable numbers."""
        return weight_count(self.config())

    @property
    def flops(self) -> int:
        """Operations of the whole training."""
        return self.setting.steps * self.setting.batch_size * training_flops(self.config())

    @property
    def epochs(self) -> float:
        """How often a training token is met on average; 0 where a law draws new ones for ever."""
        seen = self.setting.steps * self.setting.batch_size * self.setting.length
        if self.setting.fixed_rows:
            return seen / (self.setting.fixed_rows * self.setting.length)
        return seen / self.data().tokens


def text_source(network: TextNetwork) -> RowSource:
    """The rows that it is trained on, step by step."""
    data, setting = network.data(), network.setting
    if not setting.fixed_rows:
        return FreshRows(data.train, data.sample_seed(network.seed), setting.batch_size)
    rows = data.fixed(setting.fixed_rows, network.seed)
    return FixedRows(rows, data.fingerprint, data.vocabulary, setting.batch_size, shuffle_seed=network.seed)


def trained_text_network(network: TextNetwork, directory: Path, device: torch.device) -> Transformer:
    """Train it, or read it if it is trained; a training that was stopped goes on.

    Weights, checkpoint and log lie in its :func:`~analysis.measures.learner.training_folder`: whoever names the same
    network in the same directory gets the one that is there.

    Raises:
        ValueError: what is there belongs to another training.
        DirectoryInUseError: another process trains it.
    """
    return train_network(
        network.setting,
        network.objective(),
        text_source(network),
        train_config(network, device),
        directory=training_folder(network, directory),
        device=device,
        any_order=is_any_order(network.model),
    ).network


def train_config(network: TextNetwork, device: torch.device) -> TrainConfig:
    """How it is trained; how often a processor saves has no part in the numbers."""
    setting = network.setting
    return TrainConfig(
        steps=setting.steps,
        learning_rate=setting.learning_rate,
        min_ratio=setting.min_ratio,
        weight_decay=setting.weight_decay,
        optimizer=setting.optimizer,
        seed=network.seed,
        checkpoint_every=steps_between_checkpoints(setting.batch_size * training_flops(network.config()), device),
    )


def text_denoiser(network: TextNetwork, directory: Path, device: torch.device, *, remembers: bool = False) -> Denoiser:
    """The learner behind the one socket of likelihood and decoding, trained if it is not.

    Args:
        remembers: an autoregressive one keeps what it has read, for generating.
    Raises:
        ValueError: the exact posterior of a text whose law is not known, or a learner of several orders, which answers
            along any order that it is told: ask :func:`measured_nats`.
    """
    if network.model == CONTROL:
        law = network.data().law
        if law is None:
            raise ValueError(f"{network.text!r} has no exact posterior, as its law is not known; the chains have one.")
        return PosteriorDenoiser(exact_posterior(law))
    trained = trained_text_network(network, directory, device)
    if network.model == MDM:
        return MaskedDenoiser(trained)
    return CausalDenoiser(trained, network.order(), remembers=remembers)


def measured_nats(
    network: TextNetwork, rows: Integer[np.ndarray, "n L"], directory: Path, device: torch.device, *, draws: int = 16
) -> RowNats:
    """What rows cost a learner, trained if it is not, in nats per *sequence*: :func:`held_out_nats` of any learner.

    Of one of several orders the mean over its first ``draws`` orders, or over ``draws`` new ones for each row if it is
    trained on all, exact along each.
    """
    if not is_any_order(network.model):
        return held_out_nats(text_denoiser(network, directory, device), rows, draws=draws)
    trained, tokens = trained_text_network(network, directory, device), torch.from_numpy(rows.astype(np.int64))
    orders, rng, total = orders_of(network.model, rows.shape[1]), np.random.default_rng(_MASKS), np.zeros(len(rows))
    count = draws if orders is None else min(draws, len(orders))
    for number in range(count):
        for start in range(0, len(rows), _ROWS_PER_CALL):
            part = slice(start, min(start + _ROWS_PER_CALL, len(rows)))
            size = part.stop - start
            if orders is None:
                along = np.stack([uniform(rows.shape[1], rng) for _ in range(size)])
            else:
                along = np.repeat(orders[number][None], size, axis=0)
            total[part] -= any_order_log_probs(trained, tokens[part], along).double().sum(dim=1).cpu().numpy()
    return RowNats(total / count, "chain")


def held_out_nats(denoiser: Denoiser, rows: Integer[np.ndarray, "n L"], *, draws: int = 16) -> RowNats:
    """Negative log-likelihood of each row in nats per *sequence*, or the bound on it.

    Of an autoregressive learner exact, along its own order; of any other the order-averaged one (the MDM's bound) from
    ``draws`` masks per row, the same masks for every learner, their numbers spread evenly over 1..L.
    """
    tokens = torch.from_numpy(rows.astype(np.int64))
    if isinstance(denoiser, CausalDenoiser):
        nats = chain_nll(denoiser, tokens, denoiser.order, batch_size=_ROWS_PER_CALL).sum(axis=1)
        return RowNats(nats, "chain")
    generator = torch.Generator().manual_seed(_MASKS)
    return monte_carlo_nelbo(denoiser, tokens, draws, generator, batch_size=_ROWS_PER_CALL)


def per_token(nats: RowNats, length: int) -> Estimate:
    """Mean in nats per token; its standard error counts a window as one draw."""
    estimate = nats.estimate()
    return dataclasses.replace(
        estimate, value=estimate.value / length, standard_error=estimate.standard_error / length
    )  # fmt: skip


def excess_nats(nats: RowNats, rows: Integer[np.ndarray, "n L"], data: TextData, *, draws: int = 16) -> RowNats:
    """Nats per sequence above the truth, row by row: zero for the exact posterior on *any* rows.

    Of a likelihood along an order that is NLL(x) + log p(x). From a bound by drawn masks the exact posterior's own
    under the same masks is subtracted, which has -log p(x) as its expectation and shares what the masks do to both.

    Args:
        nats, rows, draws: what :func:`held_out_nats` gave, and for what.
    Raises:
        ValueError: a text whose law is not known.
    """
    if data.law is None:
        raise ValueError(f"{data.name!r} has no known law to be above; the chains and NAE-SAT have.")
    if nats.method == "chain":
        return RowNats(nats.nats + data.law.log_prob(rows), nats.method)
    truth = held_out_nats(PosteriorDenoiser(exact_posterior(data.law)), rows, draws=draws)
    return RowNats(nats.nats - truth.nats, nats.method)


def measured_losses(
    network: TextNetwork, directory: Path, device: torch.device, *, test_rows: int, draws: int
) -> Iterator[tuple[str, Estimate]]:
    """Metric and number, in nats per token: the loss on new rows, the excess where the truth is known, of it the floor.

    Args:
        test_rows: rows behind a loss.
        draws: as :func:`measured_nats`.
    """
    data = network.data()
    rows = data.held_out(test_rows)
    nats = measured_nats(network, rows, directory, device, draws=draws)
    yield LOSS, per_token(nats, data.length)
    if data.law is not None:
        yield EXCESS, per_token(excess_nats(nats, rows, data, draws=draws), data.length)
    if network.model == CONTROL:
        assert data.floor is not None
        yield FLOOR, exact_estimate(data.floor)
