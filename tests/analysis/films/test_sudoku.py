"""A Sudoku on film: what is said of a step is true of the board before it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.films.page import film_page
from analysis.films.sudoku import sudoku_film, sudoku_layout
from analysis.films.sudoku_reasons import MISTAKEN, Reason, reason_for
from analysis.films.terminal import render
from generators.sudoku import SIZES, STUCK, SudokuCells, SudokuSource, explain, parse_grid, solve_by_strategies
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.samplers.decoder import margin, path_planning
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.trace import StepRecord, Trace

SMALL = parse_grid("...12...42......")
SOLVED = parse_grid("3421213442131342")


def boards(side: int, count: int, *, levels: tuple[int, int] | None = None, share: float = 0.0, seed: int = 0):
    """Puzzles, with a share of the other cells filled in rightly, and their solutions."""
    made = SudokuSource(side=side, levels=levels).rows(seed, 0, count)
    shown = np.random.default_rng(seed).random(made.puzzles.shape) < share
    return np.where(shown, made.solutions, made.puzzles), made.solutions


def single_by_sets(board: np.ndarray, cell: int, digit: int) -> int | None:
    """2 lone, 3 hidden, None neither: from the definitions, with sets."""
    size = next(s for s in SIZES.values() if s.cells == len(board))

    def possible(at: int) -> set[int]:
        seen = {int(board[peer]) for peer in size.peers[at]}
        return set() if board[at] else set(range(1, size.side + 1)) - seen

    if possible(cell) == {digit}:
        return 2
    groups = [group.tolist() for group in size.groups if cell in group]
    return 3 if any([c for c in group if digit in possible(c)] == [cell] for group in groups) else None


class TestReasons:
    @pytest.mark.parametrize("side", [4, 6, 9])
    @given(share=st.floats(0, 0.9), seed=st.integers(0, 10**6))
    @settings(max_examples=20)
    def test_singles_are_those_of_the_definition(self, side, share, seed):
        board, solution = (grids[0] for grids in boards(side, 1, share=share, seed=seed))
        for cell in np.flatnonzero(board == 0).tolist():
            reason = reason_for(board, solution, cell)
            expected = single_by_sets(board, cell, int(solution[cell]))
            assert reason.single == (expected is not None)
            if expected:
                assert reason == Reason(expected)

    @given(share=st.floats(0, 0.5), seed=st.integers(0, 10**6))
    @settings(max_examples=20)
    def test_a_way_over_other_cells_can_be_gone(self, share, seed):
        """The cell is the solver's fill after so many others; once these are made no harder step leads there."""
        board, solution = (grids[0] for grids in boards(9, 1, levels=(2, 8), share=share, seed=seed))
        fills = [step for step in explain(board) if step.cell is not None]
        for cell in np.flatnonzero(board == 0)[:10].tolist():
            reason = reason_for(board, solution, cell)
            assert 2 <= reason.strategy <= 8
            assert reason.single or fills[reason.after].cell == cell
            later = board.copy()
            for step in fills[: reason.after]:
                later[step.cell] = step.digit
            assert reason_for(later, solution, cell).strategy <= reason.strategy

    def test_the_rest_of_a_way_may_lead_over_other_cells(self):
        """Candidates that were struck on the way are not seen on the board: from there the solver finds an easier way
        that fills 24 cells, where the wing that it had found before would give the cell at once."""
        board, solution = (grids[0] for grids in boards(9, 1, levels=(2, 8), seed=204))
        fills = [step for step in explain(board) if step.cell is not None]
        reason = reason_for(board, solution, 11)
        assert str(reason) == "XY-wing after 30"
        later = board.copy()
        for step in fills[: reason.after]:
            later[step.cell] = step.digit
        assert str(reason_for(later, solution, 11)) == "hidden single after 24"

    def test_where_singles_end_strikes_begin_and_where_those_end_a_guess(self):
        for levels, least, most in (((4, 8), 4, 8), ((9, 9), STUCK, STUCK)):
            for board, solution in zip(*boards(9, 10, levels=levels), strict=True):
                if most < STUCK:  # as far as singles go
                    for step in explain(board):
                        if step.cell is None:
                            break
                        board[step.cell] = step.digit
                else:  # as far as anything goes
                    board = solve_by_strategies(board[None]).grids[0]
                reasons = [reason_for(board, solution, cell) for cell in np.flatnonzero(board == 0).tolist()]
                assert reasons
                assert all(least <= reason.strategy <= most for reason in reasons)

    def test_puzzles_of_singles_need_nothing_else_wherever_they_stand(self):
        board, solution = (grids[0] for grids in boards(9, 1, levels=(2, 3), share=0.2))
        reasons = [reason_for(board, solution, cell) for cell in np.flatnonzero(board == 0).tolist()]
        assert {reason.strategy for reason in reasons} <= {2, 3}
        assert any(reason.after for reason in reasons)

    def test_nothing_follows_from_a_mistake_but_at_its_own_cell(self):
        board = SMALL.copy()
        board[0] = 4  # 3 is right
        assert reason_for(board, SOLVED, 1) == Reason(MISTAKEN)
        assert reason_for(board, SOLVED, 0) == reason_for(SMALL, SOLVED, 0)

    def test_in_words(self):
        assert [str(Reason(s)) for s in (MISTAKEN, 2, 7, STUCK)] == [
            "after a mistake",
            "lone single",
            "XY-wing",
            "a guess",
        ]
        assert str(Reason(3, 4)) == "hidden single after 4"


