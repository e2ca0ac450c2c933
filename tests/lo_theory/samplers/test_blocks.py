"""Semi-autoregressive blocks: nothing right of the block in hand is revealed, and the steps add up."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lo_theory.samplers.blocks import in_blocks
from lo_theory.samplers.confidence_reveal import confidence_threshold
from lo_theory.samplers.reveal import RevealRule, binomial, counted, independent, k_per_step, one_per_step, scheduled
from lo_theory.samplers.situation import Situation

BY_TOKEN = {"one": one_per_step(), "two": k_per_step(2), "all": k_per_step(99), "threshold": confidence_threshold(0.9)}
BY_STEP = {
    "scheduled": scheduled(2),
    "binomial": binomial(3),
    "independent": independent(2),
    "counted": counted([1, 1]),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moment(step: int, hidden: torch.Tensor) -> Situation:
    """Scores rise to the right, against the blocks."""
    return Situation(
        step=step,
        tokens=torch.where(hidden, 2, 0),
        given=torch.zeros_like(hidden),
        hidden=hidden,
        score=torch.arange(hidden.shape[1]).double().expand(hidden.shape).masked_fill(~hidden, -math.inf),
        log_probs=torch.full((*hidden.shape, 2), 0.5, dtype=torch.float64).log(),
    )


@pytest.mark.parametrize("steps", [None, 2])
def test_what_a_rule_says_of_visible_positions_is_not_heard(steps: int | None) -> None:
    """Outside the block all are visible for it, and rules may mark them, such as that of ReMDM."""
    rule = in_blocks(RevealRule(lambda now, _: torch.ones_like(now.hidden), steps), 2, 6)
    assert [step.nonzero()[:, 1].tolist() for step in run(rule, torch.ones(1, 6, dtype=torch.bool), seeded())] == (
        [[0, 1], [2, 3], [4, 5]] if steps is None else [[0, 1], [], [2, 3], [], [4, 5]]
    )


def run(rule: RevealRule, hidden: torch.Tensor, generator: torch.Generator) -> list[torch.Tensor]:
    """Chosen positions of each step until nothing is hidden, in the rule's own number of steps or one per mask."""
    steps, allowed = [], rule.steps or int(hidden.sum(dim=1).max())
    while hidden.any():
        assert len(steps) < allowed, "the rule does not finish in its steps"
        chosen = rule.choose(moment(len(steps), hidden), generator)
        assert not (chosen & ~hidden).any()
        steps.append(chosen)
        hidden = hidden & ~chosen
    return steps


masks = st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=4)


