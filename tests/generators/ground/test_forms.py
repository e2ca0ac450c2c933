"""What a JSON form may hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.ground.codec import seal, unseal
from generators.ground.forms import Count, Form, Hex16, Positive, Sha256, read_form


class Part(Form):
    name: str
    rows: Positive


class Whole(Form):
    parts: list[Part]
    fingerprint: Hex16
    seed: Count
    rate: float = 0.0


GOOD = {"parts": [{"name": "a", "rows": 1}], "fingerprint": "0" * 16, "seed": 0}


def test_a_right_form_is_read_and_what_may_be_absent_has_its_default():
    read = read_form(GOOD | {"rate": 1}, Whole, what="thing")
    assert read == Whole(parts=[Part(name="a", rows=1)], fingerprint="0" * 16, seed=0, rate=1.0)
    assert read_form(GOOD, Whole, what="thing").rate == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": True}, r"^thing: expected `int`, got `bool` in seed; got True\.$"),
        ({"seed": -1}, r"in seed; got -1\."),
        ({"seed": 2**63}, r"in seed; got 9223372036854775808\."),
        ({"seed": "1"}, r"in seed; got '1'\."),
        ({"seed": 1.0}, r"in seed; got 1\.0\."),
        ({"parts": [{"name": "a", "rows": 0}]}, r"in parts\[0\]\.rows; got 0\."),
        ({"parts": [{"name": "a"}]}, r"missing required field `rows` in parts\[0\]"),
        ({"parts": {"a": 1}}, r"expected `array`, got `object` in parts"),
        ({"fingerprint": "0" * 15 + "G"}, r"in fingerprint"),
        ({"rate": "0.5"}, r"in rate; got '0\.5'\."),
        ({"ratio": 0.5}, r"^thing has an unknown field 'ratio'; the nearest known one is 'rate'\.$"),
    ],
)
def test_a_wrong_one_is_refused_with_field_and_value(change, message):
    with pytest.raises(ValueError, match=message):
        read_form(GOOD | change, Whole, what="thing")


@pytest.mark.parametrize("form", [None, [], "x", 1, {}])
def test_other_things_than_objects_and_empty_ones(form):
    with pytest.raises(ValueError, match=r"^the JSON form of a thing is an object|^thing lacks the field"):
        read_form(form, Whole, what="thing")


def test_lists_and_digests_are_read_as_well():
    assert read_form([1, 2], list[int], what="numbers") == [1, 2]
    assert read_form("a" * 64, Sha256, what="digest") == "a" * 64
    with pytest.raises(ValueError, match=r"^numbers: expected `int`, got `str` in \[1\]; got '2'\.$"):
        read_form([1, "2"], list[int], what="numbers")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(form=st.dictionaries(st.text(max_size=6), json_values, max_size=4), name=st.text(max_size=6), value=json_values)
def test_a_seal_survives_the_file_and_no_other_field(form, name, value):
    form.pop("digest", None)
    sealed = json.loads(json.dumps(seal(form)))
    assert unseal(sealed, what="thing") == (form, True)
    assert unseal(form, what="thing") == (form, False)
    changed = sealed | {name: value}
    if name == "digest" or json.dumps(changed, sort_keys=True) == json.dumps(sealed, sort_keys=True):
        return
    with pytest.raises(ValueError, match="digest is not that of its other fields"):
        unseal(changed, what="thing")
