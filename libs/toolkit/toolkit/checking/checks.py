"""Everything a commit must pass: lint, format, types, locks, and all tests from unit to chaos."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.checking.browser import PACKAGE, find_browser
from toolkit.checking.node import fetch_node
from toolkit.checking.not_run import EXIT_CODE, MARK
from toolkit.checking.promtool import fetch_promtool
from toolkit.checking.slowest import OPTION, slowest
from toolkit.paths import ROOT, VENV_BIN
from toolkit.servers.apt import apt_install, can_apt
from toolkit.servers.programs import NATS, REDIS, on_path

Report = Callable[[str], None]

STARTING_PLATFORMS = ("e2e", "chaos")
"""Folders of `tests` whose tests start whole platforms."""
PLATFORMS_AT_ONCE = 2


@dataclass(frozen=True)
class Step:
    """One check: a command whose exit code says whether it passed."""

    name: str
    command: tuple[str, ...]
    is_pytest: bool = False


def run_all(pytest_arguments: Sequence[str], report: Report) -> int:
    """Run every check, or with arguments pytest alone; go on after a failure; return the exit code."""
    install_needs(report)
    steps = [pytest_step(pytest_arguments)] if pytest_arguments else all_steps(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        results = [(step, *_run(step, Path(folder), report)) for step in steps]
        files = slowest(Path(folder).iterdir())
    if len(results) > 1:
        report("── the slowest files of tests")
        for line in files:
            report(line)
        report("── all checks")
        for step, code, took_s in results:
            report(f"{verdict(code)}  {step.name}  {took_s:.0f} s")
    return worst([code for _, code, _ in results])


def verdict(code: int) -> str:
    """Return one word for the exit code of a step."""
    return {0: "passed", EXIT_CODE: "NOT ALL RUN"}.get(code, "FAILED")


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of the whole: a failure's before that of tests that did not run."""
    failures = [code for code in codes if code not in (0, EXIT_CODE)]
    return max(failures or codes, default=0)


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
    """Return all tests: first those that compute, on every core, then those that start whole platforms, two at a time.

    A platform has a dozen processes that mostly wait; more of them would wait for each other.
    """
    platforms = [f"tests/{folder}" for folder in STARTING_PLATFORMS if (root / "tests" / folder).is_dir()]
    others = [f"--ignore={folder}" for folder in platforms]
    steps = [pytest_step(("-n", "auto", "--dist", "worksteal", *others))]
    # Without a folder pytest would run everything again.
    two_at_a_time = ("-n", str(PLATFORMS_AT_ONCE), "--dist", "loadfile", *platforms)
    return [*steps, pytest_step(two_at_a_time, "tests on running platforms")] if platforms else steps


def pytest_step(arguments: Sequence[str], name: str = "tests") -> Step:
    plugins = ("-p", "toolkit.checking.not_run", "-p", "toolkit.checking.slowest")
    command = (str(VENV_BIN / "python"), "-m", "pytest", *plugins, "--durations=15", *arguments)
    return Step(name, command, is_pytest=True)


def packages(root: Path) -> list[str]:
    """Return every member's package folder (and the benchmarks), relative to the root."""
    found = [path.parent for place in ("libs", "services") for path in (root / place).glob("*/*/__init__.py")]
    wanted = sorted(path for path in found if path.name != "tests")
    return [str(path.relative_to(root)) for path in wanted] + ["bench"] * (root / "bench").is_dir()


def test_folders(root: Path) -> list[str]:
    """Return the folders with tests, relative to the root."""
    folders = [*root.glob("libs/*/tests"), *root.glob("services/*/tests"), root / "tests"]
    return [str(folder.relative_to(root)) for folder in sorted(folders) if any(folder.rglob("*.py"))]


def install_needs(report: Report) -> None:
    """Install what some tests need and only the system's packages have; who may not install it runs the others."""
    fetch_promtool(report)
    fetch_node(report)
    missing = missing_packages()
    if missing and can_apt():
        apt_install(missing, report)
        missing = missing_packages()
    if missing:
        report(f"{', '.join(missing)}: not here; the tests that need it are listed as {MARK.strip(': ')}")


def missing_packages() -> list[str]:
    """Return the packages of the system that tests need and that are not installed."""
    servers = [program.package for program in (NATS, REDIS) if on_path(program) is None]
    return servers + [PACKAGE] * (find_browser() is None)


def _run(step: Step, folder: Path, report: Report) -> tuple[int, float]:
    """Run one check, what its tests took kept in a folder; return its exit code and its seconds."""
    report(f"── {step.name}")
    keeping = (OPTION, str(folder / f"{step.name}.json")) if step.is_pytest else ()
    began_s = time.monotonic()
    code = subprocess.run((*step.command, *keeping), cwd=ROOT, check=False).returncode
    return code, time.monotonic() - began_s
