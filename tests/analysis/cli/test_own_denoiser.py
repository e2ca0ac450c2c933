"""``evaluate --denoiser`` scores any function."""

from __future__ import annotations

import csv
import math
import textwrap
from pathlib import Path

import numpy as np
import pytest

from analysis.cli import main as cli

MODULE = """
import numpy as np
import torch

# Bits that are independent given nothing: P(1) = 0.75 at every position.
LOGS = torch.tensor([0.25, 0.75], dtype=torch.float64).log()


def independent(tokens):
    return LOGS.expand(*tokens.shape, 2)


def as_array(tokens):
    return independent(tokens).numpy()


def silent(tokens):
    return torch.full((*tokens.shape, 2), float("nan"))


def parity(tokens):
    # The last hidden bit is the parity of the others; before that each is fair. One consistent joint distribution.
    hidden = tokens == 2
    odd = tokens.masked_fill(hidden, 0).sum(dim=1) % 2
    last = hidden.sum(dim=1) == 1
    sure = torch.nn.functional.one_hot(odd, 2).double().log()[:, None]
    return torch.where(last[:, None, None], sure, torch.tensor(0.5, dtype=torch.float64).log()).expand(*tokens.shape, 2)


class Longer:
    length, vocabulary = 9, 2

    def __call__(self, tokens):
        return independent(tokens)


longer = Longer()


class Worded(Longer):
    length, vocabulary = 6, "2"


worded = Worded()


def renaming(tokens):
    tokens[tokens == 2] = 99  # as a model with a mask of its own would
    return independent(tokens)


BUFFER = torch.zeros(64, 6, 2, dtype=torch.float64)


def reusing(tokens):
    answers = BUFFER[: len(tokens)]
    answers.copy_(parity(tokens))
    return answers


def logits(tokens):
    return independent(tokens) + 5.0


def probabilities(tokens):
    return independent(tokens).exp()


def failing(tokens):
    raise KeyError("weights")


def late(tokens):
    return independent(tokens) if (tokens == 2).all() else independent(tokens) - 5.0
"""
NAMES = iter(range(1000))


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"my_denoisers_{next(NAMES)}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def run(*words):
    return cli.main([str(word) for word in words])


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def evaluate(module, function, rows, *words):
    np.save("rows.npy", rows)
    words = ("evaluate", "--denoiser", f"{module}:{function}", "--data", "rows.npy", *words)
    return run(*words, "--vocabulary", 2, "--out", "out.csv")


def even_rows(n, length=6, seed=0):
    rows = np.random.default_rng(seed).integers(0, 2, (n, length))
    rows[:, -1] = rows[:, :-1].sum(axis=1) % 2
    return rows


def test_a_function_is_scored(module, tmp_path, capsys):
    rows = (np.random.default_rng(0).random((40, 6)) < 0.75).astype(np.uint8)
    assert evaluate(module, "independent", rows) == 0
    found = rows_of(tmp_path / "out.csv")
    nats = -np.where(rows == 1, math.log(0.75), math.log(0.25)).mean()
    by_order = {row["decoder"]: float(row["value"]) for row in found if row["metric"] == "nats_per_token"}
    assert set(by_order) == {"left to right", "right to left", "uniform"}
    assert list(by_order.values()) == pytest.approx([nats] * 3)
    spread = next(row for row in found if row["metric"] == "order_spread_nats_per_token")
    assert float(spread["value"]) == pytest.approx(0, abs=1e-12)
    right = [row for row in found if row["metric"] == "infilled_right"]
    assert {"vanilla", "margin", "threshold"} <= {row["decoder"] for row in right}
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in right)
    one_each = next(row for row in right if row["decoder"] == "margin")
    assert float(one_each["calls"]) == int(one_each["n_masked"]) == 3
    assert "generated_tokens_per_second" in capsys.readouterr().out


def test_a_consistent_joint_has_no_spread_and_is_infilled_by_its_rule(module, tmp_path):
    rows = even_rows(50)
    assert evaluate(module, "parity", rows, "--rows", 50) == 0
    found = rows_of(tmp_path / "out.csv")
    by_order = [float(row["value"]) for row in found if row["metric"] == "nats_per_token"]
    assert by_order == pytest.approx([5 * math.log(2) / 6] * 3)


