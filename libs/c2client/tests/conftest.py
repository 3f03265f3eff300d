"""The day of a spot bot at a gateway over real sockets, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from c2client.client import C2Client
from c2client.tokens import Login
from gateway.testing.relay import Relay
from gateway.testing.served import CLIENT_SECRET, PASSWORD, MovedClock, Served, spot_day_served


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest_asyncio.fixture()
async def served(clock: MovedClock) -> AsyncIterator[Served]:
    async with spot_day_served(clock) as gateway:
        yield gateway


@pytest_asyncio.fixture()
async def relay(served: Served) -> AsyncIterator[Relay]:
    async with Relay(served.port).listening() as relay:
        yield relay


@pytest_asyncio.fixture()
async def client(served: Served, relay: Relay) -> AsyncIterator[C2Client]:
    """One behind the relay who may do everything but administer."""
    user_id = await served.user("viewer", "trader", "risk", "exchanges")
    async with C2Client(relay.url, Login(user_id, PASSWORD, client_secret=CLIENT_SECRET)) as client:
        yield client
