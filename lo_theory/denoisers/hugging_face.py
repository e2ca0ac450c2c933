"""Hugging Face models with a mask token behind the socket: BERT, RoBERTa, ModernBERT, LLaDA, Dream.

What a sequence is to the model:

- **Vocabulary.** Answers are distributions over data tokens alone, renormalised: special tokens are never predicted
  unless they were named (:func:`~lo_theory.denoisers.data_tokens.data_tokens`).
- **Prompt.** Data tokens that are given stand in the row like generated ones; what all rows share, specials among it,
  can stand in ``tokens.before``. Rows see the model with ``before`` in front and ``after`` behind.
- **Padding.** Pads stand at the end of a row, behind which ``after`` follows no more: it follows the last token. By
  default no pad ever reaches the model: rows of one length go in together, without an attention mask, so that a row
  answers as it would alone even in a model that ignores its attention mask. ``attention_mask=True`` sends all rows at
  once, pads masked out, and is right only in a model whose tokens never see a pad that is masked out. ConvBERT's
  convolutions and FNet's Fourier transform do, and code like LLaDA's ignores its mask: each is off by nats. The first
  row with pads is also asked alone, and such a model is refused.
- **Shift.** A ``shifted`` model (Dream) tells of position i at position i - 1, as an autoregressive one does; of the
  very first position it tells there.
- **End of text.** A token like others, if it was named; :meth:`DataTokens.until_end` cuts.
- **Blocks** are the decoder's: :func:`~lo_theory.samplers.blocks.in_blocks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor, nn

from generators.ground.optional import optional_library
from lo_theory.denoisers.data_tokens import DataTokens, data_tokens
from lo_theory.denoisers.denoiser import whole_tokens
from lo_theory.denoisers.loading import DTypeName, load_files, whole_counts

__all__ = ["DTypeName", "HuggingFaceDenoiser", "load_hugging_face", "positions"]


_APART, _APART_NARROW = 1e-3, 0.1
"""Total variation between a row's answers alone and beside longer rows that is rounding still, in 32 and in 16 bits."""


