"""Generators with one deliberate fault each: the proof that the invariants can fail."""

from __future__ import annotations

from dataclasses import dataclass

from generators.testing.altered import Altered, bare, sound_distribution, wide_distribution
from generators.testing.faulty_densities import BARE_DENSITIES, DENSITIES, WIDE
from generators.testing.faulty_parts import PARTS
from generators.testing.faulty_rows import BARE_ROWS, ROWS


@dataclass(frozen=True)
class Broken:
    """A generator and the invariant that it violates.

    Attributes:
        violates: name of the invariant.
        fault: what is wrong, in words.
        generator: the culprit; a fresh one, since some have memory.
    """

    violates: str
    fault: str
    generator: Altered


def broken_generators() -> tuple[Broken, ...]:
    """At least one fault for every invariant, with fresh generators. None but the JSON one promises a JSON form.

    Those whose fault begins with "bare" offer ``sample`` and ``log_prob`` and nothing else. Those that begin with
    "wide" have 20 latents and 40 observations, and the promises that they name.
    """
    base, wide = sound_distribution(), wide_distribution()
    full = [(base, {"to_json": None}, fault) for fault in (*PARTS, *ROWS, *DENSITIES)]
    only = [(base, {"to_json": None, **bare()}, fault) for fault in (*BARE_ROWS, *BARE_DENSITIES)]
    large = [(wide, {"to_json": None}, fault) for fault in WIDE]
    return tuple(
        Broken(violates, fault, Altered(origin, **{**hidden, **replace_by(origin)}))
        for origin, hidden, (violates, fault, replace_by) in (*full, *only, *large)
    )


__all__ = ["Broken", "broken_generators", "sound_distribution"]