def solved_by(side: int, seed: int = 0, decoder=None):
    """A film of row 1 of three, its puzzle and its solution."""
    made = SudokuSource(side=side).rows(seed, 0, 3)
    start = torch.from_numpy(SudokuCells(SudokuSource(side=side)).prompt(made.puzzles))
    denoiser = CandidateDenoiser(SIZES[side], "peers")
    done = decode(denoiser, start, decoder or margin(), torch.Generator().manual_seed(seed))
    return sudoku_film("title", made.puzzles[1], made.solutions[1], done.trace, 1), made.puzzles[1], made.solutions[1]


def hand_made() -> Trace:
    """r1c1 wrong (3 is right) and r1c2 right at once; then r1c1 masked again; then right."""

    def step(cells: list[int], digits: list[int], probability: float, back: list[int] | None = None) -> StepRecord:
        n = len(cells)
        log_prob = torch.full((n,), probability, dtype=torch.float64).log()
        return StepRecord(
            row=torch.zeros(n, dtype=torch.int64),
            position=torch.tensor(cells, dtype=torch.int64),
            token=torch.tensor(digits, dtype=torch.int64) - 1,
            score=log_prob,
            log_prob=log_prob,
            entropy=torch.zeros(n, dtype=torch.float64),
            remasked=None if back is None else torch.tensor([[0, cell] for cell in back], dtype=torch.int64),
        )

    return Trace((step([0, 1], [4, 4], 0.5), step([5], [1], 1.0), step([], [], 1.0, [0]), step([0], [3], 1.0)), 1, 16)


class TestFilm:
    @pytest.mark.parametrize("decoder", [None, margin(4), path_planning(30)], ids=["margin", "four", "planner"])
    @pytest.mark.parametrize("side", [4, 6, 9])
    def test_every_fill_is_a_change_judged_by_the_board_before(self, side, decoder):
        shot, puzzle, solution = solved_by(side, decoder=decoder)
        frames, denoiser = shot.film.frames, CandidateDenoiser(SIZES[side], "peers")
        np.testing.assert_array_equal(frames[0].tokens + 1, puzzle)
        assert shot.fills[0] == ()
        assert len(shot.fills) == len(frames)
        for before, after, fills in zip(frames, frames[1:], shot.fills[1:], strict=False):
            visible = np.where(before.tokens < 0, side, before.tokens)
            answers = denoiser(torch.from_numpy(visible)[None])[0].exp()
            written = np.flatnonzero((after.tokens >= 0) & (after.tokens != before.tokens)).tolist()
            assert [fill.cell for fill in fills] == written
            for fill in fills:
                assert fill.digit == after.tokens[fill.cell] + 1
                assert fill.right == solution[fill.cell]
                assert fill.confidence == pytest.approx(float(answers[fill.cell, fill.digit - 1]), abs=1e-12)
                assert fill.reason == reason_for((before.tokens + 1).astype(np.uint8), solution, fill.cell)

    def test_exactly_the_wrong_digits_are_marked(self):
        shot, _, solution = solved_by(9)
        counts = []
        for frame in shot.film.frames:
            wrong = [p for p, t in enumerate(frame.tokens.tolist()) if t >= 0 and t + 1 != solution[p]]
            assert list(frame.wrong) == wrong
            assert (f", {len(wrong)} wrong" in frame.caption) == bool(wrong)
            assert render(frame, shot.film.layout, colour=False).count("!") == len(wrong)
            counts.append(len(wrong))
        assert counts[0] == 0
        assert counts[-1] > 0  # candidates alone do not solve this puzzle: the test sees both kinds
        assert sum(note.wrong for frame in shot.film.frames for note in frame.notes) == counts[-1]

    def test_notes_in_words(self):
        shot = sudoku_film("by hand", SMALL, SOLVED, hand_made())
        assert shot.film.notes_heading == "   cell           a person uses        model"
        assert [[note.text for note in frame.notes] for frame in shot.film.frames] == [
            [],
            ["1  r1c1 = 4! (3)  lone single          p = 0.50", "1  r1c2 = 4       lone single after 1  p = 0.50"],
            ["2  r2c2 = 1       after a mistake      p = 1.00"],
            ["   r1c1 masked again"],
            ["4  r1c1 = 3       lone single          p = 1.00"],
        ]
        assert [frame.wrong for frame in shot.film.frames] == [(), (0,), (0,), (), ()]

    def test_boxes_have_rules_and_cells_their_names(self):
        layout = sudoku_layout(SIZES[6])
        assert layout.rules_after == ((2, 4), (3,))
        assert layout.headings == layout.names == ("1", "2", "3", "4", "5", "6")
        shot, puzzle, _ = solved_by(6)
        lines = render(shot.film.frames[0], shot.film.layout, colour=False).split("\n")
        assert lines[0] == "  1 2 3   4 5 6"
        assert [line[0] for line in lines[1:-1] if line] == list("123456")
        cells = re.sub(r"[^1-6·]", "", "".join(line[2:] for line in lines[1:-1]))
        assert cells == "".join("·" if digit == 0 else str(digit) for digit in puzzle)

    def test_the_page_has_the_notes_beside_and_nothing_from_outside(self):
        page = film_page(solved_by(9)[0].film).decode()
        shown = re.findall(r'<li data-frame="(\d+)"( class=wrong)?>(.*?)</li>', page)
        frames = solved_by(9)[0].film.frames
        assert [(int(n), bool(bad), text) for n, bad, text in shown] == [
            (number, note.wrong, note.text) for number, frame in enumerate(frames) for note in frame.notes
        ]
        assert "http" not in page
