"""A film as one page with a slider, which needs nothing but a browser."""

from __future__ import annotations

import html
import json
from string import Template

import numpy as np
from matplotlib.colors import to_hex

from analysis.planning.film import Film, Frame
from analysis.planning.film_picture import RED, SHADES, cell_colour, cell_ink
from analysis.plots.style import BLUE, INK, ORANGE, PALE


def film_page(film: Film) -> bytes:
    """One self-contained page; without scripts it shows the last frame."""
    frames = [
        {
            "text": ["" if t < 0 else film.layout.symbols[t] for t in frame.tokens.tolist()],
            "fill": [cell_colour(frame, p) for p in range(film.layout.length)],
            "ink": [cell_ink(frame, p) for p in range(film.layout.length)],
            "order": ["" if n == 0 else str(n) for n in frame.order.tolist()],
            "tip": [_tip(frame, p) for p in range(film.layout.length)],
            "caption": frame.caption,
            "wrong": list(frame.wrong),
        }
        for frame in film.frames
    ]
    data = json.dumps(frames, allow_nan=False).replace("</", "<\\/")
    page = _PAGE.substitute(
        title=html.escape(film.title),
        table=_table(film),
        notes=_notes(film),
        wrong=f'<span style="background:{RED};color:#fff">wrong!</span>' if any(f.wrong for f in film.frames) else "",
        caption=html.escape(film.frames[-1].caption),
        last=len(film.frames) - 1,
        frames=data,
        shades=", ".join(to_hex(SHADES(x)) for x in np.linspace(0, 1, 9)),
        **{"blue": BLUE, "orange": ORANGE, "pale": PALE, "ink": INK, "red": RED},
    )
    return page.encode()


def _tip(frame: Frame, position: int) -> str:
    kind = frame.cells[position]
    if kind in ("given", "masked"):
        return kind
    text = f"step {frame.order[position]}, probability {frame.confidence[position]:.3f}"
    return f"{text}, wrong" if position in frame.wrong else text


def _table(film: Film) -> str:
    layout = film.layout
    rows = []
    if layout.headings:
        rows.append(f"<tr><th></th>{''.join(f'<th>{html.escape(heading)}</th>' for heading in layout.headings)}</tr>")
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


def _notes(film: Film) -> str:
    """The list beside the table; its items name the frame that they belong to."""
    items = [
        f'<li data-frame="{number}"{" class=wrong" if note.wrong else ""}>{html.escape(note.text)}</li>'
        for number, frame in enumerate(film.frames)
        for note in frame.notes
    ]
    heading = f'<p class="heading">{html.escape(film.notes_heading)}</p>' if film.notes_heading else ""
    return "\n".join([f'<div>{heading}<ol class="notes">', *items, "</ol></div>"]) if items else ""


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
tr th + th { text-align: center; padding: 0; }
td small { position: absolute; left: 2px; top: 0; font-size: 0.55rem; font-weight: 400; color: #555; }
td small.mark { left: auto; right: 3px; font-weight: 700; font-size: 0.75rem; line-height: 1; }
td.wrong small { color: #fff; }
tr.rule td { border-bottom: 3px solid $ink; }
tr.gap { height: 0.6rem; }
td.edge { border-right: 3px solid $ink; }
.film { position: relative; display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.notes { list-style: none; margin: 0; padding: 0; overflow: auto scroll; cursor: pointer; }
.film > div { max-width: 100%; }
.notes li, .heading { font: 0.8rem/1.5 ui-monospace, monospace; white-space: pre; margin: 0; padding: 0 0.4rem; }
.heading { color: #666; }
.notes li { border-radius: 3px; }
.notes li.wrong { color: $red; }
.notes li.later { opacity: 0.3; }
.notes li.now { background: color-mix(in srgb, $orange 40%, transparent); }
.controls { display: flex; gap: 0.8rem; align-items: center; margin: 0.8rem 0; }
.controls input { flex: 1; max-width: 30rem; }
.key span { display: inline-block; padding: 0 0.5rem; margin-right: 0.6rem; border-radius: 3px; }
.shades { background: linear-gradient(90deg, $shades); width: 8rem; }
</style>
</head>
<body>
<h1>$title</h1>
<div class="film">
<div class="scroll"><table>
$table
</table></div>
$notes
</div>
<p id="caption">$caption</p>
<div class="controls">
<button id="play" type="button">play</button>
<label for="at">step</label><input id="at" type="range" min="0" max="$last" value="$last">
</div>
<p class="key"><span style="background:$pale">masked</span><span style="background:$blue;color:#fff">given</span>
<span style="background:$orange">revealed now</span><span class="shades">unsure &rarr; sure</span>$wrong</p>
<script>
const frames = $frames;
const cells = [...document.querySelectorAll("td[data-at]")];
const notes = document.querySelector(".notes"), items = notes ? [...notes.children] : [];
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
    const wrong = frame.wrong.includes(p);
    cell.classList.toggle("wrong", wrong);
    if (wrong) {
      const mark = document.createElement("small");
      mark.className = "mark";
      mark.textContent = "!";
      cell.append(mark);
    }
  }
  let now = null;
  for (const item of items) {
    const at = Number(item.dataset.frame);
    item.classList.toggle("now", at === n);
    item.classList.toggle("later", at > n);
    if (at === n) now = item;
  }
  if (now) notes.scrollTop = now.offsetTop - notes.offsetTop - notes.clientHeight / 2;
  else if (notes && n === 0) notes.scrollTop = 0;
  document.getElementById("caption").textContent = frame.caption;
  slider.value = n;
}
function stop() { clearInterval(timer); timer = null; button.textContent = "play"; }
if (notes) {
  const above = notes.offsetTop - notes.parentElement.offsetTop;
  notes.style.maxHeight = document.querySelector("table").offsetHeight - above + "px";
  notes.addEventListener("click", event => {
    const item = event.target.closest("li");
    if (item) { stop(); show(Number(item.dataset.frame)); }
  });
}
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
