"""The simulated exchange as a process of its own, and its customers over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
from quoter.venues.conversation import Reply, Request, Script
from quoter.venues.degen.rest import ApiKey
from quoter.venues.venue import CancelSession
from toolkit.platform.listening import free_port

T = TypeVar("T")
STATE_MOST_S = 60
"""A state that has not come by then does not come, however busy the machine."""


def environment_without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MM_")}


class ExchangeProcess:
    """The exchange, without takers and rivals of its own."""

    def __init__(self, folder: Path, own: Mapping[str, str] | None = None) -> None:
        """`own` are settings beside those that every run has."""
        self.folder, self.url = folder, f"http://127.0.0.1:{free_port()}"
        self.running: subprocess.Popen[bytes] | None = None
        self._own = {
            "MM_EXCHANGE_PORT": self.url.rpartition(":")[2],
            "MM_DATA_DIR": str(folder),
            "MM_SOURCE": "model",
            "MM_TAKERS": "false",
            "MM_RIVAL": "false",
            **(own or {}),
        }

    def start(self) -> None:
        self.running = subprocess.Popen([sys.executable, "-m", "exchange"], env=environment_without_ours() | self._own)

    def kill(self) -> None:
        assert self.running is not None, "it was started"
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(timeout=STATE_MOST_S)

    async def until(self, path: str, shows: Callable[[Any], bool]) -> None:
        """Ask until an answer is there that shows something."""
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(STATE_MOST_S):
            while True:
                try:
                    answer = await client.get(path)
                    if answer.status_code == 200 and shows(answer.json()):
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def keys_of(self, venue: str, account: str, folder: str = "keys") -> list[ApiKey]:
        """Return the keys of an account at a named venue, or at the exchange itself where that is empty."""
        own = self.folder / "exchange" / "venues" / venue if venue else self.folder / "exchange"
        rows = json.loads((own / folder / f"{account}.json").read_text())
        return [ApiKey(row["name"], row["api_key"], row["api_secret"], tuple(row["scopes"])) for row in rows]

    def key_of(self, account: str, scope: str = "trade", *, alone: bool = False, venue: str = "") -> ApiKey:
        """Return an account's key that has a scope, with `alone` and no other."""
        keys = self.keys_of(venue, account)
        return next(key for key in keys if key.scopes == (scope,) or (scope in key.scopes and not alone))

    @asynccontextmanager
    async def customer(self, key: ApiKey, venue: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """Hold a connection that is logged in with a key."""
        async with httpx.AsyncClient(base_url=f"{self.url}/venues/{venue}" if venue else self.url) as http:
            body = {"api_key": key.api_key, "api_secret": key.api_secret}
            http.headers["Authorization"] = f"Bearer {(await http.post('/auth/login', json=body)).json()['token']}"
            yield http


async def balances(http: httpx.AsyncClient) -> dict[str, Decimal]:
    """Return what a customer has, by currency."""
    return {row["currency"]: Decimal(row["total"]) for row in (await http.get("/balances")).json()["balances"]}


async def carried_out(script: Script[T], session: CancelSession, http: httpx.AsyncClient) -> T:
    """Carry out what a script asks for, and return what it comes to."""
    reply: Reply | None = None
    while True:
        try:
            step = script.send(reply)
        except StopIteration as done:
            found: T = done.value
            return found
        reply = None
        if isinstance(step, Request):
            answer = await http.request(step.method, step.path, content=step.body, headers=dict(session.headers()))
            reply = Reply(answer.status_code, answer.content)
