"""The last block answers at the asked places alone, and that changes nothing but rounding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lo_theory.learning.block import AskedPlaces
from lo_theory.learning.network import NetworkConfig, Transformer

LENGTH = 12
KINDS = {
    "learned": {"positions": "learned", "mlp": "gelu"},
    "rotary": {"positions": "rotary", "mlp": "swiglu"},
    "causal": {"causal": True, "positions": "rotary"},
    "looped": {"loops": 3},
}


def build(**fields):
    draws = torch.Generator().manual_seed(0)
    config = NetworkConfig(length=LENGTH, vocabulary=3, layers=2, width=16, heads=2, **fields)
    network = Transformer(config, draws)
    nn.init.normal_(network.head, generator=draws)
    return network


def asked_in(share: float, rows: int = 5) -> torch.Tensor:
    return torch.rand(rows, LENGTH, generator=torch.Generator().manual_seed(round(100 * share))) < share


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 1.0], ids=["none", "few", "most", "all"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_all_places(kind, share):
    tokens = torch.randint(5, (5, LENGTH), generator=torch.Generator().manual_seed(1))
    where = asked_in(share)
    where[0] = False  # rows ask for different numbers of places, one for none
    results = []
    for select in (True, False):
        network = build(**KINDS[kind])
        logits = network(tokens, where) if select else network(tokens)[where]
        logits.square().sum().backward()
        results.append((logits.detach(), [weight.grad for weight in network.parameters()]))
    (some, its_gradients), (every, all_gradients) = results
    torch.testing.assert_close(some, every)
    for one, other in zip(its_gradients, all_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_queries_are_made_where_few_are_asked_and_take_the_asked_ones_in_order():
    where = torch.tensor([[0, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]], dtype=torch.bool)
    places = AskedPlaces(where)
    assert places.queries is not None
    assert places.queries.tolist() == [[1, 3], [5, 0]]
    x = torch.arange(16.0).view(2, 8, 1)
    made = x.gather(1, places.queries[..., None])
    assert places.of(x).flatten().tolist() == [1.0, 3.0, 13.0]
    assert torch.equal(places.of_queries(made), places.of(x))


@pytest.mark.parametrize("where", [torch.zeros(2, 8, dtype=torch.bool), torch.arange(8).expand(2, 8) < 6])
def test_no_queries_of_their_own_where_none_or_nearly_all_are_asked(where):
    assert AskedPlaces(where).queries is None
