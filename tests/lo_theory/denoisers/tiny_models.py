"""Tiny random models in the format of Hugging Face, saved in a folder: stock ones, and two with code of their own."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

WORDS = [f"w{i}" for i in range(11)]
WIDTH, LAYERS, HEADS = 16, 2, 2

CONFIGURATION = """
from transformers import PretrainedConfig


class TinyConfig(PretrainedConfig):
    model_type = "{kind}"

    def __init__(self, vocab_size=19, hidden_size=16, layers=2, max_sequence_length=64, use_cache=False, **rest):
        self.vocab_size, self.hidden_size, self.layers = vocab_size, hidden_size, layers
        self.max_sequence_length, self.num_attention_heads, self.rope_theta = max_sequence_length, 1, 100.0
        if self.model_type == "Dream":
            self.rope_scaling = None
        super().__init__(use_cache=use_cache, **rest)
"""

# In the manner of the published code, which was written for transformers 4, where it meets the library. LLaDA's: no
# post_init, tie_weights without keywords, use_cache read from the configuration. Dream's: post_init, a list of tied
# weights, initial weights of its own, rotary frequencies in a buffer that is in no file, a from_pretrained around the
# library's, with settings of generation of its own. Both ignore their attention mask, as LLaDA's did: a batch with pads
# is not its rows.
MODELING = """
import torch
from torch import nn
from transformers import GenerationConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from .configuration_tiny import TinyConfig


class Parts(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        width = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, width)
        self.places = nn.Embedding(config.max_sequence_length, width)
        self.layers = nn.ModuleList([nn.Linear(width, 3 * width) for _ in range(config.layers)])
        self.head = nn.Linear(width, config.vocab_size, bias=False)
        self.seen = []

    def get_output_embeddings(self):
        return self.head

    def turned(self, vectors):
        return vectors

    def forward(self, input_ids, attention_mask=None, use_cache=None, return_dict=None):
        self.seen.append(tuple(input_ids.shape))
        h = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1], device=input_ids.device))
        for layer in self.layers:
            q, k, v = layer(h).chunk(3, dim=-1)
            h = h + (self.turned(q) @ self.turned(k).mT).softmax(dim=-1) @ v
        return CausalLMOutputWithPast(logits=self.head(h))


class LikeLLaDA(Parts):
    def forward(self, input_ids, attention_mask=None, use_cache=None, return_dict=None):
        use_cache = self.config.use_cache if use_cache is None else use_cache
        return super().forward(input_ids)

    def tie_weights(self):
        pass


class Rotary(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.rope_type = "default" if config.rope_scaling is None else config.rope_scaling["rope_type"]
        frequencies, self.scaling = ROPE_INIT_FUNCTIONS[self.rope_type](config, None)
        self.register_buffer("inv_freq", frequencies, persistent=False)
        self.original_inv_freq = self.inv_freq

    def forward(self, vectors):
        angles = torch.arange(vectors.shape[1], device=vectors.device)[:, None] * self.inv_freq
        cos, sin = angles.cos().to(vectors), angles.sin().to(vectors)
        a, b = vectors.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1) * self.scaling


class Settings(GenerationConfig):
    def __init__(self, **given):
        self.steps = given.pop("steps", 512)
        self._from_model_config = given.pop("_from_model_config", False)
        self.transformers_version = given.pop("transformers_version", "4.46.2")
        self.validate(is_init=True)

    def validate(self, is_init=False):
        pass


class LikeDream(Parts):
    _tied_weights_keys = ["head.weight"]

    def __init__(self, config):
        super().__init__(config)
        self.rotary = Rotary(config)
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_()

    @classmethod
    def from_pretrained(cls, *args, **options):
        model = super().from_pretrained(*args, **options)
        model.generation_config = Settings.from_dict(dict(steps=3))
        return model

    def turned(self, vectors):
        return self.rotary(vectors)


class TinyModel(LikeDream if TinyConfig.model_type == "Dream" else LikeLLaDA):
    pass
"""


@contextlib.contextmanager
def modules_in(folder: Path) -> Iterator[None]:
    """Code that comes with a model is copied to this folder, and forgotten at the end of the block."""
    from transformers import dynamic_module_utils

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers_modules"]:
            del sys.modules[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(folder))
        patch.setattr(sys, "path", [*sys.path])
        forget()
        yield
        forget()


def tokenizer(folder: Path, *, around: bool, extra: int = 0) -> int:
    """A word-level tokenizer with five special tokens among the words; how many ids it has."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", *WORDS[:4], "[CLS]", "[SEP]", *WORDS[4:], "[MASK]", *(f"x{i}" for i in range(extra))]
    number = {word: i for i, word in enumerate(words)}
    inner = Tokenizer(models.WordLevel(number, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if around:
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[(name, number[name]) for name in ("[CLS]", "[SEP]")]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]", eos_token="[SEP]",
        cls_token="[CLS]",
    ).save_pretrained(folder)  # fmt: skip
    return len(words)


def stock(kind: str, folder: Path) -> Path:
    """BERT, RoBERTa or ModernBERT with random weights."""
    import transformers

    vocabulary = tokenizer(folder, around=True)
    sizes = {
        "vocab_size": vocabulary + 2, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "intermediate_size": 2 * WIDTH, "max_position_embeddings": 40, "pad_token_id": 0, "eos_token_id": 7,
        "bos_token_id": 6, "cls_token_id": 6, "sep_token_id": 7, "initializer_range": 0.5,
    }  # fmt: skip
    more = {"initializer_cutoff_factor": 20.0} if kind == "ModernBert" else {}
    config = getattr(transformers, f"{kind}Config")(**sizes, **more)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{kind}ForMaskedLM")(config).save_pretrained(folder)
    return folder


def of_its_own(kind: str, folder: Path) -> Path:
    """A model that comes with its code: ``kind`` is "llada", or "Dream", which tells of the next position."""
    from safetensors.torch import save_file

    vocabulary = tokenizer(folder, around=False, extra=2)
    (folder / "configuration_tiny.py").write_text(CONFIGURATION.format(kind=kind))
    (folder / "modeling_tiny.py").write_text(MODELING.format())
    config = {
        "model_type": kind, "architectures": ["TinyModel"], "vocab_size": vocabulary + 2, "hidden_size": WIDTH,
        "layers": LAYERS, "max_sequence_length": 64, "mask_token_id": vocabulary - 3, "pad_token_id": 0,
        "auto_map": {"AutoConfig": "configuration_tiny.TinyConfig", "AutoModel": "modeling_tiny.TinyModel"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    draw = torch.Generator().manual_seed(1)
    shapes = {
        "words.weight": (vocabulary + 2, WIDTH),
        "places.weight": (64, WIDTH),
        "head.weight": (vocabulary + 2, WIDTH),
    }
    for layer in range(LAYERS):
        shapes |= {f"layers.{layer}.weight": (3 * WIDTH, WIDTH), f"layers.{layer}.bias": (3 * WIDTH,)}
    weights = {name: torch.randn(shape, generator=draw) * 0.4 for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
