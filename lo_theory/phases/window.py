"""How often a random mask leaves a degree of visible constraints inside a window: identity I4, exact and in its limit.

A mask of n tokens, n uniform on 1..L and the subset uniform, is what one meets at a uniformly drawn step of revealing
the tokens in a random order. The number of visible ones among any S of the L tokens is then uniform on 0..S, but for
the missing case that everything is visible: a uniform place cuts a random order, and each of the S + 1 gaps between
the S tokens is equally likely. So the share of masks in a window needs neither simulation nor a limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import betaln


@dataclass(frozen=True, kw_only=True)
class Design:
    """A sequence as a window sees it.

    Attributes:
        n_latents: N.
        length: L = N + P.
        informative: S, observations that count once visible: all P, or the satisfied ones where the others are not
            seen to be there.
        arity: k.
    """

    n_latents: int
    length: int
    informative: int
    arity: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not (self.n_latents >= 1 and 0 <= self.informative <= self.length - self.n_latents and self.arity >= 1):
            raise ValueError(
                f"a design has N >= 1 latents and at most L - N informative observations; got N = {self.n_latents}, "
                f"L = {self.length}, {self.informative}."
            )

    def inside(self, low: float, high: float) -> Int64[np.ndarray, "c"]:
        """Numbers of visible informative observations whose degree k v / N lies in the window, ends excluded."""
        per_degree = self.n_latents / self.arity
        first, last = math.floor(low * per_degree) + 1, math.ceil(high * per_degree) - 1
        return np.arange(max(first, 0), min(last, self.informative) + 1, dtype=np.int64)


def visible_law(design: Design, visible: Int64[np.ndarray, "c"]) -> Float64[np.ndarray, "c"]:
    """Probability of these numbers (0..S) of visible informative observations under a random mask, exact.

    For masks by time (each token hidden with one probability, uniform on [0, 1]) it is 1 / (S + 1) throughout.
    """
    return _cut_law(design) - (visible == design.informative) / design.length


def window_share(design: Design, low: float, high: float) -> float:
    """Share of random masks, hence of the loss's weight, whose visible degree lies in (low, high), exact."""
    return float(visible_law(design, design.inside(low, high)).sum())


def window_share_limit(design: Design, low: float, high: float) -> float:
    """The same for many observations: ``(c_high - c_low) N / S`` (I4), the window cut at the largest degree k S / N."""
    reached = min(high, design.arity * design.informative / design.n_latents)
    return max(reached - low, 0.0) / design.arity * design.n_latents / design.informative


def window_steps(design: Design, low: float, high: float) -> float:
    """Expected steps that a random order of revealing, one token per step, starts from inside the window, exact."""
    return design.length * window_share(design, low, high)


def no_latent_revealed(design: Design, low: float, high: float) -> float:
    """Probability that not one latent is visible, given that the visible degree lies in the window, exact.

    Given v visible of S, the N latents are all after them in the random order with the probability of a beta-binomial
    zero, B(v + 1, S - v + 1 + N) / B(v + 1, S - v + 1). (The missing mask that hides nothing shows all latents.)

    Raises:
        ValueError: no number of observations lies in the window.
    """
    inside = design.inside(low, high)
    if not inside.size:
        raise ValueError(f"no number of visible observations has a degree between {low} and {high}; N is too small.")
    rest = design.informative - inside + 1
    silent = np.exp(betaln(inside + 1, rest + design.n_latents) - betaln(inside + 1, rest))
    return float(_cut_law(design) * silent.sum() / visible_law(design, inside).sum())


def no_latent_revealed_limit(design: Design, degree: float) -> float:
    """``exp(-c N**2 / S)`` (I4), c = degree / k: nearly 1 once S is far larger than N**2."""
    return math.exp(-degree / design.arity * design.n_latents**2 / design.informative)


def _cut_law(design: Design) -> float:
    """Probability of each number, were the mask that hides nothing counted too."""
    return (design.length + 1) / (design.length * (design.informative + 1))
