"""Code that comes with a model, written for transformers 4: it loads, answers, and leaves the library as it was."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import torch

from lo_theory.denoisers.hugging_face import load_hugging_face
from lo_theory.denoisers.published_code import default_rope
from tests.lo_theory.denoisers.tiny_models import WIDTH, modules_in, of_its_own

transformers = pytest.importorskip("transformers")
LENGTH = 5


@pytest.fixture(scope="module", autouse=True)
def _modules(tmp_path_factory):
    with modules_in(tmp_path_factory.mktemp("modules")):
        yield


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return {kind: of_its_own(kind, tmp_path_factory.mktemp(kind)) for kind in ("llada", "Dream")}


@pytest.fixture
def changed(originals, tmp_path):
    """A copy of a model whose code, configuration or weights can be changed."""

    def copied(kind, *, code=lambda text: text, **configuration):
        shutil.copytree(originals[kind], tmp_path, dirs_exist_ok=True)
        path = tmp_path / "modeling_tiny.py"
        path.write_text(code(path.read_text()))
        settings = json.loads((tmp_path / "config.json").read_text()) | configuration
        (tmp_path / "config.json").write_text(json.dumps(settings))
        return tmp_path

    return copied


def of_the_library():
    """What is changed while a model is loaded."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    module = torch.nn.Module
    return (
        dict(vars(transformers.PreTrainedModel)),
        dict(ROPE_INIT_FUNCTIONS),
        (module.register_parameter, module.register_buffer),
        dict(vars(transformers.GenerationConfig)),
    )


@pytest.mark.parametrize("kind", ["llada", "Dream"])
@pytest.mark.filterwarnings("ignore:.rope_scaling. is deprecated:FutureWarning")
def test_the_stand_ins_fail_without_help(kind, originals):
    """The negative control: what they stand for does not load by the library alone."""
    with pytest.raises((AttributeError, KeyError, TypeError)):
        transformers.AutoModel.from_pretrained(originals[kind], trust_remote_code=True)


@pytest.mark.parametrize("kind", ["llada", "Dream"])
def test_the_library_is_left_as_it_was(kind, originals, changed):
    before = of_the_library()
    model = load_hugging_face(originals[kind], LENGTH, remote_code=True).model
    assert of_the_library() == before
    assert "tie_weights" not in vars(type(model))
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        load_hugging_face(
            changed(kind, code=lambda text: text.replace("self.seen = []", "self.seen = [1 / 0]")),
            LENGTH,
            remote_code=True,
        )
    assert of_the_library() == before


def test_buffers_that_are_in_no_file_are_as_the_constructor_left_them(originals):
    model: Any = load_hugging_face(originals["Dream"], LENGTH, remote_code=True).model
    expected = 100.0 ** -(torch.arange(0, WIDTH, 2) / WIDTH)
    assert torch.allclose(model.rotary.inv_freq, expected)
    assert model.rotary.inv_freq.dtype == torch.float32
    assert model.generation_config.steps == 3


def test_rotary_frequencies_are_the_librarys():
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    config = transformers.LlamaConfig(hidden_size=24, num_attention_heads=2, rope_theta=500.0)
    expected, factor = LlamaRotaryEmbedding.compute_default_rope_parameters(config)
    found = default_rope(config)
    assert torch.equal(found[0], expected)
    assert found[1] == factor
    assert torch.allclose(default_rope(dim=12, base=10000.0)[0], 10000.0 ** -(torch.arange(0, 12, 2) / 12))


@pytest.mark.parametrize("kind", ["llada", "Dream"])
def test_weights_that_are_missing_are_not_made_up(kind, changed):
    from safetensors.torch import load_file, save_file

    folder = changed(kind)
    weights = load_file(folder / "model.safetensors")
    del weights["layers.1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"no weights for layers\.1\.weight"):
        load_hugging_face(folder, LENGTH, remote_code=True)


def test_the_masked_model_is_taken_where_the_code_says_which(changed, originals):
    """Of an encoder and a masked model the one with a head."""
    bare = "\n\nclass Bare(TinyModel):\n    def forward(self, **inputs):\n        return None\n"
    which = {"AutoModel": "modeling_tiny.Bare", "AutoModelForMaskedLM": "modeling_tiny.TinyModel"}
    folder = changed(
        "llada", code=lambda text: text + bare, auto_map={"AutoConfig": "configuration_tiny.TinyConfig", **which}
    )
    found, plain = (load_hugging_face(place, LENGTH, remote_code=True) for place in (folder, originals["llada"]))
    masks = torch.full((1, LENGTH), plain.vocabulary)
    assert torch.equal(found(masks), plain(masks))


def test_code_that_cannot_run_is_said_in_one_line(changed):
    for line, told in (("import nowhere_to_be_found", "ImportError.*nowhere_to_be_found"), ("def f(:", "SyntaxError")):
        folder = changed("llada", code=lambda text, line=line: f"{line}\n{text}")
        with pytest.raises(ValueError, match=f"the code that comes with .* cannot be run: {told}") as refused:
            load_hugging_face(folder, LENGTH, remote_code=True)
        assert "\n" not in str(refused.value)
