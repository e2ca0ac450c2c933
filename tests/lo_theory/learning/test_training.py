"""Resume is exact, divergence is loud, and the log and the budget tell the truth."""

import dataclasses
import json
import os
import sys

import jaxtyping
import numpy as np
import pytest
import torch

from generators.ground.draws import derived_seed
from lo_theory.learning.checkpoint import load_checkpoint, load_network, network_tensors, save_checkpoint
from lo_theory.learning.curriculum import LatentsFirst
from lo_theory.learning.flops import training_flops
from lo_theory.learning.masking import count_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective
from lo_theory.learning.source import FixedRows, FreshRows, RowSource
from lo_theory.learning.training import CHECKPOINT_NAME, LOG_NAME, TrainConfig, TrainingDiverged, train

LENGTH, BATCH = 6, 4
CONFIG = TrainConfig(steps=12, checkpoint_every=5, log_every=2, learning_rate=1e-2)
MUON = dataclasses.replace(CONFIG, optimizer="muon")
OBJECTIVES = {"masked": MaskedObjective(), "autoregressive": AutoregressiveObjective(np.array([3, 1, 0, 2, 5, 4]))}


@dataclasses.dataclass(frozen=True)
class Copies:
    """A stream whose rows repeat one random bit: easy to learn."""

    fingerprint: str = "c0c0c0c0c0c0c0c0"
    length: int = LENGTH
    vocabulary: int = 2

    def rows(self, sample_seed, start, stop):
        bits = [np.random.default_rng((sample_seed, row)).integers(2) for row in range(start, stop)]
        return np.repeat(np.array(bits, dtype=np.uint8)[:, None], self.length, axis=1)


FRESH = FreshRows(Copies(), 1, BATCH)
FIXED = FixedRows(np.random.default_rng(0).integers(0, 2, (10, LENGTH)), "c0c0c0c0c0c0c0c0", 2, BATCH)


def build(causal=False, seed=0, **fields):
    shape = {"length": LENGTH, "vocabulary": 2, "layers": 1, "width": 16, "heads": 2, "causal": causal}
    return Transformer(NetworkConfig(**shape | fields), torch.Generator().manual_seed(seed))


def same_weights(first, second):
    pairs = zip(network_tensors(first).items(), network_tensors(second).values(), strict=True)
    return all(torch.equal(a, b) for (_, a), b in pairs)


def stop_after(step):
    def on_step(record):
        if record.step == step:
            raise KeyboardInterrupt

    return on_step


def without_seconds(history):
    return [dataclasses.replace(record, seconds=0.0) for record in history]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("source", [FRESH, FIXED], ids=["fresh", "fixed"])
@pytest.mark.parametrize("stops", [[1], [4], [5], [6, 11], [3, 7, 10]], ids=str)
def test_stopped_and_resumed_is_bit_for_bit_uninterrupted(tmp_path, name, source, stops):
    objective = OBJECTIVES[name]
    whole = train(build(objective.causal), objective, source, CONFIG)
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            train(build(objective.causal), objective, source, CONFIG, directory=tmp_path, on_step=stop_after(stop))
    # The new process starts from other weights: only the checkpoint may matter, once there is one.
    fresh_start = max(stops) < CONFIG.checkpoint_every
    network = build(objective.causal, seed=0 if fresh_start else 9)
    parts = train(network, objective, source, CONFIG, directory=tmp_path)
    assert same_weights(whole.network, parts.network)
    assert without_seconds(parts.history) == without_seconds(whole.history)
    logged = [json.loads(line) for line in (tmp_path / LOG_NAME).read_text().splitlines()]
    assert [line["step"] for line in logged] == [2, 4, 6, 8, 10, 12]
    assert same_weights(load_network(tmp_path / CHECKPOINT_NAME, source.fingerprint), whole.network)


@pytest.mark.parametrize("stops", [[4], [6, 11]], ids=str)
def test_muon_stopped_and_resumed_is_bit_for_bit_uninterrupted(tmp_path, stops):
    whole = train(build(), MaskedObjective(), FRESH, MUON)
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            train(build(), MaskedObjective(), FRESH, MUON, directory=tmp_path, on_step=stop_after(stop))
    network = build(seed=9 if max(stops) >= MUON.checkpoint_every else 0)
    parts = train(network, MaskedObjective(), FRESH, MUON, directory=tmp_path)
    assert same_weights(whole.network, parts.network)
    assert without_seconds(parts.history) == without_seconds(whole.history)
    assert not same_weights(train(build(), MaskedObjective(), FRESH, CONFIG).network, whole.network)


