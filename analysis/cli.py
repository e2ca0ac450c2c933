"""The command line: ``lo-theory generate | train | evaluate | sample | reproduce``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from analysis.commands.evaluate import Evaluate
from analysis.commands.generate import Generate
from analysis.commands.reproduce import Reproduce
from analysis.commands.sample import Sample
from analysis.commands.train import Train
from analysis.suggest import advice
from lo_theory.learning.training import TrainingDiverged

Command = Annotated[
    Generate | Train | Evaluate | Sample | Reproduce,
    tyro.conf.OmitSubcommandPrefixes,
    tyro.conf.OmitArgPrefixes,
]
_INTERRUPTED = 130  # the shell's code for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; what a person did wrong is one line on stderr and exit code 2, never a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command = tyro.cli(Command, args=words, prog="lo-theory", description=__doc__)
    except SystemExit as stopped:
        if stopped.code not in (0, None):
            print("\n".join(advice(words, Command)), file=sys.stderr, end="")
        raise
    try:
        command.run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; finished parts are kept, and the same command goes on from there.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # whoever reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError, TrainingDiverged) as error:
        print(f"lo-theory: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
