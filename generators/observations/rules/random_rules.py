"""Random families of logic rules, as texts that a person can read: Horn clauses, DNF, random formulas.

A family is fixed by its arguments and ``structure_seed``. Its rules differ pairwise as functions of the latents, none
is constant, and none names a latent on which it does not depend. ``compile_rules(texts, N)`` makes them observations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from generators.ground.draws import structure_rng
from generators.ground.memory import check_memory
from generators.observations.rules.rule import MAX_TABLE, truth_table
from generators.observations.rules.syntax import MAX_LATENTS
from generators.observations.rules.tree import INFIX, Comparison, Expression, Latent, Number, Operation

_BYTES_PER_RULE = 300  # a text, its tree's table, and the key under which it is known

_HORN_TAG, _DNF_TAG, _FORMULA_TAG = 0x401, 0x402, 0x403


def horn_rules(n_latents: int, n_rules: int, *, body: int = 2, structure_seed: int) -> tuple[str, ...]:
    """Definite Horn clauses over binary latents, ``(x1 and x4) implies x3``: ``body`` latents imply another one.

    A clause is false on one of its ``2**(body + 1)`` assignments only, and the all-0 and the all-1 latents satisfy
    every clause: the observations of a Horn family never tell these two apart.

    Returns:
        ``n_rules`` different texts, heads and bodies uniform.
    Raises:
        ValueError: ``body < 1``, ``body >= n_latents``, too many latents, more rules than there are clauses.
    """
    _check_sizes(n_latents, n_rules)
    if not 1 <= body < n_latents:
        raise ValueError(f"a Horn clause needs 1 <= body < N; got body = {body}, N = {n_latents}.")
    existing = n_latents * math.comb(n_latents - 1, body)
    if n_rules > existing:
        raise ValueError(
            f"only {existing} Horn clauses with body {body} exist over N = {n_latents}; got n_rules = {n_rules}."
        )

    def draw(rng: np.random.Generator) -> Expression:
        head, *premises = (int(i) for i in rng.permutation(n_latents)[: body + 1])
        return Operation("implies", (_join("and", [Latent(i) for i in sorted(premises)]), Latent(head)))

    return _family(draw, n_rules, 2, structure_rng(structure_seed, _HORN_TAG))


def dnf_rules(
    n_latents: int,
    n_rules: int,
    *,
    terms: int,
    width: int,
    structure_seed: int,
    arity: int | None = None,
    latent_alphabet: int = 2,
    balanced: bool = False,
) -> tuple[str, ...]:
    """Disjunctions of ``terms`` different conjunctions of ``width`` literals, ``(x0 and not x2) or (x1 and x2)``.

    A literal is ``x`` or ``not x`` for bits, ``x == c`` or ``x != c`` otherwise, each with probability 1/2.

    Args:
        arity: latents that one rule may read at most, by default as many as it has literals; a conjunction draws its
            distinct latents uniformly among them.
        balanced: keep only rules that hold on a share of 1/4 to 3/4 of the assignments of their scope.
    Raises:
        ValueError: ``width > arity``, ``arity > n_latents``, a table too large, or fewer such rules than asked for.
    """
    _check_sizes(n_latents, n_rules)
    limit = min(n_latents, terms * width) if arity is None else arity
    _check_arity(limit, n_latents, latent_alphabet)
    if terms < 1 or not 1 <= width <= limit:
        raise ValueError(
            f"a DNF needs terms >= 1, 1 <= width <= arity; got {terms} terms, width {width}, arity {limit}."
        )
    literals = 2 if latent_alphabet == 2 else 2 * latent_alphabet
    if terms > (existing := math.comb(limit, width) * literals**width):
        raise ValueError(f"only {existing} conjunctions of width {width} over {limit} latents; got terms = {terms}.")

    def draw(rng: np.random.Generator) -> Expression:
        readable = rng.permutation(n_latents)[:limit]
        chosen: dict[Expression, None] = {}  # an ordered set
        while len(chosen) < terms:
            scope = np.sort(rng.permutation(readable)[:width]).tolist()
            chosen[_join("and", [_literal(i, latent_alphabet, rng) for i in scope])] = None
        return _join("or", list(chosen))

    return _family(draw, n_rules, latent_alphabet, structure_rng(structure_seed, _DNF_TAG), balanced=balanced)


def random_formulas(
    n_latents: int,
    n_rules: int,
    *,
    size: int,
    structure_seed: int,
    arity: int | None = None,
    latent_alphabet: int = 2,
    balanced: bool = False,
    immune: bool = False,
) -> tuple[str, ...]:
    """Random binary trees of and, or, xor, implies and iff over ``size`` literals, ``(x3 xor not x0) implies x5``.

    A tree is split at a uniform place, its operator is uniform, a literal is as in :func:`dnf_rules`. A formula reads
    its latents equally often (give or take one), and never the same latent twice in a row.

    Args:
        size: literals of a formula.
        arity: latents of a formula, exactly; by default ``min(size, n_latents)``.
        balanced: keep only formulas that hold on a share of 1/4 to 3/4 of the assignments of their scope.
        immune: keep only formulas about which no single latent says anything, the latents being uniform (correlation
            immunity of order 1, Siegenthaler 1984; parity and NAE have it): easy forwards, but backwards no single
            rule says anything about a single latent. Of size 6 and arity 4, one draw in about twenty is immune.
    Raises:
        ValueError: ``arity > size``, ``arity > n_latents``, a table too large, or fewer such formulas than asked for.
    """
    _check_sizes(n_latents, n_rules)
    count = min(size, n_latents) if arity is None else arity
    _check_arity(count, n_latents, latent_alphabet)
    if size < count:
        raise ValueError(f"a formula of size {size} cannot name {count} latents; use size >= arity.")

    def draw(rng: np.random.Generator) -> Expression:
        readable = rng.permutation(n_latents)[:count]
        return _grow(_leaves(readable.tolist(), size, rng), latent_alphabet, rng)

    return _family(
        draw, n_rules, latent_alphabet, structure_rng(structure_seed, _FORMULA_TAG), balanced=balanced, immune=immune
    )


def _family(
    draw: Callable[[np.random.Generator], Expression],
    n_rules: int,
    alphabet: int,
    rng: np.random.Generator,
    *,
    balanced: bool = False,
    immune: bool = False,
) -> tuple[str, ...]:
    found: dict[tuple[tuple[int, ...], bytes], str] = {}
    idle = 0
    while len(found) < n_rules:
        tree = draw(rng)
        scope, table = truth_table(tree, alphabet)
        known = len(found)
        fits = (0.25 <= table.mean() <= 0.75 or not balanced) and (_is_immune(table) or not immune)
        if fits and _depends_on_all(table):
            found.setdefault((scope, table.tobytes()), str(tree))
        idle = idle + 1 if len(found) == known else 0
        if idle > 5_000 + 50 * known:  # the last of known + 1 equally likely rules is overlooked once in e**50
            raise ValueError(
                f"found {known} different rules of the {n_rules} asked for and no further one in {idle} draws; "
                "ask for fewer rules, or allow larger ones or more latents."
            )
    return tuple(found.values())


def _depends_on_all(table: np.ndarray) -> bool:
    """Whether every axis matters; a rule that names at least one latent is then not constant either."""
    return all((table != table.take([0], axis=axis)).any() for axis in range(table.ndim))


def _is_immune(table: np.ndarray) -> bool:
    """Whether fixing any one latent to any value leaves the number of true cells, in proportion, as it was."""
    flat = (np.moveaxis(table, axis, 0).reshape(len(table), -1) for axis in range(table.ndim))
    return all(len(set(halves.sum(axis=1, dtype=np.int64).tolist())) == 1 for halves in flat)


def _join(operator: str, parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else Operation(operator, tuple(parts))


def _literal(latent: int, alphabet: int, rng: np.random.Generator) -> Expression:
    positive = bool(rng.integers(2))
    if alphabet > 2:
        return Comparison("==" if positive else "!=", Latent(latent), Number(int(rng.integers(alphabet))))
    return Latent(latent) if positive else Operation("not", (Latent(latent),))


def _leaves(readable: Sequence[int], size: int, rng: np.random.Generator) -> list[int]:
    """Shuffled rounds of all latents, cut to ``size``; a round that would repeat the last latent is turned around."""
    leaves: list[int] = []
    while len(leaves) < size:
        turn = rng.permutation(readable).tolist()
        leaves += turn[::-1] if leaves[-1:] == turn[:1] else turn
    return leaves[:size]


def _grow(leaves: Sequence[int], alphabet: int, rng: np.random.Generator) -> Expression:
    if len(leaves) == 1:
        return _literal(leaves[0], alphabet, rng)
    cut = int(rng.integers(1, len(leaves)))
    operator = INFIX[int(rng.integers(len(INFIX)))]
    return Operation(operator, (_grow(leaves[:cut], alphabet, rng), _grow(leaves[cut:], alphabet, rng)))


def _check_sizes(n_latents: int, n_rules: int) -> None:
    if n_latents > MAX_LATENTS:
        raise ValueError(f"rules speak of at most {MAX_LATENTS} latents; got n_latents = {n_latents}.")
    if n_rules > 10**4:  # below it nobody asks how much memory there is
        check_memory(_BYTES_PER_RULE * n_rules, what=f"a family of {n_rules} rules", advice="Ask for fewer rules.")


def _check_arity(arity: int, n_latents: int, alphabet: int) -> None:
    if not 1 <= arity <= n_latents:
        raise ValueError(f"arity = {arity} must lie in 1..N = {n_latents}.")
    if alphabet < 2 or alphabet**arity > MAX_TABLE:
        raise ValueError(
            f"rules over {arity} latents with {alphabet} values need m >= 2 and tables of at most {MAX_TABLE} entries; "
            "lower arity."
        )
