"""Which of a model's token ids are data, and what stands around them: the vocabulary of a pretrained model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

_PROBES = 64  # tokens that are tried until one comes back from the tokenizer


@dataclass(frozen=True)
class DataTokens:
    """A model's ids in the words of the socket: data symbol v is the model's id ``ids[v]``, the mask V, the pad V + 1.

    Attributes:
        ids: (V,) the model's ids that may be predicted, rising.
        mask: the model's id of the mask; never among ``ids``.
        pad: the model's id of the pad; None if it has none.
        before, after: the model's ids around every sequence, such as ``[CLS]`` and ``[SEP]``.
        end: the data symbol that ends a text, if it may be predicted.
    Raises:
        ValueError: no ids, ids that do not rise or are negative, the mask among them.
    """

    ids: tuple[int, ...]
    mask: int
    pad: int | None = None
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    end: int | None = None

    def __post_init__(self) -> None:
        if not self.ids or self.ids[0] < 0 or any(b <= a for a, b in zip(self.ids, self.ids[1:], strict=False)):
            raise ValueError(f"data tokens are rising ids, at least one; got {self.ids[:8]}.")
        if self.mask in self.ids:
            raise ValueError(f"the mask, id {self.mask}, cannot be predicted; leave it out of the data tokens.")

    @property
    def vocabulary(self) -> int:
        """Data symbols, V."""
        return len(self.ids)

    def from_model(self, tokens: Integer[Tensor, "..."]) -> Int64[Tensor, "..."]:
        """The model's ids as data symbols, masks and pads.

        Raises:
            ValueError: an id that is none of them. A special token inside a sequence must be named when the vocabulary
                is made, or stand in ``before``.
        """
        table = self._symbols.to(tokens.device)
        outside = (tokens < 0) | (tokens >= len(table))
        symbols = table[tokens.long().masked_fill(outside, 0)].masked_fill(outside, -1)
        if (symbols < 0).any():
            wrong = int(tokens[symbols < 0][0])
            raise ValueError(
                f"id {wrong} of the model is no data token, mask or pad. Name it as one that may be predicted, or let "
                "it stand before the sequences."
            )
        return symbols

    def to_model(self, symbols: Integer[Tensor, "..."]) -> Int64[Tensor, "..."]:
        """Data symbols, masks and pads as the model's ids.

        Raises:
            ValueError: a symbol outside ``range(V + 2)``, or a pad where the model has none.
        """
        known = self._known.to(symbols.device)
        outside = (symbols < 0) | (symbols >= len(known))
        if outside.any():
            raise ValueError(
                f"symbols lie in range({self.vocabulary}), or are the mask {self.vocabulary} or the pad "
                f"{self.vocabulary + 1}{'' if self.pad is not None else ', which this model lacks'}; got "
                f"{int(symbols[outside][0])}."
            )
        return known[symbols.long()]

    def until_end(self, row: Integer[Tensor, " L"]) -> Int64[Tensor, " l"]:
        """The symbols of a finished row before its first end of text, pads dropped.

        Nothing ends by itself: the end is a symbol like any other while it is decoded, what follows it is generated as
        well, and here it is cut off. Without an end among the data symbols nothing is.
        """
        kept = row[row != self.vocabulary + 1].long()
        ends = [] if self.end is None else (kept == self.end).nonzero().flatten().tolist()
        return kept[: ends[0]] if ends else kept

    @cached_property
    def _known(self) -> Int64[Tensor, " n"]:
        """The model's id of each symbol, the mask and, if there is one, the pad."""
        return torch.tensor([*self.ids, self.mask, *([] if self.pad is None else [self.pad])])

    @cached_property
    def _symbols(self) -> Int64[Tensor, " n"]:
        """Symbol of each of the model's ids, -1 for none. A pad that is also data (an end that pads) is data."""
        table = torch.full((max(self.ids[-1], self.mask, self.pad or 0) + 1,), -1)
        if self.pad is not None:
            table[self.pad] = self.vocabulary + 1
        table[self.mask] = self.vocabulary
        table[torch.tensor(self.ids)] = torch.arange(self.vocabulary)
        return table


def data_tokens(
    tokenizer: Any,
    config: Any,
    *,
    predicted: Iterable[str | int] = (),
    around: tuple[Sequence[int], Sequence[int]] | None = None,
) -> DataTokens:
    """The vocabulary of a tokenizer without what it calls special.

    The mask is the tokenizer's, else the configuration's ``mask_token_id``; so is the pad; ids that only the embedding
    has, past the tokenizer's last, are no data.

    Args:
        tokenizer: of Hugging Face.
        config: of the model; ids are read there that the tokenizer does not name.
        predicted: special tokens, as text or ids, that may be predicted all the same; ``("<|endoftext|>",)`` lets a
            model end its text. If the tokenizer's or configuration's end is among them, it is ``end``.
        around: the model's ids before and after every sequence; None is what the tokenizer puts there.
    Raises:
        ValueError: no mask; a predicted token that is unknown, or the mask.
    """
    mask = _named_id(tokenizer, config, "mask_token_id")
    if mask is None:
        raise ValueError(
            "neither the tokenizer nor the configuration names a mask token (mask_token_id): this model fills in no "
            "masks. If it does, make its DataTokens by hand."
        )
    known = tokenizer.get_vocab()
    special = {*tokenizer.all_special_ids, mask}
    special |= {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    allowed = {_known_id(known, token) for token in predicted}
    if mask in allowed:
        raise ValueError(f"the mask, id {mask}, cannot be predicted; leave it out.")
    size = getattr(config, "vocab_size", None)
    data = {n for n in known.values() if n not in special and (size is None or n < size)} | allowed
    ids = tuple(sorted(data))
    end = _named_id(tokenizer, config, "eos_token_id")
    before, after = _surroundings(tokenizer, ids) if around is None else around
    return DataTokens(
        ids,
        mask,
        _named_id(tokenizer, config, "pad_token_id"),
        tuple(before),
        tuple(after),
        ids.index(end) if end in data else None,
    )


def _named_id(tokenizer: Any, config: Any, name: str) -> int | None:
    """An id as the tokenizer has it, else as the configuration has it; of several ends the first."""
    found = getattr(tokenizer, name, None)
    if found is None:
        found = getattr(config, name, None)
    if isinstance(found, list | tuple):
        found = found[0] if found else None
    return None if found is None else int(found)


def _known_id(known: dict[str, int], token: str | int) -> int:
    number = known.get(token) if isinstance(token, str) else int(token)
    if number is None or number not in known.values():
        raise ValueError(f"the tokenizer has no token {token!r}.")
    return number


def _surroundings(tokenizer: Any, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """What a tokenizer puts before and after a text."""
    for number in ids[:_PROBES]:
        text = tokenizer.decode([number])
        alone = tokenizer(text, add_special_tokens=False)["input_ids"]
        whole = tokenizer(text)["input_ids"]
        for start in range(len(whole) - len(alone) + 1 if alone else 0):
            if whole[start : start + len(alone)] == alone:
                return whole[:start], whole[start + len(alone) :]
    raise ValueError("what the tokenizer puts around a text could not be told; pass around=(before, after), as ids.")
