"""A causal network that goes on reading answers as one that begins anew, whatever was asked before."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.patches import PromptPatches
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import left_to_right_score
from lo_theory.samplers.tokens import argmax_token

V, LENGTH, PROMPT = 4, 10, 4
KINDS = {
    "learned": {},
    "loops": {"loops": 3},
    "rotary, gated": {"positions": "rotary", "mlp": "swiglu"},
    "triples": {"coordinates": GridCoordinates(rows=2, columns=1, start=PROMPT, triples=True)},
    "patches": {"patches": PromptPatches(tokens=PROMPT, size=2)},
    "patches, rotary": {"patches": PromptPatches(tokens=PROMPT, size=2), "positions": "rotary"},
}


def build(kind, seed=0):
    """A small network whose head has left zero."""
    draws = torch.Generator().manual_seed(seed)
    config = NetworkConfig(length=LENGTH, vocabulary=V, layers=2, width=16, heads=2, causal=True, **KINDS[kind])
    network = Transformer(config, draws)
    nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def prefixes(rows, visible):
    """Rows of which only the first ``visible`` tokens are shown."""
    return rows.masked_fill(torch.arange(LENGTH) >= torch.tensor(visible)[:, None], V)


def draw(rng, batch_size):
    return torch.from_numpy(rng.integers(0, V, (batch_size, LENGTH)))


def same(a, b):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_a_sequence_of_questions_is_answered_as_without_memory(kind, seed):
    """Longer, shorter and other prefixes, fewer and more rows, in any order."""
    rng = np.random.default_rng(seed)
    network = build(kind)
    plain = CausalDenoiser(network, np.arange(LENGTH))
    remembering = CausalDenoiser(network, np.arange(LENGTH), remembers=True)
    rows = draw(rng, 4)
    for _ in range(8):
        if rng.random() < 0.2:
            rows = draw(rng, 4)
        chosen = rows[torch.from_numpy(rng.permutation(4)[: rng.integers(1, 5)])] if rng.random() < 0.5 else rows
        tokens = prefixes(chosen, [int(v) for v in rng.integers(PROMPT, LENGTH + 1, len(chosen))])
        same(remembering(tokens), plain(tokens))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_decoding_is_as_without_memory(kind, seed):
    """Rows with prompts of different lengths: some end before others."""
    rng = np.random.default_rng(seed)
    network = build(kind, seed)
    order = np.arange(LENGTH)
    tokens = prefixes(draw(rng, 5), [int(v) for v in rng.integers(PROMPT, LENGTH, 5)])
    decoder = Decoder(left_to_right_score, one_per_step(), argmax_token)
    found = [
        decode(CausalDenoiser(network, order, remembers=remembers), tokens, decoder, torch.Generator().manual_seed(0))
        for remembers in (False, True)
    ]
    assert torch.equal(found[0].tokens, found[1].tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_is_not_read_again(kind):
    """Token by token a sequence costs the matrices of one pass, and attention to what is known."""
    network = build(kind)
    rows = draw(np.random.default_rng(0), 3)

    def cost(remembers):
        denoiser = CausalDenoiser(network, np.arange(LENGTH), remembers=remembers)
        spent = []
        for visible in range(PROMPT, LENGTH):
            with FlopCounterMode(display=False) as counter:
                denoiser(prefixes(rows, [visible] * 3))
            spent.append(counter.get_total_flops())
        return spent

    plain, remembering = cost(False), cost(True)
    assert remembering[0] <= plain[0]
    one_place = plain[1] / network.config.places_of(PROMPT + 2)
    assert all(spent < 1.5 * one_place for spent in remembering[1:])
    assert all(later > 2 * one_place for later in plain[1:])


def stepped(network):
    """One step of an optimizer that writes to many weights at once."""
    network.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    network(torch.zeros(1, LENGTH, dtype=torch.int64)).square().sum().backward()
    optimizer.step()
    network.requires_grad_(False)


def replaced(network):
    """Twice, so that the memory of the first weights may be given to the third."""
    for factor in (2.0, 3.0):
        weight = network.get_parameter("blocks.0.qkv")
        weight.data = weight.data * factor


def put_in_place(network):
    network.blocks[0].qkv = nn.Parameter(network.blocks[0].qkv * 2.0, requires_grad=False)


CHANGES = {
    "in place": lambda network: network.get_parameter("blocks.0.qkv").mul_(2.0),
    "one entry": lambda network: network.get_parameter("embedding")[V].add_(1.0),
    "a buffer": lambda network: network.angles.mul_(1.5),
    "load_state_dict": lambda network: network.load_state_dict(build("rotary, gated", seed=7).state_dict()),
    "an optimizer step": stepped,
    "data replaced": replaced,
    "another parameter": put_in_place,
    "another precision": lambda network: network.double().float().get_parameter("head").mul_(1.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_new_weights_are_noticed_and_what_the_old_ones_read_is_forgotten(change):
    network = build("rotary, gated")
    rows = draw(np.random.default_rng(1), 3)
    plain, remembering = (CausalDenoiser(network, np.arange(LENGTH), remembers=on) for on in (False, True))
    remembering(prefixes(rows, [6] * 3))
    later = prefixes(rows, [7] * 3)
    before = plain(later)
    CHANGES[change](network)
    if change != "another precision":
        assert (plain(later) - before)[~before.isnan()].abs().max() > 1e-2, "negative control: the answers are others"
    same(remembering(later), plain(later))
    same(remembering(prefixes(rows, [8] * 3)), plain(prefixes(rows, [8] * 3)))


def test_weights_made_where_pytorch_counts_nothing_are_read_anew():
    with torch.inference_mode():
        network = build("learned")
        plain, remembering = (CausalDenoiser(network, np.arange(LENGTH), remembers=on) for on in (False, True))
        rows = draw(np.random.default_rng(1), 3)
        remembering(prefixes(rows, [6] * 3))
        network.get_parameter("blocks.0.qkv").mul_(2.0)
        same(remembering(prefixes(rows, [7] * 3)), plain(prefixes(rows, [7] * 3)))


def test_what_is_written_through_data_is_not_noticed():
    """Negative control: the memory is used, and is of the weights that read it. PyTorch does not count this one."""
    network = build("learned")
    rows = draw(np.random.default_rng(1), 3)
    plain = CausalDenoiser(network, np.arange(LENGTH))
    remembering = CausalDenoiser(network, np.arange(LENGTH), remembers=True)
    remembering(prefixes(rows, [6] * 3))
    network.get_parameter("blocks.0.qkv").data.mul_(2.0)
    later = prefixes(rows, [7] * 3)
    assert (remembering(later) - plain(later))[~plain(later).isnan()].abs().max() > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known_at_first_and_nothing_of_other_rows(kind):
    network = build(kind)
    cache = network.cache()
    rows = torch.cat((torch.full((3, 1), V), draw(np.random.default_rng(2), 3)[:, 1:]), dim=1)
    assert cache.begin(rows, most=LENGTH) == 0
    network.next_logits(rows, torch.full((3,), LENGTH - 1), cache)
    assert cache.begin(rows, most=LENGTH - 1) == network.config.places_of(LENGTH - 1)
    network.next_logits(rows, torch.full((3,), LENGTH - 1), cache)
    other = rows.clone()
    other[1, PROMPT + 2] = (other[1, PROMPT + 2] + 1) % V
    assert cache.begin(other, most=LENGTH - 1) == network.config.places_of(PROMPT + 2)
    assert cache.begin(torch.full_like(rows, 0), most=LENGTH - 1) == 0, "another first token"


def test_a_bidirectional_network_has_no_cache():
    config = dataclasses.replace(build("learned").config, causal=False)
    with pytest.raises(ValueError, match="only a causal network"):
        Transformer(config, torch.Generator().manual_seed(0)).cache()


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_call_that_failed_nothing_is_taken_for_read(kind, monkeypatch):
    """On its way through the blocks: the keys of the later ones are memory that nobody has written."""
    network = build(kind)
    plain, remembering = (
        CausalDenoiser(network, np.arange(LENGTH), remembers=remembers) for remembers in (False, True)
    )
    rows = prefixes(draw(np.random.default_rng(3), 3), [7] * 3)
    remembering(rows)
    last, other = network.blocks[-1], prefixes((rows % V + 1) % V, [7] * 3)
    monkeypatch.setattr(last, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        remembering(other)
    monkeypatch.undo()
    same(remembering(other), plain(other))
    with pytest.raises(IndexError):
        remembering(torch.where(other == other[0, 5], V + 5, other))
    same(remembering(rows), plain(rows))


def test_what_was_read_may_be_written_over():
    network = build("learned")
    cache, at = network.cache(), torch.full((2,), LENGTH - 1)
    rows = draw(np.random.default_rng(4), 2)
    network.next_logits(rows, at, cache)
    rows[:, 1] = (rows[:, 1] + 1) % V
    torch.testing.assert_close(network.next_logits(rows, at, cache), network(rows)[:, -1], rtol=1e-4, atol=1e-5)
