"""The paper's Table 4, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

TaskName = Literal["humaneval-single", "humaneval-multi", "humaneval-split", "math", "gsm8k", "mmlu", "rocstories"]
RuleName = Literal["vanilla", "top-probability", "margin"]
Loop = Literal["llada", "dream"]
Kind = Literal["code", "story", "instruction"]

SOURCE = "Kim et al. 2025, arXiv 2502.06768, Table 4, LLaDA 8B"
NOT_STATED = (
    "The paper does not state the checkpoint (base or instruct), steps, block length, temperature, examples in the "
    "prompt, how MMLU was asked, or the measure on ROCStories."
)
"""What stands below every table of ours."""


@dataclass(frozen=True)
class PaperTask:
    """A column of the table.

    Attributes:
        title: its heading there.
        kind: "code" is filled in and run, "story" filled in and compared, "instruction" asked and judged by lm-eval.
        metrics: ours that the paper's number may stand beside, the first that there is.
        paper: numbers of the paper by rule; none for a task that it does not have.
        beside: what else is to be known about the comparison, as a sentence.
    """

    title: str
    kind: Kind
    metrics: tuple[str, ...]
    paper: Mapping[RuleName, float]
    beside: str = ""


def _numbers(vanilla: float, top_probability: float, margin: float) -> Mapping[RuleName, float]:
    return MappingProxyType({"vanilla": vanilla, "top-probability": top_probability, "margin": margin})


PASSED, EXACT = "passed", "exact_span"
TASKS: Mapping[TaskName, PaperTask] = MappingProxyType(
    {
        "humaneval-single": PaperTask("HumanEval-Single", "code", (PASSED,), _numbers(31.8, 32.9, 33.5)),
        "humaneval-multi": PaperTask("HumanEval-Multi", "code", (PASSED,), _numbers(16.5, 20.8, 25.4)),
        "humaneval-split": PaperTask(
            "HumanEval-Split", "code", (PASSED,), _numbers(14.2, 18.4, 22.3),
            'What "split" is, the paper does not say; of the published files, random spans are the nearest.',
        ),
        "math": PaperTask("Math", "instruction", ("exact_match",), _numbers(28.5, 31.3, 34.3)),
        "gsm8k": PaperTask(
            "GSM8K", "instruction", ("exact_match",), MappingProxyType({}), "The paper has no number on GSM8K alone."
        ),
        "mmlu": PaperTask(
            "MMLU", "instruction", ("acc", "exact_match"), _numbers(33.2, 36.5, 35.4),
            "Answers of one token have one likelihood under every rule. The paper's numbers differ, so it asked in "
            "another way; --variant mmlu_generative decodes the answers.",
        ),
        "rocstories": PaperTask(
            "ROCStories", "story", ("rouge_l",), _numbers(21.23, 21.10, 21.41),
            "The paper does not name the measure; its numbers look like ROUGE.",
        ),
    }
)  # fmt: skip
"""By the name that is typed; numbers in percent."""
RULES: tuple[RuleName, ...] = ("vanilla", "top-probability", "margin")
