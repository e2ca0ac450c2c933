"""What a person waits for before anything is computed: ``python benchmarks/command_line.py``.

Help, the version and advice are processes of their own, timed beside one that only imports NumPy, in turns; processor
time of the whole process, medians. Prints the difference to NumPy and the ratio, and writes nothing.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9
COMMAND = ("-m", "analysis.cli.main")
PROCESSES = {
    "import numpy": ("-c", "import numpy"),
    "--version": (*COMMAND, "--version"),
    "--help": (*COMMAND, "--help"),
    "train nae-sat --help": (*COMMAND, "train", "nae-sat", "--help"),
    "a mistyped command": (*COMMAND, "trian"),
    "import torch": ("-c", "import torch"),
}


def processor_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of a Python process from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    spent: dict[str, list[float]] = {name: [] for name in PROCESSES}
    for _ in range(ROUNDS):
        for name, arguments in PROCESSES.items():
            spent[name].append(processor_seconds(arguments))
    median = {name: statistics.median(seconds) for name, seconds in spent.items()}
    base = median["import numpy"]
    print(f"{'':24}{'s':>8}{'more than numpy':>18}{'ratio':>8}")
    for name, seconds in median.items():
        print(f"{name:24}{seconds:8.3f}{seconds - base:+18.3f}{seconds / base:8.2f}")


if __name__ == "__main__":
    main()
