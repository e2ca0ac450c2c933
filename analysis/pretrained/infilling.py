"""Infilling without an order from left to right: the span is as long as what was hidden, and decoded as one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from analysis.pretrained.items import InfillItem
from analysis.pretrained.journal import Journal, seed_of
from analysis.pretrained.paper_table import EXACT, PASSED, Kind, RuleName
from analysis.pretrained.programs import NOT_EXECUTED, run_program
from analysis.pretrained.rouge import rouge
from analysis.pretrained.scores import ItemScore
from analysis.pretrained.text_model import Decoding, TextModel


def require_room(model: TextModel, items: Sequence[InfillItem]) -> None:
    """Refuse items that are longer than the model, before the first is answered.

    Raises:
        ValueError: the first of them, with its length; a hidden text that the tokenizer knows no token of.
    """
    for item in items:
        before, hidden, after = (model.ids(text) for text in (item.before, item.hidden, item.after))
        length = len(before) + len(hidden) + len(after)
        if not hidden:
            raise ValueError(f"the tokenizer makes no token of what item {item.key!r} hides, {item.hidden!r:.40}.")
        if model.room is not None and length > model.room:
            raise ValueError(f"item {item.key!r} has {length} tokens, and the model has room for {model.room}.")


def fill_items(
    model: TextModel,
    items: Sequence[InfillItem],
    decoding: Decoding,
    rule: RuleName,
    seed: int,
    journal: Journal,
) -> Iterator[tuple[InfillItem, dict[str, Any]]]:
    """Every item with its answer; those in the journal are not asked again.

    An answer has ``completion``, ``exact`` (whether the span's own tokens came back), ``tokens`` (of the span) and
    ``calls`` (of the model).

    Raises:
        ValueError: an answer in the journal without one of them.
    """
    for item in items:
        key = f"{rule} {item.key}"
        if key not in journal.done:
            before, hidden, after = (model.ids(text) for text in (item.before, item.hidden, item.after))
            draws = torch.Generator().manual_seed(seed_of(seed, key))
            filled = model.fill(before, len(hidden), after, decoding.decoder(rule, len(hidden)), draws)
            exact = list(filled.ids) == hidden
            form = {"completion": filled.text, "exact": exact, "tokens": len(hidden), "calls": filled.calls}
            journal.add(key, form)
        yield item, journal.answer(key, completion=str, exact=bool, tokens=int, calls=int)


def scored(kind: Kind, item: InfillItem, answer: dict[str, Any], rule: RuleName, verdicts: Journal | None) -> ItemScore:
    """An answer with its scores: ``exact_span``, and of a story the ROUGE measures, of a program ``passed``.

    Args:
        verdicts: of programs, by their digest; those that are not there are run. None: nothing is run, and what was
            not has no such score.
    """
    text = answer["completion"]
    scores, executed = {EXACT: float(answer["exact"])}, ""
    if kind == "story":
        scores |= rouge(item.hidden, text)
    elif verdicts is None:
        executed = NOT_EXECUTED
    else:
        program = item.program(text)
        key = hashlib.sha256(program.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if key not in verdicts.done:
            came = run_program(program)
            verdicts.add(key, {"passed": came.passed, "why": came.why})
        verdict = verdicts.answer(key, passed=bool, why=str)
        executed, scores[PASSED] = verdict["why"], float(verdict["passed"])
    return ItemScore(rule, item.key, answer["tokens"], answer["calls"], text, scores, executed)