@settings(max_examples=40)
@given(hidden=masks, size=st.integers(1, 8))
@pytest.mark.parametrize("inner", [*BY_TOKEN.values(), *BY_STEP.values()], ids=[*BY_TOKEN, *BY_STEP])
def test_a_block_begins_when_those_before_it_are_finished(inner, hidden, size):
    hidden = torch.tensor(hidden)
    left = hidden.clone()
    for chosen in run(in_blocks(inner, size, 7), hidden, seeded()):
        for row in range(len(hidden)):
            for position in chosen[row].nonzero().squeeze(1).tolist():
                assert not left[row, : position // size * size].any()
        left = left & ~chosen
    assert not left.any()


def test_a_rule_by_tokens_works_in_the_block_of_each_row():
    hidden = torch.tensor([[True] * 6, [False, False, True, True, False, True]])
    steps = run(in_blocks(k_per_step(2), 3, 6), hidden, seeded())
    places = [[chosen[row].nonzero().squeeze(1).tolist() for chosen in steps] for row in range(2)]
    assert places == [[[1, 2], [0], [4, 5], [3]], [[2], [3, 5], [], []]]
    assert in_blocks(k_per_step(2), 3, 6).steps is None


def test_a_rule_by_steps_gets_its_steps_in_every_block_and_rows_keep_together():
    """LLaDA's accounting: two blocks of two steps; a row without masks in the block waits."""
    hidden = torch.tensor([[True] * 8, [False] * 4 + [True] * 4, [True] + [False] * 7])
    rule = in_blocks(scheduled(2), 4, 8)
    assert rule.steps == 4
    steps = run(rule, hidden, seeded())
    assert [[int(chosen[row].sum()) for chosen in steps] for row in range(3)] == [
        [2, 2, 2, 2],
        [0, 0, 2, 2],
        [1, 0, 0, 0],
    ]
    assert in_blocks(scheduled(3), 4, 9).steps == 9, "the last block may be shorter"


@pytest.mark.parametrize("steps", [None, 2])
def test_the_rule_inside_sees_the_block_alone_and_its_own_steps(steps):
    """What a rule may rely on of a situation holds inside: no score where nothing is hidden, steps from 0."""
    seen = []

    def choose(now, generator):
        seen.append((now.step, now.hidden.clone(), now.score.clone()))
        return one_per_step().choose(now, generator)

    run(in_blocks(RevealRule(choose, steps), 2, 6), torch.ones(1, 6, dtype=torch.bool), seeded())
    assert [step for step, _, _ in seen] == ([0, 1, 2, 3, 4, 5] if steps is None else [0, 1] * 3)
    for number, (_, hidden, score) in enumerate(seen):
        assert not hidden[0, : number // 2 * 2].any()
        assert not hidden[0, number // 2 * 2 + 2 :].any()
        assert torch.equal(score == -math.inf, ~hidden)


@pytest.mark.parametrize("inner", [*BY_TOKEN.values(), *BY_STEP.values()], ids=[*BY_TOKEN, *BY_STEP])
def test_one_block_of_all_positions_is_the_rule_itself(inner):
    hidden = torch.tensor([[True] * 6, [False, False, True, True, False, True]])
    one, two = run(inner, hidden, seeded(1)), run(in_blocks(inner, 6, 6), hidden, seeded(1))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("inner", [*BY_TOKEN.values(), *BY_STEP.values()], ids=[*BY_TOKEN, *BY_STEP])
def test_blocks_of_one_position_go_from_left_to_right(inner):
    steps = run(in_blocks(inner, 1, 5), torch.ones(2, 5, dtype=torch.bool), seeded())
    where = [chosen[0].nonzero().squeeze(1).tolist() for chosen in steps]
    assert [place for places in where for place in places] == [0, 1, 2, 3, 4]
    assert all(len(places) <= 1 for places in where)


@pytest.mark.parametrize("inner", [*BY_TOKEN.values(), *BY_STEP.values()], ids=[*BY_TOKEN, *BY_STEP])
def test_a_row_does_not_depend_on_the_progress_of_others(inner):
    rule, row = in_blocks(inner, 2, 6), torch.tensor([True, True, False, True, True, True])
    for other in (torch.zeros(6, dtype=torch.bool), torch.ones(6, dtype=torch.bool)):
        steps = run(rule, torch.stack([row, other]), seeded(4))
        alone = run(rule, torch.stack([row, row]), seeded(4))
        for a, b in zip(steps, alone, strict=False):
            assert torch.equal(a[0], b[0])


def test_blocks_of_another_length_are_refused():
    for size, length in ((0, 4), (2, 0)):
        with pytest.raises(ValueError, match=f"size {size}, length {length}"):
            in_blocks(one_per_step(), size, length)
    with pytest.raises(ValueError, match="length 4, the sequences have 6"):
        in_blocks(one_per_step(), 2, 4).choose(moment(0, torch.ones(1, 6, dtype=torch.bool)), seeded())


def test_blocks_after_a_prompt():
    """They begin at ``start``; a mask before it counts with the first block."""
    hidden = torch.tensor([[False, False, True, True, True, True, True], [True, False, True, True, True, True, True]])
    steps = run(in_blocks(k_per_step(9), 2, 7, start=2), hidden, seeded())
    assert [step[0].nonzero().flatten().tolist() for step in steps] == [[2, 3], [4, 5], [6]]
    assert [step[1].nonzero().flatten().tolist() for step in steps] == [[0, 2, 3], [4, 5], [6]]
    assert in_blocks(scheduled(2), 2, 7, start=2).steps == 6
    for start in (-1, 7):
        with pytest.raises(ValueError, match=rf"range\(7\); got start = {start}"):
            in_blocks(k_per_step(1), 2, 7, start=start)
