"""Losses against sums over all subproblems and all orders, on sequences short enough to enumerate."""

import math
from functools import partial
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch import nn

from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning import objective as objectives
from lo_theory.learning.masking import WeightedMasks, count_masks, subproblem_weight, time_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import (
    AutoregressiveObjective,
    Curriculum,
    MaskedObjective,
    Objective,
    likelihood,
    per_mask,
)
from lo_theory.learning.prompted import AnswerObjective
from lo_theory.schedules import COSINE

LENGTH, VOCABULARY = 4, 3
ROW = torch.tensor([[2, 0, 1, 0]])
MASKERS = {
    "count": count_masks,
    "count, stratified": partial(count_masks, stratified=True),
    "time": time_masks,
    "cosine": partial(time_masks, schedule=COSINE, stratified=True),
}


def build(causal=False, seed=0):
    draws = torch.Generator().manual_seed(seed)
    config = NetworkConfig(length=LENGTH, vocabulary=VOCABULARY, layers=1, width=8, heads=2, causal=causal)
    network = Transformer(config, draws)
    nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def log_prob(network, hidden, position):
    tokens = ROW.clone()
    tokens[:, list(hidden)] = VOCABULARY
    return float(MaskedDenoiser(network)(tokens)[0, position, ROW[0, position]])


def loss_over_subproblems(network):
    """Prop. 2.1, term by term."""
    return -sum(
        subproblem_weight(n, LENGTH) * log_prob(network, hidden, position)
        for n in range(1, LENGTH + 1)
        for hidden in combinations(range(LENGTH), n)
        for position in hidden
    )


def test_sum_over_subproblems_is_the_mean_over_orders():
    network = build()
    chains = [
        -sum(log_prob(network, order[t:], order[t]) for t in range(LENGTH)) for order in permutations(range(LENGTH))
    ]
    assert loss_over_subproblems(network) == pytest.approx(np.mean(chains), abs=1e-5)


def losses(objective, network, n_batches=800, batch_size=6):
    draws, rows = torch.Generator().manual_seed(0), ROW.expand(batch_size, -1)
    return np.array([float(objective.loss(network, rows, draws)) for _ in range(n_batches)])


def z_score(draws, expected):
    return (draws.mean() - expected) / (draws.std(ddof=1) / math.sqrt(len(draws)))


@pytest.mark.parametrize("name", MASKERS)
def test_masked_loss_has_the_expectation_of_the_paper(name):
    network = build()
    draws = losses(MaskedObjective(masker=MASKERS[name]), network)
    assert abs(z_score(draws, loss_over_subproblems(network))) < 5  # 4 maskers: false alarm 2e-6


def test_forgotten_weights_would_be_noticed():
    def unweighted(cross_entropy, masks):
        return cross_entropy.sum() / len(masks.hidden)

    network = build()
    draws = losses(MaskedObjective(reduction=unweighted, masker=count_masks), network)
    assert abs(z_score(draws, loss_over_subproblems(network))) > 10


def test_reductions_on_a_batch_worked_by_hand():
    masks = WeightedMasks(torch.tensor([[True, False], [True, True]]), torch.tensor([2.0, 1.0]))
    cross_entropy = torch.tensor([3.0, 5.0, 7.0])
    assert likelihood(cross_entropy, masks) == (2 * 3 + 5 + 7) / 2
    assert per_mask(cross_entropy, masks) == 2 * (3 + 5 + 7) / 3
    one = WeightedMasks(torch.tensor([[True, False]]), torch.tensor([2.0]))
    assert likelihood(cross_entropy[:1], one) == per_mask(cross_entropy[:1], one) == 2 * 3


def test_rows_without_masks_cost_nothing():
    nothing = WeightedMasks(torch.zeros(2, 4, dtype=torch.bool), torch.ones(2))
    for reduction in (likelihood, per_mask):
        assert MaskedObjective(reduction, lambda *_: nothing).loss(build(), ROW.expand(2, -1), torch.Generator()) == 0


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_autoregressive_loss_is_the_chain_rule_one_step_at_a_time(order):
    network = build(causal=True)
    denoiser, tokens, chain = CausalDenoiser(network, np.array(order)), torch.full((1, 4), VOCABULARY), 0.0
    for position in order:
        chain -= float(denoiser(tokens)[0, position, ROW[0, position]])
        tokens[:, position] = ROW[:, position]
    loss = AutoregressiveObjective(np.array(order)).loss(network, ROW, torch.Generator())
    assert float(loss) == pytest.approx(chain, abs=1e-5)


def test_autoregressive_loss_depends_on_the_order():
    natural, reversed_ = (AutoregressiveObjective(np.arange(4)[::step]) for step in (1, -1))
    network = build(causal=True)
    assert natural.loss(network, ROW, torch.Generator()) != reversed_.loss(network, ROW, torch.Generator())


