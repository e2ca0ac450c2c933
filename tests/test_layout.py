"""The tree is the argument: imports go down only and in no circle, files stay one idea long, nothing heavy comes early.

``ROOMS`` is the whole table of arrows. A room may import itself, what stands beside it in the table and, unless it says
otherwise, the floors below; of two rooms that a module lies in, the smaller one counts.
"""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("generators", "lo_theory", "analysis")
PLOTTING = {"matplotlib", "seaborn"}
OPTIONAL = {"transformers", "tokenizers", "datasets", "lm_eval", "dask", "distributed", "pyarrow", "duckdb"}
LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION = 360, 150, 60

_THEORY = ("agreement", "compiled", "estimate", "likelihood", "orders", "schedules")
_ROOT_FILES = tuple(f"lo_theory.{name}" for name in _THEORY)
_ANSWERS = (*_ROOT_FILES, "lo_theory.learning", "lo_theory.denoisers", "lo_theory.posteriors", "lo_theory.samplers")
_LAB, _SHARED = "analysis.lab", ("analysis.measures", "analysis.planted", "analysis.puzzles")
_FIGURE = (_LAB, *_SHARED)

ROOMS: dict[str, tuple[str, ...]] = {
    "generators": ("generators",),
    "generators.ground": (),
    "generators.observations": ("generators.ground",),
    "generators.bit_sampler": ("generators.ground", "generators.observations"),
    "generators.distribution": ("generators.ground", "generators.observations", "generators.bit_sampler"),
    "generators.prompted": ("generators.ground",),
    "generators.planted": ("generators.ground", "generators.observations", "generators.distribution"),
    "generators.datasets": ("generators.ground", "generators.observations", "generators.distribution"),
    "generators.sudoku": ("generators.ground", "generators.prompted"),
    "generators.text": ("generators.ground",),
    "generators.zebra": ("generators.ground", "generators.prompted", "generators.sudoku"),
    "lo_theory": ("lo_theory",),
    **dict.fromkeys(_ROOT_FILES, (*_ROOT_FILES, "lo_theory.denoisers.denoiser", "lo_theory.learning")),
    "lo_theory.learning": ("lo_theory.orders", "lo_theory.schedules"),
    "lo_theory.denoisers": ("lo_theory.orders", "lo_theory.learning"),
    "lo_theory.posteriors": (*_ROOT_FILES, "lo_theory.denoisers"),
    "lo_theory.samplers": (*_ROOT_FILES, "lo_theory.denoisers"),
    "lo_theory.attacks": _ANSWERS,
    "lo_theory.laws": _ANSWERS,
    "lo_theory.phases": _ANSWERS,
    "lo_theory.puzzles": _ANSWERS,
    "analysis.lab": ("generators.ground", "lo_theory.estimate"),
    **dict.fromkeys((*_SHARED, "analysis.films", "analysis.pretrained"), (_LAB,)),
    "analysis.figures": (),
    "analysis.cli": ("analysis",),
}
"""Room -> what it may import beside itself. Figures are added below, each a room of its own."""

FIGURES = sorted(path.parent.name for path in (ROOT / "analysis/figures").glob("*/__init__.py"))
ROOMS |= {f"analysis.figures.{name}": _FIGURE for name in FIGURES if name != "audit"}
ROOMS["analysis.figures.audit"] = (*_FIGURE, *(f"analysis.figures.{name}" for name in FIGURES))
NOT_EVEN_BELOW = {"analysis.lab"}
"""Rooms that may not import the lower floors but for what the table names."""
NEVER = {"analysis.figures.audit": ("plot", "report")}
"""Files of other figures that a room leaves alone."""

DRAWING = ("lab/style.py", "films/page.py", "films/picture.py", "puzzles/table_plot.py", "puzzles/order/plot.py")
DRAWING += ("planted/phase_marks.py",)


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the three floors by its dotted name."""
    paths = [path for floor in FLOORS for path in (root / floor).rglob("*.py")]
    names = (".".join(path.relative_to(root).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


MODULES = modules()


def imported(path: Path, known: set[str], *, types: bool = False) -> set[str]:
    """Dotted names of the modules that a file imports anywhere; ``types``: also those for a type checker alone."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not types:
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inner & known or {node.module}
            names |= {node.module} if inner - known else set()
    return names


def room_of(module: str) -> str:
    """The smallest room of the table that a module lies in."""
    return max((room for room in ROOMS if inside(module, room)), key=len, default=module.split(".")[0])


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def forbidden(module: str, path: Path, known: set[str]) -> list[str]:
    """What a module imports against the table."""
    room = room_of(module)
    floor = FLOORS.index(module.split(".")[0])
    allowed = (room, *ROOMS.get(room, ()))
    if room not in NOT_EVEN_BELOW:
        allowed += FLOORS[:floor]
    found = []
    for target in imported(path, known):
        if target.split(".")[0] not in FLOORS:
            continue
        wrong = not any(inside(target, one) for one in allowed)
        if not wrong and room == "generators":
            wrong = not inside(target, "generators")
        elsewhere = target.startswith("analysis.figures.") and not inside(target, room)
        if wrong or (elsewhere and target.split(".")[-1] in NEVER.get(room, ())):
            found.append(target)
    return sorted(found)


