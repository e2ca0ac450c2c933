"""Several processes that train one network, each with its rows of every batch.

All draw the whole batch and all its masks, as one process does, for both are functions of (seed, step). Each asks the
network about its own rows, and all get the answers to all rows, so that an objective reduces over the whole batch
whatever it divides by. The gradients of the processes then add up to that of the batch, and all make the same update
(:mod:`lo_theory.learning.divided_update`). Losses and weights are those of one process but for the order in which
floating-point numbers are added.

What travels in a step: the logits of the rows, and one sum over all weights; with Muon another, over its matrices. On
CPUs by gloo, on GPUs by NCCL.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import load, save
from torch import Tensor, nn
from torch import distributed as communication

from generators.ground.together import Member, MemberLost
from lo_theory.learning.checkpoint import network_tensors, restore_network
from lo_theory.learning.dropout import Dropout
from lo_theory.learning.network import Transformer
from lo_theory.learning.optimizer import WeightOptimizer, optimizer_tensors, restore_optimizers

_BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
_PATIENCE = datetime.timedelta(minutes=30)  # with a process that does not answer: it may be writing, or be suspended


@dataclass(frozen=True)
class Team:
    """The processes that train one network, seen from one of them.

    Attributes:
        rank: the number of this process; that of rank 0 alone writes files.
        size: how many there are.
        group: what they talk through, a process group of torch; None of one process alone.
    """

    rank: int = 0
    size: int = 1
    group: Any = None

    @property
    def first(self) -> bool:
        """Whether this process writes the log and the checkpoint."""
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """Raise ValueError unless every process has a row of each batch."""
        if batch_size < self.size:
            raise ValueError(
                f"{self.size} processes share the rows of a batch, and batch_size is {batch_size}; take no more "
                "processes than rows."
            )

    def divided(self, network: Transformer) -> Transformer:
        """What an objective asks in the network's place; the network itself for one process."""
        return network if self.size == 1 else DividedTransformer(network, self)

    def add_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Each gradient becomes the sum of those of all processes, with the same bits everywhere."""
        if self.size == 1:
            return
        learned = [weight for weight in weights if weight.grad is not None]
        gradients = [weight.grad for weight in learned if weight.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self.sum(flat)
        for weight, part in zip(learned, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            weight.grad = part.view_as(weight)

    def sum(self, tensor: Tensor) -> None:
        """Make ``tensor``, of one shape everywhere, the sum of all.

        Raises:
            MemberLost: another process has ended.
        """
        with _connected():
            self.group.allreduce([tensor]).wait()

    def of_first(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of rank 0, on the CPU, whatever the others bring.

        Raises:
            MemberLost: as :meth:`sum`.
        """
        content = bytearray(save({name: value.contiguous() for name, value in tensors.items()}) if self.first else b"")
        length = torch.tensor([len(content)])
        self._from_first(length)
        buffer = (
            torch.frombuffer(content, dtype=torch.uint8) if self.first else torch.empty(int(length), dtype=torch.uint8)
        )
        self._from_first(buffer)
        return load(buffer.numpy().tobytes())

    def _from_first(self, tensor: Tensor) -> None:
        with _connected():
            self.group.broadcast(tensor, 0).wait()


ALONE = Team()
"""One process."""


