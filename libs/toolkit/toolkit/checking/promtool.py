"""Promtool, which tests ask whether Prometheus reads our metrics: the machine's own, or unpacked from Debian's package.

The package is fetched into folders of our own, checked by apt's signatures as ever, and not installed: nobody need be
root for it.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from toolkit.paths import ROOT
from toolkit.servers.apt import Report
from toolkit.servers.programs import SEARCH_PATH

PACKAGE = "prometheus"
NAME = "promtool"
FOLDER = ROOT / ".tools" / NAME
FETCH_TIMEOUT_S = 60


def find_promtool() -> Path | None:
    """Return the program, or None when it is neither on the machine nor fetched."""
    found = shutil.which(NAME, path=SEARCH_PATH)
    unpacked = FOLDER / NAME
    return Path(found) if found is not None else unpacked if unpacked.exists() else None


def fetch_promtool(report: Report) -> None:
    """Unpack it from Debian's package, where there is Debian's apt; says what went wrong and goes on."""
    if find_promtool() is not None or shutil.which("apt-get") is None:
        return
    report(f"fetching {NAME} from Debian's package {PACKAGE}, without installing it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            _unpack(Path(folder)).replace(FOLDER / NAME)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        report(f"{NAME}: could not be fetched: {error}")


def _unpack(folder: Path) -> Path:
    """Return the program, out of the package fetched into a folder that nobody else works in."""
    (folder / "lists" / "partial").mkdir(parents=True)
    apt = ["apt-get", "-qq", "-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
    # apt's own user may not be able to work there.
    apt += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
    _run([*apt, "update"], folder)
    _run([*apt, "download", PACKAGE], folder)
    [package] = folder.glob(f"{PACKAGE}_*.deb")
    _run(["dpkg-deb", "--extract", str(package), str(folder / "unpacked")], folder)
    return folder / "unpacked" / "usr" / "bin" / NAME


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
