"""Whether a GPU computes what the CPU does, and how fast: ``python benchmarks/gpu.py --minutes 8``.

Five parts, one after the other: correctness (losses, gradients, decisions, likelihoods, runs that change the device,
each with a limit that stands in ``on_gpu/correctness.py``), training at the paper's 19M and at 170M as a share of the
rate of plain matrix products on the same chip, tokens decoded per second, and Table 1 at (25, 275) with the paper's
network for as many steps as fit into the rest. Each part has a process and a share of the minutes of its own, so that
one that fails or hangs costs the others nothing.

Prints a table, writes its rows to ``--out`` as they come (``rows.jsonl``; ``about.json`` says of what), and exits with
1 if a part failed or a limit was not kept. Without a GPU it says so and exits with 0, as the other benchmarks do not
need one. ``--device cpu --tiny`` tries the plumbing: its numbers mean nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic mode wants it, before CUDA begins

import argparse
import json
import time
from pathlib import Path

import torch
from on_gpu.correctness import correctness
from on_gpu.parts import Found, Measure, Plan, gpu_there, run_part
from on_gpu.speed import TRAINED, decoding, training_at
from on_gpu.table1 import table1

from analysis.lab.provenance import git_state

PARTS: dict[str, tuple[Measure, float]] = {
    "correctness": (correctness, 0.2),
    **{f"training {name}": (training_at(name, *trained), 0.08) for name, trained in TRAINED.items()},
    "decoding": (decoding, 0.14),
    "table 1": (table1, 1.0),
}
"""What is measured, and its share of the minutes; the last one has what is left."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; the exit code."""
    asked = options().parse_args(arguments)
    if asked.device == "cuda" and not gpu_there():
        print("not measured: PyTorch sees no GPU here. --device cpu --tiny tries the plumbing on the CPU.")
        return 0
    device = torch.device(asked.device)
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = asked.out / "rows.jsonl"
    rows.unlink(missing_ok=True)
    about(asked.out / "about.json", asked)
    start = time.monotonic()
    end = start + 60 * asked.minutes
    kept = True
    print(f"{'part':<16}{'':<52}{'value':>12} {'unit':<22}{'limit':>10}", flush=True)
    for name in asked.parts or PARTS:
        measure, share = PARTS[name]
        ends = min(end, time.monotonic() + share * (end - start))
        for found in run_part(name, measure, Plan(device, asked.tiny, ends), rows):
            print(line(name, found), flush=True)
            kept &= found.kept
    print(f"{'every limit kept' if kept else 'NOT every limit kept'}; {time.monotonic() - start:.0f} s; rows in {rows}")
    return 0 if kept else 1


def line(part: str, found: Found) -> str:
    """One of the table."""
    value = "" if found.value is None else f"{found.value:.4g}"
    limit = "" if found.limit is None else f"<= {found.limit:g}"
    end = "" if found.kept else "  MISSED"
    note = f"  {found.note}" if found.note else ""
    return f"{part:<16}{found.name:<52}{value:>12} {found.unit:<22}{limit:>10}{end}{note}".rstrip()


def about(path: Path, asked: argparse.Namespace) -> None:
    """What was asked for, of which code."""
    commit, dirty = git_state(Path(__file__).resolve())
    form = {
        "minutes": asked.minutes, "device": asked.device, "tiny": asked.tiny, "torch": str(torch.__version__),
        "cuda": torch.version.cuda, "commit": commit, "dirty": dirty,
    }  # fmt: skip
    path.write_text(json.dumps(form, indent=2) + "\n", encoding="utf-8")


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=8.0, help="for all parts together")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="directory for the rows")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="sizes that take a moment, to try the plumbing")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=f"some of: {', '.join(PARTS)}")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
