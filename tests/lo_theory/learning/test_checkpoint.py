"""A checkpoint is whole or refused: damage, strangers and failed writes."""

import dataclasses
import errno
import json
import os
import struct

import pytest
import torch
from safetensors.torch import save_file

from generators.ground.codec import seal
from lo_theory.learning.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_network,
    network_config_from_json,
    network_tensors,
    restore_network,
    save_checkpoint,
)
from lo_theory.learning.network import NetworkConfig, Transformer

CONFIG = NetworkConfig(length=5, vocabulary=2, layers=1, width=8, heads=2)


def checkpoint(seed=0, **changes):
    network = Transformer(CONFIG, torch.Generator().manual_seed(seed))
    fields = {
        "network": CONFIG,
        "objective": {"objective": "masked"},
        "source": {"source": "fresh", "sample_seed": 1},
        "training": {"steps": 10},
        "fingerprint": "0123456789abcdef",
        "step": 3,
        "tokens": 150,
        "flops": 10**19,
        "seconds": 1.5,
        "tensors": network_tensors(network) | {"optimizer.head.step": torch.tensor(3.0)},
    }
    return Checkpoint(**fields | changes)


@pytest.fixture
def path(tmp_path):
    save_checkpoint(tmp_path / "run.safetensors", checkpoint())
    return tmp_path / "run.safetensors"


