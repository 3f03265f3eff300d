"""The platform as it was before messages were signed, stores had an identity and the ledger knew instruments."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from toolkit.paths import ROOT

BEFORE = "f56519c"
"""The last version of then."""


def _without_history() -> str:
    """Return why the version of before cannot be had; '' when it can."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{BEFORE}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    return "" if found.returncode == 0 else f"this copy of the repository has no history back to {BEFORE}"


def version_of_before(folder: Path) -> Path:
    """Write the tree of before into a folder and return a Python that has its packages and our dependencies."""
    archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive, check=True)
    # Where the commands of before look for programs.
    environment = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    packages = [folder / "libs" / "common", folder / "libs" / "toolkit", *sorted((folder / "services").iterdir())]
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # Only the last line is ours, and the names of our own packages are found before it.
    paths = [*packages, sysconfig.get_path("purelib")]
    (Path(site) / "before.pth").write_text("".join(f"{path}\n" for path in paths))
    return python


_WHY_NOT = _without_history()
needs_history = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "-")
