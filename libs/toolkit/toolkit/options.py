"""The options that every command about a platform has, and how they find it."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from toolkit.instance import find_running
from toolkit.ports import Ports, port_map
from toolkit.servers import WISH_VARIABLE, WISHES

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="MM_DATA_DIR", help="Where this platform keeps its state.", resolve_path=True),
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
    Console(stderr=True).print(f"mm: {reason}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
