"""The commands a trader types: each reads its options and calls the module that does the work."""

import shutil
from typing import Annotated

import typer
from rich.console import Console

from toolkit import locks
from toolkit.paths import ROOT, VENV_BIN

app = typer.Typer(
    name="mm",
    help="Run the market-making platform: `mm up` starts all of it, `mm status` shows it, `mm down` stops it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)

console = Console()


def main() -> None:
    app()


@app.callback()
def _commands() -> None:
    """Keep the command names even while there is one command."""


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
