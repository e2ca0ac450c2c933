"""Processes that start together and end together: one result, one error, one death, and nobody is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from generators.ground import together
from generators.ground.together import Member, MemberLost, member_here, run_together

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys
from pathlib import Path
from generators.ground.together import run_together
from tests.generators.ground.test_together import wait
run_together(wait, (Path(sys.argv[1]),), processes=2)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


class UnpicklableError(Exception):
    """Pickled without complaint, and not to be read back: not even where tblib, which Dask brings, pickles errors."""

    def __init__(self, number: int, word: str) -> None:
        super().__init__(f"{word} {number}")

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), self.args


def meet(member: Member, word: str) -> tuple[str, int, list[str]]:
    """What rank 0 sees when all have come."""
    assert member.meeting is not None
    threads = os.environ["OMP_NUM_THREADS"]
    hears = signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    (member.meeting / f"{member.rank} of {member.size}, {threads} thread, hears Ctrl-C: {hears}").touch()
    while len(found := sorted(path.name for path in member.meeting.iterdir())) < member.size:
        time.sleep(0.01)
    return word, os.getpid(), found


def fail(member: Member, how: str) -> None:
    if member.rank == 0:
        raise MemberLost("the other is gone")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise LookupError("no such row")


def fail_and_wait(member: Member, folder: Path) -> None:
    if member.rank == 1:
        raise LookupError("no such row")
    wait(member, folder)


def wait(member: Member, folder: Path) -> None:
    (folder / f"{member.rank}-{os.getpid()}").touch()
    time.sleep(300)


def test_all_start_and_the_result_is_that_of_the_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    word, process, found = run_together(meet, ("here",), processes=2)
    assert (word, found) == ("here", [f"{rank} of 2, 1 thread, hears Ctrl-C: False" for rank in range(2)])
    assert process != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("error", LookupError, "no such row"),
        ("killed", ChildProcessError, "process 1 of 2 was killed by SIGKILL before its work was done"),
    ],
)
def test_what_went_wrong_is_said_and_not_what_followed_from_it(how, kind, said):
    with pytest.raises(kind, match=said) as caught:
        run_together(fail, (how,), processes=2, cause_of_death="Perhaps so.")
    if how == "error":
        assert "in process 1 of 2:" in caught.value.__notes__[0]
        assert 'raise LookupError("no such row")' in caught.value.__notes__[0]
    if kind is ChildProcessError:
        assert str(caught.value).endswith("and the others were ended. Perhaps so.")


def test_a_loss_is_said_where_nothing_else_is_known():
    lost, died = together._Report(error=MemberLost("the other is gone")), together._Report(exit_code=3)
    with pytest.raises(MemberLost, match="the other is gone"):
        together._outcome([together._Report(), lost], "")
    with pytest.raises(ChildProcessError, match=r"^process 1 of 2 ended with exit code 3 before .* were ended\.$"):
        together._outcome([lost, died], "")


def test_an_error_that_cannot_travel_is_replaced_by_its_words():
    error = together._able_to_travel(UnpicklableError(7, "seven"))
    assert (type(error), str(error)) == (RuntimeError, "UnpicklableError: seven 7")
    kept = FileNotFoundError(2, "No such file or directory", "rows.npy")
    assert together._able_to_travel(kept) is kept


def test_one_that_does_not_hear_of_it_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(together, "_GRACE", 0.2)
    with pytest.raises(LookupError, match="no such row"):
        run_together(fail_and_wait, (tmp_path,), processes=2)
    assert not any(psutil.pid_exists(process_of(path)) for path in tmp_path.iterdir())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_they_end_with_the_one_who_started_them_and_say_nothing(sent, tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    last = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < last, "waited in vain for them to begin"
        time.sleep(0.02)
    (os.killpg if sent == signal.SIGINT else os.kill)(parent.pid, sent)  # a terminal sends Ctrl-C to all of them
    _, said = parent.communicate(timeout=60)
    for path in tmp_path.iterdir():
        with_it = process_of(path)
        while psutil.pid_exists(with_it) and psutil.Process(with_it).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < last, "waited in vain for them to end"
            time.sleep(0.02)
    assert "Process process" not in said  # the beginning of the words of one that was interrupted itself
    assert said.count("Traceback") == (sent == signal.SIGINT)
    assert (said.rstrip().endswith("KeyboardInterrupt")) == (sent == signal.SIGINT)


def process_of(path: Path) -> int:
    return int(path.name.split("-")[1])


def test_the_environment_says_which_one_this_is():
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"}
    assert member_here(torchrun) == Member(3, 4, 1, None)
    assert member_here({"PATH": "/bin", "RANK": "3"}) is None
    assert member_here({"RANK": "0", "WORLD_SIZE": "1"}) == Member(0, 1, 0, None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"RANK": "4"}, "RANK=4 and WORLD_SIZE=4; ranks count from 0"),
        ({"WORLD_SIZE": "four"}, "WORLD_SIZE='four', which is no number"),
        ({"MASTER_ADDR": None}, "WORLD_SIZE=4 and no MASTER_ADDR"),
    ],
)
def test_an_environment_that_contradicts_itself_is_refused(wrong, said):
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"}
    environment = {name: text for name, text in (torchrun | wrong).items() if text is not None}
    with pytest.raises(ValueError, match=said) as caught:
        member_here(environment)
    assert "Let torchrun start the processes" in str(caught.value)


@pytest.mark.parametrize("processes", [0, 10**6])
def test_a_number_that_no_machine_has_is_refused(processes):
    with pytest.raises(ValueError, match="processes"):
        run_together(meet, ("here",), processes=processes)
