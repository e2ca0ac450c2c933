"""What a network may see, what it can say, and where its weights come from."""

import math
from dataclasses import dataclass, fields
from typing import Any

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lo_theory.learning.choices import Shape
from lo_theory.learning.flops import forward_flops, training_flops
from lo_theory.learning.network import NetworkConfig, Transformer

KINDS = [{"positions": "learned", "mlp": "gelu"}, {"positions": "rotary", "mlp": "swiglu"}]
SMALL: dict[str, Any] = {"length": 7, "vocabulary": 3, "layers": 2, "width": 16, "heads": 2}


def build(seed=0, **fields):
    """A small network whose head has left zero, so that its answers differ."""
    draws = torch.Generator().manual_seed(seed)
    network = Transformer(NetworkConfig(**SMALL | fields), draws)
    nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def tokens(seed=0, batch_size=4, length=7):
    return torch.randint(5, (batch_size, length), generator=torch.Generator().manual_seed(seed))


def change(rows, position):
    other = rows.clone()
    other[:, position] = (other[:, position] + 1) % 5
    return other


@pytest.mark.parametrize("kind", KINDS)
@given(position=st.integers(0, 6), seed=st.integers(0, 100))
@settings(max_examples=15)
def test_causal_network_does_not_look_ahead(kind, position, seed):
    network, rows = build(seed, causal=True, **kind), tokens(seed)
    before, after = network(rows), network(change(rows, position))
    assert torch.equal(before[:, :position], after[:, :position])
    assert not torch.allclose(before[:, position:], after[:, position:], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_network_looks_both_ways(kind):
    network, rows = build(**kind), tokens()
    for position in range(7):
        difference = (network(rows) - network(change(rows, position))).abs().amax(dim=(0, 2))
        assert (difference > 1e-4).all()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_batch_are_independent(kind, causal):
    network, rows = build(causal=causal, **kind), tokens()
    together = network(rows)
    alone = torch.cat([network(row[None]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)
    others = torch.cat((rows[:1], tokens(seed=9)[1:]))
    assert torch.allclose(network(others)[0], together[0], atol=1e-5)
    assert not torch.allclose(network(others)[1], together[1], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_positions_matter(kind):
    network = build(**kind)
    rows = torch.tensor([[0, 1, 2, 0, 1, 2, 3]])
    swapped = rows[:, [1, 0, 2, 3, 4, 5, 6]]
    assert not torch.allclose(network(rows)[:, 2:], network(swapped)[:, 2:], atol=1e-4)


def test_rotary_positions_enter_the_scores_only():
    """Equal tokens attend to equal values whatever the scores, so all answers agree; learned positions break this."""
    network = build(positions="rotary")
    constant = torch.full((1, 7), 2)
    assert torch.allclose(network(constant)[0], network(constant)[0, :1].expand(7, -1), atol=1e-5)
    learned = build(positions="learned")
    assert not torch.allclose(learned(constant)[0], learned(constant)[0, :1].expand(7, -1), atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_selected_positions_have_the_same_logits(kind):
    network, rows = build(**kind), tokens()
    where = rows == 3
    assert torch.allclose(network(rows, where), network(rows)[where], atol=1e-6)


def test_mask_and_pad_can_be_read_but_not_predicted():
    network = build()
    config = network.config
    rows = torch.tensor([[config.mask_id, config.pad_id, 0, 1, 2, 0, 1]])
    assert network(rows).shape == (1, 7, 3)
    with pytest.raises(IndexError):
        network(torch.full((1, 7), config.pad_id + 1))


def test_causal_network_reads_prefixes_and_a_bidirectional_one_does_not():
    rows = tokens()
    network = build(causal=True)
    assert torch.allclose(network(rows[:, :3]), network(rows)[:, :3], atol=1e-5)
    for wrong in (build(), network):
        with pytest.raises(ValueError, match=r"reads (exactly|at most) 7 tokens; got sequences of length [38]"):
            wrong(tokens(length=3 if not wrong.config.causal else 8))


def test_weights_come_from_the_generator_alone():
    state = torch.random.get_rng_state()
    first, again, other = (build(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.embedding, other.embedding)


def test_untrained_network_answers_uniformly():
    network = Transformer(NetworkConfig(**SMALL), torch.Generator().manual_seed(0))
    assert torch.equal(network(tokens()), torch.zeros(4, 7, 3))


def test_logits_are_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = build()(tokens())
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, build()(tokens()), atol=0.2)


def test_paper_network_has_19_million_weights():
    config = NetworkConfig(
        length=512, vocabulary=2, layers=8, heads=6, width=384, hidden=1536, mlp="swiglu", positions="rotary"
    )
    network = Transformer(config, torch.Generator().manual_seed(0))
    n_weights = sum(weight.numel() for name, weight in network.named_parameters() if name not in ("embedding", "head"))
    assert n_weights == pytest.approx(18.88e6, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("causal", [False, True])
def test_flops_are_those_of_the_counter(kind, causal):
    network = build(causal=causal, **kind).requires_grad_(True)
    rows = tokens(batch_size=5)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss = network(rows).square().sum()
    assert counter.get_total_flops() == 5 * forward_flops(network.config)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss.backward()
    assert counter.get_total_flops() == 5 * (training_flops(network.config) - forward_flops(network.config))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": 0}, "layers .* got 0"),
        ({"vocabulary": 0}, "vocabulary .* got 0"),
        ({"hidden": -1}, "hidden of a network .* got -1"),
        ({"heads": 3}, "width 16 and 3 heads"),
        ({"positions": "rotary", "width": 6}, "even width per head; got 3"),
    ],
)
def test_impossible_shapes_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**SMALL | fields)


@pytest.mark.parametrize(("field", "value"), [("positions", "sinus"), ("mlp", "relu")])
def test_unknown_kinds_are_refused_without_a_type_checker(field, value, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=f"{field} must be .* got '{value}'"):
        NetworkConfig(**SMALL | {field: value})


def test_initial_scale_of_the_residual_branches():
    network = Transformer(NetworkConfig(length=4, vocabulary=2, layers=2, width=256), torch.Generator().manual_seed(0))
    weights = dict(network.named_parameters())
    assert weights["blocks.0.qkv"].std().item() == pytest.approx(1 / 16, rel=0.02)
    assert weights["blocks.1.mlp_in"].std().item() == pytest.approx(1 / 16, rel=0.02)
    assert weights["blocks.1.mlp_out"].std().item() == pytest.approx(1 / math.sqrt(1024 * 4), rel=0.02)


def test_a_config_of_a_shape_takes_all_of_it_and_nothing_else_of_a_setting():
    @dataclass(frozen=True, kw_only=True)
    class Setting(Shape):
        steps: int
        length: int = 99

    shape: dict[str, Any] = {
        "layers": 2,
        "width": 24,
        "heads": 3,
        "hidden": 40,
        "mlp": "swiglu",
        "positions": "rotary",
        "loops": 2,
        "keys": "visible",
    }
    assert shape.keys() == {field.name for field in fields(Shape)}
    expected = NetworkConfig(length=5, vocabulary=3, causal=True, any_order=True, **shape)
    assert NetworkConfig.of(Setting(steps=7, **shape), length=5, vocabulary=3, causal=True, any_order=True) == expected
    assert NetworkConfig.of(Shape(), length=5, vocabulary=3) == NetworkConfig(length=5, vocabulary=3)


def test_a_causal_network_is_told_no_keys():
    config = NetworkConfig(length=4, vocabulary=2, layers=1, width=8, heads=2, causal=True)
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="keys are for a bidirectional one"):
        Transformer(config, torch.Generator().manual_seed(0))(tokens, keys=tokens == 0)
