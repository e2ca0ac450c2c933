"""``lo-theory evaluate table4``: a pretrained masked model on a task of the paper's Table 4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.pretrained.paper_table import RULES, Loop, RuleName, TaskName


@dataclass(frozen=True, kw_only=True)
class EvaluateTable4:
    """A pretrained masked model on a task of Table 4 by each rule, with the paper's numbers of LLaDA 8B beside it.

    Infilling (humaneval-single, -multi, -split, rocstories): the hidden span is decoded as one, as long as it was.
    math, gsm8k and mmlu: prompts and scores are those of lm-eval, answers are decoded in blocks, choices compared by
    likelihood. Finished answers are kept in --out, and the same command goes on from them. Code that the model wrote is
    run only with --execute-code.

    Attributes:
        model: folder of a model in the format of Hugging Face, or its name on the hub.
        task: a column of the table, or gsm8k.
        out: directory of settings, answers, items.csv and table.csv.
        items: file instead of the hub's data. HumanEval-Infill: .jsonl or .jsonl.gz with the published fields.
            rocstories: .csv or .jsonl with sentence1 to sentence5. math, gsm8k, mmlu: .jsonl with the fields that
            lm-eval reads (problem and solution; question and answer; question, choices and answer).
        hub: dataset of the hub for infilling, NAME[:CONFIGURATION][@SPLIT].
        rule: which masked token is decoded next, one or more rules.
        loop: sampling loop of LLaDA or of Dream.
        steps: calls for one span or answer at most; as many as tokens if not given.
        block: tokens of a block of an answer; 32 if not given. Infilling has none.
        length: tokens that are decoded for an answer; 1024 if not given, as in LLaDA's evaluation.
        temperature: of the tokens.
        ends: special tokens that may be written and end an answer; the tokenizer's end of text if not given.
        sentences: of rocstories, numbers of the hidden ones, from 1; 3 if not given.
        variant: another task of lm-eval, such as mmlu_generative or hendrycks_math.
        few_shot: examples before each question; lm-eval's number if not given.
        few_shot_items: file of them, if --items is one's own.
        draws: masks behind a likelihood by vanilla, for answers of several tokens; 128 if not given.
        limit: items, from the beginning; of math and mmlu, of each subject.
        seed: of all draws.
        dtype: of the weights.
        device: where the model stands.
        trust_remote_code: run code that comes with the model, as LLaDA and Dream need.
        execute_code: run the programs that the model completed, in a process with limits of time and memory. Without it
            they are "not executed", and no share passes.
    """

    model: str
    task: TaskName
    out: Path
    items: Path | None = None
    hub: str | None = None
    rule: tuple[RuleName, ...] = RULES
    loop: Loop = "llada"
    steps: int | None = None
    block: int | None = None
    length: int | None = None
    temperature: float = 0.0
    ends: tuple[str, ...] | None = None
    sentences: tuple[int, ...] | None = None
    variant: str | None = None
    few_shot: int | None = None
    few_shot_items: Path | None = None
    draws: int | None = None
    limit: int | None = None
    seed: int = 0
    dtype: Literal["float32", "bfloat16", "float16", "float64"] = "float32"
    device: str = "cpu"
    trust_remote_code: bool = False
    execute_code: bool = False

    def run(self) -> None:
        """Answer, score, print the table, write it."""
        from analysis.cli.table4_run import evaluate_table4

        evaluate_table4(self)
