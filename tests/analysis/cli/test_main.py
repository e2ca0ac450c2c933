"""The command line: it does what it says, and tells a person in a line what was wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from analysis.cli import evaluation
from analysis.cli import main as cli
from analysis.cli.sample import Rule
from analysis.cli.workspace import load_model
from analysis.lab.rows import read_csv
from generators import LODistribution, nae_sat, read_dataset
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers.trace_file import read_trace

ROOT = Path(__file__).resolve().parents[3]
FAMILY = ("nae-sat", "--n-latents", "4", "--n-observations", "6")
NETWORK = ("--layers", "1", "--width", "16", "--heads", "2", "--batch-size", "16")
NAE = nae_sat(4, 6, structure_seed=0)


def run(*words: object) -> int:
    """Exit code of a call, whichever way it comes."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with a masked model ``mdm`` and an autoregressive one ``arm``, hardly trained."""
    folder = tmp_path_factory.mktemp("models")
    assert run("train", "--out", folder / "mdm", "--steps", 20, *NETWORK, *FAMILY) == 0
    assert run("train", "--out", folder / "arm", "--steps", 20, "--learner", "reversed", *NETWORK, *FAMILY) == 0
    return folder


class WrongPosterior(EnumeratedPosterior):
    """By a millionth."""

    def log_marginals(self, tokens):
        return np.log(np.exp(super().log_marginals(tokens)) + 1e-6)


class TestGenerate:
    @pytest.mark.parametrize("form", ["npy", "jsonl"])
    def test_writes_the_promised_stream_and_again_changes_nothing(self, form, tmp_path, capsys):
        call = ("generate", "--out", tmp_path, "--rows", 50, "--sample-seed", 3, "--shard-rows", 20, "--format", form)
        assert run(*call, *FAMILY) == 0
        dataset = read_dataset(tmp_path, distribution=NAE, verify=True)
        assert (dataset.rows(0, 50) == NAE.rows(3, 0, 50)).all()
        said = capsys.readouterr()
        assert NAE.fingerprint in said.out
        assert said.err == ""  # no bar where stderr is no terminal
        before = files(tmp_path)
        assert len(before) == 6  # three shards, the card, the manifest, and the lock of its owners
        assert run(*call, *FAMILY) == 0
        assert files(tmp_path) == before

    def test_a_second_call_repairs(self, tmp_path):
        call = ("generate", "--out", tmp_path, "--rows", 50, *FAMILY)
        assert run(*call) == 0
        before = files(tmp_path)
        (tmp_path / "rows-00000.npy").write_bytes(b"garbled")
        assert run(*call) == 0
        assert files(tmp_path) == before

    def test_written_rules_and_a_file_are_families_too(self, tmp_path, capsys):
        rules = ("rules", "--n-latents", 3, "--noise", 0.1, "--rules", "x0 and not x1", "parity(x0, x1, x2)")
        assert run("generate", "--out", tmp_path / "a", "--rows", 5, *rules) == 0
        first = read_dataset(tmp_path / "a")
        (tmp_path / "mine.json").write_text(json.dumps(first.distribution.to_json()))
        assert run("generate", "--out", tmp_path / "b", "--rows", 5, "from-file", "--path", tmp_path / "mine.json") == 0
        second = read_dataset(tmp_path / "b", distribution=first.distribution)
        assert (first.rows(0, 5) == second.rows(0, 5)).all()
        assert capsys.readouterr().err == ""

    def test_two_structure_seeds_do_not_share_a_directory(self, tmp_path, capsys):
        assert run("generate", "--out", tmp_path, "--rows", 5, *FAMILY) == 0
        before = files(tmp_path)
        assert run("generate", "--out", tmp_path, "--rows", 5, *FAMILY, "--structure-seed", 1) == 2
        assert str(tmp_path) in capsys.readouterr().err
        assert files(tmp_path) == before


