"""The likelihood of a row under the order that a decoder reveals it in: a chain rule along the row's own path.

Where score and reveal rule draw nothing, the positions of a step are a function of the visible tokens, so a row has one
path: the one on which every token that is drawn happens to be its own. Its probability under the decoder is the product
of the denoiser's answers along that path, and with k tokens per call of their marginals. Over all sequences these add
up to one; they are the :func:`~lo_theory.laws.sampler_law.sampler_law`, without listing anything. Source: "DUEL", arXiv
2603.01367. Nothing of decoding is written twice: rows go through ``advance``, with their own tokens for a token rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, Integer
from torch import Tensor

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.laws.step_law import TokenLaw
from lo_theory.likelihood import RowNats, clean_rows
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import DecodingStalledError, DecodingState, advance
from lo_theory.samplers.reveal import RevealRule
from lo_theory.samplers.rewrite import Planner
from lo_theory.samplers.situation import Situation


@dataclass(frozen=True, eq=False)
class RowPaths:
    """How a decoder would come to each row, and what each token costs on the way.

    Attributes:
        nats: (n, L), minus the log-probability of each token at the step that reveals it, 0 where it was given; ``inf``
            at an impossible token and at all that is hidden after it. A row adds up to its negative log-likelihood.
        revealed_at: (n, L), that step, from 0; -1 where the token was given or the path broke off before.
    """

    nats: Float64[np.ndarray, "n L"]
    revealed_at: Int64[np.ndarray, "n L"]

    def rows(self) -> RowNats:
        """Nats per sequence."""
        return RowNats(self.nats.sum(axis=1), "chain")


def decoder_nll(
    denoiser: Denoiser,
    rows: Integer[Tensor, "n L"],
    decoder: Decoder,
    *,
    given: Bool[Tensor, "n L"] | None = None,
    token: TokenLaw | None = None,
    batch_size: int = 4096,
) -> RowPaths:
    """Negative log-likelihood of each row under a decoder whose choice of positions draws nothing, along its own path.

    Args:
        rows: clean sequences, integers of any width.
        given: tokens that are there before decoding begins; the likelihood is that of the others. None: none.
        token: the law of ``decoder.token``; that of ``sample_token()``, the denoiser's own answers, if not given.
        batch_size: rows per denoiser call.
    Raises:
        TypeError: rows that are no integers; a denoiser that does not answer with floats.
        ValueError: a decoder that draws its positions, or may change a token that it wrote: the message names the
            score, rule or planner. Rows that are not clean; ``given`` of another shape; no answer (NaN, ``+inf``, all
            values impossible) where one is needed. What the denoiser raises is passed on: several tokens of one call
            may contradict each other, and then an exact posterior has to be a ``forgiving_posterior``.
        DecodingStalledError: positions are still hidden after the last step of the decoder.
    Cost: per batch one denoiser call per step; rows that are finished or impossible have left it.

    >>> from generators import logic_rules
    >>> from lo_theory import PosteriorDenoiser, decoder_nll, exact_posterior, margin
    >>> truth = PosteriorDenoiser(exact_posterior(logic_rules(["x0 and x1"], n_latents=2)))
    >>> paths = decoder_nll(truth, torch.tensor([[1, 1, 1], [0, 1, 1]]), margin())
    >>> paths.rows().nats.round(4), paths.revealed_at[0]
    (array([1.3863,    inf]), array([1, 2, 0]))
    """
    clean = clean_rows(denoiser, rows, batch_size)
    if given is None:
        given = torch.zeros_like(clean, dtype=torch.bool)
    if given.shape != clean.shape or given.dtype != torch.bool:
        raise ValueError(f"given is a bool per token, {tuple(clean.shape)}; got {given.dtype} {tuple(given.shape)}.")
    watched = _watched(decoder)
    parts = [
        _paths(denoiser, part, known, watched, token)
        for part, known in zip(clean.split(batch_size), given.split(batch_size), strict=True)
    ]
    nats, steps = (torch.cat(found).cpu().numpy() for found in zip(*parts, strict=True))
    return RowPaths(nats, steps)


def _paths(
    denoiser: Denoiser,
    rows: Int64[Tensor, "n L"],
    given: Bool[Tensor, "n L"],
    decoder: Decoder,
    token: TokenLaw | None,
) -> tuple[Float64[Tensor, "n L"], Int64[Tensor, "n L"]]:
    nats = torch.where(given, 0.0, torch.full_like(rows, torch.inf, dtype=torch.float64))
    steps = torch.full_like(rows, -1)
    most = int((~given).sum(dim=1).max()) if rows.numel() else 0
    allowed = most if decoder.reveal.steps is None else decoder.reveal.steps
    alive = (~given).any(dim=1).nonzero().squeeze(1)  # numbers of the rows whose path goes on
    state = DecodingState(rows.masked_fill(~given, denoiser.vocabulary)[alive], given[alive])
    generator = torch.Generator()
    while len(alive):
        if state.step >= allowed:
            raise DecodingStalledError(
                f"{len(alive)} rows have hidden positions after {allowed} steps, the last of this reveal rule."
            )
        own = _OwnTokens(rows[alive], token)
        state, record = advance(denoiser, state, replace(decoder, token=own), generator)
        spent = -record.log_prob if token is None else own.nats
        row = alive[record.row]
        nats[row, record.position], steps[row, record.position] = spent, state.step - 1
        broken = torch.zeros_like(alive).index_add_(0, record.row, spent.isinf().long()) > 0
        nats[alive[broken]] = nats[alive[broken]].masked_fill(state.tokens[broken] == denoiser.vocabulary, torch.inf)
        goes_on = (state.tokens == denoiser.vocabulary).any(dim=1) & ~broken
        alive, state = alive[goes_on], _of_rows(state, goes_on)
    return nats, steps


class _OwnTokens:
    """A token rule that writes what stands in the rows; under a token law it keeps what that costs, in nats."""

    def __init__(self, rows: Int64[Tensor, "B L"], law: TokenLaw | None) -> None:
        self.rows, self.law = rows, law
        self.nats: Float64[Tensor, " M"] = torch.zeros(0, dtype=torch.float64)

    def __call__(
        self, log_probs: Float64[Tensor, "M V"], chosen: Bool[Tensor, "B L"], generator: torch.Generator
    ) -> Int64[Tensor, " M"]:
        tokens = self.rows[chosen]
        if self.law is not None:
            self.nats = -self.law(log_probs).gather(1, tokens[:, None]).squeeze(1).log()
        return tokens


def _of_rows(state: DecodingState, kept: Bool[Tensor, " B"]) -> DecodingState:
    previous = None if state.previous is None else state.previous[kept]
    return replace(state, tokens=state.tokens[kept], given=state.given[kept], previous=previous)


def _watched(decoder: Decoder) -> Decoder:
    """The decoder, whose score and reveal rule are refused if they draw random numbers.

    Raises:
        ValueError: at once if it may change a token that it wrote; at the call if something draws.
    """
    score, choose = decoder.score, decoder.reveal.choose
    if isinstance(score, Planner):
        raise ValueError(
            f"the planner {name_of(score.plan)!r} ranks tokens that it drew and masks others again, so a row has many "
            "paths and no likelihood along one. On a small distribution sampler_law has it."
        )
    if decoder.remask is not None:
        raise ValueError(
            f"the remask rule {name_of(decoder.remask.choose)!r} masks generated tokens again, so a row has many paths "
            "and no likelihood along one. On a small distribution sampler_law has it."
        )

    def scored(log_probs: Tensor, hidden: Tensor, generator: torch.Generator) -> Tensor:
        return _undrawn(lambda: score(log_probs, hidden, generator), generator, f"score {name_of(score)!r}")

    def chosen(now: Situation, generator: torch.Generator) -> Tensor:
        return _undrawn(lambda: choose(now, generator), generator, f"reveal rule {name_of(choose)!r}")

    return replace(decoder, score=scored, reveal=RevealRule(chosen, decoder.reveal.steps))


def _undrawn(function: Callable[[], Tensor], generator: torch.Generator, name: str) -> Tensor:
    before = generator.get_state()
    answer = function()
    if not torch.equal(before, generator.get_state()):
        raise ValueError(
            f"the {name} draws random numbers, so a row has many paths and no likelihood along one. Take one that "
            "draws nothing, such as margin_score with one_per_step(); averaged over random orders it is chain_nelbo "
            "or monte_carlo_nelbo, a bound."
        )
    return answer


def name_of(rule: Callable[..., Tensor]) -> str:
    """The function that made a score or rule: ``independent``, not ``independent.<locals>.choose``."""
    return getattr(rule, "__qualname__", type(rule).__name__).split(".")[0].lstrip("_")
