"""Networks behind the socket: normalised answers, independent rows, and no answer where there is none."""

import copy
from typing import Any, cast

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer

LENGTH, VOCABULARY, MASK = 6, 3, 3


def build(causal):
    draws = torch.Generator().manual_seed(0)
    config = NetworkConfig(length=LENGTH, vocabulary=VOCABULARY, layers=2, width=16, heads=2, causal=causal)
    network = Transformer(config, draws)
    nn.init.normal_(network.head, generator=draws)
    return network


def causal_denoiser(order=(2, 0, 5, 1, 4, 3)):
    return CausalDenoiser(build(causal=True), np.array(order))


def clean_rows(batch_size=5, seed=0):
    return torch.randint(VOCABULARY, (batch_size, LENGTH), generator=torch.Generator().manual_seed(seed))


def with_prefix(rows, order, visible):
    """Only the first ``visible[b]`` positions in order keep their tokens."""
    tokens = torch.full_like(rows, MASK)
    for row, count in enumerate(visible):
        tokens[row, order[:count]] = rows[row, order[:count]]
    return tokens


def test_both_satisfy_the_protocol():
    for denoiser in (MaskedDenoiser(build(causal=False)), causal_denoiser()):
        assert isinstance(denoiser, Denoiser)
        assert (denoiser.length, denoiser.vocabulary) == (LENGTH, VOCABULARY)


def half_masked(seed=1):
    return clean_rows().masked_fill(torch.rand(5, LENGTH, generator=torch.Generator().manual_seed(seed)) < 0.5, MASK)


@pytest.mark.parametrize("everywhere", [False, True])
def test_masked_answers_are_normalised_and_without_gradient(everywhere):
    tokens = half_masked()
    answers = MaskedDenoiser(build(causal=False), everywhere=everywhere)(tokens)
    where = torch.full_like(tokens, everywhere, dtype=torch.bool) | (tokens == MASK)
    assert torch.allclose(answers[where].logsumexp(dim=-1), torch.zeros(int(where.sum())), atol=1e-6)
    assert answers[~where].isnan().all(), "no answer was asked for there"
    assert not answers.requires_grad


def test_where_both_answer_they_agree():
    network, tokens = build(causal=False), half_masked()
    hidden = tokens == MASK
    some, everything = MaskedDenoiser(network)(tokens), MaskedDenoiser(network, everywhere=True)(tokens)
    assert torch.allclose(some[hidden], everything[hidden], atol=1e-6)


@pytest.mark.parametrize("everywhere", [False, True])
def test_only_masked_positions_pay_for_the_head(everywhere, monkeypatch):
    network, tokens = build(causal=False), half_masked()
    paid, linear = [], nn.functional.linear

    def count(x, weight):
        paid.extend([x[..., 0].numel()] if weight is network.head else [])
        return linear(x, weight)

    monkeypatch.setattr(nn.functional, "linear", count)
    MaskedDenoiser(network, everywhere=everywhere)(tokens)
    assert paid == [tokens.numel() if everywhere else int((tokens == MASK).sum())]


def test_nothing_masked_is_no_error():
    assert MaskedDenoiser(build(causal=False))(clean_rows()).isnan().all()


def test_masked_rows_are_independent():
    denoiser, tokens = MaskedDenoiser(build(causal=False)), half_masked()
    hidden = tokens == MASK
    alone = torch.cat([denoiser(row[None]) for row in tokens])
    assert torch.allclose(denoiser(tokens)[hidden], alone[hidden], atol=1e-5)
    shuffled = MaskedDenoiser(build(causal=False), everywhere=True)(tokens.flip(0))
    assert not torch.allclose(denoiser(tokens)[hidden], shuffled[hidden], atol=1e-3)


