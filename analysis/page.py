"""The frame of the report: plain HTML and CSS that a phone and a printer can show."""

from __future__ import annotations

from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.5rem; border-bottom: 1px solid #ddd; }
p, ul { max-width: 46rem; }
figure { margin: 1rem 0; }
figure img { width: 100%; height: auto; }
figcaption, caption { font-size: 0.9rem; color: #555; text-align: left; max-width: 46rem; }
caption { padding-bottom: 0.4rem; font-weight: 600; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.8rem 0.25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e5e5e5; }
.number { text-align: right; white-space: nowrap; }
.yes { color: #00694a; } .no { color: #a33c00; font-weight: 700; } .unknown { color: #666; }
.failed { border-left: 4px solid #d55e00; padding: 0.1rem 1rem; background: #fdf3ec; max-width: 46rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; font-size: 0.85rem; }
dt { color: #666; } dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; font-size: 0.9rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin: 0 0 0.3rem 0; } }
@media print {
  body { max-width: none; font-size: 11px; }
  figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
}
</style>
</head>
<body>
<header><h1>$title</h1>$summary$failures</header>
<main>
$body
</main>
</body>
</html>
""")
