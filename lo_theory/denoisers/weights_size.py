"""How much memory a model's weights take, known before they are loaded: from the headers of its files."""

from __future__ import annotations

from pathlib import Path

import torch

from generators.ground.memory import available_bytes, size


def parameter_count(name: str) -> int:
    """Numbers in the weights of a model in a folder, or of that name on the hub, from the headers of its files alone.

    Of a folder with PyTorch files only, their bytes over four: an estimate, exact for float32 but for what the files
    hold besides.

    Raises:
        OSError: a folder without weights.
    """
    folder = Path(name)
    if not folder.is_dir():
        from huggingface_hub import get_safetensors_metadata

        return sum(get_safetensors_metadata(name).parameter_count.values())
    if tensors := sorted(folder.glob("*.safetensors")):
        return sum(map(_numbers_in, tensors))
    if others := sorted(folder.glob("pytorch_model*.bin")):
        return sum(path.stat().st_size for path in others) // 4
    raise FileNotFoundError(f"{folder} holds no weights: neither *.safetensors nor pytorch_model*.bin.")


def require_room_for(name: str, dtype: torch.dtype, device: torch.device) -> None:
    """Refuse a model whose weights alone are larger than the memory of the device.

    Raises:
        ValueError: they are; the message says both numbers. OSError: a folder without weights.
    """
    needed = parameter_count(name) * dtype.itemsize
    there = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_bytes()
    if needed > there:
        shown = str(dtype).removeprefix("torch.")
        raise ValueError(
            f"the weights of {name} take {size(needed)} of memory as {shown}; {size(there)} are free on {device}. Take "
            "a narrower dtype or another device."
        )


def _numbers_in(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as tensors:
        shapes = [tensors.get_slice(key).get_shape() for key in tensors.keys()]  # noqa: SIM118 (no mapping)
    return sum(torch.Size(shape).numel() for shape in shapes)
