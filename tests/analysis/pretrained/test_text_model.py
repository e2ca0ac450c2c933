"""Spans between texts, decoded as the published loops decode: the same token at every place."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from analysis.pretrained.fingerprint import folder_fingerprint
from analysis.pretrained.paper_table import RULES
from analysis.pretrained.text_model import Decoding, load_text_model
from tests.lo_theory.samplers.test_published import probabilities

BEFORE, AFTER = "def f(x):\n    ", "\n    return x"


def confidence(rule, p):
    ranked = np.sort(p, axis=-1)
    return ranked[..., -1] - (ranked[..., -2] if rule == "margin" else 0)


def whole(model, length, before=BEFORE, after=AFTER):
    """The model's sequence, the span masked, and where the span begins."""
    words = model.tokens
    start = [*words.before, *model.ids(before)]
    return [*start, *[words.mask] * length, *model.ids(after), *words.after], len(start)


def llada_loop(model, rule, length, steps, block):
    """``generate`` of LLaDA at temperature 0 on a span with text on both sides."""
    x, start = whole(model, length)
    for first in range(start, start + length, block):
        inside, per_block = range(first, first + block), steps // (length // block)
        base, more = divmod(block, per_block)
        for step in range(per_block):
            p = probabilities(model.network, x, model.tokens, shifted=model.shifted)
            masked = [i for i in inside if x[i] == model.tokens.mask]
            for i in sorted(masked, key=lambda i: -confidence(rule, p[i]))[: base + (step < more)]:
                x[i] = int(p[i].argmax())
    return x[start : start + length]


def dream_loop(model, rule, length, steps, eps=1e-3):
    x, start = whole(model, length)
    times = torch.linspace(1, eps, steps + 1)
    for step in range(steps):
        masked = [i for i in range(len(x)) if x[i] == model.tokens.mask]
        p = probabilities(model.network, x, model.tokens, shifted=model.shifted)
        share = 1 if step == steps - 1 else 1 - times[step + 1] / times[step]
        for i in sorted(masked, key=lambda i: -confidence(rule, p[i]))[: int(torch.tensor(len(masked)) * share)]:
            x[i] = int(p[i].argmax())
    return x[start : start + length]


def filled(model, rule, length, decoding, seed=0):
    decoder = decoding.decoder(rule, length)
    draws = torch.Generator().manual_seed(seed)
    return model.fill(model.ids(BEFORE), length, model.ids(AFTER), decoder, draws)


@pytest.mark.parametrize("rule", ["top-probability", "margin"])
@pytest.mark.parametrize(("kind", "steps", "block"), [("llada", 12, 12), ("llada", 8, 3), ("around", 4, 6)])
def test_the_loop_of_llada(load, kind, steps, block, rule):
    model = load(kind)
    ours = filled(model, rule, 12, Decoding(steps=steps, block=block))
    assert list(ours.ids) == llada_loop(model, rule, 12, steps, block)
    assert ours.calls == steps
    assert ours.text == model.tokenizer.decode(ours.ids, skip_special_tokens=True)


@pytest.mark.parametrize("rule", ["top-probability", "margin"])
def test_the_loop_of_dream(load, rule):
    model = load("Dream")
    assert model.shifted
    ours = filled(model, rule, 9, Decoding(loop="dream", steps=4))
    assert list(ours.ids) == dream_loop(model, rule, 9, 4)


def test_vanilla_draws_its_order_and_nothing_else(load):
    """With one token per step and all orders of two masks, only what the two orders give comes out, and both do."""
    model = load("llada")

    def along(order):
        x, start = whole(model, 2)
        for i in order:
            x[start + i] = int(probabilities(model.network, x, model.tokens)[start + i].argmax())
        return tuple(x[start : start + 2])

    seen = {filled(model, "vanilla", 2, Decoding(), seed).ids for seed in range(12)}
    assert seen == {along((0, 1)), along((1, 0))}


def test_steps_and_blocks_are_no_longer_than_the_span(load):
    model = load("llada")
    short = Decoding(steps=64, block=64)
    for rule in RULES:
        assert filled(model, rule, 5, short).calls == 5
        assert filled(model, rule, 5, short).ids == filled(model, rule, 5, Decoding()).ids
    with pytest.raises(ValueError, match="blocks of 4 must fill the 6 tokens"):
        Decoding(block=4).decoder("margin", 6)
    with pytest.raises(ValueError, match="Dream's loop has no blocks"):
        Decoding(loop="dream", block=4)