@pytest.mark.parametrize(
    "family",
    ["nae-sat", "local-hash", "whole-hash", "random-logic", "sparse-parity", "random-slabs"],
)
def test_every_family_generates_from_its_sizes(family, tmp_path):
    sizes = ("--n-latents", 5, "--n-observations", 7, "--structure-seed", 2)
    assert run("generate", "--out", tmp_path, "--rows", 3, family, *sizes) == 0
    distribution = read_dataset(tmp_path).distribution
    assert (distribution.n_latents, distribution.n_observations) == (5, 7)


class TestTrain:
    def test_leaves_a_model_that_loads(self, models, capsys):
        mdm, arm = load_model(models / "mdm"), load_model(models / "arm")
        assert mdm.distribution == arm.distribution == NAE
        assert mdm.order is None
        assert arm.order is not None
        assert arm.order.tolist() == list(range(10))[::-1]
        assert sorted(p.name for p in (models / "mdm").iterdir()) == [
            ".lock",
            "checkpoint.safetensors",
            "distribution.json",
            "log.jsonl",
        ]

    def test_a_finished_run_is_not_trained_again(self, models, tmp_path, capsys):
        shutil.copytree(models / "mdm", tmp_path / "mdm")
        before = files(tmp_path)
        assert run("train", "--out", tmp_path / "mdm", "--steps", 20, *NETWORK, *FAMILY) == 0
        assert files(tmp_path) == before
        said = capsys.readouterr()
        assert "20 steps" in said.out
        assert said.err == ""

    @pytest.mark.parametrize("learner", ["mdm", "natural", "closer", "much-closer", "uniform"])
    def test_every_learner_trains(self, learner, tmp_path):
        assert run("train", "--out", tmp_path, "--steps", 2, "--learner", learner, *NETWORK, *FAMILY) == 0
        order = load_model(tmp_path).order
        assert order is None if learner == "mdm" else sorted(order) == list(range(10))

    def test_a_fixed_training_set(self, tmp_path):
        words = ("--steps", 3, "--train-rows", 10, "--loss", "likelihood")
        assert run("train", "--out", tmp_path, *words, *NETWORK, *FAMILY) == 0
        assert load_checkpoint(tmp_path / "checkpoint.safetensors").source["source"] == "fixed"

    def test_another_run_in_the_directory_is_refused_unless_restarted(self, models, tmp_path, capsys):
        shutil.copytree(models / "mdm", tmp_path / "mdm")
        before = files(tmp_path)
        longer = ("train", "--out", tmp_path / "mdm", "--steps", 21, *NETWORK)
        assert run(*longer, *FAMILY) == 2
        assert "steps=20" in capsys.readouterr().err
        assert run(*longer, *FAMILY, "--structure-seed", 1) == 2
        assert NAE.fingerprint in capsys.readouterr().err
        assert files(tmp_path) == before
        assert run(*longer, "--restart", *FAMILY, "--structure-seed", 1) == 0
        assert load_model(tmp_path / "mdm").distribution == nae_sat(4, 6, structure_seed=1)

    def test_divergence_is_a_line_and_no_traceback(self, tmp_path, capsys):
        assert run("train", "--out", tmp_path, "--steps", 20, "--learning-rate", 1e12, *NETWORK, *FAMILY) == 2
        assert "diverged at step" in capsys.readouterr().err


