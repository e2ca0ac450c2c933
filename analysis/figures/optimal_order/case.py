"""A distribution with everything about it that can be listed, and the rows that orders of one token per call give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from analysis.lab.rows import Row, Subject
from generators.distribution import LODistribution
from lo_theory.estimate import Estimate
from lo_theory.laws.best_order import OrderProblem, choices_by_score, choices_in_order, explaining, generating
from lo_theory.laws.learned_order import OrderTraining, learned_order
from lo_theory.laws.partial_sequences import PartialSequences
from lo_theory.laws.sampler_law import law_error, true_law
from lo_theory.samplers.menu import ENTROPY, MARGIN, TOP
from lo_theory.samplers.scores import margin_score, negative_entropy_score, top_probability_score

EXPERIMENT_NAME = "optimal_order"
VALIDITY, VALIDITY_LOST = "validity", "validity_lost"
KL, KL_EXCESS, KL_OVER_ORDERS = "kl_nats", "kl_excess_nats", "kl_mean_over_orders_nats"
SAVED = "bound_minus_order_nats"
BEST_CHOICE = "best_choice_share"
RANDOM, NATURAL = "random order", "latents first"
MOST_VALID, LEAST_KL = "most valid order", "least KL order"
LEARNED = "learned order"
RULES = (RANDOM, TOP, MARGIN, ENTROPY, NATURAL)
"""Orders that know nothing of the truth but, in the last, which tokens are latents."""
SCORES = {TOP: top_probability_score, MARGIN: margin_score, ENTROPY: negative_entropy_score}
"""Orders that look at the answers."""


@dataclass(frozen=True, eq=False)
class Case:
    """A distribution with everything about it that can be listed."""

    distribution: LODistribution
    sequences: PartialSequences
    truth: Float64[np.ndarray, " F"]

    @classmethod
    def of(cls, distribution: LODistribution) -> Case:
        """All there is to list of a distribution."""
        sequences = PartialSequences(distribution.length, distribution.vocabulary)
        return cls(distribution, sequences, true_law(distribution))

    @property
    def entropy(self) -> float:
        """Of the truth, in nats."""
        return -float(self.truth[self.truth > 0] @ np.log(self.truth[self.truth > 0]))

    def rows(self, answers: Float64[np.ndarray, "S L V"], about: Subject) -> Iterator[Row]:
        """Validity and divergence of every order, what it loses to the best one, and where its choices are best."""
        made = generating(self.sequences, answers, (self.truth > 0).astype(np.float64))
        told = self.told(answers)
        most_valid, validity = made.best()
        least_kl, cross = told.best()
        orders = {**self._rules(answers), MOST_VALID: most_valid, LEAST_KL: least_kl}
        entropy = self.entropy
        top, bottom = float(validity[-1]), -float(cross[-1]) - entropy
        for name, choices in orders.items():
            yield from self.law_rows(made.law(choices), name, top, bottom, about)
            if choices is None:
                yield row(about, name, KL_OVER_ORDERS, -told.random_value() - entropy)
            elif name in SCORES:
                yield from self._choice_rows(told, name, choices, told.is_best(choices, cross), about)

    def learned(self, answers: Float64[np.ndarray, "S L V"], training: OrderTraining) -> Int64[np.ndarray, " S"]:
        """Choices of a network that learned from the values of least divergence."""
        return learned_order(self.told(answers), answers, training).choices

    def learned_rows(
        self, answers: Float64[np.ndarray, "S L V"], choices: Int64[np.ndarray, " S"], about: Subject
    ) -> Iterator[Row]:
        """What :meth:`rows` has of the usual orders, of a learned one."""
        made, told = generating(self.sequences, answers, (self.truth > 0).astype(np.float64)), self.told(answers)
        cross = told.best()[1]
        top, bottom = float(made.best()[1][-1]), -float(cross[-1]) - self.entropy
        yield from self.law_rows(made.law(choices), LEARNED, top, bottom, about)
        yield from self._choice_rows(told, LEARNED, choices, told.is_best(choices, cross), about)

    def saved_rows(
        self, answers: Float64[np.ndarray, "S L V"], learned: Int64[np.ndarray, " S"], about: Subject
    ) -> Iterator[Row]:
        """How much nearer to the truth each order that draws nothing is than the mean over all orders, the bound."""
        told = self.told(answers)
        orders = {**self._rules(answers), LEARNED: learned, LEAST_KL: told.best()[0]}
        bound = told.random_value()
        for name, choices in orders.items():
            if choices is not None:
                yield row(about, name, SAVED, told.value(choices) - bound)

    def told(self, answers: Float64[np.ndarray, "S L V"]) -> OrderProblem:
        """What the orders of a denoiser pay for sequences of the truth."""
        return explaining(self.sequences, self.sequences.conditionals(self.truth), answers)

    def _rules(self, answers: Float64[np.ndarray, "S L V"]) -> Mapping[str, Int64[np.ndarray, " S"] | None]:
        scored = {name: choices_by_score(self.sequences, answers, score) for name, score in SCORES.items()}
        assert self.distribution.order is not None
        return {RANDOM: None, **scored, NATURAL: choices_in_order(self.sequences, self.distribution.order)}

    def law_rows(
        self, law: Float64[np.ndarray, " F"], name: str, top: float, bottom: float, about: Subject, **where: Any
    ) -> Iterator[Row]:
        """Validity and divergence of an order's law, and what it loses to the best order in each."""
        validity, divergence = float(law[self.truth > 0].sum()), law_error(self.truth, law).kl_from_truth
        yield row(about, name, VALIDITY, validity, **where)
        yield row(about, name, VALIDITY_LOST, top - validity, **where)
        yield row(about, name, KL, divergence, **where)
        yield row(about, name, KL_EXCESS, divergence - bottom, **where)

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
            yield row(about, name, BEST_CHOICE, share, n_masked=n_masked)


def row(about: Subject, rule: str, metric: str, value: float, **where: Any) -> Row:
    """An exact number of an order."""
    found = Estimate(value=value, standard_error=0.0 if math.isfinite(value) else math.nan, samples=1, method="exact")
    return about.row(EXPERIMENT_NAME, metric, found, decoder=rule, **where)
