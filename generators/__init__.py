"""The data: L&O distributions that know their own truth, puzzles, datasets on disk. NumPy and compiled kernels.

Names are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generators.datasets.dataset import Dataset, read_dataset
    from generators.datasets.splits import write_splits
    from generators.datasets.writing import write_dataset
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
    from generators.observations.parity import Parity
    from generators.observations.predicate import Predicate
    from generators.observations.rules.rule import LogicRule
    from generators.observations.rules.syntax import RuleSyntaxError
    from generators.observations.scopes import ordered_scopes, random_scopes, regular_scopes
    from generators.observations.slab import RandomSlab
    from generators.planted.constraints import PlantedEnsemble, PlantedInstance
    from generators.prompted import PuzzleForm, mark_given, split_given
    from generators.text.corpus import Corpus, read_corpus
    from generators.text.fitting import fit_hidden, fit_markov
    from generators.text.hidden import HiddenMarkov
    from generators.text.markov import MarkovChain
    from generators.text.random_chains import random_hidden, random_markov
    from generators.text.standard_library import standard_library
    from generators.text.windows import TextWindows

_HOME = {
    "Corpus": "text.corpus",
    "Dataset": "datasets.dataset",
    "HiddenMarkov": "text.hidden",
    "KeyedHash": "observations.keyed_hash",
    "LODistribution": "distribution",
    "LogicRule": "observations.rules.rule",
    "MarkovChain": "text.markov",
    "Noisy": "observations.noise",
    "ObservationFunction": "observations.function",
    "Parity": "observations.parity",
    "PlantedEnsemble": "planted.constraints",
    "PlantedInstance": "planted.constraints",
    "Predicate": "observations.predicate",
    "PuzzleForm": "prompted",
    "RandomSlab": "observations.slab",
    "RuleSyntaxError": "observations.rules.syntax",
    "TextWindows": "text.windows",
    "every_subset": "families",
    "fit_hidden": "text.fitting",
    "fit_markov": "text.fitting",
    "local_hash": "families",
    "logic_rules": "families",
    "mark_given": "prompted",
    "nae_sat": "families",
    "ordered_scopes": "observations.scopes",
    "predicate_csp": "families",
    "random_hidden": "text.random_chains",
    "random_logic": "families",
    "random_markov": "text.random_chains",
    "random_scopes": "observations.scopes",
    "random_slabs": "families",
    "read_corpus": "text.corpus",
    "read_dataset": "datasets.dataset",
    "regular_scopes": "observations.scopes",
    "sparse_parity": "families",
    "split_given": "prompted",
    "standard_library": "text.standard_library",
    "whole_hash": "families",
    "write_dataset": "datasets.writing",
    "write_splits": "datasets.splits",
}

__all__ = [
    "Corpus",
    "Dataset",
    "HiddenMarkov",
    "KeyedHash",
    "LODistribution",
    "LogicRule",
    "MarkovChain",
    "Noisy",
    "ObservationFunction",
    "Parity",
    "PlantedEnsemble",
    "PlantedInstance",
    "Predicate",
    "PuzzleForm",
    "RandomSlab",
    "RuleSyntaxError",
    "TextWindows",
    "every_subset",
    "fit_hidden",
    "fit_markov",
    "local_hash",
    "logic_rules",
    "mark_given",
    "nae_sat",
    "ordered_scopes",
    "predicate_csp",
    "random_hidden",
    "random_logic",
    "random_markov",
    "random_scopes",
    "random_slabs",
    "read_corpus",
    "read_dataset",
    "regular_scopes",
    "sparse_parity",
    "split_given",
    "standard_library",
    "whole_hash",
    "write_dataset",
    "write_splits",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'generators' has no attribute {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"generators.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted(__all__)
