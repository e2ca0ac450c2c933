"""A written dataset under PyTorch's loader: the rows of memory, in orders that resume as if nothing had happened."""

from __future__ import annotations

import json
import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

from generators import families
from generators.datasets.dataset import read_dataset
from generators.datasets.writing import write_dataset
from generators.ground.shuffle import shuffled
from lo_theory import ShuffledSampler, TokenDataset

ROWS, SEED = 103, 5
BITS = families.nae_sat(5, 10, structure_seed=0)
EXPECTED = torch.from_numpy(BITS.rows(3, 0, ROWS).astype(np.int64))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    where = tmp_path_factory.mktemp("rows")
    write_dataset(BITS, where, rows=ROWS, sample_seed=3, shard_rows=20)
    return where


def order(epoch: int) -> list[int]:
    return shuffled(ROWS, SEED, epoch, 0, ROWS).tolist()


def test_rows_are_those_of_a_tensor(directory):
    tokens, mask = TokenDataset(directory), EXPECTED[:, 0] == 1
    assert len(tokens) == ROWS
    assert tokens.fingerprint == BITS.fingerprint
    for index in (0, -1, slice(None), slice(50, 3, -7), [5, -5, 5]):
        assert np.array_equal(tokens[index], EXPECTED.numpy()[index])
    assert torch.equal(tokens[mask], EXPECTED[mask])
    assert tokens[0].dtype == torch.int64
    assert TokenDataset(read_dataset(directory), dtype=torch.uint8)[[1]].dtype == torch.uint8
    with pytest.raises(IndexError, match="row 103 of a dataset of 103 rows"):
        tokens[ROWS]


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_loader_gives_what_it_gives_of_rows_in_memory(directory, drop_last):
    def loader(data):
        draws = torch.Generator().manual_seed(0)
        return DataLoader(data, batch_size=10, shuffle=True, generator=draws, drop_last=drop_last)

    held = [batch for (batch,) in loader(TensorDataset(EXPECTED))]
    read = list(loader(TokenDataset(directory)))
    assert all(torch.equal(one, other) for one, other in zip(held, read, strict=True))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork beside threads
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_read_the_same_rows(directory, context):
    tokens = TokenDataset(directory)
    tokens[[0, 50]]  # maps that a worker must not be sent
    sampler = ShuffledSampler(ROWS, seed=SEED)
    workers = {"num_workers": 1, "multiprocessing_context": context}
    found = torch.cat(list(DataLoader(tokens, batch_size=25, sampler=sampler, **workers)))
    assert torch.equal(found, EXPECTED[order(0)])


def test_what_was_checked_goes_along_and_maps_do_not(directory):
    tokens = TokenDataset(read_dataset(directory, verify=True))
    again = pickle.loads(pickle.dumps(tokens))
    assert not again.rows._shards._maps
    assert all(all(checked) for _, checked in again.rows._shards._checked.values())
    assert torch.equal(again[:], EXPECTED)


def test_epochs_follow_one_another():
    sampler = ShuffledSampler(ROWS, seed=SEED)
    assert [list(sampler), list(sampler)] == [order(0), order(1)]
    sampler.set_epoch(7)
    assert list(sampler) == order(7)
    assert sampler.epoch == 8
    assert len(sampler) == ROWS


@pytest.mark.parametrize("stop", [0, 1, 60, 102, 103])
def test_a_resumed_order_is_that_of_no_interruption(stop):
    sampler = ShuffledSampler(ROWS, seed=SEED, epoch=2)
    running = iter(sampler)
    begun = [next(running) for _ in range(stop)]
    state = json.loads(json.dumps(sampler.state_dict()))
    resumed = ShuffledSampler(ROWS, seed=SEED)
    resumed.load_state_dict(state)
    if stop < ROWS:
        assert len(resumed) == ROWS - stop
        assert list(ShuffledSampler(ROWS, seed=SEED, epoch=2, position=stop)) == order(2)[stop:]
        begun += list(resumed)
    assert begun == order(2)
    assert list(resumed) == order(3)


def test_an_iteration_can_be_given_a_state_of_its_own():
    """As torchdata's loader does: it asks sampler and iteration for states, and sets both."""
    sampler, other = ShuffledSampler(ROWS, seed=SEED), ShuffledSampler(ROWS, seed=SEED)
    running = iter(sampler)
    begun = [next(running) for _ in range(40)]
    states = sampler.state_dict(), running.state_dict()
    assert states[0] == states[1] == {"rows": ROWS, "seed": SEED, "epoch": 0, "position": 40}
    later = iter(other)
    next(later)
    later.load_state_dict(states[1])
    assert begun + list(later) == order(0)
    assert list(other) == order(1)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("stop", [1, 9, 10, 11, 14])
def test_a_loader_resumes_by_counting_rows(directory, drop_last, stop):
    """Batches of two epochs; after ``stop`` of them everything is made anew but (seed, epoch, position)."""

    def batches(sampler, first, epochs):
        loader = DataLoader(TokenDataset(directory), sampler=sampler, batch_size=10, drop_last=drop_last)
        epoch, position = first
        while epoch < epochs:
            for batch in loader:
                position += len(batch)
                yield batch, (epoch, position)
            epoch, position = epoch + 1, 0

    every = list(batches(ShuffledSampler(ROWS, seed=SEED), (0, 0), 2))
    _, (epoch, position) = every[stop - 1]
    if drop_last and position > ROWS - 10:  # what is left over of the epoch is dropped
        epoch, position = epoch + 1, 0
    resumed = ShuffledSampler(ROWS, seed=SEED, epoch=epoch, position=position)
    rest = list(batches(resumed, (resumed.epoch, resumed.position), 2))
    assert [place for _, place in rest] == [place for _, place in every[stop:]]
    assert all(torch.equal(one, other) for (one, _), (other, _) in zip(rest, every[stop:], strict=True))


def test_an_iteration_that_is_left_starts_again_and_does_not_move_another():
    sampler = ShuffledSampler(ROWS, seed=SEED)
    left = iter(sampler)
    assert [next(left) for _ in range(5)] == order(0)[:5]
    assert list(sampler) == order(0)
    sampler.set_epoch(4)
    assert len(list(left)) == ROWS - 5
    assert list(sampler) == order(4)


def test_no_order_of_all_rows_is_held():
    """A batch at ten places of 10^8 rows, a loader's and the bare sampler's."""
    tracemalloc.start()
    for position in range(0, 10**8, 10**7):
        sampler = ShuffledSampler(10**8, seed=0, position=position)
        batch = next(iter(BatchSampler(sampler, 256, drop_last=False)))
        assert len(set(batch)) == 256
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**21


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": 104}, "with rows=104, this one has rows=103"),
        ({"seed": 6}, "with seed=6, this one has seed=5"),
        ({"position": 104}, "position must be at most 103; got 104"),
        ({"position": -1}, "position"),
        ({"epoch": 1.5}, "epoch"),
        ({"more": 1}, "unknown field 'more'"),
    ],
)
def test_another_state_is_refused(change, said):
    sampler = ShuffledSampler(ROWS, seed=SEED)
    with pytest.raises(ValueError, match=said):
        sampler.load_state_dict(sampler.state_dict() | change)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rows": 0, "seed": 0}, "rows must be at least 1"),
        ({"rows": 5, "seed": -1}, "seed must be at least 0"),
        ({"rows": 5, "seed": 0, "epoch": -1}, "epoch must be at least 0"),
        ({"rows": 5, "seed": 0, "position": 6}, "position must be at most 5"),
    ],
)
def test_another_sampler_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        ShuffledSampler(**arguments)
