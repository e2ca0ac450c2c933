"""Units: what is encoded is decoded again, and what they cannot say is named."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.text.units import LETTERS, Bytes, Characters, Tokenizer, Units

TEXTS = ["the cat sat on the mat. ", "the dog sat on the log. "] * 20
whole = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(whole)
def test_bytes_give_the_text_back(text):
    tokens = Bytes().encode(text)
    assert tokens.dtype == np.uint8
    assert Bytes().decode(tokens) == text


def test_bytes_of_half_a_character_are_decoded_all_the_same():
    assert Bytes().decode(Bytes().encode("aé")[:2]) == "a\ufffd"


@given(st.text("zyxé \n", min_size=1, max_size=40))
def test_characters_give_the_text_back(text):
    units = Characters("zyxé \n")
    tokens = units.encode(text)
    assert units.decode(tokens) == text
    assert tokens.tolist() == [units.alphabet.index(letter) for letter in text]


@given(whole)
def test_letters_stand_for_any_text(text):
    found = LETTERS.decode(LETTERS.encode(text))
    expected = re.sub("[^a-z]+", " ", text.lower())
    assert found == expected


def test_the_alphabet_of_a_text():
    assert Characters.of(["baa", "cb"]).alphabet == "abc"


@given(whole)
def test_a_trained_tokenizer_gives_the_text_back(text):
    pytest.importorskip("tokenizers")
    units = trained()
    tokens = units.encode(text)
    assert units.decode(tokens) == text
    assert ((tokens >= 0) & (tokens < units.vocabulary)).all()


def trained() -> Tokenizer:
    return Tokenizer.trained(TEXTS, 280)


def test_a_tokenizer_is_read_from_its_file_and_sent_to_workers(tmp_path):
    pytest.importorskip("tokenizers")
    units = trained()
    assert 256 < units.vocabulary <= 280
    assert len(units.encode(TEXTS[0])) < len(TEXTS[0])
    (tmp_path / "tokenizer.json").write_text(units.text)
    read = Tokenizer.read(tmp_path / "tokenizer.json")
    assert read == units
    assert (pickle.loads(pickle.dumps(read)).encode("the cat") == units.encode("the cat")).all()
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=re.escape("other.json holds no tokenizer")):
        Tokenizer.read(tmp_path / "other.json")
    with pytest.raises(ValueError, match=re.escape("got 100. Use Bytes().")):
        Tokenizer.trained(TEXTS, 100)


def test_units_are_told_apart_by_their_form():
    units: list[Units] = [Bytes(), LETTERS, Characters("ab"), Characters("ba"), Characters("ab", other="a")]
    forms = [str(one.to_json()) for one in units]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Characters("a"), "an alphabet has at least two characters, each once; got 1 characters."),
        (lambda: Characters("aba"), "each once; got 'a' twice."),
        (lambda: Characters("ab", other="c"), "other must be one of the alphabet's characters, or None"),
        (
            lambda: Characters("abc").encode("abdc"),
            "character 2 of the text is 'd', which the alphabet of 3 characters",
        ),
        (lambda: Bytes().encode("ab\ud800"), "half of a surrogate pair"),
    ],
)
def test_what_they_cannot_say_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