@pytest.mark.parametrize("config", [CONFIG, MUON], ids=["adamw", "muon"])
def test_optimizer_state_matters_for_resume(tmp_path, config):
    """Negative control: the same weights with a forgotten optimizer end elsewhere."""
    whole = train(build(), MaskedObjective(), FRESH, config)
    with pytest.raises(KeyboardInterrupt):
        train(build(), MaskedObjective(), FRESH, config, directory=tmp_path, on_step=stop_after(5))
    halfway = load_network(tmp_path / CHECKPOINT_NAME)
    assert not same_weights(train(halfway, MaskedObjective(), FRESH, config).network, whole.network)


def test_a_checkpoint_from_before_there_was_a_choice_goes_on_with_adamw(tmp_path):
    """AdamW's description is the one of those checkpoints, word for word."""
    with pytest.raises(KeyboardInterrupt):
        train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path, on_step=stop_after(5))
    assert load_checkpoint(tmp_path / CHECKPOINT_NAME).training == {
        "steps": 12, "learning_rate": 1e-2, "min_ratio": 0.1, "warmup": 0.05, "weight_decay": 0.1, "betas": [0.9, 0.95],
        "clip": 1.0, "seed": 0, "log_every": 2, "checkpoint_every": 5, "precision": "auto",
    }  # fmt: skip
    network = train(build(seed=9), MaskedObjective(), FRESH, CONFIG, directory=tmp_path).network
    assert same_weights(network, train(build(), MaskedObjective(), FRESH, CONFIG).network)


def test_seed_and_sample_seed_both_matter():
    whole = train(build(), MaskedObjective(), FRESH, CONFIG).network
    assert same_weights(train(build(), MaskedObjective(), FRESH, CONFIG).network, whole)
    other_masks = train(build(), MaskedObjective(), FRESH, dataclasses.replace(CONFIG, seed=1)).network
    other_rows = train(build(), MaskedObjective(), FreshRows(Copies(), 2, BATCH), CONFIG).network
    assert not same_weights(other_masks, whole)
    assert not same_weights(other_rows, whole)


@dataclasses.dataclass(frozen=True)
class Listening:
    """Masked diffusion that notes the seed of each step."""

    seeds: list[int] = dataclasses.field(default_factory=list)
    causal: bool = False

    def check(self, network):
        """Fits every network."""

    def loss(self, network, rows, generator, *, progress=1.0):
        self.seeds.append(generator.initial_seed())
        return MaskedObjective().loss(network, rows, generator)

    def to_json(self):
        return {"objective": "listening"}


def test_each_step_has_a_randomness_of_its_own():
    first, other = Listening(), Listening()
    train(build(), first, FRESH, CONFIG)
    train(build(), other, FRESH, dataclasses.replace(CONFIG, seed=1))
    assert len(set(first.seeds + other.seeds)) == 2 * CONFIG.steps


