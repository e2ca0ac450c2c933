"""One small transformer for every learner: bidirectional for masked diffusion, causal for an ARM or a pi-learner.

Pre-norm blocks with RMSNorm, no biases and no time embedding (the paper's network sees no time). The
embedding knows V + 2 ids: the tokens, the mask (V) and the pad (V + 1). The head knows V: neither can be predicted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from generators.ground.later import later
from generators.ground.numbers import keep_whole_numbers
from lo_theory.learning.block import AskedPlaces, Block, normal_weights, rotary_angles, rotation_of, turned
from lo_theory.learning.choices import SIZES, Shape
from lo_theory.learning.coordinates import CoordinateEmbedding, GridCoordinates
from lo_theory.learning.dropout import Dropout
from lo_theory.learning.key_value_cache import KeyValueCache
from lo_theory.learning.order_embedding import OrderEmbedding
from lo_theory.learning.patches import PatchEmbedding, PromptPatches
from lo_theory.learning.products import no_autocast
from lo_theory.learning.rms_norm import rms_norm
from lo_theory.learning.visible_keys import VisibleKeys


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Shape):
    """A :class:`Shape` and what the network reads.

    The defaults suit sequences of a few dozen tokens on one CPU core. The paper's 19M network (section 2.2; SMDM's
    Diff_LLaMA_19M) is ``layers=8, heads=6, width=384, hidden=1536, mlp="swiglu", positions="rotary"``.

    Attributes:
        length: tokens per sequence, L.
        vocabulary: number of tokens that can be predicted, V; mask and pad are not among them.
        causal: each position sees itself and those before it, else all.
        coordinates: tell the network which cell of a grid each token belongs to, beside its position; None: do not.
        patches: read the prompt several tokens at a time; None: one by one.
        any_order: a causal network that is told with each row the order in which it reads
            (:mod:`lo_theory.learning.any_order`).
    Raises:
        TypeError, ValueError: a size that is no integer above 0, width not divisible by heads, an odd head width with
            rotary positions, an unknown kind of positions or MLP, or a grid or prompt that does not fit the sequence.
    """

    length: int
    vocabulary: int
    causal: bool = False
    coordinates: GridCoordinates | None = None
    patches: PromptPatches | None = None
    any_order: bool = later(False)

    @classmethod
    def of(
        cls,
        shape: Shape,
        *,
        length: int,
        vocabulary: int,
        causal: bool = False,
        coordinates: GridCoordinates | None = None,
        patches: PromptPatches | None = None,
        any_order: bool = False,
    ) -> NetworkConfig:
        """The network of this shape; of a value with more fields, such as a setting, the others do not matter.

        Raises:
            ValueError: as the class.
        """
        return cls(
            length=length,
            vocabulary=vocabulary,
            causal=causal,
            coordinates=coordinates,
            patches=patches,
            any_order=any_order,
            **dataclasses.asdict(shape.shape),
        )

    def __post_init__(self) -> None:
        keep_whole_numbers(self, dict.fromkeys(("length", "vocabulary", *SIZES), 1), of=" of a network")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got width {self.width} and {self.heads} heads.")
        if self.positions not in ("learned", "rotary"):
            raise ValueError(f"positions must be 'learned' or 'rotary'; got {self.positions!r}.")
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(f"rotary positions need an even width per head; got {self.head_width}.")
        if self.mlp not in ("gelu", "swiglu"):
            raise ValueError(f"mlp must be 'gelu' or 'swiglu'; got {self.mlp!r}.")
        if self.keys not in ("all", "visible"):
            raise ValueError(f"keys must be 'all' or 'visible'; got {self.keys!r}.")
        if self.any_order and (not self.causal or self.patches is not None or self.coordinates is not None):
            raise ValueError(
                "a network that is told orders is causal and reads tokens one by one, without a grid; pass causal=True "
                "and neither coordinates nor patches."
            )
        if self.coordinates is not None:
            self.coordinates.check(self.length, self.vocabulary)
        if self.patches is not None:
            self.patches.check(self.length, None if self.coordinates is None else self.coordinates.start)

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    @property
    def places(self) -> int:
        """Positions that attention sees: those of the sequence, or fewer where a patch takes several tokens in."""
        return self.places_of(self.length)

    def places_of(self, tokens: int) -> int:
        """Positions that attention sees of the first ``tokens`` ids; 0 within a prompt in patches, which is read whole.

        A causal network's start symbol is one of the ids.
        """
        if self.patches is None:
            return tokens
        return tokens - self.patches.tokens + self.patches.number if tokens > self.patches.tokens else 0

    @property
    def mask_id(self) -> int:
        """The id of the mask, V; a causal network reads it as its start symbol."""
        return self.vocabulary

    @property
    def pad_id(self) -> int:
        """The id of the pad, V + 1."""
        return self.vocabulary + 1


class Transformer(nn.Module):
    """Tokens with masks in, logits out. Initialised from ``generator`` alone; the global seed is not touched.

    Matrices start at N(0, 1/fan_in), those that write to the residual stream a factor sqrt(2 layers) smaller;
    embeddings at N(0, 1), so that the first layers read tokens at the scale RMSNorm gives them anyway; the head at
    zero: the untrained network answers uniformly. Embeddings of coordinates and of patches are drawn last, so the other
    weights do not depend on whether there are any; but learned positions of patches start at zero, as a prompt is first
    of all a set of records.
    """

    def __init__(self, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.embedding = normal_weights(generator, config.vocabulary + 2, config.width, std=1.0)
        learned = config.positions == "learned"
        self.positions = normal_weights(generator, config.places, config.width, std=1.0) if learned else None
        self.blocks = nn.ModuleList(Block(config, generator, causal=config.causal) for _ in range(config.layers))
        self.gain = nn.Parameter(torch.ones(config.width))
        self.head = nn.Parameter(torch.zeros(config.vocabulary, config.width))
        self.angles: Tensor
        self.register_buffer("angles", rotary_angles(config.length, config.head_width), persistent=False)
        grid = config.coordinates
        self.coordinates = None if grid is None else CoordinateEmbedding(grid, config.width, config.causal, generator)
        cut = config.patches
        self.patches = None if cut is None else PatchEmbedding(cut, config.vocabulary + 2, config.width, generator)
        told = config.any_order
        self.told = OrderEmbedding(config.length, config.width, generator) if told else None
        if cut is not None and self.positions is not None:
            with torch.no_grad():
                self.positions[int(config.causal) :][: cut.number] = 0.0

    def forward(
        self,
        tokens: Int64[Tensor, "B T"],
        where: Bool[Tensor, "B T"] | None = None,
        *,
        order: Int64[Tensor, "B T"] | None = None,
        keys: Bool[Tensor, "B T"] | None = None,
        dropout: Dropout | None = None,
    ) -> Float[Tensor, "*at V"]:
        """Float32 logits over the V tokens, at every position or only at the selected ones.

        Args:
            tokens: ids in ``range(V + 2)``; T is the network's length, or at most that if it is causal.
            where: positions whose logits are wanted; the head is applied to no others. None lies in a prompt that is
                read in patches.
            order: the position that each one predicts, for a network that is told orders and for no other.
            keys: tokens that are keys of attention for all, the others for themselves alone; None: as the configuration
                says. Not for a causal network.
            dropout: for a step of training.
        Returns:
            (B, T, V), or (M, V) in row-major order of the M selected positions. NaN in a prompt that is read in
            patches: there is no answer to what is never asked.
        Raises:
            ValueError: sequences of another length, or that end within a prompt that is read in patches; a position of
                it is wanted; no order for a network that is told orders, or one for another.
            IndexError: an id out of range (CPU; a GPU aborts).
        """
        sorted_by = self._keys(tokens, keys)
        asked = None if where is None else self._asked(where, sorted_by)
        *_, x = self._states(tokens, asked, sorted_by, order, dropout)
        return self._everywhere(x, tokens.shape[1], sorted_by) if asked is None else self._logits(asked.in_order(x))

    def layer_logits(
        self,
        tokens: Int64[Tensor, "B T"],
        where: Bool[Tensor, "B T"] | None = None,
        keys: Bool[Tensor, "B T"] | None = None,
    ) -> list[Float[Tensor, "*at V"]]:
        """What the last norm and the head read off after each block, from the first to the last, which is the answer.

        In a network with loops: after each loop.

        Arguments, shapes and errors are those of :meth:`forward`.
        """
        every = 1 if self.config.loops == 1 else self.config.layers
        sorted_by = self._keys(tokens, keys)
        asked = None if where is None else self._asked(where, sorted_by)
        states = list(self._states(tokens, asked, sorted_by))[every - 1 :: every]
        if asked is None:
            return [self._everywhere(x, tokens.shape[1], sorted_by) for x in states]
        *inner, last = states
        return [self._logits(asked.in_order(x)) for x in [*map(asked.of, inner), last]]

    def cache(self) -> KeyValueCache:
        """An empty one, for :meth:`next_logits`.

        Raises:
            ValueError: the network is bidirectional.
        """
        if not self.config.causal:
            raise ValueError(
                "only a causal network can go on reading; a bidirectional one begins anew with each token."
            )
        return KeyValueCache(len(self._passes), self.config.places, self.config.places_of, self._weights)

    def next_logits(
        self, tokens: Int64[Tensor, "B T"], at: Int64[Tensor, " B"], cache: KeyValueCache
    ) -> Float[Tensor, "B V"]:
        """What :meth:`forward` answers at one position of each row, without reading again what ``cache`` holds.

        Args:
            tokens: as there.
            at: the positions, none in a prompt that is read in patches.
            cache: of this network; it goes on to hold these tokens.
        Raises:
            ValueError: as there.
        """
        self._check_length(tokens.shape[1])
        start = cache.begin(tokens, most=int(at.min()) if len(at) else 0)
        x = self._read(tokens)[:, start:]
        rotation = None if self.positions is not None else rotation_of(self.angles[start : start + x.shape[1]], x)
        known_and_new = torch.ones(x.shape[1], start + x.shape[1], dtype=torch.bool, device=x.device)
        visible = known_and_new.tril(start)  # each new place sees those before it and itself
        for block, past in zip(self._passes, cache.blocks, strict=True):
            x = block(x, rotation, past, visible)
        cache.end(tokens)
        behind = tokens.shape[1] - at  # the places end where the tokens do
        asked = x[torch.arange(len(x), device=x.device), x.shape[1] - behind]  # (B, W)
        return self._logits(asked)

    def _weights(self) -> Iterator[Tensor]:
        """All that an answer depends on beside the tokens."""
        yield from self.parameters()
        yield from self.buffers()

    def _states(
        self,
        tokens: Int64[Tensor, "B T"],
        asked: AskedPlaces | None,
        keys: VisibleKeys | None,
        order: Int64[Tensor, "B T"] | None = None,
        dropout: Dropout | None = None,
    ) -> Iterator[Float[Tensor, "*at W"]]:
        """What each block passes on, in every loop: (B, places, W), the last one (M, W) if only M places are asked.

        Sorted by the keys, if there are any.
        """
        self._check_length(tokens.shape[1])
        x = self._read(tokens, order)
        rotation = None if self.positions is not None else rotation_of(self.angles[: x.shape[1]], x)
        if keys is not None:
            x = keys.sorted(x)
            rotation = None if rotation is None else turned(rotation, keys.places)
        *before, last = self._passes
        for block in before:
            x = block(x, rotation, keys=keys, dropout=dropout)
            yield x
        yield last(x, rotation, keys=keys, asked=asked, dropout=dropout)

    def _keys(self, tokens: Int64[Tensor, "B T"], asked: Bool[Tensor, "B T"] | None) -> VisibleKeys | None:
        """None: a place sees all, or all up to itself. A prompt in patches is visible."""
        if self.config.causal and asked is not None:
            raise ValueError(
                "a causal network sees all up to itself, so keys are for a bidirectional one; leave them out."
            )
        if self.config.causal or (self.config.keys == "all" and asked is None):
            return None
        keys = tokens != self.config.mask_id if self.config.keys == "visible" else torch.ones_like(tokens).bool()
        keys = (keys if asked is None else keys & asked)[:, self._prompt :]
        return VisibleKeys(functional.pad(keys, (self.config.places - keys.shape[1], 0), value=True))

    def _asked(self, where: Bool[Tensor, "B T"], keys: VisibleKeys | None) -> AskedPlaces:
        if self.config.patches is not None:
            self.config.patches.check_asked(where)
        answered = where[:, self._prompt :]  # the places end where the tokens do
        unasked = self.config.places_of(where.shape[1]) - answered.shape[1]
        return AskedPlaces(functional.pad(answered, (unasked, 0)), keys)

    @property
    def _passes(self) -> list[nn.Module]:
        """The blocks in the order in which they are run."""
        return [*self.blocks] * self.config.loops

    def _everywhere(
        self, x: Float[Tensor, "B places W"], length: int, keys: VisibleKeys | None
    ) -> Float[Tensor, "B T V"]:
        x = x if keys is None else keys.in_order(x)
        logits = self._logits(x[:, self._prompt - length :])  # from the first answer on
        return functional.pad(logits, (0, 0, self._prompt, 0), value=math.nan) if self._prompt else logits

    def _logits(self, x: Float[Tensor, "*at W"]) -> Float[Tensor, "*at V"]:
        x = rms_norm(x, self.gain)
        if torch.is_grad_enabled():
            return functional.linear(x, self.head).float()
        with no_autocast(x.device):  # answers are compared, and rounded to eight bits they would tie
            return functional.linear(x.to(self.head.dtype), self.head).float()

    @property
    def _prompt(self) -> int:
        """Tokens that are read in patches."""
        return 0 if self.config.patches is None else self.config.patches.tokens

    def _read(
        self, tokens: Int64[Tensor, "B T"], order: Int64[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B places W"]:
        """Embeddings of tokens and patches, with what is known of where they stand."""
        x = functional.embedding(tokens, self.embedding)
        if (order is None) != (self.told is None):
            raise ValueError(
                "this network is told the order in which it reads; pass order." if order is None
                else "this network is told no order; build it with NetworkConfig(any_order=True)."
            )  # fmt: skip
        if self.told is not None and order is not None:
            x = x + self.told(order)
        if self.patches is not None:
            start = int(self.config.causal)  # the start symbol
            stop = start + self._prompt
            x = torch.cat((x[:, :start], self.patches(tokens[:, start:stop]), x[:, stop:]), dim=1)
        if self.positions is not None:
            x = x + self.positions[: x.shape[1]]
        if self.coordinates is not None:
            answers = self.coordinates(tokens)[:, self._prompt :]
            x = x + functional.pad(answers, (0, 0, x.shape[1] - answers.shape[1], 0))
        return x

    def _check_length(self, length: int) -> None:
        limit = self.config.length
        if length != limit and not (self.config.causal and self._prompt < length < limit):
            least = f", and more than the prompt's {self._prompt}" if self._prompt else ""
            allowed = f"at most {limit}{least}" if self.config.causal else f"exactly {limit}"
            raise ValueError(f"this network reads {allowed} tokens; got sequences of length {length}.")
