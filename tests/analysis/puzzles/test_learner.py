"""Names of learners: each is read back as the learner that bears it, and no other text is a name."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from analysis.lab.rows import MDM
from analysis.puzzles.learner import (
    ARM_FIXED,
    ARM_RANDOM,
    ARM_SOLVER,
    MASKED,
    PEERS,
    SINGLES,
    PuzzleLearner,
    learner_named,
    standing_for,
)

TRAINED = (MASKED, ARM_FIXED, ARM_SOLVER, ARM_RANDOM)


@pytest.mark.parametrize("plain", TRAINED, ids=lambda one: one.name)
@pytest.mark.parametrize(("grid", "large", "harder", "times"), list(product(*3 * [(False, True)], (1, 10))))
def test_a_name_is_read_back(plain, grid, large, harder, times):
    learner = replace(plain, grid=grid, large=large, harder=harder, times=times)
    assert learner_named(learner.name) == learner
    assert learner.plain == plain
    assert learner.reasoning is None


def test_names_are_those_of_rows():
    assert [learner.name for learner in (*TRAINED, PEERS, SINGLES)] == [
        MDM, "arm, fixed order", "arm, solver order", "arm, random order", "peers reasoner", "singles reasoner",
    ]  # fmt: skip
    everything = replace(ARM_SOLVER, grid=True, large=True, harder=True, times=10)
    assert everything.name == ("arm, solver order, grid embeddings, large, harder puzzles too, 10 times the operations")
    assert [learner_named(learner.name) for learner in (PEERS, SINGLES)] == [PEERS, SINGLES]
    assert (PEERS.reasoning, SINGLES.reasoning) == ("peers", "singles")


def test_who_stands_for_a_learner_is_the_one_told_the_grid_at_most():
    told = replace(MASKED, grid=True).name
    assert standing_for(MASKED, [told, MASKED.name, ARM_FIXED.name]) == MASKED.name
    assert standing_for(MASKED, [ARM_FIXED.name, told]) == told
    assert standing_for(MASKED, [replace(MASKED, grid=True, harder=True).name]) == MASKED.name
    assert standing_for(replace(MASKED, grid=True), [MASKED.name]) == told


@pytest.mark.parametrize(
    "learner",
    [replace(SINGLES, grid=True), PuzzleLearner(kind="arm"), replace(MASKED, order="fixed"), replace(MASKED, times=7)],
)
def test_a_learner_that_is_none_has_no_name(learner):
    with pytest.raises(ValueError, match="unknown learner"):
        learner_named(learner.name)
