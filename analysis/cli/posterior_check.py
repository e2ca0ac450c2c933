"""``--check library``: the exact posterior of a command against pyAgrum, before anything rests on it."""

from __future__ import annotations

from generators.distribution import LODistribution
from lo_theory.denoisers.oracle import Posterior
from lo_theory.posteriors.library_check import check_against_library, hidden_sample

_SEQUENCES = 12


def check_posterior(posterior: Posterior, distribution: LODistribution) -> None:
    """Compare twelve sequences, from one hidden token to all of them, and say what came out.

    Raises:
        MissingLibraryError: pyAgrum is not installed.
        PosteriorsDisagreeError: they differ by more than rounding.
        ValueError: an observation of too many latents for the library, or what the posterior refuses.
    """
    found = check_against_library(posterior, distribution, hidden_sample(distribution, _SEQUENCES, seed=0))
    found.require()
    print(f"{found.line()}.")
