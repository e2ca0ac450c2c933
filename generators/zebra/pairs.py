"""Two clues at once: every assignment of their entities that both allow, and what none of them supports."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int8, Int64, UInt8

from generators.ground.compiled import kernel
from generators.zebra.clue import MOST, NOTHING


@kernel
def _related(one: Int8[np.ndarray, "4"], two: Int8[np.ndarray, "4"]) -> bool:
    """Whether the clues speak of a common attribute; house numbers do not count, they are known."""
    for i in range(1, 4):
        for j in range(1, 4):
            if one[i] >= MOST and one[i] != NOTHING and two[j] != NOTHING and one[i] // MOST == two[j] // MOST:
                return True
    return False


@kernel
def _gather(
    one: Int8[np.ndarray, "4"],
    two: Int8[np.ndarray, "4"],
    entities: Int64[np.ndarray, "6"],
    slots: Int64[np.ndarray, "2 3"],
) -> int:
    """Write the entities of both clues, each once, and where the operands of either stand among them."""
    count = 0
    for which in range(2):
        for i in range(3):
            code = one[1 + i] if which == 0 else two[1 + i]
            slot = 0
            while slot < count and entities[slot] != code:
                slot += 1
            if slot == count:
                entities[count] = code
                count += 1
            slots[which, i] = slot
    return count


@kernel
def _supported(
    cand: UInt8[np.ndarray, "entities"],
    kinds: tuple[int, int],
    entities: Int64[np.ndarray, "6"],
    count: int,
    slots: Int64[np.ndarray, "2 3"],
    houses: int,
    truth: Bool[np.ndarray, "types 6 6 6"],
    kept: Int64[np.ndarray, "6"],
) -> None:
    """Union, per entity, of the houses that it has in assignments that both clues and exclusion allow."""
    at = np.full(6, -1)
    kept[:] = 0
    last_of_one = max(slots[0, 0], slots[0, 1], slots[0, 2])
    depth = 0
    while depth >= 0:
        if depth == count:
            if truth[kinds[1], at[slots[1, 0]], at[slots[1, 1]], at[slots[1, 2]]]:
                for slot in range(count):
                    kept[slot] |= 1 << at[slot]
            depth -= 1
            continue
        at[depth] += 1
        house = at[depth]
        if house == houses:
            at[depth] = -1
            depth -= 1
            continue
        if not cand[entities[depth]] >> house & 1:
            continue
        free = True
        for slot in range(depth):
            if at[slot] == house and entities[slot] // MOST == entities[depth] // MOST:
                free = False
        if not free:
            continue
        if depth == last_of_one and not truth[kinds[0], at[slots[0, 0]], at[slots[0, 1]], at[slots[0, 2]]]:
            continue
        depth += 1


@kernel
def strike_by_two_clues(
    cand: UInt8[np.ndarray, "entities"],
    clues: Int8[np.ndarray, "m 4"],
    count: int,
    houses: int,
    truth: Bool[np.ndarray, "types 6 6 6"],
) -> tuple[int, int]:
    """Numbers of the first two clues that strike something together, which they do; (-1, -1) if none do."""
    entities, slots, kept = np.empty(6, np.int64), np.empty((2, 3), np.int64), np.empty(6, np.int64)
    for one in range(count):
        for two in range(one + 1, count):
            if not _related(clues[one], clues[two]):
                continue
            members = _gather(clues[one], clues[two], entities, slots)
            kinds = (np.int64(clues[one, 0]), np.int64(clues[two, 0]))
            _supported(cand, kinds, entities, members, slots, houses, truth, kept)
            struck = False
            for slot in range(members):
                entity = entities[slot]
                if kept[slot] and cand[entity] & ~kept[slot]:
                    cand[entity] &= kept[slot]
                    struck = True
            if struck:
                return one, two
    return -1, -1
