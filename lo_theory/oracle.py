"""The exact posterior as a denoiser: a perfect model in any place where a network stands."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lo_theory.posterior import EnumeratedPosterior


class PosteriorDenoiser:
    """Plugs a NumPy posterior into the torch socket; float64 on the CPU whatever the device of the tokens.

    Args:
        posterior: has ``length``, ``vocabulary`` and ``log_marginals`` on NumPy arrays.
    """

    def __init__(self, posterior: EnumeratedPosterior) -> None:
        self.posterior = posterior
        self.length, self.vocabulary = posterior.length, posterior.vocabulary

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Exact log-probabilities; raises ``ImpossibleEvidence`` when the visible tokens contradict each other."""
        log_marginals = self.posterior.log_marginals(tokens.cpu().numpy())
        return torch.from_numpy(log_marginals).to(tokens.device)
