"""The theory: exact posteriors, orders, learners, likelihoods and decoding behind one socket, the ``Denoiser``.

Names are imported on first use, so the NumPy core (``EnumeratedPosterior``) works without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lo_theory.agreement import observation_agreement
    from lo_theory.belief_posterior import BeliefPropagationPosterior
    from lo_theory.checkpoint import load_network
    from lo_theory.decoding import Decoder, decode, in_order, margin, top_probability, vanilla
    from lo_theory.denoiser import Denoiser
    from lo_theory.elimination import EliminatedPosterior
    from lo_theory.ensemble import Ensemble
    from lo_theory.estimate import Estimate
    from lo_theory.exact import exact_posterior
    from lo_theory.gf2 import ParityPosterior
    from lo_theory.learners import CausalDenoiser, MaskedDenoiser
    from lo_theory.likelihood import chain_nll, entropy_gap, exact_nelbo, monte_carlo_nelbo
    from lo_theory.network import NetworkConfig, Transformer
    from lo_theory.objective import AutoregressiveObjective, MaskedObjective
    from lo_theory.oracle import PosteriorDenoiser
    from lo_theory.posterior import EnumeratedPosterior, ImpossibleEvidence
    from lo_theory.source import FixedRows, FreshRows
    from lo_theory.thresholds import first_moment_degree, kesten_stigum_degree
    from lo_theory.training import TrainConfig, TrainingDiverged, train

_HOME = {
    "AutoregressiveObjective": "objective",
    "BeliefPropagationPosterior": "belief_posterior",
    "CausalDenoiser": "learners",
    "Decoder": "decoding",
    "Denoiser": "denoiser",
    "EliminatedPosterior": "elimination",
    "Ensemble": "ensemble",
    "EnumeratedPosterior": "posterior",
    "Estimate": "estimate",
    "FixedRows": "source",
    "FreshRows": "source",
    "ImpossibleEvidence": "posterior",
    "MaskedDenoiser": "learners",
    "MaskedObjective": "objective",
    "NetworkConfig": "network",
    "ParityPosterior": "gf2",
    "PosteriorDenoiser": "oracle",
    "TrainConfig": "training",
    "TrainingDiverged": "training",
    "Transformer": "network",
    "chain_nll": "likelihood",
    "decode": "decoding",
    "entropy_gap": "likelihood",
    "exact_nelbo": "likelihood",
    "exact_posterior": "exact",
    "first_moment_degree": "thresholds",
    "in_order": "decoding",
    "kesten_stigum_degree": "thresholds",
    "load_network": "checkpoint",
    "margin": "decoding",
    "monte_carlo_nelbo": "likelihood",
    "observation_agreement": "agreement",
    "top_probability": "decoding",
    "train": "training",
    "vanilla": "decoding",
}

__all__ = [
    "AutoregressiveObjective",
    "BeliefPropagationPosterior",
    "CausalDenoiser",
    "Decoder",
    "Denoiser",
    "EliminatedPosterior",
    "Ensemble",
    "EnumeratedPosterior",
    "Estimate",
    "FixedRows",
    "FreshRows",
    "ImpossibleEvidence",
    "MaskedDenoiser",
    "MaskedObjective",
    "NetworkConfig",
    "ParityPosterior",
    "PosteriorDenoiser",
    "TrainConfig",
    "TrainingDiverged",
    "Transformer",
    "chain_nll",
    "decode",
    "entropy_gap",
    "exact_nelbo",
    "exact_posterior",
    "first_moment_degree",
    "in_order",
    "kesten_stigum_degree",
    "load_network",
    "margin",
    "monte_carlo_nelbo",
    "observation_agreement",
    "top_probability",
    "train",
    "vanilla",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'lo_theory' has no attribute {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"lo_theory.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted(__all__)