@given(
    order=st.permutations(range(LENGTH)),
    visible=st.lists(st.integers(0, LENGTH), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_causal_answers_are_the_steps_of_the_chain(order, visible, seed):
    denoiser, rows = causal_denoiser(order), clean_rows(len(visible), seed)
    answers, chain = denoiser(with_prefix(rows, order, visible)), denoiser.chain_log_probs(rows)
    for row, count in enumerate(visible):
        asked = order[count : count + 1]
        for position in asked:
            assert torch.allclose(answers[row, position].logsumexp(0), torch.tensor(0.0), atol=1e-6)
            assert torch.allclose(answers[row, position, rows[row, position]], chain[row, count], atol=1e-5)
        others = [position for position in range(LENGTH) if position not in asked]
        assert answers[row, others].isnan().all()


def test_chain_is_independent_across_rows():
    denoiser, rows = causal_denoiser(), clean_rows()
    alone = torch.cat([denoiser.chain_log_probs(row[None]) for row in rows])
    assert torch.allclose(denoiser.chain_log_probs(rows), alone, atol=1e-5)


def test_causal_chain_defines_a_distribution():
    denoiser = causal_denoiser()
    everything = torch.cartesian_prod(*[torch.arange(VOCABULARY)] * LENGTH)
    total = denoiser.chain_log_probs(everything).double().sum(dim=1).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_evidence_that_is_no_prefix_is_refused():
    tokens = with_prefix(clean_rows(2), [2, 0, 5, 1, 4, 3], [2, 3])
    tokens[1, 4] = 0  # visible before position 1, which comes first in order
    with pytest.raises(ValueError, match="in row 1 position 1 is masked while position 4, later in order"):
        causal_denoiser()(tokens)


@pytest.mark.parametrize("bad", [MASK, MASK + 1, -1])
def test_chain_refuses_rows_that_are_not_clean(bad):
    rows = clean_rows()
    rows[2, 3] = bad
    with pytest.raises(ValueError, match=rf"clean, in range\(3\); got {bad}"):
        causal_denoiser().chain_log_probs(rows)


def test_the_wrong_kind_of_network_or_order_is_refused():
    with pytest.raises(ValueError, match="use CausalDenoiser"):
        MaskedDenoiser(build(causal=True))
    with pytest.raises(ValueError, match="use MaskedDenoiser"):
        CausalDenoiser(build(causal=False), np.arange(LENGTH))
    with pytest.raises(ValueError, match="permutation"):
        CausalDenoiser(build(causal=True), np.arange(LENGTH - 1))


@pytest.mark.parametrize("keys", ["all", "visible"])
@pytest.mark.parametrize("length", [LENGTH, 60])  # attention in float32 all the same, and PyTorch's kernel
@pytest.mark.parametrize("everywhere", [False, True])
def test_in_bfloat16_answers_are_near_and_still_float32(everywhere, length, keys):
    draws = torch.Generator().manual_seed(0)
    network = Transformer(NetworkConfig(length=length, vocabulary=3, layers=2, width=16, heads=2, keys=keys), draws)
    nn.init.normal_(network.head, generator=draws)
    tokens = torch.randint(VOCABULARY + 1, (5, length), generator=draws)
    exact, wide, narrow = (
        MaskedDenoiser(one, everywhere=everywhere, precision=precision)(tokens)
        for one, precision in (
            (copy.deepcopy(network).double(), "float32"),
            (network, "float32"),
            (network, "bfloat16"),
        )
    )
    assert narrow.dtype == torch.float32
    asked = torch.full_like(tokens, everywhere, dtype=torch.bool) | (tokens == MASK)
    assert (wide - exact)[asked].abs().max() < 1e-5
    assert 1e-4 < (narrow - exact)[asked].abs().max() < 0.1, "products were in bfloat16"
    assert narrow[~asked].isnan().all()
    assert torch.allclose(narrow[asked].logsumexp(dim=-1), torch.zeros(int(asked.sum())), atol=1e-6)
    assert torch.equal(MaskedDenoiser(network, everywhere=everywhere, precision="auto")(tokens)[asked], wide[asked])


def test_in_bfloat16_answers_do_not_tie():
    """Rounded to eight bits, logits have some hundred values between 1 and 4, which two thousand tokens would share."""
    draws = torch.Generator().manual_seed(0)
    network = Transformer(NetworkConfig(length=64, vocabulary=2, layers=1, width=16, heads=2), draws)
    nn.init.normal_(network.head, generator=draws)
    tokens = torch.randint(3, (64, 64), generator=draws)
    answers = MaskedDenoiser(network, precision="bfloat16")(tokens)[tokens == 2]
    odds = answers[:, 0] - answers[:, 1]
    assert len(odds.unique()) > 0.9 * len(odds)


def test_another_precision_is_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="'float32' or 'bfloat16'; got 'half'"):
        MaskedDenoiser(build(causal=False), precision=cast("Any", "half"))
