"""``python -m lo_theory``, which is the command ``lo-theory``: it names a file that hides our package ``analysis``."""

from __future__ import annotations

import sys
from importlib import import_module

from lo_theory import refuse_namesake


def main() -> int:
    """Exit code of the command line, which is found by name: this floor knows nothing else of the one above."""
    try:
        command = import_module("analysis.cli.main")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("analysis"):
            refuse_namesake("analysis")
        raise
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
