"""The socket: everything that answers "what is at the masked positions?", and what its questions and answers may be."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from lo_theory.denoisers.row_pieces import by_rows

_WHOLE = {torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64}


@runtime_checkable
class Denoiser(Protocol):
    """Tokens with masks in, log-probabilities out.

    A trained network, the exact posterior and any other model plug into the same likelihood, the same decoding and the
    same figures through this protocol.
    """

    @property
    def length(self) -> int:
        """Positions of a sequence, L."""
        ...

    @property
    def vocabulary(self) -> int:
        """Data symbols, V; the mask id is V and the pad id V + 1."""
        ...

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities in nats, float32 from a network and float64 from an oracle; ``-inf`` is an allowed answer.

        Only entries at masked positions are answers; what stands at visible positions is up to the denoiser. A masked
        position for which it has no answer (an autoregressive model asked out of order) holds NaN. Whoever needs that
        answer refuses it, and everybody refuses ``+inf`` and a position where all values are impossible
        (:func:`require_answers`).
        """
        ...


def ask(denoiser: Denoiser, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
    """What the denoiser answers, once it has the form of answers.

    Raises:
        TypeError: it answers with something else than a tensor of floats.
        ValueError: the tensor is not (B, L, V).
    """
    answers = denoiser(tokens)
    if not isinstance(answers, Tensor) or not answers.is_floating_point():
        kind = answers.dtype if isinstance(answers, Tensor) else type(answers).__name__
        raise TypeError(f"a denoiser answers with a tensor of log-probabilities, float32 or float64; got {kind}.")
    expected = (*tokens.shape, denoiser.vocabulary)
    if tuple(answers.shape) != expected:
        raise ValueError(
            f"a denoiser answers {tuple(tokens.shape)} tokens with log-probabilities of shape (B, L, V) = {expected}; "
            f"got {tuple(answers.shape)}."
        )
    return answers


def unusable(
    log_probs: Float[Tensor, "B L V"], asked: Bool[Tensor, "B L"], needed: Bool[Tensor, "B L"]
) -> Bool[Tensor, "B L"]:
    """Where answers are no distributions: ``+inf`` or all ``-inf`` where ``asked``, NaN where ``needed`` as well."""
    top = log_probs.amax(dim=-1)  # NaN if one of them is
    return asked & ~top.isfinite() & (needed | ~top.isnan())


def require_answers(
    log_probs: Float[Tensor, "B L V"],
    asked: Bool[Tensor, "B L"],
    needed: Bool[Tensor, "B L"] | None = None,
    *,
    rows: Int64[Tensor, " B"] | None = None,
) -> None:
    """Refuse answers that no number can be made of; every consumer of a denoiser calls it.

    Args:
        asked: positions that are to be decided, such as all masked ones.
        needed: those of them that are used now, where "no answer" (NaN) will not do; all of them if not given.
        rows: the numbers that the caller's user knows the B rows by, for the message.
    Raises:
        ValueError: ``+inf``, or all values ``-inf``, at an asked position, or NaN at a needed one; the message names
            the row, the position and the value.
    Cost: one pass over the answers, and one look at their device.
    """
    wrong = unusable(log_probs, asked, asked if needed is None else needed)
    if wrong.any():
        raise ValueError(refusal(log_probs, wrong, rows))


def refusal(
    log_probs: Float[Tensor, "B L V"], wrong: Bool[Tensor, "B L"], rows: Int64[Tensor, " B"] | None = None
) -> str:
    """What is wrong with the first of the :func:`unusable` answers, as a message."""
    row, position = (int(i) for i in wrong.nonzero()[0])
    answer = log_probs[row, position].detach()
    at = f"row {row if rows is None else int(rows[row])}, position {position}"
    if answer.isnan().any():
        value = int(answer.isnan().nonzero()[0])
        return (
            f"the denoiser has no answer for {at}: NaN as the log-probability of value {value}. An autoregressive one "
            "answers along its own order only: decode with in_order(order), or measure with chain_nll along it; of a "
            "network whose training diverged look at the weights."
        )
    if (answer == math.inf).any():
        value = int((answer == math.inf).nonzero()[0])
        return (
            f"the denoiser's answer for {at} is no distribution: +inf as the log-probability of value {value}. "
            "Log-probabilities are at most 0: pass what it gives through log_softmax, from finite logits."
        )
    return (
        f"the denoiser has no answer for {at}: all {len(answer)} values are impossible (-inf). At least one value must "
        "be possible; a position without an answer holds NaN."
    )


def whole_tokens(tokens: Tensor, length: int, what: str = "tokens", many: str = "B") -> Int64[Tensor, "B L"]:
    """Tokens of any integer type as int64; whether they are in range is for the caller to say.

    Args:
        what, many: names of the tokens and of their number, for the message.

    Raises:
        TypeError: no tensor, or one of floats (0.7 is not token 0) or of truth values (a set of positions is no row).
        ValueError: another shape than (B, L).
    """
    if not isinstance(tokens, Tensor):
        raise TypeError(f"{what} are a torch tensor; got {type(tokens).__name__}. Use torch.as_tensor.")
    if tokens.dtype not in _WHOLE:
        raise TypeError(f"{what} are integers, of any width; got {tokens.dtype}. Use .long() if they are whole.")
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise ValueError(f"{what} must have shape ({many}, {length}); got {tuple(tokens.shape)}.")
    return tokens.long()


def tempered(log_probs: Float[Tensor, "*at V"], temperature: float) -> Float[Tensor, "*at V"]:
    """``log_probs / temperature`` up to a constant per answer; the most likely value has 0 unless the temperature is 1.

    The largest is subtracted before it is divided, so that at any temperature down to the smallest float the likeliest
    values keep their shares and impossible ones stay impossible. (-0.1 / 1e-310 is -inf: all values would be equal.)
    """
    if temperature == 1:
        return log_probs
    return (log_probs - log_probs.amax(dim=-1, keepdim=True)) / temperature


def check_temperature(temperature: float) -> None:
    """ValueError unless the temperature is positive and finite."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature must be positive and finite; got {temperature!r}. For 0 use argmax_token.")


def answer_entropy(log_probs: Float[Tensor, "*at V"]) -> Float64[Tensor, "*at"]:
    """Entropy of each answer in nats; impossible values count zero, rounding never makes it negative."""
    return by_rows(_entropy, log_probs)


def _entropy(log_probs: Float[Tensor, "*at V"]) -> Float64[Tensor, "*at"]:
    return torch.special.entr(log_probs.double().exp()).sum(dim=-1).clamp_min(0.0)
