"""Logic rules as observations: each observation says whether a rule that a person wrote holds for the latents."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

from generators.ground.codec import shown
from generators.ground.forms import Form, read_form
from generators.observations.function import MAX_BIT_ARITY, ObservationFunction, freeze
from generators.observations.predicate import Predicate
from generators.observations.rules.syntax import RuleSyntaxError, latent_index, parse_rule
from generators.observations.rules.tree import Comparison, Expression, Latent, Number, Operation, Truth

MAX_TABLE = 2**20
"""Largest truth table of one rule, in entries: 20 binary latents."""
MAX_WORK = 2**31
"""Entries of the table times the latents that the text names, each as often as it stands there: about half a second."""

_Compiled = tuple[tuple[int, ...], np.ndarray]  # a scope and the truth table over it


def scope_of(expression: Expression) -> tuple[int, ...]:
    """The latents that a rule names, ascending, each once; also those on which its value happens not to depend."""
    return tuple(sorted(set(_latents(expression))))


def evaluate_rule(expression: Expression, columns: Integer[np.ndarray, "N n"]) -> UInt8[np.ndarray, "n"]:
    """Value of a rule for n samples, straight from its tree: no table, so no limit on the width of its scope.

    Args:
        columns: latents, one column per sample; only the rows that the rule names are read.
    Raises:
        ValueError: the rule names a latent beyond the rows of ``columns``.
    """
    scope = scope_of(expression)
    if scope and scope[-1] >= len(columns):
        raise ValueError(f"the rule reads latent {scope[-1]}, but columns holds the {len(columns)} latents of (N, n).")
    return _evaluate(expression, {i: columns[i] for i in scope}, columns.shape[1]).astype(np.uint8)


def truth_table(expression: Expression, latent_alphabet: int) -> tuple[tuple[int, ...], UInt8[np.ndarray, "..."]]:
    """Compile a rule: its scope (k latents, ascending) and its table of shape ``(latent_alphabet,) * k``.

    Raises:
        ValueError: the table would have more than ``MAX_TABLE`` entries, or take more than ``MAX_WORK``.
    Cost: O(t * m**k), t the number of terms.
    """
    named = list(_latents(expression))
    scope = tuple(sorted(set(named)))
    _check_width(len(scope), latent_alphabet)
    shape = (latent_alphabet,) * len(scope)
    cells = latent_alphabet ** len(scope)
    if len(named) * cells > MAX_WORK:
        raise ValueError(
            f"a rule that names latents {len(named)} times takes too long over a table of {cells} entries; over such a "
            f"table {MAX_WORK // cells} are allowed. Split it into several rules, or narrower ones."
        )
    grid = np.indices(shape, dtype=np.min_scalar_type(latent_alphabet - 1)).reshape(len(scope), cells)
    return scope, _evaluate(expression, dict(zip(scope, grid, strict=True)), cells).astype(np.uint8).reshape(shape)


class _Form(Form, frozen=True):
    kind: str
    rules: list[str]
    n_latents: int
    latent_alphabet: int
    names: list[str] | None


@dataclass(frozen=True, eq=False)
class LogicRule(ObservationFunction):
    """P rules over N latents; observation j is 1 where rule j holds.

    The language stands in ``generators.observations.rules.syntax``.

    Rules may read different numbers of latents. ``scopes`` is rectangular all the same: row j holds the ``arities[j]``
    latents that rule j names, ascending, and then the lowest-numbered latents that it does not name, on which
    observation j does not depend, up to the width of the widest rule (at least 1). Constant rules are allowed.

    Args:
        rules: the texts, one per observation.
        n_latents: N.
        latent_alphabet: m, from 2 to 256; integer constants of a rule must lie in ``range(m)``.
        names: one word per latent, used instead of ``x0``, ``x1``, ...; or None.
    Attributes:
        trees: the parsed rules.
        tables: the truth table of each rule over ``scopes[j, :arities[j]]``, of shape ``(m,) * arities[j]``.
        arities: (P,) how many latents each rule names.
    Raises:
        RuleSyntaxError: a rule cannot be read; the message shows where.
        ValueError: no rules, a rule too wide to tabulate, wrong names, N or m.
    """

    rules: tuple[str, ...]
    n_latents: int
    latent_alphabet: int = 2
    names: tuple[str, ...] | None = None
    alphabet: int = field(init=False, default=2)
    scopes: Integer[np.ndarray, "P k"] = field(init=False, repr=False)
    arities: Int64[np.ndarray, "P"] = field(init=False, repr=False)
    trees: tuple[Expression, ...] = field(init=False, repr=False)
    tables: tuple[UInt8[np.ndarray, "..."], ...] = field(init=False, repr=False)
    _groups: tuple[_Group, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Parse, compile and group the rules."""
        _check_fields(self.rules, self.n_latents, self.latent_alphabet)
        latents = latent_index(self.n_latents, self.names)
        trees, compiled = zip(*_compile(self.rules, latents, self.latent_alphabet), strict=True)
        width = max(1, *(len(scope) for scope, _ in compiled))
        freeze(
            self,
            rules=tuple(self.rules),
            names=None if self.names is None else tuple(self.names),
            trees=trees,
            tables=tuple(_read_only(table) for _, table in compiled),
            arities=np.array([len(scope) for scope, _ in compiled], dtype=np.int64),
            scopes=np.array([_pad(scope, width) for scope, _ in compiled], dtype=np.int64),
            _groups=tuple(_group(compiled, self.latent_alphabet)),
        )

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> UInt8[np.ndarray, "P n"]:
        """Truth of all P rules, (N, n) -> (P, n), from the compiled tables; rules with one table go together."""
        out = np.empty((len(self.rules), columns.shape[1]), dtype=np.uint8)
        for group in self._groups:
            out[group.rows] = group.predicate.evaluate(columns[group.latents])
        return out

    @functools.cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """The rules' tables, over the latents that pad their scopes too."""
        width = self.scopes.shape[1]
        if self.latent_alphabet != 2 or width > MAX_BIT_ARITY:
            return None
        padded = [table.reshape(table.shape + (1,) * (width - table.ndim)) for table in self.tables]
        return np.array([np.broadcast_to(table, (2,) * width).ravel() for table in padded]), self.scopes

    def to_json(self) -> dict[str, Any]:
        """Kind, the texts as they were written, N, m and the names."""
        return {
            "kind": "logic_rule",
            "rules": list(self.rules),
            "n_latents": self.n_latents,
            "latent_alphabet": self.latent_alphabet,
            "names": None if self.names is None else list(self.names),
        }

    @classmethod
    def from_json(cls, form: Any) -> LogicRule:
        """Inverse of :meth:`to_json`; ValueError on unknown, missing or ill-typed fields."""
        read = read_form(form, _Form, what="logic rule")
        names = None if read.names is None else tuple(read.names)
        try:
            return cls(tuple(read.rules), read.n_latents, read.latent_alphabet, names)
        except RuleSyntaxError as error:  # three lines, with a caret: for people who type a rule
            raise ValueError(f"logic rule: {error.reason} (column {error.position + 1}).") from error


