"""What counts as tokens: integers of any width, in range, of the right shape; nothing is rounded, zero rows answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.families import logic_rules, nae_sat
from generators.sudoku.grid import Size
from lo_theory.agreement import observation_agreement
from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.denoisers.noised import NoisedDenoiser, inversion_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.laws.decoder_likelihood import decoder_nll
from lo_theory.laws.information_curve import curve_of_law, sampled_curve
from lo_theory.laws.known_samplers import known
from lo_theory.laws.sampler_law import sampler_law
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.likelihood import chain_nelbo, chain_nll, chain_nll_by_order, exact_nelbo, monte_carlo_nelbo
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.posteriors.contradiction import ForgivingPosterior
from lo_theory.posteriors.elimination.posterior import EliminatedPosterior
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.posteriors.exact import forgiving_posterior
from lo_theory.posteriors.parities import ParityPosterior
from lo_theory.puzzles.candidates import CandidateDenoiser
from lo_theory.puzzles.completions import CompletionsDenoiser
from lo_theory.samplers.batches import decode_batches
from lo_theory.samplers.decoder import in_order, margin
from lo_theory.samplers.decoding import DecodingStalledError, decode
from lo_theory.samplers.named_decoders import left_to_right

CASE = nae_sat(3, 3, structure_seed=0)
L, V = CASE.length, CASE.vocabulary
PARITIES = logic_rules(["x0 != x1", "x1 != x2", "x0"], n_latents=3)
ORDER = np.arange(L)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def network(causal: bool) -> Transformer:
    config = NetworkConfig(length=L, vocabulary=V, layers=1, width=8, heads=1, causal=causal)
    return Transformer(config, seeded()).requires_grad_(False)


EXACT = EnumeratedPosterior(CASE)
POSTERIORS = {
    "enumerated": EXACT,
    "eliminated": EliminatedPosterior(CASE),
    "parities": ParityPosterior(PARITIES),
    "forgiving": ForgivingPosterior(EXACT),
    "beliefs": BeliefPropagationPosterior(CASE),
}
ORACLE = PosteriorDenoiser(forgiving_posterior(CASE))
DENOISERS = {
    "oracle": ORACLE,
    "tabulated": TabulatedDenoiser(ORACLE),
    "noised": NoisedDenoiser(ORACLE, inversion_hardness(CASE), noise=0.5, doubt=0.1),
    "network": MaskedDenoiser(network(causal=False)),
    "reasoner": CandidateDenoiser(Size(2, 2)),
    "completions": CompletionsDenoiser(Size(2, 2), limit=300),
}
CAUSAL = CausalDenoiser(network(causal=True), ORDER, remembers=True)

ON_ARRAYS: dict[str, tuple[Callable[[Any], Any], int, int]] = {
    f"{name}.{method}": (getattr(posterior, method), L, V)
    for name, posterior in POSTERIORS.items()
    for method in ("log_marginals", "log_evidence", "kept", "possible", "bethe_log_evidence")
    if hasattr(posterior, method)
}
ON_ARRAYS |= {
    "eliminated.sample": (lambda x: POSTERIORS["eliminated"].sample(x, np.random.default_rng(0)), L, V),
    "parities.sample": (lambda x: POSTERIORS["parities"].sample(x, np.random.default_rng(0)), L, V),
    "reasoner": (DENOISERS["reasoner"].log_marginals, 16, 4),
    "log_prob": (CASE.log_prob, L, V - 1),
    "observe": (CASE.observe, CASE.n_latents, V - 1),
    "agreement": (lambda x: observation_agreement(CASE, x), L, V - 1),
}
ON_TENSORS: dict[str, tuple[Callable[[Any], Any], int, int]] = {
    **{name: (denoiser, denoiser.length, denoiser.vocabulary) for name, denoiser in DENOISERS.items()},
    "causal": (CAUSAL, L, V),
    "decode": (lambda x: decode(ORACLE, x, margin(), seeded()).tokens, L, V),
    "decode causal": (lambda x: decode(CAUSAL, x, left_to_right(), seeded()).tokens, L, V),
    "decode batches": (lambda x: decode_batches(ORACLE, [x], in_order(ORDER), seeded()).tokens, L, V),
    "table": (DENOISERS["tabulated"].number, L, V),
    "chain": (CAUSAL.chain_log_probs, L, V - 1),
    "exact nelbo": (lambda x: exact_nelbo(ORACLE, x).nats, L, V - 1),
    "chain nll": (lambda x: chain_nll(ORACLE, x, ORDER), L, V - 1),
    "chain nll of a chain": (lambda x: chain_nll(CAUSAL, x, ORDER), L, V - 1),
    "by order": (lambda x: chain_nll_by_order(ORACLE, x, np.stack([ORDER, ORDER[::-1]])), L, V - 1),
    "chain nelbo": (lambda x: chain_nelbo(ORACLE, x, ORDER[None]).nats, L, V - 1),
    "decoder nll": (lambda x: decoder_nll(ORACLE, x, margin()).nats, L, V - 1),
    "monte carlo": (lambda x: monte_carlo_nelbo(ORACLE, x, 2, seeded()).nats, L, V - 1),
}
WIDTHS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
NOT_WHOLE = [bool, np.float16, np.float32, np.float64]
TORCH_ALONE = [torch.bfloat16, torch.complex64]


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """What people run: without the checks of annotations that the tests put around every function."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def rows(name: str, length: int, highest: int) -> np.ndarray:
    """A row without masks and one of masks alone, or of the largest token; possible in the function's distribution."""
    whole = (PARITIES if name.startswith("parities") else CASE).rows(0, 0, 1)[0]
    return np.stack([whole[:length] if length <= L else np.full(length, highest), np.full(length, highest)]).astype(int)


