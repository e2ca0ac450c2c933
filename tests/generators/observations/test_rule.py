"""Logic rules: the language against Python's own booleans, tables against trees, errors at their exact place."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.observations.function import noiseless_tables
from generators.observations.rules.rule import LogicRule, compile_rules, evaluate_rule, scope_of, truth_table
from generators.observations.rules.syntax import RuleSyntaxError, latent_index, parse_rule
from generators.observations.rules.tree import (
    INFIX,
    MAX_DEPTH,
    RELATIONS,
    Comparison,
    Expression,
    Latent,
    Number,
    Operation,
    Truth,
    format_rule,
)

N, M = 4, 3
LATENTS = latent_index(N)
COMPARE = {"==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt}


def reference(tree: Expression, z: Sequence[int]) -> bool:
    """The meaning of a tree, one assignment at a time and operator by operator; shares no code with the package."""
    if isinstance(tree, Truth):
        return tree.value
    if isinstance(tree, Latent):
        return z[tree.index] != 0
    if isinstance(tree, Comparison):
        sides = (side.value if isinstance(side, Number) else z[side.index] for side in (tree.left, tree.right))
        return COMPARE[tree.relation](*sides)
    assert isinstance(tree, Operation)
    true = [reference(operand, z) for operand in tree.operands]
    if tree.operator == "implies":
        return true[0] <= (true[1] if len(true) == 2 else reference(Operation("implies", tree.operands[1:]), z))
    if tree.operator == "iff":
        return true.count(False) % 2 == 0
    return {
        "not": not true[0],
        "and": all(true),
        "or": any(true),
        "xor": sum(true) % 2 == 1,
        "parity": sum(true) % 2 == 1,
        "at_least": sum(true) >= (tree.threshold or 0),
        "at_most": sum(true) <= (tree.threshold or 0),
        "exactly": sum(true) == (tree.threshold or 0),
    }[tree.operator]


def assignments(n: int = N, m: int = M) -> np.ndarray:
    return np.array(list(itertools.product(range(m), repeat=n)), dtype=np.uint8).T


Plan = Expression | tuple[str, list["Plan"], int | None]  # a leaf, or operator, operands and threshold


def operations(children: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    none, several = st.none(), st.lists(children, min_size=1, max_size=4)
    return st.one_of(
        st.tuples(st.just("not"), st.lists(children, min_size=1, max_size=1), none),
        st.tuples(st.sampled_from(INFIX), st.lists(children, min_size=2, max_size=4), none),
        st.tuples(st.just("parity"), several, none),
        st.tuples(st.sampled_from(["at_least", "at_most", "exactly"]), several, st.integers(0, 4)),
    )


def grow(plan: Plan) -> Expression:
    """The tree of a plan; outside the strategies, for the checks of a tuple field draw from ``random``."""
    if isinstance(plan, Expression):
        return plan
    operator, operands, threshold = plan
    return Operation(operator, tuple(map(grow, operands)), threshold)


LEAVES = st.one_of(
    st.builds(Latent, st.integers(0, N - 1)),
    st.builds(Truth, st.booleans()),
    st.builds(
        Comparison,
        st.sampled_from(RELATIONS),
        st.builds(Latent, st.integers(0, N - 1)),
        st.builds(Latent, st.integers(0, N - 1)) | st.builds(Number, st.integers(0, M - 1)),
    ),
    st.builds(
        Comparison,
        st.sampled_from(RELATIONS),
        st.builds(Number, st.integers(0, M - 1)),
        st.builds(Latent, st.integers(0, N - 1)),
    ),
)
PLANS = st.recursive(LEAVES, operations, max_leaves=12)


@settings(max_examples=50, deadline=None)
@given(plan=PLANS)
def test_a_printed_rule_parses_to_the_same_tree(plan: Plan) -> None:
    tree = grow(plan)
    assert parse_rule(str(tree), LATENTS, M) == tree
    names = ("rain", "sprinkler", "wet", "x0")
    assert parse_rule(format_rule(tree, names), latent_index(N, names), M) == tree


@settings(max_examples=50, deadline=None)
@given(plans=st.lists(PLANS, min_size=1, max_size=5))
def test_tables_agree_with_trees_and_with_the_meaning_of_the_operators(plans: list[Plan]) -> None:
    trees, columns = [grow(plan) for plan in plans], assignments()
    expected = np.array([[reference(tree, z) for z in columns.T.tolist()] for tree in trees])
    assert np.array_equal(np.stack([evaluate_rule(tree, columns) for tree in trees]), expected)
    rule = LogicRule(tuple(map(str, trees)), N, M)
    assert np.array_equal(rule.evaluate(columns), expected)
    assert rule.evaluate(columns).dtype == np.uint8


@settings(max_examples=50, deadline=None)
@given(data=st.data(), size=st.integers(1, 10))
def test_not_and_or_bind_as_they_do_in_python(data: st.DataObject, size: int) -> None:
    words = []
    for _ in range(size):
        words += ["not"] * data.draw(st.integers(0, 2))
        words += data.draw(st.sampled_from([["x0"], ["x1"], ["x2", "==", "x3"], ["x3", "!=", "1"], ["x1", "<", "x2"]]))
        words += [data.draw(st.sampled_from(["and", "or"]))]
    text = " ".join(words[:-1])
    found = evaluate_rule(parse_rule(text, LATENTS, M), assignments())
    for value, z in zip(found, assignments().T.tolist(), strict=True):
        assert value == bool(eval(text, {f"x{i}": z[i] for i in range(N)}))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("x0 xor x1 and x2", lambda a, b, c, d: a ^ (b & c)),
        ("x0 and x1 xor x2", lambda a, b, c, d: (a & b) ^ c),
        ("x0 or x1 xor x2", lambda a, b, c, d: a | (b ^ c)),
        ("x0 xor x1 or x2", lambda a, b, c, d: (a ^ b) | c),
        ("x0 or x1 implies x2", lambda a, b, c, d: (a | b) <= c),
        ("x0 implies x1 or x2", lambda a, b, c, d: a <= (b | c)),
        ("x0 implies x1 implies x2", lambda a, b, c, d: a <= (b <= c)),
        ("x0 implies x1 implies x2 implies x3", lambda a, b, c, d: a <= (b <= (c <= d))),
        ("(x0 implies x1) implies x2", lambda a, b, c, d: (a <= b) <= c),
        ("x0 implies x1 iff x2 implies x3", lambda a, b, c, d: (a <= b) == (c <= d)),
        ("x0 iff x1 iff x2", lambda a, b, c, d: (a == b) == c),
        ("x0 iff x1 xor x2 iff x3", lambda a, b, c, d: (a == (b ^ c)) == d),
        ("not x0 xor x1", lambda a, b, c, d: (not a) ^ b),
        ("not x0 implies x1", lambda a, b, c, d: (not a) <= b),
        ("not x0 == x1", lambda a, b, c, d: a != b),
        ("not (x0 or x1) and x2", lambda a, b, c, d: (not (a or b)) and c),
        ("x0 == x1 xor x2 != x3", lambda a, b, c, d: (a == b) ^ (c != d)),
        ("~x0&x1|x2^x3->x0<->x1", lambda a, b, c, d: ((((not a) and b) or (c ^ d)) <= a) == b),
        ("parity(x0, x1 or x2, true)", lambda a, b, c, d: a ^ (b | c) ^ True),
        ("at_least(2, x0, x1, x2)", lambda a, b, c, d: a + b + c >= 2),
        ("at_least(2, x0, x0, x2)", lambda a, b, c, d: a),
        ("at_most(1, x0, not x1, x2)", lambda a, b, c, d: a + (not b) + c <= 1),
        ("exactly(0, x0, x1 -> x2)", lambda a, b, c, d: not a and not (b <= c)),
        ("true", lambda a, b, c, d: True),
        ("x0 and false", lambda a, b, c, d: False),
    ],
)
def test_precedence_and_meaning(text: str, meaning: Callable[..., bool]) -> None:
    columns = assignments(4, 2)
    expected = [bool(meaning(*map(bool, z))) for z in columns.T]
    assert evaluate_rule(parse_rule(text, LATENTS), columns).tolist() == expected
    assert compile_rules(text, 4).evaluate(columns)[0].tolist() == expected


def test_symbols_and_words_are_the_same_rule() -> None:
    symbols = parse_rule("~x0 & x1 | x2 ^ x3 -> x0 <-> x1", LATENTS)
    assert symbols == parse_rule("not x0 and x1 or x2 xor x3 implies x0 iff x1", LATENTS)
    assert parse_rule("x0\n  and\tx1", LATENTS) == parse_rule("x0 and x1", LATENTS)


def test_a_bare_latent_means_not_zero() -> None:
    columns = assignments()
    bare, written = (evaluate_rule(parse_rule(text, LATENTS), columns) for text in ("x1", "x1 != 0"))
    assert np.array_equal(bare, written)
    assert bare.sum() == 2 * M ** (N - 1)


@pytest.mark.parametrize(
    ("text", "position", "fragments"),
    [
        ("x0 & & x1", 5, ("expected a latent", "found '&'")),
        ("x0 and", 6, ("expected a latent", "found the end of the rule")),
        ("and x0", 0, ("expected a latent", "found 'and'")),
        ("x0 x1", 3, ("expected an operator", "found 'x1'")),
        ("x0 AND x1", 3, ("found 'AND'", "did you mean 'and'?")),
        ("(x0 or x1", 9, ("expected an operator or ')'", "found the end")),
        ("x0 or x1)", 8, ("the end of the rule", "found ')'")),
        ("()", 1, ("expected a latent", "found ')'")),
        ("x0 = x1", 3, ("'=' is no part of a rule", "'=='")),
        ("x0 and !x1", 7, ("'!' is no part", "'not' or '~'")),
        ("x0 - x1", 3, ("'-' is no part", "'->'")),
        ("x0 $ x1", 3, ("'$' is no part of a rule",)),
        ("x0 == ", 6, ("expected a latent or a number after '=='",)),
        ("x0 == true", 6, ("expected a latent or a number after '=='", "found 'true'")),
        ("x0 == x1 == x2", 9, ("do not chain",)),
        ("(x0 | x1) == x2", 10, ("compares latents and numbers", "'<->'")),
        ("x0 or 1", 6, ("a number is no truth value",)),
        ("x0 or 1 == 2", 6, ("needs a latent on one side",)),
        ("x0 or x1 == 3", 12, ("no latent takes the value 3", "0..2")),
        ("7 != x1", 0, ("no latent takes the value 7",)),
        ("x0 == 12345678901", 6, ("at most 9 digits",)),
        ("x1 or x9", 6, ("unknown latent 'x9'", "did you mean 'x3'?")),
        ("at_leest(2, x0)", 0, ("unknown function 'at_leest'", "did you mean 'at_least'?")),
        ("parity x0", 7, ("expected '(' after 'parity'",)),
        ("parity()", 7, ("expected a latent", "found ')'")),
        ("at_least(x0, x1)", 9, ("expected the number t of at_least(t, ...)", "found 'x0'")),
        ("at_least(2)", 10, ("expected ','", "found ')'")),
        ("at_least(2, x0 x1)", 15, ("expected an operator or ')'",)),
        ("x0 and 3x1", 7, ("a number is no truth value",)),
        ("", 0, ("the rule is empty",)),
        ("  \n", 0, ("the rule is empty",)),
    ],
)
def test_a_syntax_error_says_where_and_what(text: str, position: int, fragments: tuple[str, ...]) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse_rule(text, LATENTS, M)
    error = caught.value
    assert (error.rule, error.position) == (text, position)
    assert all(fragment in error.reason for fragment in fragments), error.reason
    reason, shown, caret = str(error).split("\n")
    assert reason == f"{error.reason} (column {position + 1})"
    assert shown == "    " + text.replace("\n", " ")
    assert caret == " " * (4 + position) + "^"


def test_a_long_rule_is_shown_through_a_window_around_the_place() -> None:
    text = " and ".join(["x0"] * 500) + " and and " + " or ".join(["x1"] * 500)
    with pytest.raises(RuleSyntaxError) as caught:
        parse_rule(text, LATENTS)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 90
    assert shown.startswith("    ...")
    assert shown.endswith("...")
    assert shown[caret.index("^") :].startswith("and x1")


def test_the_nearest_of_the_given_names_is_named() -> None:
    with pytest.raises(
        RuleSyntaxError, match=r"unknown latent 'sprinkel'; did you mean 'sprinkler'\?.*rain, sprinkler"
    ):
        compile_rules("rain or sprinkel", names=("rain", "sprinkler", "wet"))
    with pytest.raises(RuleSyntaxError, match="did you mean 'Rain'"):
        compile_rules("rain", names=("Rain", "Wet"))
    with pytest.raises(RuleSyntaxError, match="unknown latent 'x0'"):
        compile_rules("x0", names=("Rain", "Wet"))


@pytest.mark.parametrize("names", [("a",), ("a", "a"), ("a", "and"), ("a", "1b"), ("a", ""), ("a", "b c")])
def test_unusable_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="name"):
        compile_rules("a", 2, names=names)


@pytest.mark.parametrize(
    ("text", "sign", "words"),
    [
        ("x0 => x1", "=>", "'implies' or '->'"),
        ("x0 ==> x1", "==>", "'implies' or '->'"),
        ("x0 <=> x1", "<=>", "'iff' or '<->'"),
        ("x0 && x1", "&&", "'and' or '&'"),
        ("x0 || x1", "||", "'or' or '|'"),
        ("!x0", "!", "'not' or '~'"),
        ("x0 ^^ x1", "^^", "'xor' or '^'"),
        ("x0 ⊕ x1", "⊕", "'xor' or '^'"),
        ("x0 = x1", "=", "'=='"),
        ("x0 =< x1", "=<", "'<='"),
        ("x0 <> x1", "<>", "'!='"),
        ("x0 - x1", "-", "'->' or '<->'"),
    ],
)
def test_signs_of_other_languages_are_told_their_words(text: str, sign: str, words: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        compile_rules(text, 2)
    assert caught.value.position == text.index(sign)
    assert caught.value.reason == f"rule 1 of 1: {sign!r} is no part of a rule; write {words}"


def test_an_error_in_one_of_many_rules_says_which_and_survives_pickling() -> None:
    with pytest.raises(RuleSyntaxError, match="rule 3 of 3: expected a latent") as caught:
        compile_rules(["x0", "x1", "x1 or"], 2)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.position == 5


@pytest.mark.parametrize("joint", [" and ", " xor ", " -> ", ", "])
def test_a_rule_of_ten_thousand_terms_over_few_latents_has_a_value(joint: str) -> None:
    terms = [f"x{i % 3}" for i in range(9_999)] + ["x3"]
    text = f"at_least(5000, {joint.join(terms)})" if joint == ", " else joint.join(terms)
    expected = {
        " and ": lambda z: min(z) == 1,
        " xor ": lambda z: (3333 * sum(z[:3]) + z[3]) % 2 == 1,
        " -> ": lambda z: min(z[:3]) == 0 or z[3] == 1,
        ", ": lambda z: 3333 * sum(z[:3]) + z[3] >= 5000,
    }[joint]
    columns = assignments(4, 2)
    assert compile_rules(text, 4).evaluate(columns)[0].tolist() == [expected(z) for z in columns.T.astype(int).tolist()]


def test_a_rule_too_wide_to_tabulate_names_the_number() -> None:
    for n, m, number in ((21, 2, "2097152"), (13, 3, "1594323"), (10_000, 3, r"about 10\*\*4771")):
        text = " and ".join(f"x{i}" for i in range(n))
        with pytest.raises(ValueError, match=number):
            compile_rules(text, n, latent_alphabet=m)
    assert compile_rules(" and ".join(f"x{i}" for i in range(20)), 20).tables[0].sum() == 1
    wide = parse_rule(" xor ".join(f"x{i}" for i in range(99)), latent_index(99))
    assert evaluate_rule(wide, np.ones((99, 3), dtype=np.uint8)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "x0" + ")" * 10_000,
        "not " * 10_000 + "x0",
        "x0 -> (" * 10_000,
        "x0 <-> x0 -> x0 | x0 ^ x0 & (" * 99,
    ],
)
def test_deep_nesting_is_an_error_with_a_place_never_a_recursion_error(text: str) -> None:
    with pytest.raises(RuleSyntaxError, match=f"nests more than {MAX_DEPTH} levels") as caught:
        compile_rules(text, 1)
    assert 0 < caught.value.position < len(text)


@pytest.mark.parametrize("shell", ["not {}", "x0 xor ({})", "({}) implies x0", "parity(x0, {})", "at_least(1, {}, x1)"])
def test_nesting_is_allowed_up_to_the_limit_and_prints_back(shell: str) -> None:
    text = "x1 == x2"
    for _ in range(MAX_DEPTH):
        text = shell.format(text)
    tree = parse_rule(text, LATENTS)
    assert parse_rule(str(tree), LATENTS) == tree
    assert evaluate_rule(tree, assignments()).shape == (M**N,)
    with pytest.raises(RuleSyntaxError, match="nests more than"):
        parse_rule(shell.format(text), LATENTS)
    with pytest.raises(ValueError, match=f"may nest {MAX_DEPTH} operations"):
        Operation("not", (tree,))


@settings(max_examples=50, deadline=None)
@given(
    words=st.lists(st.sampled_from(["x0", "x1", "3", "(", ")", ",", "and", "->", "~", "==", "parity", "at_most", "%"]))
)
def test_any_text_is_a_rule_or_a_syntax_error_inside_it(words: list[str]) -> None:
    text = " ".join(words)
    tree = error = None
    try:
        tree = parse_rule(text, LATENTS)
    except RuleSyntaxError as refusal:
        error = refusal
    assert (tree is not None and parse_rule(str(tree), LATENTS) == tree) or (error and 0 <= error.position <= len(text))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda: Operation("nand", (Latent(0), Latent(1))), "nand"),
        (lambda: Operation("and", (Latent(0),)), "two or more"),
        (lambda: Operation("not", (Latent(0), Latent(1))), "got 2"),
        (lambda: Operation("parity", ()), "got 0"),
        (lambda: Operation("at_least", (Latent(0),)), "threshold"),
        (lambda: Operation("and", (Latent(0), Latent(1)), 1), "threshold"),
        (lambda: Comparison("=", Latent(0), Number(1)), "relation"),
        (lambda: Comparison("==", Number(0), Number(1)), "needs a latent"),
    ],
)
def test_trees_that_no_text_could_say_are_refused(operation: Callable[[], Expression], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operation()


def test_the_table_lies_over_the_sorted_distinct_scope() -> None:
    scope, table = truth_table(parse_rule("x3 and not x1 or x3 and x1 == 2", LATENTS), M)
    assert scope == (1, 3) == scope_of(parse_rule("x3 != x1", LATENTS))
    assert table.tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 1]]


def test_scopes_of_unequal_rules_are_filled_with_idle_latents() -> None:
    rule = compile_rules(["x5", "true", "x1 and x4 and x2", "x0 or x3"], 6)
    assert rule.arities.tolist() == [1, 0, 3, 2]
    assert rule.scopes.tolist() == [[5, 0, 1], [0, 1, 2], [1, 2, 4], [0, 3, 1]]
    assert compile_rules("true", 1).scopes.tolist() == [[0]]
    for table, padded, arity in zip(rule.tables, noiseless_tables(rule), rule.arities, strict=True):
        assert np.array_equal(np.broadcast_to(table.reshape(table.shape + (1,) * (3 - int(arity))), (2, 2, 2)), padded)


def test_rules_of_one_table_keep_their_places() -> None:
    rule = compile_rules(["x0 and x1", "x2 or x3", "x3 and x2", "true", "x2 & x1", "false", "not false"], 4)
    columns = assignments(4, 2)
    assert np.array_equal(rule.evaluate(columns), [evaluate_rule(tree, columns) for tree in rule.trees])


def test_json_keeps_the_texts() -> None:
    rule = LogicRule(("rain | sprinkler -> wet", "rain==2"), 3, 3, ("rain", "sprinkler", "wet"))
    form = json.loads(json.dumps(rule.to_json()))
    again = LogicRule.from_json(form)
    assert again == rule
    assert again.rules == ("rain | sprinkler -> wet", "rain==2")
    assert again != LogicRule(("rain | sprinkler -> wet", "rain==1"), 3, 3, ("rain", "sprinkler", "wet"))
    assert pickle.loads(pickle.dumps(rule)) == rule


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rules": "x0"}, "logic rule: expected `array`, got `str` in rules; got 'x0'"),
        ({"rules": [1]}, r"expected `str`, got `int` in rules\[0\]; got 1"),
        ({"rules": []}, "at least one"),
        ({"n_latents": "2"}, "expected `int`, got `str` in n_latents; got '2'"),
        ({"n_latents": 0}, "at least one latent"),
        ({"latent_alphabet": 1}, r"2\.\.256"),
        ({"names": "ab"}, "expected `array . null`, got `str` in names; got 'ab'"),
        ({"extra": 1}, "unknown field 'extra'"),
    ],
)
def test_ill_formed_json_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogicRule.from_json(compile_rules("x0", 2).to_json() | change)


def test_missing_input_is_refused() -> None:
    form = compile_rules("x0", 2).to_json()
    del form["names"]
    with pytest.raises(ValueError, match="lacks the field 'names'"):
        LogicRule.from_json(form)
    with pytest.raises(ValueError, match="needs n_latents"):
        compile_rules("x0")
    with pytest.raises(ValueError, match="reads latent 3, but columns holds the 2"):
        evaluate_rule(parse_rule("x3", LATENTS), np.zeros((2, 5), dtype=np.uint8))
