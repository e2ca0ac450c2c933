"""The data: L&O distributions that know their own truth, puzzles, datasets on disk. NumPy and compiled kernels."""

from generators.dataset import Dataset, read_dataset, write_dataset
from generators.distribution import LODistribution
from generators.families import (
    every_subset,
    local_hash,
    logic_rules,
    nae_sat,
    predicate_csp,
    random_logic,
    random_slabs,
    sparse_parity,
    whole_hash,
)
from generators.keyed_hash import KeyedHash
from generators.noise import Noisy
from generators.observation import ObservationFunction
from generators.planted import PlantedEnsemble, PlantedInstance
from generators.predicate import Predicate
from generators.prompted import PuzzleForm, mark_given, split_given
from generators.rule import LogicRule
from generators.rule_syntax import RuleSyntaxError
from generators.scopes import ordered_scopes, random_scopes, regular_scopes
from generators.slab import RandomSlab

__all__ = [
    "Dataset",
    "KeyedHash",
    "LODistribution",
    "LogicRule",
    "Noisy",
    "ObservationFunction",
    "PlantedEnsemble",
    "PlantedInstance",
    "Predicate",
    "PuzzleForm",
    "RandomSlab",
    "RuleSyntaxError",
    "every_subset",
    "local_hash",
    "logic_rules",
    "mark_given",
    "nae_sat",
    "ordered_scopes",
    "predicate_csp",
    "random_logic",
    "random_scopes",
    "random_slabs",
    "read_dataset",
    "regular_scopes",
    "sparse_parity",
    "split_given",
    "whole_hash",
    "write_dataset",
]
