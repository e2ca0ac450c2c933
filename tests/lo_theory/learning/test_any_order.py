"""Autoregression along many orders, and dropout: what a network is told, what it sees, and what a step leaves out."""

from __future__ import annotations

from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lo_theory.learning.any_order import AnyOrderObjective, any_order_log_probs
from lo_theory.learning.checkpoint import load_checkpoint, network_in
from lo_theory.learning.distributed import DividedTransformer
from lo_theory.learning.dropout import Dropout
from lo_theory.learning.flops import training_flops
from lo_theory.learning.memory import weight_count
from lo_theory.learning.network import NetworkConfig, Shape, Transformer
from lo_theory.learning.objective import AutoregressiveObjective
from lo_theory.learning.order_embedding import OrderEmbedding
from lo_theory.learning.recipe import build_network, train_network
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import CHECKPOINT_NAME, TrainConfig, train

L, V = 6, 3
SHAPE: dict[str, Any] = {"layers": 2, "width": 16, "heads": 2}


def build(seed=0, **fields):
    draws = torch.Generator().manual_seed(seed)
    config = NetworkConfig(**{"length": L, "vocabulary": V, "causal": True, "any_order": True} | SHAPE | fields)
    network = Transformer(config, draws)
    nn.init.normal_(network.head, generator=draws)
    return network


def rows(count=4, seed=0):
    return torch.randint(V, (count, L), generator=torch.Generator().manual_seed(seed))


def orders(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(L) for _ in range(count)])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class TestAnyOrder:
    @pytest.mark.parametrize("seed", range(3))
    def test_a_token_is_predicted_from_those_before_it_in_its_own_order(self, seed):
        """Change the token of one step: predictions up to that step stay, a later one moves."""
        network, x, along = build(seed), rows(), orders(seed=seed)
        before = any_order_log_probs(network, x, along)
        for step in range(L - 1):
            other, at = x.clone(), torch.from_numpy(along[:, step])
            other[torch.arange(4), at] = (other[torch.arange(4), at] + 1) % V
            after = any_order_log_probs(network, other, along)
            assert torch.equal(after[:, :step], before[:, :step])
            assert (after[:, step + 1 :] != before[:, step + 1 :]).any(dim=1).all()

    def test_probabilities_of_all_sequences_add_up_to_one_along_every_order(self):
        network = build()
        every = torch.cartesian_prod(*[torch.arange(V)] * L)
        for order in orders(3):
            total = any_order_log_probs(network, every, np.repeat(order[None], len(every), axis=0)).double().sum(dim=1)
            assert total.exp().sum().item() == pytest.approx(1.0, abs=1e-5)

    @pytest.mark.parametrize("wrong", [orders()[:1], np.zeros((4, L), dtype=int), orders()[:, :-1]])
    def test_every_row_wants_a_permutation_of_its_own(self, wrong, monkeypatch):
        monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        with pytest.raises(ValueError, match=rf"a permutation of range\({L}\); got orders of shape"):
            any_order_log_probs(build(), rows(), wrong)

    def test_rows_do_not_depend_on_each_other(self):
        network, x, along = build(), rows(), orders()
        whole = any_order_log_probs(network, x, along)
        alone = torch.cat([any_order_log_probs(network, x[i : i + 1], along[i : i + 1]) for i in range(4)])
        assert torch.allclose(whole, alone, atol=1e-5)

    def test_it_is_told_the_order(self):
        """One order in all rows against another, on the first token, which is predicted from nothing."""
        network, x = build(), rows()
        first, second = np.roll(np.arange(L), 1)[None], np.arange(L)[None]
        told = [any_order_log_probs(network, torch.zeros_like(x[:1]), order)[0, 0] for order in (first, second)]
        assert told[0] != told[1]

    def test_each_place_is_told_where_it_has_read_and_where_it_is_asked(self):
        told = OrderEmbedding(L, 8, generator())
        order = torch.from_numpy(orders(1))
        found = told(order)[0]
        read = [L, *order[0, :-1].tolist()]  # the start symbol stands nowhere
        for place, (before, asked) in enumerate(zip(read, order[0].tolist(), strict=True)):
            assert torch.equal(found[place], told.read[before] + told.asked[asked])

    def test_the_loss_of_one_order_is_its_negative_log_likelihood(self):
        network, x, order = build(), rows(), orders(1)
        nats = -any_order_log_probs(network, x, np.repeat(order, 4, axis=0)).sum() / 4
        assert AnyOrderObjective(order).loss(network, x, generator()).item() == pytest.approx(nats.item(), rel=1e-5)

    def test_orders_are_drawn_evenly_and_all_orders_are_permutations(self):
        """Of 4 orders 4000 draws: chi-square with 3 degrees of freedom, a false alarm in a million below 30.7."""
        some = AnyOrderObjective(orders(4))
        assert some.orders is not None
        drawn = some._drawn(torch.Size((4000, L)), generator())
        counts = [int((drawn == torch.from_numpy(order)).all(dim=1).sum()) for order in some.orders]
        assert sum(counts) == 4000
        assert sum((count - 1000) ** 2 / 1000 for count in counts) < 30.7
        every = AnyOrderObjective(None)._drawn(torch.Size((500, L)), generator())
        assert torch.equal(every.sort(dim=1).values, torch.arange(L).expand(500, L))
        assert len({tuple(order) for order in every.tolist()}) > 300  # of 720

    def test_training_lowers_the_loss_and_is_read_back_with_its_orders(self, tmp_path):
        x = np.tile(np.arange(L) % V, (8, 1))
        source = FixedRows(x, "0" * 16, V, 8)
        shape = Shape(**SHAPE)
        config = TrainConfig(steps=30, learning_rate=1e-2)
        result = train_network(shape, AnyOrderObjective(None), source, config, directory=tmp_path, any_order=True)
        path = tmp_path / CHECKPOINT_NAME
        again = network_in(path, load_checkpoint(path))
        tokens, along = torch.from_numpy(x), orders(8)
        found = any_order_log_probs(again, tokens, along)
        assert torch.equal(found, any_order_log_probs(result.network, tokens, along))
        assert found.mean() > -0.3 > -np.log(V)

    def test_operations_are_those_of_the_counter_and_weights_are_counted(self):
        network, objective = build(), AnyOrderObjective(orders(2))
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            objective.loss(network, rows(), generator()).backward()
        assert counter.get_total_flops() == 4 * training_flops(network.config)
        assert sum(weight.numel() for weight in network.parameters()) == weight_count(network.config)

    def test_mistakes_are_refused(self):
        along = torch.from_numpy(orders())
        with pytest.raises(ValueError, match="told the order in which it reads; pass order"):
            build()(rows())
        with pytest.raises(ValueError, match="told no order"):
            build(any_order=False)(rows(), order=along)
        with pytest.raises(ValueError, match="is causal and reads tokens one by one"):
            NetworkConfig(length=L, vocabulary=V, any_order=True)
        with pytest.raises(ValueError, match="any_order=True"):
            AnyOrderObjective(None).check(build(any_order=False).config)
        with pytest.raises(ValueError, match="at least one order"):
            AnyOrderObjective(np.empty((0, L), dtype=np.int64))
        with pytest.raises(ValueError, match="permutation"):
            AnyOrderObjective(np.zeros((1, L), dtype=np.int64))
        with pytest.raises(ValueError, match="orders have 5 entries"):
            AnyOrderObjective(np.arange(5)[None]).check(build().config)
        with pytest.raises(ValueError, match="train such a network in one"):
            DividedTransformer.forward(DividedTransformer.__new__(DividedTransformer), rows(), order=along)


