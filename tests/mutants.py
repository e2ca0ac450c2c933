"""Small mistakes in a source text, one at a time: every mutant of a file, and a draw of them by seed.

Comparisons, arithmetic, constants, and/or, ``not``, arguments, keywords, slices, branches, returned values, statements.
Docstrings, annotations, decorators, imports, asserts, error texts and ``__repr__`` are left alone, and so is what only
a GPU could tell apart.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

ON_A_GPU = {"device", "non_blocking"}  # keywords that change nothing on a CPU
OTHER: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Add,), ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.Add,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,), ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}  # fmt: skip
TYPED = {"isinstance", "np.issubdtype", "getattr"}  # to swap their arguments is an error anyone sees
TWINS = {"min": "max", "any": "all", "amin": "amax", "floor": "ceil", "sum": "prod", "zeros": "ones", "log": "exp"}
TWINS |= {twin: name for name, twin in TWINS.items()}


@dataclass(frozen=True)
class Mutant:
    """One replacement in one file; ``where`` is the function around it, lines are joined and stripped in the key."""

    file: str
    where: str
    line: int
    old: bytes
    new: bytes
    before: str
    after: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.file, self.where, self.before, self.after

    def diff(self) -> str:
        old, new = self.old.decode().splitlines(), self.new.decode().splitlines()
        changed = [d for d in difflib.unified_diff(old, new, n=0, lineterm="") if d[:3] not in ("---", "+++")]
        return "\n".join([f"{self.file}:{self.line} in {self.where}", *(f"    {line}" for line in changed[1:])])


def changed(node: ast.AST, **fields: object) -> ast.AST:
    """A copy with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def shifted(value: ast.expr, by: int) -> ast.expr:
    if isinstance(value, ast.Constant):
        return ast.Constant(value.value + by)
    return ast.BinOp(value, ast.Add(), ast.Constant(by))


def without(items: list, at: int) -> list:
    return items[:at] + items[at + 1 :]


