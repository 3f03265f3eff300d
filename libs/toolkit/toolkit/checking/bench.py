"""Run one benchmark of bench/ and print its figures, each with the aim it is measured against.

A benchmark is a module of bench/ (its file name is the benchmark's with `_` for `-`) with one function
`main(options: list[str]) -> list[Figure]`; what it prints while it runs is progress.
"""

import contextlib
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.servers.programs import NATS, REDIS, Program, candidates, wished_for

BenchMain = Callable[[list[str]], list["Figure"]]


@dataclass(frozen=True)
class Figure:
    """One measured number; `aim` says in words what is wanted, `met` whether it was (None: there is no aim)."""

    name: str
    value: float | int | str
    unit: str
    aim: str | None = None
    met: bool | None = None


class NoSuchBenchError(Exception):
    """There is no benchmark of that name; the message lists those there are."""


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    """Return a figure whose aim is to stay at or below a limit."""
    return Figure(name, value, unit, f"≤ {limit:g}", value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Figure:
    """Return a figure whose aim is to reach a limit."""
    return Figure(name, value, unit, f"≥ {limit:g}", value >= limit)


def names(folder: Path) -> list[str]:
    """Return the benchmarks there are."""
    return sorted(path.stem.replace("_", "-") for path in folder.glob("[!_]*.py") if "def main(" in path.read_text())


def load(folder: Path, name: str) -> BenchMain:
    """Return the benchmark's main function."""
    if name not in names(folder):
        raise NoSuchBenchError(f"bench {name}: must be one of {', '.join(names(folder)) or '(none yet)'}")
    path = folder / f"{name.replace('-', '_')}.py"
    spec = importlib.util.spec_from_file_location(f"bench.{path.stem}", path)
    assert spec is not None, f"{path} is a Python file"
    assert spec.loader is not None, f"{path} is a Python file"
    module = importlib.util.module_from_spec(spec)
    # Benchmarks start workers that import their module by name, and share code lying beside them.
    sys.modules[spec.name] = module
    sys.path.insert(0, str(folder))
    spec.loader.exec_module(module)
    main: BenchMain = module.main
    return main


def run(main: BenchMain, name: str, options: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark and return its report; its progress goes to stderr so that stdout holds the report alone."""
    before = environment()
    with contextlib.redirect_stdout(sys.stderr):
        figures = main(list(options))
    return {"name": name, "environment": before, "figures": [asdict(figure) for figure in figures]}


def environment() -> dict[str, Any]:
    """Return what a reader must know of the machine to compare figures."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "nats": _server(NATS),
        "redis": _server(REDIS),
        "load_average": list(os.getloadavg()),
    }


def _server(program: Program) -> str | None:
    found = next(candidates(program, Path(), wished_for()), None)
    return None if found is None else str(found)


def cpu_model(cpuinfo: str) -> str:
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), platform.machine())


def show(report: dict[str, Any], console: Console) -> None:
    """Print a report for a person."""
    about = report["environment"]
    console.print(
        Text(
            f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, {about['nats']}, {about['redis']}",
            "dim",
        )
    )
    table = Table("figure", "value", "unit", "aim", "", title=report["name"], box=None, pad_edge=False)
    for figure in report["figures"]:
        value = figure["value"]
        shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
        verdict = {True: Text("met", "green"), False: Text("missed", "red"), None: Text("")}[figure["met"]]
        table.add_row(figure["name"], shown, figure["unit"], figure["aim"] or "", verdict)
    console.print(table)


def as_json(report: dict[str, Any]) -> str:
    return json.dumps(report, indent=1, ensure_ascii=False)
