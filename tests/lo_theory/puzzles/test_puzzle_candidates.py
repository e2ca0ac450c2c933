"""Reasoners of bounded depth against plain Python, and against the person's solver that the order makes of them."""

from __future__ import annotations

from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.sudoku import SIZES, Size, SudokuSource, completes, full_grids, solve_by_strategies
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.puzzles.candidates import CandidateDenoiser, Reasoning
from lo_theory.samplers.decoder import Decoder, margin, top_probability, vanilla
from lo_theory.samplers.decoding import Decoded, decode
from lo_theory.samplers.named_decoders import negative_entropy
from lo_theory.samplers.tokens import argmax_token

REASONINGS: list[Reasoning] = ["peers", "singles", "strategies"]
CERTAIN_FIRST = {"margin": margin(), "top probability": top_probability(), "negative entropy": negative_entropy()}
HIDDEN_SINGLE, XY_WING = 3, 7


def tokens_of(grids: np.ndarray, size: Size) -> torch.Tensor:
    return torch.from_numpy(np.where(grids == 0, size.side, grids.astype(np.int64) - 1))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plainly(grid: list[int], size: Size, hidden_too: bool) -> list[set[int]]:
    """The digits that each cell is answered with, by the definition."""
    everything = set(range(1, size.side + 1))
    open_ = [everything - {grid[p] for p in size.peers[c].tolist()} if not grid[c] else set() for c in range(len(grid))]
    answers = []
    for cell, digits in enumerate(open_):
        own_groups = [group.tolist() for group in size.groups if cell in group]
        alone = {d for d in digits for group in own_groups if not any(d in open_[c] for c in group if c != cell)}
        possible = (alone if hidden_too else set()) or digits or everything
        answers.append({grid[cell]} if grid[cell] else possible)
    return answers


@st.composite
def boards(draw: st.DrawFn) -> tuple[Size, np.ndarray]:
    """A full grid with random holes and perhaps a few wrong digits."""
    size = SIZES[draw(st.sampled_from([4, 6, 9]))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    grid = full_grids(size, rng.integers(2**63, size=1).astype(np.uint64))[0]
    grid[rng.random(size.cells) < draw(st.floats(0, 1))] = 0
    wrong = rng.integers(size.cells, size=draw(st.integers(0, 3)))
    grid[wrong] = rng.integers(0, size.side + 1, size=len(wrong))
    return size, grid


@settings(max_examples=60)
@given(board=boards(), hidden_too=st.booleans())
def test_answers_are_uniform_over_what_the_definition_leaves(board, hidden_too):
    size, grid = board
    answer = CandidateDenoiser(size, "singles" if hidden_too else "peers")(tokens_of(grid[None], size))[0].exp().numpy()
    expected = np.zeros_like(answer)
    for cell, digits in enumerate(plainly(grid.tolist(), size, hidden_too)):
        expected[cell, [digit - 1 for digit in digits]] = 1 / len(digits)
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-12)


