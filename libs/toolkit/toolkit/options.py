"""The options that every command about a platform has, and how they find it."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from toolkit.file_errors import sentence
from toolkit.instance import find_running
from toolkit.ports import Ports, port_map
from toolkit.servers.programs import WISH_VARIABLE, WISHES

REFUSED = 2
"""The exit code of a command that did nothing, for a reason it has said."""


def a_folder(data_dir: Path) -> Path:
    """Return a data directory that is one or can become one; the command ends with the rule it breaks."""
    there = next(path for path in (data_dir, *data_dir.parents) if os.path.lexists(path))
    try:
        if not there.is_dir():
            refuse(f"--data-dir {data_dir}: must be a folder, and {there} is none: move it away, or name another")
    except OSError as error:
        refuse(sentence(error))
    return data_dir


DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="MM_DATA_DIR",
        help="Where this platform keeps its state.",
        resolve_path=True,
        callback=a_folder,
    ),
]
ServersOption = Annotated[
    str,
    typer.Option(
        "--servers",
        envvar=WISH_VARIABLE,
        metavar="|".join(WISHES),
        help="Which NATS and Redis: the machine's own, the wheels', containers; auto takes the first that may run.",
    ),
]
PortBase = Annotated[int | None, typer.Option("--port-base", help="Shift all ports: gateway N, exchange N+1, ...")]


def ports_of(data_dir: Path, port_base: int | None) -> Ports:
    """Return the ports of the platform that runs on a data directory, wherever they are; else those asked for."""
    running = find_running(data_dir)
    if running is None:
        return ports_asked_for(port_base)
    if port_base is not None and running.ports != ports_asked_for(port_base):
        refuse(
            f"--port-base {port_base}: the platform on {data_dir} has its gateway at {running.ports.gateway}; "
            "leave the option out, or name another --data-dir"
        )
    return running.ports


def ports_asked_for(port_base: int | None) -> Ports:
    """Return the ports an option asks for; the command ends with the rule it breaks."""
    try:
        return port_map(port_base)
    except ValueError as error:
        refuse(str(error))


def refuse(reason: str) -> NoReturn:
    """End the command with one sentence and exit code 2."""
    say_why(reason)
    raise typer.Exit(REFUSED)


def say_why(reason: str) -> None:
    """Print the sentence a command ends with."""
    Console(stderr=True).print(f"mm: {reason}", markup=False, highlight=False, soft_wrap=True)