def test_arrays_are_answers_too(module, tmp_path):
    rows = even_rows(5)
    assert evaluate(module, "independent", rows) == 0
    first = rows_of(tmp_path / "out.csv")
    assert evaluate(module, "as_array", rows) == 0
    values = [
        [row["value"] for row in part if "second" not in row["metric"]]
        for part in (first, rows_of(tmp_path / "out.csv"))
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(("function", "same"), [("renaming", "independent"), ("reusing", "parity")])
def test_a_function_may_write_into_its_tokens_and_into_its_last_answer(function, same, module, tmp_path):
    rows, found = even_rows(20), []
    for name in (function, same):
        assert evaluate(module, name, rows) == 0
        found.append([
            {field: row[field] for field in ("metric", "decoder", "value", "calls")}
            for row in rows_of(tmp_path / "out.csv")
            if "second" not in row["metric"]
        ])  # fmt: skip
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--denoiser", "nonsense", "--data", "rows.npy"), "is package.module:function"),
        (("--denoiser", "no_such_module_here:f", "--data", "rows.npy"), "No module named"),
        (("--denoiser", "{}:nothing", "--data", "rows.npy"), "has no nothing"),
        (("--denoiser", "{}:independent"), "needs --data"),
        (("--denoiser", "{}:independent", "--data", "rows.npy"), "name it with --vocabulary"),
        (("--denoiser", "{}:longer", "--data", "rows.npy"), "has length 9; the rows have 6"),
        (("--denoiser", "{}:longer", "--data", "rows.npy", "--vocabulary", "3"), "--vocabulary 3 is another"),
        (("--denoiser", "{}:independent", "--data", "rows.npy", "--vocabulary", "1"), "the vocabulary is 1"),
        (("--denoiser", "{}:silent", "--data", "rows.npy", "--vocabulary", "2"), "no answer"),
        (("--denoiser", "{}:worded", "--data", "rows.npy"), "must be an integer"),
        (("--denoiser", "{}:logits", "--data", "rows.npy", "--vocabulary", "2"), "log_softmax"),
        (("--denoiser", "{}:probabilities", "--data", "rows.npy", "--vocabulary", "2"), "probability of"),
        (("--denoiser", "{}:late", "--data", "rows.npy", "--vocabulary", "2"), "probability of 0.006738"),
        (("--denoiser", "{}:failing", "--data", "rows.npy", "--vocabulary", "2"), "failing raised KeyError"),
        (("--denoiser", "./{}:independent", "--data", "rows.npy"), "name the module from its top"),
        (("--denoiser", ".{}:independent", "--data", "rows.npy"), "name the module from its top"),
        (("--denoiser", "broken:f", "--data", "rows.npy"), "broken cannot be imported: SyntaxError"),
        (("--denoiser", "dividing:f", "--data", "rows.npy"), "division by zero (dividing.py, line 2)"),
        (("--denoiser", "{}:independent", "--data", "empty.npy"), "is empty"),
        (("--denoiser", "{}:independent", "--data", "archive.npy"), "archive of arrays"),
        (("--denoiser", "{}:LOGS", "--data", "rows.npy", "--vocabulary", "2"), "cannot be called"),
        (("--denoiser", "{}:independent", "--data", "rows.npy", "--model", "x"), "without --model"),
        (("--denoiser", "{}:independent", "--data", "rows.npy", "--vocabulary", "2", "--rows", "9"), "more than the 5"),
        (("--denoiser", "{}:independent", "--data", "rows.npy", "--split", "test"), "a written dataset"),
        (("--denoiser", "{}:independent", "--data", "real.npy", "--vocabulary", "2"), "must hold integers"),
        (("--vocabulary", "2", "--model", "x"), "goes with --denoiser"),
        ((), "needs --model"),
    ],
)  # fmt: skip
def test_what_a_person_does_wrong_is_one_line(words, says, module, capsys):
    np.save("rows.npy", even_rows(5))
    np.save("real.npy", np.ones((2, 2)))
    Path("empty.npy").touch()
    np.savez("archive", rows=even_rows(5))
    Path("archive.npz").rename("archive.npy")
    Path("broken.py").write_text("def f(:\n")
    Path("dividing.py").write_text("\n1 / 0\n")
    assert run("evaluate", *(word.format(module) for word in words)) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_rows_of_a_written_dataset(module, tmp_path):
    assert run("generate", "--rows", 20, "--out", "data", "nae-sat", "--n-latents", 4, "--n-observations", 2) == 0
    words = ("--vocabulary", 2, "--rows", 10, "--out", "out.csv")
    assert run("evaluate", "--denoiser", f"{module}:independent", "--data", "data", *words) == 0
    assert rows_of(tmp_path / "out.csv")[0]["samples"] == "10"
    assert (
        run("evaluate", "--denoiser", f"{module}:independent", "--data", "data", "--vocabulary", 2, "--rows", 21) == 2
    )