def edit_description(path, change, *, sealed=True):
    """Rewrite the JSON description inside the file and leave the tensors alone; ``sealed``: with a digest that fits."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    form = json.loads(header["__metadata__"]["lo_theory"])
    changed = change(form)
    if sealed and isinstance(changed, dict):
        changed = seal(changed)
    header["__metadata__"]["lo_theory"] = json.dumps(changed)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])


def test_everything_comes_back(path):
    written, read = checkpoint(), load_checkpoint(path, "0123456789abcdef")
    for field in dataclasses.fields(Checkpoint):
        if field.name != "tensors":
            assert getattr(read, field.name) == getattr(written, field.name)
    assert read.tensors.keys() == written.tensors.keys()
    assert all(torch.equal(read.tensors[name], written.tensors[name]) for name in read.tensors)
    assert read.torch_version == str(torch.__version__)


def test_network_answers_as_before(path):
    network, rows = Transformer(CONFIG, torch.Generator().manual_seed(0)), torch.tensor([[0, 1, 2, 3, 0]])
    assert torch.equal(load_network(path)(rows), network(rows))


def test_another_distribution_is_refused_with_both_fingerprints(path):
    with pytest.raises(ValueError, match="0123456789abcdef, not on fedcba9876543210"):
        load_network(path, "fedcba9876543210")


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"run\.safetensors is truncated or garbled .* Delete it and train again"):
        load_checkpoint(path)


@pytest.mark.parametrize("place", [0.001, 0.3, 0.6, 0.99])
def test_garbled_file_is_refused(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x40
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"run\.safetensors"):
        load_checkpoint(path)


def test_every_single_damaged_byte_of_the_tensors_is_noticed(path):
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    for place in range(8 + size, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(bytes(damaged))
        with pytest.raises(ValueError, match="do not match their checksum"):
            load_checkpoint(path)


def test_noise_and_other_programs_are_refused(path):
    path.write_bytes(os.urandom(1000))
    with pytest.raises(ValueError, match="truncated or garbled"):
        load_checkpoint(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="of another program"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_checkpoint(path.with_name("absent"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda form: form | {"surprise": 1}, "unknown field 'surprise'"),
        (lambda form: {key: value for key, value in form.items() if key != "tokens"}, "lacks the field 'tokens'"),
        (lambda form: form | {"network": form["network"] | {"depth": 2}}, "unknown field 'depth'"),
        (lambda form: form | {"network": {"length": 5}}, "lacks the field"),
        (lambda form: form | {"network": form["network"] | {"layers": 0}}, "layers .* got 0"),
        (lambda form: form | {"format": 99}, "format 99"),
        (lambda form: [form], "no JSON object"),
    ],
)
def test_unknown_missing_and_impossible_fields_are_named(path, change, message):
    edit_description(path, change)
    with pytest.raises(ValueError, match=rf"run\.safetensors.*{message}"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [{"step": 4}, {"seconds": 1.25}, {"torch_version": "2.0.0"}, {"log": "0" * 16}, {"network": {"layers": 2}}],
)
def test_the_description_is_covered_by_a_digest(path, change):
    edit_description(path, lambda form: form | change, sealed=False)
    with pytest.raises(ValueError, match=r"run\.safetensors: its description is damaged or was edited"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, "checkpoint: expected `int` >= 0 in step; got -1"),
        ({"step": "4"}, "in step; got '4'"),
        ({"step": 4.0}, "in step; got 4.0"),
        ({"seconds": -0.5}, "in seconds; got -0.5"),
        ({"tokens": None}, "in tokens; got None"),
        ({"flops": True}, "in flops; got True"),
        ({"fingerprint": "none"}, "in fingerprint; got 'none'"),
        ({"torch_version": 2}, "in torch_version; got 2"),
        ({"training": {"steps": "10"}}, "in training.steps; got '10'"),
        ({"training": {"learning_rate": None, "stepz": 10}}, "unknown field"),
        ({"objective": {"objective": "autoregressive", "order": "01"}}, "objective of a checkpoint: .* in order"),
        ({"objective": {"objective": "masked", "maskers": "x"}}, "unknown field 'maskers'"),
        ({"source": {"source": "fresh", "sample_seed": None}}, "source of a checkpoint: .* in sample_seed; got None"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_every_field_has_its_type_and_range_in_both_formats(path, version, change, message):
    edit_description(path, lambda form: (form if version == 2 else of_before(form)) | change, sealed=version == 2)
    with pytest.raises(ValueError, match=rf"run\.safetensors: .*{message}"):
        load_checkpoint(path)


def of_before(form):
    """The description as format 1 had it."""
    return {name: value for name, value in form.items() if name not in ("digest", "log")} | {"format": 1}


def test_a_file_of_before_is_read_and_reported_as_unchecked(path):
    assert load_checkpoint(path).checked
    edit_description(path, lambda form: of_before(form) | {"step": 4}, sealed=False)
    read = load_checkpoint(path)
    assert (read.step, read.checked, read.log) == (4, False, None)
    edit_description(path, lambda form: form | {"format": 2}, sealed=False)
    with pytest.raises(ValueError, match="format 2 and no field 'digest'"):
        load_checkpoint(path)


def test_what_no_reader_would_accept_is_not_written(path):
    with pytest.raises(ValueError, match="in step; got -1"):
        save_checkpoint(path, checkpoint(step=-1))
    assert load_checkpoint(path).step == 3


def test_weights_of_another_shape_are_refused_and_copy_nothing(path):
    edit_description(path, lambda form: form | {"network": form["network"] | {"width": 16}})
    with pytest.raises(ValueError, match=r"weight '.*' is \(.*16.*\) in the network and \(.*8.*\) in the checkpoint"):
        load_network(path)
    wider = Transformer(dataclasses.replace(CONFIG, layers=2), torch.Generator().manual_seed(5))
    before = network_tensors(wider)
    with pytest.raises(ValueError, match="absent in the checkpoint"):
        restore_network(wider, checkpoint().tensors)
    assert all(torch.equal(before[name], value) for name, value in network_tensors(wider).items())


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_write_leaves_the_previous_checkpoint(path, step, monkeypatch):
    def full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, full_disk)
        with pytest.raises(OSError, match="No space left"):
            save_checkpoint(path, checkpoint(seed=1, step=4))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    save_checkpoint(path, checkpoint(seed=1, step=4))
    assert load_checkpoint(path).step == 4


def test_network_config_round_trips():
    assert network_config_from_json(json.loads(json.dumps(dataclasses.asdict(CONFIG)))) == CONFIG