def compile_rules(
    rules: str | Iterable[str],
    n_latents: int | None = None,
    *,
    latent_alphabet: int = 2,
    names: Sequence[str] | None = None,
) -> LogicRule:
    """Observations from one text or from many; ``n_latents`` may be left out where ``names`` are given.

    Raises:
        ValueError: neither ``n_latents`` nor ``names``, or what :class:`LogicRule` refuses.
    """
    if n_latents is None and names is None:
        raise ValueError("compile_rules needs n_latents, the number N of latents, or their names.")
    count = n_latents if n_latents is not None else len(names or ())
    texts = (rules,) if isinstance(rules, str) else tuple(rules)
    return LogicRule(texts, count, latent_alphabet, None if names is None else tuple(names))


@dataclass(frozen=True)
class _Group:
    """Rules of one table: a predicate over the latents that they read, so that it packs no other columns."""

    rows: Int64[np.ndarray, "Q"]
    latents: Int64[np.ndarray, "U"]
    predicate: Predicate


def _group(compiled: Sequence[_Compiled], alphabet: int) -> Iterator[_Group]:
    members: dict[tuple[int, bytes], list[int]] = {}
    for j, (_, table) in enumerate(compiled):
        members.setdefault((table.ndim, table.tobytes()), []).append(j)
    for (arity, _), rows in members.items():
        table = compiled[rows[0]][1]
        scopes = np.array([_pad(compiled[j][0], max(1, arity)) for j in rows], dtype=np.int64)
        latents, local = np.unique(scopes, return_inverse=True)
        table = table if arity else np.full(alphabet, table[()], dtype=np.uint8)  # a constant reads one latent, idly
        yield _Group(np.array(rows, dtype=np.int64), latents, Predicate(table, local.reshape(scopes.shape)))


