"""Files of before have no digests: they are read, and whoever reads them is told."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from analysis.cli.main import main
from analysis.lab.experiment import run_units
from analysis.lab.provenance import collect
from analysis.lab.rows import Row, Subject
from analysis.lab.store import RowStore
from lo_theory.estimate import share_estimate

WORDS = (
    *("--steps", "40", "--batch-size", "8", "--layers", "1", "--width", "8", "--heads", "2"),
    *("random-logic", "--n-latents", "3", "--n-observations", "3"),
)
SAID = "unchecked, written before files had digests"


def train(directory: Path, *words: str) -> int:
    return main(["train", "--out", str(directory), "--quiet", *words, *WORDS])


def of_before(directory: Path) -> None:
    """Make the checkpoint and the log what they were before there were digests."""
    path = directory / "checkpoint.safetensors"
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    form = json.loads(header["__metadata__"]["lo_theory"])
    old = {name: value for name, value in form.items() if name not in ("digest", "log")} | {"format": 1}
    header["__metadata__"]["lo_theory"] = json.dumps(old)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])
    lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    for line in lines:
        del line["digest"]
    (directory / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("trained") / "m"
    assert train(directory) == 0
    return directory


@pytest.fixture
def model(trained, tmp_path) -> Path:
    shutil.copytree(trained, tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("words", [["evaluate", "--rows", "2"], ["sample", "--n", "1"]])
def test_whoever_asks_a_model_of_before_is_told(model, words, capsys):
    assert main([*words, "--model", str(model)]) == 0
    checked = capsys.readouterr()
    assert checked.err == ""
    of_before(model)
    assert main([*words, "--model", str(model)]) == 0
    told = capsys.readouterr()
    assert told.err == f"{model}: {SAID}; its weights have a checksum.\n"
    assert told.out == checked.out


def test_whoever_resumes_a_run_of_before_is_told(model, capsys):
    assert train(model) == 0
    assert capsys.readouterr().err == ""
    of_before(model)
    assert train(model) == 0
    assert SAID in capsys.readouterr().err


def test_an_unknown_field_in_a_log_is_one_line(model, capsys):
    log = model / "log.jsonl"
    log.write_text(json.dumps(json.loads(log.read_text()) | {"colour": "red"}) + "\n")
    assert train(model) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"lo-theory: {log} is damaged, cut short or of another run: line 1 has an unknown field")
    assert said.count("\n") == 1
    assert train(model, "--restart") == 0


@dataclass(frozen=True, kw_only=True)
class CoinUnit:
    """A coin, thrown."""

    label: str = "coin"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        about = Subject(distribution="coin", fingerprint="", model="none")
        yield about.row("coin", "share", share_estimate(1, 2))


def test_a_unit_of_before_is_kept_and_says_so(tmp_path, capsys):
    path = RowStore(tmp_path / "units").put(CoinUnit(), CoinUnit().measure(tmp_path, torch.device("cpu")), collect({}))
    for told in ("coin: 1 rows, kept\n", f"coin: 1 rows, kept ({SAID.replace(',', ':')})\n"):
        (unit,) = run_units([CoinUnit()], tmp_path, name="coin", jobs=1)
        assert told in "".join(capsys.readouterr())
        assert unit.checked == ("unchecked" not in told)
        form = json.loads(path.read_text())
        form.pop("digest", None)
        path.write_text(json.dumps(form))
