"""What is written: its path's likelihood against laws that are computed, its repetitions, and who judges it."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from analysis.measures.text_judges import causal_nats, transformers_judge, truth_judge
from analysis.measures.text_quality import distinct_share, repeated_share, token_entropy
from analysis.measures.written_text import TemperedDenoiser, path_excess, write
from generators.text.random_chains import random_markov
from generators.text.units import LETTERS
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.known_samplers import known, known_vanilla
from lo_theory.laws.sampler_law import all_sequences, law_error, sampler_law
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.decoder import margin, remdm, vanilla
from lo_theory.samplers.named_decoders import entropy_bound, scheduled_score

CHAIN = random_markov(3, 5, structure_seed=0)
TRUTH = PosteriorDenoiser(exact_posterior(CHAIN))
WRONG = TabulatedDenoiser(NoisedDenoiser(TRUTH, uniform_hardness, noise=1.0))
EVERY = all_sequences(5, 3)


@pytest.mark.parametrize("decoder", [margin(), scheduled_score(3), entropy_bound(1.0)], ids=["one", "steps", "bound"])
def test_where_positions_follow_from_tokens_a_path_is_the_sequence(decoder):
    """Row by row the exact law, and in the mean its divergence (a false alarm in 10^4)."""
    law = sampler_law(WRONG, known(decoder)).probability
    written = write(WRONG, decoder, 4000, 0, batch_size=1500)
    number = written.tokens @ (3 ** np.arange(5)[::-1])
    assert np.allclose(-written.path_nats, np.log(law[number]), atol=1e-9)
    excess = path_excess(written, -CHAIN.log_prob(written.tokens))
    exact = law_error(np.exp(CHAIN.log_prob(EVERY)), law).kl_from_sampler
    assert abs(excess.mean() - exact) < 4 * excess.std() / np.sqrt(len(excess))


def test_where_positions_are_drawn_the_path_is_a_bound():
    law = sampler_law(WRONG, known_vanilla()).probability
    written = write(WRONG, vanilla(), 4000, 0)
    excess = path_excess(written, -CHAIN.log_prob(written.tokens))
    exact = law_error(np.exp(CHAIN.log_prob(EVERY)), law).kl_from_sampler
    assert excess.mean() > exact + 4 * excess.std() / np.sqrt(len(excess))


@pytest.mark.parametrize("decoder", [vanilla(), margin()], ids=["vanilla", "margin"])
def test_the_exact_posterior_is_at_zero_row_by_row(decoder):
    written = write(TRUTH, decoder, 50, 1)
    assert np.abs(path_excess(written, -CHAIN.log_prob(written.tokens))).max() < 1e-12
    assert written.calls == 5


def test_a_temperature_is_in_the_answers_that_tokens_are_drawn_by():
    masks = torch.full((1, 5), 3)
    plain, cold = TRUTH(masks), TemperedDenoiser(TRUTH, 0.5)(masks)
    assert torch.allclose(cold, (2 * plain).log_softmax(dim=-1))
    sure, usual = (
        write(denoiser, vanilla(), 400, 0).path_nats.mean() for denoiser in (TemperedDenoiser(TRUTH, 0.5), TRUTH)
    )
    assert sure < usual - 0.2


def test_refusals_of_writing():
    with pytest.raises(ValueError, match="no likelihood of its path"):
        write(TRUTH, remdm(5), 4, 0)
    with pytest.raises(ValueError, match="at least one sequence; got 0"):
        write(TRUTH, vanilla(), 0, 0)
    with pytest.raises(ValueError, match=r"4 sequences were written; got likelihoods of shape \(3,\)"):
        path_excess(write(TRUTH, vanilla(), 4, 0), np.zeros(3))


class TestQuality:
    def test_by_hand(self):
        tokens = np.array([[0, 1, 0, 1, 0, 1], [0, 1, 2, 3, 4, 5], [7, 7, 7, 7, 7, 7]])
        assert np.allclose(token_entropy(tokens), [np.log(2), np.log(6), 0.0])
        assert np.allclose(distinct_share(tokens, 2), [2 / 5, 1.0, 1 / 5])
        assert np.allclose(repeated_share(tokens, 3), [1 / 2, 0.0, 3 / 4])

    def test_it_is_counted_sample_by_sample(self):
        twice = np.tile(np.arange(10), (3, 1))
        assert (distinct_share(twice, 4) == 1).all()

    def test_a_block_longer_than_a_sample(self):
        with pytest.raises(ValueError, match="1 to 6 tokens, those of a sample; got 7"):
            distinct_share(np.zeros((2, 6), dtype=int), 7)


class Spelling:
    """A tokenizer of single letters, with or without a piece to begin."""

    def __init__(self, bos_token_id):
        self.bos_token_id = bos_token_id

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        return [int(LETTERS.encode(letter)[0]) for letter in text]


class TestJudges:
    def test_the_truth(self):
        assert np.allclose(truth_judge(CHAIN)(EVERY), -CHAIN.log_prob(EVERY))

    @pytest.mark.parametrize("bos", [None, 27])
    def test_a_causal_model_as_the_library_itself_scores_it(self, bos):
        transformers = pytest.importorskip("transformers")
        torch.manual_seed(0)
        config = transformers.GPT2Config(vocab_size=28, n_positions=16, n_embd=8, n_layer=1, n_head=2)
        model = transformers.GPT2LMHeadModel(config).eval()
        ids = torch.tensor([([27] if bos else []) + LETTERS.encode("some text").tolist()])
        expected = model(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        assert causal_nats(model, Spelling(bos), "some text") == pytest.approx(expected, rel=1e-5)

    def test_a_text_of_one_piece(self):
        with pytest.raises(ValueError, match="a text of 1 pieces leaves nothing to predict; got 'a'"):
            causal_nats(None, Spelling(None), "a")

    def test_a_model_reads_what_the_tokens_spell(self, monkeypatch):
        model = SimpleNamespace(
            to=lambda device: model, eval=lambda: lambda ids: SimpleNamespace(logits=torch.zeros(*ids.shape, 28))
        )
        library = ModuleType("transformers")
        vars(library).update(
            AutoTokenizer=SimpleNamespace(from_pretrained=lambda name: Spelling(27)),
            AutoModelForCausalLM=SimpleNamespace(from_pretrained=lambda name: model),
        )
        monkeypatch.setitem(sys.modules, "transformers", library)
        rows = np.stack([LETTERS.encode("some text")] * 2)
        assert np.allclose(transformers_judge("any", LETTERS)(rows), 9 * np.log(28))
