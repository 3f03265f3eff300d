"""Show the platform on one screen while it runs, or as plain lines where there is no screen."""

from __future__ import annotations

import asyncio
import time
from typing import IO, TYPE_CHECKING, cast

from common.provenance import provenance
from common.running.log_lines import END_WAIT_S, Unfailing
from common.stores import STANDS_STILL
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from toolkit.instance import Instance
from toolkit.layout import admin_password_file

if TYPE_CHECKING:
    from toolkit.platform.supervisor import Supervisor

MESSAGES_SHOWN = 8
NOBODY_SAID = provenance([], [])["label"]

STATE_COLOURS = {
    "ready": "green",
    "done": "green",
    "up": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "restarting": "red",
    "standing": "red",
    "unhealthy": "red",
    "failed": "red",
}

STATE_MEANINGS = {
    "waiting": "for what it needs",
    "up": "works, inputs not fresh yet",
    "standing": STANDS_STILL,
    "unhealthy": "does not answer",
    "failed": "does not start",
}

WAY_ON = "./mm streams makes the platform's own streams, see docs/runbook.md"
"""Behind what a broker says of a stream on its disk that it does not serve."""


class Screen:
    """Where `mm up` reports: a live view on a terminal, lines anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._messages: list[str] = []
        self._live: Live | None = None
        self._writer: Unfailing | None = None
        self.prices = NOBODY_SAID
        """Whether money and prices are real, as the venue says."""

    def say(self, message: str) -> None:
        """Report one line."""
        self._messages = [*self._messages[-(MESSAGES_SHOWN - 1) :], message]
        if self._live is None:
            self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def open(self) -> None:
        """Begin the live view, where there is a terminal to show it on.

        From here on the processes have to be kept, whoever reads: a stopped terminal or pipe holds up nobody.
        """
        self._writer = Unfailing(self._console.file)
        self._console.file = cast(IO[str], self._writer)
        if self._console.is_terminal:
            # Redrawn by the caller: a refresh thread could draw, and hold locks, while children are forked. The
            # writer's thread holds none that a child needs.
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()

    async def written(self) -> None:
        """Return when every line is where it is read, or nobody reads."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.drain, END_WAIT_S)

    def draw(self, instance: Instance, supervisor: Supervisor) -> None:
        if self._live is not None:
            self._live.update(
                Group(service_table(supervisor), address_lines(instance, self.prices), *self._lines()), refresh=True
            )

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _lines(self) -> list[RenderableType]:
        return [Text(message, style="dim") for message in self._messages]


def service_table(supervisor: Supervisor) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "uptime", "restarts", "pid", ""):
        table.add_column(column, justify="right" if column in ("uptime", "restarts", "pid") else "left")
    for name, child in supervisor.children.items():
        row = child.view()
        state = str(row["state"])
        uptime = duration(time.monotonic() - child.started_monotonic_s) if row["pid"] else ""
        colour = STATE_COLOURS.get(state, "")
        pid = str(row["pid"] or "")
        meaning = child.words or STATE_MEANINGS.get(state, "")
        table.add_row(name, Text(state, style=colour), uptime, str(row["restarts"]), pid, meaning)
    return table


def address_lines(instance: Instance, prices: str) -> Text:
    return Text("\n".join(addresses(instance, prices)))


def addresses(instance: Instance, prices: str = NOBODY_SAID) -> list[str]:
    """Return what a person needs to look in: address, user, where the password is, what prices these are, the logs."""
    further = [f"http://127.0.0.1:{instance.ports.replica(number)[0]}" for number in range(2, instance.gateways + 1)]
    return [
        f"dashboard  {', '.join([instance.gateway_url, *further])}",
        f"login      admin, password in {admin_password_file(instance.data_dir)}",
        f"prices     {prices}",
        f"logs       {instance.logs_dir}",
    ]


def duration(seconds: float) -> str:
    """Return a length of time as a person reads it: 12 s, 4 min, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
