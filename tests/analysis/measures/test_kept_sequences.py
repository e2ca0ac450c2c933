"""Pieces of sequences: drawn once, the same whether a run was stopped or not, and never those of another denoiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.measures.kept_sequences import PIECE, SequenceStore
from generators import nae_sat
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.exact import exact_posterior, forgiving_posterior
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA, SamplingRule, sequence_rules

SAT = nae_sat(4, 6, structure_seed=0)
RULES = {rule.name: rule for rule in sequence_rules(SAT.length, SAT.length)}


class Counting:
    """The exact posterior, its calls counted; it may stop on its way."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        self.inner: Denoiser = PosteriorDenoiser(exact_posterior(SAT))
        self.length, self.vocabulary = self.inner.length, self.inner.vocabulary
        self.calls, self.stop_at = 0, stop_at

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > self.stop_at:
            raise KeyboardInterrupt
        return self.inner(tokens)


def store(folder, origin="a", seed=3) -> SequenceStore:
    return SequenceStore(folder, origin, seed)


def test_a_stopped_run_draws_the_same_and_loses_one_piece_at_most(tmp_path):
    rule, samples = RULES[MARGIN], 2 * PIECE + 5
    whole = store(tmp_path / "whole").draw(Counting(), rule, samples)
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path / "stopped").draw(Counting(stop_at=2.5 * SAT.length), rule, samples)
    rest = Counting()
    again = store(tmp_path / "stopped").draw(rest, rule, samples)
    assert rest.calls == SAT.length  # two of three pieces were there
    assert np.array_equal(again.tokens, whole.tokens)
    assert whole.tokens.shape == (samples, SAT.length)
    assert observation_agreement(SAT, whole.tokens).all()
    assert whole.calls == again.calls == SAT.length


def test_finished_pieces_ask_nobody_and_more_samples_go_on_from_fewer(tmp_path):
    few = store(tmp_path).draw(Counting(), RULES[VANILLA], PIECE)
    more = store(tmp_path).draw(Counting(), RULES[VANILLA], 2 * PIECE)
    silent = Counting(stop_at=0)
    assert np.array_equal(store(tmp_path).draw(silent, RULES[VANILLA], 2 * PIECE).tokens, more.tokens)
    assert np.array_equal(more.tokens[:PIECE], few.tokens)
    assert not np.array_equal(more.tokens[PIECE:], few.tokens)


@pytest.mark.parametrize("other", [{"origin": "b"}, {"seed": 4}])
def test_pieces_of_another_denoiser_or_seed_are_not_taken(tmp_path, other):
    store(tmp_path).draw(Counting(), RULES[VANILLA], PIECE)
    asked = Counting()
    store(tmp_path, **other).draw(asked, RULES[VANILLA], PIECE)
    assert asked.calls == SAT.length


@pytest.mark.parametrize("harm", ["cut", "edited", "of another length", "no object"])
def test_a_damaged_piece_is_drawn_again(tmp_path, harm):
    first = store(tmp_path).draw(Counting(), RULES[VANILLA], PIECE)
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    changed = {
        "cut": text[:-30], "edited": text.replace('"calls": 10', '"calls": 11'),
        "of another length": text.replace('"number": 0', '"number": 1'), "no object": "[1, 2]",
    }[harm]  # fmt: skip
    assert changed != text
    path.write_text(changed)
    asked = Counting()
    assert np.array_equal(store(tmp_path).draw(asked, RULES[VANILLA], PIECE).tokens, first.tokens)
    assert asked.calls == SAT.length
    assert path.read_text() == text


def test_rules_and_their_dials_do_not_meet(tmp_path):
    fewer = next(rule for rule in sequence_rules(SAT.length, 5) if rule.name == VANILLA)
    forgiving = PosteriorDenoiser(forgiving_posterior(SAT))  # tokens drawn together may contradict each other
    for rule in (RULES[VANILLA], fewer, RULES[MARGIN]):
        store(tmp_path).draw(forgiving, rule, PIECE)
    assert len(list(tmp_path.iterdir())) == 3


def test_with_one_seed_bits_are_drawn_alike_by_margin_and_top_probability(tmp_path):
    margin, top = (store(tmp_path).draw(Counting(), RULES[name], PIECE).tokens for name in (MARGIN, TOP))
    assert np.array_equal(margin, top)
    assert not np.array_equal(margin, store(tmp_path).draw(Counting(), RULES[VANILLA], PIECE).tokens)


def test_nothing_to_draw_is_refused(tmp_path):
    rule: SamplingRule = RULES[VANILLA]
    with pytest.raises(ValueError, match=r"at least one sequence.*samples = 0"):
        store(tmp_path).draw(Counting(), rule, 0)
