"""A device that is not there: its tensors hold true values, say they lie elsewhere, and do not mix with the CPU's.

Within :func:`elsewhere` everything that is created on or moved to ``DEVICE`` is an :class:`Elsewhere` around a tensor
of the CPU. PyTorch's operations run on what is inside, so results are those of the CPU bit for bit, data-dependent
shapes and gradients included; but a tensor of the CPU among those of the device is an error, as on a GPU, and so is
what CUDA refuses under ``torch.use_deterministic_algorithms(True)``. Stricter than CUDA, indices of the CPU into a
tensor elsewhere are refused too: they would be copied at every call. The name ``meta`` is borrowed, because autograd
knows it on any build of PyTorch.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")

_aten = torch.ops.aten
_MOVES = {_aten._to_copy.default, _aten.copy_.default, _aten._foreach_copy_.default}
"""Operations that take tensors of two devices, to move what they hold."""


def _of_floats(values: Tensor, *_: Any) -> bool:
    return values.is_floating_point()


def _always(*_: Any) -> bool:
    return True


REFUSED: dict[Any, Callable[..., bool]] = {
    _aten.cumsum.default: _of_floats,
    _aten.cumsum_.default: _of_floats,
    _aten.bincount.default: lambda values, weights=None, *_: weights is not None,
    _aten.histc.default: _always,
    _aten.median.dim: _always,
    _aten.nanmedian.dim: _always,
    _aten.put_.default: _always,
    _aten.put.default: _always,
    _aten.scatter_reduce.two: lambda values, dim, index, source, reduce, *_: reduce == "prod",
    _aten.nll_loss2d_forward.default: _always,
}
"""What CUDA has no deterministic algorithm for, of what might be used here, and when (its positional arguments).

Source: the lists under ``torch.use_deterministic_algorithms``. ``torch.nn.NLLLoss`` is refused for more than two
dimensions; ours has (M, V). Newer versions of PyTorch allow sums of floats, those that we support do not.
"""


class WrongDevice(RuntimeError):  # noqa: N818 - PyTorch's own is a RuntimeError as well
    """Tensors of the CPU and of elsewhere in one operation."""


class Elsewhere(Tensor):
    """A tensor of ``DEVICE`` around one of the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Elsewhere:
        outer = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=DEVICE,
        )  # fmt: skip
        outer.held = inner
        return outer

    def tolist(self) -> list[Any]:
        """PyTorch does not do this for subclasses."""
        return self.held.tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"Elsewhere({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class Draws(torch.Generator):
    """A generator that says it is of ``DEVICE``; it draws as one of the CPU."""

    device = DEVICE


class _EveryGenerator(type(torch.Generator)):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _OfTheCpu)


_OfTheCpu = torch.Generator


class GeneratorOf(torch.Generator, metaclass=_EveryGenerator):
    """In the place of ``torch.Generator``, which makes none for ``DEVICE``: one of either device."""

    def __new__(cls, device: torch.device | str = "cpu") -> torch.Generator:
        return Draws() if torch.device(device) == DEVICE else _OfTheCpu(device)


@contextlib.contextmanager
def elsewhere() -> Iterator[torch.device]:
    """Within it ``DEVICE`` can be used like a GPU."""
    with _FromNumbers(), _Operations():
        yield DEVICE


def pose_as_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """For training: fused optimizers, generators and autocast, of which PyTorch has none for ``DEVICE``.

    Products are not in bfloat16 there, and copying into weights warns that it does nothing, as with true meta tensors.
    """
    fused = sys.modules["torch.optim.optimizer"]
    monkeypatch.setattr(fused, "_get_fused_kernels_supported_devices", lambda: ["cpu", DEVICE.type])
    monkeypatch.setattr(torch, "Generator", GeneratorOf)
    of_the_cpu = torch.autocast

    def autocast(device_type: str, **kwargs: Any) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext() if device_type == DEVICE.type else of_the_cpu(device_type, **kwargs)

    monkeypatch.setattr(torch, "autocast", autocast)
    warnings.filterwarnings("ignore", "for .* which is a no-op")


class _FromNumbers(TorchFunctionMode):
    """What PyTorch makes of Python's numbers it does not show to the mode below."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        asked = dict(kwargs or {})
        if func not in (torch.tensor, torch.as_tensor) or "device" not in asked:
            return func(*args, **asked)
        device = asked.pop("device")
        return func(*args, **asked).to(device)


class _Operations(TorchDispatchMode):
    """Sees what no tensor is an argument of, too: what creates tensors, and what moves them from the CPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on what is inside; its results lie where the device argument says, else where the tensors do."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    away = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    if away and func not in _MOVES:
        _refuse_mixing(func, [tensor for tensor in tensors if not isinstance(tensor, Elsewhere)])
    if away and func in REFUSED and REFUSED[func](*args):
        raise RuntimeError(f"{func} does not have a deterministic implementation")
    asked = kwargs.get("device")
    here = tree_map(lambda leaf: leaf.held if isinstance(leaf, Elsewhere) else leaf, (args, kwargs))
    if asked is not None:
        here[1]["device"] = torch.device("cpu")
    results = func(*here[0], **here[1])
    if func is _aten._local_scalar_dense.default:
        return results
    known = {id(tensor.held): tensor for tensor in away}  # operations in place return their argument
    goes_there = bool(away) if asked is None else torch.device(asked) == DEVICE

    def settled(leaf: Any) -> Any:
        if id(leaf) in known:
            return known[id(leaf)]
        return Elsewhere(leaf) if isinstance(leaf, Tensor) and goes_there else leaf

    return tree_map(settled, results)


def _refuse_mixing(func: Any, of_the_cpu: list[Tensor]) -> None:
    """A single number of the CPU is welcome everywhere, as on a GPU."""
    wrong = [tuple(tensor.shape) for tensor in of_the_cpu if tensor.ndim > 0]
    if wrong:
        raise WrongDevice(f"{func}: a tensor of the CPU, of shape {wrong[0]}, among those of another device.")
