"""Networks on text: their rows, orders and operations, and what held-out rows cost them above the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from analysis.lab.rows import CONTROL, MDM
from analysis.lab.store import unit_key
from analysis.measures import text_data as data_module
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, LAW, OWN, PYTHON, SHAKESPEARE, text_data, text_vocabulary
from analysis.measures.text_learners import ARM_DROPOUT, any_order_learner, orders_of, spoken_text_learners
from analysis.measures.text_networks import (
    TextNetwork,
    TextSetting,
    excess_nats,
    held_out_nats,
    measured_nats,
    per_token,
    text_denoiser,
    text_source,
)
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.learning.network import Transformer
from lo_theory.likelihood import RowNats

pytestmark = pytest.mark.usefixtures("small_text")
CPU = torch.device("cpu")
ARM = ARM_NATURAL.name
TINY = TextSetting(length=12, steps=3, batch_size=4, layers=1, width=16, heads=2, optimizer="adamw")


def network(model: str, text: str = PYTHON, **setting) -> TextNetwork:
    return TextNetwork(text=text, model=model, seed=0, setting=replace(TINY, **setting))


class TestData:
    @pytest.mark.parametrize("name", [PYTHON, CHAIN, LAW])
    def test_rows_have_the_length_and_the_vocabulary_known_before(self, name):
        data = text_data(name, 12)
        rows = data.held_out(5)
        assert rows.shape == (5, 12)
        assert data.vocabulary == text_vocabulary(name) > rows.max()
        assert np.array_equal(rows, data.held_out(5))
        assert not np.array_equal(rows, data.held_out(5, test=True))
        assert not np.array_equal(data.fixed(5, 0), data.fixed(5, 1))

    def test_only_laws_have_a_floor(self):
        assert text_data(PYTHON, 12).floor is None
        assert text_data(LAW, 12).floor == pytest.approx(3 * np.log(2) / 12)
        chain = text_data(CHAIN, 12)
        assert chain.law is not None
        assert chain.floor == chain.law.entropy() / 12
        assert np.isinf(chain.tokens)

    def test_at_most_the_windows_there_are_are_held_out(self):
        data = text_data(PYTHON, 500)
        assert data.validation is not None
        assert np.array_equal(data.held_out(10**6), data.validation.consecutive())

    def test_what_is_not_there_is_said(self, monkeypatch, tmp_path):
        with pytest.raises(ValueError, match="unknown text 'prose'; there are python"):
            text_data("prose", 12)
        monkeypatch.setenv("LO_THEORY_DATA", str(tmp_path))
        monkeypatch.delenv("LO_THEORY_TEXT", raising=False)
        for made in (data_module._shakespeare, data_module._own):
            made.cache_clear()
        with pytest.raises(FileNotFoundError, match="set LO_THEORY_DATA"):
            text_data(SHAKESPEARE, 12)
        with pytest.raises(FileNotFoundError, match="set LO_THEORY_TEXT"):
            text_data(OWN, 12)

    def test_a_file_with_another_alphabet_is_refused(self, monkeypatch, tmp_path):
        rng = np.random.default_rng(0)
        (tmp_path / "tinyshakespeare.txt").write_text("".join(rng.choice(list("abc \n"), size=4000)))
        monkeypatch.setenv("LO_THEORY_DATA", str(tmp_path))
        data_module._shakespeare.cache_clear()
        try:
            with pytest.raises(ValueError, match="65 kinds of tokens and has 5"):
                text_data(SHAKESPEARE, 12)
        finally:
            data_module._shakespeare.cache_clear()


class TestLearners:
    def test_orders_are_fixed_by_their_names(self):
        def drawn(model: str, length: int) -> list[list[int]]:
            orders = orders_of(model, length)
            assert orders is not None
            return orders.tolist()

        assert drawn(ARM, 5) == drawn(ARM_DROPOUT, 5) == [[0, 1, 2, 3, 4]]
        kinds = [f"pi {kind} {number}" for kind in ("closer", "much-closer", "uniform") for number in (0, 1)]
        assert len({tuple(drawn(kind, 40)[0]) for kind in kinds}) == 6
        assert drawn(any_order_learner(2), 20) == drawn(any_order_learner(4), 20)[:2]
        assert orders_of(any_order_learner(None), 20) is None
        with pytest.raises(ValueError, match="'mdm' has no order"):
            orders_of(MDM, 5)

    def test_every_learner_has_words(self):
        names = [ARM, ARM_DROPOUT, MDM, CONTROL, "pi much-closer 2", any_order_learner(1), any_order_learner(None)]
        words = spoken_text_learners(names)
        assert set(words) == set(names)
        assert len(set(words.values())) == len(names)

    def test_a_learner_of_several_orders_has_none_of_its_own(self):
        with pytest.raises(ValueError, match="has no order of its own"):
            network(any_order_learner(4)).order()


class TestNetworks:
    @pytest.mark.parametrize("model", [ARM, "pi uniform 0", any_order_learner(2)])
    def test_operations_of_a_training_step_are_those_of_the_counter(self, model):
        """A step of a masked model asks fewer positions for an answer than are counted; see the forward pass below."""
        value = network(model)
        built = Transformer(value.config(), torch.Generator().manual_seed(0))
        rows = text_source(value).batch(0)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            value.objective().loss(built, rows, torch.Generator().manual_seed(0)).backward()
        assert counter.get_total_flops() * value.setting.steps == value.flops

    def test_a_masked_model_of_the_same_shape_costs_the_same(self):
        value = network(MDM)
        assert value.flops == network(ARM).flops
        built = Transformer(value.config(), torch.Generator().manual_seed(0))
        rows = text_source(value).batch(0)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            built(rows).sum().backward()
        assert counter.get_total_flops() * value.setting.steps == value.flops

    def test_epochs_count_how_often_a_token_is_met(self):
        assert network(ARM).epochs == pytest.approx(3 * 4 * 12 / text_data(PYTHON, 12).tokens)
        assert network(ARM, fixed_rows=6).epochs == 2.0
        assert network(ARM, CHAIN).epochs == 0.0

    def test_fixed_rows_are_met_again_and_again(self):
        source = text_source(network(ARM, fixed_rows=4))
        first, second = source.batch(0).tolist(), source.batch(1).tolist()
        assert sorted(first) == sorted(second)
        fresh = text_source(network(ARM))
        assert sorted(fresh.batch(0).tolist()) != sorted(fresh.batch(1).tolist())

    def test_a_field_that_came_later_leaves_no_trace_in_keys(self):
        assert unit_key(network(ARM, dropout=0.1)) == unit_key(network(ARM)) != unit_key(network(ARM, dropout=0.2))

    @pytest.mark.parametrize("model", [ARM, ARM_DROPOUT, MDM, "pi closer 0", "any-order 2", "any-order all"])
    def test_every_learner_is_trained_and_measured_once(self, model, tmp_path):
        value = network(model, CHAIN)
        data = value.data()
        rows = data.held_out(6)
        nats = measured_nats(value, rows, tmp_path, CPU, draws=3)
        again = measured_nats(value, rows, tmp_path, CPU, draws=3)
        assert np.array_equal(nats.nats, again.nats)
        assert nats.method == ("monte_carlo" if model == MDM else "chain")
        assert 0.5 * np.log(27) < per_token(nats, 12).value < 1.5 * np.log(27)

    @pytest.mark.parametrize("name", [CHAIN, LAW])
    def test_the_truth_has_no_excess_on_any_rows(self, name, tmp_path):
        value = network(CONTROL, name)
        data = value.data()
        rows = data.held_out(20)
        nats = measured_nats(value, rows, tmp_path, CPU, draws=2)
        assert np.abs(excess_nats(nats, rows, data, draws=2).nats).max() < 1e-9

    def test_excess_of_a_chain_and_of_masks_agree_in_the_mean(self, tmp_path):
        """A model that answers uniformly, 12 log 27 nats for every row, whichever way it is measured."""

        class Uniform:
            length, vocabulary = 12, 27

            def __call__(self, tokens):
                return torch.full((*tokens.shape, 27), -np.log(27))

        denoiser: Denoiser = Uniform()
        data = text_data(CHAIN, 12)
        rows = data.held_out(400)
        nats = held_out_nats(denoiser, rows, draws=12)
        assert nats.nats == pytest.approx(12 * np.log(27))
        found = per_token(excess_nats(nats, rows, data, draws=12), 12)
        assert data.floor is not None
        assert abs(found.value - (np.log(27) - data.floor)) < 5 * found.standard_error  # a false alarm in a million

    def test_excess_along_an_order_is_that_of_each_row(self):
        data = text_data(CHAIN, 12)
        rows = data.held_out(8)
        assert data.law is not None
        nats = RowNats(1.5 - data.law.log_prob(rows), "chain")
        assert excess_nats(nats, rows, data).nats == pytest.approx(1.5)

    def test_text_has_no_truth_to_be_above(self, tmp_path):
        value = network(CONTROL)
        with pytest.raises(ValueError, match="'python' has no exact posterior"):
            text_denoiser(value, tmp_path, CPU)
        data = value.data()
        rows = data.held_out(2)
        with pytest.raises(ValueError, match="no known law"):
            excess_nats(held_out_nats(text_denoiser(network(ARM), tmp_path, CPU), rows), rows, data)
