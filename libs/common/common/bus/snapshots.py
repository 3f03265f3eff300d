"""Take a copy of a whole stream out of the broker, and put one back: only the user `streams` may.

The broker sends and takes a stream as one compressed archive in pieces; we never look inside. Whatever says that a copy
is whole is beside it: its length and its hash.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from nats.aio.msg import Msg

from common.bus.jetstream import ApiError, JetStreamApi
from common.bus.nats import NatsConnection
from common.errors import BusError, BusUnavailable

CHUNK_BYTES = 128 * 1024
QUIET_S_MAX = 60.0
"""How long the broker may take over one piece, or over checking a stream before the first."""
DONE = "204"
"""What newer servers say with the last, empty piece; older ones say nothing."""


async def take(
    connection: NatsConnection, api: JetStreamApi, stream: str, write: Callable[[bytes], object]
) -> dict[str, Any]:
    """Hand a stream's archive to `write`, piece by piece, and return its configuration and state when it began.

    The broker compares every message's checksum first. BusError when one is damaged, or when the archive ends early.
    """
    inbox = f"{connection.inbox_prefix}.snapshot.{secrets.token_hex(8)}"
    pieces: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await connection.subscribe(inbox, pieces.put)
    try:
        wanted = {"deliver_subject": inbox, "no_consumers": True, "jsck": True, "chunk_size": CHUNK_BYTES}
        begun = await api.call(f"STREAM.SNAPSHOT.{stream}", wanted, timeout_s=QUIET_S_MAX)
        while True:
            try:
                piece = await asyncio.wait_for(pieces.get(), QUIET_S_MAX)
            except TimeoutError:
                raise BusUnavailable(f"snapshot of {stream}: the broker went silent") from None
            if not piece.data:
                _demand_whole(stream, piece)
                return {"config": begun["config"], "state": begun["state"]}
            write(piece.data)
            if piece.reply:
                # It sends no more than some megabytes ahead of these.
                await connection.publish_bytes(piece.reply, b"")
    finally:
        await connection.unsubscribe(subscription)


async def put_back(
    connection: NatsConnection, api: JetStreamApi, stream: str, made: dict[str, Any], pieces: Iterable[bytes]
) -> dict[str, Any]:
    """Make a stream that is not there from its archive and return the broker's word on it.

    ApiError when the broker refuses what is in the archive; then there is no such stream.
    """
    begun = await api.call(f"STREAM.RESTORE.{stream}", made, timeout_s=QUIET_S_MAX)
    subject = str(begun["deliver_subject"])
    for piece in pieces:
        answer = await connection.request(subject, piece, timeout_s=QUIET_S_MAX)
        _demand_good(subject, answer.data)
    answer = await connection.request(subject, b"", timeout_s=QUIET_S_MAX)
    return _demand_good(subject, answer.data)


def _demand_whole(stream: str, last: Msg) -> None:
    headers = last.headers or {}
    if headers.get("Status", DONE) != DONE:
        raise BusError(f"snapshot of {stream}: {headers.get('Status')} {headers.get('Description', '')}".strip())


def _demand_good(subject: str, data: bytes) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(data) if data else {}
    error = reply.get("error")
    if error:
        raise ApiError(subject, int(error.get("err_code", 0)), str(error.get("description")))
    return reply
