"""Objectives on prompted rows: only answers are hidden, only answers are predicted, each with its weight."""

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from generators.prompted import mark_given
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning.checkpoint import load_network, network_tensors
from lo_theory.learning.coordinates import GridCoordinates
from lo_theory.learning.masking import WeightedMasks, answer_masks, stratified_count_masks, subproblem_weight
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, Objective, likelihood, per_mask
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective, per_answer, split_given
from lo_theory.learning.source import FixedRows, FreshRows
from lo_theory.learning.training import CHECKPOINT_NAME, TrainConfig, train
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import margin_score, order_score
from lo_theory.samplers.tokens import argmax_token

LENGTH, VOCABULARY = 5, 3
MASK, PAD = VOCABULARY, VOCABULARY + 1
OBJECTIVES = {
    "per answer": AnswerObjective(),
    "likelihood": AnswerObjective(likelihood),
    "continuation": ContinuationObjective(),
}
ROWS = torch.tensor(  # 5, 3, 3 and 1 answers
    [[2, 0, 1, 0, 2], [~1, 0, ~PAD, 2, 2], [~PAD, ~2, 0, 0, 1], [~2, ~2, ~0, ~1, 1]]
)
ANSWERS = [5, 3, 3, 1]
Z_LIMIT = 5.0  # fewer than 100 two-sided normal comparisons in this file: false alarm below 6e-5 in all


def build(causal=False, seed=0, trained=True, **fields):
    """A small network; "trained": with a head that has left zero."""
    draws = torch.Generator().manual_seed(seed)
    shape = {"length": LENGTH, "vocabulary": VOCABULARY, "layers": 1, "width": 8, "heads": 2, "causal": causal}
    network = Transformer(NetworkConfig(**shape | fields), draws)
    if trained:
        nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def positions(row):
    return [int(j) for j in (row >= 0).nonzero().squeeze(1)]


def clean(row):
    return split_given(row[None])[0]


def log_prob(network, row, hidden, position):
    tokens = clean(row)
    tokens[:, list(hidden)] = MASK
    return float(MaskedDenoiser(network)(tokens)[0, position, row[position]])


def loss_over_subproblems(network, row):
    """Prop. 2.1 on the answers of one row, term by term."""
    answers = positions(row)
    return -sum(
        subproblem_weight(n, len(answers)) * log_prob(network, row, hidden, position)
        for n in range(1, len(answers) + 1)
        for hidden in combinations(answers, n)
        for position in hidden
    )


def z_score(draws, expected):
    return (draws.mean() - expected) / (draws.std(ddof=1) / math.sqrt(len(draws)))


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=3, max_size=3), min_size=1, max_size=4))
def test_given_tokens_come_back_from_their_complements(rows):
    tokens, given_there = np.array(rows, dtype=np.int64).transpose(2, 0, 1)
    back, given_back = split_given(torch.from_numpy(mark_given(tokens, given_there == 1)))
    np.testing.assert_array_equal(back, tokens)
    np.testing.assert_array_equal(given_back, given_there == 1)