class TestEvaluate:
    def test_a_masked_model_against_the_posterior(self, models, tmp_path, capsys):
        assert run("evaluate", "--model", models / "mdm", "--rows", 32, "--out", tmp_path / "all.csv") == 0
        said = capsys.readouterr()
        assert said.err == ""
        for metric in ("gap_nats_per_token", "agreement", "kl_nats"):
            assert metric in said.out
        for rule in ("vanilla", "top probability", "margin"):
            assert rule in said.out
        lines = (tmp_path / "all.csv").read_text().splitlines()
        assert len(lines) > 40
        assert NAE.fingerprint in lines[1]

    def test_the_likelihood_along_the_order_of_a_rule(self, models, tmp_path, capsys):
        words = ("evaluate", "--model", models / "mdm", "--rows", 32)
        assert run(*words, "--order", "margin", "--out", tmp_path / "all.csv") == 0
        gaps = read_csv(tmp_path / "all.csv").where(metric="gap_nats_per_token")
        assert [row.decoder for row in gaps] == [None, "margin"]
        assert all(0 < row.value < 1 for row in gaps)
        assert gaps[0].value != gaps[1].value
        assert run(*words, "--order", "vanilla") == 2
        assert "score 'random_score' draws random numbers" in capsys.readouterr().err
        assert run("evaluate", "--model", models / "arm", "--order", "margin") == 2
        assert "--order margin is for a masked model" in capsys.readouterr().err

    def test_an_autoregressive_model_along_its_order(self, models, capsys):
        assert run("evaluate", "--model", models / "arm", "--rows", 32) == 0
        out = capsys.readouterr().out
        assert "chain, n = 32" in out
        assert "its own order" in out
        assert "kl_nats" not in out

    def test_the_posterior_is_checked_before_anything_rests_on_it(self, models, monkeypatch, capsys):
        pytest.importorskip("pyagrum", reason="--check library needs pyAgrum: pip install -e '.[bench]'")
        words = ("--model", models / "mdm", "--check", "library")
        assert run("evaluate", "--rows", 4, *words) == 0
        out = capsys.readouterr().out
        assert re.match(r"against pyAgrum the posterior differs by at most \S+ on \d+ hidden tokens of 12 seq", out)
        assert "kl_nats" in out
        assert run("sample", *words, "--exact", "--n", 1) == 0
        assert "against pyAgrum" in capsys.readouterr().out
        monkeypatch.setattr(evaluation, "exact_posterior", lambda distribution: WrongPosterior(distribution))
        assert run("evaluate", "--rows", 4, *words) == 2
        out, line = capsys.readouterr()
        assert out == ""
        assert re.search(r"differs by at most 1\.0e-06 on .* more than 1e-09: sequence \d+, position \d+", line)
        assert run("sample", *words) == 2
        assert "it goes with --exact" in capsys.readouterr().err

    def test_without_an_exact_posterior_the_rest_is_measured(self, tmp_path, capsys):
        wide = ("whole-hash", "--n-latents", "21", "--n-observations", "3")
        assert run("train", "--out", tmp_path, "--steps", 1, *NETWORK, *wide) == 0
        assert run("evaluate", "--model", tmp_path, "--rows", 4) == 0
        out = capsys.readouterr().out
        assert "task error not measured: enumeration would visit" in out
        assert "gap_nats_per_token" in out


