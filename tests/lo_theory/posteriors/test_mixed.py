"""Parities of any width beside local observations: against enumeration, and by Bayes' rule where both are large."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from generators.distribution import LODistribution
from generators.families import local_hash, nae_sat, whole_hash
from generators.observations import named_tables as named
from generators.observations.noise import Noisy
from generators.observations.parity import Parity
from generators.observations.predicate import Predicate
from generators.observations.scopes import random_scopes
from generators.testing.strategies import observation_functions, priors
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.answers import Status
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.posteriors.mixed.equations import hull, relations
from lo_theory.posteriors.mixed.posterior import MixedPosterior
from lo_theory.posteriors.mixed.questions import Asked, Axis, Question, token_law
from lo_theory.posteriors.parities import ParityPosterior
from lo_theory.samplers.decoder import in_order
from lo_theory.samplers.decoding import decode
from tests.lo_theory.posteriors.conflicts import check_minimal_conflict

TOLERANCE, FALSE_ALARM = 1e-10, 1e-5
BY_SPLITTING, BY_VISITING = {"max_free_bits": 0}, {"max_width": 0, "max_free_bits": 20}
FAIR = np.full(2, 0.5)


@st.composite
def mixtures(draw: st.DrawFn) -> LODistribution:
    """Parities of any width, noisy or not, beside functions of any kind over few latents; any prior and order."""
    n = draw(st.integers(2, 8))
    reads = st.lists(st.permutations(range(n)), min_size=1, max_size=4)
    chosen = np.array(draw(reads))[:, : draw(st.integers(1, n))]
    complement = Predicate(1 - named.parity(arity=chosen.shape[1]), chosen)
    parity = complement if draw(st.booleans()) else Parity(chosen)
    noise = draw(st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0]))
    others = draw(st.lists(observation_functions(n, max_observations=4), max_size=2))
    functions = (Noisy(parity, noise) if noise else parity, *others)
    length = n + sum(len(f.scopes) for f in functions)
    order = np.array(draw(st.permutations(range(length))))
    return LODistribution(draw(priors(max_alphabet=2)), n, functions, order)


def masked(distribution: LODistribution, n: int, seed: int) -> np.ndarray:
    """Sequences of which every token is hidden with a probability of their own."""
    rng = np.random.default_rng(seed)
    rows = distribution.sample(n, rng).astype(np.int64)
    return np.where(rng.random(rows.shape) < rng.random((n, 1)), distribution.mask_id, rows)


def large(prior: float = 0.5, noise: float = 0.0, parities: int = 50) -> LODistribution:
    """A hundred latents, 150 NAE-3 and parities of fifty."""
    parity = Parity(random_scopes(100, parities, arity=50, structure_seed=1))
    local = Predicate(named.nae(arity=3), random_scopes(100, 150, arity=3, structure_seed=0))
    return LODistribution(np.array([1 - prior, prior]), 100, (local, Noisy(parity, noise) if noise else parity))


@pytest.mark.parametrize("limits", [BY_SPLITTING, BY_VISITING, {}], ids=["split", "visited", "whichever"])
@settings(max_examples=25)
@given(distribution=mixtures(), seed=st.integers(0, 2**32))
def test_answers_equal_enumeration(limits, distribution, seed):
    exact, expected = MixedPosterior(distribution, **limits), EnumeratedPosterior(distribution)
    tokens = masked(distribution, 3, seed)
    np.testing.assert_allclose(exact.log_evidence(tokens), expected.log_evidence(tokens), atol=TOLERANCE, rtol=0)
    got, wanted = np.exp(exact.log_marginals(tokens)), np.exp(expected.log_marginals(tokens))
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE, rtol=0)


@settings(max_examples=25)
@given(distribution=mixtures(), data=st.data())
def test_impossible_evidence_raises_and_names_a_minimal_conflict(distribution, data):
    row = np.array([[data.draw(st.integers(0, distribution.vocabulary)) for _ in range(distribution.length)]])
    expected, exact = EnumeratedPosterior(distribution), MixedPosterior(distribution)
    try:
        expected.log_evidence(row)
    except ImpossibleEvidence:
        pass
    else:
        assert np.isfinite(exact.log_evidence(row)).all()
        return
    for answer in (exact.log_evidence, exact.log_marginals, lambda x: exact.sample(x, np.random.default_rng(0))):
        with pytest.raises(ImpossibleEvidence, match=r"row 0.*probability zero.*Mask one of them") as caught:
            answer(row)
    check_minimal_conflict(caught.value, row, expected)


@pytest.mark.parametrize("settings_", [{}, {"prior": 0.4, "parities": 4}, {"noise": 0.1, "parities": 4}])
def test_bayes_rule_holds_where_neither_elimination_nor_enumeration_is_possible(settings_):
    """One more token multiplies the evidence by its conditional; all tokens together have the probability they have."""
    distribution = large(**settings_)
    exact, rng = MixedPosterior(distribution), np.random.default_rng(0)
    row = distribution.sample(1, rng)[0].astype(np.int64)
    order = rng.permutation(distribution.length)
    for t in range(0, distribution.length, 41):
        tokens = np.where(np.argsort(order) < t, row, distribution.mask_id)[None].repeat(2, axis=0)
        tokens[1, order[t]] = row[order[t]]
        before, after = exact.log_evidence(tokens)
        conditional = exact.log_marginals(tokens[:1])[0, order[t], row[order[t]]]
        assert abs(after - before - conditional) < TOLERANCE
    np.testing.assert_allclose(exact.log_evidence(row[None]), distribution.log_prob(row[None]), atol=TOLERANCE)


def test_where_one_of_the_two_alone_refuses():
    distribution = large()
    for alone in (ParityPosterior, EliminatedPosterior, EnumeratedPosterior):
        with pytest.raises(ValueError, match=r"no parity|not a local factor|2\*\*100"):
            alone(distribution)
    together = exact_posterior(distribution)
    assert isinstance(together, MixedPosterior)
    assert np.isfinite(together.log_evidence(masked(distribution, 1, 0))).all()


@pytest.mark.parametrize("limits", [BY_SPLITTING, BY_VISITING], ids=["split", "visited"])
def test_samples_have_the_law_of_the_completions(limits):
    parity = Parity(np.array([[0, 1, 2, 3, 4], [5, 4, 3, 2, 1]]))
    rules = Predicate(named.nae(arity=3), np.array([[0, 1, 2], [2, 3, 5]]))
    distribution = LODistribution(np.array([0.4, 0.6]), 6, (rules, Noisy(parity, 0.25)))
    tokens = np.full(distribution.length, distribution.mask_id)
    tokens[[6, 8]] = [1, 0]  # one rule holds, one parity is seen
    draws = MixedPosterior(distribution, **limits).sample(np.tile(tokens, (4000, 1)), np.random.default_rng(0))
    assert (draws[:, [6, 8]] == [1, 0]).all()
    latents = np.indices((2,) * 6).reshape(6, -1).T
    whole = np.concatenate([distribution.join(latents, np.tile([1, y, 0, z], (64, 1))) for y in (0, 1) for z in (0, 1)])
    law = np.exp(distribution.log_prob(whole) - MixedPosterior(distribution).log_evidence(tokens[None]))
    assert law.sum() == pytest.approx(1.0, abs=1e-12)
    number = {tuple(x): i for i, x in enumerate(whole.tolist())}
    counts = np.bincount([number[tuple(x)] for x in draws.tolist()], minlength=len(whole))
    assert counts[law == 0].sum() == 0
    assert chisquare(counts[law > 0], 4000 * law[law > 0]).pvalue > FALSE_ALARM


def test_draws_and_decoding_stay_on_the_support_at_full_size():
    distribution = large()
    exact, tokens = exact_posterior(distribution), masked(large(), 4, 1)
    assert isinstance(exact, MixedPosterior)
    drawn = exact.sample(tokens, np.random.default_rng(0))
    assert np.isfinite(distribution.log_prob(drawn)).all()
    assert ((drawn == tokens) | (tokens == distribution.mask_id)).all()
    hidden = exact.sample(np.full((40, distribution.length), distribution.mask_id), np.random.default_rng(0))
    assert len(np.unique(hidden, axis=0)) == 40
    small = LODistribution(FAIR, 24, (Parity(np.array([range(12), range(12, 24)])),))
    with_rules = LODistribution(FAIR, 24, (*small.functions, *nae_sat(24, 6, structure_seed=0).functions))
    masks = torch.full((2, with_rules.length), with_rules.mask_id)
    order = np.random.default_rng(0).permutation(with_rules.length)
    decoded = decode(
        PosteriorDenoiser(exact_posterior(with_rules)), masks, in_order(order), torch.Generator().manual_seed(0)
    )
    assert np.isfinite(with_rules.log_prob(decoded.tokens.numpy())).all()


def test_the_plan_is_where_the_limits_begin_to_refuse():
    distribution = large(prior=0.4, parities=6)
    tokens = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    tokens[0, distribution.latent_positions] = distribution.mask_id
    tokens[0, distribution.observation_positions[20:150]] = distribution.mask_id
    plan = MixedPosterior(distribution).plan(tokens)
    free, width = int(plan.free_bits[0]), int(plan.width[0])
    assert free > 20
    assert width > 3
    MixedPosterior(distribution, max_width=width).log_evidence(tokens)
    message = rf"row 0: its equations leave {free} bits free, and to eliminate them has width {width}.*max_width = 3"
    for answer in ("log_evidence", "log_marginals"):
        with pytest.raises(ValueError, match=message):
            getattr(MixedPosterior(distribution, max_width=3), answer)(tokens)
    wrong = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    wrong[0, distribution.observation_positions[-1]] ^= 1
    assert MixedPosterior(distribution).plan(wrong).free_bits.tolist() == [-1]


@settings(max_examples=60)
@given(data=st.data())
def test_the_hull_of_a_table_is_what_all_of_its_settings_satisfy(data):
    """Against all equations there are; and relations among forms against all sums of them."""
    k = data.draw(st.integers(1, 4))
    table = np.array(data.draw(st.lists(st.integers(0, 1), min_size=2**k, max_size=2**k)), dtype=np.uint8)
    among = [data.draw(st.integers(0, 2**6 - 1)) for _ in range(k)]
    known = relations(among, 2**5)
    settings_ = [t for t in np.ndindex(*(2,) * k) if table.reshape((2,) * k)[t] and _satisfied(t, known)]
    found = hull(table.tobytes(), k, True, False, known)
    assert found.settings == len(settings_)
    if not settings_:
        return
    holds = {(a, c) for a in range(2**k) for c in (0, 1) if all(_satisfied(t, [(a, c)]) for t in settings_)}
    assert len(holds) == 2 ** len(found.equations)
    assert holds >= set(found.equations)
    assert found.full == (len(settings_) == 2 ** (k - len(found.equations)))
    constant = [s for s in range(2**k) if _sum(s, among) in (0, 2**5)]
    assert len(constant) == 2 ** len(known)


def _satisfied(setting: tuple[int, ...], equations) -> bool:
    k = len(setting)
    return all(sum(v for a, v in enumerate(setting) if axes >> (k - 1 - a) & 1) % 2 == c for axes, c in equations)


def _sum(chosen: int, forms: list[int]) -> int:
    total = 0
    for a, form in enumerate(forms):
        total ^= form if chosen >> a & 1 else 0
    return total


def test_what_it_is_chosen_for_and_what_it_refuses():
    wide = Parity(random_scopes(30, 4, arity=20, structure_seed=0))
    assert isinstance(exact_posterior(LODistribution(FAIR, 30, (wide,))), ParityPosterior)
    assert isinstance(exact_posterior(LODistribution(FAIR, 30, (Noisy(wide, 0.1),))), MixedPosterior)
    table = Predicate(named.parity(arity=10), random_scopes(30, 4, arity=10, structure_seed=0))
    beside = local_hash(30, 20, structure_seed=0).functions
    assert isinstance(exact_posterior(LODistribution(FAIR, 30, (table, *beside))), MixedPosterior)
    assert isinstance(exact_posterior(nae_sat(30, 20, arity=9, structure_seed=0)), EliminatedPosterior)
    for distribution, message in [
        (LODistribution(FAIR, 24, (Parity(np.arange(24)[None]), *whole_hash(24, 2, structure_seed=0).functions)), "24"),
        (nae_sat(20, 5, arity=18, structure_seed=0), "observation 0 reads 18 latents and is no parity"),
        (nae_sat(5, 5, latent_alphabet=3, structure_seed=0), "these latents have 3 values"),
    ]:
        with pytest.raises(ValueError, match=message):
            MixedPosterior(distribution)
    with pytest.raises(ValueError, match="max_free_bits in"):
        MixedPosterior(nae_sat(5, 5, structure_seed=0), max_free_bits=31)


def test_a_row_without_an_answer_keeps_no_other_from_its_own():
    distribution = large(prior=0.4, parities=6)
    fine, impossible, wide = distribution.sample(3, np.random.default_rng(0)).astype(np.int64)
    impossible[distribution.observation_positions[-1]] ^= 1
    wide[distribution.latent_positions] = distribution.mask_id
    wide[distribution.observation_positions[20:150]] = distribution.mask_id
    fine[:5] = distribution.mask_id
    exact = MixedPosterior(distribution, max_width=3)
    found = exact.answers(np.stack([fine, impossible, wide]))
    assert found.status.tolist() == [Status.DONE, Status.IMPOSSIBLE, Status.TOO_WIDE]
    np.testing.assert_array_equal(found.log_marginals[0], exact.log_marginals(fine[None])[0])
    assert found.log_evidence[0] == exact.log_evidence(fine[None])[0]
    assert found.log_evidence[1] == -np.inf
    assert np.isnan(found.log_evidence[2])
    assert np.isnan(found.log_marginals[1:]).all()


@pytest.mark.parametrize("limits", [BY_SPLITTING, BY_VISITING], ids=["split", "visited"])
def test_values_below_the_smallest_float_are_not_impossible(limits):
    """Two latents, two hundred noisy copies of each that say 0, and the parity of both: Bayes' rule by hand."""
    copies = [Noisy(Predicate(np.array([0, 1]), np.full((200, 1), i)), 0.01) for i in (0, 1)]
    distribution = LODistribution(FAIR, 2, (*copies, Parity(np.array([[0, 1]]))))
    tokens = np.full((1, distribution.length), distribution.mask_id)
    tokens[0, 2:-1] = 0
    found = MixedPosterior(distribution, **limits).log_marginals(tokens)[0]
    odds = 200 * np.log(99.0)
    np.testing.assert_allclose(found[[0, 1], 1], -odds, atol=1e-9)
    np.testing.assert_allclose(found[-1, 1], np.log(2) - odds, atol=1e-9)


