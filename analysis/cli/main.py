"""The commands ``lo-theory generate | dataset | train | evaluate | sample | reproduce | merge``, and for puzzles."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

import lo_theory
from analysis.cli.dataset import Dataset
from analysis.cli.evaluate import Evaluate
from analysis.cli.generate import Generate
from analysis.cli.merge import Merge
from analysis.cli.numbers import WHOLE_NUMBERS
from analysis.cli.reproduce import Reproduce
from analysis.cli.sample import Sample
from analysis.cli.sudoku.evaluate import EvaluateSudoku
from analysis.cli.sudoku.generate import GenerateSudoku
from analysis.cli.sudoku.sample import SampleSudoku
from analysis.cli.suggest import advice, as_typed
from analysis.cli.table4 import EvaluateTable4
from analysis.cli.terminal import write_what_can_be_written
from analysis.cli.train import Train
from analysis.cli.zebra.evaluate import EvaluateZebra
from analysis.cli.zebra.generate import GenerateZebra
from generators.ground.allocator import keep_freed_memory

Command = Annotated[
    Generate | Dataset | Train | Evaluate | Sample | Reproduce | Merge,
    tyro.conf.OmitSubcommandPrefixes,
    tyro.conf.OmitArgPrefixes,
]
# A second word that makes another command of the first, whose options need not be given then.
SECOND_WORDS: dict[str, dict[str, Any]] = {
    "evaluate": {"sudoku": EvaluateSudoku, "zebra": EvaluateZebra, "table4": EvaluateTable4},
    "generate": {"sudoku": GenerateSudoku, "zebra": GenerateZebra},
    "sample": {"sudoku": SampleSudoku},
}
_OF_NETWORKS = ("train", "evaluate", "sample", "reproduce")
_INTERRUPTED = 130  # the shell's code for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; what a person did wrong is one line on stderr and exit code 2, never a traceback."""
    write_what_can_be_written()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None and words[:1] and words[0] in _OF_NETWORKS:
        keep_freed_memory()
    try:
        if words == ["--version"]:
            print(f"lo-theory {lo_theory.__version__}")
            return 0
        return _run(parse(words))
    except KeyboardInterrupt:
        print("interrupted; finished parts are kept, and the same command goes on from there.", file=sys.stderr)
        return _INTERRUPTED


def parse(words: list[str]) -> Any:
    """The command with its options; SystemExit after a help text, or after what is wrong and the nearest right word."""
    first, second = (*words, "", "")[:2]
    alone = SECOND_WORDS.get(first, {}).get(second)
    try:
        with WHOLE_NUMBERS:
            if alone is not None:
                return tyro.cli(alone, args=words[2:], prog=f"lo-theory {first} {second}")
            return tyro.cli(
                Command, args=words, prog="lo-theory", description=f"{__doc__} ``--version`` prints the version."
            )
    except SystemExit as stopped:
        if stopped.code not in (0, None):
            lines = advice(words, Command, SECOND_WORDS) if alone is None else advice(words[2:], alone)
            print("\n".join(lines), file=sys.stderr, end="")
        raise


def _run(command: Any) -> int:
    """Exit code of a parsed command."""
    try:
        command.run()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except MemoryError as error:
        print(f"lo-theory: {_lower(str(error)) or 'out of memory'}; choose smaller sizes.", file=sys.stderr)
        return 2
    except (ValueError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _diverged(error):
            raise
        print(f"lo-theory: {as_typed(str(error), command)}", file=sys.stderr)
        return 2
    return 0


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _diverged(error: RuntimeError) -> bool:
    """Whether a training diverged: an error of its own, known once training is loaded, and not before."""
    training = sys.modules.get("lo_theory.learning.training")
    return training is not None and isinstance(error, training.TrainingDiverged)


if __name__ == "__main__":
    sys.exit(main())
