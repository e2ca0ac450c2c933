"""Each weight has one optimizer, each optimizer its rates, and Muon's update is the one of its authors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_pre_hook

from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.optimizer import (
    build_optimizers,
    check_optimizer,
    optimizer_tensors,
    restore_optimizers,
    update_weights,
    warmup_cosine,
)
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

BETAS, DECAY = (0.9, 0.95), 1.0
RATES = (2e-2, 4e-2, 1e-2)
KINDS = {
    "plain": {},
    "rotary": {"positions": "rotary", "mlp": "swiglu", "causal": True},
    "grid": {"coordinates": GridCoordinates(rows=2, columns=3, box_rows=1, box_columns=3)},
}


def build(seed=0, **fields):
    shape = {"length": 6, "vocabulary": 3, "layers": 2, "width": 8, "heads": 2}
    return Transformer(NetworkConfig(**shape | fields), torch.Generator().manual_seed(seed))


def optimizers_of(network, name="muon"):
    return build_optimizers(
        network,
        name,
        rate=RATES.__getitem__,
        betas=BETAS,
        weight_decay=DECAY,
    )


def as_numpy(network):
    return {name: weight.detach().double().numpy().copy() for name, weight in network.named_parameters()}


def random_gradients(network, rng, steps):
    """Gradients of each step, float64, exact in float32."""
    return [
        {name: rng.normal(size=w.shape).astype(np.float32).astype(np.float64) for name, w in network.named_parameters()}
        for _ in range(steps)
    ]


def follow(network, optimizers, gradients, first=0):
    """Take one step for each entry of ``gradients``."""
    for step, gradient in enumerate(gradients, start=first):
        for name, weight in network.named_parameters():
            weight.grad = torch.from_numpy(gradient[name]).float()
        update_weights(optimizers, step)


def newton_schulz(matrix):
    """Five steps of X -> a X + b XX'X + c XX'XX'X in float64 (Jordan et al. 2024)."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    return x


def muon_by_hand(weight, gradients, *, nesterov=True, decay=DECAY):
    momentum = np.zeros_like(weight)
    scale = 0.2 * np.sqrt(max(weight.shape))
    for gradient, rate in zip(gradients, RATES, strict=True):
        momentum = 0.95 * momentum + 0.05 * gradient
        direction = 0.95 * momentum + 0.05 * gradient if nesterov else momentum
        weight = weight * (1 - rate * decay) - rate * scale * newton_schulz(direction)
    return weight


def adamw_by_hand(weight, gradients, decay):
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, RATES, strict=True), start=1):
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        unbiased = first / (1 - BETAS[0] ** step), second / (1 - BETAS[1] ** step)
        weight = weight * (1 - rate * decay) - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return weight


