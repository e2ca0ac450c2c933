"""Named decoders: each is what its name says, decodes any mask, and is exact one token at a time."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int64
from scipy.stats import chisquare
from torch import Tensor

from generators.distribution import LODistribution
from generators.observations import named_tables as named
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers import named_decoders as decoders
from lo_theory.samplers.decoder import Decoder, full_rewrite, margin, path_planning, remdm
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.drawn_confidence import low_confidence


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Fixed:
    """Answers that do not depend on the tokens, (L, V) probabilities."""

    def __init__(self, probs: list[list[float]]) -> None:
        self.log_probs = torch.tensor(probs, dtype=torch.float64).log()
        self.length, self.vocabulary = self.log_probs.shape

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return self.log_probs.expand(len(tokens), -1, -1).clone()


PROBS = [[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.02, 0.03, 0.95]]

MONOTONE = {
    "vanilla": decoders.vanilla(3),
    "left to right": decoders.left_to_right(2),
    "negative entropy": decoders.negative_entropy(2),
    "noisy log-probability": decoders.noisy_log_probability(2),
    "scheduled": decoders.scheduled_score(3),
    "binomial": decoders.binomial_score(3),
    "threshold": decoders.threshold(),
    "threshold that nothing passes": decoders.threshold(1.5),
    "entropy bound": decoders.entropy_bound(0.8),
    "klass": decoders.klass(),
    "klass of three": decoders.klass(k=3),
    "blocks of margin": decoders.blocks(margin(), 2, 5),
    "blocks of a schedule": decoders.blocks(decoders.scheduled_score(2), 2, 5),
    "doubtful start": decoders.doubtful_start(margin(2), 2),
    "blocks of a threshold": decoders.blocks(decoders.threshold(), 3, 5),
    "random counts": decoders.random_counts([1, 3, 1]),
}


@settings(max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize("decoder", MONOTONE.values(), ids=MONOTONE.keys())
def test_everything_is_filled_and_given_tokens_stay(decoder, data):
    cell = st.sampled_from([0, 1, 2, 3, 3, 3])
    rows = torch.tensor(data.draw(st.lists(st.lists(cell, min_size=5, max_size=5), min_size=1, max_size=4)))
    decoded = decode(Fixed(PROBS), rows, decoder, seeded())
    assert torch.equal(decoded.tokens[rows != 3], rows[rows != 3])
    assert (decoded.tokens < 3).all()
    most = int((rows == 3).sum(dim=1).max())
    assert decoded.trace.calls <= (most if decoder.reveal.steps is None else decoder.reveal.steps)


@pytest.mark.parametrize("decoder", MONOTONE.values(), ids=MONOTONE.keys())
def test_a_row_does_not_depend_on_the_others(decoder):
    row = torch.tensor([3, 1, 3, 3, 3])
    batches = [torch.stack([other, row]) for other in (torch.full((5,), 3), torch.tensor([0, 0, 3, 0, 0]))]
    one, two = (decode(Fixed(PROBS), batch, decoder, seeded(7)) for batch in batches)
    assert torch.equal(one.tokens[1], two.tokens[1])
    assert torch.equal(one.trace.revealed_at()[1], two.trace.revealed_at()[1])


SETS = {
    "two from the left": (decoders.left_to_right(2), [[0, 1], [2, 3], [4]]),
    "negative entropy": (decoders.negative_entropy(), [[2], [4], [0], [1], [3]]),
    "threshold": (decoders.threshold(0.9), [[2, 4], [0], [1], [3]]),
    "entropy bound without slack": (decoders.entropy_bound(0.0), [[2, 4], [0], [1], [3]]),
    "entropy bound": (decoders.entropy_bound(0.24), [[0, 2, 4], [1], [3]]),
    "klass": (decoders.klass(), [[2], [4], [0], [1], [3]]),
    "klass, two": (decoders.klass(k=2), [[2, 4], [0, 1], [3]]),
    "klass, less confident": (decoders.klass(confidence=0.45), [[2], [0, 4], [1], [3]]),
    "blocks of margin": (decoders.blocks(margin(), 2, 5), [[1], [0], [2], [3], [4]]),
    "margin from the least": (decoders.doubtful_start(margin(2), 2), [[0], [3], [2, 4], [1]]),
    "threshold from the least": (decoders.doubtful_start(decoders.threshold(0.5)), [[3], [0, 2, 4], [1]]),
    "blocks of a threshold": (decoders.blocks(decoders.threshold(0.5), 3, 5), [[0, 2], [1], [4], [3]]),
}


@pytest.mark.parametrize(("decoder", "expected"), SETS.values(), ids=SETS.keys())
def test_positions_are_revealed_in_the_expected_sets(decoder, expected):
    """Entropies 0.69, 1.09, 0, 1.10, 0.23 nats: upside down they would begin with position 3."""
    trace = decode(Fixed(PROBS), torch.full((1, 5), 3), decoder, seeded()).trace
    assert [sorted(step.position.tolist()) for step in trace.steps] == expected


def test_the_number_of_reveals_is_fixed_by_the_schedule_or_drawn():
    """Over 300 rows of 5 masks in 5 steps: always one, or binomial with mean one."""
    masks = torch.full((300, 5), 3)
    firsts = {}
    for name in ("scheduled", "binomial"):
        trace = decode(Fixed(PROBS), masks, decoders.NAMED_DECODERS[name](5), seeded()).trace
        firsts[name] = torch.bincount(trace.steps[0].row, minlength=300)
    assert firsts["scheduled"].unique().tolist() == [1]
    assert firsts["binomial"].unique().tolist()[:3] == [0, 1, 2]


def small() -> LODistribution:
    either = Predicate(named.nae(arity=2, latent_alphabet=3), np.array([[0, 1]]))
    total = Predicate(named.parity(arity=2, latent_alphabet=3), np.array([[1, 0]]), 3)
    return LODistribution(np.array([0.5, 0.3, 0.2]), 2, (either, total), np.array([2, 0, 3, 1]))


EXACT = {
    "left to right": decoders.left_to_right(),
    "negative entropy": decoders.negative_entropy(),
    "noisy log-probability": decoders.noisy_log_probability(),
    "threshold that nothing passes": decoders.threshold(1.5),
    "entropy bound without slack": decoders.entropy_bound(0.0),
    "klass that is never stable": decoders.klass(0.0),
    "blocks": decoders.blocks(decoders.negative_entropy(), 2, 4),
    "doubtful start": decoders.doubtful_start(margin(), 2),
}


@pytest.mark.parametrize("decoder", EXACT.values(), ids=EXACT.keys())
def test_one_uncertain_token_per_step_reproduces_the_distribution(decoder):
    """Chi-square of 8000 rows over the 9 possible sequences, false alarm 1e-5 per method.

    The entropy bound without slack reveals tokens that are certain together with one that is not: exact all the same.
    """
    distribution = small()
    everything = np.array(list(itertools.product(range(3), repeat=4)))
    law = np.exp(distribution.log_prob(everything))
    denoiser = PosteriorDenoiser(EnumeratedPosterior(distribution))
    decoded = decode(denoiser, torch.full((8000, 4), distribution.mask_id), decoder, seeded(3))
    counts = np.bincount(decoded.tokens.numpy() @ 3 ** np.arange(4)[::-1], minlength=81)
    assert not counts[law == 0].any()
    assert chisquare(counts[law > 0], 8000 * law[law > 0]).pvalue > 1e-5


def test_the_entropy_bound_saves_calls_without_loss():
    """Parities of four fair bits are fair or known: four uncertain tokens, a call each, and one call for the last."""
    scopes = random_scopes(4, 12, arity=2, structure_seed=0)
    distribution = LODistribution(np.array([0.5, 0.5]), 4, (Predicate(named.parity(arity=2), scopes),))
    denoiser = PosteriorDenoiser(EnumeratedPosterior(distribution))
    masks = torch.full((200, 16), distribution.mask_id)
    decoded = decode(denoiser, masks, decoders.entropy_bound(0.0), seeded())
    assert decoded.trace.calls == 5
    assert np.isfinite(distribution.log_prob(decoded.tokens.numpy())).all()
    at_once = decode(denoiser, masks, decoders.entropy_bound(99.0), seeded())
    assert at_once.trace.calls == 1
    assert not np.isfinite(distribution.log_prob(at_once.tokens.numpy())).all(), "negative control"


def test_no_token_comes_first_where_all_are_decided_anew():
    with pytest.raises(ValueError, match="decides every token anew"):
        decoders.doubtful_start(full_rewrite(3))


@pytest.mark.parametrize("inner", [full_rewrite(3), path_planning(3), low_confidence(3), remdm(3)])
def test_what_takes_tokens_back_does_not_stay_in_a_block(inner):
    with pytest.raises(ValueError, match="takes tokens back"):
        decoders.blocks(inner, 2, 4)


def test_the_table_holds_every_constructor_and_nothing_else():
    assert all(callable(make) for make in decoders.NAMED_DECODERS.values())
    here = {f for _, f in inspect.getmembers(decoders, inspect.isfunction) if f.__module__ == decoders.__name__}
    assert here <= set(decoders.NAMED_DECODERS.values())
    for name in ("vanilla", "margin", "left to right", "threshold", "klass", "entropy bound"):
        assert isinstance(decoders.NAMED_DECODERS[name](), Decoder)
    with pytest.raises(TypeError):
        decoders.NAMED_DECODERS["mine"] = margin  # pyright: ignore[reportIndexIssue]
