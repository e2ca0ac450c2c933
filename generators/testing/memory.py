"""Invariants of what one call leaves behind for the next: arguments, results, and the place in the stream of draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from generators.testing.foreign import array
from generators.testing.report import Result, broken, unless
from generators.testing.structure import PROBES
from generators.testing.subject import Subject, show


def calls_interleave(subject: Subject) -> Result:
    """A call changes neither its argument, nor what an earlier call returned, nor what a later one will return."""
    return unless(
        _disturbances(subject), "sample, log_prob and observe leave arguments, results and later draws as they are"
    )


def _disturbances(subject: Subject) -> Iterator[Result | None]:
    few = min(PROBES, subject.n)
    yield _argument_kept(subject.generator.log_prob, subject.given(subject.sample[:few].copy()), "log_prob")
    if subject.promises("observe", "n_latents"):
        latents = subject.given(subject.sample[:few, subject.latent_positions].copy())
        yield _argument_kept(subject.generator.observe, latents, "observe")  # type: ignore[attr-defined]
    kept = subject.draw_with(subject.rng(5), few)
    before = array(kept, "sample").copy()
    subject.draw_with(subject.rng(6), few)
    yield _difference(array(kept, "sample"), before, "a later sample overwrote what an earlier one returned")
    alone, between = subject.rng(7), subject.rng(7)
    subject.draw_with(alone, few)
    undisturbed = subject.drawn_with(alone, few).copy()
    subject.generator.log_prob(subject.draw_with(between, few))
    disturbed = subject.drawn_with(between, few)
    yield _difference(disturbed, undisturbed, "a call of log_prob between two samples changed the second")


def _argument_kept(method: Any, argument: Any, name: str) -> Result | None:
    before = array(argument, name).copy()
    method(argument)
    return _difference(array(argument, name), before, f"{name} changed its argument")


def _difference(seen: np.ndarray, wanted: np.ndarray, fault: str) -> Result | None:
    if np.array_equal(seen, wanted):
        return None
    if seen.shape != wanted.shape:
        return broken(fault, counterexample=f"shape {seen.shape}", expected=f"shape {wanted.shape}")
    row = int(np.flatnonzero((seen != wanted).any(axis=1))[0])
    return broken(fault, counterexample=f"row {row}: {show(seen[row])}", expected=show(wanted[row]))
