"""Everything a commit must pass: lint, format, types, locks, and all tests from unit to chaos."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.paths import ROOT, VENV_BIN
from toolkit.servers import CHROMIUM, NATS, REDIS, Program, apt_install, can_apt, find

Report = Callable[[str], None]

STARTING_PLATFORMS = ("e2e", "chaos")
"""Folders of `tests` whose tests start whole platforms."""


@dataclass(frozen=True)
class Step:
    """One check: a command whose exit code says whether it passed."""

    name: str
    command: tuple[str, ...]


def run_all(pytest_arguments: Sequence[str], report: Report) -> int:
    """Run every check, or with arguments pytest alone; go on after a failure; return the exit code."""
    install_needs(ROOT, report)
    steps = [pytest_step(pytest_arguments)] if pytest_arguments else all_steps(ROOT)
    results = [(step, *_run(step, report)) for step in steps]
    if len(results) > 1:
        for step, code, took_s in results:
            report(f"{'passed' if code == 0 else 'FAILED'}  {step.name}  {took_s:.0f} s")
    return max((code for _, code, _ in results), default=0)


def all_steps(root: Path) -> list[Step]:
    """Return the checks in the order of how soon each tells something."""
    ruff, mypy = str(VENV_BIN / "ruff"), str(VENV_BIN / "mypy")
    types = [Step("types of the packages", (mypy, *packages(root)))]
    # Test files of different members share names, so each member's are a run of their own.
    types += [Step(f"types of {folder}", (mypy, folder)) for folder in test_folders(root)]
    return [
        Step("lint", (ruff, "check", ".")),
        Step("format", (ruff, "format", "--check", ".")),
        Step("locks", (sys.executable, "-m", "toolkit", "lock", "--check")),
        *types,
        *test_steps(root),
    ]


def test_steps(root: Path) -> list[Step]:
    """Return all tests: first those that compute, on every core, then those that start whole platforms, one by one.

    A platform has a dozen processes, and what is killed and waited for there should not wait for a neighbour.
    """
    platforms = [f"tests/{folder}" for folder in STARTING_PLATFORMS if (root / "tests" / folder).is_dir()]
    others = [f"--ignore={folder}" for folder in platforms]
    steps = [pytest_step(("-n", "auto", "--dist", "worksteal", *others))]
    # Without a folder pytest would run everything again.
    return [*steps, pytest_step(platforms, "tests on running platforms")] if platforms else steps


def pytest_step(arguments: Sequence[str], name: str = "tests") -> Step:
    return Step(name, (str(VENV_BIN / "python"), "-m", "pytest", "--durations=15", *arguments))


def packages(root: Path) -> list[str]:
    """Return every member's package folder (and the benchmarks), relative to the root."""
    found = [path.parent for place in ("libs", "services") for path in (root / place).glob("*/*/__init__.py")]
    wanted = sorted(path for path in found if path.name != "tests")
    return [str(path.relative_to(root)) for path in wanted] + ["bench"] * (root / "bench").is_dir()


def test_folders(root: Path) -> list[str]:
    """Return the folders with tests, relative to the root."""
    folders = [*root.glob("libs/*/tests"), *root.glob("services/*/tests"), root / "tests"]
    return [str(folder.relative_to(root)) for folder in sorted(folders) if any(folder.rglob("*.py"))]


def install_needs(root: Path, report: Report) -> None:
    """Install what tests start: the servers, and a browser once a test asks for one."""
    missing = [program for program in needs(root) if find(program) is None]
    if missing and can_apt():
        apt_install(missing, report)
    for program in missing:
        if find(program) is None:
            report(f"{program.name} is missing: install it with 'apt-get install {program.package}' as root")


def needs(root: Path) -> list[Program]:
    tests = (path for folder in test_folders(root) for path in (root / folder).rglob("*.py"))
    browser = any("chromium" in path.read_text() for path in tests if "toolkit" not in path.parts)
    return [NATS, REDIS, CHROMIUM] if browser else [NATS, REDIS]


def _run(step: Step, report: Report) -> tuple[int, float]:
    report(f"── {step.name}")
    began_s = time.monotonic()
    code = subprocess.run(step.command, cwd=ROOT, check=False).returncode
    return code, time.monotonic() - began_s