def mismatch(found, expected, start):
    """Distance of the two ends as a share of the way."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected - start)


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_has_exactly_one_optimizer(kind, name):
    network = build(**KINDS[kind])
    weights = dict(network.named_parameters())
    optimizers = optimizers_of(network, name)
    named = [key for part in optimizers for key in part.names]
    held = [weight for part in optimizers for group in part.optimizer.param_groups for weight in group["params"]]
    assert sorted(named) == sorted(weights)
    assert [id(weight) for weight in held] == [id(weights[key]) for key in named]  # counted in the order of the names


@pytest.mark.parametrize("kind", KINDS)
def test_muon_has_the_matrices_of_the_blocks_and_nothing_else(kind):
    network = build(**KINDS[kind])
    muon, adamw = optimizers_of(network)
    matrices = ("qkv", "attention_out", "mlp_in", "mlp_out")
    assert sorted(muon.names) == sorted(f"blocks.{block}.{name}" for block in range(2) for name in matrices)
    left = {key.split(".")[-1] for key in adamw.names}
    assert {"embedding", "head", "gain", "attention_gain", "mlp_gain"} <= left
    assert any(key.startswith("coordinates.") for key in adamw.names) == (kind == "grid")


@pytest.mark.parametrize("kind", KINDS)
def test_weight_decay_is_on_all_matrices_or_on_those_that_muon_has(kind):
    network = build(**KINDS[kind])
    weights = dict(network.named_parameters())
    (adamw,) = optimizers_of(network, "adamw")
    decayed, others = (group["params"] for group in adamw.optimizer.param_groups)
    assert {id(w) for w in decayed} == {id(weights[key]) for key in adamw.names if weights[key].ndim == 2}
    assert all(weight.ndim == 1 for weight in others)
    assert [group["weight_decay"] for group in adamw.optimizer.param_groups] == [DECAY, 0.0]
    muon, rest = optimizers_of(network, "muon")
    assert {group["weight_decay"] for group in muon.optimizer.param_groups} == {DECAY}
    assert {group["weight_decay"] for group in rest.optimizer.param_groups} == {0.0}


def test_learning_rate_rises_to_the_peak_and_falls_to_the_floor():
    rates = [warmup_cosine(step, steps=101, warmup=10, peak=2.0, min_ratio=0.1) for step in range(101)]
    assert rates[0] > 0
    assert np.argmax(rates) == 10
    assert rates[10] == 2.0
    assert rates[-1] == pytest.approx(0.2)
    assert np.all(np.diff(rates[:11]) > 0)
    assert np.all(np.diff(rates[10:]) < 0)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_both_follow_the_rate_of_every_step_of_a_run(name):
    config = TrainConfig(steps=20, warmup=0.2, learning_rate=4e-3, optimizer=name)
    seen: list[tuple[str, list[float]]] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: seen.append(
            (type(optimizer).__name__, [group["lr"] for group in optimizer.param_groups])
        )
    )
    rows = FixedRows(np.zeros((4, 6), dtype=np.int64), "f" * 16, 3, 4)
    try:
        train(build(), MaskedObjective(), rows, config)
    finally:
        hook.remove()
    adamw = [rates for kind, rates in seen if kind == "AdamW"]
    muon = [rates for kind, rates in seen if kind == "Muon"]
    assert adamw == [[config.rate(step)] * 2 for step in range(20)]
    assert muon == ([[config.rate(step)] for step in range(20)] if name == "muon" else [])
    assert max(map(config.rate, range(20))) == 4e-3


@settings(max_examples=20)
@given(hidden=st.integers(2, 24), seed=st.integers(0, 10_000))
def test_steps_are_those_of_the_two_papers(hidden, seed):
    """Three steps beside float64; Muon works in bfloat16, and five products of it keep about two digits."""
    network, rng = build(seed, hidden=hidden, layers=1), np.random.default_rng(seed)
    start, gradients = as_numpy(network), random_gradients(network, rng, steps=3)
    muon, adamw = optimizers_of(network)
    follow(network, (muon, adamw), gradients)
    found = as_numpy(network)
    for name in muon.names:
        expected = muon_by_hand(start[name], [gradient[name] for gradient in gradients])
        assert mismatch(found[name], expected, start[name]) < 0.07
    for name in adamw.names:
        expected = adamw_by_hand(start[name], [gradient[name] for gradient in gradients], decay=0.0)
        assert mismatch(found[name], expected, start[name]) < 1e-4


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_adamw_alone_decays_all_matrices(seed):
    network, rng = build(seed, layers=1), np.random.default_rng(seed)
    start, gradients = as_numpy(network), random_gradients(network, rng, steps=3)
    follow(network, optimizers_of(network, "adamw"), gradients)
    for name, found in as_numpy(network).items():
        decay = DECAY if start[name].ndim == 2 else 0.0
        expected = adamw_by_hand(start[name], [gradient[name] for gradient in gradients], decay)
        assert mismatch(found, expected, start[name]) < 1e-4


@pytest.mark.parametrize("wrong", [{"nesterov": False}, {"decay": 0.0}], ids=str)
def test_the_oracle_of_muon_sees_another_rule(wrong):
    """Negative control: other rules end further away than rounding does."""
    network = build(layers=1)
    start, gradients = as_numpy(network), random_gradients(network, np.random.default_rng(0), steps=3)
    optimizers = optimizers_of(network)
    follow(network, optimizers, gradients)
    found = as_numpy(network)
    for name in optimizers[0].names:
        expected = muon_by_hand(start[name], [gradient[name] for gradient in gradients], **wrong)
        assert mismatch(found[name], expected, start[name]) > 0.1


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-4, 1.0, 1e4]))
def test_a_first_step_is_nearly_orthogonal_whatever_the_scale_of_the_gradient(seed, scale):
    """All singular values of the gradient, here within a factor 10, become the same within the paper's 0.3 or so."""
    network, rng = build(seed, layers=1), np.random.default_rng(seed)
    (gradient,) = random_gradients(network, rng, steps=1)
    muon, adamw = optimizers_of(network)
    for name in muon.names:
        left, values, right = np.linalg.svd(gradient[name], full_matrices=False)
        gradient[name] = scale * (left * rng.uniform(0.1, 1.0, len(values))) @ right
    start = as_numpy(network)
    follow(network, (muon, adamw), [gradient])
    for name, weight in as_numpy(network).items():
        if name in muon.names:
            step = start[name] * (1 - RATES[0] * DECAY) - weight
            values = np.linalg.svd(step / (RATES[0] * 0.2 * max(weight.shape) ** 0.5), compute_uv=False)
            assert 0.6 < values.min() <= values.max() < 1.3


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_restored_state_goes_on_bit_for_bit(name):
    network, gradients = build(), random_gradients(build(), np.random.default_rng(3), steps=3)
    optimizers = optimizers_of(network, name)
    follow(network, optimizers, gradients[:2])
    saved, weights = optimizer_tensors(optimizers), {k: v.clone() for k, v in network.state_dict().items()}
    follow(network, optimizers, gradients[2:], first=2)
    ends = {}
    for restored in (True, False):
        again = build(seed=5)
        again.load_state_dict(weights)
        fresh = optimizers_of(again, name)
        if restored:
            restore_optimizers(fresh, saved)
        follow(again, fresh, gradients[2:], first=2)
        ends[restored] = all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert ends == {True: True, False: False}