def test_every_import_is_in_the_table():
    against = {
        name: found for name, path in MODULES.items() if (found := forbidden(name, path, set(MODULES))) and name != ""
    }
    assert not against


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("generators.ground.broken", "from generators.distribution import LODistribution"),
        ("generators.observations.broken", "def f():\n    from generators import families"),
        ("generators.sudoku.broken", "import generators.zebra.clue"),
        ("generators.broken", "import lo_theory.estimate"),
        ("lo_theory.learning.broken", "from lo_theory.denoisers import network"),
        ("lo_theory.denoisers.broken", "from lo_theory.posteriors.exact import exact_posterior"),
        ("lo_theory.samplers.broken", "from lo_theory.posteriors.exact import exact_posterior"),
        ("lo_theory.laws.broken", "from lo_theory.phases import window"),
        ("analysis.lab.broken", "from generators.distribution import LODistribution"),
        ("analysis.lab.broken", "from analysis.measures.setting import Setting"),
        ("analysis.puzzles.broken", "from analysis.measures import paper"),
        ("analysis.films.broken", "from analysis.puzzles import problems"),
        ("analysis.pretrained.broken", "from analysis.cli import table4"),
        ("analysis.figures.leak.broken", "from analysis.figures.gap.units import units"),
        ("analysis.figures.leak.broken", "from analysis.cli import main"),
        ("analysis.figures.audit.broken", "from analysis.figures.gap.report import EXPERIMENT"),
        ("analysis.figures.audit.broken", "from analysis.figures.gap import plot"),
    ],
)
def test_a_planted_arrow_is_seen(module, text, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(text)
    assert forbidden(module, path, set(MODULES))


def test_an_allowed_arrow_is_not_called_wrong(tmp_path):
    path = tmp_path / "fine.py"
    path.write_text("from analysis.figures.gap import units\nfrom analysis.lab import rows\nimport lo_theory.laws\n")
    assert not forbidden("analysis.figures.audit.fine", path, set(MODULES))
    path.write_text("if TYPE_CHECKING:\n    from analysis.cli import main\n")
    assert not forbidden("analysis.figures.leak.fine", path, set(MODULES))


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Sets of modules that import each other, directly or by others (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in arrows.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1 or node in arrows.get(node, ()):
                found.append(sorted(group))

    for node in arrows:
        if node not in number:
            visit(node)
    return found


def test_no_circle_of_files():
    known = set(MODULES)
    assert not circles({name: imported(path, known) & known for name, path in MODULES.items()})


def test_a_planted_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("floor", FLOORS)
def test_a_file_is_one_idea(floor):
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items() if inside(name, floor)}
    assert not {name: n for name, n in lines.items() if n > LONGEST_FILE}
    assert statistics.median(lines.values()) <= MEDIAN_FILE


@pytest.mark.parametrize("floor", FLOORS)
def test_a_function_fits_on_a_screen(floor):
    too_long = {
        f"{name}.{node.name}": lines
        for name, path in MODULES.items()
        if inside(name, floor)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (lines := length(node)) > LONGEST_FUNCTION
    }
    assert not too_long


def length(function: ast.FunctionDef) -> int:
    """Lines of a function, its docstring aside."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    said = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - said


def test_every_folder_says_what_it_is():
    """Public lists aside, a folder's ``__init__.py`` is its docstring."""
    lists = {"analysis", "generators", "lo_theory", "generators.sudoku", "generators.zebra", "generators.testing"}
    for path in (path for floor in FLOORS for path in (ROOT / floor).rglob("__init__.py")):
        name = ".".join(path.parent.relative_to(ROOT).parts)
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), name
        assert name in lists or len(tree.body) == 1, name


def test_plotting_stays_in_the_files_that_draw():
    for name, path in MODULES.items():
        if {target.split(".")[0] for target in imported(path, set(MODULES))} & PLOTTING:
            place = path.relative_to(ROOT / "analysis").as_posix()
            assert place in DRAWING or path.name.startswith("plot") or path.name == "report.py", name
            if path.name == "report.py":  # the type of what its figures are, and nothing to draw with
                text = path.read_text()
                assert text.count("matplotlib") == text.count("from matplotlib.figure import Figure") == 1, name


def loaded(module: str, heavy: set[str]) -> str:
    program = f"import sys, {module}; print(*({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("generators", {"torch", "pandas", *PLOTTING, *OPTIONAL}),
        ("lo_theory.posteriors.enumeration", {"torch", "pandas", *PLOTTING, *OPTIONAL}),
    ],
)
def test_the_numpy_core_imports_without_torch(module, heavy):
    assert loaded(module, heavy) == ""


def test_units_load_nothing_that_draws():
    units = [name for name in MODULES if name.startswith("analysis.figures.") and name.split(".")[3:] == ["units"]]
    measures = [name for name in MODULES if inside(name, "analysis.measures")]
    assert len(units) == len(FIGURES) - 1  # the audit's are measurements
    assert loaded(", ".join([*units, *measures, "analysis.lab.experiment"]), {"pandas", *PLOTTING}) == ""
    assert loaded("analysis.lab.style", PLOTTING) == "matplotlib"  # the negative control
