"""Corpora: files of every kind read as they are, windows that are functions of their number, and texts kept apart."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.text import documents, overlap
from generators.text.corpus import Corpus, Splits, check_apart, read_corpus
from generators.text.documents import hugging_face
from generators.text.overlap import shared
from generators.text.units import LETTERS, Bytes, Characters
from generators.text.windows import TextWindows
from lo_theory.learning.source import FixedRows, FreshRows, RowSource

RECORDS = ["first text", "second, with é", "third\nwith lines"]


def noise(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(97, 123, size=n, dtype=np.uint8)


def written(folder, kind: str):
    """The records as a file of some kind."""
    if kind == "jsonl":
        path = folder / "records.jsonl"
        path.write_text("\n".join(json.dumps({"id": i, "text": text}) for i, text in enumerate(RECORDS)) + "\n\n")
    elif kind == "parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        path = folder / "records.parquet"
        parquet.write_table(pa.table({"text": [*RECORDS, None]}), path)
    else:
        path = folder / "records"
        path.mkdir()
        for number, text in enumerate(RECORDS):
            (path / f"{number}.txt").write_bytes(text.encode())
        (path / ".hidden").write_text("not this")
    return path


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "folder"])
def test_records_become_one_text(kind, tmp_path):
    path = written(tmp_path, kind)
    corpus, letters = read_corpus(path), read_corpus(path, units=LETTERS)
    assert corpus.units.decode(corpus.tokens) == "\n\n".join(RECORDS)
    assert letters.units.decode(letters.tokens) == "first text second with third with lines"
    assert letters.digest != corpus.digest


def test_a_dataset_of_the_library_is_streamed():
    pytest.importorskip("datasets")
    with tempfile.TemporaryDirectory() as folder:  # the library takes "test" in a path for the name of a split
        (data := Path(folder) / "data").mkdir()
        written(data, "parquet")
        corpus = Corpus.of(hugging_face(str(data), cache_dir=f"{folder}/cache"), name="three records")
        with pytest.raises(ValueError, match=re.escape("has no column 'words'; it has text. Say which: field=...")):
            list(hugging_face(str(data), field="words", cache_dir=f"{folder}/cache"))
    assert corpus.units.decode(corpus.tokens) == "\n\n".join(RECORDS)


@settings(max_examples=30)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), piece=st.integers(1, 50))
def test_a_file_is_read_in_pieces_and_as_it_is(text, piece, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "PIECE", piece)
        corpus = read_corpus(path)
    assert corpus.tokens.tobytes() == text.encode()
    assert corpus.digest == Corpus.of([text]).digest


def test_another_encoding(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes(b"x" * 2_000_000 + "né".encode("latin-1") + b"!")
    with pytest.raises(ValueError, match=re.escape("old.txt is no utf-8: byte 2000001 is 0xe9")):
        read_corpus(path)
    assert read_corpus(path, encoding="latin-1").units.decode(read_corpus(path, encoding="latin-1").tokens[-3:]) == "é!"
    assert read_corpus(path, errors="replace").tokens[-1] == ord("!")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "empty.txt holds no text: it has no tokens."),
        ("empty.jsonl", b"\n\n", "empty.jsonl holds no text: it has no tokens."),
        ("bad.jsonl", b'{"text": "a"}\n{oh', "bad.jsonl, line 2 is no JSON"),
        ("list.jsonl", b"[1]", "line 1 has no field 'text', but the value [1]."),
        ("other.jsonl", b'{"body": "a"}', "line 1 has no field 'text', but the fields body. Say which"),
        ("number.jsonl", b'{"text": 3}', "line 1: 'text' holds 3 (int), which is no text."),
        ("latin.jsonl", b'{"text": "\xe9"}', "latin.jsonl is no utf-8: byte 10 is 0xe9"),
    ],
)
def test_what_holds_no_text_is_refused(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_corpus(tmp_path / name)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape("nowhere does not exist; a corpus is a text file")):
        read_corpus(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=re.escape("has no file that fits '**/*.txt'")):
        read_corpus(tmp_path, pattern="**/*.txt")
    parquet = written(tmp_path, "parquet")
    with pytest.raises(ValueError, match=re.escape("has no column 'body'; it has text. Say which: field=...")):
        read_corpus(parquet, field="body")


def test_a_separator_is_encoded_like_the_text():
    assert Corpus.of(["ab", "", "ba"], units=Characters("ab"), separator="").tokens.tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match=re.escape(r"is '\n', which the alphabet of 2 characters lacks")):
        Corpus.of(["ab", "ba"], units=Characters("ab"))


def test_tokens_are_checked_and_kept_read_only():
    for tokens, message in (([0, 2], "range(2); got values from 0 to 2"), ([[0]], "shape (1, 1), not (T,)")):
        with pytest.raises(ValueError, match=re.escape(message)):
            Corpus("x", np.array(tokens), Characters("ab"))
    with pytest.raises(ValueError, match="read-only"):
        Corpus("x", np.array([0, 1]), Characters("ab")).tokens[0] = 1


@settings(max_examples=40)
@given(
    size=st.integers(1, 60),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**40),
    start=st.integers(0, 10**9),
    data=st.data(),
)
def test_windows_are_a_stream_that_can_be_cut_anywhere(size, share, seed, start, data):
    corpus = Corpus("noise", noise(size, size))
    windows = TextWindows(corpus, 1 + int(share * (size - 1)))
    rows, cut = windows.rows(seed, start, start + 9), data.draw(st.integers(0, 9))
    assert (
        np.concatenate([windows.rows(seed, start, start + cut), windows.rows(seed, start + cut, start + 9)]) == rows
    ).all()
    text = corpus.tokens.tobytes()
    assert all(row.astype(np.uint8).tobytes() in text for row in rows)
    assert rows.shape == (9, windows.length)


def test_every_place_is_as_likely_as_any_other():
    """60 places, 60,000 windows: each share within 5 standard errors, a false alarm in 10^4 such tests."""
    windows = TextWindows(Corpus("counting", np.arange(64), Bytes()), 5)
    counts = np.bincount(windows.rows(0, 0, 60_000)[:, 0], minlength=60)
    assert counts.size == windows.places == 60
    assert (abs(counts - 1000) < 5 * np.sqrt(1000)).all()


def test_consecutive_windows_are_the_text():
    corpus = Corpus("noise", noise(0, 103))
    rows = TextWindows(corpus, 10).consecutive()
    assert (rows.ravel() == corpus.tokens[:100]).all()


def test_a_fingerprint_says_text_units_and_length():
    base = Corpus.of(["abba" * 9], units=Characters("ab"))
    others = [Corpus.of(["abab" * 9], units=Characters("ab")), Corpus.of(["abba" * 9]), base]
    lengths = [4, 4, 5]
    names = {TextWindows(corpus, length).fingerprint for corpus, length in zip(others, lengths, strict=True)}
    assert len(names | {TextWindows(base, 4).fingerprint}) == 4
    renamed = Corpus("another name", base.tokens, base.units)
    assert TextWindows(renamed, 4).fingerprint == TextWindows(base, 4).fingerprint


def test_windows_are_rows_to_train_on():
    windows = TextWindows(Corpus("noise", noise(1, 500)), 16)
    fresh = FreshRows(windows, sample_seed=3, batch_size=8)
    fixed = FixedRows(windows.rows(3, 0, 20), windows.fingerprint, windows.vocabulary, batch_size=8)
    assert isinstance(fresh, RowSource)
    assert (fresh.batch(2).numpy() == windows.rows(3, 16, 24)).all()
    assert fixed.batch(0).shape == (8, 16)
    assert fresh.fingerprint == fixed.fingerprint == windows.fingerprint


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (8, "a window of 8 tokens is longer than noise, which has 7. Use shorter windows"),
        (0, "length must be at least 1"),
    ],
)
def test_windows_that_do_not_fit_are_refused(length, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TextWindows(Corpus("noise", noise(0, 7)), length)
    with pytest.raises(ValueError, match="start=2, stop=1"):
        TextWindows(Corpus("noise", noise(0, 7)), 3).rows(0, 2, 1)


def test_a_split_is_the_text_in_three_pieces():
    corpus = Corpus("noise", noise(2, 1000))
    parts = corpus.split(validation=0.2, test=0.1)
    pieces = [parts.train, parts.validation, parts.test]
    assert [len(part) for part in pieces] == [700, 200, 100]
    assert (np.concatenate([part.tokens for part in pieces]) == corpus.tokens).all()
    for shares in ((0, 0.1), (0.5, 0.5)):
        with pytest.raises(ValueError, match=re.escape("the shares of validation and test must be positive")):
            corpus.split(*map(float, shares))


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), block=st.sampled_from([1, 2, 4, 8]), sizes=st.tuples(*[st.integers(0, 90)] * 2))
def test_shared_blocks_are_those_of_a_plain_search(seed, block, sizes):
    rng = np.random.default_rng(seed)
    one, other = (rng.integers(2, size=size, dtype=np.uint8) for size in sizes)
    blocks = [one[at : at + block].tobytes() for at in range(0, len(one) - block + 1, block)]
    assert shared(one, other, block).tolist() == [piece in other.tobytes() for piece in blocks]


def test_every_place_of_the_other_text_is_compared(monkeypatch):
    monkeypatch.setattr(overlap, "_PIECE", 7)
    other = noise(5, 50)
    assert all(shared(other[at : at + 4], other, 4).all() for at in range(47))


def test_a_validation_text_within_the_training_text_is_refused():
    train, other = Corpus("train", noise(3, 5000)), Corpus("validation", noise(4, 1000))
    check_apart(other, train)
    inside = Corpus("validation", np.concatenate([other.tokens[:640], train.tokens[777:1137]]))
    message = (
        "validation lies within train: 33.3% of its passages of 64 tokens are there, at most 5.0% may be; the first"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        check_apart(inside, train)
    with pytest.raises(ValueError, match=re.escape("validation lies within train")):
        Splits(train, Corpus("validation", train.tokens[40:90]), other)
    with pytest.raises(ValueError, match="test lies within validation"):
        Splits(train, other, Corpus("test", other.tokens))
    with pytest.raises(ValueError, match="has other units than train"):
        check_apart(Corpus("validation", np.array([0, 1]), Characters("ab")), train)
    with pytest.raises(ValueError, match="block must be a power of two; got 48"):
        shared(train.tokens, other.tokens, 48)
