"""Clients that try what they may not do, and note what the broker forbids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from common.events import Event
from nats.aio.client import Client

from tests.servers import Broker


class RawUser:
    """A client that tries things and notes what the broker forbids."""

    def __init__(self, client: Client, forbidden: list[str]) -> None:
        self.client, self._forbidden = client, forbidden

    async def may_publish(self, subject: str, data: bytes = b"", reply: str = "") -> bool:
        await self.client.publish(subject, data, reply)
        return await self._allowed(subject)

    async def may_subscribe(self, subject: str) -> bool:
        subscription = await self.client.subscribe(subject)
        allowed = await self._allowed(subject)
        await subscription.unsubscribe()
        return allowed

    async def _allowed(self, subject: str) -> bool:
        # The broker's objection, if any, comes before the answer to a ping. Two, because the client's ping overtakes
        # what it has not written yet. It tells errors in lower case.
        await self.client.flush(30)
        await self.client.flush(30)
        return not any(f'"{subject.lower()}"' in error for error in self._forbidden)


@asynccontextmanager
async def raw(broker: Broker, user: str) -> AsyncIterator[RawUser]:
    forbidden: list[str] = []

    async def note(error: Exception) -> None:
        forbidden.append(str(error))

    client = await nats.connect(
        broker.url, user=user, password=broker.password_file(user).read_text().strip(), error_cb=note
    )
    try:
        yield RawUser(client, forbidden)
    finally:
        await client.close()


def address(cls: type[Event], user: str) -> str:
    """Return a subject of the class; where it names its sender, this user is it."""
    tokens = [
        ("risk" if user == "nobody" else user) if token in ("{service}", "{role}") else token
        for token in cls.subject.split(".")
    ]
    return ".".join("x" if token.startswith("{") else token for token in tokens)