class DividedTransformer(Transformer):
    """A network whose rows are divided: this process reads its own, and answers with the logits of all.

    Row i belongs to the process of rank i modulo their number, as rows may grow harder along a batch. Gradients flow to
    the answers of the own rows alone: over all processes they add up to those of the whole. It has no weights of its
    own, and can be asked nothing but this.
    """

    def __init__(self, network: Transformer, team: Team) -> None:
        nn.Module.__init__(self)
        self.config = network.config
        self._inner = (network,)  # no module inside this one
        self._team = team

    def forward(
        self,
        tokens: Int64[Tensor, "B T"],
        where: Bool[Tensor, "B T"] | None = None,
        *,
        order: Int64[Tensor, "B T"] | None = None,
        keys: Bool[Tensor, "B T"] | None = None,
        dropout: Dropout | None = None,
    ) -> Float[Tensor, "*at V"]:
        """As the network's own; without orders and dropout, which are for one process.

        Raises:
            ValueError: either.
        """
        if order is not None or dropout is not None:
            raise ValueError("several processes divide neither orders nor dropout; train such a network in one.")
        (network,) = self._inner
        own, asked, seen = self._own(tokens, where, keys)
        return self._gathered(network(own, asked, keys=seen)[None], tokens, where)[0]

    def layer_logits(
        self,
        tokens: Int64[Tensor, "B T"],
        where: Bool[Tensor, "B T"] | None = None,
        keys: Bool[Tensor, "B T"] | None = None,
    ) -> list[Float[Tensor, "*at V"]]:
        """As the network's own."""
        (network,) = self._inner
        layers = network.layer_logits(*self._own(tokens, where, keys))
        return list(self._gathered(torch.stack(layers), tokens, where))

    def _own(
        self, tokens: Tensor, where: Tensor | None, keys: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        mine = slice(self._team.rank, None, self._team.size)
        return tokens[mine], None if where is None else where[mine], None if keys is None else keys[mine]

    def _gathered(self, own: Tensor, tokens: Tensor, where: Tensor | None) -> Tensor:
        """(layers, own answers, ...) -> (layers, all answers, ...), in the order of one process."""
        mine = torch.arange(len(tokens), device=own.device) % self._team.size == self._team.rank  # (B,)
        if where is not None:
            mine = mine[:, None].expand_as(where)[where]  # (M,)
        places = mine.nonzero().squeeze(1)
        everyone = own.new_zeros((own.shape[0], len(mine), *own.shape[2:]))
        everyone.index_copy_(1, places, own.detach())
        self._team.sum(everyone)
        return everyone.index_copy(1, places, own)


@contextlib.contextmanager
def joined(member: Member | None, device: torch.device) -> Iterator[Team]:
    """Be one of the processes until the end of the block, where all wait for each other.

    Args:
        member: which one; None to be alone.
        device: where this process trains, on a GPU of its own.
    Raises:
        ValueError: a device through which processes cannot talk.
        MemberLost: another process has ended, or not begun.
    """
    if member is None or member.size == 1:
        yield ALONE
        return
    if device.type not in _BACKENDS:
        raise ValueError(f"several processes train on cpu or cuda; got {device.type}. Train there with one process.")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    _meet(member, _BACKENDS[device.type])
    try:
        team = Team(member.rank, member.size, communication.group.WORLD)
        yield team
        team.sum(torch.zeros(1))  # nobody leaves while another still listens
    finally:
        communication.destroy_process_group()


def _meet(member: Member, backend: str) -> None:
    with _connected():
        if member.meeting is None:  # torchrun has said where
            communication.init_process_group(backend, timeout=_PATIENCE)
            return
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _loopback())
        place = str(member.meeting / "addresses")
        store = communication.FileStore(place, member.size)  # pyright: ignore[reportPrivateImportUsage]
        communication.init_process_group(
            backend, store=store, rank=member.rank, world_size=member.size, timeout=_PATIENCE
        )


def _loopback() -> str:
    """The network interface that does not leave this machine."""
    addresses = psutil.net_if_addrs().items()
    found = (
        name
        for name, known in addresses
        for one in known
        if one.family == socket.AF_INET and one.address.startswith("127.")
    )
    return next(found, "lo")


def join_run(
    team: Team, network: Transformer, optimizers: Sequence[WeightOptimizer], begun: tuple[int, float]
) -> tuple[int, float]:
    """Bring every process to where rank 0 begins: weights, optimizers, finished steps and seconds.

    Args:
        begun: finished steps and the seconds spent on them, in the process of rank 0.
    Returns:
        ``begun`` of that process.
    """
    if team.size == 1:
        return begun
    step, seconds = begun
    tensors = {"step": torch.tensor(step), "seconds": torch.tensor(seconds, dtype=torch.float64)}
    tensors |= network_tensors(network) | (optimizer_tensors(optimizers) if step else {})
    tensors = team.of_first(tensors)
    step, seconds = int(tensors.pop("step")), float(tensors.pop("seconds"))
    if not team.first:
        restore_network(network, tensors)
        if step:
            restore_optimizers(optimizers, tensors)
    return step, seconds


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Say in one line what gloo and NCCL say of a connection that is lost."""
    try:
        yield
    except RuntimeError as error:
        plain = re.sub(r"\[[^]\s]*/[^]\s]*:\d+\] *", "", str(error).strip())  # without the lines of C++
        why = plain.split("\n")[0].split(". ")[0]
        raise MemberLost(
            f"another process of this training has ended or does not answer ({why}); it says why, unless it was "
            "killed. The last checkpoint is intact; the same command goes on from there."
        ) from error
