"""Hugging Face models in the socket: what the model itself answers, restricted, row by row, at any padding."""

from __future__ import annotations

import itertools

import jaxtyping
import pytest
import torch

from lo_theory.denoisers.data_tokens import DataTokens, data_tokens
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.hugging_face import HuggingFaceDenoiser, load_hugging_face
from lo_theory.denoisers.weights_size import parameter_count
from lo_theory.likelihood import chain_nll
from lo_theory.samplers.decoding import decode, margin
from tests.lo_theory.denoisers.tiny_models import WORDS, modules_in, of_its_own, stock

pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # ModernBERT of transformers 5.0
STOCK, OWN = ("Bert", "Roberta", "ModernBert"), ("llada", "Dream")
LENGTH = 7


@pytest.fixture(scope="module", autouse=True)
def _modules(tmp_path_factory):
    """Code that comes with a model is copied to a folder of this test."""
    with modules_in(tmp_path_factory.mktemp("modules")):
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {kind: stock(kind, tmp_path_factory.mktemp(kind)) for kind in STOCK}
    return made | {kind: of_its_own(kind, tmp_path_factory.mktemp(kind)) for kind in OWN}


@pytest.fixture(scope="module")
def load(folders):
    def loaded(kind, length=LENGTH, **options):
        return load_hugging_face(folders[kind], length, dtype="float64", remote_code=kind in OWN, **options)

    return loaded


def masked_rows(denoiser, count=5, seed=0):
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, denoiser.vocabulary, (count, denoiser.length), generator=draw)
    hidden = torch.rand(rows.shape, generator=draw) < 0.5
    hidden[:, 0] = True
    return rows.masked_fill(hidden, denoiser.vocabulary)


def by_hand(denoiser, row):
    """Log-probabilities (l, V) of one row without pads, straight from the model."""
    words = denoiser.tokens
    known = [*words.ids, words.mask]
    inputs = [*words.before, *(known[token] for token in row.tolist()), *words.after]
    with torch.no_grad():
        logits = denoiser.model(input_ids=torch.tensor([inputs])).logits[0]
    if denoiser.shifted:
        logits = torch.cat([logits[:1], logits[:-1]])
    here = logits[len(words.before) : len(words.before) + len(row)]
    return here[:, list(words.ids)].log_softmax(dim=-1)


@pytest.mark.parametrize("kind", [*STOCK, *OWN])
def test_answers_are_the_models_over_data_tokens(kind, load):
    denoiser = load(kind, everywhere=True)
    assert isinstance(denoiser, Denoiser)
    assert denoiser.vocabulary == len(WORDS) + 2 * (kind in OWN)
    assert denoiser.shifted == (kind == "Dream")
    assert bool(denoiser.tokens.before) == (kind in STOCK)
    tokens = masked_rows(denoiser)
    expected = torch.stack([by_hand(denoiser, row) for row in tokens])
    assert torch.allclose(denoiser(tokens), expected, atol=1e-12)
    assert expected.std() > 0.1, "a model that answers all alike would show nothing"


@pytest.mark.parametrize(
    ("kind", "attention_mask"), [*itertools.product(STOCK, (False, True)), *((k, False) for k in OWN)]
)
def test_a_batch_with_pads_is_its_rows_one_by_one(kind, attention_mask, load):
    denoiser = load(kind, attention_mask=attention_mask, batch_size=3)
    tokens, pad = masked_rows(denoiser, 6), denoiser.vocabulary + 1
    used = [7, 4, 7, 2, 4, 1]
    for row, n in zip(tokens, used, strict=True):
        row[n:] = pad
    answers = denoiser(tokens)
    for row, n, answer in zip(tokens, used, answers, strict=True):
        assert torch.allclose(denoiser(row[None])[0], answer, atol=1e-11, equal_nan=True)
        asked = row[:n] == denoiser.vocabulary
        assert torch.allclose(answer[:n][asked], by_hand(denoiser, row[:n])[asked], atol=1e-11)
        assert answer[n:].isnan().all()
        assert answer[:n][~asked].isnan().all()


@pytest.mark.parametrize("kind", OWN)
def test_a_model_that_ignores_its_mask_is_refused_pads(kind, load):
    """The negative control: beside pads such a model answers otherwise, which is why none reach it by default."""
    denoiser = load(kind, attention_mask=True)
    tokens = masked_rows(denoiser, 3)
    assert torch.allclose(denoiser(tokens), load(kind)(tokens), atol=1e-11, equal_nan=True)  # no pads: all is well
    tokens[1, 4:] = denoiser.vocabulary + 1
    for _ in range(2):
        with pytest.raises(ValueError, match="it sees pads that are masked out"):
            denoiser(tokens)