@given(batch_size=st.integers(1, 9), length=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_without_a_prompt_the_masks_are_the_usual_ones(batch_size, length, seed):
    masks = answer_masks(torch.ones(batch_size, length, dtype=torch.bool), generator(seed))
    usual = stratified_count_masks(batch_size, length, generator(seed))
    assert torch.equal(masks.hidden, usual.hidden)
    assert torch.allclose(masks.weight, usual.weight, rtol=1e-6)


@given(batch_size=st.integers(1, 9), length=st.integers(1, 20), share=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_only_answers_are_masked_and_weights_undo_their_number(batch_size, length, share, seed):
    answers = torch.rand(batch_size, length, generator=generator(seed)) < share
    masks = answer_masks(answers, generator(seed + 1))
    counts, totals = masks.hidden.sum(dim=1), answers.sum(dim=1)
    assert not (masks.hidden & ~answers).any()
    assert torch.equal(counts > 0, totals > 0)
    assert torch.allclose(masks.weight * counts, totals.float())
    assert torch.equal(masks.weight == 0, totals == 0)


def subset_scores(masker, n_batches=1500):
    """z scores of the weighted frequency of every subset of the answers of rows 0 to 2, against Prop. 2.1."""
    draws, batches = generator(), []
    for _ in range(n_batches):
        masks = masker(ROWS >= 0, draws)
        batches.append(((masks.hidden * 2 ** torch.arange(LENGTH)).sum(dim=1), masks.weight))
    codes, weights = (torch.stack(parts).double().numpy() for parts in zip(*batches, strict=True))
    scores = []
    for b, row in enumerate(ROWS[:3]):
        for n in range(1, ANSWERS[b] + 1):
            for subset in combinations(positions(row), n):
                met = weights[:, b] * (codes[:, b] == sum(2**j for j in subset))
                scores.append(z_score(met, subproblem_weight(n, ANSWERS[b])))
    return np.array(scores)


def test_each_subset_of_the_answers_is_met_with_its_weight():
    scores = subset_scores(answer_masks)
    assert len(scores) == 31 + 7 + 7
    assert np.abs(scores).max() < Z_LIMIT


def test_weights_of_the_whole_row_would_be_noticed():
    def by_length(answers, draws):
        masks = answer_masks(answers, draws)
        return WeightedMasks(masks.hidden, masks.weight * LENGTH / answers.sum(dim=1))

    assert np.abs(subset_scores(by_length)).max() > 2 * Z_LIMIT


def test_rows_of_different_prompts_share_the_spread():
    """Quantiles of one evenly spread u: 8 rows of 4 answers, and 8 of 2, have each count equally often."""
    answers = torch.tensor([[True] * 4] * 8)
    assert torch.bincount(answer_masks(answers, generator()).hidden.sum(1)).tolist() == [0, 2, 2, 2, 2]
    answers[:, 2:] = False
    assert torch.bincount(answer_masks(answers, generator()).hidden.sum(1)).tolist() == [0, 4, 4]


@given(answers=st.integers(1, 5), draws=st.integers(1, 6), batch_size=st.integers(1, 64), seed=st.integers(0, 10**6))
def test_the_largest_of_several_draws_hides_more(answers, draws, batch_size, seed):
    """Evenly spread u: of B rows B (k / A)^draws hide at most k, within one row."""
    masks = answer_masks(torch.ones(batch_size, answers, dtype=torch.bool), generator(seed), draws=draws)
    counts = masks.hidden.sum(dim=1).numpy()
    for k in range(answers + 1):
        assert abs((counts <= k).sum() - batch_size * (k / answers) ** draws) < 1 + 1e-6
    np.testing.assert_allclose(masks.weight.numpy() * counts, answers, rtol=1e-6)


def test_another_number_of_draws_would_be_noticed():
    counts = answer_masks(torch.ones(64, 5, dtype=torch.bool), generator(), draws=2).hidden.sum(dim=1)
    assert abs(int((counts <= 2).sum()) - 64 * (2 / 5) ** 3) > 2


def test_a_number_of_masks_takes_a_draw():
    with pytest.raises(ValueError, match="at least 1; got 0"):
        answer_masks(torch.ones(2, 3, dtype=torch.bool), generator(), draws=0)
    with pytest.raises(ValueError, match="at least 1; got 0"):
        AnswerObjective(draws=0)


def test_answer_loss_has_the_expectation_of_the_paper_on_the_answers():
    network, draws = build(), generator()
    exact = np.mean([loss_over_subproblems(network, row) for row in ROWS])
    losses = np.array([float(AnswerObjective(likelihood).loss(network, ROWS, draws)) for _ in range(600)])
    assert abs(z_score(losses, exact)) < Z_LIMIT
    assert abs(z_score(losses, exact * 1.2)) > Z_LIMIT


def test_sum_over_subproblems_is_a_mean_over_orders_given_the_prompt():
    network, row = build(), ROWS[1]
    first, second, third = positions(row)
    orders = [(first, second, third), (first, third, second), (second, first, third)]
    orders += [order[::-1] for order in orders]
    chains = [-sum(log_prob(network, row, order[t:], order[t]) for t in range(3)) for order in orders]
    assert loss_over_subproblems(network, row) == pytest.approx(np.mean(chains), abs=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_uniform_network_pays_log_v_per_answer(name):
    objective = OBJECTIVES[name]
    network = build(objective.causal, trained=False)
    for seed in range(5):
        loss = objective.loss(network, ROWS, generator(seed))
        assert float(loss) == pytest.approx(math.log(VOCABULARY) * np.mean(ANSWERS), rel=1e-5)


def test_per_answer_on_a_batch_worked_by_hand():
    masks = WeightedMasks(torch.tensor([[True, False, False], [True, True, False]]), torch.tensor([3.0, 0.5]))
    assert per_answer(torch.tensor([3.0, 5.0, 7.0]), masks) == (3 + 1) / 2 * (3 + 5 + 7) / 3


def test_without_a_prompt_the_losses_are_the_usual_ones():
    network, rows = build(), torch.randint(VOCABULARY, (6, LENGTH), generator=generator(3))
    answer, usual = (kind(likelihood).loss(network, rows, generator(1)) for kind in (AnswerObjective, MaskedObjective))
    assert torch.allclose(answer, usual, rtol=1e-6)
    usual = MaskedObjective(per_mask).loss(network, rows, generator(1))
    assert torch.allclose(AnswerObjective(per_answer).loss(network, rows, generator(1)), usual)
    causal = build(causal=True)
    usual = AutoregressiveObjective(np.arange(LENGTH)).loss(causal, rows, generator())
    assert torch.allclose(ContinuationObjective().loss(causal, rows, generator()), usual)


def chain(network, row):
    """-log p of the answers, one token after the other."""
    denoiser, tokens, total = CausalDenoiser(network, np.arange(LENGTH)), clean(row), 0.0
    for position in positions(row):
        prefix = tokens.clone()
        prefix[:, position:] = MASK
        total -= float(denoiser(prefix)[0, position, row[position]])
    return total


def test_continuation_loss_is_the_chain_rule_on_the_answers():
    network = build(causal=True)
    expected = np.mean([chain(network, row) for row in ROWS])
    assert float(ContinuationObjective().loss(network, ROWS, generator())) == pytest.approx(expected, abs=1e-5)


def test_the_first_answer_is_trained():
    """The published code for Sudoku leaves it out (a mask on shifted labels, off by one)."""
    network, row = build(causal=True), ROWS[2:3]
    shorter = row.clone()
    shorter[0, 2] = ~row[0, 2]
    prefix = clean(row[0])
    prefix[:, 2:] = MASK
    first = -float(CausalDenoiser(network, np.arange(LENGTH))(prefix)[0, 2, row[0, 2]])
    all_of_it, others = (float(ContinuationObjective().loss(network, r, generator())) for r in (row, shorter))
    assert first > 1e-3
    assert all_of_it - others == pytest.approx(first, abs=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_prompt_is_read(name):
    objective, other = OBJECTIVES[name], ROWS.clone()
    other[1, 0] = ~2
    network = build(objective.causal)
    before, after = (float(objective.loss(network, rows, generator())) for rows in (ROWS, other))
    assert abs(before - after) > 1e-3


@pytest.mark.parametrize("name", OBJECTIVES)
def test_rows_without_answers_cost_nothing(name):
    objective = OBJECTIVES[name]
    network = build(objective.causal).requires_grad_(True)
    nothing = ~clean(ROWS[2]).expand(3, -1)
    loss = objective.loss(network, nothing, generator())
    loss.backward()
    assert loss == 0
    assert all(weight.grad is None or (weight.grad == 0).all() for weight in network.parameters())
    uniform = build(objective.causal, trained=False)
    mixed = objective.loss(uniform, torch.cat((ROWS[3:], nothing)), generator())
    assert float(mixed) == pytest.approx(math.log(VOCABULARY) / 4, rel=1e-5)


def test_objectives_describe_themselves_and_refuse_the_wrong_network():
    assert all(isinstance(objective, Objective) for objective in OBJECTIVES.values())
    assert AnswerObjective().to_json() == {"objective": "answer", "reduction": "per_answer"}
    assert AnswerObjective(likelihood).to_json() == {"objective": "answer", "reduction": "likelihood"}
    assert AnswerObjective(draws=4).to_json() == {"objective": "answer", "reduction": "per_answer", "draws": 4}
    assert ContinuationObjective().to_json() == {"objective": "continuation"}
    with pytest.raises(ValueError, match="causal=False"):
        AnswerObjective().check(build(causal=True).config)
    with pytest.raises(ValueError, match="causal=True"):
        ContinuationObjective().check(build().config)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_mask_or_pad_among_the_answers_is_an_error(name):
    objective, rows = OBJECTIVES[name], ROWS.clone()
    rows[3, 4] = PAD
    with pytest.raises(IndexError):
        objective.loss(build(objective.causal), rows, generator())


def test_sources_carry_prompted_rows():
    fixed = FixedRows(ROWS.numpy(), "f" * 16, VOCABULARY, 4)
    assert sorted(fixed.batch(0).tolist()) == sorted(ROWS.tolist())
    for bad, seen in ((PAD, "-5 to 4"), (~(PAD + 1), "-6 to 2")):
        rows = ROWS.numpy().copy()
        rows[3, 4] = bad
        with pytest.raises(ValueError, match=rf"range\(3\); got values from {seen}.* lie in range\(5\)"):
            FixedRows(rows, "f" * 16, VOCABULARY, 4)


# A task that can be learned: a and b are given, then a + b and a - b, modulo V; before them a pad or an idle token.

V = 5


@dataclasses.dataclass(frozen=True)
class Sums:
    """Rows [pad or any token, a, b | a + b, a - b], all modulo V; in every third row a + b is given as well."""

    fingerprint: str = "5050505050505050"
    length: int = 5
    vocabulary: int = V

    def rows(self, sample_seed, start, stop):
        rows = []
        for number in range(start, stop):
            idle, a, b = np.random.default_rng((sample_seed, number)).integers(V, size=3)
            total = (a + b) % V
            rows.append([~(V + 1) if number % 2 else ~idle, ~a, ~b, total if number % 3 else ~total, (a - b) % V])
        return np.array(rows)


GRID = GridCoordinates(rows=1, columns=2, start=3)
PROMPTS = torch.tensor([[V + 1 if (a + b) % 2 else b, a, b, V, V] for a in range(V) for b in range(V)])
TRUTH = torch.tensor([[(a + b) % V, (a - b) % V] for a in range(V) for b in range(V)])


def adder(objective, seed=0, **fields):
    config = NetworkConfig(length=5, vocabulary=V, layers=2, width=32, heads=2, causal=objective.causal, **fields)
    return Transformer(config, torch.Generator().manual_seed(seed))


def denoiser_and_decoder(network):
    if network.config.causal:
        identity = np.arange(5)
        return CausalDenoiser(network, identity), Decoder(order_score(identity), one_per_step(), argmax_token)
    return MaskedDenoiser(network, everywhere=True), Decoder(margin_score, one_per_step(), argmax_token)


@pytest.mark.parametrize(("name", "grid"), [("per answer", GRID), ("likelihood", None), ("continuation", GRID)])
def test_sums_are_learned_and_decoded(name, grid):
    objective = OBJECTIVES[name]
    network = adder(objective, coordinates=grid)
    train(network, objective, FreshRows(Sums(), 0, 64), TrainConfig(steps=250, learning_rate=5e-3))
    denoiser, decoder = denoiser_and_decoder(network)
    prompts = PROMPTS.clone()
    prompts[::2, 3] = TRUTH[::2, 0]  # prompts of unequal length in one batch
    answers = decode(denoiser, prompts, decoder, generator()).tokens
    assert torch.equal(answers[:, :3], prompts[:, :3])
    assert torch.equal(answers[:, 3:], TRUTH)


@pytest.mark.parametrize("causal", [False, True])
def test_pads_of_a_prompt_reach_the_network_and_are_no_answers(causal):
    network = adder(ContinuationObjective() if causal else AnswerObjective())
    nn.init.normal_(network.head, generator=generator(1))
    denoiser, _ = denoiser_and_decoder(network)
    if not causal:
        denoiser = MaskedDenoiser(network)
    padded = PROMPTS.clone()
    padded[:, 0] = V + 1
    other = padded.clone()
    other[:, 0] = 0
    asked = padded == V
    if causal:
        asked[:, 4] = False  # its turn comes later
    answers = denoiser(padded)
    assert torch.equal(~answers.isnan().any(dim=2), asked)
    assert not torch.allclose(answers[asked], denoiser(other)[asked], atol=1e-3)


def stop_after(step):
    def on_step(record):
        if record.step == step:
            raise KeyboardInterrupt

    return on_step


@pytest.mark.parametrize("name", OBJECTIVES)
def test_stopped_and_resumed_is_bit_for_bit_uninterrupted(tmp_path, name):
    objective, config = OBJECTIVES[name], TrainConfig(steps=8, checkpoint_every=3, log_every=2)
    source = FreshRows(Sums(), 1, 4)
    whole = train(adder(objective, coordinates=GRID), objective, source, config).network
    with pytest.raises(KeyboardInterrupt):
        train(adder(objective, coordinates=GRID), objective, source, config, directory=tmp_path, on_step=stop_after(5))
    network = adder(objective, seed=9, coordinates=GRID)
    train(network, objective, source, config, directory=tmp_path)
    for other in (network, load_network(tmp_path / CHECKPOINT_NAME, source.fingerprint)):
        weights = network_tensors(other)
        assert all(torch.equal(weights[key], value) for key, value in network_tensors(whole).items())
    with pytest.raises(ValueError, match="network has coordinates="):
        train(adder(objective), objective, source, config, directory=tmp_path)
