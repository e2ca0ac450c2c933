"""Build a wheel from the checkout and import it in another folder, as a user who installed it would."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("generators", "lo_theory", "analysis")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        names = zipfile.ZipFile(wheel).namelist()
        templates = [path.relative_to(ROOT).as_posix() for path in (ROOT / "analysis").rglob("*.html")]
        assert len(templates) >= 2, templates
        assert set(templates) <= set(names), f"{wheel.name} lacks one of {templates}"
        for package in PACKAGES:
            assert f"{package}/py.typed" in names, f"{wheel.name} lacks {package}/py.typed"
        assert not any(name.startswith(("tests/", "notebooks/", "results/")) for name in names), (
            "the wheel holds extra folders"
        )
        unpacked = Path(folder) / "unpacked"
        zipfile.ZipFile(wheel).extractall(unpacked)
        program = (
            f"import {', '.join(PACKAGES)}; import analysis.cli.main, lo_theory.__main__; "
            f"assert all(m.__file__.startswith({str(unpacked)!r}) for m in ({', '.join(PACKAGES)}))"
        )
        environment = {**os.environ, "PYTHONPATH": str(unpacked)}
        subprocess.run([sys.executable, "-c", program], check=True, cwd=folder, env=environment)
    print(f"wheel: {wheel.name} builds, carries py.typed and imports away from the checkout")


if __name__ == "__main__":
    main()
