"""A denoiser made worse on purpose: how an imperfect model of known error does at each subproblem.

A network's errors are not known; these are. The answer p at a masked position of hardness h, in [0, 1], becomes

    p' = softmax( log( (1 - doubt h) p^(1/T) / Z + doubt h / V ) + noise h g ),

g standard Gaussian, a fixed function of (seed, visible tokens, position, value). ``doubt`` makes the model unsure where
it should know, which it admits; ``noise`` makes it wrong without knowing it; the temperature T spreads all answers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float64, Int64, Integer
from scipy.special import ndtri
from torch import Tensor

from generators.distribution import LODistribution
from generators.ground.draws import uniforms
from lo_theory.denoisers.denoiser import (
    Denoiser,
    answer_entropy,
    ask,
    check_temperature,
    require_answers,
    tempered,
    whole_tokens,
)

Hardness = Callable[[Tensor, Tensor], Tensor]
"""(tokens (B, L) with masks, exact log-probabilities (B, L, V)) -> (B, L) in [0, 1]."""


class NoisedDenoiser:
    """``denoiser`` with an error that grows with the hardness of the subproblem; a pure function of the tokens.

    Impossible values stay impossible unless there is doubt. At visible positions it answers as ``denoiser`` does.

    Args:
        hardness: of each subproblem; :func:`uniform_hardness`, :func:`entropy_hardness` or :func:`inversion_hardness`.
        noise: standard deviation of the logits' error where the hardness is 1.
        doubt: share of the answer that is uniform where the hardness is 1.
        temperature: of every answer.
        seed: of the noise.
    Raises:
        ValueError: noise negative or not finite, doubt not in [0, 1], temperature not positive and finite, seed
            negative.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        hardness: Hardness,
        *,
        noise: float = 0.0,
        doubt: float = 0.0,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> None:
        if not 0 <= noise < math.inf:
            raise ValueError(f"the noise of logits is >= 0 and finite; got {noise!r}.")
        if not 0 <= doubt <= 1:
            raise ValueError(f"doubt is a share in [0, 1]; got {doubt!r}.")
        check_temperature(temperature)
        if seed < 0:
            raise ValueError(f"the seed of the noise is not negative; got {seed}.")
        self.denoiser, self.hardness = denoiser, hardness
        self.length, self.vocabulary = denoiser.length, denoiser.vocabulary
        self.noise, self.doubt, self.temperature, self.seed = noise, doubt, temperature, seed

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float64[Tensor, "B L V"]:
        """Log-probabilities in nats, float64 on the device of the tokens; NaN where ``denoiser`` has no answer.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: tokens of another shape; an answer of ``denoiser`` at a masked position holds ``+inf``, or
                ``-inf`` alone.
        """
        tokens = whole_tokens(tokens, self.length)
        exact, hidden = ask(self.denoiser, tokens).to(torch.float64), tokens == self.vocabulary
        require_answers(exact, hidden, torch.zeros_like(hidden))
        hardness = self.hardness(tokens, exact)[..., None]
        answers = tempered(exact, self.temperature).log_softmax(dim=-1)
        unsure = self.doubt * hardness
        answers = torch.logaddexp(torch.log1p(-unsure) + answers, (unsure / self.vocabulary).log())
        wrong = self.noise * hardness * gaussian_of_tokens(tokens, self.seed, self.vocabulary).to(tokens.device)
        answers = (answers + wrong).log_softmax(dim=-1)
        return torch.where(hidden[..., None], answers, exact)


def gaussian_of_tokens(tokens: Int64[Tensor, "B L"], seed: int, vocabulary: int) -> Float64[Tensor, "B L V"]:
    """Standard Gaussian numbers that depend on (seed, the row's tokens, position, value) alone; on the CPU.

    Their bits are SHAKE-256 of seed and row: equal rows have equal numbers, different rows independent ones.
    """
    rows, length = tokens.shape
    if not rows:
        return torch.zeros(0, length, vocabulary, dtype=torch.float64)
    key, size = seed.to_bytes(8, "little"), 8 * length * vocabulary
    lines = np.ascontiguousarray(tokens.cpu().numpy(), dtype="<i8")
    raw = b"".join(hashlib.shake_256(key + line.tobytes()).digest(size) for line in lines)
    uniform = uniforms(np.frombuffer(raw, dtype="<u8").astype(np.uint64)) + 2.0**-54  # never 0
    return torch.from_numpy(ndtri(uniform).reshape(rows, length, vocabulary))


def uniform_hardness(tokens: Int64[Tensor, "B L"], log_probs: Float64[Tensor, "B L V"]) -> Float64[Tensor, "B L"]:
    """Every subproblem is equally hard."""
    return torch.ones_like(log_probs[..., 0])


def entropy_hardness(tokens: Int64[Tensor, "B L"], log_probs: Float64[Tensor, "B L V"]) -> Float64[Tensor, "B L"]:
    """Entropy of the exact answer over log V: what is uncertain is hard."""
    return answer_entropy(log_probs) / math.log(max(log_probs.shape[-1], 2))  # of a single symbol it is 0


def inversion_hardness(distribution: LODistribution) -> Hardness:
    """Forwards is easy, backwards is hard.

    An observation is as hard as the share of its scope that is hidden: with all its latents visible it is computed. A
    latent is as hard as the share of its observations that are visible: they are the evidence to be inverted.
    """
    parts = (
        _scope_matrix(distribution),  # (P, N)
        torch.tensor(distribution.latent_positions.tolist()),
        torch.tensor(distribution.observation_positions.tolist(), dtype=torch.int64),
    )

    def hardness(tokens: Int64[Tensor, "B L"], log_probs: Float64[Tensor, "B L V"]) -> Float64[Tensor, "B L"]:
        reads, latents, observations = (part.to(log_probs.device) for part in parts)
        masked = (tokens == log_probs.shape[-1]).double()
        hard = torch.zeros_like(log_probs[..., 0])
        hard[:, observations] = masked[:, latents] @ reads.T / reads.sum(dim=1).clamp_min(1)
        hard[:, latents] = (1 - masked[:, observations]) @ reads / reads.sum(dim=0).clamp_min(1)
        return hard

    return hardness


def _scope_matrix(distribution: LODistribution) -> Float64[Tensor, "P N"]:
    """1 where an observation reads a latent."""
    reads = torch.zeros(distribution.n_observations, distribution.n_latents, dtype=torch.float64)
    row = 0
    for function in distribution.functions:
        for scope in function.scopes:
            reads[row, np.asarray(scope).tolist()] = 1.0
            row += 1
    return reads
