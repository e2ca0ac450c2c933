"""A film as a file that anyone can open: one page with a slider, or an animated GIF."""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from string import Template

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.planning.film import Film, Frame
from analysis.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, paper_style
from generators.storage import write_atomic

_SHADES = LinearSegmentedColormap.from_list("confidence", ["#FBE3CF", "#F4F4D0", "#B5E0CC", GREEN])
_GIF_INCHES_PER_CELL = 0.3


def write_film(film: Film, path: Path) -> None:
    """Write ``path`` as what its suffix says: ``.html`` or ``.gif``.

    Raises:
        ValueError: another suffix.
    """
    writers = {".html": film_page, ".gif": film_gif}
    if path.suffix not in writers:
        raise ValueError(f"a film is written as .html or .gif; got {str(path)!r}.")
    write_atomic(path, writers[path.suffix](film))


def cell_colour(frame: Frame, position: int) -> str:
    """Background of a cell: pale grey masked, blue given, orange revealed now, else the denoiser's confidence then."""
    fixed = {"masked": PALE, "given": BLUE, "now": ORANGE}
    kind = frame.cells[position]
    return fixed[kind] if kind in fixed else to_hex(_SHADES(float(frame.confidence[position])))


def film_page(film: Film) -> bytes:
    """One self-contained page; without scripts it shows the last frame."""
    frames = [
        {
            "text": ["" if t < 0 else film.layout.symbols[t] for t in frame.tokens.tolist()],
            "fill": [cell_colour(frame, p) for p in range(film.layout.length)],
            "ink": ["#fff" if kind == "given" else INK for kind in frame.cells],
            "order": ["" if n == 0 else str(n) for n in frame.order.tolist()],
            "tip": [_tip(frame, p) for p in range(film.layout.length)],
            "caption": frame.caption,
        }
        for frame in film.frames
    ]
    data = json.dumps(frames, allow_nan=False).replace("</", "<\\/")
    page = _PAGE.substitute(
        title=html.escape(film.title),
        table=_table(film),
        caption=html.escape(film.frames[-1].caption),
        last=len(film.frames) - 1,
        frames=data,
        shades=", ".join(to_hex(_SHADES(x)) for x in np.linspace(0, 1, 9)),
        **{"blue": BLUE, "orange": ORANGE, "pale": PALE, "ink": INK},
    )
    return page.encode()


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
    """One frame as a figure; small numbers are the steps at which tokens were revealed."""
    layout = film.layout
    columns, lines = max(map(len, layout.lines)), len(layout.lines)
    left = 0.085 * max(map(len, layout.names))
    gap = 0.35
    size = (left + columns * _GIF_INCHES_PER_CELL + 0.3, (lines + gap + 2.6) * _GIF_INCHES_PER_CELL)
    figure = Figure(figsize=(max(size[0], 3.6), size[1]))
    axes = figure.add_axes((left / figure.get_figwidth(), 0.0, 1.0 - left / figure.get_figwidth(), 1.0))
    axes.set(xlim=(0, (figure.get_figwidth() - left) / _GIF_INCHES_PER_CELL), ylim=(lines + gap + 1.4, -1.2))
    axes.axis("off")
    axes.text(0, -0.45, film.title, fontsize=9, fontweight="bold", color=INK)
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
    return figure


def _draw_cell(axes: Axes, film: Film, frame: Frame, position: int, x: float, y: float) -> None:
    axes.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, facecolor=cell_colour(frame, position), linewidth=0))
    token = int(frame.tokens[position])
    if token >= 0:
        ink = "white" if frame.cells[position] == "given" else INK
        axes.text(x + 0.5, y + 0.55, film.layout.symbols[token], ha="center", va="center", fontsize=9, color=ink)
    if frame.order[position]:
        axes.text(x + 0.1, y + 0.25, str(frame.order[position]), fontsize=5, color=INK, alpha=0.7, va="center")


def _tip(frame: Frame, position: int) -> str:
    kind = frame.cells[position]
    if kind in ("given", "masked"):
        return kind
    return f"step {frame.order[position]}, probability {frame.confidence[position]:.3f}"


def _table(film: Film) -> str:
    layout = film.layout
    rows = []
    for number, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True), start=1):
        ends = number in layout.rules_after[0] and number < len(layout.lines)
        below = ' class="rule"' if ends and layout.rules_after[1] else ""
        cells = "".join(
            f'<td data-at="{p}"{" class=edge" if column in layout.rules_after[1] and column < len(line) else ""}></td>'
            for column, p in enumerate(line, start=1)
        )
        rows.append(f"<tr{below}><th>{html.escape(name)}</th>{cells}</tr>")
        if ends and not below:
            rows.append('<tr class="gap"></tr>')
    return "\n".join(rows)


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: $ink; margin: 1rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 2px; }
th { font-weight: 400; font-size: 0.85rem; color: #666; text-align: right; padding-right: 0.5rem; }
td { width: 1.9rem; height: 1.9rem; text-align: center; position: relative; border-radius: 3px; font-weight: 600; }
td small { position: absolute; left: 2px; top: 0; font-size: 0.55rem; font-weight: 400; color: #555; }
tr.rule td { border-bottom: 3px solid $ink; }
tr.gap { height: 0.6rem; }
td.edge { border-right: 3px solid $ink; }
.controls { display: flex; gap: 0.8rem; align-items: center; margin: 0.8rem 0; }
.controls input { flex: 1; max-width: 30rem; }
.key span { display: inline-block; padding: 0 0.5rem; margin-right: 0.6rem; border-radius: 3px; }
.shades { background: linear-gradient(90deg, $shades); width: 8rem; }
</style>
</head>
<body>
<h1>$title</h1>
<div class="scroll"><table>
$table
</table></div>
<p id="caption">$caption</p>
<div class="controls">
<button id="play" type="button">play</button>
<label for="at">step</label><input id="at" type="range" min="0" max="$last" value="$last">
</div>
<p class="key"><span style="background:$pale">masked</span><span style="background:$blue;color:#fff">given</span>
<span style="background:$orange">revealed now</span><span class="shades">unsure &rarr; sure</span></p>
<script>
const frames = $frames;
const cells = [...document.querySelectorAll("td[data-at]")];
const slider = document.getElementById("at"), button = document.getElementById("play");
let timer = null;
function show(n) {
  const frame = frames[n];
  for (const cell of cells) {
    const p = Number(cell.dataset.at);
    cell.textContent = frame.text[p];
    cell.style.background = frame.fill[p];
    cell.style.color = frame.ink[p];
    cell.title = frame.tip[p];
    if (frame.order[p]) {
      const mark = document.createElement("small");
      mark.textContent = frame.order[p];
      cell.append(mark);
    }
  }
  document.getElementById("caption").textContent = frame.caption;
  slider.value = n;
}
function stop() { clearInterval(timer); timer = null; button.textContent = "play"; }
slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
button.addEventListener("click", () => {
  if (timer) { stop(); return; }
  let n = Number(slider.value) === frames.length - 1 ? 0 : Number(slider.value);
  button.textContent = "stop";
  show(n);
  timer = setInterval(() => { n += 1; if (n >= frames.length) { stop(); return; } show(n); }, 350);
});
show(frames.length - 1);
</script>
</body>
</html>
""")
