"""A frame of a film as a figure, and the film as an animated GIF."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.films.film import Film, Frame
from analysis.lab.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, paper_style

SHADES = LinearSegmentedColormap.from_list("confidence", ["#FBE3CF", "#F4F4D0", "#B5E0CC", GREEN])
"""From unsure to sure."""
RED = "#C62828"
"""What is wrong: darker and redder than the orange of what is new."""
_INCHES_PER_CELL = 0.3
_NOTES_GAP = 0.9  # between the cells and the notes, in cells
_NOTE_SIZE, _NOTE_LINE, _NOTE_CHARACTER = 6.5, 0.42, 0.0555  # points, cells, inches


def cell_colour(frame: Frame, position: int) -> str:
    """Background of a cell: red wrong, grey masked, blue given, orange new, else how sure the denoiser was of it."""
    if position in frame.wrong:
        return RED
    fixed = {"masked": PALE, "given": BLUE, "now": ORANGE}
    kind = frame.cells[position]
    return fixed[kind] if kind in fixed else to_hex(SHADES(float(frame.confidence[position])))


def cell_ink(frame: Frame, position: int) -> str:
    """Colour of what is written on that background."""
    return "#fff" if position in frame.wrong or frame.cells[position] == "given" else INK


def film_gif(film: Film, *, milliseconds: int = 350, dpi: int = 90) -> bytes:
    """An animated GIF; the last frame stays for two seconds."""
    from PIL import Image

    pictures = []
    for frame in film.frames:
        buffer = io.BytesIO()
        with paper_style():
            draw_frame(film, frame).savefig(buffer, format="png", dpi=dpi)
        pictures.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE))
    out = io.BytesIO()
    durations = [milliseconds] * (len(pictures) - 1) + [2000]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return out.getvalue()


def draw_frame(film: Film, frame: Frame) -> Figure:
    """One frame as a figure, its notes at the right; small numbers are the steps at which tokens were revealed."""
    layout = film.layout
    columns, lines = max(map(len, layout.lines)), len(layout.lines)
    left, head = 0.085 * max(map(len, layout.names)), 0.0
    if layout.headings:
        left, head = max(left, 0.16), 0.55
    gap = 0.35
    width = max(left + columns * _INCHES_PER_CELL + 0.3, 3.6)
    if film.notes_width:
        width = left + (columns + _NOTES_GAP) * _INCHES_PER_CELL + film.notes_width * _NOTE_CHARACTER + 0.1
    figure = Figure(figsize=(width, (lines + gap + 2.6 + head) * _INCHES_PER_CELL))
    axes = figure.add_axes((left / figure.get_figwidth(), 0.0, 1.0 - left / figure.get_figwidth(), 1.0))
    axes.set(xlim=(0, (figure.get_figwidth() - left) / _INCHES_PER_CELL), ylim=(lines + gap + 1.4, -1.2 - head))
    axes.axis("off")
    axes.text(0, -0.45 - head, film.title, fontsize=9, fontweight="bold", color=INK)
    for column, heading in enumerate(layout.headings):
        axes.text(column + 0.5, -0.3, heading, ha="center", va="center", fontsize=7, color=GREY)
    shift = 0.0
    for number, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True)):
        if number in layout.rules_after[0]:
            shift += gap if not layout.rules_after[1] else 0.0
        axes.text(-0.15, number + shift + 0.5, name, ha="right", va="center", fontsize=8, color=GREY, clip_on=False)
        for column, position in enumerate(line):
            _draw_cell(axes, film, frame, position, float(column), number + shift)
    if layout.rules_after[1]:
        axes.vlines([*layout.rules_after[1]], 0, lines, color=INK, linewidth=1.4)
        axes.hlines([*layout.rules_after[0]], 0, columns, color=INK, linewidth=1.4)
    axes.text(0, lines + gap + 0.75, frame.caption, fontsize=8, color=GREY, va="center")
    _draw_notes(axes, film, frame, columns + _NOTES_GAP, lines)
    return figure


def _draw_cell(axes: Axes, film: Film, frame: Frame, position: int, x: float, y: float) -> None:
    axes.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, facecolor=cell_colour(frame, position), linewidth=0))
    token, ink = int(frame.tokens[position]), cell_ink(frame, position)
    if token >= 0:
        axes.text(x + 0.5, y + 0.55, film.layout.symbols[token], ha="center", va="center", fontsize=9, color=ink)
    if frame.order[position]:
        axes.text(x + 0.1, y + 0.25, str(frame.order[position]), fontsize=5, color=ink, alpha=0.7, va="center")
    if position in frame.wrong:
        axes.text(x + 0.85, y + 0.3, "!", fontsize=7, fontweight="bold", color=ink, ha="center", va="center")


def _draw_notes(axes: Axes, film: Film, frame: Frame, x: float, lines: int) -> None:
    width = film.notes_width * _NOTE_CHARACTER / _INCHES_PER_CELL
    style = {"family": "monospace", "fontsize": _NOTE_SIZE, "va": "center"}
    axes.text(x, -0.3, film.notes_heading, color=GREY, **style)
    for number, (note, now) in enumerate(film.notes_until(frame, int(lines / _NOTE_LINE))):
        y = number * _NOTE_LINE
        if now:
            axes.add_patch(Rectangle((x - 0.1, y), width + 0.2, _NOTE_LINE, facecolor=ORANGE, alpha=0.35, linewidth=0))
        axes.text(x, y + _NOTE_LINE / 2, note.text, color=RED if note.wrong else INK, **style)
