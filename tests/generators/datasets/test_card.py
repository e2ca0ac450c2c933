"""The card of a dataset, and that other programs load the directory as it is."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from analysis.cli.main import main
from generators import families
from generators.datasets.card import CARD, _size_category
from generators.datasets.splits import write_splits
from generators.datasets.writing import write_dataset

LAW = families.nae_sat(8, 12, structure_seed=0)
BLOCKS = """
import json, sys
import datasets
datasets.disable_progress_bars()
found = {}
for directory in sys.argv[1:]:
    loaded = datasets.load_dataset(directory)
    found[directory] = {name: part[:] for name, part in loaded.items()}
print(json.dumps(found))
"""


def loaded_by_hugging_face(*directories: Path, cache: Path) -> dict[str, dict[str, dict[str, list]]]:
    """Columns by split by directory, in a process that may not ask the hub."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_CACHE": str(cache / "datasets")}
    command = [sys.executable, "-c", BLOCKS, *map(str, directories)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | offline, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {Path(directory).name: splits for directory, splits in found.items()}


@pytest.mark.skipif(find_spec("datasets") is None, reason="needs Hugging Face's datasets")
def test_hugging_face_loads_a_directory_as_it_is(tmp_path):
    rows = {"train": 50, "test": 20}
    written = write_splits(LAW, tmp_path / "a", rows=rows, sample_seed=5, shard_rows=30, format="parquet")
    write_splits(LAW, tmp_path / "b", rows=rows, sample_seed=5, format="jsonl")
    write_dataset(LAW, tmp_path / "c", rows=20, sample_seed=3, shard_rows=8, format="parquet", columns="apart")
    write_dataset(LAW, tmp_path / "d", rows=20, sample_seed=3, shard_rows=8, format="jsonl")
    found = loaded_by_hugging_face(*(tmp_path / name for name in "abcd"), cache=tmp_path / "cache")
    expected = {name: {"tokens": dataset.rows(0, len(dataset)).tolist()} for name, dataset in written.items()}
    assert found["a"] == found["b"] == expected
    alone = LAW.rows(3, 0, 20)
    latents, observations = LAW.split(alone)
    assert found["c"] == {"train": {"latents": latents.tolist(), "observations": observations.tolist()}}
    assert found["d"] == {"train": {"tokens": alone.tolist()}}


def test_pandas_and_duckdb_read_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    duckdb = pytest.importorskip("duckdb")
    write_dataset(LAW, tmp_path, rows=20, sample_seed=3, shard_rows=8, format="parquet")
    rows = LAW.rows(3, 0, 20)
    frame = pandas.read_parquet(sorted(tmp_path.glob("*.parquet")))
    assert np.array_equal(np.stack(frame["tokens"]), rows)
    ones = duckdb.sql(f"select count(*), sum(list_sum(tokens)) from '{tmp_path}/*.parquet'").fetchall()
    assert ones == [(20, rows.sum())]


def test_the_command_in_the_card_makes_the_same_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {"train": 50, "validation": 9, "test": 20}
    write_splits(LAW, tmp_path, rows=rows, sample_seed=5, shard_rows=30, format="jsonl", columns="order", distinct=True)
    card = (tmp_path / CARD).read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("lo-theory generate")]
    assert main([word.replace("ANOTHER", "again") for word in shlex.split(line)[1:]]) == 0
    for path in (tmp_path / "again").rglob("*.*"):
        if not path.name.startswith("."):
            assert path.read_bytes() == (tmp_path / path.relative_to(tmp_path / "again")).read_bytes()
    assert (tmp_path / "again" / "test" / "dataset.json").exists()


def test_what_the_card_says(tmp_path):
    noisy = families.random_logic(4, 6, noise=0.1, structure_seed=0)
    write_dataset(noisy, tmp_path, rows=1500, sample_seed=3)
    card = (tmp_path / CARD).read_text()
    for words in (
        "license: mit",
        "- 1K<n<10K",
        f"`{noisy.fingerprint}`",
        f"{noisy.entropy():.6g} nats",
        "6 of kind `noisy` with noise 0.1",
        "| train | 1500 | 3 |",
        "from-file --path dataset.json",
    ):
        assert words in card
    assert "configs" not in card  # nothing loads arrays by itself
    assert not any(len(line.encode()) != len(line) for line in card.splitlines())


@pytest.mark.parametrize(
    ("rows", "category"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**6, "1M<n<10M"), (10**12, "n>1T")],
)
def test_size_categories_of_the_hub(rows, category):
    assert _size_category(rows) == category


def test_a_card_that_was_edited_is_kept_and_one_of_ours_renewed(tmp_path):
    arguments = {"rows": 5, "sample_seed": 3}
    write_dataset(LAW, tmp_path, **arguments)
    ours = (tmp_path / CARD).read_text()
    edited = ours.replace("license: mit", "license: cc0-1.0")
    (tmp_path / CARD).write_text(edited)
    write_dataset(LAW, tmp_path, **arguments)
    assert (tmp_path / CARD).read_text() == edited
    write_dataset(LAW, tmp_path / "b", rows=6, sample_seed=3)
    (tmp_path / CARD).write_text((tmp_path / "b" / CARD).read_text())  # of other rows, as a new version might write
    for path in (tmp_path / "b").iterdir():
        path.unlink()
    (tmp_path / "b").rmdir()
    write_dataset(LAW, tmp_path, **arguments)
    assert (tmp_path / CARD).read_text() == ours


def test_a_card_of_somebody_else_is_no_part_of_a_new_dataset(tmp_path):
    (tmp_path / CARD).write_text("# Mine\n")
    for write in (
        lambda: write_dataset(LAW, tmp_path, rows=5, sample_seed=3),
        lambda: write_splits(LAW, tmp_path, rows={"train": 5}, sample_seed=3),
    ):
        with pytest.raises(ValueError, match=r"holds 'README\.md', which is no part"):
            write()
