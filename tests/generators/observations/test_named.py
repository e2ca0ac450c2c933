"""Named predicates against one-line definitions in plain Python, and the rates that papers state."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from generators.observations import named_tables as named

DEFINITIONS = {
    "nae-3": (named.nae(arity=3), lambda z: len(set(z)) > 1),
    "nae-2, m = 4": (named.nae(arity=2, latent_alphabet=4), lambda z: z[0] != z[1]),
    "nae-4, m = 3": (named.nae(arity=4, latent_alphabet=3), lambda z: not z[0] == z[1] == z[2] == z[3]),
    "parity-4": (named.parity(arity=4), lambda z: z[0] ^ z[1] ^ z[2] ^ z[3]),
    "sum mod 3": (named.parity(arity=3, latent_alphabet=3), lambda z: sum(z) % 3),
    "threshold 2 of 4": (named.threshold(arity=4, at_least=2), lambda z: z.count(1) >= 2),
    "majority-5": (named.majority(arity=5), lambda z: z.count(1) > z.count(0)),
    "clause": (named.clause([True, False, True]), lambda z: z[0] or not z[1] or z[2]),
    "1-in-3": (named.t_in_k(1, arity=3), lambda z: z.count(1) == 1),
    "2-in-4": (named.t_in_k(2, arity=4), lambda z: z.count(1) == 2),
    "{1,4}-in-5": (named.t_in_k([1, 4], arity=5), lambda z: z.count(1) in {1, 4}),
    "all different, m = 4": (named.all_different(arity=3, latent_alphabet=4), lambda z: len(set(z)) == 3),
    "not equal, m = 5": (named.not_equal(5), lambda z: z[0] != z[1]),
    "P4": (named.p4(), lambda z: (z[0] + z[1] + z[2] * z[3]) % 2),
    "P5": (named.p5(), lambda z: (z[0] + z[1] + z[2] + z[3] * z[4]) % 2),
    "a bit": (named.parity(arity=1), lambda z: z[0]),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_table_is_the_definition(name):
    table, rule = DEFINITIONS[name]
    for z in itertools.product(range(table.shape[0]), repeat=table.ndim):
        assert table[z] == int(rule(z))


@pytest.mark.parametrize(
    ("table", "rate"),
    [
        (named.nae(arity=3), Fraction(3, 4)),
        (named.nae(arity=5), Fraction(15, 16)),
        (named.nae(arity=3, latent_alphabet=5), Fraction(24, 25)),
        (named.parity(arity=6), Fraction(1, 2)),
        (named.clause([True] * 4), Fraction(15, 16)),
        (named.t_in_k(1, arity=3), Fraction(3, 8)),
        (named.t_in_k(1, arity=4), Fraction(1, 4)),
        (named.t_in_k(2, arity=4), Fraction(3, 8)),
        (named.all_different(arity=3, latent_alphabet=3), Fraction(2, 9)),
        (named.not_equal(5), Fraction(4, 5)),
        (named.majority(arity=3), Fraction(1, 2)),
        (named.p4(), Fraction(1, 2)),
        (named.p5(), Fraction(1, 2)),
    ],
)
def test_the_rate_of_ones_is_the_known_one(table, rate):
    assert Fraction(int(table.sum()), table.size) == rate


def test_a_clause_is_false_on_one_assignment():
    signs = [True, False, False, True]
    assert np.argwhere(named.clause(signs) == 0).tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(
    "table",
    [
        named.nae(arity=4, latent_alphabet=3),
        named.parity(arity=4, latent_alphabet=3),
        named.all_different(arity=3, latent_alphabet=5),
        named.t_in_k(2, arity=5),
    ],
)
def test_symmetric_predicates_ignore_the_order_of_a_scope(table):
    for axes in itertools.permutations(range(table.ndim)):
        assert (table.transpose(axes) == table).all()


@pytest.mark.parametrize("table", [named.parity(arity=3), named.p5()])
def test_goldreich_like_predicates_are_balanced_whatever_few_latents_show(table):
    """Fixing any two latents of P5, or of the 3-parity, leaves 0 and 1 equally likely: resilience."""
    for axes in itertools.combinations(range(table.ndim), 2):
        for values in itertools.product((0, 1), repeat=2):
            rest = np.moveaxis(table, axes, (0, 1))[values]
            assert rest.sum() * 2 == rest.size


def test_parity_over_a_large_alphabet_is_not_cut_to_a_byte():
    assert Counter(named.parity(arity=1, latent_alphabet=300).tolist()) == Counter(range(300))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: named.nae(arity=0), "arity 0"),
        (lambda: named.nae(arity=3, latent_alphabet=1), "alphabet 1"),
        (lambda: named.parity(arity=21), r"2\*\*21 = 2097152"),
        (lambda: named.majority(arity=4), "got 4"),
        (lambda: named.t_in_k(4, arity=3), r"got \[4\]"),
        (lambda: named.t_in_k([1, -1], arity=3), r"got \[1, -1\]"),
        (lambda: named.clause([]), "arity 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
