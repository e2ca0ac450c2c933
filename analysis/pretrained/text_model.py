"""A pretrained model that fills in text: between what stands before a span and what stands after it.

The model sees one sequence: what its tokenizer begins with, the tokens before, the masked span, the tokens after, what
its tokenizer ends with. The three pieces of text are made tokens each on their own, so the length of a span is the
number of tokens of the hidden text alone. The decoder sees the span and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analysis.pretrained.fingerprint import folder_fingerprint
from analysis.pretrained.paper_table import Loop, RuleName
from generators.ground.optional import optional_library
from lo_theory.denoisers.data_tokens import DataTokens
from lo_theory.denoisers.hugging_face import DTypeName, HuggingFaceDenoiser, load_hugging_face, positions
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.published import DreamAlgorithm, dream, llada
from lo_theory.samplers.scores import Score, margin_score, random_score, top_probability_score

SCORES: dict[RuleName, Score] = {
    "vanilla": random_score,
    "top-probability": top_probability_score,
    "margin": margin_score,
}
_DREAM: dict[RuleName, DreamAlgorithm] = {
    "vanilla": "origin",
    "top-probability": "maskgit_plus",
    "margin": "topk_margin",
}
_REFUSED = "trust_remote_code=True"  # what the library advises where a model brings code that it may not run


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a span is decoded, whatever its length.

    Attributes:
        loop: of LLaDA or of Dream (:mod:`lo_theory.samplers.published`); the three rules are scores in it.
        steps: at most as many as the span has tokens; None is as many.
        block: tokens of a block, from left to right; None is the whole span. Dream's loop has none.
        temperature: of the tokens; positions are ranked by the model's answers at temperature 1.
    Raises:
        ValueError: blocks in Dream's loop.
    """

    loop: Loop = "llada"
    steps: int | None = None
    block: int | None = None
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if self.loop == "dream" and self.block is not None:
            raise ValueError("Dream's loop has no blocks: leave out --block, or take --loop llada.")

    def decoder(self, rule: RuleName, length: int) -> Decoder:
        """For a span of that many tokens.

        Raises:
            ValueError: as :func:`~lo_theory.samplers.published.llada` and ``dream``.
        """
        steps = min(self.steps or length, length)
        if self.loop == "dream":
            return dream(steps, _DREAM[rule], temperature=self.temperature)
        block = min(self.block or length, length)
        blind = llada(steps, block, length, remasking="random", temperature=self.temperature)
        return replace(blind, score=SCORES[rule])


@dataclass(frozen=True)
class Filled:
    """A filled span.

    Attributes:
        ids: the model's, all of the span.
        text: of them, up to the first end of text, special tokens left out.
        calls: of the model.
    """

    ids: tuple[int, ...]
    text: str
    calls: int


