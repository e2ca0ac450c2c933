"""What a rule sees when it decides: one moment of decoding."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Situation:
    """A batch of partly revealed sequences, before a step.

    Always the whole batch: rows that are finished have nothing hidden, and NaN for log-probabilities. So noise of the
    batch's shape gives a row the same numbers whatever has become of the others.

    Attributes:
        step: finished steps, 0 at first.
        tokens: (B, L), with masks.
        given: (B, L), True where the token was there before decoding began; such a token never changes.
        hidden: (B, L), True where a token is to be decided: where it is masked and, under a planner
            (:mod:`lo_theory.samplers.rewrite`), where it was generated before.
        score: (B, L), higher is revealed earlier; ``-inf`` where not hidden.
        log_probs: (B, L, V) of the denoiser, in nats and in its own precision; meaningful where hidden. With many
            values a float64 copy is dear beside a small network, so a rule picks the values or positions it needs,
            which is exact, and computes with these in float64.
        previous: the denoiser's answers of the step before; None at the first step.
        draft: (B, L), what would stand where ``hidden``, and elsewhere ``tokens``; None unless a planner asked for it.
        revealed_log_prob: (B, L), of each generated token when it was revealed, in nats, 0 elsewhere; None unless the
            decoder has a remask rule.
    """

    step: int
    tokens: Int64[Tensor, "B L"]
    given: Bool[Tensor, "B L"]
    hidden: Bool[Tensor, "B L"]
    score: Float64[Tensor, "B L"]
    log_probs: Float[Tensor, "B L V"]
    previous: Float[Tensor, "B L V"] | None = None
    draft: Int64[Tensor, "B L"] | None = None
    revealed_log_prob: Float64[Tensor, "B L"] | None = None

    @property
    def masked(self) -> Bool[Tensor, "B L"]:
        """Where the mask stands."""
        return self.tokens == self.log_probs.shape[-1]

    @property
    def generated(self) -> Bool[Tensor, "B L"]:
        """Where a token stands that decoding put there."""
        return ~(self.given | self.masked)
