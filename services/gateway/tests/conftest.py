"""The gateway put together with fakes around it and a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from common.clock import ManualClock
from common.network.webclient import WebClient
from common.testing.spot import EXCHANGES
from fastapi import FastAPI
from gateway.api.app import build_app
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.auth.throttle import Throttle
from gateway.changes.admin_ports import AdminPorts
from gateway.context import Context
from gateway.state.view import View
from gateway.testing.fakes import AdminPortsSeen, FakeBus, MemoryTokenStore
from gateway.testing.platform import START_NS, URLS, Story
from pydantic import SecretStr

PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def story(clock: ManualClock) -> Story:
    return Story(View(admin_urls=URLS, quoted_venues=["degen"], exchanges=EXCHANGES), clock)


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def store(clock: ManualClock) -> MemoryTokenStore:
    return MemoryTokenStore(clock)


@pytest.fixture
def admin_ports() -> AdminPortsSeen:
    return AdminPortsSeen()


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    """Argon2id as in production, but cheap."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def context(
    story: Story,
    clock: ManualClock,
    bus: FakeBus,
    store: MemoryTokenStore,
    passwords: Passwords,
    admin_ports: AdminPortsSeen,
) -> Context:
    client = WebClient(transport=lambda: httpx.MockTransport(admin_ports.handle))
    return Context(
        view=story.view,
        clock=clock,
        sessions=Sessions(store, clock, story.view.users),
        throttle=Throttle(store),
        passwords=passwords,
        admin_ports=AdminPorts(URLS, SecretStr("admin-port-token"), client),
        bus=bus,
        past=bus.past,
    )


@pytest.fixture
def app(context: Context) -> FastAPI:
    return build_app(context)


@pytest_asyncio.fixture()
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client nobody is logged in with."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:
        yield client


LogIn = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def log_in(client: httpx.AsyncClient, story: Story, passwords: Passwords) -> LogIn:
    """Make a user with some roles and return the headers of his requests."""

    async def log_in(*roles: str, user_id: str = "") -> dict[str, str]:
        user_id = user_id or "-".join(["user", *roles])
        story.user(user_id, *roles, password_hash=await passwords.hash(PASSWORD))
        form = {"grant_type": "password", "username": user_id, "password": PASSWORD}
        answer = await client.post("/oauth/token", data=form)
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    return log_in
