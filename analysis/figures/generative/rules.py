"""The rules that write text: the paper's three, the entropy bound, each with its dial, and vanilla at temperatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.menu import BOUND, IN_STEPS, LEFT_TO_RIGHT, PAPERS, TRUST, VANILLA, sequence_rules
from lo_theory.samplers.named_decoders import entropy_bound

TEMPERATURE = "temperature"


@dataclass(frozen=True)
class TextRule:
    """A decoder, what was varied to get it, and the temperature of the answers that it is given.

    Attributes:
        name: in rows and figures.
        swept, at: the dial, and where it stands.
    """

    name: str
    decoder: Decoder
    swept: str
    at: float
    temperature: float = 1.0


def rules(length: int, calls: Sequence[int], bounds: Sequence[float]) -> Iterator[TextRule]:
    """Vanilla, top probability and margin in so many calls, and the entropy bound at so many nats."""
    for steps in calls:
        for rule in sequence_rules(length, steps):
            if rule.name in PAPERS:
                yield TextRule(rule.name, rule.decoder, IN_STEPS, float(steps))
    for nats in bounds:
        yield TextRule(BOUND, entropy_bound(nats), TRUST[BOUND], nats)


def tempered_rules(length: int, temperatures: Sequence[float], *, masked: bool) -> list[TextRule]:
    """One token per call at each temperature: in random order, or from left to right."""
    name = VANILLA if masked else LEFT_TO_RIGHT
    decoder = next(rule.decoder for rule in sequence_rules(length, length) if rule.name == name)
    return [TextRule(name, decoder, TEMPERATURE, at, temperature=at) for at in temperatures]