class TestSample:
    @pytest.mark.parametrize("rule", ["vanilla", "top-probability", "margin"])
    @pytest.mark.parametrize("per_step", [1, 3, 100])
    def test_the_papers_rules_print_sequences(self, rule, per_step, models, capsys):
        words = ("--n", 3, "--rule", rule, "--per-step", per_step)
        assert run("sample", "--model", models / "mdm", *words) == 0
        *rows, summary = capsys.readouterr().out.splitlines()
        assert [len(row.replace("|", "").split()) for row in rows] == [10] * 3
        assert summary.startswith("3 sequences, ")
        assert f"{ {1: 10, 3: 4, 100: 1}[per_step] } calls each" in summary

    @pytest.mark.parametrize("rule", [r for r in get_args(Rule) if r not in ("vanilla", "top-probability", "margin")])
    def test_every_rule_fills_every_position(self, rule, models, capsys):
        assert run("sample", "--model", models / "mdm", "--n", 3, "--rule", rule, "--per-step", 2) == 0
        *rows, summary = capsys.readouterr().out.splitlines()
        assert [len(row.replace("|", "").split()) for row in rows] == [10] * 3
        assert summary.startswith("3 sequences, ")

    def test_in_bfloat16_a_network_answers_otherwise(self, models, tmp_path, capsys):
        traces = []
        for precision in ("float32", "bfloat16"):
            path = tmp_path / f"{precision}.jsonl"
            words = ("--n", 1, "--per-step", 10, "--trace", path, "--precision", precision)
            assert run("sample", "--model", models / "mdm", *words) == 0
            traces.append(read_trace(path))
        assert not np.array_equal(traces[0].entropy, traces[1].entropy)
        assert np.allclose(traces[0].entropy, traces[1].entropy, atol=0.05)

    @pytest.mark.parametrize("words", [("mdm", "--exact"), ("arm",)])
    def test_what_is_no_masked_network_has_one_precision(self, words, models, capsys):
        model, *options = words
        assert run("sample", "--model", models / model, "--precision", "bfloat16", *options) == 2
        assert "--precision bfloat16 is for masked networks" in capsys.readouterr().err

    @pytest.mark.parametrize("ending", ["jsonl", "parquet"])
    def test_a_trace_tells_how_the_rows_arose(self, ending, models, tmp_path, capsys):
        out, trace = tmp_path / "rows.npy", tmp_path / f"trace.{ending}"
        words = ("--n", 3, "--per-step", 2, "--out", out, "--trace", trace, "--top", 1)
        assert run("sample", "--model", models / "mdm", *words) == 0
        table, rows = read_trace(trace), np.full((3, 10), -1)
        rows[table.row, table.position] = table.token
        assert np.array_equal(rows, np.load(out))
        assert np.bincount(table.step).tolist() == [6] * 5
        assert table.top_token.shape == (30, 1)
        assert str(trace) in capsys.readouterr().out

    def test_a_trace_has_a_form(self, models, tmp_path, capsys):
        assert run("sample", "--model", models / "mdm", "--trace", tmp_path / "trace.txt") == 2
        assert "ends in .jsonl or .parquet; got 'trace.txt'" in capsys.readouterr().err

    def test_the_exact_posterior_never_leaves_the_support(self, models, tmp_path, capsys):
        out = tmp_path / "rows.npy"
        assert run("sample", "--model", models / "mdm", "--exact", "--n", 200, "--rule", "vanilla", "--out", out) == 0
        rows = np.load(out)
        assert rows.shape == (200, 10)
        assert np.isfinite(NAE.log_prob(rows)).all()
        assert "100.00%" in capsys.readouterr().out

    def test_the_seed_names_the_draw(self, models, tmp_path):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            words = ("--n", 20, "--seed", seed, "--out", tmp_path / f"{name}.npy")
            assert run("sample", "--model", models / "mdm", *words) == 0
        drawn = files(tmp_path)
        assert drawn["a.npy"] == drawn["b.npy"] != drawn["c.npy"]

    def test_an_autoregressive_model_follows_its_order(self, models, capsys):
        assert run("sample", "--model", models / "arm", "--n", 2) == 0
        assert "10 calls each" in capsys.readouterr().out

    def test_tokens_of_the_posterior_that_contradict_each_other_are_forgiven(self, models, capsys):
        """Revealing four at a time writes what no sequence has; the rest is decoded, the summary shows it."""
        assert run("sample", "--model", models / "mdm", "--exact", "--n", 200, "--per-step", 4) == 0
        share = float(re.search(r"([\d.]+)% of the observations", capsys.readouterr().out)[1])
        assert 75 < share < 100

    def test_the_decoding_is_shown_and_filmed(self, models, tmp_path, capsys):
        words = ("--n", 2, "--rule", "path-planning", "--show", "--film", tmp_path / "a.html")
        assert run("sample", "--model", models / "mdm", *words) == 0
        shown = capsys.readouterr().out
        assert "network, path-planning" in shown
        assert "latents" in shown
        assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
        assert run("sample", "--model", models / "mdm", "--film", tmp_path / "a.mp4") == 2
        assert ".html or .gif" in capsys.readouterr().err

    def test_more_than_memory_holds_is_one_line(self, models, capsys):
        assert run("sample", "--model", models / "mdm", "--n", 10**11) == 2
        assert re.fullmatch(
            r"lo-theory: generating 10{11} sequences .* of memory.* Lower --n\.\n", capsys.readouterr().err
        )


OUT = ("--out", "{}/new")


