"""A masked model as a writer of answers and a judge of choices: what ``lm-eval`` asks of a model, without ``lm-eval``.

A masked model has no likelihood of its own. Here:

- by "vanilla" the log-likelihood of a continuation given its context is minus the NELBO, estimated as LLaDA does: the
  number of masks n is uniform on 1..L, the masks uniform given n, and L / n times the log-probabilities under them are
  averaged over draws (Nie et al. 2025, arXiv 2502.09992);
- by the other two it is the chain rule along the order that the rule itself reveals the continuation in, one token per
  call (:func:`~lo_theory.laws.decoder_likelihood.decoder_nll`).

Of a continuation of one token all of these are one number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from analysis.pretrained.journal import Journal, seed_of
from analysis.pretrained.paper_table import RuleName
from analysis.pretrained.text_model import SCORES, Decoding, TextModel
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.likelihood import monte_carlo_nelbo
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.tokens import sample_token


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of a model by one rule; those in the journal are not computed again.

    Attributes:
        length: tokens that are decoded for an answer, whatever it needs.
        draws: masks behind a likelihood by "vanilla".
    """

    model: TextModel
    decoding: Decoding
    rule: RuleName
    length: int
    draws: int
    seed: int
    journal: Journal

    def known(self, context: str, wanted: str | Sequence[str]) -> dict[str, Any]:
        """What the journal holds of a question: ``text`` or ``log_prob``, ``tokens``, ``calls`` and ``cut``."""
        return self.journal.done[self._key(context, wanted)]

    def write(self, context: str, until: Sequence[str]) -> str:
        """``length`` tokens after the context, decoded in blocks, up to an end of text or the first of ``until``.

        A context that leaves no room for them loses its beginning; ``cut`` in the journal says how many tokens.

        Raises:
            ValueError: the answer alone is longer than the model; one in the journal without its fields.
        """
        key = self._key(context, until)
        if key not in self.journal.done:
            before, cut = self._fitting(self.model.ids(context), self.length)
            decoder = self.decoding.decoder(self.rule, self.length)
            filled = self.model.fill(before, self.length, (), decoder, self._draws(key))
            text = filled.text
            for stop in until:
                text = text.partition(stop)[0] if stop else text
            self.journal.add(key, {"text": text, "tokens": self.length, "calls": filled.calls, "cut": cut})
        return self.journal.answer(key, text=str, tokens=int, calls=int, cut=int)["text"]

    def log_likelihood(self, context: str, continuation: str) -> float:
        """Nats of the continuation's tokens given the context's; ``-inf`` where the model holds them impossible.

        Spaces that the context ends with belong to the continuation, and its tokens are those that the whole has
        beyond the context's, as ``lm-eval`` and LLaDA have it.

        Raises:
            ValueError: a continuation without tokens, or of tokens that may not be predicted; an answer in the journal
                without its fields.
        """
        key = self._key(context, continuation)
        if key not in self.journal.done:
            spaces = len(context) - len(context.rstrip())
            start = context[: len(context) - spaces]
            before = self.model.ids(start)
            wanted = self.model.ids(start + context[len(start) :] + continuation)[len(before) :]
            if not wanted:
                raise ValueError(f"the tokenizer makes no token of the continuation {continuation!r:.60}.")
            before, cut = self._fitting(before, len(wanted))
            nats, calls = self._nats(before, wanted, key)
            self.journal.add(key, {"log_prob": str(-nats), "tokens": len(wanted), "calls": calls, "cut": cut})
        return float(self.journal.answer(key, log_prob=str, tokens=int, calls=int, cut=int)["log_prob"])

    def _nats(self, before: Sequence[int], wanted: Sequence[int], key: str) -> tuple[float, int]:
        """Of the continuation, and calls of the model."""
        denoiser = self.model.denoiser(before, len(wanted))
        device = next(self.model.network.parameters()).device
        row = denoiser.tokens.from_model(torch.tensor([wanted])).to(device)
        if self.rule == "vanilla":
            draws = 1 if len(wanted) == 1 else self.draws  # of one token there is one mask
            return float(monte_carlo_nelbo(denoiser, row, draws, self._draws(key)).nats[0]), draws
        chain = Decoder(SCORES[self.rule], one_per_step(), sample_token())
        return float(decoder_nll(denoiser, row, chain).nats.sum()), len(wanted)

    def _fitting(self, context: list[int], length: int) -> tuple[list[int], int]:
        """The end of the context that fits, and how many tokens did not."""
        if self.model.room is None:
            return context, 0
        if length > self.model.room:
            raise ValueError(f"answers of {length} tokens do not fit: the model has room for {self.model.room}.")
        kept = context[max(0, len(context) - (self.model.room - length)) :]
        return kept, len(context) - len(kept)

    def _draws(self, key: str) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, key))

    def _key(self, context: str, wanted: str | Sequence[str]) -> str:
        asked = json.dumps([context, wanted if isinstance(wanted, str) else list(wanted)])
        return f"{self.rule} {hashlib.sha256(asked.encode()).hexdigest()[:32]}"