def test_optimizer_state_stands_under_the_name_of_its_weight(tmp_path):
    train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path)
    tensors = load_checkpoint(tmp_path / CHECKPOINT_NAME).tensors
    weights = {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
    assert len(tensors) == 4 * len(weights)
    for name, weight in weights.items():
        assert (
            tensors[f"optimizer.{name}.exp_avg"].shape == tensors[f"optimizer.{name}.exp_avg_sq"].shape == weight.shape
        )
        assert tensors[f"optimizer.{name}.step"] == CONFIG.steps


def test_muon_remembers_a_momentum_of_each_matrix_in_the_blocks(tmp_path):
    train(build(), MaskedObjective(), FRESH, MUON, directory=tmp_path)
    checkpoint = load_checkpoint(tmp_path / CHECKPOINT_NAME)
    weights = dict(build().named_parameters())
    matrices = {name for name, weight in weights.items() if name.startswith("blocks.") and weight.ndim == 2}
    keys = {name: ("momentum_buffer",) if name in matrices else ("step", "exp_avg", "exp_avg_sq") for name in weights}
    state = {name for name in checkpoint.tensors if name.startswith("optimizer.")}
    assert state == {f"optimizer.{name}.{key}" for name in weights for key in keys[name]}
    assert all(checkpoint.tensors[f"optimizer.{n}.momentum_buffer"].shape == weights[n].shape for n in matrices)
    assert checkpoint.training == CONFIG.to_json() | {"optimizer": "muon", "decayed": "blocks"}


def test_logging_more_often_changes_nothing(tmp_path):
    often = dataclasses.replace(CONFIG, log_every=1, checkpoint_every=1)
    whole = train(build(), MaskedObjective(), FRESH, CONFIG)
    assert same_weights(train(build(), MaskedObjective(), FRESH, often, directory=tmp_path).network, whole.network)


@pytest.mark.parametrize(("name", "optimizer"), [("masked", "adamw"), ("autoregressive", "adamw"), ("masked", "muon")])
def test_learns_a_bit_and_its_copies(name, optimizer):
    objective = OBJECTIVES[name]
    config = TrainConfig(steps=150, learning_rate=1e-2, log_every=10, optimizer=optimizer)
    history = train(build(objective.causal), objective, FreshRows(Copies(), 0, 32), config).history
    late = np.mean([record.loss_nats for record in history[-5:]])
    assert history[0].loss_nats > 1.5
    assert late < 1.0  # the entropy is log 2 = 0.69


def test_log_and_checkpoint_count_tokens_and_flops(tmp_path):
    result = train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path)
    last, checkpoint = result.history[-1], load_checkpoint(tmp_path / CHECKPOINT_NAME)
    assert last.tokens == checkpoint.tokens == 12 * BATCH * LENGTH
    assert last.flops == checkpoint.flops == 12 * BATCH * training_flops(result.network.config)
    assert last.seconds >= result.history[0].seconds > 0
    assert checkpoint.objective == MaskedObjective().to_json()
    assert checkpoint.training == CONFIG.to_json()


def test_a_record_holds_the_loss_of_its_batch_and_the_norm_of_its_gradient():
    """Before clipping and per token, whatever is clipped."""
    config = dataclasses.replace(CONFIG, log_every=1, clip=1e-3)
    record = train(build(), MaskedObjective(), FRESH, config).history[0]
    network, draws = build(), torch.Generator().manual_seed(derived_seed(CONFIG.seed, 0))
    loss = MaskedObjective().loss(network, FRESH.batch(0), draws)
    gradients = torch.autograd.grad(loss / LENGTH, list(network.parameters()))
    assert record.loss_nats == pytest.approx(loss.item(), rel=1e-6)
    assert record.grad_norm == pytest.approx(float(sum((g**2).sum() for g in gradients)) ** 0.5, rel=1e-5)
    assert record.learning_rate == config.rate(0)
    assert (record.step, record.tokens) == (1, BATCH * LENGTH)


@dataclasses.dataclass(frozen=True)
class Poisoned:
    """Wraps an objective; from the given call on, the loss or only its gradient is not finite."""

    at: int
    how: str
    calls: list = dataclasses.field(default_factory=list)
    causal: bool = False

    def check(self, network):
        """Fits every network."""

    def loss(self, network, rows, generator, *, progress=1.0):
        self.calls.append(None)
        loss = MaskedObjective().loss(network, rows, generator)
        if len(self.calls) < self.at:
            return loss
        zero = (network.gain - network.gain.detach()).sum()
        return loss * float("nan") if self.how == "loss" else loss + zero.sqrt()  # d sqrt(0) is infinite

    def to_json(self):
        return {"objective": "poisoned"}


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_divergence_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path, how):
    network = build()
    with pytest.raises(TrainingDiverged, match=rf"at step 8: .*{CHECKPOINT_NAME}") as caught:
        train(network, Poisoned(8, how), FRESH, CONFIG, directory=tmp_path)
    assert caught.value.step == 8
    good = load_checkpoint(tmp_path / CHECKPOINT_NAME)
    assert good.step == 5
    assert all(value.isfinite().all() for value in good.tensors.values())
    assert all(value.isfinite().all() for value in network.state_dict().values())


@pytest.mark.parametrize("config", [CONFIG, MUON])
def test_divergence_before_the_first_checkpoint_says_so(config):
    with pytest.raises(TrainingDiverged, match=r"at step 1: .* no checkpoint yet. Lower learning_rate\.$"):
        train(build(), Poisoned(1, "loss"), FRESH, config)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    calls = []

    def full_later(source, target, replace=os.replace):
        if str(target).endswith(CHECKPOINT_NAME):
            calls.append(target)
            if len(calls) == 2:
                raise OSError("No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full_later)
    with pytest.raises(OSError, match="No space left"):
        train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path)
    assert load_checkpoint(tmp_path / CHECKPOINT_NAME).step == 5
    whole = train(build(), MaskedObjective(), FRESH, CONFIG)
    assert same_weights(train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path).network, whole.network)


