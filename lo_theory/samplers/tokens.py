"""Which token stands at a position that is being revealed."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from lo_theory.denoisers.denoiser import check_temperature, tempered
from lo_theory.denoisers.row_pieces import by_rows
from lo_theory.samplers.noise import gumbel, uniform_noise
from lo_theory.samplers.running_sum import running_sum

TokenRule = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(log_probs (M, V) float64 at the chosen positions, chosen (B, L) bool with M True, generator) -> tokens (M,) int64.

The M positions stand in row-major order. Rules see no other position: a denoiser need not have an answer there.
"""

_FEW_VALUES = 8  # a uniform for each costs a small network less than a hundredth of its forward pass
_CELLS = 2.0**52  # probability one in whole numbers, all of which float64 still tells apart
_ROUNDING_SLACK = 1e-12  # a sum of probabilities that misses the mass by rounding alone has reached it


def sample_token(temperature: float = 1.0) -> TokenRule:
    """Draw from p(.)^(1/temperature), normalised, in float64; impossible values never come out.

    Any positive temperature will do: at the smallest float it is the most likely value, at random among equals.

    The noise has the shape of the whole batch, so that a row's draws do not depend on the other rows. Up to eight
    values each of them has a uniform of its own, by the Gumbel-max trick. With more a position has one uniform, by
    :func:`inverted`, and only chosen positions are worked on: the law is the same, but 512 uniforms for every position
    of the batch, chosen or not, take a quarter of a small network's time.

    Noise is at most eight numbers for each position of the batch, whatever the vocabulary. What is worked out of the
    answers stays within ``row_pieces.PIECE`` numbers at a time, 128 MiB, by any rule of this module; the draws are
    those of all rows at once, bit for bit.

    Raises:
        ValueError: the temperature is not positive and finite; for its limit 0 use :func:`argmax_token`.
    """
    return _among(lambda log_probs: log_probs, temperature)


def inverted(log_weights: Float64[Tensor, "M V"], uniform: Float64[Tensor, " M"]) -> Int64[Tensor, " M"]:
    """The value at which the distribution function of each row first exceeds its uniform draw from [0, 1).

    Each value has its probability up to about 2^-52, twice the grid of the draws. The sums are of whole numbers: those
    of floats depend on their order, on a GPU they need not even rise, and impossible values can come out (as they did
    of ``torch.multinomial``, pytorch issue 13867).
    """
    reached = log_weights.softmax(dim=-1).mul_(_CELLS).long().cumsum(dim=-1)
    whole = reached[:, -1]
    cell = torch.minimum((uniform * whole).long(), whole - 1)  # one that was rounded up to 1 is the last cell
    drawn = torch.searchsorted(reached, cell[:, None], right=True).squeeze(1)
    return drawn.clamp_max(log_weights.shape[-1] - 1)  # without an answer (NaN) the caller refuses it, not the index


def argmax_token(
    log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
) -> Int64[Tensor, " M"]:
    """The most likely value; of equally likely ones the lowest."""
    return log_probs.argmax(dim=-1)


def top_k_token(k: int, temperature: float = 1.0) -> TokenRule:
    """Draw from the k most likely values alone, renormalised; of equally likely ones the lower stay.

    The law is that of :func:`sample_token` given one of those k. Source: Fan et al. 2018, arXiv 1805.04833.

    Raises:
        ValueError: ``k < 1``; the temperature is not positive and finite.
    """
    if k < 1:
        raise ValueError(f"a token is drawn from at least one value; got k = {k}.")
    return _among(lambda log_probs: log_probs.masked_fill(~_most_likely(log_probs, k), -math.inf), temperature)


def top_p_token(mass: float, temperature: float = 1.0) -> TokenRule:
    """Draw from the nucleus alone, renormalised: the fewest most likely values whose probabilities reach ``mass``.

    Probabilities are those after the temperature. Of equally likely values the lower enter first; a sum that misses
    the mass by less than 1e-12 has reached it. Source: Holtzman et al. 2020, arXiv 1904.09751.

    Raises:
        ValueError: ``mass`` is not in (0, 1]; the temperature is not positive and finite.
    """
    if not 0 < mass <= 1:
        raise ValueError(
            f"the mass of a nucleus lies in (0, 1]; got {mass!r}. For the most likely value: argmax_token."
        )
    check_temperature(temperature)
    if mass == 1:
        return sample_token(temperature)

    def nucleus(log_probs: Float64[Tensor, "M V"]) -> Float64[Tensor, "M V"]:
        by_probability = log_probs.argsort(dim=-1, descending=True, stable=True)
        sorted_probs = tempered(log_probs, temperature).softmax(dim=-1).gather(-1, by_probability)
        reached_before = running_sum(sorted_probs) - sorted_probs
        kept = reached_before < mass - _ROUNDING_SLACK
        kept[:, 0] = True
        return log_probs.masked_fill(~torch.zeros_like(kept).scatter(-1, by_probability, kept), -math.inf)

    return _among(nucleus, temperature)


def _among(kept: Callable[[Tensor], Tensor], temperature: float) -> TokenRule:
    """Draw at ``temperature`` from what ``kept`` makes of some rows' log-probabilities, by rows."""
    check_temperature(temperature)

    def draw(
        log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Int64[Tensor, " M"]:
        values = log_probs.shape[-1]
        many = values > _FEW_VALUES
        shape = tuple(chosen.shape) if many else (*chosen.shape, values)
        uniform = uniform_noise(shape, generator, chosen.device)[chosen]

        def drawn(rows: Float64[Tensor, "n V"], noise: Float64[Tensor, "n ..."]) -> Int64[Tensor, " n"]:
            log_weights = tempered(kept(rows), temperature)
            return inverted(log_weights, noise) if many else (log_weights + gumbel(noise)).argmax(dim=-1)

        return by_rows(drawn, log_probs, uniform)

    return draw


def _most_likely(log_probs: Float64[Tensor, "M V"], k: int) -> Bool[Tensor, "M V"]:
    """The k most likely values of each row, ties to the lower value; without sorting them all."""
    least = log_probs.topk(min(k, log_probs.shape[-1]), dim=-1).values[:, -1:]
    above, tied = log_probs > least, log_probs == least
    return above | (tied & (tied.cumsum(dim=-1) <= k - above.sum(dim=-1, keepdim=True)))
