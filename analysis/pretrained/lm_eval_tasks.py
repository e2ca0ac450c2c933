"""Tasks whose prompts and scores are those of ``lm-eval``: Math, GSM8K, MMLU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.pretrained.answers import Answers
from analysis.pretrained.items import read_records
from analysis.pretrained.paper_table import TaskName
from analysis.pretrained.scores import ItemScore
from generators.ground.optional import optional_library
from generators.ground.storage import write_json_atomic

_WITHOUT = "Infilling (humaneval-single, -multi, -split, rocstories) does without it."


@dataclass(frozen=True)
class Source:
    """A task of ``lm-eval``.

    Attributes:
        whole: its name; of the whole task.
        part: a task of the same form without parts, which a file of one's own takes the place of.
        fields: of an item in that file.
        changed: what else is set for such a file.
    """

    whole: str
    part: str
    fields: tuple[str, ...]
    changed: Mapping[str, Any] = field(default_factory=dict)


SOURCES: Mapping[TaskName, Source] = MappingProxyType(
    {
        "math": Source("minerva_math", "minerva_math_algebra", ("problem", "solution")),
        "gsm8k": Source("gsm8k", "gsm8k", ("question", "answer")),
        "mmlu": Source(
            "mmlu",
            "mmlu_abstract_algebra",
            ("question", "choices", "answer"),
            MappingProxyType({"description": "The following are multiple choice questions (with answers).\n\n"}),
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Which questions are asked, and after which examples.

    Attributes:
        variant: another task of ``lm-eval`` than the usual one.
        items: JSON lines of one's own instead of the hub's.
        few_shot_items: examples that stand before each question then.
        few_shot: how many; None is the task's own number.
        limit: questions of each part.
    Raises:
        ValueError: examples without items.
    """

    variant: str | None = None
    items: Path | None = None
    few_shot_items: Path | None = None
    few_shot: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.few_shot_items is not None and self.items is None:
            raise ValueError("--few-shot-items goes with --items; without them the task has examples of its own.")

    def check(self, name: TaskName) -> None:
        """Look through the files of one's own, if there are any.

        Raises:
            ValueError: a file that is no JSON lines, an item without the fields; no examples where the task takes some.
            FileNotFoundError: no such file.
        """
        if self.items is None:
            return
        if self.few_shot_items is None and self.few_shot != 0 and name != "math":
            raise ValueError("with --items, examples come from --few-shot-items; or say --few-shot 0.")
        for path in dict.fromkeys(self._files().values()):
            _require_fields(path, SOURCES[name].fields)

    def own_task(self, name: TaskName, definition: Path, folder: Path) -> Path:
        """Write the task with these items in place of the hub's, as ``lm-eval`` reads it: JSON, which is YAML too.

        Args:
            definition: the file of ``lm-eval`` with all else.
        """
        form = {
            "include": str(definition),
            **SOURCES[name].changed,
            "task": f"own_{name}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {split: str(path.resolve()) for split, path in self._files().items()}},
        }
        write_json_atomic(folder / "task.yaml", form)
        return folder / "task.yaml"

    def _files(self) -> dict[str, Path]:
        """File of each split."""
        if self.items is None:
            return {}
        return {"test": self.items, **dict.fromkeys(("train", "dev"), self.few_shot_items or self.items)}


def ask(name: TaskName, questions: Questions, answers: Answers, folder: Path) -> list[ItemScore]:
    """Ask all questions, and score the answers as ``lm-eval`` does.

    Args:
        folder: where the definition of a task with items of one's own is written.

    Raises:
        MissingLibraryError: without the extra ``lm-eval``.
        ValueError: no such task; one that is scored in another way than by choices or written answers.
    """
    evaluator = optional_library("lm_eval.evaluator", f"--task {name}", otherwise=_WITHOUT)
    manager = optional_library("lm_eval.tasks", f"--task {name}").TaskManager()
    task = questions.variant or (SOURCES[name].part if questions.items else SOURCES[name].whole)
    if task not in manager.task_index:
        raise ValueError(f"lm-eval has no task {task!r}; `lm-eval ls tasks` lists them.")
    if questions.items is not None:
        task = str(questions.own_task(name, Path(manager.task_index[task].yaml_path), folder))
    found = evaluator.simple_evaluate(
        model=language_model(answers),
        tasks=[task],
        task_manager=manager,
        num_fewshot=questions.few_shot,
        limit=questions.limit,
        bootstrap_iters=0,
        log_samples=True,
        random_seed=answers.seed,
        numpy_random_seed=answers.seed,
        torch_random_seed=answers.seed,
        fewshot_random_seed=answers.seed,
    )
    for part, config in found["configs"].items():
        if config.get("output_type") not in ("multiple_choice", "generate_until"):
            raise ValueError(
                f"{part} of lm-eval is neither answered in writing nor by choices: take another --variant."
            )
    return [item for part, samples in found["samples"].items() for item in _items(part, samples, answers)]


def language_model(answers: Answers) -> Any:
    """The answers behind the interface of ``lm-eval``.

    Whether a continuation is the greedy one is never said (always False): no task here asks.
    """
    base: Any = optional_library("lm_eval.api.model", "a task of lm-eval").LM

    class Answering(base):
        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            return [(answers.log_likelihood(*request.args), False) for request in requests]

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            raise ValueError("likelihoods of whole documents are asked by no task of Table 4.")

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            return [answers.write(context, _until(options)) for context, options in (r.args for r in requests)]

    return Answering()


def _items(part: str, samples: Sequence[Mapping[str, Any]], answers: Answers) -> list[ItemScore]:
    """One score per question: the filters of one answer stand side by side."""
    together: dict[str, ItemScore] = {}
    for sample in samples:
        key = f"{part} {sample['doc_id']}"
        suffix = "" if sample["filter"] == "none" else f", {sample['filter']}"
        scores = {f"{name}{suffix}": float(sample[name]) for name in sample["metrics"]}
        if key in together:
            together[key].scores.update(scores)
            continue
        asked = [tuple(arguments) for arguments in sample["arguments"]]
        known = [answers.known(context, _wanted(wanted)) for context, wanted in asked]
        if all("log_prob" in one for one in known):
            best = max(range(len(asked)), key=lambda i: float(known[i]["log_prob"]))
            text = asked[best][1]
        else:
            text = known[0]["text"]
        tokens, calls = (sum(one[name] for one in known) for name in ("tokens", "calls"))
        together[key] = ItemScore(answers.rule, key, tokens, calls, str(text), scores)
    return list(together.values())


def _wanted(wanted: Any) -> str | list[str]:
    return wanted if isinstance(wanted, str) else _until(wanted)


def _until(options: Mapping[str, Any]) -> list[str]:
    until = options.get("until") or []
    return [until] if isinstance(until, str) else list(until)


def _require_fields(path: Path, fields: Sequence[str]) -> None:
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"items of this task are .jsonl or .jsonl.gz; got {path.name}.")
    empty = True
    for place, record in read_records(path):
        empty = False
        missing = [name for name in fields if name not in record]
        if missing:
            raise ValueError(f"{place}: the field {missing[0]!r} is missing; there are {', '.join(record) or 'none'}.")
    if empty:
        raise ValueError(f"{path} holds no items.")
