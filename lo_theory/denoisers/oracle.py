"""The exact posterior as a denoiser: a perfect model in any place where a network stands."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import whole_tokens


@runtime_checkable
class Posterior(Protocol):
    """A posterior on NumPy arrays, however it is computed; exact but for belief propagation."""

    length: int
    vocabulary: int

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token in nats."""
        ...


@runtime_checkable
class PosteriorOfDistribution(Posterior, Protocol):
    """A posterior that knows its distribution."""

    distribution: LODistribution


class PosteriorDenoiser:
    """Plugs a NumPy posterior into the torch socket; float64 on the CPU whatever the device of the tokens.

    Args:
        posterior: has ``length``, ``vocabulary`` and ``log_marginals`` on NumPy arrays.
    """

    def __init__(self, posterior: Posterior) -> None:
        self.posterior = posterior
        self.length, self.vocabulary = posterior.length, posterior.vocabulary

    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Exact log-probabilities; raises what the posterior raises.

        That is ``ImpossibleEvidence`` when the visible tokens contradict each other: a decoder that reveals several
        tokens per step needs :func:`~lo_theory.posteriors.exact.forgiving_posterior`.
        """
        log_marginals = self.posterior.log_marginals(whole_tokens(tokens, self.length).cpu().numpy())
        return torch.from_numpy(log_marginals).to(tokens.device)