def test_lines_past_the_checkpoint_and_cut_lines_are_dropped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path, on_step=stop_after(9))
    log = tmp_path / LOG_NAME
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [2, 4, 6, 8]
    log.write_text(log.read_text() + '{"step": 10, "loss_na')
    with pytest.raises(KeyboardInterrupt):
        train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path, on_step=stop_after(6))
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [2, 4, 6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": dataclasses.replace(CONFIG, learning_rate=1e-3)}, "training has learning_rate=0.01, this one 0"),
        ({"objective": MaskedObjective(masker=count_masks)}, "objective has masker='stratified_count_masks'"),
        ({"source": FreshRows(Copies(), 2, BATCH)}, "source has sample_seed=1, this one 2"),
        ({"source": FreshRows(Copies("beefbeefbeefbeef"), 1, BATCH)}, "c0c0c0c0c0c0c0c0, not on beefbeefbeefbeef"),
        ({"network": build(hidden=8)}, "network has hidden=None, this one 8"),
    ],
)  # fmt: skip
def test_another_run_is_not_resumed(tmp_path, change, message):
    run = {"network": build(), "objective": MaskedObjective(), "source": FRESH, "config": CONFIG}
    train(**run, directory=tmp_path)
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(ValueError, match=message):
        train(**run | change, directory=tmp_path)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (CONFIG, MUON, "optimizer='adamw', this one 'muon'. Choose"),
        (MUON, CONFIG, "optimizer='muon', this one 'adamw'. Choose"),
    ],
)  # fmt: skip
def test_another_optimizer_is_another_run(tmp_path, first, second, message):
    train(build(), MaskedObjective(), FRESH, first, directory=tmp_path)
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(ValueError, match=message):
        train(build(), MaskedObjective(), FRESH, second, directory=tmp_path)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before


def test_a_muon_run_that_decayed_all_matrices_is_not_resumed(tmp_path):
    train(build(), MaskedObjective(), FRESH, MUON, directory=tmp_path)
    path = tmp_path / CHECKPOINT_NAME
    made = load_checkpoint(path)
    said = {name: value for name, value in made.training.items() if name != "decayed"}  # as files from before say
    save_checkpoint(path, dataclasses.replace(made, training=said))
    with pytest.raises(ValueError, match=r"decayed='all', this one 'blocks'\. Choose"):
        train(build(), MaskedObjective(), FRESH, MUON, directory=tmp_path)
    load_network(path)  # its network can be used all the same


