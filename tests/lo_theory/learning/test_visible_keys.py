"""A hidden token is no key for others: what a network answers does not depend on how the others ask."""

from __future__ import annotations

import dataclasses
import json

import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from lo_theory.learning import block, network, visible_keys
from lo_theory.learning.checkpoint import network_config_from_json
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.visible_keys import VisibleKeys

LENGTH, VOCABULARY = 20, 3
KINDS = {
    "learned": {},
    "rotary": {"positions": "rotary", "mlp": "swiglu"},
    "looped": {"loops": 2},
    "patches": {"patches": PromptPatches(tokens=8, size=4)},
}


def build(**kind) -> Transformer:
    options = {"length": LENGTH, "vocabulary": VOCABULARY, "layers": 2, "width": 16, "heads": 2, "keys": "visible"}
    made = Transformer(NetworkConfig(**options | kind), torch.Generator().manual_seed(0)).double()
    torch.nn.init.normal_(made.head, generator=torch.Generator().manual_seed(1))
    return made


def rows(seed: int, number: int, prompt: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and which of them are hidden, as many as a stratum asks for."""
    draws = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, VOCABULARY, (number, LENGTH), generator=draws)
    hidden = torch.rand(number, LENGTH, generator=draws) < torch.rand(number, 1, generator=draws)
    hidden[:, :prompt] = False
    return tokens.masked_fill(hidden, VOCABULARY), hidden


def masked(made: Transformer, tokens: torch.Tensor, monkeypatch) -> torch.Tensor:
    """The same network by PyTorch's kernel and a mask for every pair of places, nothing sorted."""
    prompt = 0 if made.config.patches is None else made.config.patches.tokens
    visible = functional.pad(
        tokens[:, prompt:] != VOCABULARY, (made.config.places - LENGTH + prompt, 0), value=True
    )  # fmt: skip
    seen = visible[:, None, None] | torch.eye(made.config.places, dtype=torch.bool)

    def attend(query, key, value, **_):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)

    with monkeypatch.context() as patch:
        patch.setattr(network.Transformer, "_keys", lambda *_: None)
        patch.setattr(block, "attention", attend)
        return made(tokens)


@pytest.mark.parametrize("number", [1, 3, 24])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", ["all", "hidden", "few"])
def test_it_is_attention_with_a_mask_forward_and_backward(monkeypatch, kind, number, asked):
    made = build(**KINDS[kind])
    prompt = 8 if kind == "patches" else 0
    tokens, hidden = rows(number, number, prompt)
    few = hidden & (torch.rand(hidden.shape, generator=torch.Generator().manual_seed(3)) < 0.3)
    where = {"all": None, "hidden": hidden, "few": few}[asked]
    answer, expected = made(tokens, where), masked(made, tokens, monkeypatch)
    expected = expected if where is None else expected[where]
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10, equal_nan=True)
    for inner in (made.layer_logits(tokens, where)[-1],):
        torch.testing.assert_close(inner, expected, rtol=1e-10, atol=1e-10, equal_nan=True)
    weights = [weight for name, weight in made.named_parameters() if kind != "patches" or "embedding" not in name]
    sums = [part[~part.isnan()].square().sum() for part in (answer, expected)]
    ours, theirs = (torch.autograd.grad(total, weights, allow_unused=True, retain_graph=True) for total in sums)
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


