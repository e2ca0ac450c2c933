"""Likelihoods of a masked model and answers in blocks, as lm-eval asks for them; then behind its interface."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
import torch

from analysis.pretrained.answers import Answers
from analysis.pretrained.journal import Journal
from analysis.pretrained.lm_eval_tasks import Questions, ask, language_model
from analysis.pretrained.paper_table import RULES
from analysis.pretrained.text_model import Decoding, Filled, TextModel

CONTEXT = "Question: is it?\nAnswer:"


@pytest.fixture
def answers(load, tmp_path):
    def made(rule="margin", kind="llada", length=8, name="a.jsonl", **options):
        options = {"draws": 16, "seed": 0, "decoding": Decoding(block=4), **options}
        return Answers(model=load(kind), rule=rule, length=length, journal=Journal(tmp_path / name), **options)

    return made


def log_probs(model, before, span):
    """Of every data token at the masked places of a span, (n, V), straight from the model."""
    denoiser = model.denoiser(before, len(span))
    return denoiser(torch.tensor([span]))[0].double()


class TestLikelihood:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("kind", ["llada", "around"])
    def test_of_one_token_it_is_the_models_answer_by_every_rule(self, answers, rule, kind):
        asked = answers(rule, kind)
        model = asked.model
        (token,) = model.tokens.from_model(torch.tensor(model.ids("A"))).tolist()
        wanted = log_probs(model, model.ids(CONTEXT), [model.tokens.vocabulary])[0, token]
        assert asked.log_likelihood(CONTEXT, "A") == pytest.approx(float(wanted), abs=1e-12)
        assert asked.known(CONTEXT, "A")["calls"] == 1

    @pytest.mark.parametrize("rule", ["top-probability", "margin"])
    def test_by_a_rule_it_is_the_chain_along_its_order(self, answers, rule):
        asked = answers(rule)
        model, mask = asked.model, asked.model.tokens.vocabulary
        before, row = model.ids(CONTEXT), model.tokens.from_model(torch.tensor(model.ids("yes"))).tolist()
        span, total = [mask] * 3, 0.0
        for _ in row:
            known = log_probs(model, before, span)
            top = known.exp().nan_to_num(-1).sort(dim=1, descending=True).values
            score = top[:, 0] - (top[:, 1] if rule == "margin" else 0)
            at = max((i for i in range(3) if span[i] == mask), key=lambda i: float(score[i]))
            total += float(known[at, row[at]])
            span[at] = row[at]
        assert asked.log_likelihood(CONTEXT, "yes") == pytest.approx(total, abs=1e-12)
        assert asked.known(CONTEXT, "yes")["calls"] == 3

    def test_by_vanilla_it_is_the_bound_of_llada(self, answers):
        """Of two tokens half the draws mask both, with weight 1, and half mask one of them, with weight 2."""
        asked = answers("vanilla", draws=16)
        model, mask = asked.model, asked.model.tokens.vocabulary
        before, (a, b) = model.ids(CONTEXT), model.tokens.from_model(torch.tensor(model.ids("no"))).tolist()
        both = log_probs(model, before, [mask, mask])
        first, second = log_probs(model, before, [mask, b])[0, a], log_probs(model, before, [a, mask])[1, b]
        found = asked.log_likelihood(CONTEXT, "no")
        left = (2 * found - float(both[0, a] + both[1, b])) / 2  # the mean of 8 draws of first or second
        share = (left - float(second)) / float(first - second)
        assert 8 * share == pytest.approx(round(8 * share), abs=1e-9)
        assert 0 < share < 1  # all eight the same: 2 in 256
        assert asked.known(CONTEXT, "no")["calls"] == 16

    def test_spaces_at_the_end_of_a_context_belong_to_the_continuation(self, answers):
        asked = answers()
        assert asked.log_likelihood("Is it? ", "yes") == asked.log_likelihood("Is it?", " yes")

    def test_what_has_no_likelihood(self, answers, monkeypatch):
        with pytest.raises(ValueError, match="no token of the continuation ''"):
            answers().log_likelihood(CONTEXT, "")
        monkeypatch.setattr(TextModel, "ids", lambda self, text: [2] * len(text))  # [SEP]
        with pytest.raises(ValueError, match="no data token"):
            answers().log_likelihood(CONTEXT, "<|end|><|end|>[SEP]")


class TestWriting:
    @pytest.mark.parametrize("rule", RULES)
    def test_an_answer_is_the_decoded_span(self, answers, rule):
        asked = answers(rule)
        text = asked.write(CONTEXT, [])
        again = answers(rule, name="b.jsonl")
        assert again.write(CONTEXT, []) == text
        assert again.known(CONTEXT, [])["tokens"] == again.known(CONTEXT, [])["calls"] == 8
        if rule != "vanilla":
            decoder = asked.decoding.decoder(rule, 8)
            filled = asked.model.fill(asked.model.ids(CONTEXT), 8, (), decoder, torch.Generator())
            assert filled.text == text

    def test_it_ends_before_the_first_stop(self, answers):
        text = answers(length=12).write(CONTEXT, [])
        stops = [text[7], text[4], "\0nowhere"]
        assert answers(length=12).write(CONTEXT, stops) == text[: min(text.index(stop) for stop in stops[:2])]

    def test_a_long_context_loses_its_beginning_and_it_is_said(self, answers, monkeypatch):
        asked, seen = answers(), []
        monkeypatch.setattr(TextModel, "fill", lambda _, before, *more: seen.append(before) or Filled((), "", 1))
        long, fits = "x" * 100 + "y" * 391 + "z", "z" + "y" * 391
        asked.write(long, [])
        asked.write(fits, [])
        assert seen == [asked.model.ids("y" * 391 + "z"), asked.model.ids(fits)]
        assert asked.known(long, [])["cut"] == 100
        assert asked.known(fits, [])["cut"] == 0
        with pytest.raises(ValueError, match="answers of 404 tokens do not fit: the model has room for 400"):
            answers(length=404).write("x", [])

    def test_an_answer_without_its_fields_names_the_file(self, answers):
        asked = answers()
        asked.journal.add(asked._key(CONTEXT, []), {"text": "x", "tokens": 8})
        asked.journal.add(asked._key(CONTEXT, "x"), {"log_prob": -1.5, "tokens": 1, "calls": 1, "cut": 0})
        with pytest.raises(ValueError, match=r"a\.jsonl: the answer 'margin \w+' has no 'calls' of type int; got None"):
            asked.write(CONTEXT, [])
        with pytest.raises(ValueError, match=r"a\.jsonl: .* has no 'log_prob' of type str; got -1\.5"):
            asked.log_likelihood(CONTEXT, "x")

    def test_what_is_known_is_not_asked_again(self, answers, monkeypatch):
        first = answers()
        said = (first.write(CONTEXT, ["x"]), first.log_likelihood(CONTEXT, "yes"))
        second = answers()
        monkeypatch.setattr(type(second.model), "denoiser", None)
        assert (second.write(CONTEXT, ["x"]), second.log_likelihood(CONTEXT, "yes")) == said


GSM = [{"question": f"{i}+1?", "answer": f"#### {i + 1}"} for i in range(3)]
MMLU = [{"question": "Which?", "choices": ["a", "b"], "answer": i} for i in (0, 1)]


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


class Request:
    def __init__(self, *args):
        self.args = args


@pytest.fixture
def fake(monkeypatch):
    """``lm_eval`` as far as it is documented and used here: LM, simple_evaluate, TaskManager."""

    class LM:
        pass

    def simple_evaluate(model, tasks, task_manager, limit, **options):
        assert isinstance(model, LM)
        seen.update(options, tasks=tasks, limit=limit)
        samples = {}
        for name in tasks:
            form = json.loads(Path(name).read_text()) if name.endswith(".yaml") else {"task": name}
            kind = task_manager.task_index[form.get("base", "gsm8k")].kind
            samples[form["task"]] = kinds[kind](model)
        outputs = {"written": "generate_until", "chosen": "multiple_choice", "rolling": "loglikelihood_rolling"}
        return {"samples": samples, "configs": {name: {"output_type": outputs[seen["kind"]]} for name in samples}}

    def written(model):
        requests = [Request(f"Q{i}", {"until": "\n", "do_sample": False}) for i in range(2)]
        texts = model.generate_until(requests)
        said = [
            {"doc_id": i, "arguments": [r.args], "resps": [[t]]}
            for i, (r, t) in enumerate(zip(requests, texts, strict=True))
        ]
        loose = [{**one, "filter": "loose", "metrics": ["exact_match"], "exact_match": 1} for one in said]
        return [*({**one, "filter": "strict", "exact_match": 0} for one in loose), *loose]

    def chosen(model):
        requests = [Request("Q", f" {letter}") for letter in "AB"]
        values = model.loglikelihood(requests)
        best = max((0, 1), key=lambda i: values[i][0])
        sample = {"doc_id": 0, "arguments": [r.args for r in requests], "filter": "none", "metrics": ["acc"]}
        return [{**sample, "acc": float(best == 0), "resps": values}]

    kinds = {"written": written, "chosen": chosen, "rolling": lambda model: []}
    seen = {"kind": "written"}

    class TaskManager:
        @property
        def task_index(self):
            names = ("gsm8k", "mmlu", "mmlu_abstract_algebra", "minerva_math")
            return {name: types.SimpleNamespace(yaml_path=f"/tasks/{name}.yaml", kind=seen["kind"]) for name in names}

    contents = {"lm_eval": {}, "lm_eval.api": {}, "lm_eval.api.model": {"LM": LM}}
    contents |= {"lm_eval.tasks": {"TaskManager": TaskManager}}
    contents |= {"lm_eval.evaluator": {"simple_evaluate": simple_evaluate}}
    for name, content in contents.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return seen


class TestTasks:
    def test_written_answers_with_two_filters_are_one_item(self, fake, answers, tmp_path):
        found = ask("gsm8k", Questions(limit=2, few_shot=1), answers(), tmp_path)
        assert [item.key for item in found] == ["gsm8k 0", "gsm8k 1"]
        assert found[0].scores == {"exact_match, strict": 0.0, "exact_match, loose": 1.0}
        assert (found[0].tokens, found[0].calls) == (8, 8)
        assert found[0].text == answers().write("Q0", ["\n"])
        assert fake["tasks"] == ["gsm8k"]
        assert (fake["limit"], fake["num_fewshot"], fake["random_seed"], fake["log_samples"]) == (2, 1, 0, True)

    def test_choices_are_compared_by_likelihood(self, fake, answers, tmp_path):
        fake["kind"] = "chosen"
        asked = answers()
        (item,) = ask("mmlu", Questions(), asked, tmp_path)
        nats = {letter: asked.log_likelihood("Q", f" {letter}") for letter in "AB"}
        assert item.text == " " + max(nats, key=nats.__getitem__)
        assert item.scores == {"acc": float(nats["A"] > nats["B"])}
        assert (item.tokens, item.calls) == (4, 4)

    def test_items_of_ones_own_take_the_place_of_the_hubs(self, fake, answers, tmp_path):
        mine, shots = lines(tmp_path / "mine.jsonl", GSM), lines(tmp_path / "shots.jsonl", GSM)
        found = ask("gsm8k", Questions(items=mine, few_shot_items=shots), answers(), tmp_path)
        assert fake["tasks"] == [str(tmp_path / "task.yaml")]
        form = json.loads((tmp_path / "task.yaml").read_text())
        assert (form["include"], form["dataset_path"], form["dataset_name"]) == ("/tasks/gsm8k.yaml", "json", None)
        files = {"test": str(mine), "train": str(shots), "dev": str(shots)}
        assert form["dataset_kwargs"] == {"data_files": files}
        assert [item.key for item in found] == ["own_gsm8k 0", "own_gsm8k 1"]

    def test_tasks_that_are_none_here(self, fake, answers, tmp_path):
        with pytest.raises(ValueError, match="lm-eval has no task 'nonesuch'"):
            ask("gsm8k", Questions(variant="nonesuch"), answers(), tmp_path)
        fake["kind"] = "rolling"
        with pytest.raises(ValueError, match="neither answered in writing nor by choices"):
            ask("gsm8k", Questions(), answers(), tmp_path)
        with pytest.raises(ValueError, match="whole documents"):
            language_model(answers()).loglikelihood_rolling([])

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.csv", "", "items of this task are"),
            ("a.jsonl", "", "holds no items"),
            ("a.jsonl", '{"question": "1?"}\n', "line 1: the field 'answer' is missing; there are question"),
        ],
    )
    def test_files_that_are_none(self, name, content, words, tmp_path):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=words):
            Questions(items=tmp_path / name, few_shot=0).check("gsm8k")

    def test_examples_have_to_come_from_somewhere(self, tmp_path):
        mine = lines(tmp_path / "mine.jsonl", GSM)
        with pytest.raises(ValueError, match="--few-shot 0"):
            Questions(items=mine).check("gsm8k")
        with pytest.raises(ValueError, match="goes with --items"):
            Questions(few_shot_items=mine)
        Questions(items=mine, few_shot=0).check("gsm8k")


@pytest.mark.parametrize(("task", "records"), [("gsm8k", GSM), ("mmlu", MMLU)])
def test_the_real_library(task, records, answers, tmp_path):
    """Its prompts reach the model, and its scores come back."""
    pytest.importorskip("lm_eval", reason="lm-eval is an extra of its own")
    if task == "mmlu":
        records = [{**record, "choices": [*record["choices"], "c", "d"]} for record in records]
    questions = Questions(items=lines(tmp_path / "mine.jsonl", records), few_shot=0)
    asked = answers()
    found = ask(task, questions, asked, tmp_path)
    assert len(found) == len(records)
    if task == "gsm8k":
        assert set(found[0].scores) == {"exact_match, strict-match", "exact_match, flexible-extract"}
        assert found[0].text == asked.write("Question: 0+1?\nAnswer:", ["Question:", "</s>", "<|im_end|>"])
    else:
        right = "ABCD"[MMLU[0]["answer"]]
        assert found[0].scores == {"acc": float(found[0].text == f" {right}")}
