"""How many tokens to reveal at each step, from the information curve: what a schedule loses, and the best one.

A sampler with exact conditionals that reveals K_1, ..., K_T random positions draws the tokens of one step as if they
were independent. With the order of the positions taken as part of what is drawn, its KL divergence from the truth is

    sum_t sum_{j = n_t}^{n_t + K_t - 1} (h(n_t) - h(j)),   n_t = K_1 + ... + K_{t-1},

the area between the curve h and the staircase that touches it from above at every n_t. (The law of the sequence alone,
a mixture over orders, is at most that far away, and usually nearer.) Source: Chen, Cong and Li 2025, arXiv 2511.04647;
Lavenant and Zanella 2025, arXiv 2510.25544.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64
from scipy.stats import binom

from lo_theory.estimate import Estimate
from lo_theory.laws.information_curve import InformationCurve
from lo_theory.samplers.reveal import reveal_probability
from lo_theory.schedules import LINEAR, NoiseSchedule


def parallel_kl(curve: InformationCurve, counts: Sequence[int]) -> Estimate:
    """Nats that a sampler loses which reveals ``counts[t]`` random positions at step t: KL(truth || sampler).

    An upper bound of the KL of the sequences alone, exact for the pair (order, sequence). Zero for one token per step,
    the total correlation for all at once.

    Raises:
        ValueError: a negative count, or counts that do not add up to L.
    """
    numbers = np.asarray(counts, dtype=np.int64)
    if (numbers < 0).any() or numbers.sum() != curve.length:
        raise ValueError(f"counts must be >= 0 and add up to L = {curve.length}; got {numbers.tolist()}.")
    weights = -np.ones(curve.length)
    starts = numbers.cumsum() - numbers
    np.add.at(weights, starts[numbers > 0], numbers[numbers > 0])
    return curve.linear(weights)


def independent_kl(curve: InformationCurve, steps: int, schedule: NoiseSchedule = LINEAR) -> Estimate:
    """The same for the vanilla reverse process, which reveals each position independently (tau-leaping).

    The numbers revealed are random and say nothing of the tokens, so it is the mean of :func:`parallel_kl` over them: a
    position revealed at the step from t to s meets Binomial(L - 1, alpha_t) visible ones.

    Raises:
        ValueError: ``steps < 1``.
    """
    if steps < 1:
        raise ValueError(f"decoding needs at least one step; got steps = {steps}.")
    weights, hidden, others = -np.ones(curve.length), 1.0, np.arange(curve.length)
    for step in range(steps):
        revealed = reveal_probability(step, steps, schedule)
        met = binom.pmf(others, curve.length - 1, 1.0 - hidden)
        weights += curve.length * hidden * revealed * met
        hidden *= 1.0 - revealed
    return curve.linear(weights)


def best_counts(curve: InformationCurve, steps: int) -> tuple[int, ...]:
    """The ``steps`` positive counts with the least :func:`parallel_kl`, by dynamic programming over the staircases.

    Of equally good ones the one whose later steps are longest. On a sampled curve the loss of the winner, read from the
    same draws, is a little too good; judge it by other draws.

    Raises:
        ValueError: ``steps`` is not in 1..L.
    Cost: O(steps L^2).
    """
    length = curve.length
    if not 1 <= steps <= length:
        raise ValueError(f"between 1 and L = {length} steps reveal at least one token each; got steps = {steps}.")
    loss = block_losses(curve.nats)  # (L + 1, L + 1), from n visible tokens to n'
    total, origins = loss[0], []
    for _ in range(steps - 1):
        through = total[:, None] + loss
        origins.append(through.argmin(axis=0))
        total = through.min(axis=0)
    return _walk_back(origins, length)


def total_correlation_counts(length: int, share: float) -> tuple[int, ...]:
    """Steps that shrink with the number of masks m, ``1 + floor(share (m - 1))``.

    They lose at most ``share`` times the total correlation, whatever the distribution, in O(log(L) / share) steps: a
    fall of the curve between j and j + 1 visible tokens counts L - 1 - j times in the total correlation, and at most
    that times ``share`` here. Good for curves that fall late, or not at all. The rates are those of Chen, Cong and Li
    2025, arXiv 2511.04647; sizes and proof are ours.

    Raises:
        ValueError: ``length < 1``, ``share`` not in [0, 1].
    """
    return _proportional(length, share, lambda visible: length - visible - 1)


def dual_total_correlation_counts(length: int, share: float) -> tuple[int, ...]:
    """Steps that grow with the number n of visible tokens, ``1 + floor(share (n + 1))``.

    They lose at most ``share`` times the dual total correlation, whatever the distribution: a fall of the curve between
    j and j + 1 visible tokens counts j + 1 times in it. Good for curves that fall early: few latents that many tokens
    depend on. Sources and errors as :func:`total_correlation_counts`.
    """
    return _proportional(length, share, lambda visible: visible + 1)


def _proportional(length: int, share: float, size: Callable[[int], int]) -> tuple[int, ...]:
    if length < 1 or not 0 <= share <= 1:
        raise ValueError(f"counts need length >= 1 and a share in [0, 1]; got length {length}, share {share!r}.")
    counts: list[int] = []
    while (visible := sum(counts)) < length:
        counts.append(min(length - visible, 1 + int(share * size(visible))))
    return tuple(counts)


def block_losses(nats: Float64[np.ndarray, "L"]) -> Float64[np.ndarray, "n n"]:
    """Entry (a, b): what is lost by revealing tokens a..b-1 in one step; ``inf`` unless a < b."""
    length = len(nats)
    below = np.concatenate([[0.0], nats.cumsum()])
    first, last = np.indices((length + 1, length + 1))
    level = np.concatenate([nats, [0.0]])
    loss = (last - first) * level[:, None] - (below[None, :] - below[:, None])
    return np.where(first < last, loss, np.inf)


def _walk_back(origins: list[np.ndarray], length: int) -> tuple[int, ...]:
    counts, visible = [], length
    for origin in reversed(origins):
        counts.append(visible - int(origin[visible]))
        visible = int(origin[visible])
    return (visible, *reversed(counts))
