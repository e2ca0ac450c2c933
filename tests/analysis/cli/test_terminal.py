"""No output ends in an encoding error, whatever the terminal can spell."""

from __future__ import annotations

import io
import sys

import pytest

from analysis.cli import main as cli
from analysis.cli.terminal import NEAREST, write_what_can_be_written

ENCODINGS = ("ascii", "latin-1", "cp1252")
NETWORK = ("--layers", "1", "--width", "16", "--heads", "2", "--batch-size", "16")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "größe → λ"
    family = ("nae-sat", "--n-latents", "4", "--n-observations", "6")
    assert cli.main(["train", "--out", str(folder), "--steps", "1", "--quiet", *NETWORK, *family]) == 0
    return folder


def printed(monkeypatch, encoding: str, *words: object) -> tuple[int, str]:
    """Exit code and all output of a call on a terminal of this encoding, which refuses every other character."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", streams[0])
        patched.setattr(sys, "stderr", streams[1])
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    for stream in streams:
        stream.flush()
    return code, "".join(stream.buffer.getvalue().decode(encoding) for stream in streams)


@pytest.mark.parametrize("encoding", ENCODINGS)
class TestEveryCommand:
    @pytest.mark.parametrize("words", ["", "train", "sample sudoku", "evaluate sudoku"])
    def test_help(self, encoding, words, monkeypatch):
        code, text = printed(monkeypatch, encoding, *words.split(), "--help")
        assert code == 0
        assert "usage: lo-theory" in text

    def test_a_wrong_word(self, encoding, monkeypatch):
        code, text = printed(monkeypatch, encoding, "sample", "--modèl→")
        assert code == 2
        assert "usage" in text or "options" in text

    def test_sample(self, encoding, model, monkeypatch):
        code, text = printed(monkeypatch, encoding, "sample", "--model", model, "--show", "--rule", "path-planning")
        assert code == 0
        assert "observations agree" in text

    def test_evaluate(self, encoding, model, monkeypatch, tmp_path):
        out = tmp_path / "größe → λ.csv"
        code, text = printed(monkeypatch, encoding, "evaluate", "--model", model, "--rows", 4, "--out", out)
        assert code == 0
        assert "gap_nats_per_token" in text
        assert out.exists()

    def test_a_puzzle(self, encoding, monkeypatch):
        code, text = printed(monkeypatch, encoding, "sample", "sudoku", "--side", 4, "--show")
        assert code == 0
        assert "cells right" in text

    def test_puzzles(self, encoding, monkeypatch, tmp_path):
        file = tmp_path / "größe → λ.txt"
        file.write_text("1.....3..2.....4\n")
        code, text = printed(monkeypatch, encoding, "evaluate", "sudoku", "--puzzles", file)
        assert code == 0
        assert "boards right" in text

    def test_an_error(self, encoding, monkeypatch, tmp_path):
        code, text = printed(monkeypatch, encoding, "sample", "--model", tmp_path / "größe → λ")
        assert code == 2
        assert text.startswith("lo-theory: ")
        assert "holds no distribution.json" in text

    def test_a_rule_in_other_signs(self, encoding, monkeypatch, tmp_path):
        words = ("generate", "--out", tmp_path, "--rows", 3, "rules", "--n-latents", 3, "--rules", "x0 ⇒ x1")
        code, text = printed(monkeypatch, encoding, *words)
        assert code == 2
        assert "write 'implies' or '->'" in text


def test_characters_become_what_looks_most_like_them():
    write_what_can_be_written()
    assert "╭──┬─╮│█░·→é≤λ".encode("ascii", NEAREST) == b"+--+-+|##.->e<=?"
    assert "é·█".encode("cp1252", NEAREST) == "é·#".encode("cp1252")
    assert "\udce4".encode("utf-8", NEAREST) == b"?"  # a byte of a file name that is no UTF-8
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", NEAREST)


def test_what_stands_in_for_a_stream_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    write_what_can_be_written()
    print("λ")
    assert sys.stdout.getvalue() == "λ\n"
