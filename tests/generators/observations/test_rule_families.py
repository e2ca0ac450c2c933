"""Random rule families: readable, different, never constant, fixed by the seed, and jointly telling of the latents."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.observations.rules.random_rules import dnf_rules, horn_rules, random_formulas
from generators.observations.rules.rule import LogicRule, compile_rules

SEEDS = st.integers(0, 2**32)


def horn(seed: int) -> LogicRule:
    return compile_rules(horn_rules(6, 18, structure_seed=seed), 6)


def dnf(seed: int) -> LogicRule:
    return compile_rules(dnf_rules(6, 18, terms=3, width=2, structure_seed=seed), 6)


def narrow_dnf(seed: int) -> LogicRule:
    return compile_rules(dnf_rules(6, 18, terms=3, width=2, arity=3, balanced=True, structure_seed=seed), 6)


def ternary_dnf(seed: int) -> LogicRule:
    return compile_rules(
        dnf_rules(5, 12, terms=2, width=2, latent_alphabet=3, structure_seed=seed), 5, latent_alphabet=3
    )


def formulas(seed: int) -> LogicRule:
    return compile_rules(random_formulas(6, 18, size=3, balanced=True, structure_seed=seed), 6)


def immune(seed: int) -> LogicRule:
    return compile_rules(random_formulas(6, 9, size=5, arity=4, balanced=True, immune=True, structure_seed=seed), 6)


def ternary_formulas(seed: int) -> LogicRule:
    return compile_rules(
        random_formulas(5, 12, size=6, arity=2, latent_alphabet=3, structure_seed=seed), 5, latent_alphabet=3
    )


FAMILIES = [horn, dnf, narrow_dnf, ternary_dnf, formulas, immune, ternary_formulas]


def depends_on(table: np.ndarray, axis: int) -> bool:
    return any(not np.array_equal(table.take(0, axis=axis), cut) for cut in np.moveaxis(table, axis, 0))


def ambiguity_bits(rule: LogicRule) -> float:
    """H(latents | observations) in bits for uniform latents, by enumeration."""
    latents = np.array(list(itertools.product(range(rule.latent_alphabet), repeat=rule.n_latents)), dtype=np.uint8)
    _, sizes = np.unique(rule.evaluate(latents.T.copy()).T, axis=0, return_counts=True)
    return float((sizes * np.log2(sizes)).sum() / len(latents))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=3, deadline=None)
@given(seed=SEEDS)
def test_rules_differ_and_depend_on_every_latent_they_name(family: Callable[[int], LogicRule], seed: int) -> None:
    rule = family(seed)
    assert family(seed).rules == rule.rules
    assert all(depends_on(table, axis) for table in rule.tables for axis in range(table.ndim))
    assert all(0 < table.mean() < 1 for table in rule.tables)
    scopes = [tuple(scope[:arity]) for scope, arity in zip(rule.scopes.tolist(), rule.arities, strict=True)]
    assert len({(scope, t.tobytes()) for scope, t in zip(scopes, rule.tables, strict=True)}) == len(rule.rules)


@pytest.mark.parametrize("family", FAMILIES)
def test_another_seed_is_another_family(family: Callable[[int], LogicRule]) -> None:
    assert len({family(seed).rules for seed in range(5)}) == 5


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, body=st.integers(1, 4))
def test_horn_clauses_look_like_horn_clauses(seed: int, body: int) -> None:
    premises = "x[0-5]" if body == 1 else rf"\(x[0-5]( and x[0-5]){{{body - 1}}}\)"
    texts = horn_rules(6, 10, body=body, structure_seed=seed)
    assert all(re.fullmatch(premises + " implies x[0-5]", text) for text in texts)
    assert all(len(set(re.findall(r"\d", text))) == body + 1 for text in texts)
    assert all(table.sum() == table.size - 1 for table in compile_rules(texts, 6).tables)


def test_all_horn_clauses_can_be_had_and_no_more() -> None:
    assert len(set(horn_rules(6, 60, structure_seed=0))) == 60
    with pytest.raises(ValueError, match="only 60 Horn clauses"):
        horn_rules(6, 61, structure_seed=0)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_a_dnf_is_a_disjunction_of_different_conjunctions(seed: int) -> None:
    for text in dnf_rules(8, 6, terms=3, width=2, arity=4, structure_seed=seed):
        terms = text.split(" or ")
        assert len(set(terms)) == 3
        assert all(re.fullmatch(r"\((not )?x[0-7] and (not )?x[0-7]\)", term) for term in terms)
        assert all(len(set(re.findall(r"\d", term))) == 2 for term in terms)
        assert len(set(re.findall(r"\d", text))) <= 4


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, arity=st.integers(1, 4), extra=st.integers(0, 3))
def test_formulas_have_their_size_and_arity(seed: int, arity: int, extra: int) -> None:
    for text in random_formulas(7, 4, size=arity + extra, arity=arity, structure_seed=seed):
        names = re.findall(r"x\d", text)
        assert len(names) == arity + extra
        assert len(set(names)) == arity
        assert arity == 1 or all(a != b for a, b in itertools.pairwise(names))


@settings(max_examples=3, deadline=None)
@given(seed=SEEDS)
def test_balanced_and_immune_mean_what_they_say(seed: int) -> None:
    assert all(0.25 <= table.mean() <= 0.75 for rule in (narrow_dnf(seed), formulas(seed)) for table in rule.tables)
    for table in immune(seed).tables:
        assert all(table.take(0, axis=axis).mean() == table.mean() for axis in range(table.ndim))


def test_without_the_options_the_filters_would_bite() -> None:
    """Negative control of the test above: plain formulas are neither all balanced nor all immune."""
    tables = compile_rules(random_formulas(6, 40, size=4, structure_seed=0), 6).tables
    assert any(not 0.25 <= table.mean() <= 0.75 for table in tables)
    assert any(table.take(0, axis=0).mean() != table.mean() for table in tables)


def test_formulas_together_determine_the_latents_and_horn_clauses_cannot() -> None:
    """N = 6, P = 18, as in the hardness experiment; exact by enumeration, so no false alarms."""
    assert max(ambiguity_bits(formulas(seed)) for seed in range(10)) < 0.1
    assert min(ambiguity_bits(horn(seed)) for seed in range(10)) >= 2 / 64


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: horn_rules(3, 1, body=3, structure_seed=0), "1 <= body < N"),
        (lambda: horn_rules(3, 1, body=0, structure_seed=0), "1 <= body < N"),
        (lambda: dnf_rules(3, 1, terms=1, width=4, structure_seed=0), "1 <= width <= arity"),
        (lambda: dnf_rules(3, 1, terms=0, width=1, arity=2, structure_seed=0), "terms >= 1"),
        (lambda: dnf_rules(3, 1, terms=5, width=1, arity=2, structure_seed=0), "only 4 conjunctions"),
        (lambda: dnf_rules(99, 1, terms=3, width=9, structure_seed=0), "at most 1048576 entries"),
        (lambda: random_formulas(3, 1, size=4, arity=4, structure_seed=0), r"must lie in 1\.\.N = 3"),
        (lambda: random_formulas(3, 1, size=2, arity=3, structure_seed=0), "cannot name 3 latents"),
        (lambda: random_formulas(3, 1, size=0, structure_seed=0), "arity = 0"),
        (lambda: random_formulas(1, 3, size=1, structure_seed=0), "found 2 different rules of the 3"),
        (lambda: random_formulas(3, 1, size=2, latent_alphabet=1, structure_seed=0), "m >= 2"),
    ],
)
def test_impossible_families_are_refused(draw: Callable[[], tuple[str, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
