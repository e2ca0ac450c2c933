"""Inner layers answer as the network would that ends with them, and the loss asks exactly those that it names."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lo_theory.learning.deep_supervision import DeepSupervision
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import TrainConfig, train

LENGTH, VOCABULARY, LAYERS = 6, 3, 4
ROWS = torch.tensor([[~2, ~0, ~1, ~2, 2, 0], [~1, ~0, ~0, ~2, 1, 2], [~2, ~2, ~0, ~1, 1, 1]])
PATCHES = PromptPatches(tokens=4, size=2)
MAKERS = {
    "masked": lambda deep: AnswerObjective(deep=deep),
    "masked, many hidden": lambda deep: AnswerObjective(deep=deep, draws=3),
    "autoregressive": lambda deep: ContinuationObjective(deep),
    "masked, without a prompt": lambda deep: MaskedObjective(deep=deep),
}


def rows_of(objective):
    """Prompted rows, or the same without a prompt."""
    return ROWS.where(ROWS >= 0, ~ROWS) if isinstance(objective, MaskedObjective) else ROWS


def build(seed=0, layers=LAYERS, **fields):
    """A small network whose head has left zero, so that its layers differ."""
    draws = torch.Generator().manual_seed(seed)
    shape = {"length": LENGTH, "vocabulary": VOCABULARY, "width": 8, "heads": 2}
    network = Transformer(NetworkConfig(**shape | {"layers": layers} | fields), draws)
    nn.init.normal_(network.head, generator=draws)
    return network


def ended_after(network, layers):
    """The same network without its last blocks."""
    shorter = build(layers=layers, causal=network.config.causal, patches=network.config.patches)
    kept = {name: weight for name, weight in network.state_dict().items() if name in shorter.state_dict()}
    shorter.load_state_dict(kept)
    return shorter


def loss_of(objective, network, seed=1):
    return objective.loss(network, rows_of(objective), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("patches", [None, PATCHES], ids=["tokens", "patches"])
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
@pytest.mark.parametrize("selected", [False, True], ids=["everywhere", "selected"])
def test_a_layer_answers_as_the_network_that_ends_with_it(causal, patches, selected):
    network = build(causal=causal, patches=patches)
    tokens = ROWS.where(ROWS >= 0, ~ROWS)
    where = (torch.arange(LENGTH) >= 4).expand(ROWS.shape) if selected else None
    with torch.no_grad():
        layers = network.layer_logits(tokens, where)
        alone = [ended_after(network, n)(tokens, where) for n in range(1, LAYERS + 1)]
        assert torch.equal(network(tokens, where).nan_to_num(9.0), layers[-1].nan_to_num(9.0))
    assert len(layers) == LAYERS
    for inner, short in zip(layers, alone, strict=True):
        torch.testing.assert_close(inner, short, equal_nan=True)  # a last block answers at the selected tokens alone
    assert not any(torch.equal(layers[-1].nan_to_num(9.0), inner.nan_to_num(9.0)) for inner in layers[:-1])


@pytest.mark.parametrize("name", MAKERS)
@given(weight=st.floats(0, 4), seed=st.integers(0, 10**6))
def test_the_loss_is_that_of_the_networks_that_end_with_the_layers(name, weight, seed):
    """The same masks for all, as they share the seed."""
    make, network = MAKERS[name], build(seed, causal=name == "autoregressive")
    plain = make(DeepSupervision())
    with torch.no_grad():
        _, *inner, last = [float(loss_of(plain, ended_after(network, n))) for n in range(1, LAYERS + 1)]
        found = float(loss_of(make(DeepSupervision(weight)), network))
    assert found == pytest.approx(last + weight * sum(inner) / len(inner), rel=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_the_first_layer_and_the_last_one_would_be_noticed(name):
    """Negative control: a mean over all layers is another number."""
    network = build(causal=name == "autoregressive")
    with torch.no_grad():
        layers = [float(loss_of(MAKERS[name](DeepSupervision()), ended_after(network, n))) for n in range(1, 5)]
        found = float(loss_of(MAKERS[name](DeepSupervision(1.0)), network))
    assert abs(found - layers[-1] - sum(layers) / 4) > 1e-3
    assert abs(found - layers[-1] - sum(layers[:-1]) / 3) > 1e-3


@pytest.mark.parametrize("name", MAKERS)
def test_inner_layers_are_read_only_if_they_have_a_weight(name, monkeypatch):
    """Training without it costs nothing more and ends where it always did; with a weight it ends elsewhere."""

    def trained(weight):
        network = build(causal=name == "autoregressive")
        objective = MAKERS[name](DeepSupervision(weight))
        rows = FixedRows(rows_of(objective).numpy(), "f" * 16, VOCABULARY, 3)
        train(network, objective, rows, TrainConfig(steps=3))
        return network.head.detach()

    with_inner = trained(0.5)

    def read(*_):
        raise AssertionError("inner layers were read")

    monkeypatch.setattr(Transformer, "layer_logits", read)
    assert not torch.equal(trained(0.0), with_inner)
    with pytest.raises(AssertionError, match="inner layers were read"):
        trained(0.5)


@pytest.mark.parametrize("name", MAKERS)
def test_a_network_without_inner_layers_is_refused_before_training(name):
    network = build(layers=2, causal=name == "autoregressive")
    MAKERS[name](DeepSupervision()).check(network.config)
    MAKERS[name](DeepSupervision(1.0)).check(build(layers=3, causal=name == "autoregressive").config)
    with pytest.raises(ValueError, match=r"the network has 2.*Take 3 or more"):
        MAKERS[name](DeepSupervision(1.0)).check(network.config)


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_is_finite_and_not_negative(weight):
    with pytest.raises(ValueError, match="at least 0; got"):
        DeepSupervision(weight)


def test_objectives_name_what_is_not_as_usual():
    deep = DeepSupervision(0.5)
    assert AnswerObjective(deep=deep).to_json()["deep_supervision"] == 0.5
    assert ContinuationObjective(deep).to_json() == {"objective": "continuation", "deep_supervision": 0.5}
    assert "deep_supervision" not in AnswerObjective().to_json()