def plain(answer: Any) -> np.ndarray:
    return answer.numpy() if isinstance(answer, torch.Tensor) else np.asarray(answer)


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_arrays_of_any_width_answer_alike_and_no_others(name):
    function, length, highest = ON_ARRAYS[name]
    tokens = rows(name, length, highest)
    expected = plain(function(tokens))
    for width in WIDTHS:
        np.testing.assert_array_equal(plain(function(tokens.astype(width))), expected)
    for kind in NOT_WHOLE:
        for empty_or_not in (tokens, tokens[:0]):
            with pytest.raises(TypeError, match=f"are integers, of any width; got {np.dtype(kind)}"):
                function(empty_or_not.astype(kind))
    with pytest.raises(ValueError, match="must form an array"):
        function([[0], [0, 1]])


@pytest.mark.parametrize("name", ON_TENSORS)
def test_tensors_of_any_width_answer_alike_and_no_others(name):
    function, length, highest = ON_TENSORS[name]
    tokens = torch.from_numpy(rows(name, length, highest))
    expected = plain(function(tokens))
    for width in WIDTHS:
        np.testing.assert_array_equal(plain(function(torch.from_numpy(tokens.numpy().astype(width)))), expected)
    for kind in [*(torch.from_numpy(np.zeros(1, kind)).dtype for kind in NOT_WHOLE), *TORCH_ALONE]:
        with pytest.raises(TypeError, match=f"are integers, of any width; got {kind}"):
            function(tokens.to(kind))
    with pytest.raises(TypeError, match="are a torch tensor; got ndarray"):
        function(tokens.numpy())


@pytest.mark.parametrize(("on", "name"), [("array", n) for n in ON_ARRAYS] + [("tensor", n) for n in ON_TENSORS])
def test_zero_rows_have_an_answer_of_the_same_shape(on, name):
    function, length, highest = (ON_ARRAYS if on == "array" else ON_TENSORS)[name]
    tokens = rows(name, length, highest)
    some, none = (plain(function(x if on == "array" else torch.from_numpy(x))) for x in (tokens, tokens[:0]))
    assert none.shape == (0, *some.shape[1:])
    assert none.dtype == some.dtype


def test_rows_without_masks_come_back_as_they_are():
    for posterior in POSTERIORS.values():
        clean = posterior.distribution.rows(0, 0, 3)
        answers = posterior.log_marginals(clean)
        assert (answers.argmax(axis=-1) == clean).all()
        assert (answers.max(axis=-1) == 0).all()
    tokens = torch.from_numpy(CASE.rows(0, 0, 3))
    decoded = decode(ORACLE, tokens, margin(), seeded())
    assert torch.equal(decoded.tokens, tokens.long())
    assert decoded.trace.calls == 0
    assert decode_batches(ORACLE, [tokens[:0]], margin(), seeded()).calls == 0


def test_a_fraction_of_a_token_is_not_the_token_below_it():
    with pytest.raises(TypeError, match=r"float64. Use .astype\(int\) if they are whole"):
        EXACT.log_marginals(np.array([[0.7, 2, 2, 2, 2, 2]]))
    with pytest.raises(TypeError, match=r"float32. Use .long\(\) if they are whole"):
        decode(ORACLE, torch.tensor([[0.7, 2, 2, 2, 2, 2]]), margin(), seeded())


def test_a_table_has_no_number_for_a_pad():
    with pytest.raises(ValueError, match="no pads; got 3"):
        DENOISERS["tabulated"](torch.full((1, L), V + 1))


def test_a_law_may_be_asked_from_any_start_and_no_other():
    table = DENOISERS["tabulated"]
    start = torch.full((L,), V, dtype=torch.uint8)
    assert sampler_law(table, known(margin()), start).probability.sum() == pytest.approx(1)
    none: Any = 5
    for wrong, error in (
        (start[1:], ValueError),
        (start.double(), TypeError),
        (start + 1, ValueError),
        (none, TypeError),
    ):
        with pytest.raises(error, match=r"tokens|no pads"):
            sampler_law(table, known(margin()), wrong)


