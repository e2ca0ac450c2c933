"""The exact posterior by whichever exact method suits the distribution; never an approximation."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from generators.distribution import LODistribution
from generators.text.passing import Chain
from lo_theory.denoisers.oracle import Posterior, PosteriorOfDistribution
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.factors import is_local
from lo_theory.posteriors.mixed.observations import Sum, sorted_observations

if TYPE_CHECKING:
    from lo_theory.posteriors.chains import ChainPosterior

_FEW_STATES = 2**12  # so few latent vectors are enumerated faster than elimination is compiled
_MANY_STATES = 2**20  # more than enumeration holds
_WIDE = 8  # latents of a parity above which its table is not eliminated


@overload
def exact_posterior(distribution: LODistribution) -> PosteriorOfDistribution: ...
@overload
def exact_posterior(distribution: Chain) -> ChainPosterior: ...
def exact_posterior(distribution: LODistribution | Chain) -> PosteriorOfDistribution | ChainPosterior:
    """Enumeration where there are few latent vectors, variable elimination where observations are local.

    Of more than twenty bits, parities of wide scopes go by Gaussian elimination: alone
    (:class:`~.parities.ParityPosterior`), or beside local observations (:class:`~.mixed.posterior.MixedPosterior`).
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
    if (of_parities := _of_wide_parities(distribution)) is not None:
        return of_parities
    if distribution.alphabet**distribution.n_latents <= _FEW_STATES or not is_local(distribution):
        return EnumeratedPosterior(distribution)
    from lo_theory.posteriors.elimination.posterior import EliminatedPosterior

    return EliminatedPosterior(distribution)


def _of_wide_parities(distribution: LODistribution) -> PosteriorOfDistribution | None:
    """The posterior over GF(2), if the observations are parities, some of them wide, alone or beside local ones."""
    if distribution.alphabet != 2 or distribution.alphabet**distribution.n_latents <= _MANY_STATES:
        return None
    if max((f.scopes.shape[1] for f in distribution.functions), default=0) <= _WIDE:
        return None
    try:
        observations = sorted_observations(distribution)
    except ValueError:
        return None
    sums = [one for one in observations if isinstance(one, Sum)]
    if not any(one.latents > _WIDE for one in sums):
        return None
    fair = distribution.prior[0] == distribution.prior[1]
    if fair and len(sums) == len(observations) and not any(one.noise for one in sums):
        from lo_theory.posteriors.parities import ParityPosterior

        return ParityPosterior(distribution)
    from lo_theory.posteriors.mixed.posterior import MixedPosterior

    return MixedPosterior(distribution)


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
