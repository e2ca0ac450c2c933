"""The table of observation functions: the ``kind`` of a JSON form, and the class that reads it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from generators.ground.codec import shown
from generators.observations.function import ObservationFunction
from generators.observations.keyed_hash import KeyedHash
from generators.observations.noise import Noisy
from generators.observations.parity import Parity
from generators.observations.predicate import Predicate
from generators.observations.rules.rule import LogicRule
from generators.observations.slab import RandomSlab


def function_from_json(form: Any) -> ObservationFunction:
    """Read any observation function back.

    Raises:
        ValueError: no ``kind``, an unknown kind (the nearest known one is named), or fields that do not fit it.
    """
    if not isinstance(form, Mapping) or "kind" not in form:
        raise ValueError(f"an observation function is an object with a 'kind'; got {shown(form)}.")
    kind = form["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        near = difflib.get_close_matches(shown(kind), sorted(KINDS), n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown kind {shown(kind)}; the nearest of {sorted(KINDS)} is {near!r}.")
    return KINDS[kind](form)


def _noisy_from_json(form: Any) -> Noisy:
    return Noisy.from_json(form, read=function_from_json)


KINDS: dict[str, Callable[[Any], ObservationFunction]] = {
    "predicate": Predicate.from_json,
    "logic_rule": LogicRule.from_json,
    "keyed_hash": KeyedHash.from_json,
    "random_slab": RandomSlab.from_json,
    "parity": Parity.from_json,
    "noisy": _noisy_from_json,
}
