"""Streams of data: words, structures, rows of distributions, planted instances, datasets.

All of it are whole numbers, made from the words of NumPy's Philox, PCG64 and ``SeedSequence`` by integer arithmetic and
comparisons: the same on any machine. Directions of slabs are float64; they are compared to within 1e-12, as the tail of
a Gaussian draw goes through the machine's logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from generators import (
    KeyedHash,
    LODistribution,
    Noisy,
    PlantedEnsemble,
    Predicate,
    every_subset,
    local_hash,
    logic_rules,
    nae_sat,
    predicate_csp,
    random_logic,
    random_scopes,
    random_slabs,
    regular_scopes,
    sparse_parity,
    whole_hash,
    write_dataset,
)
from generators.ground.draws import derived_seed, words
from generators.observations.keyed_hash import key_from_seed
from generators.observations.named_tables import nae, parity
from generators.observations.rules.random_rules import dnf_rules, horn_rules, random_formulas
from generators.observations.slab import gaussian_directions
from generators.planted.constraints import Shown
from generators.planted.slabs import PlantedSlabs
from generators.testing.subject import Subject

STRUCTURES: dict[str, tuple[Callable[[], Any], str]] = {
    "words": (lambda: words(0, 0, 0, 100), "13303731920906480441 #f57f587e"),
    "words of another stream": (lambda: words(0, 1, 0, 100), "12441188205270234579 #a453646c"),
    "words from the middle on": (lambda: words(7, 3, 1_000_001, 1_000_005), "8496778056061858914 #bf79a7f0"),
    "words of a seed of two words": (lambda: words(2**40 + 1, 2, 0, 100), "2469450271043529263 #93ee35df"),
    "derived seeds": (
        lambda: [derived_seed(1, 0), derived_seed(1, 1), derived_seed(2**40, 3)],
        "3717377837946358015 #fb7ba1f2",
    ),
    "scopes": (lambda: random_scopes(9, 50, arity=3, structure_seed=0), "354 012 254 #2b5592a3"),
    "scopes of another seed": (lambda: random_scopes(9, 50, arity=3, structure_seed=1), "238 035 046 #67cba0ae"),
    "regular scopes": (lambda: regular_scopes(7, 50, arity=3, structure_seed=0), "504 421 301 #bc6d0c62"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_words_and_scopes(seen, name):
    make, golden = STRUCTURES[name]
    assert seen(make()) == golden


RULES: dict[str, tuple[Callable[[], tuple[str, ...]], list[str]]] = {
    "Horn": (lambda: horn_rules(5, 2, structure_seed=0), ["(x1 and x4) implies x0", "(x1 and x4) implies x3"]),
    "DNF": (
        lambda: dnf_rules(5, 2, terms=2, width=2, structure_seed=0),
        ["(not x0 and x4) or (not x2 and x4)", "(not x2 and not x3) or (not x0 and x4)"],
    ),
    "DNF of three values": (
        lambda: dnf_rules(3, 2, terms=1, width=2, latent_alphabet=3, structure_seed=0),
        ["(x0 != 0) and (x2 != 2)", "(x1 != 0) and (x2 != 2)"],
    ),
    "formulas": (
        lambda: random_formulas(5, 2, size=4, structure_seed=0, arity=3),
        ["(not x3 xor x4) implies (not x2 or not x4)", "x0 and (x3 or (not x1 and x0))"],
    ),
    "balanced formulas": (
        lambda: random_formulas(5, 2, size=4, structure_seed=0, arity=3, balanced=True),
        ["x0 and (x3 or (not x1 and x0))", "(x3 iff not x1) or (not x2 and not x3)"],
    ),
    "immune formulas": (
        lambda: random_formulas(5, 2, size=6, structure_seed=0, arity=4, immune=True),
        [
            "(not x4 and not x0) iff (x3 iff (not x2 xor (x0 or x3)))",
            "(x4 xor not x3) xor ((not x0 iff x1) iff (x4 implies x0))",
        ],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_drawn_rules(name):
    make, golden = RULES[name]
    assert list(make()) == golden


def test_keys_of_hashes():
    assert [key_from_seed(seed)[:16] for seed in (0, 1, 2**40)] == [
        "3bbead255f868b9c",
        "0de9f1c8d95509d0",
        "44572f5a8f55370f",
    ]


def test_directions_of_slabs():
    drawn = gaussian_directions(3, 50, structure_seed=0)
    assert [*drawn[0, :2], drawn[49, 2]] == pytest.approx([1.152410579895, 1.25042270787, 1.122555771892], abs=1e-12)


SKEWED = np.array([0.2, 0.0, 0.5, 0.3])
ORDER = np.array([7, 0, 3, 5, 1, 6, 2, 4])
PAIRS = np.array([[0, 1], [1, 2], [2, 3]])
SEVERAL = LODistribution(
    np.array([0.3, 0.7]),
    4,
    (
        Noisy(Predicate(parity(arity=2), PAIRS), 0.3),
        KeyedHash("00ff", PAIRS[:1]),
        Noisy(Predicate(nae(arity=2), PAIRS), 0.3),
    ),
)


def of(family: Callable[..., LODistribution], *sizes: Any, seed: int = 0, **options: Any) -> LODistribution:
    return family(*sizes, structure_seed=seed, **options)


DISTRIBUTIONS: dict[str, tuple[LODistribution, str, str]] = {
    "not all equal": (of(nae_sat, 5, 4), "100110111 010101011 #55c7525d", "f130782f"),
    "another structure": (of(nae_sat, 5, 4, seed=1), "100111111 010101111 #f2167e9e", "f1704a32"),
    "permuted": (of(nae_sat, 5, 3, order=ORDER), "01101101 10001110 01 #4af9b3fb", "7337868c"),
    "three values, by inversion": (of(nae_sat, 5, 4, latent_alphabet=3), "201201111 002121111 #589f1ea8", "b8123eb4"),
    "four values, two bits each": (
        of(nae_sat, 5, 4, arity=2, latent_alphabet=4),
        "123031111 220321001 #96bdc807",
        "3c440486",
    ),
    "a prior with a zero": (
        of(predicate_csp, nae(arity=2, latent_alphabet=4), 5, 4, prior=SKEWED),
        "302301111 223231100 #6b6a69f9",
        "ceb74deb",
    ),
    "every subset": (every_subset(parity(arity=2), 3), "100111010 010101101 #4813a022", "45b44ef2"),
    "noise on bits": (of(sparse_parity, 5, 4, arity=3, noise=0.25), "100111001 010101001 #bcd5a887", "78482667"),
    "noise on three values": (of(local_hash, 5, 4, alphabet=3, noise=0.5), "100111121 010101201 #b84bcebc", "f6aaaa71"),
    "several functions with noise": (SEVERAL, "10111100111 00110101 #09110482", "a0240ab1"),
    "slabs": (of(random_slabs, 5, 4, 0.7), "100111100 010100101 #bf866343", "9e61beac"),
    "local hash": (of(local_hash, 5, 4), "100111111 010100110 #3ea06784", "e9a8c7ff"),
    "local hash of latents of three": (
        of(local_hash, 5, 4, latent_alphabet=3),
        "201201011 002120011 #efb34afd",
        "78c671de",
    ),
    "whole hash": (of(whole_hash, 5, 4), "100111110 010101110 #12109287", "c1e74e73"),
    "whole hash, two digests long": (of(whole_hash, 13, 600), "10011100110101111110 #4bbe4696", "0a082c21"),
    "whole hash into five values": (of(whole_hash, 5, 4, alphabet=5), "100113104 010101224 #7acff097", "1134eab7"),
    "written rules": (logic_rules(["x0 xor x1", "x1 implies x2"], 3), "10011 01010 00001 #6f368bed", "ce24eb01"),
    "drawn rules": (of(random_logic, 5, 4), "100111110 010100011 #736360a2", "1be16060"),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_rows_of_distributions(seen, name):
    """Rows 0 to 199 of seed 0; and the fingerprint, a hash of every scope, key, rule and direction."""
    distribution, golden, fingerprint = DISTRIBUTIONS[name]
    assert seen(distribution.rows(0, 0, 200)) == golden
    assert distribution.fingerprint[:8] == fingerprint


@pytest.mark.parametrize(
    ("seed", "start", "golden"),
    [
        (1, 0, "01110110110 11110000 #caec895e"),
        (2**40 + 1, 0, "11000100010 01111100 #e43cf6a1"),
        (0, 4094, "11110010101 11011100 #046cdb08"),
        (0, 10**9, "01111000100 01011010 #e10b4e88"),
    ],
)
def test_rows_of_other_seeds_and_further_on(seen, seed, start, golden):
    assert seen(SEVERAL.rows(seed, start, start + 200)) == golden


def test_samples_are_streams_named_by_a_word_of_their_generator(seen):
    assert seen(SEVERAL.sample(200, np.random.default_rng(5))) == "10101100111 01100110 #9509430f"


def test_samples_of_the_invariants(seen):
    subject = Subject(SEVERAL, n=50, seed=3, level=1e-9, max_states=100)
    assert [seen(subject.draw(number)) for number in (0, 1)] == [
        "01111010100 11110000 #34c534d1",
        "11111100010 11111100 #4d9d7117",
    ]


PLANTED: dict[str, tuple[PlantedEnsemble, str, str, str]] = {
    "satisfied": (
        PlantedEnsemble(np.full(3, 1 / 3), 9, nae(arity=2, latent_alphabet=3), 4.0),
        "100022121 #99b23523",
        "27 37 40 #dc715535",
        "11111111111111111111 #9ae3d78f",
    ),
    "both values": (
        PlantedEnsemble(np.array([0.3, 0.7]), 9, nae(arity=3), 6.0, "both"),
        "100011111 #c9f2cb68",
        "276 037 406 #aabf3387",
        "11011011011110111111 #28d2d08c",
    ),
    "a fixed number": (
        PlantedEnsemble(np.array([0.3, 0.7]), 9, parity(arity=3), 6.0, "both", "fixed"),
        "100011111 #c9f2cb68",
        "582 760 374 #4c157963",
        "010010100011110010 #efda5c6e",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_constraints(seen, name):
    ensemble, latents, scopes, values = PLANTED[name]
    drawn = ensemble.sample(np.random.default_rng(0))
    assert [seen(drawn.latents), seen(drawn.scopes), seen(drawn.values)] == [latents, scopes, values]


SLABS: dict[Shown, tuple[str, str, list[float]]] = {
    "satisfied": (
        "01111 #336ada9a",
        "1111111111 #7b7f9c13",
        [0.06716918984306, -0.4932503258868, -0.5816408364095],
    ),
    "both": ("01111 #336ada9a", "1001111110 #0bc3778f", [0.3615950549095, 0.357380410659, 0.5026828498749]),
}


@pytest.mark.parametrize("shown", SLABS)
def test_planted_slabs(seen, shown):
    """The last entry of the first and of the last direction, and of a direction that has no teacher."""
    latents, values, directions = SLABS[shown]
    rng = np.random.default_rng(0)
    slabs = PlantedSlabs(n_latents=5, density=2.0, width=0.7, shown=shown)
    drawn = slabs.sample(rng)
    fresh = slabs.without_teacher(drawn, rng)
    assert [seen(drawn.latents), seen(drawn.values)] == [latents, values]
    ends = [drawn.directions[0, 4], drawn.directions[9, 4], fresh.directions[9, 4]]
    assert ends == pytest.approx(directions, abs=1e-12)


@pytest.mark.parametrize(
    ("format", "columns", "shards"),
    [
        ("npy", "position", ["10b975edf566", "cea52a4f02a8", "195bb850595b"]),
        ("npy", "order", ["4c6f84690d78", "b0a9259808eb", "83188248adba"]),
        ("jsonl", "position", ["61f08c76a2b4", "036c9f3b49e5", "115631492b6a"]),
        ("jsonl", "apart", ["d13ef817a803", "fcdfd6734beb", "8de1502c295d"]),
        ("packed", "position", ["47d7f589fc62", "bc4cd6fdcec4", "348e834d1d4b"]),
        ("packed", "order", ["3e5955655cc0", "3fefb86c39f7", "9e43e6585701"]),
    ],
)
def test_files_of_a_dataset(tmp_path, format, columns, shards):
    """SHA-256 of every file, which is one block, byte for byte."""
    permuted = nae_sat(5, 3, structure_seed=0, order=ORDER)
    made = write_dataset(permuted, tmp_path, rows=20, sample_seed=1, shard_rows=8, format=format, columns=columns)
    assert [shard["blocks"][0][:12] for shard in made.manifest["shards"]] == shards