def test_pads_are_tried_once(load):
    denoiser = load("Bert", attention_mask=True)
    tokens = masked_rows(denoiser, 3)
    tokens[1, 4:] = denoiser.vocabulary + 1
    sizes = []
    hook = denoiser.model.register_forward_hook(lambda m, i, o: sizes.append(len(o.logits)))
    denoiser(tokens)
    denoiser(tokens)
    hook.remove()
    rows = int((tokens == denoiser.vocabulary).sum()), int((tokens[1] == denoiser.vocabulary).sum())
    assert sizes in ([3, 1, 3], [rows[0], rows[1], rows[0]])


@pytest.mark.parametrize("kind", [*STOCK, *OWN])
def test_only_asked_positions_pay_for_the_head(kind, load):
    denoiser = load(kind)
    tokens = masked_rows(denoiser)
    sizes = []
    hook = denoiser.model.get_output_embeddings().register_forward_hook(lambda m, i, o: sizes.append(o.shape[:-1]))
    narrowed = denoiser(tokens)
    hook.remove()
    hidden = tokens == denoiser.vocabulary
    assert sizes == [(int(hidden.sum()),)]
    denoiser.model.get_output_embeddings = lambda: None  # a model that does not say which layer is its head
    assert torch.allclose(denoiser(tokens), narrowed, atol=1e-12, equal_nan=True)
    assert not narrowed[hidden].isnan().any()


def test_special_tokens_come_out_only_if_named(load):
    plain, ends = load("llada"), load("llada", predicted=("[SEP]",))
    assert plain.tokens.end is None
    assert ends.tokens.ids[ends.tokens.end] == 7
    assert set(ends.tokens.ids) - set(plain.tokens.ids) == {7}
    row = torch.tensor([0, 1, ends.tokens.end, 2, ends.tokens.end, ends.vocabulary + 1])
    assert ends.tokens.until_end(row).tolist() == [0, 1]
    assert plain.tokens.until_end(torch.tensor([0, 1, plain.vocabulary + 1])).tolist() == [0, 1]
    for wrong in ("[MASK]", "nowhere", 99):
        with pytest.raises(ValueError, match=r"cannot be predicted|no token"):
            load("llada", predicted=(wrong,))


def test_ids_there_and_back():
    words = DataTokens((3, 5, 9), mask=4, pad=0)
    ids = torch.tensor([[3, 9, 4], [5, 0, 0]])
    assert words.from_model(ids).tolist() == [[0, 2, 3], [1, 4, 4]]
    assert torch.equal(words.to_model(words.from_model(ids)), ids)
    for wrong in (1, 30):
        with pytest.raises(ValueError, match=f"id {wrong} of the model"):
            words.from_model(torch.tensor([wrong]))
    with pytest.raises(ValueError, match="got 5"):
        words.to_model(torch.tensor([5]))
    with pytest.raises(ValueError, match="which this model lacks"):
        DataTokens((3, 5), mask=4).to_model(torch.tensor([3]))
    for bad in ((), (5, 3), (-1, 2), (3, 4)):
        with pytest.raises(ValueError, match=r"rising|cannot be predicted"):
            DataTokens(bad, mask=4)


def test_a_pad_that_is_also_the_end_is_data():
    """Qwen's and so Dream's tokenizer pads with its end of text: as data it is the end."""
    assert DataTokens((2, 3), mask=4, pad=3, end=1).from_model(torch.tensor([3])).tolist() == [1]


@pytest.mark.parametrize("kind", [*STOCK, *OWN])
def test_it_decodes_and_has_likelihoods(kind, load):
    denoiser = load(kind)
    tokens = masked_rows(denoiser, 3)
    done = decode(denoiser, tokens, margin(), torch.Generator().manual_seed(0)).tokens
    given = tokens != denoiser.vocabulary
    assert torch.equal(done[given], tokens[given])
    assert (done < denoiser.vocabulary).all()
    assert (chain_nll(denoiser, done, torch.arange(LENGTH).flip(0).numpy()) >= 0).all()


@pytest.mark.parametrize("kind", [*STOCK, *OWN])
def test_parameters_are_counted_before_loading(kind, folders, load):
    stored = {p.data_ptr(): p.numel() for p in load(kind).model.parameters()}
    assert parameter_count(str(folders[kind])) == sum(stored.values())


