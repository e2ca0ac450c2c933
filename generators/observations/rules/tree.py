"""The tree of a logic rule: nodes that are values, and the text that reads back to an equal tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

INFIX = ("iff", "implies", "or", "xor", "and")  # loosest first
COUNTS = ("at_least", "at_most", "exactly")
FUNCTIONS = ("parity", *COUNTS)
RELATIONS = ("==", "!=", "<=", ">=", "<", ">")
RESERVED = frozenset({*INFIX, *FUNCTIONS, "not", "true", "false"})
MAX_DEPTH = 64
"""Operations inside one another, at most: every recursion over a tree stays far below Python's own limit."""


class Expression:
    """A truth value of the latents; one node of a rule's tree. ``str`` writes it with the names ``x0``, ``x1``, ..."""

    def __str__(self) -> str:
        """Text that ``generators.observations.rules.syntax.parse_rule`` reads back to an equal tree."""
        return format_rule(self)


@dataclass(frozen=True)
class Latent(Expression):
    """The latent of this index; as a truth value, that it is not 0."""

    index: int


@dataclass(frozen=True)
class Number:
    """An integer constant, one side of a comparison."""

    value: int


@dataclass(frozen=True)
class Truth(Expression):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class Comparison(Expression):
    """``left relation right``, at least one of the two a latent."""

    relation: str
    left: Latent | Number
    right: Latent | Number

    def __post_init__(self) -> None:
        """Refuse unknown relations and comparisons of two constants."""
        if self.relation not in RELATIONS:
            raise ValueError(f"relation must be one of {', '.join(RELATIONS)}; got {self.relation!r}.")
        if isinstance(self.left, Number) and isinstance(self.right, Number):
            raise ValueError(f"a comparison needs a latent; got {self.left.value} {self.relation} {self.right.value}.")


@dataclass(frozen=True)
class Operation(Expression):
    """An operator over truth values: ``not`` (one operand), those of ``INFIX`` (two or more), or one of ``FUNCTIONS``.

    Attributes:
        threshold: the t of ``at_least``, ``at_most`` and ``exactly``; None for all others.
        depth: operations inside one another, this one included.
    """

    operator: str
    operands: tuple[Expression, ...]
    threshold: int | None = None
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no text could say: unknown operators, a wrong number of operands, too deep a tree."""
        if self.operator not in ("not", *INFIX, *FUNCTIONS):
            raise ValueError(f"operator must be 'not' or one of {INFIX + FUNCTIONS}; got {self.operator!r}.")
        n, least = len(self.operands), 2 if self.operator in INFIX else 1
        if n < least or (self.operator == "not" and n > 1):
            raise ValueError(f"{self.operator!r} takes {'one' if least == 1 else 'two'} or more operands; got {n}.")
        if (self.threshold is None) == (self.operator in COUNTS) or (self.threshold or 0) < 0:
            raise ValueError(f"only {COUNTS} have a threshold >= 0; got {self.threshold} for {self.operator!r}.")
        object.__setattr__(self, "depth", depth_over(self.operands))
        if self.depth > MAX_DEPTH:
            raise ValueError(f"a rule may nest {MAX_DEPTH} operations; this one nests {self.depth}.")


def depth_over(operands: Iterable[Expression]) -> int:
    """Depth of an operation on these operands."""
    return 1 + max((o.depth for o in operands if isinstance(o, Operation)), default=0)


def format_rule(expression: Expression, names: Sequence[str] | None = None) -> str:
    """Text of a tree, with ``names[i]`` for latent i (default ``x0``, ``x1``, ...); parsing it gives an equal tree."""
    match expression:
        case Latent(index):
            return f"x{index}" if names is None else names[index]
        case Truth(value):
            return "true" if value else "false"
        case Comparison(relation, left, right):
            return f"{_format_side(left, names)} {relation} {_format_side(right, names)}"
        case Operation("not", (operand,)):
            return f"not {_format_operand(operand, names)}"
        case Operation(operator, operands, threshold) if operator in FUNCTIONS:
            arguments = [] if threshold is None else [str(threshold)]
            return f"{operator}({', '.join(arguments + [format_rule(o, names) for o in operands])})"
        case Operation(operator, operands):
            return f" {operator} ".join(_format_operand(o, names) for o in operands)
        case _:
            raise TypeError(f"no node of a rule: {expression!r}.")


def _format_side(side: Latent | Number, names: Sequence[str] | None) -> str:
    return str(side.value) if isinstance(side, Number) else format_rule(side, names)


def _format_operand(operand: Expression, names: Sequence[str] | None) -> str:
    infix = isinstance(operand, Operation) and operand.operator in INFIX
    text = format_rule(operand, names)
    return f"({text})" if infix or isinstance(operand, Comparison) else text
