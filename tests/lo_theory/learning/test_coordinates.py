"""What a network is told about the grid: right on worked examples, blind to the future, and no change without it."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.learning.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_network,
    network_config_from_json,
    network_tensors,
    save_checkpoint,
)
from lo_theory.learning.coordinates import GridCoordinates, input_coordinates, token_places
from lo_theory.learning.network import NetworkConfig, Transformer

SUDOKU = GridCoordinates(rows=4, columns=4, box_rows=2, box_columns=2)
TRIPLES = dataclasses.replace(SUDOKU, triples=True)
HOUSES = GridCoordinates(rows=2, columns=3, start=4, triples=True)
SMALL: dict[str, Any] = {"length": 7, "vocabulary": 3, "layers": 2, "width": 16, "heads": 2}
KINDS = [{}, {"positions": "rotary", "mlp": "swiglu", "causal": True}]
LAST_DRAWN = [[-0.0465298, -0.1022470, -0.0843846], [0.0483759, -0.0241747, 0.0048380]]


def build(grid, seed=0, **fields):
    """A small network with a head that has left zero, for sequences that end one token after the grid."""
    draws = torch.Generator().manual_seed(seed)
    network = Transformer(
        NetworkConfig(**SMALL | {"length": grid.stop + 1, "vocabulary": 4, "coordinates": grid} | fields), draws
    )
    nn.init.normal_(network.head, generator=draws)
    return network.requires_grad_(False)


def grids():
    sizes = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))
    return st.builds(
        lambda n, boxed, start, triples: GridCoordinates(
            rows=n[0] * n[2], columns=n[1] * n[3], start=start, triples=triples,
            box_rows=n[0] if boxed else 0, box_columns=n[1] if boxed else 0,
        ),
        sizes, st.booleans(), st.integers(0, 4), st.booleans(),
    )  # fmt: skip


def told_by_hand(grid, tokens, position, *, causal):
    """Row, column and box of one token of one sequence, in plain words; None: not on the grid, "?": unknown."""
    if not grid.start <= position < grid.stop:
        return {"row": None, "column": None, "box": None}
    place = position - grid.start
    if not grid.triples:
        row, column = divmod(place, grid.columns)
    else:
        first = position - place % 3
        last = position if causal else first + 1
        seen = [tokens[j] if j <= last and j < len(tokens) else -1 for j in (first, first + 1)]
        row, column = (x if x in range(n) else "?" for x, n in zip(seen, (grid.rows, grid.columns), strict=True))
    box = "?"
    if "?" not in (row, column) and grid.boxes:
        tops = range(0, grid.rows, grid.box_rows)
        corners = [(top, left) for top in tops for left in range(0, grid.columns, grid.box_columns)]
        box = corners.index((row - row % grid.box_rows, column - column % grid.box_columns))
    return {"row": row, "column": column, "box": box}


def number(told, size):
    return {None: size, "?": size + 1}.get(told, told)


@given(grid=grids(), causal=st.booleans(), share=st.floats(0, 1), seed=st.integers(0, 10**6))
@settings(max_examples=80)
def test_every_input_is_told_what_the_words_say(grid, causal, share, seed):
    length = 1 + round(share * (grid.stop + 2)) if causal else grid.stop + round(3 * share)
    largest = max(grid.rows, grid.columns)
    rows = torch.randint(largest + 2, (3, length), generator=torch.Generator().manual_seed(seed)).tolist()
    told = input_coordinates(grid, torch.tensor(rows), causal=causal)
    assert told.keys() == grid.sizes.keys()
    for b, row in enumerate(rows):
        sequence = row[1:] if causal else row
        for j in range(length):
            held = j - 1 if causal else j
            expected = told_by_hand(grid, sequence, held, causal=causal)
            expected["role"] = (j - grid.start) % 3 if grid.start <= j < grid.stop else None
            for kind, answers in told.items():
                one = answers.expand(len(rows), -1)[b, j]
                assert one == number(expected[kind], grid.sizes[kind]), (kind, j)


def test_cells_of_a_small_sudoku():
    places = token_places(dataclasses.replace(SUDOKU, start=1), torch.zeros(2, 18, dtype=torch.int64), causal=False)
    assert places["row"].tolist() == [[4, *(i // 4 for i in range(16)), 4]]
    assert places["column"].tolist() == [[4, *(i % 4 for i in range(16)), 4]]
    assert places["box"].tolist() == [[4, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3, 4]]


def test_a_triple_on_its_way_into_a_causal_network():
    """Cell (3, 2) with value 1, after two prompt tokens: none n, unknown n + 1."""
    grid = dataclasses.replace(TRIPLES, start=2)
    told = input_coordinates(grid, torch.tensor([[4, 0, 0, 3, 2, 1, 0]]), causal=True)
    assert told["row"].tolist() == [[4, 4, 4, 3, 3, 3, 0]]
    assert told["column"].tolist() == [[4, 4, 4, 5, 2, 2, 5]]
    assert told["box"].tolist() == [[4, 4, 4, 5, 3, 3, 5]]
    assert told["role"].tolist() == [[3, 3, 0, 1, 2, 0, 1]]


def test_masked_numbers_are_unknown_and_the_others_are_told_to_the_whole_triple():
    mask, pad = 4, 5
    tokens = torch.tensor([[mask, 2, 0] + [1, mask, mask] + [1, 3, mask] + [pad] * 3 + [mask] * 36])
    places = token_places(TRIPLES, tokens, causal=False)
    assert places["row"][0, :12].tolist() == [5] * 3 + [1] * 6 + [5] * 3
    assert places["column"][0, :12].tolist() == [2] * 3 + [5] * 3 + [3] * 3 + [5] * 3
    assert places["box"][0, :12].tolist() == [5] * 6 + [1] * 3 + [5] * 3


@pytest.mark.parametrize("grid", [SUDOKU, TRIPLES, HOUSES, dataclasses.replace(SUDOKU, start=3)])
@given(position=st.integers(0, 48), seed=st.integers(0, 100))
@settings(max_examples=20)
def test_causal_network_does_not_look_ahead(grid, position, seed):
    network = build(grid, causal=True)
    length = network.config.length
    position %= length
    rows = torch.randint(6, (4, length), generator=torch.Generator().manual_seed(seed))
    other = rows.clone()
    other[:, position:] = (other[:, position:] + 1) % 6
    before, after = network(rows), network(other)
    assert torch.equal(before[:, :position], after[:, :position])
    assert not torch.allclose(before[:, position:], after[:, position:], atol=1e-3)


def test_looking_ahead_would_be_noticed():
    """Negative control: what a bidirectional network is told would break causality."""
    network = build(TRIPLES, causal=True)
    assert network.coordinates is not None
    network.coordinates.causal = False
    rows = torch.zeros(1, 49, dtype=torch.int64)
    other = rows.clone()
    other[:, 4] = 1
    assert not torch.equal(network(rows)[:, 3], network(other)[:, 3])


@pytest.mark.parametrize("grid", [SUDOKU, TRIPLES, HOUSES])
def test_causal_network_reads_prefixes(grid):
    network = build(grid, causal=True)
    rows = torch.randint(6, (3, network.config.length), generator=torch.Generator().manual_seed(0))
    whole = network(rows)
    for length in range(1, network.config.length):
        assert torch.allclose(network(rows[:, :length]), whole[:, :length], atol=1e-5)


@pytest.mark.parametrize("grid", [SUDOKU, TRIPLES, HOUSES])
@pytest.mark.parametrize("causal", [False, True])
def test_every_coordinate_matters(grid, causal):
    network = build(grid, causal=causal)
    assert network.coordinates is not None
    assert network.coordinates.tables.keys() == grid.sizes.keys()
    rows = torch.randint(3, (3, network.config.length), generator=torch.Generator().manual_seed(0))
    before = network(rows)
    for table in network.coordinates.tables.values():
        table[0] += 3
        assert not torch.allclose(network(rows), before, atol=1e-2)
        table[0] -= 3


@pytest.mark.parametrize(("kind", "last"), list(zip(KINDS, LAST_DRAWN, strict=True)))
def test_networks_without_coordinates_are_those_of_the_recorded_results(kind, last):
    """The first and the last numbers drawn, as they were before there were coordinates."""
    network = Transformer(NetworkConfig(**SMALL | kind), torch.Generator().manual_seed(0))
    assert network.embedding[0, :3].tolist() == pytest.approx([-1.1258398, -1.1523602, -0.2505786], abs=1e-6)
    weights = dict(network.named_parameters())
    assert weights["blocks.1.mlp_out"][-1, -3:].tolist() == pytest.approx(last, abs=1e-6)
    assert not [name for name in weights if "coordinates" in name]


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_weights_do_not_depend_on_coordinates(kind):
    grid = GridCoordinates(rows=2, columns=3)
    without, with_grid = (
        Transformer(NetworkConfig(**SMALL | kind, coordinates=grid), torch.Generator().manual_seed(0))
        for grid in (None, grid)
    )
    weights = dict(with_grid.named_parameters())
    assert all(torch.equal(weights.pop(name), weight) for name, weight in without.named_parameters())
    assert sorted(weights) == ["coordinates.tables.column", "coordinates.tables.row"]


def test_coordinates_start_at_the_scale_of_tokens():
    network = Transformer(
        NetworkConfig(length=48, vocabulary=4, width=256, coordinates=TRIPLES), torch.Generator().manual_seed(0)
    )
    assert network.coordinates is not None
    told = network.coordinates(torch.randint(4, (50, 48), generator=torch.Generator().manual_seed(1)))
    assert told.std().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("grid", [SUDOKU, TRIPLES])
@pytest.mark.parametrize("causal", [False, True])
def test_bfloat16_changes_little(grid, causal):
    network = build(grid, causal=causal)
    rows = torch.randint(6, (3, network.config.length), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(rows)
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, network(rows), atol=0.2)


def test_chains_of_a_causal_denoiser_are_one_distribution():
    grid = GridCoordinates(rows=2, columns=1, triples=True)
    network = build(grid, causal=True, vocabulary=3, length=6)
    everything = torch.cartesian_prod(*[torch.arange(3)] * 6)
    total = CausalDenoiser(network, np.arange(6)).chain_log_probs(everything).double().sum(dim=1).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_checkpoints_keep_the_grid(tmp_path):
    network = build(HOUSES)
    saved = Checkpoint(
        network=network.config, objective={}, source={}, training={}, fingerprint="f" * 16, step=1, tokens=1, flops=1,
        seconds=1.0, tensors=network_tensors(network),
    )  # fmt: skip
    save_checkpoint(tmp_path / "run.safetensors", saved)
    assert load_checkpoint(tmp_path / "run.safetensors").network == network.config
    rows = torch.randint(6, (3, network.config.length), generator=torch.Generator().manual_seed(0))
    assert torch.equal(load_network(tmp_path / "run.safetensors")(rows), network(rows))


@pytest.mark.parametrize("grid", [None, SUDOKU, HOUSES])
def test_config_round_trips(grid):
    config = NetworkConfig(length=30, vocabulary=4, coordinates=grid)
    assert network_config_from_json(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_files_from_before_there_were_coordinates_are_read():
    config = NetworkConfig(length=30, vocabulary=4)
    form = dataclasses.asdict(config)
    del form["coordinates"]
    assert network_config_from_json(form) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grids": None}, "network config has an unknown field 'grids'"),
        ({"coordinates": {"rows": 2}}, "grid of coordinates lacks the field"),
        ({"coordinates": dataclasses.asdict(SUDOKU) | {"depth": 1}}, "unknown field 'depth'"),
        ({"coordinates": dataclasses.asdict(SUDOKU) | {"rows": 0}}, "got 0, 4 and 0"),
    ],
)
def test_other_forms_are_refused(change, message):
    form = dataclasses.asdict(NetworkConfig(length=30, vocabulary=4))
    with pytest.raises(ValueError, match=message):
        network_config_from_json(form | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "got 0, 4 and 0"),
        ({"start": -1}, "got 4, 4 and -1"),
        ({"box_rows": 3}, "3 x 2 do not tile a grid of 4 x 4"),
        ({"box_rows": 0}, "0 x 2 do not tile"),
        ({"box_columns": -2}, "2 x -2 do not tile"),
    ],
)
def test_impossible_grids_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SUDOKU, **change)


def test_grids_that_do_not_fit_the_network_are_refused():
    with pytest.raises(ValueError, match="ends at position 16, sequences of the network at 15"):
        NetworkConfig(length=15, vocabulary=4, coordinates=SUDOKU)
    with pytest.raises(ValueError, match="3 tokens cannot number 4 rows and 4 columns"):
        NetworkConfig(length=48, vocabulary=3, coordinates=TRIPLES)
