"""Sizes judged before memory is asked for."""

import pytest

from generators.ground import memory
from generators.ground.memory import available_bytes, check_memory, size


def test_what_fits_passes_and_what_does_not_says_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**9)
    check_memory(10**9, what="a table", advice="Choose a smaller one.")
    with pytest.raises(ValueError, match=r"^a table takes 1\.5 TB of memory; 1 GB are free\. Choose a smaller one\.$"):
        check_memory(15 * 10**11, what="a table", advice="Choose a smaller one.")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1234, "1.23 kB"), (999_400, "999 kB"), (999_600, "1 MB"),
     (72 * 10**12, "72 TB"), (10**21, "1000 EB")],
)  # fmt: skip
def test_sizes_for_people(count, words):
    assert size(count) == words


def test_this_machine_has_some():
    assert available_bytes() > 2**20
