"""Tiny random models that read and write any text, byte by byte, saved in the format of Hugging Face."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.lo_theory.denoisers.tiny_models import CONFIGURATION, LAYERS, MODELING, WIDTH

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "<|end|>")
POSITIONS = 400


def byte_tokenizer(folder: Path, *, around: bool) -> int:
    """One token for each byte, after the special ones; how many ids it has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    number = {word: i for i, word in enumerate((*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())))}
    inner = Tokenizer(models.BPE(number, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    if around:
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[(name, number[name]) for name in ("[CLS]", "[SEP]")]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", mask_token="[MASK]", eos_token="<|end|>", cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)  # fmt: skip
    return len(number)


def of_its_own(kind: str, folder: Path, *, around: bool = False) -> Path:
    """With code of its own: ``kind`` is "llada", or "Dream", which tells of the next position.

    ``around``: its texts begin with [CLS] and end with [SEP], as those of BERT.
    """
    from safetensors.torch import save_file

    vocabulary = byte_tokenizer(folder, around=around)
    (folder / "configuration_tiny.py").write_text(CONFIGURATION.format(kind=kind))
    (folder / "modeling_tiny.py").write_text(MODELING.format())
    config = {
        "model_type": kind, "architectures": ["TinyModel"], "vocab_size": vocabulary, "hidden_size": WIDTH,
        "layers": LAYERS, "max_sequence_length": POSITIONS, "mask_token_id": 3, "pad_token_id": 0,
        "auto_map": {"AutoConfig": "configuration_tiny.TinyConfig", "AutoModel": "modeling_tiny.TinyModel"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    draw = torch.Generator().manual_seed(1)
    shapes = {"words.weight": (vocabulary, WIDTH), "places.weight": (POSITIONS, WIDTH)}
    shapes["head.weight"] = (vocabulary, WIDTH)
    for layer in range(LAYERS):
        shapes |= {f"layers.{layer}.weight": (3 * WIDTH, WIDTH), f"layers.{layer}.bias": (3 * WIDTH,)}
    weights = {name: torch.randn(shape, generator=draw) * 0.4 for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
