"""Task error: zero for the posterior, a known value for a known model, honest standard errors, infinities counted."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.lab.rows import Subject
from analysis.measures.task_error import (
    INFINITE,
    KL,
    KL_BACKWARDS,
    KL_FORWARDS,
    SQUARED,
    balanced_masks,
    forward_subproblems,
    kl_divergence,
    paper_task_error,
    task_error,
)
from generators.distribution import LODistribution
from generators.observations.named_tables import nae
from generators.observations.predicate import Predicate
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.enumeration import EnumeratedPosterior

SCOPES = np.array([[0, 1, 2], [1, 2, 3], [0, 2, 3]])
DISTRIBUTION = LODistribution(
    np.array([0.5, 0.5]), 4, (Predicate(nae(arity=3), SCOPES),), np.array([6, 0, 5, 2, 1, 3, 4])
)
POSTERIOR = EnumeratedPosterior(DISTRIBUTION)
ABOUT = Subject(distribution="NAE-3", fingerprint=DISTRIBUTION.fingerprint, model="m", seed=0)


class Uniform:
    """Answers every question with the uniform distribution, except where ``answer`` puts other log-probabilities."""

    length, vocabulary = DISTRIBUTION.length, 2

    def __init__(self, **answers: list[float]) -> None:
        self.answers = answers

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        out = torch.full((*tokens.shape, 2), -math.log(2.0))
        for name, log_probs in self.answers.items():
            positions = DISTRIBUTION.latent_positions if name == "latent" else DISTRIBUTION.observation_positions
            out[:, torch.from_numpy(positions.copy())] = torch.tensor(log_probs)
        return out


def measure(denoiser, counts, samples=128, seed=0, **options):
    rng = np.random.default_rng(seed)
    return task_error(
        denoiser, POSTERIOR, DISTRIBUTION, about=ABOUT, masked_counts=counts, samples=samples, rng=rng, **options
    )


def exact_error(role: str, n: int, always: frozenset[int] = frozenset()) -> float:
    """E KL(p || uniform) over positions of a role, by enumeration of all latents and of all masks of size n.

    Those without all of ``always`` are left out.
    """
    latents = np.indices((2,) * 4).reshape(4, -1).T
    x = DISTRIBUTION.join(latents, DISTRIBUTION.observe(latents)).astype(np.int64)
    positions = DISTRIBUTION.latent_positions if role == "latent" else DISTRIBUTION.observation_positions
    errors = []
    for hidden in combinations(range(DISTRIBUTION.length), n):
        if not always <= {*hidden}:
            continue
        tokens = x.copy()
        tokens[:, hidden] = DISTRIBUTION.mask_id
        p = np.exp(POSTERIOR.log_marginals(tokens))
        entropy = -np.sum(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0.0), axis=-1)
        errors += [math.log(2) - entropy[:, i].mean() for i in positions if i in hidden]
    return float(np.mean(errors))


log_probs = arrays(np.float64, 3, elements=st.floats(-30, 0)).map(lambda a: a - np.logaddexp.reduce(a))


@given(log_p=log_probs, log_q=log_probs)
def test_kl_is_the_definition_and_never_negative(log_p, log_q):
    expected = float(np.sum(np.exp(log_p) * (log_p - log_q)))
    assert kl_divergence(log_p, log_q) == pytest.approx(expected, abs=1e-12)
    assert kl_divergence(log_p, log_q) >= 0
    assert kl_divergence(log_p, log_p) == 0


def test_kl_at_the_edge_of_the_support():
    certain, fair = [0.0, -math.inf], [math.log(0.5)] * 2
    assert kl_divergence(np.array(certain), np.array(fair)) == pytest.approx(math.log(2))
    assert kl_divergence(np.array(fair), np.array(certain)) == math.inf
    assert kl_divergence(np.array(certain), np.array(certain)) == 0
    assert kl_divergence(np.array(fair), np.array([0.0, -1000.0])) > 400  # no underflow to infinity


@given(length=st.integers(1, 9), data=st.data(), seed=st.integers(0, 99))
def test_masks_have_their_size_and_hide_all_positions_equally_often(length, data, seed):
    n = data.draw(st.integers(0, length))
    masks = balanced_masks(3 * length, length, n, np.random.default_rng(seed))
    assert (masks.sum(axis=1) == n).all()
    assert (masks.sum(axis=0) == 3 * n).all()


def test_each_mask_is_uniform_among_subsets():
    counts: dict[bytes, int] = {}
    for seed in range(3000):
        mask = balanced_masks(3, 5, 2, np.random.default_rng(seed))[2]
        counts[mask.tobytes()] = counts.get(mask.tobytes(), 0) + 1
    statistic = sum((count - 300) ** 2 / 300 for count in counts.values())
    assert len(counts) == 10
    assert statistic < 27.9  # chi-square, 9 degrees of freedom: false alarm 1 in 1000


def test_the_posterior_in_the_place_of_the_model_has_no_error_at_all():
    oracle = PosteriorDenoiser(POSTERIOR)
    rows = measure(oracle, range(1, DISTRIBUTION.length + 1), samples=21)
    rng = np.random.default_rng(0)
    rows += paper_task_error(oracle, POSTERIOR, DISTRIBUTION, about=ABOUT, samples=20, rng=rng)
    assert {row.metric for row in rows} == {KL, KL_FORWARDS, KL_BACKWARDS, SQUARED, INFINITE}
    assert all(row.value == 0.0 for row in rows)


def test_rows_say_where_they_belong():
    rows = measure(Uniform(), [2])
    cells = {row.position: row for row in rows if row.position is not None}
    assert sorted(cells) == list(range(7))
    assert {i for i, row in cells.items() if row.role == "latent"} == set(DISTRIBUTION.latent_positions.tolist())
    assert [row.role for row in rows if row.position is None and row.metric == KL] == ["latent", "observation"]
    assert all(row.n_masked == 2 and row.model == "m" and row.fingerprint == ABOUT.fingerprint for row in rows)


@pytest.mark.parametrize("n", [1, 3, 7])
@pytest.mark.parametrize("role", ["latent", "observation"])
def test_role_means_are_within_their_errors_of_the_enumerated_value(n, role):
    (row,) = [
        r for r in measure(Uniform(), [n], samples=2000) if r.role == role and r.position is None and r.metric == KL
    ]
    assert abs(row.value - exact_error(role, n)) <= 4.5 * row.standard_error + 1e-9  # false alarm below 1e-5 each


@pytest.mark.parametrize("n", [4, 5, 6])
def test_with_the_latents_hidden_no_latent_is_visible_and_the_means_are_those_of_such_masks(n):
    rows = measure(Uniform(), [n], samples=2000, latents_hidden=True)
    latents = frozenset(DISTRIBUTION.latent_positions.tolist())
    assert all(row.latents_masked == 4 and row.n_masked == n for row in rows)
    means = {row.role: row for row in rows if row.metric == KL and row.position is None}
    # All latents flipped give the same observations, so no observation tells of one latent; none is asked forwards.
    assert means["latent"].value == pytest.approx(0.0, abs=1e-12)
    assert not [row for row in rows if row.metric == KL_FORWARDS]
    if n == 4:
        assert set(means) == {"latent"}
        return
    found = means["observation"]
    assert abs(found.value - exact_error("observation", n, latents)) <= 4.5 * found.standard_error + 1e-9
    # false alarm below 1e-5 each; masks of any kind would give another number:
    others = exact_error("observation", n)
    assert n == 6 or abs(others - exact_error("observation", n, latents)) > 10 * found.standard_error


def test_an_observation_is_asked_forwards_where_its_latents_are_visible():
    """Independent of the code: one observation and one mask at a time, by hand."""
    masks = np.random.default_rng(0).random((200, DISTRIBUTION.length)) < 0.3
    found = forward_subproblems(DISTRIBUTION, masks)
    for row, mask in enumerate(masks):
        for j, position in enumerate(DISTRIBUTION.observation_positions):
            visible = not any(mask[DISTRIBUTION.latent_positions[i]] for i in SCOPES[j])
            assert found[row, position] == (bool(mask[position]) and visible)
    assert not found[:, DISTRIBUTION.latent_positions].any()
    assert found.any()


def test_forward_observations_are_certain_and_the_two_kinds_make_the_mean():
    """A computable observation has a point mass, so the uniform model loses log 2 on each, without any error."""
    measured = measure(Uniform(), [3], 400)
    rows = {row.metric: row for row in measured if row.role == "observation" and row.position is None}
    assert rows[KL_FORWARDS].value == pytest.approx(math.log(2.0), abs=1e-12)
    assert rows[KL_FORWARDS].standard_error < 1e-9
    assert rows[KL_BACKWARDS].value < rows[KL].value < rows[KL_FORWARDS].value


def test_the_standard_error_covers_at_its_level():
    truth = exact_error("latent", 3)
    z = []
    for seed in range(120):
        (row,) = [r for r in measure(Uniform(), [3], 70, seed) if r.role == "latent" and r.position is None]
        z.append((row.value - truth) / row.standard_error)
    # Balanced masks may only make the error smaller than stated. False alarm below 1e-4 on either side.
    assert 0.5 < np.std(z) < 1.3


def test_batches_do_not_change_the_answer():
    assert measure(Uniform(), [3], batch_size=7) == measure(Uniform(), [3], batch_size=1000)


def test_a_model_that_excludes_what_can_happen_has_an_infinite_error():
    rows = measure(Uniform(observation=[-math.inf, 0.0]), [7])
    by_role = {row.role: row for row in rows if row.position is None}
    assert by_role["observation"].value == math.inf
    assert math.isnan(by_role["observation"].standard_error)
    assert math.isfinite(by_role["latent"].value)


def test_the_paper_protocol_masks_observations_in_proportion_and_leaves_out_infinities():
    model = Uniform(observation=[-math.inf, 0.0])
    rng = np.random.default_rng(0)
    rows = paper_task_error(model, POSTERIOR, DISTRIBUTION, about=ABOUT, samples=400, rng=rng)
    assert [(r.latents_masked, r.n_masked) for r in rows if r.metric == INFINITE and r.role == "latent"] == [
        (1, 2), (2, 4), (3, 5)
    ]  # fmt: skip
    share = {r.role: r.value for r in rows if r.metric == INFINITE and r.latents_masked == 2}
    assert share["latent"] == 0
    assert share["observation"] == pytest.approx(0.25, abs=0.1)  # how often NAE-3 is 0; 400 sequences
    means = [r.value for r in rows if r.metric == SQUARED and r.position is None]
    assert np.isfinite(means).all()


def test_the_paper_measure_is_the_squared_log_ratio_of_the_true_token():
    rng = np.random.default_rng(0)
    rows = paper_task_error(Uniform(), POSTERIOR, DISTRIBUTION, about=ABOUT, samples=64, rng=rng, latent_counts=[1])
    # One latent and one observation hidden: the posterior is 0/1 or 1/2 at each, so cells are 0 or log(2)^2.
    cells = {r.role: r for r in rows if r.position is None and r.metric == SQUARED}
    assert 0 < cells["observation"].value <= math.log(2) ** 2 + 1e-6


class Causal(Uniform):
    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.full((*tokens.shape, 2), math.nan)


@pytest.mark.parametrize(
    ("denoiser", "counts", "samples", "message"),
    [
        (Uniform(), [0], 8, r"1\.\.7; got 0"),
        (Uniform(), [8], 8, "got 8"),
        (Uniform(), [1], 0, "at least one sample"),
        (Causal(), [2], 8, "no answer for row 0.*NaN"),
    ],
)
def test_bad_input_is_named(denoiser, counts, samples, message):
    with pytest.raises(ValueError, match=message):
        measure(denoiser, counts, samples)


def test_fewer_masks_than_latents_are_refused_where_the_latents_are_hidden():
    with pytest.raises(ValueError, match=r"4\.\.L = 4\.\.7; got 3"):
        measure(Uniform(), [3], latents_hidden=True)


def test_a_denoiser_of_another_shape_and_a_wrong_latent_count_are_named():
    model = Uniform()
    model.vocabulary = 3
    with pytest.raises(ValueError, match="made for another one"):
        measure(model, [1])
    with pytest.raises(ValueError, match="got \\[4\\]"):
        paper_task_error(
            Uniform(), POSTERIOR, DISTRIBUTION, about=ABOUT, samples=4, rng=np.random.default_rng(0), latent_counts=[4]
        )
