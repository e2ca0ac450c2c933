"""Checkpoints: one safetensors file with weights, optimizer state and everything needed to know what they are.

Written atomically, so the file is always a whole one; read with a checksum over the tensors and a digest over that and
the whole description, so a damaged one is refused. Files of format 1 have the checksum alone: they are read and
reported as unchecked. No pickle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from generators.ground.codec import SEAL, seal, unseal
from generators.ground.forms import read_form
from generators.ground.later import plain
from generators.ground.storage import parse_json, write_atomic
from lo_theory.learning.checkpoint_form import CoordinatesForm, NetworkForm, PatchesForm, check_description
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.patches import PromptPatches

_FORMAT, _UNSEALED = 2, 1
_FIELD = "lo_theory"
_NETWORK = "network."


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A moment of training.

    Attributes:
        network: shape of the network.
        objective, source, training: JSON forms of the objective, the row source and the training config.
        fingerprint: of the distribution the network was trained on.
        step: finished steps.
        tokens: tokens seen so far, B * L per step.
        flops: training FLOPs so far (:mod:`lo_theory.learning.flops`).
        seconds: wall-clock training time so far, stops not counted.
        tensors: weights as ``network.<name>``, the optimizers' state as ``optimizer.<name>.<key>``; on the CPU.
        torch_version: that of the writer.
        log: digest of the log up to this step (:mod:`lo_theory.learning.log`); None: not known.
        checked: whether its file has a digest over all of this; False for one of format 1.
    """

    network: NetworkConfig
    objective: dict[str, Any]
    source: dict[str, Any]
    training: dict[str, Any]
    fingerprint: str
    step: int
    tokens: int
    flops: int
    seconds: float
    tensors: dict[str, Tensor]
    torch_version: str = str(torch.__version__)
    log: str | None = None
    checked: bool = True

    def build_network(self) -> Transformer:
        """A new network with these weights.

        Raises:
            ValueError: the weights do not fit ``network``.
        """
        network = Transformer(self.network, torch.Generator())
        restore_network(network, self.tensors)
        return network


def network_tensors(network: Transformer) -> dict[str, Tensor]:
    """The weights under their names in a checkpoint; copies on the CPU."""
    return {_NETWORK + name: weight.detach().cpu().clone() for name, weight in network.state_dict().items()}


def restore_network(network: Transformer, tensors: Mapping[str, Tensor]) -> None:
    """Copy the weights of a checkpoint into ``network``.

    Raises:
        ValueError: a weight is missing, unknown or of another shape; nothing has been copied then.
    """
    weights = {name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)}
    own = network.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        here, there = (tuple(side[name].shape) if name in side else "absent" for side in (own, weights))
        if here != there:
            raise ValueError(f"weight {name!r} is {here} in the network and {there} in the checkpoint.")
    network.load_state_dict(weights)


@runtime_checkable
class _Described(Protocol):
    def to_json(self) -> dict[str, Any]: ...


