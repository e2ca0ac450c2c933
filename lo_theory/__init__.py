"""The theory: exact posteriors, orders, learners, likelihoods and decoding behind one socket, the ``Denoiser``.

Names are imported on first use, so the NumPy core (``EnumeratedPosterior``) works without loading torch.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from lo_theory.agreement import observation_agreement
    from lo_theory.denoisers.denoiser import Denoiser
    from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
    from lo_theory.denoisers.noised import NoisedDenoiser
    from lo_theory.denoisers.oracle import PosteriorDenoiser
    from lo_theory.denoisers.tabulated import TabulatedDenoiser
    from lo_theory.estimate import Estimate
    from lo_theory.laws.decoder_likelihood import decoder_nll
    from lo_theory.laws.information_curve import InformationCurve, exact_curve, sampled_curve
    from lo_theory.laws.sampler_law import law_error
    from lo_theory.laws.step_counts import best_counts, parallel_kl
    from lo_theory.learning.checkpoint import load_network
    from lo_theory.learning.coordinates import GridCoordinates
    from lo_theory.learning.network import NetworkConfig, Transformer
    from lo_theory.learning.objective import AutoregressiveObjective, Curriculum, MaskedObjective
    from lo_theory.learning.patches import PromptPatches
    from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective, DeepSupervision
    from lo_theory.learning.source import FixedRows, FreshRows
    from lo_theory.learning.stored_rows import StoredRows
    from lo_theory.learning.token_dataset import ShuffledSampler, TokenDataset
    from lo_theory.learning.training import TrainConfig, TrainingDiverged, train
    from lo_theory.likelihood import chain_nll, entropy_gap, exact_nelbo, monte_carlo_nelbo
    from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
    from lo_theory.phases.belief_propagation import planted_beliefs
    from lo_theory.phases.condensation import find_transition, kesten_stigum_free_entropy
    from lo_theory.phases.ensemble import Ensemble
    from lo_theory.phases.slab_amp import run_amp
    from lo_theory.phases.slab_evolution import Slabs
    from lo_theory.phases.thresholds import first_moment_degree, kesten_stigum_degree
    from lo_theory.posteriors.chains import ChainPosterior, ForgivingChainPosterior
    from lo_theory.posteriors.contradiction import ForgivingPosterior
    from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
    from lo_theory.posteriors.enumeration import EnumeratedPosterior, ImpossibleEvidence
    from lo_theory.posteriors.exact import exact_posterior, forgiving_posterior
    from lo_theory.posteriors.mixed.posterior import MixedPosterior
    from lo_theory.posteriors.parities import ParityPosterior
    from lo_theory.posteriors.second_opinion import LibraryPosterior
    from lo_theory.puzzles.candidates import CandidateDenoiser
    from lo_theory.puzzles.completions import CompletionsDenoiser
    from lo_theory.samplers.decoder import (
        Decoder,
        full_rewrite,
        in_order,
        margin,
        path_planning,
        remdm,
        top_probability,
        vanilla,
    )
    from lo_theory.samplers.decoding import decode
    from lo_theory.samplers.drawn_confidence import low_confidence
    from lo_theory.samplers.named_decoders import NAMED_DECODERS

_HOME = {
    "AnswerObjective": "learning.prompted",
    "AutoregressiveObjective": "learning.objective",
    "BeliefPropagationPosterior": "phases.belief_posterior",
    "CandidateDenoiser": "puzzles.candidates",
    "CausalDenoiser": "denoisers.network",
    "ChainPosterior": "posteriors.chains",
    "CompletionsDenoiser": "puzzles.completions",
    "ContinuationObjective": "learning.prompted",
    "Curriculum": "learning.objective",
    "Decoder": "samplers.decoder",
    "DeepSupervision": "learning.prompted",
    "Denoiser": "denoisers.denoiser",
    "EliminatedPosterior": "posteriors.elimination.posterior",
    "Ensemble": "phases.ensemble",
    "EnumeratedPosterior": "posteriors.enumeration",
    "Estimate": "estimate",
    "FixedRows": "learning.source",
    "ForgivingChainPosterior": "posteriors.chains",
    "ForgivingPosterior": "posteriors.contradiction",
    "FreshRows": "learning.source",
    "GridCoordinates": "learning.coordinates",
    "ImpossibleEvidence": "posteriors.enumeration",
    "InformationCurve": "laws.information_curve",
    "LibraryPosterior": "posteriors.second_opinion",
    "MaskedDenoiser": "denoisers.network",
    "MaskedObjective": "learning.objective",
    "MixedPosterior": "posteriors.mixed.posterior",
    "NAMED_DECODERS": "samplers.named_decoders",
    "NetworkConfig": "learning.network",
    "NoisedDenoiser": "denoisers.noised",
    "ParityPosterior": "posteriors.parities",
    "PosteriorDenoiser": "denoisers.oracle",
    "PromptPatches": "learning.patches",
    "ShuffledSampler": "learning.token_dataset",
    "Slabs": "phases.slab_evolution",
    "StoredRows": "learning.stored_rows",
    "TabulatedDenoiser": "denoisers.tabulated",
    "TokenDataset": "learning.token_dataset",
    "TrainConfig": "learning.training",
    "TrainingDiverged": "learning.training",
    "Transformer": "learning.network",
    "best_counts": "laws.step_counts",
    "chain_nll": "likelihood",
    "decode": "samplers.decoding",
    "decoder_nll": "laws.decoder_likelihood",
    "entropy_gap": "likelihood",
    "exact_curve": "laws.information_curve",
    "exact_nelbo": "likelihood",
    "exact_posterior": "posteriors.exact",
    "find_transition": "phases.condensation",
    "first_moment_degree": "phases.thresholds",
    "forgiving_posterior": "posteriors.exact",
    "full_rewrite": "samplers.decoder",
    "in_order": "samplers.decoder",
    "kesten_stigum_degree": "phases.thresholds",
    "kesten_stigum_free_entropy": "phases.condensation",
    "law_error": "laws.sampler_law",
    "load_network": "learning.checkpoint",
    "low_confidence": "samplers.drawn_confidence",
    "margin": "samplers.decoder",
    "monte_carlo_nelbo": "likelihood",
    "observation_agreement": "agreement",
    "parallel_kl": "laws.step_counts",
    "path_planning": "samplers.decoder",
    "planted_beliefs": "phases.belief_propagation",
    "remdm": "samplers.decoder",
    "run_amp": "phases.slab_amp",
    "sampled_curve": "laws.information_curve",
    "top_probability": "samplers.decoder",
    "train": "learning.training",
    "vanilla": "samplers.decoder",
}

__all__ = [
    "NAMED_DECODERS",
    "AnswerObjective",
    "AutoregressiveObjective",
    "BeliefPropagationPosterior",
    "CandidateDenoiser",
    "CausalDenoiser",
    "ChainPosterior",
    "CompletionsDenoiser",
    "ContinuationObjective",
    "Curriculum",
    "Decoder",
    "DeepSupervision",
    "Denoiser",
    "EliminatedPosterior",
    "Ensemble",
    "EnumeratedPosterior",
    "Estimate",
    "FixedRows",
    "ForgivingChainPosterior",
    "ForgivingPosterior",
    "FreshRows",
    "GridCoordinates",
    "ImpossibleEvidence",
    "InformationCurve",
    "LibraryPosterior",
    "MaskedDenoiser",
    "MaskedObjective",
    "MixedPosterior",
    "NetworkConfig",
    "NoisedDenoiser",
    "ParityPosterior",
    "PosteriorDenoiser",
    "PromptPatches",
    "ShuffledSampler",
    "Slabs",
    "StoredRows",
    "TabulatedDenoiser",
    "TokenDataset",
    "TrainConfig",
    "TrainingDiverged",
    "Transformer",
    "best_counts",
    "chain_nll",
    "decode",
    "decoder_nll",
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


_INSIDE = {"generators": "ground", "analysis": "cli"}


def refuse_namesake(package: str) -> None:
    """Refuse a file or folder of somebody else's that Python finds under the name of one of our packages.

    Python takes the first that it finds, and the folder of the script that is run comes first.

    Raises:
        ImportError: ``generators`` or ``analysis`` is not ours; the message names the file and what to do.
    """
    spec = importlib.util.find_spec(package)
    if spec is None:
        return  # whoever imports it is told that it is missing
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if any((place / _INSIDE[package]).exists() or not place.is_dir() for place in places):
        return
    raise ImportError(
        f"{spec.origin or places[0]} hides the package {package!r} that lo-theory needs: Python finds it first under "
        f"that name. Rename it, for example to my_{package}, or run from a folder without it."
    )


refuse_namesake("generators")


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module 'lo_theory' has no attribute {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"lo_theory.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted([*__all__, "__version__"])


def _version() -> str:
    """Of the installed package; ``unknown`` in a checkout that is not installed."""
    from importlib import metadata

    try:
        return metadata.version("lo-theory")
    except metadata.PackageNotFoundError:
        return "unknown"