def test_a_finished_run_is_returned_and_can_be_replaced(tmp_path):
    first = train(build(), MaskedObjective(), FRESH, CONFIG, directory=tmp_path)
    again = train(build(seed=3), MaskedObjective(), FRESH, CONFIG, directory=tmp_path)
    assert same_weights(first.network, again.network)
    assert again.history == first.history
    other = train(build(seed=3), MaskedObjective(), FRESH, CONFIG, directory=tmp_path, resume=False)
    assert not same_weights(other.network, first.network)
    assert len((tmp_path / LOG_NAME).read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("network", "objective", "message"),
    [
        (build(causal=True), OBJECTIVES["masked"], "causal=False"),
        (build(), OBJECTIVES["autoregressive"], "causal=True"),
        (build(length=7), OBJECTIVES["masked"], "7 tokens of 2 kinds, the rows have 6 of 2"),
        (build(vocabulary=3), OBJECTIVES["masked"], "6 tokens of 3 kinds"),
        (build(causal=True), AutoregressiveObjective(np.arange(5)), "order has 5 entries, the network reads 6"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, network, objective, message):
    with pytest.raises(ValueError, match=message):
        train(network, objective, FRESH, CONFIG, directory=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"learning_rate": float("nan")}, {"clip": 0.0}, {"warmup": 1.5}, {"betas": (0.9, 1.0)},
     {"weight_decay": -0.1}, {"seed": -1}, {"log_every": 0}, {"checkpoint_every": 0}, {"learning_rate": 0.0},
     {"min_ratio": -0.1}, {"betas": (-0.1, 0.95)}, {"betas": (0.9,)}, {"betas": (0.9, 0.9, 0.9)},
     {"weight_decay": float("inf")}],
)  # fmt: skip
def test_impossible_configs_are_refused(change, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    (name,) = change
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(CONFIG, **change)


def test_numpy_s_numbers_are_as_good_as_python_s(tmp_path, monkeypatch):
    """They come from arrays, such as ``rows.max() + 1``, and JSON knows none of them."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    two, three, rate = np.int64(2), np.int64(3), np.float32(0.01)
    network = build(length=np.int64(LENGTH), vocabulary=two, layers=np.int64(1))
    curriculum = LatentsFirst(tuple(np.arange(2)), 0.3)
    source = FixedRows(FIXED.rows, FIXED.fingerprint, two, np.int64(BATCH), shuffle_seed=three)
    config = TrainConfig(steps=three, learning_rate=rate, seed=two, log_every=1, betas=(rate, rate))
    objective = MaskedObjective(curriculum=curriculum)
    done = train(network, objective, source, config, directory=tmp_path)
    assert done.checkpoint is not None
    assert load_checkpoint(done.checkpoint).training["learning_rate"] == float(rate)
    train(network, objective, source, config, directory=tmp_path)  # is that run


@dataclasses.dataclass(frozen=True)
class Undescribed(MaskedObjective):
    def to_json(self):
        return {"seen": np.zeros(2)}


def test_what_a_checkpoint_could_not_hold_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(TypeError, match="a checkpoint cannot hold the objective of this training"):
        train(build(), Undescribed(), FRESH, CONFIG, directory=tmp_path / "run")
    with pytest.raises(ValueError, match="tells objectives apart"):
        train(build(), MaskedObjective(lambda losses, masks: losses.sum()), FRESH, CONFIG, directory=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_bfloat16_trains_and_keeps_float32_weights():
    config = dataclasses.replace(CONFIG, precision="bfloat16")
    network = train(build(), MaskedObjective(), FRESH, config).network
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert all(weight.isfinite().all() for weight in network.parameters())


def test_auto_on_a_cpu_is_float32_whatever_a_gpu_beside_it_can_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    runs = {
        precision: train(build(), MaskedObjective(), FRESH, dataclasses.replace(CONFIG, precision=precision)).network
        for precision in ("auto", "float32", "bfloat16")
    }
    assert same_weights(runs["auto"], runs["float32"])
    assert not same_weights(runs["bfloat16"], runs["float32"])


def test_no_progress_bar_without_a_terminal(capsys):
    train(build(), MaskedObjective(), FRESH, CONFIG)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train(build(), MaskedObjective(), FRESH, CONFIG)
    assert "12/12" in capsys.readouterr().err


def test_fresh_rows_are_consecutive_pieces_of_one_stream():
    assert isinstance(FRESH, RowSource)
    together = torch.cat([FRESH.batch(step) for step in range(3)])
    np.testing.assert_array_equal(together.numpy(), Copies().rows(1, 0, 3 * BATCH))
    assert together.dtype == torch.int64


def test_fixed_rows_meet_each_row_once_per_epoch_at_random():
    assert isinstance(FIXED, RowSource)
    rows = np.arange(10)[:, None].repeat(2, axis=1)
    source = FixedRows(rows, "f" * 16, 10, 4, shuffle_seed=3)
    stream = torch.cat([source.batch(step) for step in range(5)])[:, 0].numpy()
    first, second = stream[:10], stream[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    np.testing.assert_array_equal(source.batch(1)[:, 0], stream[4:8])  # out of order, after others
    wide = FixedRows(rows, "f" * 16, 10, 25)
    assert torch.bincount(wide.batch(0)[:, 0], minlength=10).tolist().count(3) == 5


def test_tokens_are_integers(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(TypeError, match="tokens, which are integers; got float64"):
        FixedRows(np.array([[0.7, 1.2]]), "f", 2, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.full((2, 3), 2)}, r"range\(2\); got values from 2 to 2"),
        ({"rows": np.zeros((0, 3), dtype=int)}, r"shape \(0, 3\)"),
        ({"batch_size": 0}, "batch_size .* got 0"),
        ({"vocabulary": 0}, "vocabulary .* got 0"),
    ],
)
def test_impossible_rows_are_refused(change, message):
    fields = {"rows": np.zeros((2, 3), dtype=int), "fingerprint": "f", "vocabulary": 2, "batch_size": 1}
    with pytest.raises(ValueError, match=message):
        FixedRows(**fields | change)
