"""Traces in files: what is written is what happened, and what is read is what was written, in either form."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from lo_theory.denoisers.function import FunctionDenoiser
from lo_theory.samplers.decoder import margin, remdm
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.remask import capped
from lo_theory.samplers.trace import Trace
from lo_theory.samplers.trace_file import read_trace, trace_table, write_trace

LENGTH, VOCABULARY = 5, 3
PROBS = torch.softmax(torch.randn(LENGTH, VOCABULARY, generator=torch.Generator().manual_seed(0)).double(), dim=1)


def answers(tokens):
    return PROBS.log().expand(len(tokens), -1, -1)


def decoded(decoder, top=2, rows=3):
    start = torch.full((rows, LENGTH), VOCABULARY)
    start[0, 1] = 0
    denoiser = FunctionDenoiser(answers, LENGTH, VOCABULARY)
    return decode(denoiser, start, decoder, torch.Generator().manual_seed(1), top=top)


@pytest.mark.parametrize("decoder", [margin(2), remdm(8, capped(0.5))], ids=["margin", "remdm"])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_there_and_back(decoder, ending, tmp_path):
    table = trace_table(decoded(decoder).trace)
    write_trace(tmp_path / f"trace.{ending}", table)
    again = read_trace(tmp_path / f"trace.{ending}")
    for name, column in vars(table).items():
        assert np.array_equal(getattr(again, name), column, equal_nan=column.dtype.kind == "f"), name
        assert getattr(again, name).dtype == column.dtype


def test_the_table_is_the_run():
    """Replayed event by event it gives the sequences; each number is that of the denoiser's answer there."""
    run = decoded(remdm(8, capped(0.5)))
    table = trace_table(run.trace)
    assert table.remasked.any(), "the case should cover returns to mask"
    tokens = torch.full((3, LENGTH), VOCABULARY)
    tokens[0, 1] = 0
    for row, position, token in zip(table.row, table.position, table.token, strict=True):
        tokens[row, position] = VOCABULARY if token < 0 else int(token)
    assert torch.equal(tokens, run.tokens)
    assert (np.diff(table.step) >= 0).all()
    log_probs = PROBS.log().numpy()
    for event in np.flatnonzero(~table.remasked):
        here = log_probs[table.position[event]]
        assert table.log_prob[event] == here[table.token[event]]
        assert table.entropy[event] == pytest.approx(-(np.exp(here) * here).sum())
        best = np.argsort(-here)[:2]
        assert table.top_token[event].tolist() == best.tolist()
        assert table.top_log_prob[event].tolist() == here[best].tolist()
    assert np.isnan(table.score[table.remasked]).all()
    assert (table.top_token[table.remasked] == -1).all()


def test_more_values_than_there_are_and_none():
    assert trace_table(decoded(margin(), top=9).trace).top_token.shape[1] == VOCABULARY
    assert trace_table(decoded(margin(), top=0).trace).top_token.shape == (3 * LENGTH - 1, 0)
    assert trace_table(Trace((), 2, LENGTH)).row.shape == (0,)


def test_impossible_values_survive_the_file(tmp_path):
    sure = FunctionDenoiser(lambda t: torch.tensor([0.0, -math.inf]).expand(*t.shape, 2), 2, 2)
    run = decode(sure, torch.full((1, 2), 2), margin(), torch.Generator().manual_seed(0), top=2)
    write_trace(tmp_path / "t.jsonl", trace_table(run.trace))
    assert '"-inf"' in (tmp_path / "t.jsonl").read_text()
    assert read_trace(tmp_path / "t.jsonl").top_log_prob.tolist() == [[0.0, -math.inf]] * 2


def test_refusals(tmp_path):
    table = trace_table(decoded(margin()).trace)
    with pytest.raises(ValueError, match=r"\.jsonl or \.parquet; got 'trace\.csv'"):
        write_trace(tmp_path / "trace.csv", table)
    write_trace(tmp_path / "t.jsonl", table)
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    good = json.loads(lines[1])
    wrong = [
        {"row": 1.7}, {"row": True}, {"row": -1}, {"step": "3"}, {"token": -2}, {"score": None}, {"score": "big"},
        {"top_token": 3}, {"top_token": [1]}, {"top_log_prob": [None, 0.0]}, {"row": 2**70},
    ]  # fmt: skip
    twice = lines[1].replace('"row":', '"row": 0, "row":')
    unwritten = (lines[1].replace(str(good["score"]), "NaN"), lines[1].replace(str(good["score"]), "1e999"))
    damaged = [json.dumps(good | change) for change in wrong]
    for damage in (lines[1][:-5], '{"row": 1}', "3", "null", "[" * 99999, twice, *unwritten, *damaged):
        (tmp_path / "t.jsonl").write_text("\n".join([lines[0], damage]))
        with pytest.raises(ValueError, match=r"line 2 of .* is no event"):
            read_trace(tmp_path / "t.jsonl")
    (tmp_path / "d.parquet").mkdir()
    with pytest.raises(IsADirectoryError, match="a trace is one file"):
        read_trace(tmp_path / "d.parquet")


def test_another_table_in_parquet_is_no_trace(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"row": [0, 1]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"row 1 of .* is no event of a trace"):
        read_trace(tmp_path / "t.parquet")
