"""In how many processes ``lo-theory train`` trains, and which of them this one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.cli.numbers import require_at_least
from generators.ground.memory import check_memory
from generators.ground.together import Member, member_here, run_together

if TYPE_CHECKING:
    from analysis.cli.train import Train

_PROCESS = 2**28  # bytes, from below, of one that has loaded PyTorch
_KEPT = "What is finished is kept; the same command goes on from there, with fewer processes if memory was short."


def train_in_processes(asked: Train) -> str:
    """Train as one of the processes that torchrun has started, or start --processes; what there is to say at the end.

    Raises:
        ValueError: more processes than rows in a batch or than memory for them, or others than torchrun has started.
        ChildProcessError, MemberLost: a process has died, and the others with it.
    """
    require_at_least(1, processes=asked.processes, batch_size=asked.batch_size)
    here = member_here()
    if here is not None:
        if asked.processes not in (1, here.size):
            raise ValueError(
                f"--processes {asked.processes}, and torchrun has started {here.size}; leave --processes out."
            )
        return _train(here, asked)
    if asked.processes == 1:
        return _train(None, asked)
    if asked.processes > asked.batch_size:
        raise ValueError(
            f"--processes {asked.processes} share the rows of a batch, and --batch-size is {asked.batch_size}; take no "
            "more processes than rows."
        )
    check_memory(
        asked.processes * _PROCESS,
        what=f"--processes {asked.processes}, before it trains anything,",
        advice="Take fewer processes.",
    )
    return run_together(_train, (asked,), processes=asked.processes, cause_of_death=_KEPT)


def _train(member: Member | None, asked: Train) -> str:
    """In a process that trains."""
    from analysis.cli.terminal import write_what_can_be_written
    from analysis.cli.training import train_model

    write_what_can_be_written()
    return train_model(asked, member)