@pytest.mark.parametrize(("name", "key"), [("adamw", "exp_avg"), ("muon", "momentum_buffer")])
def test_a_missing_state_is_named_and_nothing_is_restored(name, key):
    network, gradients = build(), random_gradients(build(), np.random.default_rng(3), steps=1)
    optimizers = optimizers_of(network, name)
    follow(network, optimizers, gradients)
    tensors = optimizer_tensors(optimizers)
    del tensors[f"optimizer.blocks.1.mlp_in.{key}"]
    fresh = optimizers_of(build(), name)
    with pytest.raises(ValueError, match=rf"no 'optimizer.blocks.1.mlp_in.{key}'.*cannot resume"):
        restore_optimizers(fresh, tensors)
    assert not any(part.optimizer.state for part in fresh)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="'adamw' or 'muon'; got 'sgd'"):
        check_optimizer("sgd")
    config = TrainConfig(steps=1)
    object.__setattr__(config, "optimizer", "sgd")  # past the checks of types that the tests switch on
    with pytest.raises(ValueError, match="got 'sgd'"):
        config.__post_init__()


def test_a_torch_without_muon_is_named_and_trains_with_adamw(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    monkeypatch.setattr(torch, "__version__", "2.6.0")
    message = "needs torch 2.9 or newer; torch 2.6.0 is installed. Upgrade torch, or train with optimizer='adamw'"
    with pytest.raises(ValueError, match=message):
        TrainConfig(steps=1, optimizer="muon")
    with pytest.raises(ValueError, match=message):
        optimizers_of(build(), "muon")
    assert len(optimizers_of(build(), "adamw")) == 1
    assert TrainConfig(steps=1).optimizer == "adamw"