class HuggingFaceDenoiser:
    """A model that answers ``input_ids`` with ``logits`` (B, T, ids), as a :class:`Denoiser`.

    Args:
        model: in evaluation mode; called with ``input_ids`` and, where pads are masked out, ``attention_mask``.
        tokens: its vocabulary.
        length: positions of a sequence, L, without what stands around it.
        shifted: position i is answered at position i - 1.
        everywhere: answer at visible positions too. Else they hold NaN, and only masked positions pay for the head
            where the head can be told apart (a linear layer that is not the input embedding).
        attention_mask: send rows with pads at once, pads masked out; else rows of each length apart, without pads. Only
            for a model that heeds its attention mask everywhere: one row is tried, and no more.
        batch_size: rows that the model sees at once; what memory allows.
    Raises:
        ValueError: a length or batch size that is no whole number or below 1; more positions than the model's, or an id
            that it does not embed.
    """

    def __init__(
        self,
        model: nn.Module,
        tokens: DataTokens,
        length: int,
        *,
        shifted: bool = False,
        everywhere: bool = False,
        attention_mask: bool = False,
        batch_size: int = 64,
    ) -> None:
        whole_counts(length=length, batch_size=batch_size)
        _require_positions(model, length + len(tokens.before) + len(tokens.after))
        _require_embedded(model, tokens, pads=attention_mask)
        self.model, self.tokens, self.length, self.vocabulary = model, tokens, length, tokens.vocabulary
        self.shifted, self.everywhere, self.attention_mask = shifted, everywhere, attention_mask
        self.batch_size = batch_size
        self._pads_tried = not attention_mask
        self._ids = torch.tensor(tokens.ids)

    @torch.no_grad()
    def __call__(self, tokens: Integer[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Log-probabilities in float32 (float64 from a float64 model), on the device of ``tokens``.

        NaN at pads and, unless ``everywhere``, at visible positions.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: another shape than (B, L), a token out of range, a pad before a token, a row of pads alone; a
                model that answers with another number of logits; one that sees pads which are masked out.
        """
        tokens = whole_tokens(tokens, self.length)
        pads = tokens == self.vocabulary + 1
        _require_known(tokens, self.vocabulary)
        _require_pads_last(pads)
        asked = ~pads if self.everywhere else tokens == self.vocabulary
        answers = torch.full((*tokens.shape, self.vocabulary), math.nan, dtype=self._precision, device=tokens.device)
        used = (~pads).sum(dim=1)
        for rows in self._together(used):
            longest = int(used[rows].max())
            where = asked[rows, :longest]
            if where.any():
                found = self._log_probs(tokens[rows, :longest], used[rows], where).to(tokens.device)
                row, position = where.nonzero(as_tuple=True)
                answers[rows[row], position] = found
                if not self._pads_tried:
                    self._try_pads(tokens[rows], used[rows], where, answers[rows])
        return answers

    def _try_pads(
        self,
        tokens: Int64[Tensor, "b L"],
        used: Int64[Tensor, " b"],
        where: Bool[Tensor, "b l"],
        answers: Float[Tensor, "b L V"],
    ) -> None:
        """Ask the first row that had pads beside it once more, alone.

        Raises:
            ValueError: it answers otherwise: the model sees pads that are masked out.
        """
        padded = ((used < where.shape[1]) & where.any(dim=1)).nonzero().flatten()
        if not len(padded):
            return
        row, n = int(padded[0]), int(used[padded[0]])
        at = where[row : row + 1, :n]
        alone = self._log_probs(tokens[row : row + 1, :n], used[row : row + 1], at).to(answers.device)
        apart = (alone.exp() - answers[row, :n][at[0]].exp()).abs().sum(dim=-1).max().item() / 2
        narrow = next(self.model.parameters()).dtype in (torch.bfloat16, torch.float16)
        if apart > (_APART_NARROW if narrow else _APART):
            raise ValueError(
                f"attention_mask=True is not for this model: it sees pads that are masked out, and answers a row with "
                f"pads otherwise than alone (total variation {apart:.2g}). Leave attention_mask=False."
            )
        self._pads_tried = True

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def _precision(self) -> torch.dtype:
        wide = next(self.model.parameters()).dtype == torch.float64
        return torch.float64 if wide else torch.float32

    def _together(self, used: Int64[Tensor, " B"]) -> Iterator[Int64[Tensor, " b"]]:
        """Rows that the model sees at once."""
        everyone = torch.arange(len(used), device=used.device)
        groups = [everyone] if self.attention_mask else [(used == n).nonzero().flatten() for n in used.unique()]
        for group in groups:
            yield from group.split(self.batch_size)

    def _log_probs(
        self, tokens: Int64[Tensor, "b l"], used: Int64[Tensor, " b"], where: Bool[Tensor, "b l"]
    ) -> Float[Tensor, "M V"]:
        """Over data tokens, at ``where`` in row-major order."""
        device = self._device
        inputs, present = self._inputs(tokens.to(device), used.to(device))
        row, position = where.to(device).nonzero(as_tuple=True)
        told_at = (position + len(self.tokens.before) - int(self.shifted)).clamp_min(0)
        options = {} if present.all() else {"attention_mask": present.long()}
        with _head_at(self.model, row, told_at) as narrowed:
            logits = self.model(input_ids=inputs, **options).logits
        if not narrowed:
            logits = logits[row, told_at]
        if logits.shape[-1] <= self.tokens.ids[-1]:
            raise ValueError(
                f"the model answers with {logits.shape[-1]} logits; the data tokens reach id {self.tokens.ids[-1]}. "
                "Take the tokenizer of this model."
            )
        picked = logits.index_select(-1, self._ids.to(logits.device))
        return picked.to(self._precision).log_softmax(dim=-1)

    def _inputs(
        self, tokens: Int64[Tensor, "b l"], used: Int64[Tensor, " b"]
    ) -> tuple[Int64[Tensor, "b T"], Bool[Tensor, "b T"]]:
        """The model's ids with what stands around them, and where they are no pads."""
        before, after = (
            torch.tensor(ids, dtype=torch.int64).to(tokens) for ids in (self.tokens.before, self.tokens.after)
        )
        count, most = tokens.shape
        total = len(before) + most + len(after)
        column = torch.arange(total, device=tokens.device)
        present = column < (used + len(before) + len(after))[:, None]
        inputs = torch.zeros((count, total), dtype=torch.int64, device=tokens.device)
        inputs[:, : len(before)] = before
        pads = tokens == self.vocabulary + 1
        body = self.tokens.to_model(tokens.masked_fill(pads, 0))
        inputs[:, len(before) : len(before) + most] = body
        places = len(before) + used[:, None] + torch.arange(len(after), device=tokens.device)
        inputs.scatter_(1, places, after.expand(count, -1))
        return inputs.masked_fill(~present, 0 if self.tokens.pad is None else self.tokens.pad), present


def load_hugging_face(
    name: str | Path,
    length: int,
    *,
    dtype: DTypeName = "float32",
    device: str | torch.device = "cpu",
    remote_code: bool = False,
    shifted: bool | None = None,
    predicted: Iterable[str | int] = (),
    around: tuple[Sequence[int], Sequence[int]] | None = None,
    everywhere: bool = False,
    attention_mask: bool = False,
    batch_size: int = 64,
) -> HuggingFaceDenoiser:
    """A masked language model from a folder, or by its name on the hub.

    Args:
        length, everywhere, attention_mask, batch_size: as :class:`HuggingFaceDenoiser`.
        dtype: of the weights. device: where they go.
        remote_code: run code that comes with the model, as LLaDA and Dream need; what was written for an older version
            of ``transformers`` is helped (:mod:`~lo_theory.denoisers.published_code`).
        shifted: whether position i is answered at i - 1; None is whether the configuration says "Dream".
        predicted, around: as :func:`~lo_theory.denoisers.data_tokens.data_tokens`.
    Raises:
        MissingLibraryError: without the extra ``hf``.
        ValueError: no such dtype or device; weights that do not fit into the memory of the device, or of other shapes
            than the configuration says; a model with code of its own that was not asked for, or that fails; no mask
            token; a layer that the files have no weights for (it would be random); as :class:`HuggingFaceDenoiser`.
        OSError: no such folder, no such model on the hub, or files that are missing, cut or damaged.
    """
    library = optional_library("transformers", "a model in the format of Hugging Face")
    whole_counts(length=length, batch_size=batch_size)
    model, tokenizer, config = load_files(library, name, dtype=dtype, device=device, remote_code=remote_code)
    return HuggingFaceDenoiser(
        model,
        data_tokens(tokenizer, config, predicted=predicted, around=around),
        length,
        shifted="dream" in str(getattr(config, "model_type", "")).lower() if shifted is None else shifted,
        everywhere=everywhere,
        attention_mask=attention_mask,
        batch_size=batch_size,
    )


@contextmanager
def _head_at(model: nn.Module, row: Int64[Tensor, " M"], position: Int64[Tensor, " M"]) -> Iterator[list[bool]]:
    """Let the last layer see these positions alone; the list is non-empty once it has.

    A head over a hundred thousand tokens is as dear as many layers, and its answers at visible positions are unused.
    """
    head = getattr(model, "get_output_embeddings", lambda: None)()
    narrowed: list[bool] = []
    if not isinstance(head, nn.Linear):
        yield narrowed
        return

    def choose(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if narrowed or inputs[0].ndim != 3:
            raise RuntimeError("the output layer is called once, with hidden states of shape (B, T, width).")
        narrowed.append(True)
        return (inputs[0][row, position], *inputs[1:])

    hook = head.register_forward_pre_hook(choose)
    try:
        yield narrowed
    finally:
        hook.remove()


def _require_known(tokens: Int64[Tensor, "B L"], vocabulary: int) -> None:
    outside = (tokens < 0) | (tokens > vocabulary + 1)
    if outside.any():
        raise ValueError(
            f"symbols lie in range({vocabulary}), or are the mask {vocabulary} or the pad {vocabulary + 1}; got "
            f"{int(tokens[outside][0])}."
        )


def _require_pads_last(pads: Bool[Tensor, "B L"]) -> None:
    wrong = (pads[:, :-1] & ~pads[:, 1:]).any(dim=1) | pads.all(dim=1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(f"pads stand at the end of a row, after at least one token; row {row} is otherwise.")


def positions(model: nn.Module) -> int | None:
    """Tokens of the longest sequence, specials among them; None where the configuration does not say."""
    config = getattr(model, "config", None)
    there = getattr(config, "max_position_embeddings", None) or getattr(config, "max_sequence_length", None)
    return None if there is None else there - _unused_positions(model, there)


def _unused_positions(model: nn.Module, there: int) -> int:
    """Rows of the position embedding that no token uses: with a row for pads, positions begin after it.

    So it is in RoBERTa and its kin, MPNet, ESM with absolute positions, I-BERT and others; an embedding of words has a
    row for pads, too, and another name.
    """
    for name, module in model.named_modules():
        pad, weight = getattr(module, "padding_idx", None), getattr(module, "weight", None)
        if pad is not None and "position" in name.rpartition(".")[2] and isinstance(weight, Tensor):
            return pad + 1 if len(weight) == there else 0
    return 0


def _require_positions(model: nn.Module, needed: int) -> None:
    """Refuse sequences longer than the model's positions, where its configuration says how many it has."""
    there = positions(model)
    if there is not None and needed > there:
        raise ValueError(f"the model has {there} positions; a sequence with what stands around it takes {needed}.")


def _require_embedded(model: nn.Module, tokens: DataTokens, *, pads: bool) -> None:
    """Refuse ids that the embedding of the model has no row for, where the model says which layer that is."""
    try:
        embedding = getattr(model, "get_input_embeddings", lambda: None)()
    except (NotImplementedError, AttributeError):  # code of its own that does not say
        return
    if not isinstance(embedding, nn.Embedding):
        return
    rows = embedding.num_embeddings
    tokenizer, ours = "take the tokenizer of this model", "pass other ids as around=(before, after)"
    named = {
        "data": (tokens.ids, tokenizer),
        "mask": ((tokens.mask,), tokenizer),
        "pad": ((tokens.pad,) if pads and tokens.pad is not None else (), "leave attention_mask=False"),
        "before": (tokens.before, ours),
        "after": (tokens.after, ours),
    }
    for name, (ids, way_out) in named.items():
        for wrong in (end for end in (min(ids, default=0), max(ids, default=0)) if not 0 <= end < rows):
            raise ValueError(f"the model embeds ids in range({rows}); {name} has {wrong}: {way_out}.")
