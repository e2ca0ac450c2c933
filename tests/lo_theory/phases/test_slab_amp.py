"""State evolution of random slabs against direct quadrature and plain iteration; message passing against both."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from generators.planted.slabs import PlantedSlabs, SlabInstance
from lo_theory.phases.slab_amp import AmpSettings, observation_scores, planted_start, random_start, run_amp
from lo_theory.phases.slab_evolution import (
    LOG_2,
    Slabs,
    entropy_per_latent,
    first_moment_density,
    gate,
    precision,
    remaining,
    step,
    weak_recovery_density,
)
from lo_theory.phases.slab_thresholds import (
    best_overlap,
    conjugate,
    fixed_point,
    fixed_point_density,
    fixed_point_entropy,
    slab_thresholds,
    stable_overlaps,
)

SLABS = st.builds(Slabs, width=st.floats(0.2, 2.0), shown=st.sampled_from(["both", "satisfied"]))
CHANCE = 6.0  # times N^-1/2: a vector independent of the latents exceeds it once in 10^9


@pytest.mark.parametrize("r", [1e-4, 0.3, 2.0, 12.0, 40.0])
def test_the_scalar_channel_is_that_of_direct_quadrature(r):
    def mean(function):
        parts = [-13.0, -math.sqrt(r), 13.0]
        return sum(
            quad(lambda z: norm.pdf(z) * function(r + math.sqrt(r) * z), a, b, epsabs=1e-14, limit=200)[0]
            for a, b in itertools.pairwise(parts)
        )

    assert remaining(r) == pytest.approx(mean(lambda u: 1 - math.tanh(u)), rel=1e-6, abs=1e-15)
    assert remaining(r) == pytest.approx(mean(lambda u: 1 - math.tanh(u) ** 2), rel=1e-6, abs=1e-15)  # Nishimori
    assert conjugate(1 - remaining(r)) == pytest.approx(r, rel=1e-3)


@settings(max_examples=12)
@given(slabs=SLABS, q=st.floats(0.01, 0.99))
def test_the_information_of_a_slab_is_that_of_direct_quadrature(slabs, q):
    deviation = math.sqrt(1 - q)

    def integrand(v: float) -> float:
        low, high = ((edge - math.sqrt(q) * v) / deviation for edge in (-slabs.width, slabs.width))
        inside, outside = norm.cdf(high) - norm.cdf(low), norm.cdf(low) + norm.sf(high)
        square = ((norm.pdf(low) - norm.pdf(high)) / deviation) ** 2
        if slabs.shown == "satisfied":
            return 2 * norm.pdf(v) * square / inside / slabs.satisfied_rate if inside > 1e-12 else 0.0
        return 2 * norm.pdf(v) * (square / inside + square / outside) if inside > 1e-12 else 0.0

    nodes = np.unique([0.0, *np.clip(slabs.width / math.sqrt(q) + deviation * np.arange(-4, 5), 0, 7), 7.0])
    expected = sum(quad(integrand, a, b, limit=100)[0] for a, b in itertools.pairwise(nodes))
    assert precision(slabs, 1.0, q) == pytest.approx(expected, rel=1e-4)


@settings(max_examples=30)
@given(slabs=SLABS, density=st.floats(0, 5), q=st.floats(0, 1))
@example(slabs=Slabs(width=1.0, shown="both"), density=0.0, q=5e-324)  # the least overlap that a float can be
def test_overlaps_stay_in_range_and_more_knowledge_never_hurts(slabs, density, q):
    """To the accuracy of the integrals, which is relative and about 1e-6 where a step is nearly flat."""
    assert -1e-12 <= step(slabs, density, q) <= 1
    assert step(slabs, density, q) <= step(slabs, 1.1 * density, q) + 1e-6
    assert step(slabs, density, 0.9 * q) <= step(slabs, density, q) + 1e-6


@settings(max_examples=30)
@given(slabs=SLABS)
def test_zero_is_unstable_exactly_from_the_closed_form_on(slabs):
    """The formulas (p / (2 kappa phi))^2 and 1 / [4 kappa^2 phi^2 (1/p + 1/(1-p))]."""
    closed = weak_recovery_density(slabs)
    assert 1e-6 / precision(slabs, 1.0, 1e-6) == pytest.approx(closed, rel=1e-4)
    assert step(slabs, 1.001 * closed, 1e-6) > 1e-6 > step(slabs, 0.999 * closed, 1e-6)


@settings(max_examples=30)
@given(slabs=SLABS, density=st.floats(0.1, 3), r=st.floats(0.01, 8))
def test_fixed_points_are_the_stationary_points_of_the_free_entropy(slabs, density, r):
    """d/dr entropy = (dq/dr / 2) (what the observations say - r): one formula checks both of the integrals."""
    h = 1e-4 * r
    slope = (entropy_per_latent(slabs, density, r + h) - entropy_per_latent(slabs, density, r - h)) / (2 * h)
    gain = (remaining(r - h) - remaining(r + h)) / (2 * h)
    assert slope == pytest.approx(gain / 2 * (precision(slabs, density, 1 - remaining(r)) - r), abs=1e-5)


def test_the_ends_of_the_free_entropy_are_the_first_moment_and_the_teacher():
    for width, shown in itertools.product((0.5, 1.0), ("both", "satisfied")):
        slabs = Slabs(width=width, shown=shown)
        assert fixed_point_entropy(slabs, first_moment_density(slabs), 0.0) == pytest.approx(0.0, abs=1e-12)
        assert entropy_per_latent(slabs, 1.3, 1e-9) == pytest.approx(LOG_2 - 1.3 * slabs.information, abs=1e-6)
        assert entropy_per_latent(slabs, 1.3, 45.0) == pytest.approx(0.0, abs=1e-4)


@settings(max_examples=8)
@given(slabs=SLABS, factor=st.sampled_from([0.6, 1.15, 1.4]), start=st.sampled_from([1e-3, 0.2, 0.6, 0.95]))
def test_fixed_points_are_where_plain_iteration_ends(slabs, factor, start):
    density, q = factor * weak_recovery_density(slabs), start
    for _ in range(200):
        q = step(slabs, density, q)
    expected = fixed_point(slabs, density, start)
    if abs(step(slabs, density, q) - q) < 1e-7:  # else it has not come to rest: too near a threshold
        assert q == pytest.approx(expected, abs=1e-3)
        assert min(abs(q - stable) for stable in stable_overlaps(slabs, density)) < 1e-3


PUBLISHED = {  # width, shown: weak recovery and information bound as claimed, to the digits given
    (1.0, "satisfied"): (1.990, 1.816),
    (1.0, "both"): (0.925, 1.109),
    (0.6745, "both"): (1.36, 1.00),
    (0.5, "both"): (1.906, 1.042),
}


@pytest.mark.parametrize(("problem", "claimed"), PUBLISHED.items())
def test_the_claimed_numbers_hold_to_their_digits(problem, claimed):
    slabs = Slabs(width=problem[0], shown=problem[1])
    assert (weak_recovery_density(slabs), first_moment_density(slabs)) == pytest.approx(claimed, abs=6e-4)


def test_width_one_with_both_values_is_easy_to_learn_from_and_hard_to_solve():
    """Between weak recovery and the exact density the best estimate is the iteration's; then it is not."""
    slabs = Slabs(width=1.0, shown="both")
    found = slab_thresholds(slabs)
    assert found.informative == pytest.approx(found.weak_recovery, abs=1e-4)
    assert found.weak_recovery < found.first_moment < found.exact < found.algorithmic
    assert found.exact == pytest.approx(1.1098, abs=2e-4)
    assert found.algorithmic == pytest.approx(1.2951, abs=2e-4)
    assert found.hard_window == (found.exact, found.algorithmic)
    assert best_overlap(slabs, 1.05) == pytest.approx(fixed_point(slabs, 1.05, 1e-3), abs=1e-9)
    assert 0.05 < best_overlap(slabs, 1.05) < 0.2
    assert best_overlap(slabs, 1.2) == 1.0 > fixed_point(slabs, 1.2, 1e-3) > 0.2


