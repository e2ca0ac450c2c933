"""One owner per directory, however it ends."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from generators.ground.ownership import LOCK, OWNER, DirectoryInUseError, owned_directory, require_owned, sweep

HOLDER = """
import sys, time
from generators.ground.ownership import owned_directory
with owned_directory(sys.argv[1], "train"):
    print("owned", flush=True)
    time.sleep(60)
"""
CHILD = """
import time
from generators.ground.ownership import end_with_parent
end_with_parent()
print("watching", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
time.sleep(60)
"""


def start(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_second_is_told_who_is_there_and_the_lock_dies_with_its_holder(tmp_path):
    holder = start(HOLDER, str(tmp_path))
    try:
        assert first_line(holder) == "owned\n"
        with (
            pytest.raises(
                DirectoryInUseError, match=rf"process {holder.pid} on .* \(train, by the command '-c .*, since "
            ),
            owned_directory(tmp_path, "generate"),
        ):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with owned_directory(tmp_path, "generate"):
        assert f'"process": {os.getpid()}' in (tmp_path / OWNER).read_text()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_the_owner_may_enter_again_and_another_thread_may_not(tmp_path):
    refused = []

    def second() -> None:
        with pytest.raises(DirectoryInUseError), owned_directory(tmp_path / "new", "train"):
            pass
        refused.append(True)

    with owned_directory(tmp_path / "new", "train") as directory:
        assert directory.is_dir()
        with owned_directory(tmp_path / "new" / ".." / "new", "train"):
            pass
        assert (directory / OWNER).exists(), "the inner block has not let it go"
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == [True]
    with owned_directory(directory, "train"):
        pass


def test_a_directory_that_was_removed_is_missed_by_its_owner_and_not_brought_back(tmp_path):
    with owned_directory(tmp_path / "kept", "train") as directory:
        require_owned(directory)
    gone = tmp_path / "gone"
    with pytest.raises(FileNotFoundError, match="was removed while"), owned_directory(gone, "train"):
        shutil.rmtree(gone)
    with pytest.raises(FileNotFoundError, match="was removed while"):
        require_owned(gone)
    assert not gone.exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_work_goes_on_and_this_is_said(tmp_path, monkeypatch, number):
    def flock(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(RuntimeWarning, match="without locks"), owned_directory(tmp_path, "train") as directory:
        require_owned(directory)


def test_a_place_that_cannot_be_written_is_named_and_not_its_lock(tmp_path, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with (
        pytest.raises(OSError, match=f"No space left on device: '{re.escape(str(tmp_path))}'"),
        owned_directory(tmp_path, "train"),
    ):
        pass


def test_an_error_inside_frees_the_directory(tmp_path):
    with pytest.raises(KeyError), owned_directory(tmp_path, "train"):
        raise KeyError
    with owned_directory(tmp_path, "train"):
        pass


def test_strays_are_swept_but_not_those_of_other_owners_nor_files_of_the_user(tmp_path):
    stray = f".rows.npy.{'a' * 16}.part"
    theirs = tmp_path / "other" / stray
    swept = [tmp_path / stray, tmp_path / "units" / stray]
    kept = [tmp_path / "mine.part", tmp_path / ".mine.part", theirs]
    for path in [*swept, *kept]:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (theirs.parent / LOCK).touch()
    assert sorted(sweep(tmp_path)) == sorted(swept)
    assert all(path.exists() for path in kept)
    with owned_directory(theirs.parent, "train"):
        assert not theirs.exists()


def test_a_file_in_the_place_of_the_directory_is_left_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(OSError, match="file"), owned_directory(path, "train"):
        pass
    assert path.read_text() == "mine"


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_worker_ends_with_its_parent():
    parent = start(PARENT)
    child = int(first_line(parent).split()[0])
    assert alive(child)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)