HUGE = str(10**11)
TOO_MUCH = [
    (("generate", *OUT, "--rows", "5", "nae-sat", "--n-latents", "1000000000"), "takes 4.48 TB of memory"),
    (("generate", *OUT, "--rows", "5", "nae-sat", "--n-observations", "1000000000000"), "takes 320 TB of memory"),
    (("generate", *OUT, "--rows", "5", "random-logic", "--n-latents", "1000000000"), "at most 262144 latents"),
    (("generate", *OUT, "--rows", "5", "nae-sat", "--latent-alphabet", HUGE), "limit 2**20"),
    (("generate", *OUT, "--rows", "1000000000000000", "--shard-rows", HUGE, *FAMILY), "on disk"),
    (("generate", *OUT, "--rows", "5", "--jobs", HUGE, *FAMILY), "got 100000000000"),
    (("generate", *OUT, "--rows", "5", "--sample-seed", str(2**63), *FAMILY), f"at most {2**63 - 1}; got {2**63}"),
    (("generate", "zebra", *OUT, "--rows", HUGE), "keeping 100000000000 puzzles apart takes 6 TB of memory"),
    (("train", *OUT, "--batch-size", HUGE, *FAMILY), "Choose a smaller --batch-size."),
    (("train", *OUT, "--width", HUGE, *FAMILY), "training 3.6e+23 weights"),
    (("train", *OUT, "--layers", HUGE, *FAMILY), "of memory"),
    (("train", *OUT, "--train-rows", HUGE, *FAMILY), "100000000000 rows of length"),
    (("train", *OUT, "--seed", str(2**64), *FAMILY), f"--seed must be at most {2**63 - 1}; got {2**64}"),
    (("train", *OUT, "--device", "meta", *FAMILY), "--device meta cannot be used: Cannot copy out of meta tensor"),
]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("generate", *OUT, "--rows", "0", *FAMILY), "--rows must be at least 1; got 0"),
        (("generate", *OUT, "--rows", "5", "--jobs", "0", *FAMILY), "--jobs must be at least 1; got 0"),
        (("generate", *OUT, "--rows", "5", "--shard-rows", "0", *FAMILY), "--shard-rows must be at least 1; got 0"),
        (("generate", *OUT, "--rows", "5", "--sample-seed", "-1", *FAMILY), "--sample-seed must be at least 0; got -1"),
        (("generate", *OUT, "--rows", "5", "nae-sat", "--n-latents", "2"), "arity k = 3"),
        (("generate", *OUT, "--rows", "5", "nae-sat", "--latent-alphabet", "1"), "--latent-alphabet >= 2; got arity 3"),
        (("generate", *OUT, "--rows", "5", "sparse-parity", "--noise", "1.5"), "1.5"),
        (("generate", *OUT, "--rows", "5", "from-file", "--path", "{}/none.json"), "none.json"),
        (("generate", *OUT, "--rows", "5", "from-file", "--path", "{}/bad.json"), "bad.json is not valid JSON"),
        (("generate", *OUT, "--rows", "5", "from-file", "--path", "{}/list.json"), "list.json holds no distribution"),
        (("generate", *OUT, "--rows", "5", "from-file", "--path", "{}/other.json"), "other.json holds no distribution"),
        (("train", *OUT, "--steps", "0", *FAMILY), "--steps must be at least 1; got 0"),
        (("train", *OUT, "--layers", "0", *FAMILY), "got 0"),
        (("train", *OUT, "--heads", "7", *FAMILY), "7"),
        (("train", *OUT, "--train-rows", "0", *FAMILY), "--train-rows must be at least 1; got 0"),
        (("train", *OUT, "--learning-rate", "-1", *FAMILY), "--learning-rate must be positive and finite; got -1"),
        (("train", *OUT, "--sample-seed", "-2", *FAMILY), "--sample-seed must be at least 0; got -2"),
        (("train", *OUT, "--device", "abacus", *FAMILY), "--device abacus cannot be used"),
        (("evaluate", "--model", "{}/nothing"), "nothing holds no distribution.json"),
        (("evaluate", "--model", "{}/nothing", "--rows", "0"), "--rows must be at least 1; got 0"),
        (("sample", "--model", "{}/nothing"), "nothing holds no distribution.json"),
        (("sample", "--model", "{}/nothing", "--n", "-3"), "--n must be at least 1; got -3"),
        (("sample", "--model", "{}/nothing", "--per-step", "0"), "--per-step must be at least 1; got 0"),
        (("reproduce", "hardness", *OUT, "--jobs", "0"), "--jobs must be at least 1; got 0"),
        (("reproduce", "hardness", *OUT, "--device", "abacus"), "--device abacus cannot be used"),
        *TOO_MUCH,
    ],
)
def test_a_bad_value_is_one_line_and_leaves_nothing(words, named, tmp_path, capsys):
    (tmp_path / "bad.json").write_text('{"format": ')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "other.json").write_text('{"format": "lo-theory/dataset/1"}')
    before = files(tmp_path)
    assert run(*(word.replace("{}", str(tmp_path)) for word in words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("lo-theory: ")
    assert said.err.count("\n") == 1
    assert named in said.err
    assert files(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_a_bad_rule_is_shown_with_a_caret(tmp_path, capsys):
    rules = ("rules", "--n-latents", 3, "--rules", "x0 or x1", "x0 and and x2")
    assert run("generate", "--out", tmp_path / "new", "--rows", 5, *rules) == 2
    first, rule, caret = capsys.readouterr().err.splitlines()
    assert first.startswith("lo-theory: rule 2 of 2: ")
    assert rule.strip() == "x0 and and x2"
    assert rule[caret.index("^") :] == "and x2"
    assert not (tmp_path / "new").exists()


class TestDamagedModels:
    @pytest.mark.parametrize("command", ["evaluate", "sample"])
    def test_a_checkpoint_of_another_distribution(self, command, models, tmp_path, capsys):
        shutil.copytree(models / "mdm", tmp_path / "mdm")
        other = nae_sat(4, 6, structure_seed=1)
        (tmp_path / "mdm" / "distribution.json").write_text(json.dumps(other.to_json()))
        assert run(command, "--model", tmp_path / "mdm") == 2
        said = capsys.readouterr().err
        assert NAE.fingerprint in said
        assert other.fingerprint in said
        assert said.count("\n") == 1

    @pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-9] + bytes(9)])
    def test_a_damaged_checkpoint(self, damage, models, tmp_path, capsys):
        shutil.copytree(models / "mdm", tmp_path / "mdm")
        path = tmp_path / "mdm" / "checkpoint.safetensors"
        path.write_bytes(damage(path.read_bytes()))
        assert run("sample", "--model", tmp_path / "mdm") == 2
        assert str(path) in capsys.readouterr().err

    def test_unknown_fields_of_a_distribution(self, models, tmp_path, capsys):
        shutil.copytree(models / "mdm", tmp_path / "mdm")
        (tmp_path / "mdm" / "distribution.json").write_text(json.dumps({**NAE.to_json(), "colour": "red"}))
        assert run("sample", "--model", tmp_path / "mdm") == 2
        assert "colour" in capsys.readouterr().err