@pytest.mark.parametrize("problem", [(1.0, "satisfied"), (0.6745, "both"), (0.5, "both"), (0.5, "satisfied")])
def test_elsewhere_the_latents_are_determined_before_anything_is_learned(problem):
    slabs = Slabs(width=problem[0], shown=problem[1])
    found = slab_thresholds(slabs)
    assert found.informative == pytest.approx(found.first_moment, abs=1e-5)
    assert found.exact == pytest.approx(found.first_moment, abs=1e-5)
    assert found.first_moment < found.weak_recovery < found.algorithmic
    assert fixed_point(slabs, 0.999 * found.weak_recovery, 1e-3) < 1e-3
    assert fixed_point(slabs, 0.999 * found.algorithmic, 1e-3) < 0.9
    assert fixed_point(slabs, 1.001 * found.algorithmic, 1e-3) == 1.0


def test_the_teacher_is_stable_at_every_density():
    slabs = Slabs(width=1.0)
    assert [fixed_point_density(slabs, r) for r in (5.0, 10.0, 20.0, 40.0)] == sorted(
        (fixed_point_density(slabs, r) for r in (5.0, 10.0, 20.0, 40.0)), reverse=True
    )
    assert fixed_point_density(slabs, 45.0) < 0.01
    assert fixed_point(slabs, 0.1, 1 - 1e-11) == 1.0
    assert fixed_point(slabs, 0.1, 0.9) == 0.0


@settings(max_examples=30)
@given(
    width=st.floats(0.2, 2),
    variance=st.floats(0.01, 1),
    field=st.floats(-3, 3).filter(lambda w: abs(w) > 1e-3),
    value=st.integers(0, 1),
)
def test_scores_are_derivatives_of_the_log_probability(width, variance, field, value):
    h, values = 1e-5, np.full(3, value)
    fields = np.array([field - h, field, field + h])
    log_p = gate(width, variance, fields)[0][value]
    scores, curvature = observation_scores(values, width, variance, fields)
    scale = 1 / variance
    assert scores[1] == pytest.approx((log_p[2] - log_p[0]) / (2 * h), abs=1e-4 * scale, rel=1e-4)
    assert curvature[1] == pytest.approx((scores[2] - scores[0]) / (2 * h), abs=1e-3 * scale**2, rel=1e-3)
    assert np.exp(gate(width, variance, fields)[0]).sum(axis=0) == pytest.approx(np.ones(3))


