"""Remasking: the stated laws by enumeration of all trajectories; it ends; what was given stays; the trace replays."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int64
from scipy.stats import chisquare
from torch import Tensor, nn

from lo_theory.denoisers.network import MaskedDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.samplers.decoder import Decoder, full_rewrite, path_planning, remdm, vanilla
from lo_theory.samplers.decoding import Decoded, DecodingStalledError, decode
from lo_theory.samplers.remask import (
    RemaskRule,
    RemaskSchedule,
    capped,
    plateau,
    remask_doubted,
    remask_independently,
    rescaled,
)
from lo_theory.samplers.reveal import independent, one_per_step, scheduled
from lo_theory.samplers.rewrite import Planner, keep_scheduled, rewriting_planner
from lo_theory.samplers.scores import margin_score, random_score
from lo_theory.samplers.situation import Situation
from lo_theory.samplers.tokens import sample_token
from lo_theory.schedules import COSINE, LINEAR, polynomial

STEPS = 5
LOOP = {"schedule": plateau(0.7, 0.8, 0.2), "window": (0.2, 0.8)}
REVISING = {
    "cap": remdm(STEPS, capped(0.3)),
    "rescale": remdm(STEPS, rescaled(0.6), schedule=COSINE),
    "switch": remdm(STEPS, rescaled(0.9), window=(0.0, 0.6)),
    "loop": remdm(STEPS, capped(0.4), **LOOP),
    "conf": remdm(STEPS, rescaled(1.0), doubted=True),
    "P2": path_planning(STEPS, doubt=1.5),
    "rewrite": full_rewrite(STEPS),
    "noisy rewrite": full_rewrite(STEPS, noise=0.5),
}
every_decoder = pytest.mark.parametrize("decoder", REVISING.values(), ids=REVISING.keys())


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Table:
    """Random answers at every position, visible ones too, another set for every partly masked sequence."""

    def __init__(self, length: int, vocabulary: int, seed: int = 0) -> None:
        self.length, self.vocabulary = length, vocabulary
        draws = torch.randn((vocabulary + 2) ** length, length, vocabulary, generator=seeded(seed), dtype=torch.float64)
        self.answers = (1.5 * draws).log_softmax(dim=-1)
        self.radix = (vocabulary + 2) ** torch.arange(length)

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return self.answers[tokens @ self.radix]

    def probs(self, tokens: tuple[int, ...]) -> np.ndarray:
        return self(torch.tensor([tokens]))[0].exp().numpy()


def law_after(step, states, steps, length, mask):
    """Law of the final sequence; ``step(i, sequence)`` yields (probability, next sequence)."""
    law = dict.fromkeys(states, 0.0) | {(mask,) * length: 1.0}
    for i in range(steps):
        after = dict.fromkeys(states, 0.0)
        for sequence, mass in law.items():
            for share, following in step(i, sequence) if mass > 0 else ():
                after[following] += mass * share
        law = after
    return law


def chi_square(law: dict, rows: Tensor, vocabulary: int) -> float:
    outcomes = list(itertools.product(range(vocabulary), repeat=rows.shape[1]))
    found = dict.fromkeys(outcomes, 0)
    for row in map(tuple, rows.tolist()):
        found[row] += 1
    expected = np.array([law[outcome] for outcome in outcomes])
    assert abs(expected.sum() - 1) < 1e-12
    counts = np.array(list(found.values()))
    if counts[expected < 1e-12].any():
        return 0.0
    return float(chisquare(counts[expected >= 1e-12], len(rows) * expected[expected >= 1e-12]).pvalue)


def product_of(laws: list[dict[int, float]]):
    for values in itertools.product(*laws):
        yield math.prod(law[v] for law, v in zip(laws, values, strict=True)), values


# --- ReMDM -----------------------------------------------------------------------------------------------------------

schedules = st.sampled_from([LINEAR, COSINE, polynomial(2.0), plateau(0.9, 0.55, 0.05), plateau(0.5, 0.9, 0.6)])
strengths = st.builds(lambda make, eta: make(eta), st.sampled_from([capped, rescaled]), st.floats(0, 1))
windows = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: tuple(sorted(pair)))


@given(steps=st.integers(1, 40), schedule=schedules, strength=strengths, window=windows)
@settings(max_examples=50)
def test_the_share_of_masks_follows_the_schedule_exactly(steps, schedule, strength, window):
    """Theorem 3.1 of ReMDM: masked after the step with probability 1 - alpha_s, whatever sigma is."""
    timing, masked = RemaskSchedule(steps, schedule, strength, window), 1.0
    for step in range(steps):
        sigma, reveal = timing.sigma(step), timing.reveal_probability(step)
        assert 0 <= sigma <= 1
        assert 0 <= reveal <= 1
        masked = masked * (1 - reveal) + (1 - masked) * sigma
        assert abs(masked - timing.masked(step)[1]) < 1e-12
    assert masked == 0


def test_the_strengths_are_those_of_the_paper():
    timing = RemaskSchedule(10, LINEAR, capped(0.2))
    assert [timing.sigma(i) for i in (2, 8, 9)] == pytest.approx([0.2, 0.125, 0.0])  # t = 0.8, 0.2, 0.1
    timing = RemaskSchedule(10, LINEAR, rescaled(0.5))
    assert [timing.sigma(i) for i in (2, 8, 9)] == pytest.approx([0.5, 0.0625, 0.0])
    assert timing.reveal_probability(8) == pytest.approx((0.9 - (1 - 0.0625) * 0.8) / 0.2)
    halves = RemaskSchedule(4, LINEAR, rescaled(0.5), (0.5, 0.75))
    assert [halves.sigma(i) > 0 for i in range(4)] == [False, True, False, False], "open at its lower end"
    late = RemaskSchedule(10, LINEAR, rescaled(0.5), (0.0, 0.35))
    assert [late.sigma(i) > 0 for i in range(10)] == [False] * 7 + [True, True, False]


def masks_after_steps(decoded: Decoded) -> list[int]:
    left, counts = decoded.tokens.numel(), []
    for record in decoded.trace.steps:
        left += len(record.remasked) - len(record.row)
        counts.append(left)
    return counts


@pytest.mark.parametrize("name", ["cap", "rescale", "switch", "loop"])
def test_the_sampled_number_of_masks_is_binomial_around_the_schedule(name):
    """24,000 independent positions, five steps; false alarm 3e-6 for each decoder."""
    decoder, denoiser = REVISING[name], Table(6, 2)
    decoded = decode(denoiser, torch.full((4000, 6), 2), decoder, seeded(1))
    schedule = {"rescale": COSINE, "loop": LOOP["schedule"]}.get(name, LINEAR)
    for step, found in enumerate(masks_after_steps(decoded)):
        share = float(schedule.masked(torch.tensor(1 - (step + 1) / STEPS, dtype=torch.float64)))
        assert abs(found - 24000 * share) <= 5 * math.sqrt(24000 * share * (1 - share))
    assert int(decoded.trace.remasked().sum()) > 0


def test_remasking_without_the_correction_leaves_the_schedule():
    """Negative control: tokens return to mask, but masked ones are revealed as if none did."""
    timing = RemaskSchedule(STEPS, LINEAR, capped(0.3))
    decoder = Decoder(random_score, independent(STEPS), sample_token(), remask_independently(timing))
    counts = masks_after_steps(decode(Table(6, 2), torch.full((4000, 6), 2), decoder, seeded(1)))
    assert counts[2] > 24000 * 0.4 + 10 * math.sqrt(24000 * 0.24)


def remdm_step(denoiser: Table, timing: RemaskSchedule):
    def step(i, sequence):
        probs, mask = denoiser.probs(sequence), denoiser.vocabulary
        reveal, sigma = timing.reveal_probability(i), timing.sigma(i)
        laws = [
            {mask: 1 - reveal} | {v: reveal * p for v, p in enumerate(probs[at])}
            if token == mask
            else {mask: sigma, token: 1 - sigma}
            for at, token in enumerate(sequence)
        ]
        return product_of(laws)

    return step


@pytest.mark.parametrize(
    ("decoder", "timing"),
    [
        (remdm(4, rescaled(0.8)), RemaskSchedule(4, LINEAR, rescaled(0.8))),
        (remdm(4, capped(0.5), **LOOP), RemaskSchedule(4, strength=capped(0.5), **LOOP)),
    ],
    ids=["rescale", "loop"],
)
def test_remdm_has_the_law_of_all_its_trajectories(decoder, timing):
    """Chi-square over 8 sequences, 20,000 rows; false alarm 1e-5. Without remasking the law is another one."""
    denoiser = Table(3, 2)
    states = list(itertools.product(range(3), repeat=3))
    law = law_after(remdm_step(denoiser, timing), states, 4, 3, 2)
    blank = torch.full((20000, 3), 2)
    assert chi_square(law, decode(denoiser, blank, decoder, seeded(4)).tokens, 2) > 1e-5
    plain = vanilla(4, schedule=timing.schedule)
    assert chi_square(law, decode(denoiser, blank, plain, seeded(4)).tokens, 2) < 1e-8


def test_doubted_tokens_return_with_the_stated_probability():
    """sigma * softmax(-p) over generated tokens; 40,000 rows of one situation, false alarm 6e-7 per position."""
    timing = RemaskSchedule(10, LINEAR, rescaled(0.9))
    p = torch.tensor([1.0, 0.9, 0.2, 1.0, 0.5], dtype=torch.float64)
    tokens = torch.tensor([0, 1, 1, 2, 0]).expand(40000, 5)  # the last position is given, the fourth masked
    given_here = torch.tensor([False, False, False, False, True]).expand(40000, 5)
    now = Situation(
        step=6,
        tokens=tokens,
        given=given_here,
        hidden=tokens == 2,
        score=torch.zeros(40000, 5, dtype=torch.float64),
        log_probs=torch.zeros(40000, 5, 2, dtype=torch.float64),
        revealed_log_prob=p.log().expand(40000, 5),
    )
    found = remask_doubted(timing).choose(now, seeded()).double().mean(dim=0)
    expected = torch.zeros(5, dtype=torch.float64)
    expected[:3] = timing.sigma(6) * (-p[:3]).softmax(dim=0)
    assert ((found - expected).abs() <= 5 * (expected * (1 - expected) / 40000).sqrt()).all()
    assert expected[2] > expected[1] > expected[0] > 0


def test_doubted_remasking_runs_above_the_schedule_by_the_stated_amount():
    """Expected masks: (1 - alpha_s) / (1 - alpha_t) of those before, plus sigma where a token was generated."""
    timing = RemaskSchedule(STEPS, LINEAR, rescaled(1.0))
    denoiser, blank = Table(6, 2), torch.full((4000, 6), 2)
    decoded = decode(denoiser, blank, remdm(STEPS, rescaled(1.0), doubted=True), seeded(2))
    masked = torch.ones(4000, 6, dtype=torch.bool)
    for step, record in enumerate(decoded.trace.steps):
        before, after = timing.masked(step)
        expected = masked.sum() * (after / before) + timing.sigma(step) * (~masked).any(dim=1).sum()
        masked[record.row, record.position] = False
        masked[record.remasked[:, 0], record.remasked[:, 1]] = True
        assert abs(float(masked.sum() - expected)) <= 5 * math.sqrt(4000 * 6 * 0.5)  # false alarm below 6e-7
    assert not masked.any()


def test_a_remask_rule_sees_how_likely_each_token_was_when_revealed():
    """Not what the denoiser says now: the confidence belongs to the token's own step. A remasked one has none left."""
    seen = []

    def watch(now, generator):
        seen.append(now)
        return (torch.arange(4) == now.step).expand(now.tokens.shape)

    decoder = Decoder(margin_score, scheduled(6), sample_token(), RemaskRule(watch))
    trace = decode(Table(4, 2), torch.full((3, 4), 2), decoder, seeded(7)).trace
    expected = torch.zeros(3, 4, dtype=torch.float64)
    for now, record in zip(seen, trace.steps, strict=True):
        assert torch.equal(now.revealed_log_prob, expected)
        expected[record.row, record.position] = record.log_prob
        expected[record.remasked[:, 0], record.remasked[:, 1]] = 0
    assert int(trace.remasked().sum()) > 0