def _pad(scope: tuple[int, ...], width: int) -> tuple[int, ...]:
    idle = (i for i in range(width) if i not in scope)
    return scope + tuple(next(idle) for _ in range(width - len(scope)))


def _latents(expression: Expression) -> Iterator[int]:
    match expression:
        case Latent(index):
            yield index
        case Comparison(_, left, right):
            yield from (side.index for side in (left, right) if isinstance(side, Latent))
        case Operation(_, operands):
            for operand in operands:
                yield from _latents(operand)


def _evaluate(expression: Expression, values: Mapping[int, np.ndarray], n: int) -> Bool[np.ndarray, "n"]:
    match expression:
        case Truth(value):
            return np.full(n, value)
        case Latent(index):
            return values[index] != 0
        case Comparison(relation, left, right):
            sides = (side.value if isinstance(side, Number) else values[side.index] for side in (left, right))
            return _RELATIONS[relation](*sides)
        case Operation(name, operands, threshold):
            return _OPERATIONS[name]((_evaluate(o, values, n) for o in operands), threshold)
        case _:
            raise TypeError(f"no node of a rule: {expression!r}.")


def _implies(operands: Iterable[np.ndarray], _: int | None) -> np.ndarray:
    *premises, conclusion = operands  # p -> (q -> c) is c or ~p or ~q
    return functools.reduce(lambda then, premise: then | ~premise, premises, conclusion)


def _count(operands: Iterable[np.ndarray]) -> np.ndarray:
    operands = iter(operands)
    return functools.reduce(operator.add, operands, next(operands).astype(np.int32))


def _fold(combine: Callable[[Any, Any], Any]) -> Callable[[Iterable[np.ndarray], int | None], np.ndarray]:
    return lambda operands, _: functools.reduce(combine, operands)


_RELATIONS: dict[str, Callable[[Any, Any], np.ndarray]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_OPERATIONS: dict[str, Callable[[Iterable[np.ndarray], int | None], np.ndarray]] = {
    "not": lambda operands, _: ~next(iter(operands)),
    "and": _fold(operator.and_),
    "or": _fold(operator.or_),
    "xor": _fold(operator.xor),
    "parity": _fold(operator.xor),
    "iff": _fold(operator.eq),
    "implies": _implies,
    "at_least": lambda operands, t: _count(operands) >= t,
    "at_most": lambda operands, t: _count(operands) <= t,
    "exactly": lambda operands, t: _count(operands) == t,
}


def _compile(rules: Sequence[str], latents: Mapping[str, int], alphabet: int) -> Iterator[tuple[Expression, _Compiled]]:
    for number, rule in enumerate(rules, start=1):
        try:
            tree = parse_rule(rule, latents, alphabet)
            yield tree, truth_table(tree, alphabet)
        except RuleSyntaxError as error:
            raise RuleSyntaxError(
                f"rule {number} of {len(rules)}: {error.reason}", error.rule, error.position
            ) from None
        except ValueError as error:
            shown = rule if len(rule) <= 60 else f"{rule[:60]}..."
            raise ValueError(f"rule {number} of {len(rules)}, {shown!r}: {error}") from None


def _check_width(arity: int, alphabet: int) -> None:
    if alphabet**arity <= MAX_TABLE:
        return
    digits = arity * math.log10(alphabet)
    entries = f"= {alphabet**arity}" if digits < 30 else f"(about 10**{digits:.0f})"
    raise ValueError(
        f"a rule over {arity} latents with {alphabet} values has a table of {alphabet}**{arity} {entries} entries, "
        f"more than {MAX_TABLE}. Split it into several narrower rules."
    )


def _check_fields(rules: Sequence[str], n_latents: int, alphabet: int) -> None:
    if isinstance(rules, str) or not rules:
        raise ValueError(
            f"rules must be a tuple with at least one text; got {shown(rules)}. For a single rule: ('x0',)."
        )
    if n_latents < 1:
        raise ValueError(f"rules need at least one latent; got n_latents = {n_latents}.")
    if not 2 <= alphabet <= 256:
        raise ValueError(f"latent_alphabet, the number of values of a latent, must lie in 2..256; got {alphabet}.")


def _read_only(table: np.ndarray) -> np.ndarray:
    table.setflags(write=False)
    return table
