"""Storing a genuine message of before again: with an owner's password alone, and with the streams' own login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import structlog
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.nats import NatsConnection
from common.clock import NS_PER_MS
from common.events import BotConfig, Distance, ExecutionStyle, HedgeVenue, OrderCommand, Position, User
from common.instruments import Side
from common.running.gate import Gate
from common.signing import HEADER
from common.signing.verify import MESSAGE_ID
from common.streams import STREAMS, stream_of

from tests.integration.connections import PATIENCE_S, connected
from tests.servers import Broker

STILL_S = 0.1
WINDOW_MS = 100
"""The shortest time the broker lets us make it remember message ids for: after it a message can be stored again."""


@asynccontextmanager
async def thief(broker: Broker, user: str) -> AsyncIterator[NatsConnection]:
    """Yield a connection with a service's password, but without its key."""
    connection = NatsConnection(broker.settings(user).model_copy(update={"signing_key_file": None}), user)
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def forget_ids(broker: Broker, stream: str) -> None:
    """Let the broker forget message ids at once, as it does by itself after ten minutes."""
    async with connected(broker, "streams") as owner:
        await forget_ids_soon(JetStreamApi(owner), stream)


async def forget_ids_soon(api: JetStreamApi, stream: str) -> int:
    """Have the broker remember message ids no longer than it must; return for how long it did before, in ns.

    A change of the window has the broker look for ids that are over. From NATS 2.12 on it may look before the new one
    is in force: then it goes by the old one and looks again when that is over, ten minutes later. At the second change
    either window is short.
    """
    before = await remember_ids(api, stream, 2 * WINDOW_MS * NS_PER_MS)
    await remember_ids(api, stream, WINDOW_MS * NS_PER_MS)
    return before


async def remember_ids(api: JetStreamApi, stream: str, window_ns: int) -> int:
    """Have the broker remember message ids for so long, in ns; return for how long it did before."""
    config = (await api.call(f"STREAM.INFO.{stream}"))["config"]
    await api.call(f"STREAM.UPDATE.{stream}", {**config, "duplicate_window": window_ns})
    return int(config["duplicate_window"])


async def store_again(connection: NatsConnection, stored: Stored) -> int:
    """Store a genuine message a second time, header and all, and return its new sequence."""
    kept = {name: value for name, value in stored.headers.items() if name in (HEADER, MESSAGE_ID)}
    api, stream = JetStreamApi(connection), name_of_stream(stored.subject)
    before = await api.last_sequence(stream)
    async with asyncio.timeout(60):
        while (newest := await api.last_sequence(stream)) == before:
            # Until the broker has forgotten the id it takes this for a repeat.
            await connection.client.publish(stored.subject, stored.data, headers=kept)
            await asyncio.sleep(WINDOW_MS / 1000)
    return newest


async def stored(broker: Broker) -> dict[str, tuple[int, int]]:
    """Return how many messages each stream has ever stored and has lost to a purge, once nothing moves any more."""
    async with connected(broker, "streams") as admin:
        api = JetStreamApi(admin)

        async def look() -> dict[str, tuple[int, int]]:
            states = {stream.name: (await api.call(f"STREAM.INFO.{stream.name}"))["state"] for stream in STREAMS}
            return {name: (state["last_seq"], state["first_seq"]) for name, state in states.items()}

        # A newer server stores behind the back of the client that has been answered.
        before: dict[str, tuple[int, int]] = {}
        now = await look()
        async with asyncio.timeout(PATIENCE_S):
            while now != before:
                await asyncio.sleep(STILL_S)
                before, now = now, await look()
        return now


def name_of_stream(subject: str) -> str:
    return stream_of(subject).name


def gate_of(connection: NatsConnection, file: Path) -> Gate:
    assert connection.keys is not None
    return Gate(connection.keys, JetStreamApi(connection), file, structlog.get_logger())


# --- one of each that somebody might like to have back --------------------------------------------------------------


def config(revision: int) -> BotConfig:
    return BotConfig(
        algo_id="1", kind="binary", revision=revision, running=True, sections={}, actor="anna", ts_ns=revision
    )


def user(revision: int, password_hash: str) -> User:
    return User(
        id="anna",
        name="Anna",
        password_hash=password_hash,
        roles=["admin"],
        revision=revision,
        actor="a",
        ts_ns=revision,
    )


def parent(number: int) -> OrderCommand:
    return OrderCommand(
        scope="bot-1",
        account="mm1",
        ledger_sequence=1,
        revision=number,
        venues=[HedgeVenue("mm1", "degen", "BTCUSD")],
        instrument="BTCUSD",
        side=Side.BUY,
        quantity=Decimal(number),
        style=ExecutionStyle.LEAN,
        max_offset=Distance(Decimal(20), in_bps=True),
        resend_ms=500,
        config_revision=1,
        expires_at_ns=1,
        ts_ns=number,
    )


def position(number: int) -> Position:
    return Position(algo_id="1", lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=number, ts_ns=1)