def test_a_model_larger_than_memory_is_refused_unloaded(folders, monkeypatch):
    from transformers import AutoModelForMaskedLM

    monkeypatch.setattr("lo_theory.denoisers.weights_size.available_bytes", lambda: 1000)
    monkeypatch.setattr(AutoModelForMaskedLM, "from_pretrained", None)
    needed = parameter_count(str(folders["Bert"])) * 2
    with pytest.raises(ValueError, match=rf"{needed / 1000:.1f} kB of memory as bfloat16; 1 kB are free on cpu"):
        load_hugging_face(folders["Bert"], LENGTH, dtype="bfloat16")


def test_weights_of_other_formats(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no weights"):
        parameter_count(str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(bytes(400))
    assert parameter_count(str(tmp_path)) == 100


def test_weights_that_are_missing_are_not_made_up(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in folders["Bert"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"no weights for bert\.encoder\.layer\.1\.output\.dense\.weight"):
        load_hugging_face(tmp_path, LENGTH)


def test_code_of_a_model_runs_only_when_asked_for(folders):
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_hugging_face(folders["llada"], LENGTH)


def test_dtype(folders):
    narrow = load_hugging_face(folders["Bert"], LENGTH, dtype="bfloat16")
    wide = load_hugging_face(folders["Bert"], LENGTH)
    tokens = masked_rows(wide)
    assert next(narrow.model.parameters()).dtype == torch.bfloat16
    assert narrow(tokens).dtype == wide(tokens).dtype == torch.float32
    assert torch.allclose(narrow(tokens), wide(tokens), atol=0.5, equal_nan=True)


def test_refusals(load, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # what people run
    denoiser = load("Bert")
    pad = denoiser.vocabulary + 1
    for row in ([pad, 0, 1, 2, 3, 4, 5], [0, pad, 1, 2, 3, 4, 5], [pad] * 7):
        with pytest.raises(ValueError, match="pads stand at the end"):
            denoiser(torch.tensor([row]))
    for wrong in ([99, *[denoiser.vocabulary] * 6], [99, *[0] * 6], [-1, *[0] * 6]):  # with masks and without
        with pytest.raises(ValueError, match=f"got {wrong[0]}"):
            denoiser(torch.tensor([wrong]))
    with pytest.raises(TypeError, match="integers"):
        denoiser(torch.zeros(1, 7))
    with pytest.raises(ValueError, match="40 positions; a sequence with what stands around it takes 41"):
        load("Bert", length=39)
    with pytest.raises(ValueError, match="has 39 positions"):
        load("Roberta", length=38)
    for options in ({"length": 0}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            load("Bert", **options)
    denoiser.model.get_input_embeddings = lambda: None  # a model that does not say what it embeds
    with pytest.raises(ValueError, match="logits; the data tokens reach id 500"):
        HuggingFaceDenoiser(denoiser.model, DataTokens((2, 500), mask=4), 2)(torch.tensor([[2, 2]]))


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("data", {"ids": (2, 500)}),
        ("mask", {"mask": 500}),
        ("pad", {"pad": 500}),
        ("before", {"before": (1, 500)}),
        ("after", {"after": (500,)}),
        ("after", {"after": (-1,)}),
    ],
)
def test_ids_that_the_model_does_not_embed_are_refused_before_anything_is_asked(load, name, tokens):
    model = load("Bert").model
    wrong = DataTokens(**{"ids": (2, 3), "mask": 4, **tokens})
    with pytest.raises(ValueError, match=rf"embeds ids in range\(\d+\); {name} has (500|-1): (take|pass|leave) "):
        HuggingFaceDenoiser(model, wrong, 2, attention_mask=True)
    if name == "pad":  # which stands nowhere if rows go without
        HuggingFaceDenoiser(model, wrong, 2)


@pytest.mark.parametrize("error", [NotImplementedError, AttributeError])
def test_a_model_that_does_not_say_what_it_embeds_is_taken(load, error, monkeypatch):
    model = load("Bert").model

    def ask():
        raise error

    monkeypatch.setattr(model, "get_input_embeddings", ask)
    HuggingFaceDenoiser(model, DataTokens((2, 500), mask=4), 2)


def test_the_last_id_that_the_model_embeds_is_one(load):
    model = load("Bert").model
    last = model.get_input_embeddings().num_embeddings - 1
    HuggingFaceDenoiser(model, DataTokens((2, 3), mask=4, pad=last, after=(last,)), 2, attention_mask=True)


def test_a_tokenizer_without_a_mask_is_refused(folders):
    from transformers import AutoTokenizer, PretrainedConfig

    words = AutoTokenizer.from_pretrained(folders["Bert"])
    words.mask_token = None
    with pytest.raises(ValueError, match="names a mask token"):
        data_tokens(words, PretrainedConfig())
