"""Files, settings and lengths that no pretrained model can be loaded with: refused in one line, with the value."""

from __future__ import annotations

import json
import shutil

import jaxtyping
import pytest
import torch

from lo_theory.denoisers.hugging_face import load_hugging_face, positions
from lo_theory.denoisers.weights_size import parameter_count
from tests.lo_theory.denoisers.tiny_models import stock

transformers = pytest.importorskip("transformers")
LENGTH = 5


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return stock("Bert", tmp_path_factory.mktemp("Bert"))


@pytest.fixture
def folder(original, tmp_path):
    """A copy that can be changed."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    return tmp_path


def header_of(tensors):
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dtype": "float8"}, "dtype is one of float32, .* got 'float8'"),
        ({"dtype": "softmax"}, "got 'softmax'"),
        ({"dtype": torch.float32}, r"as text; got torch\.float32"),
        ({"device": "nonesuch"}, "device 'nonesuch' cannot be used here: .* Take another, as 'cpu'"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here"),
        ({"device": "meta"}, "device 'meta' holds no weights"),
        ({"length": 2.5}, r"length is a whole number, at least 1; got 2\.5"),
        ({"length": "8"}, "length is a whole number, at least 1; got '8'"),
        ({"batch_size": 0}, "batch_size is a whole number, at least 1; got 0"),
    ],
)
def test_settings(options, told, original, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # what people run
    with pytest.raises(ValueError, match=told) as refused:
        load_hugging_face(original, **{"length": LENGTH, **options})
    assert "\n" not in str(refused.value)


def test_no_folder_and_no_model(tmp_path, monkeypatch):
    for name in (tmp_path / "none", str(tmp_path / "none"), "./none"):
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*none\. Give the path"):
            load_hugging_face(name, LENGTH)
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        load_hugging_face(tmp_path, LENGTH)

    def unreachable(*names, **options):
        raise OSError("We couldn't connect to the hub.\nCheck your connection.")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(
        OSError, match=r"models/mine is no folder here, .* couldn't connect .* give its path"
    ) as refused:
        load_hugging_face("models/mine", LENGTH)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kept", [slice(0), slice(3), slice(200), slice(-400)], ids=str)
def test_a_cut_file_of_weights(kept, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(
        OSError, match=r"model\.safetensors (is no whole safetensors|has \d+ bytes, and).*Fetch it again"
    ):
        load_hugging_face(folder, LENGTH)


def test_a_damaged_file_of_pytorch(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x" * 100)
    with pytest.raises(OSError, match=r"are damaged or cut, .* Fetch them again"):
        load_hugging_face(folder, LENGTH)


def test_weights_of_another_configuration(folder):
    settings = json.loads((folder / "config.json").read_text()) | {"vocab_size": 14}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"other shapes than its config\.json says"):
        load_hugging_face(folder, LENGTH)


def test_a_file_larger_than_memory_is_not_mapped(folder):
    numbers = 10**11
    tensors = header_of({"w": {"dtype": "F32", "shape": [numbers // 10, 10], "data_offsets": [0, 4 * numbers]}})
    with (folder / "model.safetensors").open("wb") as file:
        file.write(tensors)
        file.truncate(len(tensors) + 4 * numbers)  # a hole: it takes no room
    assert parameter_count(str(folder)) == numbers
    with pytest.raises(ValueError, match="take 400 GB of memory as float32"):
        load_hugging_face(folder, LENGTH)


def test_of_two_sets_of_weights_one_is_counted(folder):
    alone = parameter_count(str(folder))
    whole = folder / "model.safetensors"
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for i, name in enumerate(shards):
        (folder / name).write_bytes(
            header_of({f"w{i}": {"dtype": "U8", "shape": [3, 2], "data_offsets": [0, 6]}}) + b"6bytes"
        )
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict(zip("abc", [*shards, shards[0]], strict=True))}))
    assert parameter_count(str(folder)) == alone
    whole.unlink()
    (folder / "another.safetensors").write_bytes(header_of({}))
    assert parameter_count(str(folder)) == 12
    (folder / shards[1]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks {shards[1]}, which model\.safetensors\.index\.json names"):
        parameter_count(str(folder))
    index.write_text("[]")
    with pytest.raises(OSError, match="no index of weights"):
        parameter_count(str(folder))


@pytest.mark.parametrize(
    ("kind", "unused"),
    [
        ("Bert", 0),
        ("Roberta", 1),
        ("RobertaPreLayerNorm", 1),
        ("XLMRobertaXL", 1),
        ("Data2VecText", 1),
        ("Xmod", 1),
        ("IBert", 1),
        ("Esm", 1),
        ("MPNet", 2),
    ],
)
def test_positions_are_as_many_as_the_model_has(kind, unused):
    """One more is past the end of its embedding."""
    sizes = {
        "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4,
        "max_position_embeddings": 12, "pad_token_id": 0, "mask_token_id": 3,
    }  # fmt: skip
    more = {"Xmod": {"languages": ["a"], "default_language": "a"}, "Esm": {"position_embedding_type": "absolute"}}
    config = getattr(transformers, f"{kind}Config")(**sizes, **more.get(kind, {}))
    model = getattr(transformers, f"{kind}ForMaskedLM")(config).eval()
    there = 12 - unused
    assert positions(model) == there
    with torch.no_grad():
        assert model(input_ids=torch.full((1, there), 5)).logits.shape[1] == there
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, there + 1), 5))