def mean_amp(width, shown, density, n=1000, seeds=3, iterations=200):
    """Mean overlap and mean self-overlap from a random start."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        instance = PlantedSlabs(n_latents=n, density=density, width=width, shown=shown).sample(rng)
        ends = run_amp(instance, width, random_start(n, rng), AmpSettings(max_iterations=iterations))
        found.append((ends.overlap(instance.latents), ends.self_overlap))
    return np.mean(found, axis=0)


@pytest.mark.parametrize(
    ("width", "shown", "density"),
    [(1.0, "both", 0.7), (1.0, "both", 1.8), (0.6745, "satisfied", 1.15), (0.5, "satisfied", 1.65)],
)
def test_amp_follows_state_evolution_away_from_thresholds(width, shown, density):
    """Below weak recovery, though the latents are determined, it finds nothing; above the last threshold all."""
    overlap, self_overlap = mean_amp(width, shown, density)
    expected = fixed_point(Slabs(width=width, shown=shown), density, 1e-3)
    assert expected in (0.0, 1.0)
    assert overlap == pytest.approx(expected, abs=0.05)
    assert self_overlap == pytest.approx(overlap, abs=0.05)  # Nishimori


def test_amp_learns_something_in_the_window_of_width_one():
    """State evolution says 0.137 at 1.1; at this N instances scatter around it."""
    overlap, self_overlap = mean_amp(1.0, "both", 1.1, n=2500)
    assert overlap == pytest.approx(fixed_point(Slabs(width=1.0), 1.1, 1e-3), abs=0.1)
    assert overlap > 0.05
    assert self_overlap == pytest.approx(overlap, abs=0.1)


@pytest.mark.parametrize("shown", ["both", "satisfied"])
def test_without_a_teacher_nothing_is_found_and_with_one_the_planted_start_stays(shown):
    n, rng = 1000, np.random.default_rng(0)
    planted = PlantedSlabs(n_latents=n, density=1.6, width=1.0, shown=shown)
    instance = planted.sample(rng)
    assert run_amp(instance, 1.0, planted_start(instance.latents, rng)).overlap(instance.latents) > 0.99
    control = planted.without_teacher(instance, rng)
    settings_ = AmpSettings(max_iterations=100)
    assert run_amp(control, 1.0, random_start(n, rng), settings_).overlap(instance.latents) < CHANCE / math.sqrt(n)


def test_the_iteration_does_not_forget_the_latents_once_it_knows_them():
    """With hardly an observation left near its edge one more step would say nothing, and the means would be zero."""
    n, rng = 1000, np.random.default_rng(0)
    instance = PlantedSlabs(n_latents=n, density=1.3 * 1.186508, width=0.5, shown="satisfied").sample(rng)
    ends = run_amp(instance, 0.5, random_start(n, rng), AmpSettings(max_iterations=200))
    assert ends.converged
    assert ends.overlap(instance.latents) > 0.99


def enumerated_means(instance: SlabInstance, width: float, prior_field: np.ndarray) -> np.ndarray:
    """Posterior means of the spins by visiting all of them."""
    spins = np.array(list(itertools.product((-1.0, 1.0), repeat=len(instance.latents))))
    inside = np.abs(spins @ instance.directions.T) < width * math.sqrt(spins.shape[1])
    weights = np.exp(spins @ prior_field) * (inside == (instance.values == 1)).all(axis=1)
    return weights @ spins / weights.sum()


def test_amp_is_nearer_to_the_exact_posterior_than_the_prior_is():
    """A statistic: at N = 14 message passing is an approximation; prior fields break the slabs' symmetry."""
    errors, baseline = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        instance = PlantedSlabs(n_latents=14, density=0.6, width=1.0).sample(rng)
        field = 1.0 * (2.0 * instance.latents - 1.0) + rng.standard_normal(14)
        exact = enumerated_means(instance, 1.0, field)
        ends = run_amp(instance, 1.0, np.tanh(field), AmpSettings(max_iterations=60), prior_field=field)
        errors.append(np.square(ends.means - exact).mean())
        baseline.append(np.square(np.tanh(field) - exact).mean())
    assert np.mean(errors) < 0.7 * np.mean(baseline)


def test_bad_input_is_refused():
    instance = PlantedSlabs(n_latents=5, density=1.0, width=1.0).sample(np.random.default_rng(0))
    with pytest.raises(ValueError, match="need N = 5 entries"):
        run_amp(instance, 1.0, np.zeros(4))
    with pytest.raises(ValueError, match="max_iterations >= 1"):
        AmpSettings(max_iterations=0)
    with pytest.raises(ValueError, match="positive and finite; got 0"):
        Slabs(width=0.0)
    with pytest.raises(ValueError, match="start in"):
        fixed_point(Slabs(width=1.0), 1.0, 1.5)
