"""Ask one process whether it works: over HTTP, for Redis with its own PING, for a broker by asking JetStream."""

import asyncio
import contextlib
import json
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from common.network.webclient import Answered, RequestFailed, WebClient
from common.stores import STANDS_STILL
from common.streams import JETSTREAM_API
from nats.aio.client import Client
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError

from toolkit.platform.processes import JetStreamLogin, Process

ASK_TIMEOUT_S = 2.0


WRITE_ERROR = "write error"
"""In what a broker says of a stream that stores nothing until the broker starts again, as after a full disk."""


class Readiness(Enum):
    """What a process says of its work."""

    READY = "ready"
    LATE = "late"
    """It works, but its inputs are not fresh, or a broker does not serve every stream on its disk."""
    STANDS_STILL = "stands still"
    """Until a person has resumed the platform; waiting is of no use."""
    UNHEALTHY = "unhealthy"
    """It does not answer, or stores nothing."""


class Condition(NamedTuple):
    """How a process does, and what a broker says of its streams: '' when they are all there, None when it is silent."""

    readiness: Readiness
    words: str | None = None


async def is_healthy(process: Process, client: WebClient) -> bool:
    """Say whether a process has started: it answers, and of a broker JetStream does."""
    if process.health_url is None:
        return False
    if process.health_url.startswith("redis://"):
        return await _redis_answers(process)
    if not await answers(process.health_url, client):
        return False
    return process.jetstream is None or await jetstream_answers(process.jetstream)


async def condition(process: Process, client: WebClient) -> Condition:
    """Return whether a process works and its inputs are fresh; one without that notion is ready when healthy."""
    if process.jetstream is not None:
        return await _of_a_broker(process, client)
    answer = await _ask(process.ready_url, client) if process.ready_url is not None else None
    if answer is not None and answer.status == HTTPStatus.OK:
        return Condition(Readiness.READY)
    if answer is not None and STANDS_STILL.encode() in answer.body:
        return Condition(Readiness.STANDS_STILL)
    if not await is_healthy(process, client):
        return Condition(Readiness.UNHEALTHY)
    return Condition(Readiness.READY if process.ready_url is None else Readiness.LATE)


async def _of_a_broker(process: Process, client: WebClient) -> Condition:
    """Judge by JetStream first: of one that hangs the pages say that all is well."""
    answer = await _ask(process.ready_url, client) if process.ready_url is not None else None
    words = broker_words(answer.body) if answer is not None else None
    if not await is_healthy(process, client) or WRITE_ERROR in (words or ""):
        return Condition(Readiness.UNHEALTHY, words)
    whole = process.ready_url is None or (answer is not None and answer.status == HTTPStatus.OK)
    return Condition(Readiness.READY if whole else Readiness.LATE, words)


def broker_words(body: bytes) -> str:
    """Return what a broker's health page says is wrong, '' for nothing: 'JetStream stream ... could not be recovered'.

    With details it lists every error, without them it names the first.
    """
    try:
        page = json.loads(body)
        errors = [str(each["error"]) for each in page.get("errors") or ()]
        return "; ".join(errors) or str(page.get("error", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


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
