"""Build a wheel from the checkout and use it as one who did not install it: elsewhere, read-only, without a HOME."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("generators", "lo_theory", "analysis")
NOBODY = 65534
"""A user who owns nothing here."""
MODEL = "--batch-size 8 --layers 1 --width 16 --heads 2 --quiet random-logic --n-latents 4 --n-observations 6"
COMMANDS = (
    "generate --out {work}/data --rows 50 --quiet nae-sat --n-latents 6 --n-observations 12",
    "train --out {work}/model --steps 3 " + MODEL,
    "sample --model {work}/model --n 2 --exact",
)
"""What the user does; the last needs compiled kernels."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="Würfel und Masken ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        wheel = build(folder / "wheel")
        check_contents(wheel)
        installation = folder / "die Bücherei"
        zipfile.ZipFile(wheel).extractall(installation)
        with read_only(installation):
            import_elsewhere(installation, folder)
            how = use_unprivileged(installation, folder)
    print(f"wheel: {wheel.name} builds, carries its data and imports away from the checkout; {how}")


def build(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    templates = [path.relative_to(ROOT).as_posix() for path in (ROOT / "analysis").rglob("*.html")]
    assert len(templates) >= 2, templates
    assert set(templates) <= set(names), f"{wheel.name} lacks one of {templates}"
    for package in PACKAGES:
        assert f"{package}/py.typed" in names, f"{wheel.name} lacks {package}/py.typed"
    extra = [name for name in names if name.startswith(("tests/", "notebooks/", "results/"))]
    assert not extra, f"the wheel holds extra folders: {extra[:3]}"


def import_elsewhere(installation: Path, folder: Path) -> None:
    program = (
        f"import {', '.join(PACKAGES)}; import analysis.cli.main, lo_theory.__main__; "
        f"assert all(m.__file__.startswith({str(installation)!r}) for m in ({', '.join(PACKAGES)}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installation)}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=folder, env=environment)


@contextlib.contextmanager
def read_only(installation: Path) -> Iterator[None]:
    """Nobody may write there, its owner neither; put back at the end, so that it can be removed."""
    folders = [installation, *(path for path in installation.rglob("*") if path.is_dir())]
    for path in [*folders, *installation.rglob("*.py")]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222 | 0o444)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


def use_unprivileged(installation: Path, folder: Path) -> str:
    """Generate, train and sample in a folder with an odd name, under LANG=C, without a HOME; says as whom."""
    work = folder / "Außer Haus"
    work.mkdir()
    packages = sysconfig.get_paths()["purelib"]
    environment = {"PATH": os.defpath, "LANG": "C", "PYTHONPATH": os.pathsep.join((str(installation), packages))}
    environment |= {"TMPDIR": str(work), "OMP_NUM_THREADS": "1"}
    python, user = interpreter(environment)
    if user is not None:
        os.chown(work, user, user)
    for words in COMMANDS:
        command = [python, "-m", "lo_theory", *(word.format(work=work) for word in words.split())]
        ended = subprocess.run(
            command, cwd=work, env=environment, user=user, group=user, capture_output=True, text=True, encoding="utf-8"
        )
        assert ended.returncode == 0, f"{words}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
        assert not ended.stderr, f"{words}: {ended.stderr}"
    kept = [path for path in work.rglob("*.nbi") if path.stat().st_uid == (os.getuid() if user is None else user)]
    assert kept, "compiled kernels were not kept below TMPDIR"
    return f"used read-only without HOME by {'its owner' if user is None else f'user {user}'}"


def interpreter(environment: dict[str, str]) -> tuple[str, int | None]:
    """A Python of this version that another user can start, and that user; this one as this user, if there is none."""
    if os.getuid() == 0:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for python in (sys.executable, os.path.realpath(sys.executable), shutil.which(name, path=os.defpath)):
            command = [str(python), "-c", "import numpy, torch"]
            with contextlib.suppress(OSError):
                ended = subprocess.run(command, env=environment, user=NOBODY, group=NOBODY, stderr=subprocess.DEVNULL)
                if python is not None and ended.returncode == 0:
                    return python, NOBODY
    return sys.executable, None


if __name__ == "__main__":
    main()