def check_describable(network: NetworkConfig, objective: _Described, source: _Described, config: _Described) -> None:
    """Raise TypeError if what checkpoints record of a training cannot be written: before it begins."""
    parts = {"objective": objective, "source": source, "training": config}
    for name, form in {"network": plain(network), **{name: part.to_json() for name, part in parts.items()}}.items():
        try:
            json.dumps(form, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a checkpoint cannot hold the {name} of this training: {error}. Pass numbers, texts and lists."
            ) from error


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint``; if the write fails the previous file at ``path`` is intact.

    Raises:
        ValueError: a field that no reader would accept.
        OSError: as the system reports it.
    """
    tensors = {name: value.contiguous() for name, value in checkpoint.tensors.items()}
    form = {field.name: getattr(checkpoint, field.name) for field in dataclasses.fields(checkpoint)}
    del form["tensors"], form["checked"]
    form |= {"format": _FORMAT, "checksum": _checksum(tensors), "network": plain(checkpoint.network)}
    text = json.dumps(seal(form), sort_keys=True, allow_nan=False)
    check_description(unseal(json.loads(text), what="checkpoint")[0])
    write_atomic(path, save(tensors, {_FIELD: text}))


def load_checkpoint(path: Path, expected_fingerprint: str | None = None) -> Checkpoint:
    """Read a checkpoint back, on the CPU.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is truncated, garbled, of another program, has unknown or missing fields, or belongs to a
            distribution other than the expected one. The message names the file and the way out.
    """
    form, tensors = _read(Path(path))
    version = form.get("format")
    try:
        if version not in (_FORMAT, _UNSEALED):
            raise ValueError(f"format {version!r} is not one this version reads, {_UNSEALED} or {_FORMAT}.")
        form, sealed = unseal(form, what="its description")
        if sealed != (version == _FORMAT):
            raise ValueError(f"format {version} and {'a' if sealed else 'no'} field {SEAL!r} do not go together.")
        check_description(form)
        network = network_config_from_json(form["network"])
    except ValueError as error:
        raise ValueError(f"{path}: {error} Train again, or use the version of lo-theory that wrote it.") from error
    if form["checksum"] != _checksum(tensors):
        raise ValueError(_damaged(path, "its tensors do not match their checksum"))
    if expected_fingerprint not in (None, form["fingerprint"]):
        raise ValueError(
            f"{path} was trained on distribution {form['fingerprint']}, not on {expected_fingerprint}. "
            "Use the distribution it was trained on, or train a network for this one."
        )
    known = {name: value for name, value in form.items() if name not in ("format", "checksum")}
    return Checkpoint(**known | {"network": network, "tensors": tensors, "checked": sealed})


def load_network(path: Path, expected_fingerprint: str | None = None) -> Transformer:
    """The network of a checkpoint, on the CPU. Raises as :func:`load_checkpoint`."""
    return network_in(path, load_checkpoint(path, expected_fingerprint))


def network_in(path: Path, checkpoint: Checkpoint) -> Transformer:
    """The network of the checkpoint that was read from ``path``.

    Raises:
        ValueError: the weights do not fit the network that is described; names the file.
    """
    try:
        return checkpoint.build_network()
    except ValueError as error:
        raise ValueError(f"{path}: {error} The file contradicts itself; train again.") from error


def network_config_from_json(form: Mapping[str, Any]) -> NetworkConfig:
    """A network's shape from its JSON form, the dictionary of its fields.

    Files from before there were coordinates or patches lack those fields; their networks have none. Loops are named
    where there is more than one.

    Raises:
        ValueError: an unknown or missing field, or a value that the config refuses.
    """
    parts: dict[str, tuple[type[Any], type[Any], str]] = {
        "coordinates": (GridCoordinates, CoordinatesForm, "grid of coordinates"),
        "patches": (PromptPatches, PatchesForm, "patched prompt"),
    }
    read_form(form, NetworkForm, what="network config")
    built: dict[str, GridCoordinates | PromptPatches | None] = {}
    for name, (kind, shape, what) in parts.items():
        part = form.get(name)
        if part is not None:
            read_form(part, shape, what=what)
        built[name] = None if part is None else kind(**part)
    return NetworkConfig(**{**form, **built})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise ValueError(_damaged(path, str(error))) from error
    if _FIELD not in metadata:
        raise ValueError(f"{path} is a safetensors file of another program: its header has no {_FIELD!r} entry.")
    try:
        form = parse_json(metadata[_FIELD])
    except ValueError as error:
        raise ValueError(_damaged(path, f"its description is no JSON: {error}")) from error
    if not isinstance(form, dict):
        raise ValueError(_damaged(path, "its description is no JSON object"))
    return form, tensors


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _damaged(path: Path, how: str) -> str:
    return f"{path} is truncated or garbled ({how}). Delete it and train again, or restore a copy."