@dataclass(frozen=True, eq=False)
class TextModel:
    """A masked language model with its tokenizer.

    Attributes:
        network: the model, called with ``input_ids``.
        tokens: what may be predicted, and what the tokenizer puts around a text.
        tokenizer: of Hugging Face.
        shifted: as :class:`~lo_theory.denoisers.hugging_face.HuggingFaceDenoiser`.
        ends: ids that end a text; those among ``tokens.ids`` may be written.
        about: name, revision and, of a folder, a digest of its files: what tells one model from another.
    """

    network: nn.Module
    tokens: DataTokens
    tokenizer: Any
    shifted: bool
    ends: tuple[int, ...]
    about: dict[str, Any]

    @cached_property
    def room(self) -> int | None:
        """Tokens that fit beside what stands around every text; None where the configuration does not say."""
        there = positions(self.network)
        return None if there is None else there - len(self.tokens.before) - len(self.tokens.after)

    def ids(self, text: str) -> list[int]:
        """Of a piece of text on its own. A special token's name that stands in it, such as ``[MASK]``, is text too.

        Tokenizers that cannot tell the two apart read the special token there.
        """
        named = any(name in text for name in self._special)
        options = {"split_special_tokens": True} if named and hasattr(self.tokenizer, "split_special_tokens") else {}
        return list(self.tokenizer(text, add_special_tokens=False, **options)["input_ids"])

    @cached_property
    def _special(self) -> tuple[str, ...]:
        """Names of the tokenizer's special tokens."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {}).values()
        return (*self.tokenizer.all_special_tokens, *(token.content for token in added if token.special))

    def text(self, ids: Sequence[int]) -> str:
        """Of ids, up to the first that ends a text."""
        until = next((i for i, number in enumerate(ids) if number in self.ends), len(ids))
        return self.tokenizer.decode(list(ids[:until]), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def denoiser(self, before: Sequence[int], length: int, after: Sequence[int] = ()) -> HuggingFaceDenoiser:
        """The model on the span between these tokens.

        Raises:
            ValueError: more tokens than the model has positions.
        """
        around = replace(self.tokens, before=(*self.tokens.before, *before), after=(*after, *self.tokens.after))
        return HuggingFaceDenoiser(self.network, around, length, shifted=self.shifted)

    def fill(
        self,
        before: Sequence[int],
        length: int,
        after: Sequence[int],
        decoder: Decoder,
        generator: torch.Generator,
    ) -> Filled:
        """Decode a span of ``length`` masks."""
        denoiser = self.denoiser(before, length, after)
        masks = torch.full((1, length), denoiser.vocabulary, device=next(self.network.parameters()).device)
        decoded = decode(denoiser, masks, decoder, generator)
        ids = denoiser.tokens.to_model(decoded.tokens[0]).tolist()
        return Filled(tuple(ids), self.text(ids), round(decoded.trace.row_calls))


def load_text_model(
    name: str,
    *,
    dtype: DTypeName = "float32",
    device: str | torch.device = "cpu",
    remote_code: bool = False,
    ends: Sequence[str] | None = None,
) -> TextModel:
    """A model from a folder, or by its name on the hub.

    Args:
        ends: special tokens that may be written and end a text; None is the tokenizer's own end, if it has one.
    Raises:
        MissingLibraryError: without the extra ``hf``.
        ValueError: no such model, or none that this machine can reach; one with code of its own without
            ``remote_code``; a token that the tokenizer does not know; as
            :func:`~lo_theory.denoisers.hugging_face.load_hugging_face`.
    """
    library = optional_library("transformers", "a model in the format of Hugging Face")
    folder = Path(name)
    looks_like_a_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_like_a_path and not folder.is_dir():
        raise ValueError(f"--model {name}: there is no such folder.")
    if folder.is_dir() and not (folder / "config.json").exists():
        raise ValueError(f"--model {name}: the folder has no config.json, so it holds no model of Hugging Face.")
    try:
        tokenizer = _tokenizer(library, name, remote_code)
        written = ends if ends is not None else [tokenizer.eos_token] if tokenizer.eos_token else []
        loaded = load_hugging_face(
            name, 1, dtype=dtype, device=device, remote_code=remote_code, predicted=tuple(written)
        )
    except OSError as error:
        raise ValueError(f"--model {name} cannot be loaded: {_first(error)}") from error
    except ValueError as error:
        if _REFUSED not in str(error):
            raise
        raise ValueError(
            f"--model {name} brings code of its own, which is not run unless it is asked for: look through it, and add "
            "--trust-remote-code."
        ) from error
    return TextModel(
        loaded.model,
        loaded.tokens,
        tokenizer,
        loaded.shifted,
        tuple(tokenizer.convert_tokens_to_ids(token) for token in written),
        _about(folder, name, loaded.model),
    )


def _tokenizer(library: Any, name: str, remote_code: bool) -> Any:
    """The tokenizer of a model; OSError where there is none, ValueError of one line for whatever else goes wrong."""
    try:
        with warnings.catch_warnings():
            if remote_code:  # it may have been written for an older version
                warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            return library.AutoTokenizer.from_pretrained(name, trust_remote_code=remote_code)
    except OSError:
        raise
    except Exception as error:  # of a damaged file, a library that it needs, or code that comes with the model
        if _REFUSED in str(error):
            raise
        raise ValueError(
            f"--model {name}: its tokenizer cannot be loaded: {type(error).__name__}: {_first(error)}"
        ) from error


def _first(error: BaseException) -> str:
    """The first line of a message."""
    return next(iter(str(error).strip().splitlines()), "no reason given")


def _about(folder: Path, name: str, model: nn.Module) -> dict[str, Any]:
    """What tells this model from others, without the place that it lies in."""
    config = getattr(model, "config", None)
    found = {"name": folder.name if folder.is_dir() else name, "revision": getattr(config, "_commit_hash", None)}
    if folder.is_dir():
        found["fingerprint"] = folder_fingerprint(folder)
    return found
