"""Loops are the same blocks run again: a network with copies of them answers, learns and costs the same."""

import dataclasses
import itertools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lo_theory.learning.checkpoint import network_config_from_json
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.deep_supervision import DeepSupervision
from lo_theory.learning.flops import forward_flops, training_flops
from lo_theory.learning.memory import activation_bytes, weight_count
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

V, PROMPT, LENGTH, LAYERS, LOOPS = 4, 4, 8, 2, 3
GRID = GridCoordinates(rows=2, columns=2, start=PROMPT)
KINDS = {
    "learned": {},
    "rotary, gated": {"positions": "rotary", "mlp": "swiglu"},
    "grid": {"coordinates": GRID},
    "patches": {"patches": PromptPatches(tokens=PROMPT, size=2), "positions": "rotary"},
}
ROWS = torch.tensor([[~3, ~0, ~1, ~2, 2, 0, 1, 1], [~1, ~0, ~0, ~5, 1, 2, 3, 0], [~2, ~2, ~0, ~1, 1, 1, 0, 2]])
TOKENS = ROWS.where(ROWS >= 0, ~ROWS)


def build(kind="learned", seed=0, **fields):
    """A small network whose head has left zero, so that its loops differ."""
    draws = torch.Generator().manual_seed(seed)
    shape = {"length": LENGTH, "vocabulary": V, "width": 8, "heads": 2, "layers": LAYERS, "loops": LOOPS}
    network = Transformer(NetworkConfig(**shape | KINDS[kind] | fields), draws)
    nn.init.normal_(network.head, generator=draws)
    return network


def copies(name, layers, loops):
    """The names that a weight has in an unrolled network."""
    if not name.startswith("blocks."):
        return [name]
    block, _, rest = name.removeprefix("blocks.").partition(".")
    return [f"blocks.{int(block) + layers * loop}.{rest}" for loop in range(loops)]


def unrolled(network, loops):
    """Blocks of its own for every loop, each with the weights of the one that it stands for, and no loops."""
    config = network.config
    deep = Transformer(dataclasses.replace(config, layers=loops * config.layers, loops=1), torch.Generator())
    weights = network.state_dict().items()
    deep.load_state_dict({copy: weight for name, weight in weights for copy in copies(name, config.layers, loops)})
    return deep


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
@given(loops=st.integers(1, 4), seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_an_unrolled_network_answers_the_same(kind, causal, loops, seed):
    network = build(kind, seed, causal=causal, loops=loops)
    where = (torch.arange(LENGTH) >= PROMPT + 1).expand(TOKENS.shape)
    with torch.no_grad():
        assert torch.equal(network(TOKENS, where), unrolled(network, loops)(TOKENS, where))


@pytest.mark.parametrize("kind", KINDS)
def test_each_loop_changes_the_answer(kind):
    network = build(kind)
    with torch.no_grad():
        answers = [unrolled(network, loops)(TOKENS)[:, PROMPT:] for loops in range(1, LOOPS + 1)]
        found = [logits[:, PROMPT:] for logits in network.layer_logits(TOKENS)]
    assert len(found) == LOOPS
    for here, alone in zip(found, answers, strict=True):
        torch.testing.assert_close(here, alone)
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in itertools.pairwise(answers))


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_sum_of_those_of_the_copies(kind):
    network = build(kind)
    deep = unrolled(network, LOOPS)
    for each in (network, deep):
        each(TOKENS)[:, PROMPT:].square().sum().backward()
    for name, weight in network.named_parameters():
        expected = sum(deep.get_parameter(copy).grad for copy in copies(name, LAYERS, LOOPS))
        torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-5)
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
def test_flops_are_those_of_the_counter(kind, causal):
    network = build(kind, causal=causal)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(TOKENS)
    assert counter.get_total_flops() == len(TOKENS) * forward_flops(network.config)
    deep = unrolled(network, LOOPS).config
    assert training_flops(network.config) == training_flops(deep)
    assert activation_bytes(network.config, 3) == activation_bytes(deep, 3)


def test_loops_have_no_weights():
    config = build().config
    assert weight_count(config) == weight_count(dataclasses.replace(config, loops=1))
    assert weight_count(config) == sum(weight.numel() for weight in build().parameters())


MAKERS = {"masked": lambda deep: AnswerObjective(deep=deep, draws=2), "autoregressive": ContinuationObjective}


@pytest.mark.parametrize("name", MAKERS)
@given(weight=st.floats(0.1, 4), layers=st.integers(1, 3))
@settings(max_examples=10)
def test_every_loop_is_asked_the_first_too(name, weight, layers):
    """The loss is that of the networks that end with each loop, whatever the number of layers in it."""
    network = build("grid", causal=name == "autoregressive", layers=layers)

    def loss(network, weight=0.0):
        return float(MAKERS[name](DeepSupervision(weight)).loss(network, ROWS, torch.Generator().manual_seed(1)))

    MAKERS[name](DeepSupervision(weight)).check(network.config)
    with torch.no_grad():
        *inner, last = [loss(unrolled(network, loops)) for loops in range(1, LOOPS + 1)]
        assert loss(network, weight) == pytest.approx(last + weight * sum(inner) / len(inner), rel=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_a_network_with_loops_learns_and_goes_on_bit_for_bit(name, tmp_path):
    """It fits three rows, and a training that was stopped ends where the whole one does."""
    objective = MAKERS[name](DeepSupervision(0.2))
    rows = FixedRows(ROWS.numpy(), "f" * 16, V, 3)
    config = TrainConfig(steps=60, learning_rate=1e-2, optimizer="muon", checkpoint_every=7, log_every=10)

    def start():
        return Transformer(build("grid", causal=name == "autoregressive").config, torch.Generator().manual_seed(0))

    whole = train(start(), objective, rows, config)

    def stop(record):
        if record.step == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(start(), objective, rows, config, directory=tmp_path, on_step=stop)
    resumed = train(start(), objective, rows, config, directory=tmp_path)
    assert whole.history[-1].loss_nats < 0.5 * whole.history[0].loss_nats
    for here, there in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(here, there)


def test_where_there_are_no_loops_files_do_not_speak_of_them():
    config = build(loops=1).config
    form = json.loads(json.dumps(dataclasses.asdict(config)))
    assert network_config_from_json(form) == config
    del form["loops"]
    assert network_config_from_json(form) == config
    assert network_config_from_json(form | {"loops": 5}) == dataclasses.replace(config, loops=5)


@pytest.mark.parametrize("loops", [0, -1])
def test_a_network_runs_its_blocks_at_least_once(loops):
    with pytest.raises(ValueError, match=f"loops of a network must be at least 1; got {loops}"):
        build(loops=loops)