class TestDropout:
    def test_what_is_kept_has_the_right_mean_and_the_rest_is_zero(self):
        """10^5 draws: the share left out within five standard errors of 0.3, a false alarm in a million."""
        out = Dropout(0.3, generator())(torch.ones(100_000))
        assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
        assert abs((out == 0).double().mean().item() - 0.3) < 5 * (0.21 / 100_000) ** 0.5

    def test_in_bfloat16_the_mean_is_kept_too(self):
        """A factor of eight bits would be off by a 600th; rounding what it made is off to both sides."""
        x = torch.linspace(1.0, 2.0, 4097).bfloat16()
        out = Dropout(0.1, generator())(x)
        kept = out != 0
        ratio = out[kept].double() * 0.9 / x[kept].double()
        assert out.dtype == torch.bfloat16
        assert abs(ratio.mean().item() - 1.0) < 5e-4

    def test_it_is_a_function_of_the_generator_and_without_it_nothing_changes(self):
        network, x, order = build(any_order=False), rows(), np.arange(L)
        plain, dropped = AutoregressiveObjective(order), AutoregressiveObjective(order, dropout=0.5)
        losses = [dropped.loss(network, x, generator(seed)).item() for seed in (0, 0, 1)]
        assert losses[0] == losses[1] != losses[2]
        assert plain.loss(network, x, generator(0)).item() == plain.loss(network, x, generator(1)).item() != losses[0]
        assert plain.to_json() == {"objective": "autoregressive", "order": order.tolist()}
        assert dropped.to_json() == plain.to_json() | {"dropout": 0.5}

    def test_a_stopped_training_with_dropout_goes_on_as_if_it_had_not(self, tmp_path):
        source, config = FixedRows(rows(16).numpy(), "0" * 16, V, 4), TrainConfig(steps=6, checkpoint_every=2)
        objective, shape = AutoregressiveObjective(np.arange(L), dropout=0.3), Shape(**SHAPE)
        whole = train_network(shape, objective, source, config).network

        def stop(record):
            if record.step == 3:
                raise KeyboardInterrupt

        first = build_network(shape, objective, source, seed=0)
        with pytest.raises(KeyboardInterrupt):
            train(first, objective, source, config, directory=tmp_path, on_step=stop)
        resumed = train_network(shape, objective, source, config, directory=tmp_path).network
        assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))

    @pytest.mark.parametrize("share", [-0.1, 1.0])
    def test_another_share_is_refused(self, share):
        with pytest.raises(ValueError, match=r"share in \[0, 1\)"):
            AutoregressiveObjective(np.arange(L), dropout=share)
