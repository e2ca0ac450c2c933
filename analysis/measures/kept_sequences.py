"""Sequences drawn in pieces that are kept: decoding that was stopped goes on from the last whole piece.

At L = 300 a thousand sequences with one token per call take most of an hour of a core. A piece is a file of its own
with its own seed, so what is drawn does not depend on where a run was stopped.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from generators.ground.codec import array_from_json, seal, unseal
from generators.ground.draws import derived_seed
from generators.ground.storage import read_json, write_json_atomic
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.samplers.batches import generate
from lo_theory.samplers.menu import SamplingRule

PIECE = 20
"""Sequences in a piece."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Generated sequences.

    Attributes:
        tokens: (n, L), without masks.
        calls: of the denoiser on a sequence, the mean over sequences.
    """

    tokens: Int64[np.ndarray, "n L"]
    calls: float


@dataclass(frozen=True)
class SequenceStore:
    """A folder of pieces that one denoiser has drawn.

    Attributes:
        folder: made at the first piece.
        origin: tells the denoiser from any other, such as a digest of its weights; pieces of another are not taken.
        seed: of all draws; piece i of every rule begins with the same state of its generator.
    """

    folder: Path
    origin: str
    seed: int

    def draw(self, denoiser: Denoiser, rule: SamplingRule, samples: int) -> Drawn:
        """The first ``samples`` sequences of a rule, from all masks; what is not there yet is drawn and kept.

        Raises:
            ValueError: no samples, or tokens that a byte does not hold; what ``generate`` raises is passed on.
        """
        if samples < 1 or denoiser.vocabulary > 256:
            raise ValueError(
                f"draw at least one sequence, of at most 256 kinds of tokens; got samples = {samples} and "
                f"{denoiser.vocabulary} kinds."
            )
        pieces = [self._piece(denoiser, rule, number) for number in range(-(-samples // PIECE))]
        tokens = np.concatenate([piece.tokens for piece in pieces])[:samples]
        return Drawn(tokens, float(np.mean([piece.calls for piece in pieces])))

    def _piece(self, denoiser: Denoiser, rule: SamplingRule, number: int) -> Drawn:
        path = self.folder / f"{re.sub(r'[^a-z0-9]+', '-', rule.name)}-{rule.at:g}-{number:04}.json"
        told = {"origin": self.origin, "seed": self.seed, "rule": rule.name, "at": rule.at, "number": number}
        kept = _read(path, told, denoiser.length)
        if kept is not None:
            return kept
        generator = torch.Generator().manual_seed(derived_seed(self.seed, number))
        made = generate(denoiser, rule.decoder, PIECE, generator)
        drawn = Drawn(made.tokens.astype(np.int64), made.calls)
        write_json_atomic(path, seal(told | {"calls": drawn.calls, "tokens": _bytes(drawn.tokens)}))
        return drawn


def _bytes(tokens: Int64[np.ndarray, "n L"]) -> dict[str, Any]:
    """Tokens as :func:`array_from_json` reads them, a byte each."""
    text = base64.b64encode(tokens.astype(np.uint8).tobytes()).decode("ascii")
    return {"dtype": "|u1", "shape": list(tokens.shape), "base64": text}


def _read(path: Path, told: dict[str, Any], length: int) -> Drawn | None:
    """A piece that is whole and the one that was asked for; None of any other, which is drawn again."""
    try:
        form, sealed = unseal(read_json(path), what="piece")
        tokens = array_from_json(form["tokens"], axes=2).astype(np.int64)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    asked = {name: form.get(name) for name in told}
    return Drawn(tokens, form["calls"]) if sealed and asked == told and tokens.shape == (PIECE, length) else None
