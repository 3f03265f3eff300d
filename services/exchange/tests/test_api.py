"""The venue's web application: a client that vanishes is no fault of the venue's."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from common.clock import AnchoredClock
from exchange.api import make_app
from exchange.journal import Journal
from exchange.prices.binance import PublicStreams
from exchange.shell import Shell
from exchange.testing.venue import opened


@pytest.mark.parametrize("path", ["/ws", "/binance/stream"])
async def test_a_client_that_vanishes_before_it_is_answered_ends_its_connection_alone(
    tmp_path: Path, path: str
) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.begin([])
    shell = Shell(opened(), PublicStreams(("BTCUSDT",)), journal, AnchoredClock())
    said = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "no JSON"}])
    tried: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        for message in said:
            return dict(message)
        await asyncio.Event().wait()
        raise AssertionError("nothing more is said")

    async def send(message: MutableMapping[str, Any]) -> None:
        tried.append(message["type"])
        if message["type"] != "websocket.accept":
            raise OSError("the client is gone")

    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": []}
    await make_app(shell)(scope, receive, send)
    assert tried[0] == "websocket.accept"
    assert len(tried) > 1
