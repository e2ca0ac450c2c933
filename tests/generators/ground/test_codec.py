"""JSON forms: exact, strict, and the same on every machine."""

from __future__ import annotations

import hashlib
import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from generators.ground.codec import array_from_json, array_to_json, fingerprint, strict_fields
from generators.observations.kinds import function_from_json
from generators.testing import observation_functions

DTYPES = [np.uint8, np.uint16, np.uint32, np.uint64, np.int64, np.float64]


def arrays():
    shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
    return st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@given(array=arrays())
def test_arrays_round_trip_exactly(array):
    if array.dtype == np.uint64:
        array = array // 2  # lists come back as int64
    back = array_from_json(json.loads(json.dumps(array_to_json(array))))
    assert back.shape == array.shape
    assert (back.view(np.uint8) == array.view(np.uint8)).all() if array.dtype == np.float64 else (back == array).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_arrays_keep_their_bytes_and_type(dtype):
    array = (np.arange(10_001) % 251).astype(dtype)
    form = json.loads(json.dumps(array_to_json(array)))
    assert set(form) == {"dtype", "shape", "base64"}
    back = array_from_json(form)
    assert back.dtype == dtype
    assert (back == array).all()
    assert array_to_json(array.astype(array.dtype.newbyteorder(">"))) == form


def test_small_integer_arrays_are_readable():
    assert array_to_json(np.array([[0, 1], [2, 3]], dtype=np.uint8)) == [[0, 1], [2, 3]]
    assert array_to_json(np.ones(10_000, dtype=np.uint8)) == [1] * 10_000


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([[0, 1], [2]], "rectangular"),
        ([0.5, 1], "must hold integers"),
        ([], "must hold integers"),
        (["a"], "must hold integers"),
        ([2**70], "must hold integers"),
        ({"dtype": "<f8", "shape": [2]}, "lacks the field 'base64'"),
        ({"dtype": "<f8", "shape": [2], "base64": "AAAA", "order": "C"}, "unknown field 'order'"),
        ({"dtype": "|O", "shape": [1], "base64": ""}, r"'\|O' is not supported"),
        ({"dtype": "<f8", "shape": [2], "base64": "AAAAAAAAAAA="}, r"do not fill its shape \[2\]"),
        ({"dtype": "<f8", "shape": [1], "base64": "AAAA"}, "do not fill"),
        ({"dtype": "<f8", "shape": [1], "base64": "?!"}, "do not fill"),
        ({"dtype": "<f8", "shape": [1], "base64": "AAAAA?AAAAAA="}, "do not fill"),  # eight bytes without the ?
        ({"dtype": "<f8", "shape": ["x"], "base64": "AAAAAAAAAAA="}, "do not fill"),
    ],
)
def test_bad_arrays_are_refused(form, message):
    with pytest.raises(ValueError, match=message):
        array_from_json(form)


def test_fields_are_strict():
    strict_fields({"a": 1, "b": 2}, {"a"}, optional=frozenset({"b"}), what="thing")
    with pytest.raises(ValueError, match="thing has an unknown field 'scope'; the nearest known one is 'scopes'"):
        strict_fields({"tabel": 1, "scope": 1, "scopes": 2, "table": 3}, {"scopes", "table"}, what="thing")
    with pytest.raises(ValueError, match="thing lacks the field 'a'"):
        strict_fields({"b": 2}, {"a", "b"}, what="thing")
    bare = inspect.unwrap(strict_fields)  # without the check of its annotations
    with pytest.raises(ValueError, match="the JSON form of a thing is an object; got list"):
        bare(["a"], {"a"}, what="thing")


@settings(max_examples=60)
@given(function=observation_functions(4))
def test_every_kind_of_function_round_trips(function):
    form = json.loads(json.dumps(function.to_json(), allow_nan=False))
    back = function_from_json(form)
    assert back == function
    assert type(back) is type(function)
    columns = np.indices((2,) * 4).reshape(4, -1).astype(np.uint8)
    assert (back.evaluate(columns) == function.evaluate(columns)).all()
    assert (back.noise, back.alphabet, back.latent_alphabet) == (
        function.noise,
        function.alphabet,
        function.latent_alphabet,
    )


@settings(max_examples=60)
@given(function=observation_functions(4), data=st.data())
def test_every_kind_refuses_unknown_and_missing_fields(function, data):
    form = function.to_json()
    with pytest.raises(ValueError, match="unknown field 'colour'"):
        function_from_json({**form, "colour": 1})
    field = data.draw(st.sampled_from(sorted(set(form) - {"kind"})))
    with pytest.raises(ValueError, match=f"lacks the field '{field}'"):
        function_from_json({key: value for key, value in form.items() if key != field})


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"kind": "hash"}, "unknown kind 'hash'.*'keyed_hash'"),
        ({}, "with a 'kind'"),
        ({"kind": None}, "unknown kind None"),
    ],
)
def test_unknown_kinds_are_refused(form, message):
    with pytest.raises(ValueError, match=message):
        function_from_json(form)


def test_the_fingerprint_is_sha256_of_the_canonical_json():
    form = {"b": [1, 2.5], "a": {"d": None, "c": "ü"}}
    assert fingerprint(form) == hashlib.sha256(b'{"a":{"c":"\\u00fc","d":null},"b":[1,2.5]}').hexdigest()[:16]
    assert fingerprint({"a": form["a"], "b": form["b"]}) == fingerprint(form)
    with pytest.raises(ValueError, match="JSON"):
        fingerprint({"a": float("nan")})
