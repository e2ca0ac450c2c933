"""Several processes train as one: the same loss, the sum of their gradients is the whole, and one of them alone writes.

The processes are threads of this one, each with an end of its own of a gloo connection; real ones are started in
``tests/faults/test_processes_faults.py``. Tolerances are those of float32 sums in another order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed as communication
from torch import nn

from generators.ground.together import MemberLost
from lo_theory.learning import distributed
from lo_theory.learning.checkpoint import load_checkpoint, network_tensors
from lo_theory.learning.distributed import ALONE, Team, joined
from lo_theory.learning.divided_update import complete_state, owners, update_divided
from lo_theory.learning.masking import time_masks
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import AutoregressiveObjective, MaskedObjective, likelihood, per_mask
from lo_theory.learning.optimizer import build_optimizers, optimizer_tensors
from lo_theory.learning.patches import PromptPatches
from lo_theory.learning.prompted import AnswerObjective, ContinuationObjective, DeepSupervision
from lo_theory.learning.source import FixedRows
from lo_theory.learning.training import CHECKPOINT_NAME, LOG_NAME, TrainConfig, TrainingDiverged, train

LENGTH, VOCABULARY, BATCH, LAYERS = 6, 3, 7, 3
CONFIG = TrainConfig(steps=12, checkpoint_every=5, log_every=1, learning_rate=1e-2)
PLAIN = torch.randint(VOCABULARY, (20, LENGTH), generator=torch.Generator().manual_seed(5)).numpy()
PROMPTED = np.where(np.arange(LENGTH) < 3 + np.arange(20)[:, None] % 3, ~PLAIN, PLAIN)  # 3, 2 or 1 answers
OBJECTIVES = {
    "masked, per mask": MaskedObjective(per_mask),
    "masked, likelihood": MaskedObjective(likelihood),
    "masked by time": MaskedObjective(per_mask, time_masks),  # some rows have no mask at all
    "autoregressive": AutoregressiveObjective(np.array([3, 1, 0, 2, 5, 4])),
    "answer": AnswerObjective(),
    "answer, likelihood, deep": AnswerObjective(likelihood, deep=DeepSupervision(0.5)),
    "answer, deep": AnswerObjective(deep=DeepSupervision(0.5)),
    "continuation, deep": ContinuationObjective(DeepSupervision(0.5)),
}
GRADIENT_ERROR = 1e-5  # relative, of all weights together; one float32 sum of a hundred terms is off by about 1e-6
WEIGHT_ERROR = 1e-3  # of what a training with AdamW has moved
DISTURBED = 1e-6  # relative; Muon may be off by what this does to one process


def build(objective: Any, seed: int = 0, **fields: Any) -> Transformer:
    """A small network whose head has left zero."""
    draws = torch.Generator().manual_seed(seed)
    shape = {"length": LENGTH, "vocabulary": VOCABULARY, "layers": LAYERS, "width": 16, "heads": 2}
    network = Transformer(NetworkConfig(**shape | {"causal": objective.causal} | fields), draws)
    nn.init.normal_(network.head, std=0.1, generator=draws)
    return network


def rows_of(objective: Any, batch: int = BATCH) -> FixedRows:
    answers = isinstance(objective, AnswerObjective | ContinuationObjective)
    return FixedRows(PROMPTED if answers else PLAIN, "c0c0c0c0c0c0c0c0", VOCABULARY, batch)


def as_team(size: int, function: Callable[[Team], Any]) -> list[Any]:
    """What ``function`` returns or raises in each of so many threads, which are one team."""
    store, found = communication.HashStore(), [None] * size

    def run(rank: int) -> None:
        try:
            group = communication.ProcessGroupGloo(store, rank, size, datetime.timedelta(seconds=30))
            found[rank] = function(Team(rank, size, group))
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture(autouse=True)
def within_this_machine(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", distributed._loopback())


def gradient(network: Transformer, objective: Any, team: Team) -> tuple[float, torch.Tensor]:
    """(loss, all gradients in one vector) of a step."""
    rows, draws = rows_of(objective).batch(3), torch.Generator().manual_seed(8)
    loss = objective.loss(team.divided(network), rows, draws)
    loss.backward()
    team.add_gradients(network.parameters())
    return loss.item(), torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])


@pytest.mark.parametrize("size", [2, 3, BATCH])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_and_gradient_are_those_of_the_whole_batch(name, size):
    objective = OBJECTIVES[name]
    loss, whole = gradient(build(objective), objective, ALONE)
    found = as_team(size, lambda team: gradient(build(objective), objective, team))
    for their_loss, theirs in found:
        assert their_loss == pytest.approx(loss, rel=1e-6)
        assert torch.linalg.norm(theirs - whole) <= GRADIENT_ERROR * torch.linalg.norm(whole)
        assert torch.equal(theirs, found[0][1]), "the same bits everywhere"


def test_each_process_has_a_part_of_the_gradient_and_not_the_whole():
    """The negative control: without the sum, or with the mean in its place, the gradient is another one."""
    objective = OBJECTIVES["masked, per mask"]
    _, whole = gradient(build(objective), objective, ALONE)

    class Mute(Team):
        def add_gradients(self, weights):
            """Does nothing."""

    parts = as_team(2, lambda team: gradient(build(objective), objective, Mute(team.rank, 2, team.group))[1])
    assert torch.linalg.norm(parts[0] + parts[1] - whole) <= GRADIENT_ERROR * torch.linalg.norm(whole)
    for other in (*parts, (parts[0] + parts[1]) / 2):
        assert torch.linalg.norm(other - whole) > 0.1 * torch.linalg.norm(whole)


@pytest.mark.parametrize("patches", [None, PromptPatches(tokens=4, size=2)], ids=["tokens", "patches"])
@pytest.mark.parametrize("selected", [False, True], ids=["everywhere", "selected"])
@pytest.mark.parametrize("keyed", [False, True], ids=["all keys", "some keys"])
def test_a_divided_network_answers_as_the_network(patches, selected, keyed):
    network = build(MaskedObjective(), patches=patches)
    tokens = torch.from_numpy(PLAIN[:BATCH])
    where = (torch.rand(tokens.shape, generator=torch.Generator().manual_seed(1)) < 0.5) & (torch.arange(LENGTH) >= 4)
    chosen = where if selected else None
    keys = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(2)) < 0.5 if keyed else None

    def answers(team: Team) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            asked = team.divided(network)
            return asked(tokens, chosen, keys=keys), torch.stack(asked.layer_logits(tokens, chosen, keys))

    alone = answers(ALONE)
    for found in as_team(3, answers):
        torch.testing.assert_close(found, alone, equal_nan=True)


def trained(objective: Any, team: Team = ALONE, config: TrainConfig = CONFIG, seed: int = 0, **keep: Any) -> Any:
    return train(build(objective, seed), objective, rows_of(objective), config, team=team, **keep)


def distance(first: Transformer, second: Transformer) -> float:
    """Euclidean, of all weights together."""
    pairs = zip(network_tensors(first).values(), network_tensors(second).values(), strict=True)
    return math.hypot(*(float(torch.linalg.norm(one - other)) for one, other in pairs))


def losses(result: Any) -> list[float]:
    return [record.loss_nats for record in result.history]


class Disturbed(Team):
    """One process, whose gradients are off by a little."""

    def add_gradients(self, weights):
        draws = torch.Generator().manual_seed(3)
        for weight in weights:
            size = DISTURBED * torch.linalg.norm(weight.grad) / math.sqrt(weight.numel())
            weight.grad += size * torch.randn(weight.shape, generator=draws)


def allowed(one: Transformer, objective: Any, config: TrainConfig) -> float:
    """How far the weights may be from those of one process.

    Muon brings all singular values of a momentum to one, those of its rounding errors too, in bfloat16: it is no
    continuous function of the gradient.
    """
    if config.optimizer == "adamw":
        return WEIGHT_ERROR * distance(one, build(objective))
    return distance(one, trained(objective, Disturbed(), config).network)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("name", ["masked, per mask", "answer, deep", "autoregressive", "continuation, deep"])
def test_losses_and_weights_are_those_of_one_process(name, optimizer):
    config = dataclasses.replace(CONFIG, optimizer=optimizer)
    one = trained(OBJECTIVES[name], config=config)
    error = allowed(one.network, OBJECTIVES[name], config)
    assert error < 0.2 * distance(one.network, build(OBJECTIVES[name]))
    first, second = as_team(2, lambda team: trained(OBJECTIVES[name], team, config))
    for result in (first, second):
        assert losses(result) == pytest.approx(losses(one), rel=1e-4 if optimizer == "adamw" else 1e-2)
        assert distance(result.network, one.network) <= error
    assert distance(first.network, second.network) == 0


def test_all_begin_with_the_weights_of_the_first_and_it_alone_writes(tmp_path):
    objective = OBJECTIVES["masked, per mask"]

    def run(team: Team) -> Any:
        return trained(objective, team, seed=team.rank, directory=tmp_path / str(team.rank))

    first, second = as_team(2, run)
    assert distance(first.network, second.network) == 0
    one = trained(objective).network
    assert distance(first.network, one) <= allowed(one, objective, CONFIG)
    assert first.checkpoint == tmp_path / "0" / CHECKPOINT_NAME
    assert second.checkpoint is None
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert len((tmp_path / "0" / LOG_NAME).read_text().splitlines()) == CONFIG.steps


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_stopped_and_resumed_is_bit_for_bit_and_with_other_numbers_of_processes_up_to_rounding(tmp_path, optimizer):
    objective, config = OBJECTIVES["answer, deep"], dataclasses.replace(CONFIG, optimizer=optimizer)

    def stopped(name: str, size: int) -> None:
        def on_step(record: Any) -> None:
            if record.step == 8:
                raise KeyboardInterrupt

        run = as_team(size, lambda team: trained(objective, team, config, directory=tmp_path / name, on_step=on_step))
        assert [type(one) for one in run] == [KeyboardInterrupt] * size

    def resumed(name: str, size: int) -> Any:
        return as_team(size, lambda team: trained(objective, team, config, seed=9, directory=tmp_path / name))[0]

    whole = as_team(2, lambda team: trained(objective, team, config))[0]
    error = allowed(trained(objective, config=config).network, objective, config)
    for name, before, after in (("same", 2, 2), ("more", 1, 3), ("fewer", 3, 1)):
        stopped(name, before)
        assert load_checkpoint(tmp_path / name / CHECKPOINT_NAME).step == 5
        result = resumed(name, after)
        assert distance(result.network, whole.network) <= (0 if name == "same" else error)
        assert [record.step for record in result.history] == list(range(1, 13))
        assert losses(result) == pytest.approx(losses(whole), rel=0 if name == "same" else 1e-2, abs=0)


def test_a_checkpoint_does_not_tell_how_many_processes_there_were(tmp_path):
    objective = OBJECTIVES["masked, per mask"]
    for size in (1, 2):
        as_team(size, lambda team, size=size: trained(objective, team, directory=tmp_path / str(size)))
    one, two = (load_checkpoint(tmp_path / str(size) / CHECKPOINT_NAME) for size in (1, 2))
    told = [dataclasses.asdict(dataclasses.replace(each, tensors={}, seconds=0.0, log=None)) for each in (one, two)]
    assert told[0] == told[1]
    assert one.tensors.keys() == two.tensors.keys()


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_every_matrix_has_one_process_that_updates_it_and_none_has_much_more_to_do(size):
    shapes = [(48, 16), (16, 16), (64, 16), (16, 64)] * 3 + [(3, 5)]
    weights = [torch.empty(shape) for shape in shapes]
    found, costs = owners(weights, size), [min(shape) * math.prod(shape) for shape in shapes]
    work = [sum(cost for cost, owner in zip(costs, found, strict=True) if owner == rank) for rank in range(size)]
    assert sum(work) == sum(costs)
    assert max(work) - min(work) <= max(costs)


def test_muon_does_with_its_matrices_divided_what_one_process_does():
    """From equal gradients the update has equal bits: nothing of a matrix depends on the others."""
    objective = OBJECTIVES["masked, per mask"]

    def run(team: Team) -> tuple[int, list[torch.Tensor]]:
        network, draws = build(objective), torch.Generator().manual_seed(4)
        optimizers = build_optimizers(network, "muon", rate=CONFIG.rate, betas=CONFIG.betas, weight_decay=0.1)
        for step in range(3):
            for weight in network.parameters():
                weight.grad = torch.randn(weight.shape, generator=draws)
            update_divided(team, optimizers, step)
        updated = len(optimizers[0].optimizer.state)
        complete_state(team, optimizers)
        return updated, [*network_tensors(network).values(), *optimizer_tensors(optimizers).values()]

    (matrices, alone), together = run(ALONE), as_team(3, run)
    assert sum(updated for updated, _ in together) == matrices
    for _, found in together:
        assert all(torch.equal(one, other) for one, other in zip(found, alone, strict=True))


def test_all_diverge_together():
    objective = OBJECTIVES["masked, per mask"]

    def run(team: Team) -> None:
        network = build(objective)
        with torch.no_grad():
            network.head.fill_(math.nan)
        train(network, objective, rows_of(objective), CONFIG, team=team)

    found = as_team(2, run)
    assert [(type(error), error.step) for error in found] == [(TrainingDiverged, 1)] * 2
    travelled = pickle.loads(pickle.dumps(found[0]))
    assert (type(travelled), travelled.step, str(travelled)) == (TrainingDiverged, 1, str(found[0]))


def test_more_processes_than_rows_are_refused():
    objective = OBJECTIVES["masked, per mask"]
    with pytest.raises(ValueError, match="3 processes share the rows of a batch, and batch_size is 2"):
        train(build(objective), objective, rows_of(objective, 2), CONFIG, team=Team(0, 3, None))


def test_who_is_left_says_so_in_a_line_and_does_not_wait():
    objective = OBJECTIVES["masked, per mask"]

    def run(team: Team) -> Any:
        team.sum(torch.zeros(1))  # nobody leaves before the other has come
        if team.rank == 1:
            return None  # and with the thread its connection ends
        with contextlib.suppress(KeyboardInterrupt):
            return trained(objective, team)

    lost, _ = as_team(2, run)
    assert isinstance(lost, MemberLost)
    (said,) = str(lost).splitlines()
    assert said.startswith("another process of this training has ended or does not answer (")
    assert "third_party" not in said


def test_one_process_needs_no_connection():
    with joined(None, torch.device("cpu")) as team:
        assert team is ALONE
    network = build(MaskedObjective())
    assert ALONE.divided(network) is network
