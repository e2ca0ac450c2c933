"""A prompt read in patches: what enters, what may be seen, what can be answered."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import network_config_from_json
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.flops import forward_flops
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, shift_right
from lo_theory.learning.patches import PatchEmbedding, PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective
from lo_theory.samplers.decoder import full_rewrite, margin, path_planning, remdm
from lo_theory.samplers.decoding import decode

V, PROMPT, ANSWERS = 5, 6, 4
LENGTH = PROMPT + ANSWERS
GRID = GridCoordinates(rows=2, columns=2, start=PROMPT)
KINDS = [{"positions": "learned"}, {"positions": "rotary"}, {"coordinates": GRID}]


def build(size, seed=0, **fields):
    """A small network whose head has left zero, so that its answers differ."""
    draws = torch.Generator().manual_seed(seed)
    patches = PromptPatches(tokens=PROMPT, size=size) if size else None
    shape: dict[str, Any] = {"length": LENGTH, "vocabulary": V, "layers": 2, "width": 16, "heads": 2}
    network = Transformer(NetworkConfig(**shape, patches=patches, **fields), draws)
    nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def tokens(seed=0, batch_size=4):
    """Prompts may hold pads, answers masks."""
    draws = torch.Generator().manual_seed(seed)
    prompt = torch.randint(V + 1, (batch_size, PROMPT), generator=draws)
    prompt[prompt == V] = V + 1
    return torch.cat((prompt, torch.randint(V + 1, (batch_size, ANSWERS), generator=draws)), dim=1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_patches_of_one_token_with_the_same_embeddings_change_nothing(kind, causal):
    plain, cut = build(0, causal=causal, **kind), build(1, causal=causal, **kind)
    assert cut.patches is not None
    cut.load_state_dict(plain.state_dict(), strict=False)
    cut.patches.tables.copy_(plain.embedding[None])
    rows = tokens()
    if causal:  # the network without patches must read the start symbol too
        rows = shift_right(rows, V)
    if plain.coordinates is not None:  # a prompt in patches is told nothing of a grid that it is not on
        for table in plain.coordinates.tables.values():
            table[2] = 0
        assert cut.coordinates is not None
        cut.coordinates.load_state_dict(plain.coordinates.state_dict())
    torch.testing.assert_close(cut(rows)[:, PROMPT:], plain(rows)[:, PROMPT:])


@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 2, 3, 6]))
@settings(max_examples=20, deadline=None)
def test_a_patch_is_the_sum_of_its_tokens_embeddings(seed, size):
    embedding = PatchEmbedding(PromptPatches(tokens=PROMPT, size=size), V + 2, 3, torch.Generator().manual_seed(seed))
    prompt = tokens(seed)[:, :PROMPT]
    found = embedding(prompt)
    for row in range(len(prompt)):
        for patch in range(PROMPT // size):
            parts = [embedding.tables[i, prompt[row, patch * size + i]] for i in range(size)]
            torch.testing.assert_close(found[row, patch], torch.stack(parts).sum(dim=0))


def test_the_tokens_of_a_patch_start_at_the_scale_of_others():
    """Standard deviation 1: of 4 * 7 * 4096 independent values, five standard errors are 0.011 (p below 1e-6)."""
    embedding = PatchEmbedding(PromptPatches(tokens=4, size=4), 7, 4096, torch.Generator().manual_seed(0))
    assert abs(float(embedding.tables.detach().std()) - 1) < 5 / math.sqrt(2 * 4 * 7 * 4096)


@pytest.mark.parametrize("causal", [False, True])
def test_patches_start_as_a_set_and_everything_else_with_positions(causal):
    positions = build(2, causal=causal).positions
    assert positions is not None
    unplaced = (positions == 0).all(dim=1).nonzero().squeeze(1)
    assert unplaced.tolist() == [int(causal) + i for i in range(PROMPT // 2)]


@pytest.mark.parametrize("kind", KINDS)
@given(position=st.integers(PROMPT, LENGTH - 1), seed=st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_causal_network_sees_the_whole_prompt_and_no_later_answer(kind, position, seed):
    network, rows = build(3, seed, causal=True, **kind), tokens(seed)
    changed = rows.clone()
    changed[:, position] = (changed[:, position] + 1) % V
    before, after = network(shift_right(rows, V)), network(shift_right(changed, V))
    assert torch.equal(before[:, PROMPT : position + 1], after[:, PROMPT : position + 1])
    for place in range(PROMPT):
        changed = rows.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        difference = (before - network(shift_right(changed, V)))[:, PROMPT:].abs().amax(dim=(0, 2))
        assert (difference > 1e-6).all()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_selected_answers_are_those_of_the_whole(kind, causal):
    network, rows = build(3, causal=causal, **kind), tokens()
    whole = network(rows)
    assert whole.shape == (4, LENGTH, V)
    assert whole[:, :PROMPT].isnan().all()
    assert not whole[:, PROMPT:].isnan().any()
    where = torch.zeros_like(rows, dtype=torch.bool)
    where[1, PROMPT] = where[2, LENGTH - 1] = where[2, PROMPT + 1] = True
    assert torch.equal(network(rows, where), whole[where])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", range(PROMPT + 1, LENGTH + 1))
def test_a_causal_network_may_stop_anywhere_behind_the_prompt(kind, read):
    network, rows = build(2, causal=True, **kind), tokens()
    torch.testing.assert_close(network(rows[:, :read])[:, PROMPT:], network(rows)[:, PROMPT:read], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_flops_are_those_that_torch_counts(size):
    network = build(size)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(tokens(batch_size=1))
    assert forward_flops(network.config) == counter.get_total_flops()


@pytest.mark.parametrize(("objective", "causal"), [(AnswerObjective(), False), (ContinuationObjective(), True)])
def test_objectives_reach_every_weight(objective, causal):
    network = build(3, causal=causal, coordinates=GRID).requires_grad_(True)
    rows = tokens(seed=1, batch_size=64) % V
    rows[:, :PROMPT] = ~rows[:, :PROMPT]
    objective.loss(network, rows, torch.Generator().manual_seed(0)).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("decoder", [margin(), full_rewrite(4), full_rewrite(4, noise=0.5), path_planning(4), remdm(4)])
def test_prompts_are_decoded_behind(decoder):
    """Also by a rule that drafts every token anew: it never asks inside the prompt."""
    prompt = tokens()
    prompt[:, PROMPT:] = V
    done = decode(MaskedDenoiser(build(3), everywhere=True), prompt, decoder, torch.Generator().manual_seed(0))
    assert torch.equal(done.tokens[:, :PROMPT], prompt[:, :PROMPT])
    assert (done.tokens[:, PROMPT:] < V).all()


@pytest.mark.parametrize("objective", [MaskedObjective(), AutoregressiveObjective(np.arange(LENGTH))])
def test_an_objective_that_asks_for_every_token_cannot_train_a_prompt_in_patches(objective):
    with pytest.raises(ValueError, match=f"the first {PROMPT} tokens of this network are a prompt, read in patches"):
        objective.check(build(3, causal=objective.causal).config)


@pytest.mark.parametrize("objective", [AnswerObjective(), ContinuationObjective()])
def test_rows_whose_prompt_is_not_given_are_refused(objective):
    network, generator = build(3, causal=objective.causal), torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=f"the first {PROMPT} tokens are a prompt that is read in patches"):
        objective.loss(network, tokens() % V, generator)


def test_a_masked_prompt_is_refused():
    hidden = tokens()
    hidden[1, PROMPT - 1] = V
    with pytest.raises(ValueError, match="there are no answers there"):
        MaskedDenoiser(build(3))(hidden)


def test_an_arm_answers_its_first_token_from_the_last_patch():
    prompt = tokens()
    prompt[:, PROMPT:] = V
    network = build(3, causal=True)
    answers = CausalDenoiser(network, torch.arange(LENGTH).numpy())(prompt)
    torch.testing.assert_close(answers[:, PROMPT], network(shift_right(prompt, V))[:, PROMPT].log_softmax(-1))


def test_json_form_returns_and_old_files_have_no_patches():
    config = build(3).config
    form = dataclasses.asdict(config)
    assert network_config_from_json(form) == config
    del form["patches"]
    assert network_config_from_json(form) == dataclasses.replace(config, patches=None)
    with pytest.raises(ValueError, match="patched prompt lacks the field"):
        network_config_from_json(dataclasses.asdict(config) | {"patches": {"tokens": 6}})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PromptPatches(tokens=6, size=4), "patches of 4 tokens do not fill a prompt of 6"),
        (lambda: PromptPatches(tokens=0, size=1), "do not fill a prompt of 0"),
        (lambda: NetworkConfig(length=6, vocabulary=5, patches=PromptPatches(tokens=6, size=3)), "no answer is left"),
        (
            lambda: NetworkConfig(
                length=LENGTH,
                vocabulary=V,
                patches=PromptPatches(tokens=PROMPT, size=3),
                coordinates=GridCoordinates(rows=2, columns=2, start=5),
            ),
            "begins at position 5, inside a prompt of 6",
        ),
        (
            lambda: build(3, causal=True)(tokens()[:, :PROMPT]),
            "more than the prompt's 6 tokens; got sequences of length 6",
        ),
    ],
)
def test_bad_patches_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
