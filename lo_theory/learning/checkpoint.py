"""Checkpoints: one safetensors file with weights, optimizer state and everything needed to know what they are.

Written atomically, so the file is always a whole one; read with a checksum, so a damaged one is refused. No pickle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from generators.ground.codec import strict_fields
from generators.ground.storage import write_atomic
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.patches import PromptPatches

_FORMAT = 1
_FIELD = "lo_theory"
_NETWORK = "network."
_FIELDS = {
    "format", "checksum", "torch_version", "network", "objective", "source", "training", "fingerprint", "step",
    "tokens", "flops", "seconds",
}  # fmt: skip


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


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint``; if the write fails the previous file at ``path`` is intact.

    Raises:
        OSError: as the system reports it.
    """
    tensors = {name: value.contiguous() for name, value in checkpoint.tensors.items()}
    form = {field.name: getattr(checkpoint, field.name) for field in dataclasses.fields(checkpoint)}
    del form["tensors"]
    form |= {"format": _FORMAT, "checksum": _checksum(tensors), "network": dataclasses.asdict(checkpoint.network)}
    write_atomic(path, save(tensors, {_FIELD: json.dumps(form, sort_keys=True, allow_nan=False)}))


def load_checkpoint(path: Path, expected_fingerprint: str | None = None) -> Checkpoint:
    """Read a checkpoint back, on the CPU.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is truncated, garbled, of another program, has unknown or missing fields, or belongs to a
            distribution other than the expected one. The message names the file and the way out.
    """
    form, tensors = _read(Path(path))
    try:
        if form.get("format") != _FORMAT:
            raise ValueError(f"format {form.get('format')!r} is not the one this version reads, {_FORMAT}.")
        strict_fields(form, _FIELDS, what="checkpoint")
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
    known = {name: form[name] for name in _FIELDS - {"format", "checksum"}}
    return Checkpoint(**known | {"network": network, "tensors": tensors})


def load_network(path: Path, expected_fingerprint: str | None = None) -> Transformer:
    """The network of a checkpoint, on the CPU. Raises as :func:`load_checkpoint`."""
    checkpoint = load_checkpoint(path, expected_fingerprint)
    try:
        return checkpoint.build_network()
    except ValueError as error:
        raise ValueError(f"{path}: {error} The file contradicts itself; train again.") from error


def network_config_from_json(form: Mapping[str, Any]) -> NetworkConfig:
    """A network's shape from its JSON form, the dictionary of its fields.

    Files from before there were coordinates or patches lack those fields; their networks have none.

    Raises:
        ValueError: an unknown or missing field, or a value that the config refuses.
    """
    parts = {"coordinates": (GridCoordinates, "grid of coordinates"), "patches": (PromptPatches, "patched prompt")}
    _check_fields(form, NetworkConfig, frozenset(parts), what="network config")
    built: dict[str, GridCoordinates | PromptPatches | None] = {}
    try:
        for name, (kind, what) in parts.items():
            part = form.get(name)
            if part is not None:
                _check_fields(part, kind, frozenset(), what=what)
            built[name] = None if part is None else kind(**part)
        return NetworkConfig(**{**form, **built})
    except TypeError as error:
        raise ValueError(f"a field of the network config has the wrong type ({error}).") from error


def _check_fields(form: Any, kind: type[Any], optional: frozenset[str], *, what: str) -> None:
    names = {field.name for field in dataclasses.fields(kind)}
    strict_fields(form, names - optional, optional=optional, what=what)


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
        form = json.loads(metadata[_FIELD])
    except json.JSONDecodeError as error:
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