class TestParsing:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (("trian",), "'trian' is not known here; did you mean 'train'?"),
            (("train", "--stpes", "3", *FAMILY), "'--stpes' is not known here; did you mean '--steps'?"),
            (("sample", "--model", "m", "--rule", "margn"), "'margn' is not known here; did you mean 'margin'?"),
            (("reproduce", "hardnes"), "'hardnes' is not known here; did you mean 'hardness'?"),
            (("generate", "nae-sat", "--rows", "5"), "'--rows' is an option of 'generate': put it before 'nae-sat'."),
        ],
    )
    def test_a_wrong_word_ends_with_the_right_one(self, words, line, capsys):
        assert run(*words) == 2
        said = capsys.readouterr()
        assert said.err.splitlines()[-1] == line
        assert "Traceback" not in said.err

    def test_a_number_that_is_none_is_named(self, capsys):
        assert run("sample", "--model", "m", "--n", "ten") == 2
        assert "'ten'" in capsys.readouterr().err

    def test_no_command_lists_them(self, capsys):
        assert run() == 2
        listed = re.sub(r"[^a-z,{}]", "", capsys.readouterr().err)  # without the frame, which breaks lines
        assert "{generate,dataset,train,evaluate,sample,reproduce,merge}" in listed

    @pytest.mark.parametrize("command", ["generate", "train", "evaluate", "sample", "reproduce", "merge"])
    def test_every_option_has_a_help_text(self, command, capsys):
        assert run(command, "--help") == 0
        plain = re.sub(r"[^\x20-\x7e\n]| {2,}", " ", capsys.readouterr().out)  # without the frame
        entries = re.split(r"\n *(?=--[a-z])", plain.split("subcommands")[0])[1:]
        assert entries
        for entry in entries:
            text = re.sub(r"^(--[\w-]+,? ?)+({.*?}|[A-Z]+|\|| )*|\((required|default: [^)]*)\)", " ", entry)
            assert re.search(r"[a-z]{3}", text), entry


