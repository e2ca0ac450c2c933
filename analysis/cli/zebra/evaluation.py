"""What ``lo-theory evaluate zebra`` does once its words are understood."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from analysis.cli.decoders import puzzle_rules
from analysis.cli.numbers import require_at_least
from analysis.cli.workspace import usable_device
from analysis.cli.zebra.solvers import ZebraNetwork, load_zebra_network, person_answers
from analysis.lab.report import show
from analysis.lab.rows import Row, Subject, write_csv
from analysis.puzzles.judging import judge_zebra, puzzle_rows
from analysis.puzzles.problems import ZebraBoards, prompt_batches
from generators.zebra.clue import MOST
from generators.zebra.human import STRATEGY_NAMES, solve_by_strategies
from generators.zebra.puzzle import stack
from generators.zebra.reading import ZebraRejection, read_logic_grids
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.menu import own_order_rule

if TYPE_CHECKING:
    from analysis.cli.zebra.evaluate import EvaluateZebra

_WIDTH = 22


def evaluate_on_zebras(asked: EvaluateZebra) -> None:
    """Read, answer, print a line for each way to answer; write the table."""
    require_at_least(1, per_step=asked.per_step, limit=asked.limit)
    require_at_least(0, seed=asked.seed)
    if asked.out is not None and asked.out.is_dir():
        raise ValueError(f"--out names the file of the table; {asked.out} is a directory.")
    name = asked.denoiser or ("strategies" if asked.model is None else "network")
    if name == "network" and asked.model is None:
        raise ValueError("--denoiser network needs a trained one: add --model DIR.")
    if name != "network" and asked.model is not None:
        raise ValueError(f"--model is not used by --denoiser {name}: leave one of them out.")
    device = usable_device(asked.device)
    boards, rejections = read_zebra_boards(asked.puzzles, asked.limit)
    network = _network(asked, boards, device) if name == "network" else None
    print("\n".join([*_described(asked.puzzles, boards), f"left out: {_told(rejections)}", ""]))
    print(_line("", ("boards right", "cells right", "boards valid", "calls")))
    rows = list[Row]()
    for found in _judged(asked, boards, name) if network is None else _decoded(asked, boards, network):
        calls = "-" if found[0].calls is None else f"{found[0].calls:.4g}"
        first = found[0].decoder or found[0].model
        print(_line(first, (*(show(row, 1, 100.0, "%") for row in found), calls)), flush=True)
        rows += found
    if asked.out is not None:
        write_csv(asked.out, rows)
        print(f"\nall {len(rows)} numbers: {asked.out}")


def read_zebra_boards(path: Path, limit: int | None = None) -> tuple[ZebraBoards, list[ZebraRejection]]:
    """Puzzles of a file with their solutions, and what was left out on the way to the last of them.

    Raises:
        ValueError: no puzzle that can be judged, or as :func:`generators.zebra.read_logic_grids`.
    """
    records, rejections = read_logic_grids(path)
    if not records:
        raise ValueError(f"{path} holds no puzzle that can be judged. Left out: {_told(rejections)}")
    records = records[:limit]
    solutions = np.full((len(records), MOST, MOST), -1, dtype=np.int8)
    for number, record in enumerate(records):
        attributes, houses = record.solution.shape
        solutions[number, :attributes, :houses] = record.solution
    return ZebraBoards(stack([record.puzzle for record in records]), solutions), rejections


def _network(asked: EvaluateZebra, boards: ZebraBoards, device: torch.device) -> ZebraNetwork:
    assert asked.model is not None
    houses = asked.houses or int(boards.puzzles.houses.max())
    attributes = asked.attributes or int(boards.puzzles.attributes.max())
    return load_zebra_network(asked.model, houses, attributes, asked.asks, device)


def _judged(asked: EvaluateZebra, boards: ZebraBoards, name: str) -> Iterator[list[Row]]:
    if asked.rule or asked.per_step > 1:
        raise ValueError(f"--denoiser {name} answers at once: --rule and --per-step are for a masked network.")
    model, answers = person_answers(boards, name)
    judgement = judge_zebra(boards.puzzles, boards.solutions, answers)
    yield puzzle_rows(judgement, about=_subject(asked, boards, model), decoder=None, calls=None)


def _decoded(asked: EvaluateZebra, boards: ZebraBoards, network: ZebraNetwork) -> Iterator[list[Row]]:
    if network.own_order and (asked.rule or asked.per_step > 1):
        raise ValueError(
            "an autoregressive network writes one token per call in its own order: leave out --rule and --per-step."
        )
    most = int((boards.puzzles.houses * boards.puzzles.attributes).max())
    rules = [own_order_rule()] if network.own_order else puzzle_rules(asked.rule, most, asked.per_step)
    for rule in rules:
        generator = torch.Generator().manual_seed(asked.seed)
        answered = decode_batches(network.denoiser, prompt_batches(boards, network.form), rule.decoder, generator)
        judgement = boards.judge(network.form, answered.tokens)
        common = {"decoder": rule.name, "swept": rule.swept, "at": rule.at, "calls": answered.calls}
        yield puzzle_rows(judgement, about=_subject(asked, boards, network.model), **common)


def _subject(asked: EvaluateZebra, boards: ZebraBoards, model: str) -> Subject:
    whole = boards.puzzles.clues.tobytes() + boards.solutions.tobytes()
    return Subject(distribution=asked.puzzles.name, fingerprint=hashlib.sha256(whole).hexdigest()[:16], model=model)


def _described(path: Path, boards: ZebraBoards) -> list[str]:
    puzzles = boards.puzzles
    sizes = Counter(f"{h}x{a}" for h, a in zip(puzzles.houses.tolist(), puzzles.attributes.tolist(), strict=True))
    levels = Counter(solve_by_strategies(puzzles).levels.tolist())
    hard = ", ".join(f"{levels[level]:,} {STRATEGY_NAMES[level]}" for level in sorted(levels))
    told = ", ".join(f"{count:,} of {size}" for size, count in sorted(sizes.items()))
    return [f"{path.name}: {len(boards):,} puzzles (houses x attributes: {told})", f"hardest step of a person: {hard}"]


def _told(rejections: list[ZebraRejection]) -> str:
    if not rejections:
        return "none"
    counts = Counter(rejection.reason for rejection in rejections).most_common()
    first = rejections[0]
    return f"{', '.join(f'{n} {why}' for why, n in counts)}; the first is puzzle {first.number}: {first.detail}"


def _line(first: str, others: tuple[str, ...]) -> str:
    return f"{first:<{_WIDTH}}" + "".join(f"  {text:>{_WIDTH}}" for text in others)