def test_any_integers_are_numbered_before_a_curve_is_made_of_them():
    rows, probability = CASE.rows(0, 0, 6).astype(np.int64), np.full(6, 1 / 6)
    expected = curve_of_law(rows, probability).nats
    for shifted in (rows - 5, rows * 2**62, np.where(rows == 0, -(2**63), 2**63 - 1)):
        np.testing.assert_array_equal(curve_of_law(shifted, probability).nats, expected)
    many = np.arange(6 * 1100).reshape(1100, 6)  # too many values to number all tuples of them
    assert curve_of_law(many, np.full(1100, 1 / 1100)).nats.tolist() == pytest.approx([np.log(1100), 0, 0, 0, 0, 0])
    for wrong, error in ((rows + 0.5, TypeError), (rows[0], ValueError), (rows[:5], ValueError)):
        with pytest.raises(error):
            curve_of_law(wrong, probability)
    with pytest.raises(ValueError, match=r"\(n, 6\)"):
        sampled_curve(EXACT, rows[:, :3], np.random.default_rng(0))


def test_sizes_and_orders_that_are_none_are_refused():
    tokens = torch.from_numpy(CASE.rows(0, 0, 2))
    for measure in (
        lambda: exact_nelbo(ORACLE, tokens, batch_size=0),
        lambda: chain_nll(ORACLE, tokens, ORDER, batch_size=-1),
        lambda: monte_carlo_nelbo(ORACLE, tokens, 2, seeded(), batch_size=0),
    ):
        with pytest.raises(ValueError, match="batch_size = "):
            measure()
    with pytest.raises(ValueError, match="at least one order"):
        chain_nll_by_order(ORACLE, tokens, np.empty((0, L), dtype=np.int64))
    with pytest.raises(ValueError, match=r"\(L,\) or \(n, L\)"):
        chain_nll(ORACLE, tokens, ORDER[None, None])
    with pytest.raises(ValueError, match="permutation"):
        chain_nll(ORACLE, tokens, ORDER + 0.5)


FUNCTIONS = [*ON_ARRAYS.values(), *ON_TENSORS.values()]
ANYTHING = (
    WIDTHS + NOT_WHOLE + [np.complex128, object, "U3", "datetime64[s]"]
)  # fmt: skip
ODD = [None, "abc", 5, 0.5, float("nan"), [], [[]], {}, [[0, 1], [0]], [[0.5] * L], np.int64(3)]


@st.composite
def garbage(draw: st.DrawFn, length: int, highest: int) -> Any:
    """Tokens, nearly tokens, and things that are none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(ODD))
    shape = (draw(st.integers(0, 3)), draw(st.sampled_from([length] * 5 + [0, 1, length - 1, length + 1])))
    values = st.sampled_from([0, 1, highest] * 4 + [-1, highest + 1, 255, 10**9, 2**63 - 1, -(2**63)])
    x = np.array(draw(st.lists(values, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])), dtype=np.int64)
    x = x.reshape(shape)
    if draw(st.booleans()):
        with np.errstate(all="ignore"):
            x = x.astype(draw(st.sampled_from(ANYTHING)))
    if np.issubdtype(x.dtype, np.floating) and x.size:
        x.flat[0] = draw(st.sampled_from([0.7, np.nan, np.inf, -np.inf, 1.0]))
    view = draw(st.sampled_from(["as it is", "other order", "every second", "one row", "one more axis"]))
    views = {
        "other order": np.asfortranarray,
        "every second": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        "one row": np.ravel,
        "one more axis": lambda a: a[None],
    }
    x = views.get(view, lambda a: a)(x)
    if not draw(st.integers(0, 3)):
        return x
    try:
        tensor = torch.from_numpy(x)
    except TypeError:
        return x
    return tensor.requires_grad_() if tensor.is_floating_point() and draw(st.booleans()) else tensor


def refused_in_our_words(function: Callable[[Any], Any], x: Any) -> None:
    """It answers, or raises a documented error in a line of ours; a network may meet an id out of range."""
    try:
        answer = function(x)
    except (ValueError, TypeError, DecodingStalledError, IndexError) as error:
        refusal = error
    else:
        assert len(plain(answer)) == len(x)
        return
    last = traceback.extract_tb(refusal.__traceback__)[-1]
    ours = "raise" in (last.line or "") and "\n" not in str(refusal)
    unseen = isinstance(refusal, IndexError) and function in (DENOISERS["network"], CAUSAL)
    assert ours or unseen, f"{type(refusal).__name__}: {refusal} from {last.filename}:{last.lineno}"


@given(data=st.data(), number=st.integers(0, len(FUNCTIONS) - 1))
@settings(max_examples=300)
def test_garbage_is_refused_in_our_words(data, number):
    function, length, highest = FUNCTIONS[number]
    refused_in_our_words(function, data.draw(garbage(length, highest)))


@pytest.mark.soak
@given(data=st.data(), number=st.integers(0, len(FUNCTIONS) - 1))
@settings(max_examples=100_000)
def test_much_garbage_is_refused_in_our_words(data, number):
    function, length, highest = FUNCTIONS[number]
    refused_in_our_words(function, data.draw(garbage(length, highest)))