def test_autoregressive_loss_of_a_batch_is_the_mean_over_its_rows():
    network, objective = build(causal=True), AutoregressiveObjective(np.array([2, 0, 3, 1]))
    rows = torch.tensor([[2, 0, 1, 0], [1, 1, 2, 0], [0, 2, 2, 1]])
    alone = [float(objective.loss(network, row[None], torch.Generator())) for row in rows]
    assert float(objective.loss(network, rows, torch.Generator())) == pytest.approx(np.mean(alone), abs=1e-5)


def test_shifted_input_starts_with_the_mask_and_never_holds_the_target():
    assert objectives.shift_right(ROW, VOCABULARY).tolist() == [[3, 2, 0, 1]]


def test_objectives_describe_themselves():
    masked = MaskedObjective(masker=partial(time_masks, schedule=COSINE))
    assert masked.to_json() == {
        "objective": "masked", "reduction": "likelihood", "masker": "time_masks(schedule=cosine)",
    }  # fmt: skip
    assert AutoregressiveObjective(np.array([1, 0])).to_json() == {"objective": "autoregressive", "order": [1, 0]}
    assert isinstance(masked, Objective)
    assert (masked.causal, AutoregressiveObjective(np.array([1, 0])).causal) == (False, True)


@pytest.mark.parametrize(
    ("objective", "change", "message"),
    [
        (MaskedObjective(), {"causal": True}, r"sees both ways; .*causal=False"),
        (AutoregressiveObjective(np.arange(LENGTH)), {"causal": False}, "causal=True"),
        (AutoregressiveObjective(np.arange(LENGTH - 1)), {"causal": True}, "3 entries, the network reads 4"),
    ],
)
def test_networks_of_another_kind_are_refused(objective, change, message):
    fitting = {"length": LENGTH, "vocabulary": VOCABULARY, "causal": objective.causal}
    with pytest.raises(ValueError, match=message):
        objective.check(NetworkConfig(**fitting | change))


def test_an_order_that_is_no_permutation_is_refused():
    with pytest.raises(ValueError, match="permutation"):
        AutoregressiveObjective(np.array([0, 0]))


def test_a_curriculum_ends_with_the_law_of_the_masker_and_begins_with_few_masks():
    """Once ``share`` is over one generator gives the loss of the masker; before, no row hides more than ``most``."""
    network, curriculum = build(), Curriculum(share=0.5, first=0.25)
    plain, grown = MaskedObjective(per_mask), MaskedObjective(per_mask, curriculum=curriculum)
    rows = ROW.expand(8, -1)
    for progress in (0.5, 0.8, 1.0):
        seeds = (torch.Generator().manual_seed(3), torch.Generator().manual_seed(3))
        assert grown.loss(network, rows, seeds[0], progress=progress) == plain.loss(network, rows, seeds[1])
    assert [curriculum.most(LENGTH, progress) for progress in (0.0, 0.25, 0.5, 1.0)] == [1, 2, 4, 4]
    hidden = grown._masks(64, LENGTH, torch.Generator().manual_seed(0), 0.25).hidden
    assert hidden.shape == (64, LENGTH)
    assert set(hidden.sum(dim=1).tolist()) == {1, 2}
    assert grown.to_json()["curriculum"] == {"share": 0.5, "first": 0.25}
    assert "curriculum" not in plain.to_json()


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"first": 1.5}, {"share": math.nan}])
def test_an_impossible_curriculum_is_refused(wrong):
    with pytest.raises(ValueError, match=r"lies in \(0, 1\]"):
        Curriculum(**wrong)


def test_masks_of_more_than_the_sequence_are_refused():
    with pytest.raises(ValueError, match=r"at most 1\.\.4 positions; got 5"):
        count_masks(2, 4, torch.Generator(), most=5)


def scaled(factor, losses, masks):
    return factor * losses.sum()


class Summed:
    def __call__(self, losses, masks):
        return losses.sum()


@pytest.mark.parametrize("objective", [MaskedObjective, AnswerObjective])
def test_reductions_are_told_apart_by_all_that_they_are_bound_to(objective):
    names = {objective(partial(scaled, factor)).to_json()["reduction"] for factor in (0.1, 100.0)}
    assert names == {"scaled(0.1)", "scaled(100.0)"}


@pytest.mark.parametrize("objective", [MaskedObjective, AnswerObjective])
@pytest.mark.parametrize("reduction", [lambda losses, masks: losses.sum(), Summed(), partial(Summed())])
def test_what_has_no_name_cannot_be_told_apart(objective, reduction):
    with pytest.raises(ValueError, match="has none"):
        objective(reduction).to_json()