def test_floats_are_refused_and_empty_batches_answer():
    distribution = LODistribution(FAIR, 5, (Parity(np.arange(5)[None]), *nae_sat(5, 3, structure_seed=0).functions))
    exact, none = MixedPosterior(distribution), np.empty((0, distribution.length), dtype=np.int64)
    assert exact.log_marginals(none).shape == (0, distribution.length, 2)
    assert exact.log_evidence(none).shape == (0,)
    assert exact.sample(none, np.random.default_rng(0)).shape == none.shape
    row = distribution.sample(1, np.random.default_rng(0)).astype(np.int64)
    np.testing.assert_array_equal(exact.sample(row, np.random.default_rng(0)), row)
    assert np.exp(exact.log_marginals(row)).sum() == distribution.length


@pytest.mark.parametrize("seed", range(20))
def test_what_noise_makes_impossible_is_exactly_so(seed):
    """A token that is always flipped: the rest of a sum that is all of it is no small number of either sign."""
    joint = np.random.default_rng(seed).dirichlet(np.ones(8))
    always = np.ones(8, dtype=np.int32).tobytes()
    about = Asked(sums=(1, 2, 4), axes=tuple(Axis(coins=0, core=core, constant=0) for core in range(3)))
    law = token_law(Question(position=0, forms=(), table=always, alphabet=2, noise=1.0), about, joint)
    assert law[1] == 0.0
    assert law[0] == pytest.approx(1.0)
