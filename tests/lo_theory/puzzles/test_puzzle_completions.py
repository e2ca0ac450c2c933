"""The exact posterior of Sudoku against plain enumeration, and the uniform law on full grids that it samples."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare

from generators.sudoku import SIZES, SudokuSource, full_grids
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.likelihood import chain_nll
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.puzzles.completions import CompletionsDenoiser, count_completions, kept_digits
from lo_theory.samplers.decoder import Decoder, margin, vanilla
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import k_per_step
from lo_theory.samplers.scores import random_score
from lo_theory.samplers.tokens import sample_token

FOUR, SIX, NINE = SIZES[4], SIZES[6], SIZES[9]


def tokens_of(grids: np.ndarray, side: int) -> torch.Tensor:
    return torch.from_numpy(np.where(grids == 0, side, grids.astype(np.int64) - 1))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def complete_plainly(grid: list[int], side: int) -> list[list[int]]:
    """All completions, cell after cell without any inference; visible digits must not contradict each other."""
    if 0 not in grid:
        return [grid]
    cell = grid.index(0)
    taken = {grid[peer] for peer in SIZES[side].peers[cell].tolist()}
    free = (digit for digit in range(1, side + 1) if digit not in taken)
    return [full for digit in free for full in complete_plainly([*grid[:cell], digit, *grid[cell + 1 :]], side)]


@cache
def all_grids() -> np.ndarray:
    """The 288 grids of 4x4."""
    return np.array(complete_plainly([0] * 16, 4), dtype=np.uint8)


def shown_in(grid: np.ndarray) -> np.ndarray:
    """The 4x4 grids that have all visible digits of ``grid``."""
    everything = all_grids()
    return everything[((grid == 0) | (everything == grid)).all(axis=1)]


def digit_shares(grids: np.ndarray, side: int) -> np.ndarray:
    return (grids[:, :, None] == np.arange(1, side + 1)).mean(axis=0)


def kept_plainly(grid: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(grid)
    for cell in np.flatnonzero(grid):
        trial = kept.copy()
        trial[cell] = grid[cell]
        kept = trial if len(shown_in(trial)) else kept
    return kept


def test_there_are_288_grids_and_the_empty_board_is_uniform():
    assert len(all_grids()) == 288
    answer = CompletionsDenoiser(FOUR)(torch.full((1, 16), 4))
    np.testing.assert_array_equal(answer.exp().numpy(), np.full((1, 16, 4), 0.25))


@settings(max_examples=50)
@given(which=st.integers(0, 287), hidden=hnp.arrays(np.bool_, 16))
def test_four_by_four_is_the_share_among_all_grids(which, hidden):
    grid = np.where(hidden, 0, all_grids()[which])
    answer = CompletionsDenoiser(FOUR)(tokens_of(grid[None], 4))[0].exp().numpy()
    np.testing.assert_allclose(answer, digit_shares(shown_in(grid), 4), rtol=0, atol=1e-12)


@settings(max_examples=50)
@given(grid=hnp.arrays(np.uint8, 16, elements=st.sampled_from([0, 0, 1, 2, 3, 4])))
def test_contradicting_digits_are_left_out_in_reading_order(grid):
    kept = kept_plainly(grid)
    np.testing.assert_array_equal(kept_digits(grid[None])[0], kept)
    answer = CompletionsDenoiser(FOUR)(tokens_of(grid[None], 4))[0].exp().numpy()
    np.testing.assert_allclose(answer, digit_shares(shown_in(kept), 4), rtol=0, atol=1e-12)


def test_a_contradictory_row_does_not_change_its_neighbours():
    grids = all_grids()[[3, 100, 250]].copy()
    grids[:, 2:] = 0
    alone = CompletionsDenoiser(FOUR)(tokens_of(grids, 4))
    grids[1, 1] = grids[1, 0]
    together = CompletionsDenoiser(FOUR)(tokens_of(grids, 4))
    assert (together[[0, 2]] == alone[[0, 2]]).all()
    assert (together[1] != alone[1]).any()


@settings(max_examples=20)
@given(side=st.sampled_from([6, 9]), seed=st.integers(0, 2**32), holes=st.integers(3, 22))
def test_larger_boards_are_counted_right(side, seed, holes):
    rng = np.random.default_rng(seed)
    grid = full_grids(SIZES[side], rng.integers(2**63, size=1).astype(np.uint64))[0]
    first = rng.integers(side)  # holes in two lines leave many completions, holes anywhere few
    lines = np.isin(np.arange(side * side) // side, [first, (first + 1) % side])
    grid[rng.permutation(np.flatnonzero(lines) if seed % 2 else side * side)[:holes]] = 0
    completions = np.array(complete_plainly(grid.tolist(), side))
    totals, counts = count_completions(grid[None], SIZES[side])
    assert totals.tolist() == [len(completions)]
    np.testing.assert_array_equal(counts[0], (completions[:, :, None] == np.arange(1, side + 1)).sum(axis=0))


def test_any_order_gives_one_likelihood():
    rows = tokens_of(all_grids()[::24], 4)
    orders = np.stack([np.random.default_rng(seed).permutation(16) for seed in range(len(rows))])
    nats = chain_nll(CompletionsDenoiser(FOUR), rows, orders).sum(axis=1)
    np.testing.assert_allclose(nats, math.log(288), rtol=0, atol=1e-12)


def chi_square_to_uniform(denoiser: Denoiser, decoder: Decoder, n: int = 8000) -> tuple[float, int]:
    """p-value of the full grids among n decoded boards under the uniform law on 288, and how many are none."""
    decoded = decode(denoiser, torch.full((n, 16), 4), decoder, seeded(11)).tokens.numpy() + 1
    number = {grid.tobytes(): i for i, grid in enumerate(all_grids())}
    found = [number.get(grid.tobytes(), -1) for grid in decoded.astype(np.uint8)]
    counts = np.bincount([i for i in found if i >= 0], minlength=288)
    return float(chisquare(counts).pvalue), found.count(-1)


@pytest.mark.parametrize("decoder", [vanilla(), margin()], ids=["random order", "margin"])
def test_one_token_per_step_samples_the_uniform_law_on_full_grids(decoder):
    """Chi-square over 288 grids, 8000 boards of which none is broken; false alarm 1e-5 per order."""
    p_value, broken = chi_square_to_uniform(CompletionsDenoiser(FOUR), decoder)
    assert broken == 0
    assert p_value > 1e-5


def test_a_reasoner_that_always_finishes_the_board_does_not():
    """Negative control of the test above: no board is broken, and still the law is another one."""
    p_value, broken = chi_square_to_uniform(CandidateDenoiser(FOUR, "singles"), margin())
    assert broken == 0
    assert p_value < 1e-5


def test_many_tokens_per_step_break_boards():
    """Negative control of the count of broken boards."""
    _, broken = chi_square_to_uniform(CompletionsDenoiser(FOUR), Decoder(random_score, k_per_step(2), sample_token()))
    assert broken > 0


def test_a_unique_solution_is_known_in_one_call():
    """So the order of decoding has nothing left to decide: even all cells at once are right."""
    rows = SudokuSource(levels=(9, 9)).rows(3, 0, 10)
    decoded = decode(CompletionsDenoiser(NINE), tokens_of(rows.puzzles, 9), vanilla(1), seeded())
    np.testing.assert_array_equal(decoded.tokens.numpy() + 1, rows.solutions)


def test_it_is_a_denoiser_and_refuses_more_than_its_limit():
    denoiser = CompletionsDenoiser(FOUR, limit=288)
    assert isinstance(denoiser, Denoiser)
    assert denoiser(torch.empty((0, 16), dtype=torch.int64)).shape == (0, 16, 4)
    empty = torch.full((1, 16), 4)
    assert denoiser(empty).isfinite().all()
    with pytest.raises(ValueError, match="more than limit = 287 completions"):
        CompletionsDenoiser(FOUR, limit=287)(empty)
    with pytest.raises(ValueError, match=r"the board \.{81} has more than limit = 100000"):
        CompletionsDenoiser(NINE)(torch.full((1, 81), 9))
    with pytest.raises(ValueError, match="at least 1; got 0"):
        CompletionsDenoiser(FOUR, limit=0)
    with pytest.raises(ValueError, match=r"shape \(B, 16\)"):
        denoiser(torch.full((1, 81), 4))
    with pytest.raises(ValueError, match="mask id 4; got values from 5 to 5"):
        denoiser(torch.full((1, 16), 5))
