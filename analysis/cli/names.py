"""Names of rules and reasoners that can be typed; what stands behind them is loaded when one of them is run."""

from __future__ import annotations

from typing import Literal

Rule = Literal[
    "vanilla", "top-probability", "margin", "negative-entropy", "left-to-right", "threshold", "entropy-bound", "klass",
    "remdm", "path-planning", "full-rewrite",
]  # fmt: skip

Check = Literal["library"]

PuzzleRule = Literal[
    "vanilla", "top-probability", "margin", "negative-entropy", "left-to-right", "vanilla-sampled",
    "top-probability-sampled", "margin-sampled", "top-probability-gumbel-0.5", "margin-gumbel-0.5",
    "log-probability-annealed-gumbel-0.5", "full-rewrite", "full-rewrite-gumbel-0.5", "path-planning", "remdm",
    "threshold", "entropy-bound", "klass", "all",
]  # fmt: skip

Reasoner = Literal["candidates", "singles", "strategies", "exact", "network"]

ZebraReasoner = Literal["clues", "strategies", "exact", "network"]

PuzzleFormat = Literal["jsonl", "parquet"]

Digits = Literal["1-4", "0-3", "1-6", "0-5", "1-9", "0-8", "1-g", "0-f"]
