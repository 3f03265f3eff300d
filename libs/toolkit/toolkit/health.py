"""Ask one process whether it works: over HTTP, for Redis with its own PING, for a broker by asking JetStream."""

import asyncio
import contextlib
import json
from enum import Enum
from http import HTTPStatus
from urllib.parse import urlsplit

from common.stores import STANDS_STILL
from common.streams import JETSTREAM_API
from common.webclient import Answered, RequestFailed, WebClient
from nats.aio.client import Client
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError

from toolkit.processes import JetStreamLogin, Process

ASK_TIMEOUT_S = 2.0


class Readiness(Enum):
    """What a process says of its work."""

    READY = "ready"
    LATE = "late"
    """Its inputs are not fresh, or it does not answer."""
    STANDS_STILL = "stands still"
    """Until a person has resumed the platform; waiting is of no use."""


async def is_healthy(process: Process, client: WebClient) -> bool:
    if process.health_url is None:
        return False
    if process.health_url.startswith("redis://"):
        return await _redis_answers(process)
    if not await answers(process.health_url, client):
        return False
    return process.jetstream is None or await jetstream_answers(process.jetstream)


async def readiness(process: Process, client: WebClient) -> Readiness:
    """Return whether a process works and its inputs are fresh; one without that notion is ready when healthy."""
    if process.ready_url is None:
        return Readiness.READY if await is_healthy(process, client) else Readiness.LATE
    answer = await _ask(process.ready_url, client)
    if answer is None:
        return Readiness.LATE
    if answer.status == HTTPStatus.OK:
        return Readiness.READY
    return Readiness.STANDS_STILL if STANDS_STILL.encode() in answer.body else Readiness.LATE


async def answers(url: str, client: WebClient) -> bool:
    """Say whether an address answers 200, the whole answer within ASK_TIMEOUT_S."""
    answer = await _ask(url, client)
    return answer is not None and answer.status == HTTPStatus.OK


async def _ask(url: str, client: WebClient) -> Answered | None:
    try:
        return await client.request("GET", url, timeout_s=ASK_TIMEOUT_S)
    except RequestFailed:
        return None


async def jetstream_answers(login: JetStreamLogin) -> bool:
    """Say whether JetStream answers a request; after a full disk a broker's ports and pages say nothing of that.

    A login that may not ask is no verdict on the broker: then it counts as answering.
    """
    refused = False

    async def note(error: Exception) -> None:
        nonlocal refused
        refused = refused or isinstance(error, AuthorizationError) or "permissions violation" in str(error).lower()

    client = Client()
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            await client.connect(
                login.url,
                user=login.user,
                password=login.password_file.read_text().strip(),
                allow_reconnect=False,
                connect_timeout=int(ASK_TIMEOUT_S),
                error_cb=note,
            )
            reply = await client.request(f"{JETSTREAM_API}.INFO", timeout=ASK_TIMEOUT_S)
            return "error" not in json.loads(reply.data)
    except (NatsError, OSError, TimeoutError, ValueError):
        return refused
    finally:
        with contextlib.suppress(NatsError, OSError):
            await client.close()


async def _redis_answers(process: Process) -> bool:
    """Log in and ping: while Redis still reads its file it answers LOADING, which is not yet healthy."""
    address = urlsplit(process.health_url or "")
    try:
        password = process.redis_password_file.read_text().strip() if process.redis_password_file else ""
        async with asyncio.timeout(ASK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
