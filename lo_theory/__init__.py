"""The theory: exact posteriors, orders, learners, likelihoods and decoding behind one socket, the ``Denoiser``.

Names are imported on first use, so the NumPy core (``EnumeratedPosterior``) works without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lo_theory.agreement import observation_agreement
    from lo_theory.belief_posterior import BeliefPropagationPosterior
    from lo_theory.belief_propagation import planted_beliefs
    from lo_theory.checkpoint import load_network
    from lo_theory.condensation import find_transition, kesten_stigum_free_entropy
    from lo_theory.contradiction import ForgivingPosterior
    from lo_theory.decoder import (
        Decoder,
        full_rewrite,
        in_order,
        margin,
        path_planning,
        remdm,
        top_probability,
        vanilla,
    )
    from lo_theory.decoding import decode
    from lo_theory.denoiser import Denoiser
    from lo_theory.drawn_confidence import low_confidence
    from lo_theory.elimination import EliminatedPosterior
    from lo_theory.ensemble import Ensemble
    from lo_theory.estimate import Estimate
    from lo_theory.exact import exact_posterior, forgiving_posterior
    from lo_theory.gf2 import ParityPosterior
    from lo_theory.information_curve import InformationCurve, exact_curve, sampled_curve
    from lo_theory.learners import CausalDenoiser, MaskedDenoiser
    from lo_theory.library_posterior import LibraryPosterior
    from lo_theory.likelihood import chain_nll, entropy_gap, exact_nelbo, monte_carlo_nelbo
    from lo_theory.named_decoders import NAMED_DECODERS
    from lo_theory.network import NetworkConfig, Transformer
    from lo_theory.noised_posterior import NoisedDenoiser
    from lo_theory.objective import AutoregressiveObjective, Curriculum, MaskedObjective
    from lo_theory.oracle import PosteriorDenoiser
    from lo_theory.posterior import EnumeratedPosterior, ImpossibleEvidence
    from lo_theory.sampler_law import law_error
    from lo_theory.slab_amp import run_amp
    from lo_theory.slab_evolution import Slabs
    from lo_theory.source import FixedRows, FreshRows
    from lo_theory.step_counts import best_counts, parallel_kl
    from lo_theory.tabulated import TabulatedDenoiser
    from lo_theory.thresholds import first_moment_degree, kesten_stigum_degree
    from lo_theory.training import TrainConfig, TrainingDiverged, train

_HOME = {
    "NAMED_DECODERS": "named_decoders",
    "AutoregressiveObjective": "objective",
    "BeliefPropagationPosterior": "belief_posterior",
    "CausalDenoiser": "learners",
    "Curriculum": "objective",
    "Decoder": "decoder",
    "Denoiser": "denoiser",
    "EliminatedPosterior": "elimination",
    "Ensemble": "ensemble",
    "EnumeratedPosterior": "posterior",
    "Estimate": "estimate",
    "FixedRows": "source",
    "ForgivingPosterior": "contradiction",
    "FreshRows": "source",
    "ImpossibleEvidence": "posterior",
    "InformationCurve": "information_curve",
    "LibraryPosterior": "library_posterior",
    "MaskedDenoiser": "learners",
    "MaskedObjective": "objective",
    "NetworkConfig": "network",
    "NoisedDenoiser": "noised_posterior",
    "ParityPosterior": "gf2",
    "PosteriorDenoiser": "oracle",
    "Slabs": "slab_evolution",
    "TabulatedDenoiser": "tabulated",
    "TrainConfig": "training",
    "TrainingDiverged": "training",
    "Transformer": "network",
    "best_counts": "step_counts",
    "chain_nll": "likelihood",
    "decode": "decoding",
    "entropy_gap": "likelihood",
    "exact_curve": "information_curve",
    "exact_nelbo": "likelihood",
    "exact_posterior": "exact",
    "find_transition": "condensation",
    "first_moment_degree": "thresholds",
    "forgiving_posterior": "exact",
    "full_rewrite": "decoder",
    "in_order": "decoder",
    "kesten_stigum_degree": "thresholds",
    "kesten_stigum_free_entropy": "condensation",
    "law_error": "sampler_law",
    "load_network": "checkpoint",
    "low_confidence": "drawn_confidence",
    "margin": "decoder",
    "monte_carlo_nelbo": "likelihood",
    "observation_agreement": "agreement",
    "parallel_kl": "step_counts",
    "path_planning": "decoder",
    "planted_beliefs": "belief_propagation",
    "remdm": "decoder",
    "run_amp": "slab_amp",
    "sampled_curve": "information_curve",
    "top_probability": "decoder",
    "train": "training",
    "vanilla": "decoder",
}

__all__ = [
    "NAMED_DECODERS",
    "AutoregressiveObjective",
    "BeliefPropagationPosterior",
    "CausalDenoiser",
    "Curriculum",
    "Decoder",
    "Denoiser",
    "EliminatedPosterior",
    "Ensemble",
    "EnumeratedPosterior",
    "Estimate",
    "FixedRows",
    "ForgivingPosterior",
    "FreshRows",
    "ImpossibleEvidence",
    "InformationCurve",
    "LibraryPosterior",
    "MaskedDenoiser",
    "MaskedObjective",
    "NetworkConfig",
    "NoisedDenoiser",
    "ParityPosterior",
    "PosteriorDenoiser",
    "Slabs",
    "TabulatedDenoiser",
    "TrainConfig",
    "TrainingDiverged",
    "Transformer",
    "best_counts",
    "chain_nll",
    "decode",
    "entropy_gap",
    "exact_curve",
    "exact_nelbo",
    "exact_posterior",
    "find_transition",
    "first_moment_degree",
    "forgiving_posterior",
    "full_rewrite",
    "in_order",
    "kesten_stigum_degree",
    "kesten_stigum_free_entropy",
    "law_error",
    "load_network",
    "low_confidence",
    "margin",
    "monte_carlo_nelbo",
    "observation_agreement",
    "parallel_kl",
    "path_planning",
    "planted_beliefs",
    "remdm",
    "run_amp",
    "sampled_curve",
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
