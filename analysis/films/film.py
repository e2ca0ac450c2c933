"""A sequence being decoded, step by step, as a value: what a terminal, a page or an animation then draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, Integer

from generators.distribution import LODistribution
from lo_theory.samplers.trace import Trace

Cell = Literal["given", "masked", "now", "before"]


@dataclass(frozen=True)
class Layout:
    """Where positions stand in the picture.

    Attributes:
        lines: positions from left to right, line by line; a line may be shorter than the others.
        names: what stands before each line; empty for a line that continues the one above.
        symbols: what a token is shown as, by its value.
        rules_after: numbers of lines, counted from 1, below which a rule is drawn; of columns too (a Sudoku's boxes).
        headings: what stands above the columns; nothing if empty.
    """

    lines: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    symbols: tuple[str, ...]
    rules_after: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    headings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """A position stands once."""
        positions = [p for line in self.lines for p in line]
        if sorted(positions) != list(range(len(positions))):
            raise ValueError(
                f"the lines of a layout hold every position 0..{len(positions) - 1} once; got {positions}."
            )
        if len(self.names) != len(self.lines):
            raise ValueError(f"{len(self.lines)} lines need as many names; got {len(self.names)}.")
        if self.headings and len(self.headings) != max(map(len, self.lines)):
            raise ValueError(f"{max(map(len, self.lines))} columns need as many headings; got {len(self.headings)}.")

    @property
    def length(self) -> int:
        """Positions in all."""
        return sum(map(len, self.lines))


@dataclass(frozen=True)
class Note:
    """A line of text about a step, shown beside the picture from that step on; ``wrong`` if it reports a mistake."""

    text: str
    wrong: bool = False


@dataclass(frozen=True, eq=False)
class Frame:
    """The sequence after a step.

    Attributes:
        tokens: (L,), the symbol's value; -1 where masked.
        cells: what each position is: given, masked, revealed by this step, or revealed before.
        confidence: (L,) the denoiser's probability of the token when it was revealed; 1 where given, NaN where masked.
        order: (L,) the step that revealed it, from 1; 0 where given or masked.
        caption: a line below the picture.
        wrong: positions whose token is known to be wrong; they are marked.
        notes: on what this step did.
    """

    tokens: Int64[np.ndarray, " L"]
    cells: tuple[Cell, ...]
    confidence: Float64[np.ndarray, " L"]
    order: Int64[np.ndarray, " L"]
    caption: str
    wrong: tuple[int, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Film:
    """Frames of one sequence; the first is the state before any step. ``notes_heading`` stands above all notes."""

    title: str
    layout: Layout
    frames: tuple[Frame, ...]
    notes_heading: str = ""

    @property
    def notes_width(self) -> int:
        """Characters of the longest note or of the heading; 0 if there is neither."""
        notes = (note.text for frame in self.frames for note in frame.notes)
        return max(map(len, (self.notes_heading, *notes)))

    def notes_until(self, frame: Frame, most: int | None = None) -> list[tuple[Note, bool]]:
        """Notes of the frames up to ``frame``, the last ``most`` of them, each with whether it is that frame's own."""
        shown = self.frames[: self.frames.index(frame) + 1]
        notes = [(note, earlier is frame) for earlier in shown for note in earlier.notes]
        return notes if most is None else notes[max(len(notes) - most, 0) :]


def film(title: str, start: Integer[np.ndarray, " L"], trace: Trace, row: int, layout: Layout, mask_id: int) -> Film:
    """The decoding of ``row`` of a batch; steps that changed nothing in it are left out.

    Args:
        start: the row as it was given to ``decode``, with masks.
        trace: of the whole batch.
    Raises:
        ValueError: lengths do not fit, or the trace has no such row.
    """
    if len(start) != trace.length or layout.length != trace.length:
        raise ValueError(
            f"start, layout and trace must have one length; got {len(start)}, {layout.length} and {trace.length}."
        )
    if not 0 <= row < trace.rows:
        raise ValueError(f"the trace has rows 0..{trace.rows - 1}; got row {row}.")
    hidden = np.asarray(start) == mask_id
    tokens = np.where(hidden, -1, start).astype(np.int64)
    confidence = np.where(hidden, np.nan, 1.0)
    order = np.zeros(len(start), dtype=np.int64)
    frames = [_frame(tokens, confidence, order, ~hidden, None, f"{int(hidden.sum())} masked tokens")]
    for number, step in enumerate(trace.steps, start=1):
        mine = (step.row == row).cpu()
        at = step.position.cpu()[mine].numpy()
        back = np.zeros(0, dtype=np.int64)
        if step.remasked is not None:
            pairs = step.remasked.cpu()
            back = pairs[pairs[:, 0] == row, 1].numpy()
        if not len(at) and not len(back):
            continue
        tokens, confidence, order = tokens.copy(), confidence.copy(), order.copy()
        tokens[at], confidence[at], order[at] = (
            step.token.cpu()[mine].numpy(),
            step.log_prob.cpu()[mine].exp().numpy(),
            number,
        )
        tokens[back], confidence[back], order[back] = -1, np.nan, 0
        frames.append(_frame(tokens, confidence, order, ~hidden, number, _caption(number, len(at), len(back))))
    return Film(title, layout, tuple(frames))


def sequence_layout(distribution: LODistribution, width: int = 20) -> Layout:
    """Latents in the first lines, observations below, ``width`` tokens a line, each group in its natural order.

    Raises:
        ValueError: ``width < 1``.
    """
    if width < 1:
        raise ValueError(f"a line holds at least one token; got width = {width}.")
    lines, names = [], []
    groups = {"latents": distribution.latent_positions, "observations": distribution.observation_positions}
    for name, positions in groups.items():
        for start in range(0, len(positions), width):
            lines.append(tuple(int(p) for p in positions[start : start + width]))
            names.append(name if start == 0 else "")
    last_latents = -(-len(distribution.latent_positions) // width)
    symbols = tuple(str(v) for v in range(distribution.vocabulary))
    return Layout(tuple(lines), tuple(names), symbols, ((last_latents,), ()))


def _caption(number: int, revealed: int, remasked: int) -> str:
    text = f"step {number}: {revealed} revealed"
    return f"{text}, {remasked} masked again" if remasked else text


def _frame(
    tokens: Int64[np.ndarray, " L"],
    confidence: Float64[np.ndarray, " L"],
    order: Int64[np.ndarray, " L"],
    given: np.ndarray,
    step: int | None,
    caption: str,
) -> Frame:
    cells: tuple[Cell, ...] = tuple(
        "given" if given[i] else "masked" if tokens[i] < 0 else "now" if order[i] == step else "before"
        for i in range(len(tokens))
    )
    return Frame(tokens, cells, confidence, order, caption)
