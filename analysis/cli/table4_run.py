"""What ``lo-theory evaluate table4`` does once its words are understood."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from analysis.cli.numbers import require_at_least
from analysis.cli.workspace import usable_device
from analysis.lab.rows import Subject, write_csv
from analysis.pretrained.answers import Answers
from analysis.pretrained.infilling import fill_items, require_room, scored
from analysis.pretrained.items import InfillItem, code_items, hub_records, read_records, story_items
from analysis.pretrained.journal import Journal, settle, surroundings
from analysis.pretrained.lm_eval_tasks import Questions, ask
from analysis.pretrained.paper_table import TASKS, RuleName
from analysis.pretrained.programs import Limits, can_run_programs, run_program
from analysis.pretrained.scores import ItemScore, printed, summary, write_items
from analysis.pretrained.text_model import Decoding, TextModel, load_text_model
from generators.ground.optional import optional_library
from generators.ground.ownership import owned_directory
from generators.ground.storage import write_atomic

if TYPE_CHECKING:
    from analysis.cli.table4 import EvaluateTable4

_LENGTH, _BLOCK, _DRAWS, _SENTENCES = 1024, 32, 128, (3,)
_OF_INFILLING = ("hub",)
_OF_STORIES = ("sentences",)
_OF_ANSWERS = ("block", "length", "ends", "variant", "few_shot", "few_shot_items", "draws")
_BESIDE = ("model", "out", "items", "few_shot_items", "rule", "limit", "device", "trust_remote_code", "execute_code")
"""Options that no answer depends on, or whose content stands in the settings in their place."""


def evaluate_table4(asked: EvaluateTable4) -> None:
    """Read the items, load the model, answer by every rule, score, print the table and write it."""
    task = TASKS[asked.task]
    asked = _completed(asked)
    decoding = Decoding(loop=asked.loop, steps=asked.steps, block=asked.block, temperature=asked.temperature)
    usable_device(asked.device)
    if task.kind == "instruction":
        questions = Questions(**{f.name: getattr(asked, f.name) for f in dataclasses.fields(Questions)})
        questions.check(asked.task)
        optional_library("lm_eval", f"--task {asked.task}", otherwise="Infilling does without it.")
        items = list[InfillItem]()
    else:
        questions, items = None, _infill_items(asked)
    model = load_text_model(
        asked.model,
        dtype=asked.dtype,
        device=asked.device,
        remote_code=asked.trust_remote_code,
        ends=asked.ends if task.kind == "instruction" else (),
    )
    with owned_directory(asked.out, "evaluate table4") as directory:
        journal = Journal(directory / "answers.jsonl")
        settle(directory, _decides(asked, model), _beside(asked), begun=bool(journal.done))
        if questions is None:
            found = _infilled(asked, model, items, decoding, journal)
        else:
            found = _asked(asked, model, questions, decoding, journal)
        about = Subject(distribution=task.title, fingerprint=_digest(asked.items), model=model.about["name"])
        rows = summary(about, found)
        table = f"{task.title}, {model.about['name']}\n{printed(task, rows, found)}"
        write_items(directory / "items.csv", asked.task, found)
        write_csv(directory / "table.csv", rows)
        write_atomic(directory / "table.txt", f"{table}\n".encode())
        print(f"\n{table}\nall answers, scores and settings: {asked.out}")


def _completed(asked: EvaluateTable4) -> EvaluateTable4:
    """With what is usual for the task, once every option is known to be one of it."""
    kind = TASKS[asked.task].kind
    foreign = (*(() if kind == "story" else _OF_STORIES), *(_OF_INFILLING if kind == "instruction" else _OF_ANSWERS))
    for name in foreign:
        if getattr(asked, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is no option of --task {asked.task}.")
    if asked.execute_code and kind != "code":
        raise ValueError(f"--execute-code is no option of --task {asked.task}: it runs no code.")
    if asked.execute_code and not can_run_programs():
        raise ValueError("--execute-code needs a system with POSIX limits.")
    for one in ("steps", "block", "length", "draws", "limit"):
        require_at_least(1, **{one: getattr(asked, one)})
    require_at_least(0, seed=asked.seed, few_shot=asked.few_shot)
    if not (math.isfinite(asked.temperature) and asked.temperature >= 0):
        raise ValueError(f"--temperature is a number from 0; got {asked.temperature!r}.")
    if not asked.rule or len(set(asked.rule)) < len(asked.rule):
        raise ValueError(f"--rule names each rule once, at least one; got {' '.join(asked.rule) or 'none'}.")
    if asked.out.exists() and not asked.out.is_dir():
        raise ValueError(f"--out names a directory; {asked.out} is a file.")
    if kind == "story":
        return dataclasses.replace(asked, sentences=asked.sentences or _SENTENCES)
    if kind == "code":
        return asked
    length = asked.length or _LENGTH
    block = asked.block if asked.block or asked.loop == "dream" else min(_BLOCK, length)
    return dataclasses.replace(asked, length=length, block=block, draws=asked.draws or _DRAWS)


def _infill_items(asked: EvaluateTable4) -> list[InfillItem]:
    if (asked.items is None) == (asked.hub is None):
        raise ValueError(f"--task {asked.task} takes its items from --items FILE or --hub NAME, one of them.")
    records = read_records(asked.items) if asked.items is not None else hub_records(asked.hub or "")
    stories = TASKS[asked.task].kind == "story"
    found = story_items(records, asked.sentences or _SENTENCES) if stories else code_items(records)
    return found[: asked.limit]


def _infilled(
    asked: EvaluateTable4, model: TextModel, items: Sequence[InfillItem], decoding: Decoding, journal: Journal
) -> list[ItemScore]:
    require_room(model, items)
    kind, verdicts = TASKS[asked.task].kind, None
    if asked.execute_code:
        verdicts = Journal(journal.path.with_name("programs.jsonl"))
        print(run_program("").confinement, flush=True)
    found = list[ItemScore]()
    for rule in asked.rule:
        answers = fill_items(model, items, decoding, rule, asked.seed, journal)
        for item, answer in tqdm(answers, rule, len(items), disable=None, leave=False):
            found.append(scored(kind, item, answer, rule, verdicts))
        print(f"{rule}: {len(items)} items", flush=True)
    return found


def _asked(
    asked: EvaluateTable4, model: TextModel, questions: Questions, decoding: Decoding, journal: Journal
) -> list[ItemScore]:
    found = list[ItemScore]()
    for rule in asked.rule:
        answers = _answers(asked, model, decoding, rule, journal)
        mine = ask(asked.task, questions, answers, journal.path.parent)
        found += mine
        print(f"{rule}: {len(mine)} items", flush=True)
    cut = sum(form.get("cut", 0) > 0 for form in journal.done.values())
    if cut:
        print(f"{cut} of {len(journal.done)} prompts were longer than the model and lost their beginning.")
    return found


def _answers(asked: EvaluateTable4, model: TextModel, decoding: Decoding, rule: RuleName, journal: Journal) -> Answers:
    return Answers(model, decoding, rule, asked.length or _LENGTH, asked.draws or _DRAWS, asked.seed, journal)


def _decides(asked: EvaluateTable4, model: TextModel) -> dict[str, Any]:
    """What the answers depend on."""
    form = {f.name: getattr(asked, f.name) for f in dataclasses.fields(asked) if f.name not in _BESIDE}
    content = {"items": _digest(asked.items), "few_shot_items": _digest(asked.few_shot_items)}
    return form | content | {"model": model.about, "ends": [int(number) for number in model.ends]}


def _beside(asked: EvaluateTable4) -> dict[str, Any]:
    told = {"rules": list(asked.rule), "limit": asked.limit, "execute_code": asked.execute_code}
    return told | {"program_limits": dataclasses.asdict(Limits()), **surroundings(asked.device)}


def _digest(path: Path | None) -> str:
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()[:16]