@given(seed=st.integers(0, 2**20), number=st.integers(1, 40), length=st.integers(1, 40), queries=st.booleans())
def test_of_any_rows_it_is_the_kernel_with_a_mask(seed, number, length, queries):
    draws = torch.Generator().manual_seed(seed)
    visible = torch.rand(number, length, generator=draws) < torch.rand(number, 1, generator=draws)
    keys = VisibleKeys(visible)
    parts = [torch.randn(number, 2, length, 4, dtype=torch.float64, generator=draws) for _ in range(3)]
    at = torch.rand(number, length, generator=draws).argsort(1)[:, : (length + 1) // 2] if queries else None
    places = torch.arange(length).expand(number, -1) if at is None else at
    query = parts[0][:, :, : places.shape[1]].clone().requires_grad_()
    key, value = parts[1].requires_grad_(), parts[2].requires_grad_()
    seen = keys.sorted(visible)[:, None] | (places[..., None] == torch.arange(length))
    answer = keys.attend(query, key, value, at)
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None])
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)
    pull = torch.randn(answer.shape, dtype=answer.dtype, generator=draws)
    ours, theirs = (torch.autograd.grad((one * pull).sum(), (query, key, value)) for one in (answer, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("asked", [False, True], ids=["everywhere", "few"])
def test_with_a_mask_for_every_pair_as_on_a_gpu_answers_are_the_same(monkeypatch, asked):
    made = build(**KINDS["rotary"])
    tokens, hidden = rows(4, 16)
    where = hidden & (torch.arange(LENGTH) < 6) if asked else None
    sliced = made(tokens, where)
    monkeypatch.setattr(visible_keys, "_sliced", lambda _: False)
    torch.testing.assert_close(made(tokens, where), sliced, rtol=1e-10, atol=1e-10)


@given(seed=st.integers(0, 2**20), number=st.integers(1, 40))
def test_sorting_puts_keys_first_and_is_undone(seed, number):
    draws = torch.Generator().manual_seed(seed)
    visible = torch.rand(number, 9, generator=draws) < torch.rand(number, 1, generator=draws)
    keys = VisibleKeys(visible)
    moved = keys.sorted(visible)
    assert bool((moved.int().diff(dim=1) <= 0).all())
    assert bool((keys.counts.diff() >= 0).all())
    x = torch.arange(number * 9 * 2, dtype=torch.float32).view(number, 9, 2)
    assert torch.equal(keys.in_order(keys.sorted(x)), x)
    assert [row for group in keys.groups for row in range(group.start, group.stop)] == list(range(number))


def test_what_one_hidden_token_is_asked_changes_no_other_answer():
    """With all keys the mask of one place is read by the others; here it is not, and its place may be anyone's."""
    tokens, hidden = rows(5, 16)
    for keys, same in (("visible", True), ("all", False)):
        made = build(keys=keys)
        before = made(tokens)
        with torch.no_grad():
            assert made.positions is not None
            made.positions[4] += 1.0
        after = made(tokens)
        others = torch.ones(LENGTH, dtype=torch.bool)
        others[4] = False
        at = hidden[:, 4]
        assert bool(at.any())
        assert torch.allclose(before[at][:, others], after[at][:, others], atol=1e-12) == same


def test_with_nothing_hidden_all_keys_are_visible():
    tokens, _ = rows(1, 4)
    tokens %= VOCABULARY
    few, every = (build(keys=keys) for keys in ("visible", "all"))
    torch.testing.assert_close(few(tokens), every(tokens), rtol=1e-12, atol=1e-12)


def test_a_causal_network_is_the_same_either_way():
    tokens, _ = rows(2, 4)
    tokens[:, 0] = VOCABULARY
    few, every = (build(keys=keys, causal=True) for keys in ("visible", "all"))
    assert torch.equal(few(tokens), every(tokens))


def test_files_speak_of_keys_where_they_are_not_all():
    config = build().config
    form = json.loads(json.dumps(dataclasses.asdict(config)))
    assert network_config_from_json(form) == config
    del form["keys"]
    assert network_config_from_json(form) == dataclasses.replace(config, keys="all")


def test_an_unknown_kind_of_keys_is_named(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="keys must be 'all' or 'visible'; got 'hidden'"):
        build(keys="hidden")


def test_keys_can_be_asked_for_and_are_never_more_than_a_network_has():
    tokens, hidden = rows(7, 16)
    few, every = build(), build(keys="all")
    asked = ~hidden
    torch.testing.assert_close(every(tokens, keys=asked), few(tokens), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(every(tokens, keys=torch.ones_like(hidden)), every(tokens), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(few(tokens, keys=torch.ones_like(hidden)), few(tokens), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(every.layer_logits(tokens, keys=asked)[0], few.layer_logits(tokens)[0])


def test_rows_may_differ_in_kind():
    tokens, hidden = rows(8, 20)
    few, every = build(), build(keys="all")
    mixed = torch.where((torch.arange(20) < 9)[:, None], ~hidden, torch.ones_like(hidden))
    answer = every(tokens, hidden, keys=mixed)
    at = hidden.nonzero()[:, 0] < 9
    torch.testing.assert_close(answer[at], few(tokens, hidden)[at], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(answer[~at], every(tokens, hidden)[~at], rtol=1e-10, atol=1e-10)
