"""Who says how probable a written text is: the truth, a network that read another text, a public language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Integer

from analysis.measures.text_networks import held_out_nats
from generators.ground.optional import optional_library
from generators.text.markov import MarkovChain
from generators.text.units import Units
from lo_theory.denoisers.denoiser import Denoiser

Judge = Callable[[np.ndarray], np.ndarray]
"""Sequences (n, L) -> (n,) nats of each."""


def truth_judge(chain: MarkovChain) -> Judge:
    """Minus the log-probability under the law that the text should follow; ``inf`` where it is impossible."""
    return lambda tokens: -chain.log_prob(tokens)


def network_judge(denoiser: Denoiser) -> Judge:
    """An autoregressive network of the same units, along its own order."""
    return lambda tokens: held_out_nats(denoiser, tokens).nats


def transformers_judge(name: str, units: Units, device: str = "cpu") -> Judge:
    """A causal language model of the library ``transformers``, which reads the text that the tokens spell.

    Nats are of whole texts in its own pieces, so texts of equal length in tokens of ours can be compared.

    Args:
        name: of the model, on its hub or in a folder.
        units: how tokens are spelt.
    Raises:
        MissingLibraryError: the library is not installed.
        What it raises, such as OSError where there is no model of that name.
    """
    library = require_transformers()
    tokenizer = library.AutoTokenizer.from_pretrained(name)
    model = library.AutoModelForCausalLM.from_pretrained(name).to(device).eval()

    def judge(tokens: Integer[np.ndarray, "n L"]) -> Float64[np.ndarray, " n"]:
        return np.array([causal_nats(model, tokenizer, units.decode(row)) for row in tokens])

    return judge


def require_transformers() -> Any:
    """The library ``transformers``.

    Raises:
        MissingLibraryError: it is not installed; the message says how to.
    """
    return optional_library(
        "transformers",
        "judging text by a public language model",
        otherwise="Without it leave `reader` empty; a network of our own judges then.",
    )


@torch.no_grad()
def causal_nats(model: Any, tokenizer: Any, text: str) -> float:
    """Minus the log-probability of a text in nats; its first piece is given where the tokenizer has no piece to begin.

    Args:
        model: pieces (1, T) -> an object with ``logits`` (1, T, V).
        tokenizer: ``encode(text, add_special_tokens=False)`` gives whole numbers; ``bos_token_id`` may be None.
    Raises:
        ValueError: fewer than two pieces to predict the second from the first.
    """
    pieces = list(tokenizer.encode(text, add_special_tokens=False))
    if tokenizer.bos_token_id is not None:
        pieces = [tokenizer.bos_token_id, *pieces]
    if len(pieces) < 2:
        raise ValueError(f"a text of {len(pieces)} pieces leaves nothing to predict; got {text!r}.")
    ids = torch.tensor([pieces], dtype=torch.int64, device=getattr(model, "device", None))
    log_probs = model(ids).logits[0, :-1].double().log_softmax(dim=-1)
    return float(-log_probs.gather(1, ids[0, 1:, None]).sum())
