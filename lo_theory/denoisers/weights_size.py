"""How much memory a model's weights take, known before they are loaded: from the headers of its files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from generators.ground.memory import available_bytes, size


def parameter_count(name: str) -> int:
    """Numbers in the weights of a model in a folder, or of that name on the hub, from the headers of its files alone.

    Of several sets of files in a folder, the one that is loaded: ``model.safetensors``, else the files of its index,
    else any other. Of a folder with PyTorch files only, their bytes over four: an estimate, exact for float32 but for
    what the files hold besides.

    Raises:
        OSError: a folder without weights; a file that is missing, cut or no safetensors file.
    """
    folder = Path(name)
    if not folder.is_dir():
        from huggingface_hub import get_safetensors_metadata

        return sum(get_safetensors_metadata(name).parameter_count.values())
    if tensors := _weights(folder, "model.safetensors", "*.safetensors"):
        return sum(map(_numbers_in, tensors))
    if others := _weights(folder, "pytorch_model.bin", "pytorch_model*.bin"):
        return sum(path.stat().st_size for path in others) // 4
    raise FileNotFoundError(f"{folder} holds no weights: neither *.safetensors nor pytorch_model*.bin.")


def require_room_for(name: str, dtype: torch.dtype, device: torch.device) -> None:
    """Refuse a model whose weights alone are larger than the memory of the device.

    Raises:
        ValueError: they are; the message says both numbers. OSError: as :func:`parameter_count`.
    """
    needed = parameter_count(name) * dtype.itemsize
    there = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_bytes()
    if needed > there:
        shown = str(dtype).removeprefix("torch.")
        raise ValueError(
            f"the weights of {name} take {size(needed)} of memory as {shown}; {size(there)} are free on {device}. Take "
            "a narrower dtype or another device."
        )


def _weights(folder: Path, whole: str, any_of: str) -> list[Path]:
    """The files that are loaded: the whole model in one, else those of its index, else what there is."""
    if (folder / whole).exists():
        return [folder / whole]
    index = folder / f"{whole}.index.json"
    if not index.exists():
        return sorted(folder.glob(any_of))
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OSError(f"{index} is no index of weights, with a weight_map. Fetch it again.") from error
    for name in names:
        if not (folder / name).exists():
            raise FileNotFoundError(f"{folder} lacks {name}, which {index.name} names. Fetch the missing file.")
    return [folder / name for name in names]


def _numbers_in(path: Path) -> int:
    """From the header: 8 bytes of its length, then JSON. Read, not mapped: the file may be larger than memory."""
    held = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if 8 + length <= held else b""
    try:
        tensors = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
        end = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
        numbers = sum(math.prod(entry["shape"]) for entry in tensors)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise OSError(f"{path} is no whole safetensors file: its header cannot be read. Fetch it again.") from error
    if end != held:
        raise OSError(f"{path} has {held} bytes, and {end} by its header: it is cut or damaged. Fetch it again.")
    return numbers
