"""Training rows from a written dataset: its rows once per epoch, at their positions, and a run that resumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from generators import families
from generators.datasets.dataset import read_dataset
from generators.datasets.writing import write_dataset
from lo_theory import MaskedObjective, NetworkConfig, StoredRows, TrainConfig, Transformer, train
from lo_theory.learning.checkpoint import load_checkpoint
from lo_theory.learning.source import RowSource
from lo_theory.learning.token_dataset import ShuffledSampler

ROWS = 47
BITS = families.nae_sat(5, 4, structure_seed=0, order=np.random.default_rng(0).permutation(9))


def written(where, **more):
    return write_dataset(BITS, where, rows=ROWS, sample_seed=3, shard_rows=10, **more)


@pytest.mark.parametrize("columns", ["position", "order"])
def test_each_epoch_has_every_row_at_its_positions(tmp_path, columns):
    source = StoredRows(written(tmp_path, columns=columns), batch_size=10, shuffle_seed=4)
    assert isinstance(source, RowSource)
    assert (source.length, source.vocabulary, source.fingerprint) == (9, 2, BITS.fingerprint)
    rows = torch.cat([source.batch(step) for step in range(20)])
    assert rows.dtype == torch.int64
    sampler = ShuffledSampler(ROWS, seed=4)
    expected = BITS.rows(3, 0, ROWS)[[number for _ in range(5) for number in sampler][:200]]
    assert np.array_equal(rows.numpy(), expected)
    assert torch.equal(source.batch(7), rows[70:80])


def test_a_batch_may_have_more_rows_than_there_are(tmp_path):
    batch = StoredRows(written(tmp_path), batch_size=100).batch(1)
    assert len(batch) == 100


def run(where, source, steps, stop=None):
    """The weights after so many steps; interrupted after ``stop`` of them."""
    network = Transformer(NetworkConfig(length=9, vocabulary=2, layers=1, width=4, heads=1), torch.Generator())
    config = TrainConfig(steps=steps, checkpoint_every=1)

    def step(record):
        if record.step == stop:
            raise KeyboardInterrupt

    try:
        train(network, MaskedObjective(), source, config, directory=where, on_step=step)
    except KeyboardInterrupt:
        return None
    return network.state_dict()


def test_a_resumed_run_has_the_weights_of_one_without_a_stop(tmp_path):
    dataset = written(tmp_path / "rows")
    whole = run(tmp_path / "whole", StoredRows(dataset, batch_size=20), 6)
    assert run(tmp_path / "resumed", StoredRows(dataset, batch_size=20), 6, stop=3) is None
    resumed = run(tmp_path / "resumed", StoredRows(read_dataset(tmp_path / "rows"), batch_size=20), 6)
    assert whole is not None
    assert resumed is not None
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    form = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors").source
    assert form == StoredRows(dataset, batch_size=20).to_json()
    assert form["digest"] == dataset.manifest["digest"][:16]
    other = write_dataset(BITS, tmp_path / "other", rows=ROWS, sample_seed=4, shard_rows=10)
    with pytest.raises(ValueError, match=r"its source has digest=.*; sample_seed=3, this one 4"):
        run(tmp_path / "whole", StoredRows(other, batch_size=20), 6)


def test_an_unsealed_dataset_has_a_name_of_its_own(tmp_path):
    source = StoredRows(written(tmp_path), batch_size=2)
    manifest = dict(source.dataset.manifest)
    del manifest["digest"]
    unsealed = StoredRows(type(source.dataset)(tmp_path, BITS, manifest, False), batch_size=2)
    assert len(unsealed.digest) == 16
    assert unsealed.digest != source.digest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": 1, "shuffle_seed": -1}, "shuffle_seed must"),
    ],
)
def test_another_source_is_refused(tmp_path, arguments, said):
    with pytest.raises(ValueError, match=said):
        StoredRows(written(tmp_path), **arguments)
