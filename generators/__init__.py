"""The data: L&O distributions that know their own truth, puzzles, datasets on disk. NumPy and compiled kernels."""

from generators.datasets.dataset import Dataset, read_dataset, write_dataset
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
from generators.observations.function import ObservationFunction
from generators.observations.keyed_hash import KeyedHash
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.rules.rule import LogicRule
from generators.observations.rules.syntax import RuleSyntaxError
from generators.observations.scopes import ordered_scopes, random_scopes, regular_scopes
from generators.observations.slab import RandomSlab
from generators.planted.constraints import PlantedEnsemble, PlantedInstance
from generators.prompted import PuzzleForm, mark_given, split_given

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