def variants(node: ast.AST, returns: str) -> Iterator[tuple[ast.AST, ast.AST]]:
    """(a node, what may stand in its place); ``returns`` is the annotation of the function around it."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in OTHER[type(op)]:
                    yield node, changed(node, ops=[*ops[:at], other(), *ops[at + 1 :]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op):
            for other in OTHER.get(type(op), ()):
                yield node, changed(node, op=other())
        case ast.BoolOp(op=op, values=values):
            yield node, changed(node, op=OTHER[type(op)][0]())
            for at in range(len(values)):
                yield node, changed(node, values=without(values, at))
        case ast.UnaryOp(operand=operand) if not isinstance(operand, ast.Constant):
            yield node, operand
        case ast.Constant(value=bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(value=int() | float()):
            yield node, shifted(node, 1)
            yield node, shifted(node, -1)
        case ast.IfExp(body=body, orelse=orelse):
            yield node, changed(node, body=orelse, orelse=body)
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield test, negated(test)
        case ast.Call(func=func, args=args, keywords=keywords):
            for at in (at for at, keyword in enumerate(keywords) if keyword.arg not in ON_A_GPU):
                yield node, changed(node, keywords=without(keywords, at))
            for at in range(len(args) - 1 if ast.unparse(func) not in TYPED else 0):
                yield node, changed(node, args=[*args[:at], args[at + 1], args[at], *args[at + 2 :]])
            if isinstance(func, ast.Name) and func.id in TWINS:
                yield node, changed(node, func=ast.Name(TWINS[func.id]))
            if isinstance(func, ast.Attribute) and func.attr in TWINS:
                yield node, changed(node, func=changed(func, attr=TWINS[func.attr]))
        case ast.Slice(lower=lower, upper=upper):
            for name, bound in (("lower", lower), ("upper", upper)):
                if bound is not None:
                    yield node, changed(node, **{name: None})
                    yield node, changed(node, **{name: shifted(bound, 1)})
        case ast.ListComp(generators=loops) | ast.SetComp(generators=loops) | ast.GeneratorExp(generators=loops):
            if loops[0].ifs:
                yield node, changed(node, generators=[changed(loops[0], ifs=[]), *loops[1:]])
        case ast.Return(value=ast.Tuple(elts=elts)) if len(elts) > 1:
            yield node, ast.Return(ast.Tuple([elts[1], elts[0], *elts[2:]]))
        case ast.Return(value=ast.expr() as value) if returns.startswith(("int", "float", "Float", "Int")):
            yield node, ast.Return(shifted(value, 1))
        case ast.Return(value=ast.expr() as value) if returns.startswith(("bool", "Bool")):
            yield node, ast.Return(ast.UnaryOp(ast.Not() if returns == "bool" else ast.Invert(), value))
    removable = isinstance(node, ast.Raise | ast.Continue | ast.AugAssign)
    removable |= isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    removable |= isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    if removable:
        yield node, ast.Pass()
    if isinstance(node, ast.Break | ast.Continue):
        yield node, ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def sites(node: ast.AST, where: str, returns: str) -> Iterator[tuple[str, list[tuple[ast.AST, ast.AST]]]]:
    """(function around it, variants) of every node that may be changed."""
    if found := list(variants(node, returns)):
        yield where, found
    inside: list[ast.AST] = list(ast.iter_child_nodes(node))
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
            return
        case ast.FunctionDef(name=name, body=body, args=args):
            if name == "__repr__":
                return
            where, returns = f"{where}.{name}", ast.unparse(node.returns) if node.returns else ""
            inside = [*args.defaults, *(d for d in args.kw_defaults if d), *body]
        case ast.ClassDef(name=name, body=body):
            where, inside = f"{where}.{name}", list(body)
        case ast.AnnAssign(value=value):
            inside = [] if value is None else [value]
    for child in inside:
        yield from sites(child, where, returns)


def place(text: bytes, line: int, column: int) -> int:
    return sum(len(part) for part in text.splitlines(keepends=True)[: line - 1]) + column


def mutants_of(file: str, root: Path) -> list[list[Mutant]]:
    """All mutants of a file, by site."""
    old = (root / file).read_bytes()

    def made(where: str, node: ast.AST, other: ast.AST) -> Mutant:
        text = ast.unparse(ast.fix_missing_locations(other))
        bare = isinstance(other, ast.stmt | ast.Slice | ast.Call | ast.GeneratorExp | ast.Name)
        bare |= isinstance(other, ast.Constant) and not text.startswith("-")
        start, end = place(old, node.lineno, node.col_offset), place(old, node.end_lineno, node.end_col_offset)
        new = old[:start] + (text if bare else f"({text})").encode() + old[end:]
        low, high = old.rfind(b"\n", 0, start) + 1, old.find(b"\n", end)
        before, after = old[low:high], new[low : high + len(new) - len(old)]
        lines = (" ".join(part.decode().split()) for part in (before, after))
        return Mutant(file, where.strip(".") or "module", node.lineno, old, new, *lines)

    found = [[made(where, *pair) for pair in pairs] for where, pairs in sites(ast.parse(old), "", "")]
    return [kept for site in found if (kept := [m for m in site if compiles(m.new)])]


def compiles(text: bytes) -> bool:
    with contextlib.suppress(SyntaxError, ValueError):
        compile(text, "mutant", "exec")
        return True
    return False


def drawn(files: tuple[str, ...], count: int, seed: int, root: Path) -> list[Mutant]:
    """``count`` mutants, at different sites as long as there are any."""
    rng = random.Random(seed)
    found = [site for file in files for site in mutants_of(file, root)]
    rng.shuffle(found)
    for site in found:
        rng.shuffle(site)
    one_by_one = (m for m in chain(*zip_longest(*found)) if m is not None and m.before != m.after)
    return list(islice(one_by_one, count))