def test_a_bar_is_shown_on_a_terminal_only(tmp_path, monkeypatch, capsys):
    words = ("generate", "--rows", 50, "--shard-rows", 10, *FAMILY)
    assert run(*words[:1], "--out", tmp_path / "a", *words[1:]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(*words[:1], "--out", tmp_path / "b", *words[1:]) == 0
    bar = capsys.readouterr().err
    assert "50.0/50.0" in bar
    assert "row/s" in bar
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d", bar)  # time spent and time left


@pytest.mark.parametrize("words", [("generate", "--rows", 50), ("train", "--steps", 2, *NETWORK)])
def test_quiet_leaves_the_result_and_no_bar(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(words[0], "--out", tmp_path / "a", *words[1:], *FAMILY) == 0
    shown = capsys.readouterr()
    assert run(words[0], "--out", tmp_path / "b", *words[1:], "--quiet", *FAMILY) == 0
    quiet = capsys.readouterr()
    assert "%" in shown.err
    assert quiet.err == ""
    said, again = (text.out.split("; ")[0] for text in (shown, quiet))  # behind it the speed, which no two runs share
    assert again == said.replace(str(tmp_path / "a"), str(tmp_path / "b"))


def test_an_interrupted_training_goes_on(tmp_path):
    """Ctrl-C: exit code 130, a line and no traceback, nothing half written; the same command finishes the run."""
    words = ["train", "--out", str(tmp_path / "m"), "--steps", "800", *NETWORK, *FAMILY]
    checkpoint, log = tmp_path / "m" / "checkpoint.safetensors", tmp_path / "m" / "log.jsonl"
    command = [sys.executable, "-W", "error", "-m", "analysis.cli.main", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 120
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == "interrupted; finished parts are kept, and the same command goes on from there.\n"
    assert [p.name for p in tmp_path.rglob("*.part")] == []
    assert load_checkpoint(checkpoint, NAE.fingerprint).step == 500
    first = json.loads(log.read_text().splitlines()[0])
    assert run(*words) == 0
    assert load_checkpoint(checkpoint, NAE.fingerprint).step == 800
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(50, 801, 50))
    assert lines[0] == first  # with its wall clock: these steps were not made again


def test_an_interrupt_in_process_is_code_130(monkeypatch, capsys, models):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Sample, "run", interrupted)
    assert run("sample", "--model", models / "mdm") == 130
    assert "goes on from there" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error(models):
    program = f"{sys.executable} -W error -m analysis.cli.main sample --model {models / 'mdm'} --n 5000"
    command = ["bash", "-c", f"set -o pipefail; {program} | head -n 1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_distribution_beside_a_checkpoint_is_a_family(models, tmp_path):
    path = models / "mdm" / "distribution.json"
    assert LODistribution.from_json(json.loads(path.read_text())) == NAE
    assert run("generate", "--out", tmp_path, "--rows", 5, "from-file", "--path", path) == 0
    assert (read_dataset(tmp_path).rows(0, 5) == NAE.rows(0, 0, 5)).all()
