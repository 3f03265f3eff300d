"""The commands a trader types: each reads its options and calls the module that does the work."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from toolkit import locks
from toolkit.down import down as stop_platform
from toolkit.paths import DEFAULT_DATA_DIR, ROOT, VENV_BIN
from toolkit.ports import port_map
from toolkit.screen import Screen
from toolkit.sources import SOURCES
from toolkit.up import CannotStartError, UpOptions, detach
from toolkit.up import up as run_platform

PROFILES = ("demo", "spot", "bonds")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

app = typer.Typer(
    name="mm",
    help="Run the market-making platform: `mm up` starts all of it, `mm status` shows it, `mm down` stops it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

console = Console()

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="MM_DATA_DIR", help="Where this platform keeps its state.", resolve_path=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    app()


@app.command()
def up(
    profile: Annotated[str, typer.Option(help="Which first bots: demo, spot or bonds.")] = "demo",
    source: Annotated[str | None, typer.Option(help="What drives prices: live (the default), model or replay.")] = None,
    replay: Annotated[
        list[Path] | None, typer.Option(help="A recording to replay; may be given several times.")
    ] = None,
    detached: Annotated[bool, typer.Option("--detach", help="Return when it runs; ./mm down stops it.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: Annotated[int | None, typer.Option(help="Shift all ports: gateway N, exchange N+1, ...")] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PROCESS.NAME=VALUE", help="One setting of one process.")
    ] = None,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE ...]", help="More recordings to replay.")] = None,
) -> None:
    """Start the whole platform as local processes; Ctrl-C stops it cleanly."""
    screen = Screen(console)
    _one_of("--profile", profile, PROFILES)
    _one_of("--log-level", log_level, LOG_LEVELS)
    if source is not None:
        _one_of("--source", source, SOURCES)
    try:
        options = UpOptions(
            data_dir=data_dir,
            ports=port_map(port_base),
            profile=profile,
            source=source,
            replay_files=(*(replay or ()), *(files or ())),
            log_level=log_level,
            overrides=_overrides(settings or []),
        )
        if detached:
            arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
            raise typer.Exit(detach(arguments, data_dir, screen))
        raise typer.Exit(run_platform(options, screen))
    except (CannotStartError, ValueError) as error:
        _refuse(str(error))


@app.command()
def down(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Stop the platform: orders cancelled at the venue first, then every process."""
    raise typer.Exit(stop_platform(data_dir, Screen(console)))


@app.command()
def lock(
    check: Annotated[bool, typer.Option("--check", help="Only say which locks are stale; needs no network.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest allowed versions.")] = False,
) -> None:
    """Pin the Python packages: write locks/ anew from what the members declare."""
    if check:
        faults = locks.stale_locks(ROOT)
        for fault in faults:
            console.print(f"[red]{fault}[/red]; run ./mm lock")
        raise typer.Exit(1 if faults else 0)
    uv = shutil.which("uv", path=str(VENV_BIN)) or shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    for name in locks.write_locks(ROOT, uv, upgrade=upgrade):
        console.print(f"locks/{name}.txt")


def _overrides(settings: list[str]) -> dict[str, dict[str, str]]:
    overrides: dict[str, dict[str, str]] = {}
    for setting in settings:
        target, equals, value = setting.partition("=")
        process, dot, name = target.partition(".")
        if not (equals and dot and name.startswith("MM_")):
            raise ValueError(f"--set {setting}: must read PROCESS.MM_NAME=VALUE")
        overrides.setdefault(process, {})[name] = value
    return overrides


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        _refuse(f"{option} {value}: must be one of {', '.join(allowed)}")


def _refuse(reason: str) -> None:
    Console(stderr=True).print(f"mm: {reason}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