def test_an_end_of_text_is_written_only_where_it_was_asked_for(load):
    plain, ending = load("llada", ends=()), load("llada")
    end = plain.tokenizer.eos_token_id
    assert plain.ends == ()
    assert end not in plain.tokens.ids
    assert ending.ends == (end,)
    assert end in ending.tokens.ids
    a, b = plain.ids("a"), plain.ids("b")
    assert ending.text([*a, end, *b]) == "a"
    assert plain.text([*a, *b]) == "ab"
    assert load("llada", ends=("[SEP]",)).ends == (2,)
    with pytest.raises(ValueError, match="no token 'nonesuch'"):
        load("llada", ends=("nonesuch",))


def test_a_text_comes_back_from_its_tokens(load):
    model = load("around")
    text = "  def f(x):\n\treturn 'é'  # ok \n"
    assert model.text(model.ids(text)) == text
    assert model.ids(text[:5]) + model.ids(text[5:]) == model.ids(text)


def test_room_is_what_the_model_leaves_for_text(load):
    assert load("around").room == 398
    assert load("llada").room == 400
    with pytest.raises(ValueError, match="400 positions"):
        load("around").denoiser(range(5, 395), 5, [9] * 4)


def test_what_tells_models_apart_names_no_place(load, folders, tmp_path):
    about = load("llada").about
    assert about["name"] == folders["llada"].name
    assert str(folders["llada"].parent) not in str(about)
    assert about["fingerprint"] != load("around").about["fingerprint"]


@pytest.mark.parametrize("around", ["llada", "around"])
def test_the_name_of_a_special_token_in_a_text_is_text(load, around):
    model = load(around)
    text = "a [MASK] b<|end|>"
    assert model.text(model.ids(text)) == text
    assert model.tokens.mask not in model.ids(text)
    assert model.ids("a [MASK]") == [i for letter in "a [MASK]" for i in model.ids(letter)]
    assert model.tokenizer("[MASK]", add_special_tokens=False)["input_ids"] == [model.tokens.mask]


def test_code_that_may_not_run_is_said_with_the_option(folders):
    with pytest.raises(ValueError, match=r"^--model \S+ brings code of its own.* add --trust-remote-code\.$"):
        load_text_model(str(folders["llada"]))


@pytest.mark.parametrize("content", ["{", None])
def test_a_tokenizer_that_is_damaged_or_missing_is_said_in_a_line(content, folders, tmp_path):
    copy = shutil.copytree(folders["llada"], tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    if content is not None:
        (copy / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=r"^--model \S+copy: its tokenizer cannot be loaded: \w+: .+$"):
        load_text_model(str(copy), remote_code=True)


def test_a_change_anywhere_in_the_weights_is_another_model(tmp_path):
    """A file read whole shows every byte; of one that is read in pieces only what lies in them."""
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(20 << 20)
    seen = {folder_fingerprint(tmp_path)}
    for at in (0, 17 << 20, (20 << 20) - 1):
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"x")
        seen |= {folder_fingerprint(tmp_path), folder_fingerprint(tmp_path, whole=1, places=2)}
    assert len(seen) == 1 + 3 + 2  # two pieces, the beginning and the end, miss the middle
    sparse = folder_fingerprint(tmp_path, whole=1, places=9)
    with path.open("r+b") as file:
        file.seek(17 << 20)
        file.write(b"y" * (2 << 20))
    assert folder_fingerprint(tmp_path, whole=1, places=9) != sparse


def test_a_copy_is_the_same_model(folders, tmp_path):
    copy = shutil.copytree(folders["llada"], tmp_path / "copy", copy_function=shutil.copyfile)
    (copy / "model.safetensors").touch()
    (copy / "more.bin").mkdir()
    assert folder_fingerprint(copy) == folder_fingerprint(folders["llada"])


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_no_such_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"--model \S+: there is no such folder"):
        load_text_model(name)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_text_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="cannot be loaded") as refused:
        load_text_model(str(tmp_path))
    assert "\n" not in str(refused.value)
