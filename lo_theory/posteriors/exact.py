"""The exact posterior by whichever exact method suits the distribution; never an approximation."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from generators.distribution import LODistribution
from generators.text.passing import Chain
from lo_theory.denoisers.oracle import Posterior, PosteriorOfDistribution
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.factors import is_local

if TYPE_CHECKING:
    from lo_theory.posteriors.chains import ChainPosterior

_FEW_STATES = 2**12  # so few latent vectors are enumerated faster than elimination is compiled


@overload
def exact_posterior(distribution: LODistribution) -> PosteriorOfDistribution: ...
@overload
def exact_posterior(distribution: Chain) -> ChainPosterior: ...
def exact_posterior(distribution: LODistribution | Chain) -> PosteriorOfDistribution | ChainPosterior:
    """Enumeration where there are few latent vectors, variable elimination where observations are local.

    Markov chains and hidden Markov models get theirs by messages (:class:`~.chains.ChainPosterior`).
    Elimination compiles for about half a minute at its first use on a machine.

    Raises:
        ValueError: many latents and observations of wide scopes, such as a hash of all latents, where neither works.

    >>> import numpy as np
    >>> from generators import logic_rules
    >>> posterior = exact_posterior(logic_rules(["x0 and x1"], n_latents=2))
    >>> np.exp(posterior.log_marginals(np.array([[2, 2, 0]])))[0, 0].round(4).tolist()  # 2 is the mask
    [0.6667, 0.3333]
    """
    if isinstance(distribution, Chain):
        from lo_theory.posteriors.chains import ChainPosterior

        return ChainPosterior(distribution)
    if distribution.alphabet**distribution.n_latents <= _FEW_STATES or not is_local(distribution):
        return EnumeratedPosterior(distribution)
    from lo_theory.posteriors.elimination.posterior import EliminatedPosterior

    return EliminatedPosterior(distribution)


def forgiving_posterior(distribution: LODistribution | Chain) -> Posterior:
    """:func:`exact_posterior` that also answers tokens which contradict each other.

    See :mod:`lo_theory.posteriors.contradiction`. Where observations read too many latents to be local it is the plain
    posterior, which refuses such tokens.
    """
    if isinstance(distribution, Chain):
        from lo_theory.posteriors.chains import ChainPosterior, ForgivingChainPosterior

        return ForgivingChainPosterior(ChainPosterior(distribution))
    from lo_theory.posteriors.contradiction import ForgivingPosterior

    posterior = exact_posterior(distribution)
    return ForgivingPosterior(posterior) if is_local(distribution) else posterior
