"""A gateway with a day of a spot bot, served over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx
from argon2 import PasswordHasher
from common.clock import NS_PER_S, AnchoredClock
from common.network.admin import serving
from common.network.webclient import WebClient
from common.testing.spot import EXCHANGES
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.api.app import build_app
from gateway.auth.clients import OAuthClients
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.auth.throttle import Throttle
from gateway.changes.admin_ports import AdminPorts
from gateway.context import Context
from gateway.state.view import View
from gateway.testing.fakes import FakeBus, MemoryTokenStore
from gateway.testing.platform import URLS
from gateway.testing.spot import SpotStory

PASSWORD = "correct horse battery"  # noqa: S105 - of users who are told here
CLIENT_SECRET = "the secret of the first start"  # noqa: S105 - as above


class MovedClock(AnchoredClock):
    """Time that goes on by itself, and by leaps where a test makes one."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_s * NS_PER_S


class Served:
    """A gateway that listens, and the story that it is told."""

    def __init__(self, context: Context, story: SpotStory) -> None:
        self.context, self.story, self.port = context, story, 0
        self.app: FastAPI | None = None
        self._listening = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Listen, on the same port as before; whatever was connected before is unknown."""
        self.app = build_app(self.context)
        self.port = await self._listening.enter_async_context(serving(self.app, "127.0.0.1", self.port))

    async def stop(self) -> None:
        """Listen no more and drop every connection."""
        await self._listening.aclose()

    @property
    def readers(self) -> int:
        """Return how many subscriptions there are."""
        return 0 if self.app is None else len(self.app.state.hub)

    async def user(self, *roles: str, bots: tuple[str, ...] = (), disabled: bool = False) -> str:
        """Tell a user with some roles, his password `PASSWORD`, and return his id."""
        user_id = "-".join(["user", *roles])
        password_hash = await self.context.passwords.hash(PASSWORD)
        self.story.user(user_id, *roles, password_hash=password_hash, disabled=disabled)
        if bots:
            self.story.user_of_bots(user_id, *bots)
        return user_id

    async def token(self, *roles: str, bots: tuple[str, ...] = ()) -> str:
        """Log a user with some roles in, over HTTP."""
        form = {"grant_type": "password", "username": await self.user(*roles, bots=bots), "password": PASSWORD}
        async with httpx.AsyncClient(base_url=self.http_url) as client:
            answer = await client.post("/oauth/token", data=form | {"scope": "public"})
        token: str = answer.json()["access_token"]
        return token

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/websocket/v0"


@contextlib.asynccontextmanager
async def spot_day_served(clock: AnchoredClock | None = None) -> AsyncIterator[Served]:
    """Serve the day of bot 3 with one warning told, on a port of its own."""
    clock = clock or AnchoredClock()
    view = View(admin_urls=URLS, quoted_venues=["dltxmm_spot"], exchanges=EXCHANGES)
    story = SpotStory(view, clock)
    story.spot_day()
    story.told("Self Prevention: BTCJPY SELL 1.5 @ 441284.435")
    store, bus = MemoryTokenStore(clock), FakeBus()
    bot = view.bots["3"]
    bus.sequences[bot.event.address()] = bot.sequence
    context = Context(
        view=view,
        clock=clock,
        sessions=Sessions(store, clock, view.users),
        throttle=Throttle(store),
        # Argon2id as in production, but cheap.
        passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
        admin_ports=AdminPorts(URLS, SecretStr("admin-port-token"), WebClient(trust_env=False)),
        clients=OAuthClients(SecretStr(CLIENT_SECRET)),
        bus=bus,
        past=bus.past,
    )
    served = Served(context, story)
    await served.start()
    try:
        yield served
    finally:
        await served.stop()
