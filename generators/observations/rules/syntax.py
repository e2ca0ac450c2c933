"""The language of logic rules: text to tree (and back, in ``generators.observations.rules.tree``).

A rule is a truth value of the latents, for example ``x0 and not x1 -> x2 == x3`` or ``at_least(2, x0, x1, x2 != 1)``.

===============================  =========================================================================
``x3`` (or a given name)         a latent; where a truth value is asked it means ``x3 != 0``
``== != < <= > >=``              latent against latent, or latent against an integer; they do not chain
``not`` ``~``                    negation
``and`` ``&``                    all of them
``xor`` ``^``                    an odd number of them
``or`` ``|``                     any of them
``implies`` ``->``               associates to the right: ``a -> b -> c`` is ``a -> (b -> c)``
``iff`` ``<->``                  ``a <-> b <-> c`` is ``(a <-> b) <-> c``, not "all equal"
``parity(r, ...)``               an odd number of the rules r holds
``at_least(t, r, ...)``          at least t of the rules r hold, a repeated rule counting twice;
                                 likewise ``at_most(t, ...)`` and ``exactly(t, ...)``
``true`` ``false`` ``( )``       constants, grouping
===============================  =========================================================================

From the comparisons down to ``iff`` the rows stand in the order of binding, tightest first: ``not x0 == x1`` is
``not (x0 == x1)``. Words are in lower case. A tokenizer and precedence climbing read a rule, never ``eval``; a chain of
one operator is one node, so a rule of 10,000 terms is a flat tree, and what nests too deeply is refused by name.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from generators.observations.rules.tree import (
    COUNTS,
    FUNCTIONS,
    INFIX,
    MAX_DEPTH,
    RELATIONS,
    RESERVED,
    Comparison,
    Expression,
    Latent,
    Number,
    Operation,
    Truth,
    depth_over,
)

_MEANING = {"&": "and", "|": "or", "^": "xor", "~": "not", "->": "implies", "<->": "iff"}
MAX_TEXT = 2**17
"""Characters of one rule: some 18,000 terms, which take half a second and 20 MB. People write a few hundred."""
MAX_LATENTS = 2**18
"""Latents that rules may speak of: their names take a third of a second and 30 MB."""

_NAME = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"(?P<word>[^\W\d]\w*)|(?P<number>[0-9]+)|(?P<symbol><->|->|[=!<>]=|[<>&|~^(),])")
_MISTAKES = {
    **dict.fromkeys(("=>", "==>", "-->", "⇒", "→"), "'implies' or '->'"),
    **dict.fromkeys(("<=>", "<==>", "<-->", "⇔", "↔"), "'iff' or '<->'"),
    **dict.fromkeys(("&&", "\N{LOGICAL AND}"), "'and' or '&'"),
    **dict.fromkeys(("||", "\N{LOGICAL OR}"), "'or' or '|'"),
    **dict.fromkeys(("!", "¬"), "'not' or '~'"),
    **dict.fromkeys(("^^", "⊕"), "'xor' or '^'"),
    **{"=<": "'<='", "<>": "'!='", "≠": "'!='", "≤": "'<='", "≥": "'>='", "=": "'=='", "-": "'->' or '<->'"},
}  # signs of other languages, and what is meant here
_FOREIGN = re.compile("|".join(map(re.escape, sorted(_MISTAKES, key=len, reverse=True))))
_COMPARED = 1000  # names among which a mistaken one is looked for
_WINDOW = 36  # characters shown on either side of the place of an error


class RuleSyntaxError(ValueError):
    """A rule that cannot be read. Its message shows the rule with a caret below the place.

    Attributes:
        reason: what was expected and what was found.
        rule: the whole text.
        position: offset of the place in ``rule``, from 0; ``len(rule)`` when the rule ends too early.
    """

    def __init__(self, reason: str, rule: str, position: int) -> None:
        """Keep the three arguments as they are, so that the error survives pickling between workers."""
        super().__init__(reason, rule, position)
        self.reason, self.rule, self.position = reason, rule, position

    def __str__(self) -> str:
        """Three lines: the reason and the column (from 1), the rule or a window of it, the caret."""
        start = max(0, self.position - _WINDOW)
        stop = min(len(self.rule), self.position + _WINDOW)
        before, after = "..." * (start > 0), "..." * (stop < len(self.rule))
        shown = "".join(c if c.isprintable() else " " for c in self.rule[start:stop])
        caret = " " * (len(before) + self.position - start) + "^"
        return f"{self.reason} (column {self.position + 1})\n    {before}{shown}{after}\n    {caret}"


def latent_index(n_latents: int, names: Sequence[str] | None = None) -> dict[str, int]:
    """The words that stand for latents: ``names`` in their order, or ``x0``, ``x1``, ... where none are given.

    Raises:
        ValueError: more than ``MAX_LATENTS``, not one name per latent, a repeated name, a word of the language, or no
            word at all.
    """
    if n_latents > MAX_LATENTS:
        raise ValueError(f"rules speak of at most {MAX_LATENTS} latents; got n_latents = {n_latents}.")
    if names is None:
        return {f"x{i}": i for i in range(n_latents)}
    index = {name: i for i, name in enumerate(names)}
    if len(names) != n_latents or len(index) != n_latents:
        raise ValueError(f"{n_latents} latents need as many different names; got {len(index)} among {len(names)}.")
    bad = next((name for name in names if name in RESERVED or not _NAME.fullmatch(name)), None)
    if bad is not None:
        raise ValueError(f"a latent's name is a word (letters, digits, '_') none of {sorted(RESERVED)}; got {bad!r}.")
    return index


def parse_rule(text: str, latents: Mapping[str, int], latent_alphabet: int | None = None) -> Expression:
    """The tree of a rule.

    Args:
        text: the rule, in the language of this module.
        latents: the index of each latent's name, from :func:`latent_index`.
        latent_alphabet: integer constants must lie in ``range(latent_alphabet)``. None does not check them.
    Raises:
        RuleSyntaxError: the rule is empty, malformed, nested deeper than ``MAX_DEPTH``, longer than ``MAX_TEXT``, names
            an unknown latent or holds a constant that no latent can take.
    """
    if not isinstance(text, str):
        raise TypeError(f"a rule is a text such as 'x0 and not x1'; got {type(text).__name__}.")
    if len(text) > MAX_TEXT:
        raise RuleSyntaxError(
            f"the rule has {len(text)} characters, more than {MAX_TEXT}; split it into several", text, MAX_TEXT
        )
    if not text.strip():
        raise RuleSyntaxError("the rule is empty; write for example 'x0 and not x1', or 'true'", text, 0)
    return _Parser(text, latents, latent_alphabet).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int

    @property
    def meaning(self) -> str:
        return _MEANING.get(self.text, self.text)

    @property
    def shown(self) -> str:
        return repr(self.text[:20]) if self.text else "the end of the rule"


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found, foreign = _TOKEN.match(text, position), _FOREIGN.match(text, position)
        if foreign is not None and (found is None or foreign.end() > found.end()):
            raise RuleSyntaxError(
                f"{foreign.group()!r} is no part of a rule; write {_MISTAKES[foreign.group()]}", text, position
            )
        if found is None:
            raise RuleSyntaxError(f"{text[position]!r} is no part of a rule", text, position)
        yield _Token(str(found.lastgroup), found.group(), position)
        position = found.end()
    yield _Token("end", "", len(text))


class _Parser:
    """Precedence climbing over a list of tokens; ``place`` is the next token to read."""

    def __init__(self, text: str, latents: Mapping[str, int], alphabet: int | None) -> None:
        self.text, self.latents, self.alphabet = text, latents, alphabet
        self.tokens = list(_tokens(text))
        self.place = 0
        self.nesting = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def fail(self, reason: str, token: _Token) -> NoReturn:
        raise RuleSyntaxError(reason, self.text, token.position)

    def whole(self) -> Expression:
        tree = self.expression(0)
        if self.next.kind != "end":
            self.fail_after_operand("the end of the rule")
        return tree

    def expression(self, loosest: int) -> Expression:
        """Operators that bind at least as tightly as ``INFIX[loosest]``; a run of one operator is one node."""
        self.descend()
        tree = self.operand()
        while self.next.meaning in INFIX and (level := INFIX.index(self.next.meaning)) >= loosest:
            operator, operands = self.next, [tree]
            while self.next.meaning == operator.meaning:
                self.take()
                operands.append(self.expression(level + 1))
            tree = self.operation(operator, operands)
        self.nesting -= 1
        return tree

    def descend(self) -> None:
        # An operation costs at most two levels of this parser: its operand, and the parenthesis around that.
        self.nesting += 1
        if self.nesting > 2 * MAX_DEPTH + 4:
            self.fail(f"the rule nests more than {MAX_DEPTH} levels; write it flatter", self.next)

    def operation(self, token: _Token, operands: Sequence[Expression], threshold: int | None = None) -> Operation:
        if depth_over(operands) > MAX_DEPTH:
            self.fail(f"the rule nests more than {MAX_DEPTH} levels; write it flatter", token)
        return Operation(token.meaning, tuple(operands), threshold)

    def operand(self) -> Expression:
        token = self.next
        if token.meaning == "not":
            self.descend()
            self.take()
            tree = self.operation(token, [self.operand()])
            self.nesting -= 1
            return tree
        if token.text in ("true", "false"):
            return Truth(self.take().text == "true")
        if token.text in FUNCTIONS:
            return self.function(self.take())
        if token.text == "(":
            self.take()
            tree = self.expression(0)
            self.close()
            return tree
        return self.comparison()

    def function(self, name: _Token) -> Expression:
        if self.next.text != "(":
            self.fail(f"expected '(' after {name.text!r}, found {self.next.shown}", self.next)
        self.take()
        threshold = None
        if name.text in COUNTS:
            threshold = self.threshold(name)
        operands = [self.expression(0)]
        while self.next.text == ",":
            self.take()
            operands.append(self.expression(0))
        self.close()
        return self.operation(name, operands, threshold)

    def threshold(self, name: _Token) -> int:
        if self.next.kind != "number":
            self.fail(f"expected the number t of {name.text}(t, ...), found {self.next.shown}", self.next)
        value = self.number(self.take()).value
        if self.next.text != ",":
            self.fail(f"expected ',' and the rules that {name.text} counts, found {self.next.shown}", self.next)
        self.take()
        return value

    def close(self) -> None:
        if self.next.text != ")":
            self.fail_after_operand("')'")
        self.take()

    def comparison(self) -> Expression:
        first, left = self.next, self.side("a latent, a number, 'not', 'true', 'false', a function or '('")
        relation = self.next
        if relation.text not in RELATIONS:
            if isinstance(left, Number):
                self.fail("a number is no truth value: compare it with a latent, or write 'true' or 'false'", first)
            return left
        self.take()
        right = self.side(f"a latent or a number after {relation.text!r}")
        if self.next.text in RELATIONS:
            self.fail("comparisons do not chain: join two of them with 'and'", self.next)
        if isinstance(left, Number) and isinstance(right, Number):
            self.fail("a comparison needs a latent on one side", first)
        for side, token in ((left, first), (right, self.tokens[self.place - 1])):
            self.check_constant(side, token)
        return Comparison(relation.text, left, right)

    def side(self, expected: str) -> Latent | Number:
        token = self.next
        if token.kind == "number":
            return self.number(self.take())
        if token.kind != "word" or token.text in RESERVED:
            self.fail(f"expected {expected}, found {token.shown}", token)
        if token.text not in self.latents:
            self.fail_unknown(token)
        return Latent(self.latents[self.take().text])

    def number(self, token: _Token) -> Number:
        if len(token.text) > 9:
            self.fail("a number has at most 9 digits", token)
        return Number(int(token.text))

    def check_constant(self, side: Latent | Number, token: _Token) -> None:
        if self.alphabet is not None and isinstance(side, Number) and side.value >= self.alphabet:
            self.fail(f"no latent takes the value {side.value}: the values are 0..{self.alphabet - 1}", token)

    def fail_unknown(self, token: _Token) -> NoReturn:
        called = self.tokens[self.place + 1].text == "("
        candidates = FUNCTIONS if called else (*itertools.islice(self.latents, _COMPARED), "not", "true", "false")
        known = "" if called else f" The latents are {self.listing()}."
        advice = _nearest(token.text, candidates, cutoff=0.0)
        self.fail(f"unknown {'function' if called else 'latent'} {token.shown}{advice}{known}", token)

    def listing(self) -> str:
        names = list(self.latents)
        return ", ".join(names if len(names) <= 8 else [*names[:3], "...", names[-1]]) or "none"

    def fail_after_operand(self, closing: str) -> NoReturn:
        token = self.next
        advice = _nearest(token.text, INFIX, cutoff=0.6) if token.kind == "word" else ""
        if token.text in RELATIONS:
            advice = f"; {token.text!r} compares latents and numbers, between truth values write '<->' or '^'"
        self.fail(f"expected an operator or {closing}, found {token.shown}{advice}", token)


def _nearest(word: str, candidates: Iterable[str], cutoff: float) -> str:
    """Advice that names the candidate closest to ``word``, capitals aside."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word[:100].casefold(), folded, n=1, cutoff=cutoff)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""