# --- P2 and the full rewrite -----------------------------------------------------------------------------------------


def best(scores: list[float], count: int) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:count])


def planning_step(denoiser: Table, steps: int, doubt: float):
    def step(i, sequence):
        probs, mask, n = denoiser.probs(sequence), denoiser.vocabulary, len(sequence)
        options = [dict(enumerate(probs[at])) if x == mask else {x: 1.0} for at, x in enumerate(sequence)]
        for share, draft in product_of(options):
            scores = [math.log(probs[at][draft[at]]) * (1 if sequence[at] == mask else doubt) for at in range(n)]
            kept = best(scores, n - n * (steps - 1 - i) // steps)
            yield share, tuple(draft[at] if at in kept else mask for at in range(n))

    return step


@pytest.mark.parametrize(("steps", "doubt"), [(3, 1.0), (5, 1.0), (5, 2.5), (4, 0.0)])
def test_path_planning_has_the_law_of_all_its_trajectories(steps, doubt):
    """Chi-square over 8 sequences, 20,000 rows; false alarm 1e-5."""
    denoiser = Table(3, 2, seed=3)
    law = law_after(planning_step(denoiser, steps, doubt), list(itertools.product(range(3), repeat=3)), steps, 3, 2)
    decoded = decode(denoiser, torch.full((20000, 3), 2), path_planning(steps, doubt=doubt), seeded(6))
    assert chi_square(law, decoded.tokens, 2) > 1e-5
    assert (int(decoded.trace.remasked().sum()) > 0) == (doubt > 0)


def test_a_planner_that_never_remasks_has_another_law():
    """The public mistake: generated tokens with infinite confidence (Open-dLLM issue 7), as with ``doubt=0``."""
    denoiser = Table(3, 2, seed=3)
    law = law_after(planning_step(denoiser, 5, 1.0), list(itertools.product(range(3), repeat=3)), 5, 3, 2)
    decoded = decode(denoiser, torch.full((20000, 3), 2), path_planning(5, doubt=0.0), seeded(6))
    assert chi_square(law, decoded.tokens, 2) < 1e-8


class Regret:
    """Sure of a 1 at the first position while it is masked, and of a 0 once it is there."""

    length, vocabulary = 3, 2

    def __call__(self, tokens: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        one = torch.tensor([0.99, 0.6, 0.7], dtype=torch.float64).expand(len(tokens), -1).clone()
        one[tokens[:, 0] != 2, 0] = 0.01
        return torch.stack([1 - one, one], dim=2).log()


@pytest.mark.parametrize("decoder", [path_planning(3), full_rewrite(3)], ids=["P2", "rewrite"])
def test_a_regretted_token_is_taken_back(decoder):
    decoded = decode(Regret(), torch.full((200, 3), 2), decoder, seeded())
    first = decoded.trace.steps[0].position.tolist()
    assert first.count(0) > 150, "the first position is revealed first"
    if decoder.planner is not None and decoder.planner.rewrites:
        assert (decoded.trace.revealed_at()[:, 0] > 0).all(), "it is overwritten where it stands"
    else:
        assert decoded.trace.remasked()[:, 0].sum() > 150, "it is masked again"


def reference_rewrite(denoiser: Table, sequence: list[int], steps: int) -> tuple[list[int], list[int]]:
    """Ye et al.'s loop in plain Python: argmax everywhere, the lowest floor(n t / T) answers masked."""
    mask = denoiser.vocabulary
    answers = [at for at, token in enumerate(sequence) if token == mask]
    masks = []
    for t in range(steps - 1, -1, -1):
        probs = denoiser.probs(tuple(sequence))
        kept = best([math.log(probs[at].max()) for at in answers], len(answers) - len(answers) * t // steps)
        for rank, at in enumerate(answers):
            sequence[at] = int(probs[at].argmax()) if rank in kept else mask
        masks.append(sequence.count(mask))
    return sequence, masks


@given(
    rows=st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=5), steps=st.integers(1, 9)
)
@settings(max_examples=40)
def test_the_rewrite_is_that_of_the_reference_code(rows, steps):
    denoiser, tokens = Table(5, 2, seed=8), torch.tensor(rows)  # 2 is the mask, 3 a pad
    decoded = decode(denoiser, tokens, full_rewrite(steps), seeded())
    for row, found in zip(rows, decoded.tokens.tolist(), strict=True):
        expected, masks = reference_rewrite(denoiser, list(row), steps)
        assert found == expected
        assert masks == [row.count(2) * t // steps for t in range(steps - 1, -1, -1)]


def test_the_rewrite_revises_tokens_without_masking_them():
    decoded = decode(Table(5, 2, seed=8), torch.full((1, 5), 2), full_rewrite(8), seeded())
    reveals = sum(len(record.row) for record in decoded.trace.steps)
    assert reveals > 5 + int(decoded.trace.remasked().sum())


def test_the_noise_of_the_rewrite_dies_out():
    """Standard deviation of 0.5 * t/T Gumbel, t = T - 1 at the first step; 20,000 draws each, within five errors."""
    planner, answers = rewriting_planner(4, 0.5), torch.full((20000, 1, 1), -1.0, dtype=torch.float64)
    for step, share in enumerate((0.75, 0.5, 0.25, 0.0)):
        blank = torch.zeros(20000, 1, dtype=torch.int64)
        now = Situation(
            step=step,
            tokens=blank + 1,
            given=blank > 0,
            hidden=blank == 0,
            score=answers[..., 0],
            log_probs=answers,
            draft=blank,
        )
        noise = planner.plan(now, seeded(step)) + 1.0
        expected = 0.5 * share * math.pi / math.sqrt(6)
        assert abs(float(noise.std()) - expected) <= 5 * expected * math.sqrt(4.4 / 4 / 20000)  # kurtosis of Gumbel 5.4
        assert abs(float(noise.mean()) - 0.5 * share * np.euler_gamma) <= 5 * expected / math.sqrt(20000)


# --- All of them -----------------------------------------------------------------------------------------------------


@given(data=st.data(), decoder=st.sampled_from(list(REVISING.values())))
@settings(max_examples=50)
def test_given_tokens_never_change_it_ends_and_the_trace_replays(data, decoder):
    cell = st.sampled_from([0, 1, 2, 2, 2, 3])  # 2 is the mask, 3 a pad
    rows = data.draw(st.lists(st.lists(cell, min_size=5, max_size=5), min_size=1, max_size=4))
    tokens = torch.tensor(rows)
    decoded = decode(Table(5, 2, seed=1), tokens, decoder, seeded(data.draw(st.integers(0, 99))))
    kept = tokens != 2
    assert torch.equal(decoded.tokens[kept], tokens[kept])
    assert (decoded.tokens[~kept] < 2).all()
    trace = decoded.trace
    assert trace.calls == (STEPS if (~kept).any() else 0)
    assert trace.row_calls == STEPS * int((~kept).any(dim=1).sum())
    replayed, at, nats = tokens.clone(), torch.full_like(tokens, -1), torch.zeros(tokens.shape, dtype=torch.float64)
    for step, record in enumerate(trace.steps):
        assert (~kept)[record.row, record.position].all()
        assert (replayed[record.row, record.position] != record.token).all(), "a token that is kept is not revealed"
        replayed[record.row, record.position] = record.token
        at[record.row, record.position] = step
        nats[record.row, record.position] = record.log_prob
        row, position = record.remasked.unbind(dim=1)
        assert (replayed[row, position] < 2).all(), "only generated tokens return to mask"
        assert not kept[row, position].any()
        replayed[row, position] = 2
    assert torch.equal(replayed, decoded.tokens)
    assert torch.equal(trace.revealed_at(), at)
    torch.testing.assert_close(trace.log_prob(), nats.sum(dim=1))


def unequal(seed: int, share: float) -> Tensor:
    tokens = torch.randint(2, (8, 5), generator=seeded(seed))
    return tokens.masked_fill(torch.rand(8, 5, generator=seeded(seed + 1)) < share, 2)


@every_decoder
def test_a_row_does_not_depend_on_what_the_others_contain(decoder):
    first, second = unequal(1, 0.7), unequal(3, 0.3)
    first[4] = second[4] = 2
    second[5] = 0
    one, two = (decode(Table(5, 2), batch, decoder, seeded(5)) for batch in (first, second))
    assert torch.equal(one.tokens[4], two.tokens[4])
    assert torch.equal(one.trace.revealed_at()[4], two.trace.revealed_at()[4])
    assert torch.equal(one.trace.remasked()[4], two.trace.remasked()[4])


@every_decoder
def test_finished_rows_leave_and_nothing_else_changes(decoder):
    tokens = unequal(1, 0.6)
    tokens[2] = 1
    left, kept = (decode(Table(5, 2), tokens, decoder, seeded(5), keep_finished=keep) for keep in (False, True))
    assert torch.equal(left.tokens, kept.tokens)
    assert torch.equal(left.trace.revealed_at(), kept.trace.revealed_at())
    assert torch.equal(left.trace.log_prob(), kept.trace.log_prob())
    assert left.trace.row_calls < kept.trace.row_calls == 8 * STEPS


def test_a_decoder_that_revises_names_its_number_of_steps():
    planner = Planner(lambda now, generator: now.log_probs[..., 0], rewrites=False)
    for arguments in (
        (planner, one_per_step(), sample_token()),
        (random_score, one_per_step(), sample_token(), RemaskRule(lambda now, generator: now.generated)),
    ):
        with pytest.raises(ValueError, match="must end after a number of steps"):
            Decoder(*arguments)


def test_a_rule_that_remasks_at_the_last_step_is_stopped():
    everything = RemaskRule(lambda now, generator: torch.ones_like(now.hidden))
    decoder = Decoder(random_score, scheduled(3), sample_token(), everything)
    with pytest.raises(DecodingStalledError, match=r"after 3 steps.*leave the last step alone"):
        decode(Table(4, 2), torch.full((2, 4), 2), decoder, seeded())


def test_a_rule_that_remasks_given_tokens_cannot():
    everything = RemaskRule(lambda now, generator: torch.full_like(now.hidden, now.step < 2))
    decoder = Decoder(random_score, scheduled(3), sample_token(), everything)
    tokens = torch.tensor([[0, 2, 3, 2]])
    assert decode(Table(4, 2), tokens, decoder, seeded()).tokens[0, [0, 2]].tolist() == [0, 3]


def test_a_planner_needs_answers_at_visible_positions():
    network = Transformer(NetworkConfig(length=5, vocabulary=2, layers=1, width=8, heads=2), seeded())
    nn.init.normal_(network.head, generator=seeded(1))
    tokens = torch.full((3, 5), 2)
    for decoder in (path_planning(4), full_rewrite(4)):
        with pytest.raises(ValueError, match="everywhere=True"):
            decode(MaskedDenoiser(network), tokens, decoder, seeded())
        assert (decode(MaskedDenoiser(network, everywhere=True), tokens, decoder, seeded()).tokens < 2).all()


@pytest.mark.parametrize("past", [0, 1, 5])
def test_past_its_last_step_everything_is_revealed_and_nothing_returns(past):
    timing = RemaskSchedule(3, LINEAR, capped(0.5))
    assert timing.reveal_probability(2 + past) == 1.0
    assert timing.sigma(2 + past) == 0.0
    assert timing.masked(2 + past) == timing.masked(2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: capped(1.5), "eta"),
        (lambda: rescaled(-0.1), "eta"),
        (lambda: plateau(1.0, 0.5, 0.1), "plateau"),
        (lambda: plateau(0.9, 0.1, 0.5), "plateau"),
        (lambda: remdm(0), "at least one step"),
        (lambda: remdm(3, window=(0.7, 0.2)), "window"),
        (lambda: path_planning(3, doubt=-1.0), "doubt"),
        (lambda: path_planning(3, doubt=math.nan), "doubt"),
        (lambda: full_rewrite(3, noise=-1.0), "noise"),
        (lambda: keep_scheduled(0), "at least one step"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