@settings(max_examples=25)
@given(side=st.sampled_from([4, 6, 9]), seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_a_deeper_reasoner_leaves_less_and_never_the_truth_out(side, seed, share):
    source = SudokuSource(side=side).rows(seed, 0, 4)
    also = np.random.default_rng(seed).random(source.puzzles.shape) < share
    tokens = tokens_of(np.where(also, source.solutions, source.puzzles), SIZES[side])
    truth = torch.from_numpy(source.solutions.astype(np.int64))[..., None] - 1
    shallower = torch.ones((*tokens.shape, side), dtype=torch.bool)
    for reasoning in REASONINGS:
        left = CandidateDenoiser(SIZES[side], reasoning)(tokens).isfinite()
        assert left.gather(2, truth).all()
        assert not (left & ~shallower).any()
        shallower = left


def certain_cells(decoded: Decoded) -> list[list[int]]:
    """The cells that each row revealed before its first guess, in order."""
    cells: list[list[int]] = [[] for _ in decoded.tokens]
    guessed = [False] * len(cells)
    for step in decoded.trace.steps:
        for row, position, nats in zip(step.row.tolist(), step.position.tolist(), step.log_prob.tolist(), strict=True):
            guessed[row] |= nats < 0
            if not guessed[row]:
                cells[row].append(position)
    return cells


def filled_up_to(puzzles: np.ndarray, level: int) -> list[list[int]]:
    """The cells that the person's solver fills before it first needs a strategy above ``level``."""
    result = solve_by_strategies(puzzles)
    stops = (result.hardest_per_fill > level) | (result.order < 0)
    pairs = zip(result.order, stops, strict=True)
    return [row[: int(stop.argmax()) if stop.any() else None].tolist() for row, stop in pairs]


def solved_by(denoiser: Denoiser, puzzles: np.ndarray, decoder: Decoder) -> tuple[Decoded, np.ndarray]:
    decoded = decode(denoiser, tokens_of(puzzles, SIZES[9]), decoder, seeded())
    return decoded, completes((decoded.tokens.numpy() + 1).astype(np.uint8), puzzles)


@pytest.mark.parametrize("decoder", CERTAIN_FIRST.values(), ids=CERTAIN_FIRST.keys())
def test_certain_cells_first_makes_a_glance_at_singles_the_solver_by_singles(decoder):
    """Before the first guess the same cells are filled, with the same digits: none is left over iff level <= 3."""
    rows = SudokuSource().rows(5, 0, 200)
    greedy = replace(decoder, token=argmax_token)
    decoded, right = solved_by(CandidateDenoiser(SIZES[9], "singles"), rows.puzzles, greedy)
    levels = solve_by_strategies(rows.puzzles).levels
    assert min((levels <= HIDDEN_SINGLE).sum(), (levels > HIDDEN_SINGLE).sum()) > 20
    filled = decoded.tokens.numpy() + 1
    before_guess = certain_cells(decoded)
    for row, (mine, persons) in enumerate(zip(before_guess, filled_up_to(rows.puzzles, HIDDEN_SINGLE), strict=True)):
        assert sorted(mine) == sorted(persons)
        assert (filled[row, mine] == rows.solutions[row, mine]).all()
    without_guess = np.array([len(mine) for mine in before_guess]) == (rows.puzzles == 0).sum(axis=1)
    np.testing.assert_array_equal(without_guess, levels <= HIDDEN_SINGLE)
    assert right[without_guess].all()


def test_the_order_does_it_not_the_reasoner():
    """Negative control: the same reasoner on the same puzzles in random order, and one that knows lone singles only."""
    puzzles = SudokuSource(levels=(2, HIDDEN_SINGLE)).rows(6, 0, 100).puzzles
    assert solved_by(CandidateDenoiser(SIZES[9], "singles"), puzzles, margin())[1].all()
    assert not solved_by(CandidateDenoiser(SIZES[9], "singles"), puzzles, vanilla())[1].any()
    assert solved_by(CandidateDenoiser(SIZES[9], "peers"), puzzles, margin())[1].mean() < 0.5


def test_striking_strategies_need_no_memory_of_what_they_struck():
    """Nor of the order of fills, as long as the unique rectangle, which does, is not needed."""
    rows = SudokuSource(levels=(2, XY_WING)).rows(7, 0, 20)
    decoded, right = solved_by(CandidateDenoiser(SIZES[9], "strategies"), rows.puzzles, margin())
    assert right.all()
    assert [len(cells) for cells in certain_cells(decoded)] == (rows.puzzles == 0).sum(axis=1).tolist()


@pytest.mark.parametrize("reasoning", REASONINGS)
def test_a_cell_without_a_digit_is_answered_uniformly_and_decoding_goes_on(reasoning):
    size = SIZES[4]
    grid = np.zeros((1, 16), np.uint8)
    grid[0, [1, 2, 4, 8]] = [1, 2, 3, 4]  # the first cell sees all four digits
    denoiser = CandidateDenoiser(size, reasoning)
    assert (denoiser(tokens_of(grid, size))[0, 0].exp() == 0.25).all()
    for decoder in (margin(), vanilla(3)):
        decoded = decode(denoiser, tokens_of(grid, size), decoder, seeded())
        assert (decoded.tokens < 4).all()
        assert not completes((decoded.tokens.numpy() + 1).astype(np.uint8), grid).any()


def test_it_is_a_denoiser_and_refuses_what_is_no_board():
    denoiser = CandidateDenoiser(SIZES[6])
    assert isinstance(denoiser, Denoiser)
    assert (denoiser.length, denoiser.vocabulary) == (36, 6)
    assert denoiser(torch.empty((0, 36), dtype=torch.int64)).shape == (0, 36, 6)
    with pytest.raises(ValueError, match=r"shape \(B, 36\)"):
        denoiser(torch.zeros((1, 81), dtype=torch.int64))
    with pytest.raises(ValueError, match="mask id 6; got values from 0 to 7"):
        denoiser(torch.tensor([[0] * 35 + [7]]))


def test_an_unknown_depth_is_refused_without_a_type_checker(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"reasoning must be one of .*'peers'.* got 'deep'"):
        CandidateDenoiser(SIZES[6], "deep")  # type: ignore[arg-type]
