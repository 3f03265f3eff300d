"""One connection on a clock that tests move: logins that end, clients that say nothing or take nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from common.clock import NS_PER_S, ManualClock
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Grant, Sessions
from gateway.c2.connection import RECHECK_NS, STUCK_NS, WAITING_BYTES_MAX, C2Connection
from gateway.c2.hub import Hub
from gateway.testing.fakes import MemoryTokenStore
from gateway.testing.spot import SpotStory

PASSWORD = "correct horse battery"


class FakeSocket:
    """A websocket whose client is the test."""

    def __init__(self) -> None:
        self.waiting_bytes = 0
        self.written: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()

    def waiting(self) -> int:
        return self.waiting_bytes

    def say(self, text: str | None) -> None:
        self._incoming.put_nowait(text)

    async def receive(self) -> str | bytes | None:
        return await self._incoming.get()

    def write(self, messages: Sequence[bytes], *, as_text: bool) -> None:
        self.written += [message.decode() for message in messages]

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self.say(None)

    def abort(self) -> None:
        self.aborted = True
        self.say(None)

    def commands(self) -> list[str]:
        """Return what was written since the last look: commands, '' for a heart-beat."""
        commands = [text.partition("\n")[0] for text in self.written]
        self.written.clear()
        return commands


class Client:
    """A connection that runs, its socket, and the login behind it."""

    def __init__(self, story: SpotStory, store: MemoryTokenStore, clock: ManualClock, hub: Hub) -> None:
        self.socket, self.clock, self.hub = FakeSocket(), clock, hub
        self.sessions = Sessions(store, clock, story.view.users)
        self.connection = C2Connection(self.socket, hub, self.sessions, clock)
        self.grant: Grant | None = None

    async def log_in(self, story: SpotStory, passwords: Passwords, *roles: str) -> None:
        user = story.user("tess", *(roles or ("viewer",)), password_hash=await passwords.hash(PASSWORD))
        self.grant = await self.sessions.open(user)
        await self.say(
            f"CONNECT\nauthorization:{self.grant.access_token}\naccept-version:1.2\nheart-beat:10000,10000\n\n\0"
        )
        assert self.socket.commands() == ["CONNECTED"]

    async def say(self, text: str | None) -> None:
        self.socket.say(text)
        await settled()

    async def later(self, nanoseconds: int) -> None:
        self.clock.advance_to(self.clock.now_ns() + nanoseconds)
        self.hub.tick(self.clock.now_ns() // 1_000_000)
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest_asyncio.fixture()
async def client(story: SpotStory, clock: ManualClock, hub: Hub) -> AsyncIterator[Client]:
    client = Client(story, MemoryTokenStore(clock), clock, hub)
    task = asyncio.create_task(client.connection.run())
    await settled()
    yield client
    client.socket.say(None)
    await task
    assert len(hub) == 0


async def test_who_does_not_connect_in_time_is_let_go(client: Client) -> None:
    await client.later(4 * NS_PER_S)
    assert client.socket.commands() == []
    await client.later(2 * NS_PER_S)
    assert client.socket.commands() == ["ERROR"]
    assert client.socket.closed is not None and client.socket.closed[0] == 1002


async def test_c2_a9_a10_heart_beats_go_out_and_a_silent_client_is_let_go(
    client: Client, story: SpotStory, passwords: Passwords
) -> None:
    await client.log_in(story, passwords)
    for _ in range(3):
        await client.later(9 * NS_PER_S)
    assert client.socket.commands() == ["", "", ""]
    await client.later(5 * NS_PER_S)
    assert client.socket.commands() == ["ERROR"]


async def test_c2_a2_a10_a_token_that_expires_ends_nothing(
    client: Client, story: SpotStory, passwords: Passwords
) -> None:
    await client.log_in(story, passwords)
    for _ in range(60):
        await client.say("\n")
        await client.later(9 * NS_PER_S)
    assert set(client.socket.commands()) == {""}


async def test_a_logout_ends_the_connection(client: Client, story: SpotStory, passwords: Passwords) -> None:
    await client.log_in(story, passwords)
    assert client.grant is not None
    await client.sessions.revoke(client.grant.refresh_token)
    await client.later(RECHECK_NS)
    assert client.socket.commands() == ["ERROR"]
    assert client.socket.closed == (1002, "AccessDenied")


async def test_a_user_who_is_disabled_is_let_go(client: Client, story: SpotStory, passwords: Passwords) -> None:
    await client.log_in(story, passwords)
    story.user("tess", "viewer", password_hash=story.view.users.all()[0].password_hash, disabled=True)
    await client.later(RECHECK_NS)
    assert client.socket.commands() == ["ERROR"]


async def test_who_may_see_something_else_has_to_connect_again(
    client: Client, story: SpotStory, passwords: Passwords
) -> None:
    await client.log_in(story, passwords)
    story.user_of_bots("tess", "3")
    await client.later(RECHECK_NS)
    assert client.socket.commands() == ["ERROR"]


async def test_a_client_that_takes_nothing_is_cut_off(client: Client, story: SpotStory, passwords: Passwords) -> None:
    await client.log_in(story, passwords)
    client.socket.waiting_bytes = 1_000
    for _ in range(STUCK_NS // (5 * NS_PER_S)):
        await client.say("\n")
        await client.later(5 * NS_PER_S)
        assert not client.socket.aborted
    await client.later(5 * NS_PER_S)
    assert client.socket.aborted


async def test_a_client_that_takes_a_little_is_kept(client: Client, story: SpotStory, passwords: Passwords) -> None:
    await client.log_in(story, passwords)
    for waiting in range(20_000, 0, -1_000):
        client.socket.waiting_bytes = waiting
        await client.say("\n")
        await client.later(9 * NS_PER_S)
    assert not client.socket.aborted


async def test_a_flood_of_requests_that_nobody_reads_the_answers_of_is_ended(
    client: Client, story: SpotStory, passwords: Passwords
) -> None:
    await client.log_in(story, passwords)
    client.socket.waiting_bytes = WAITING_BYTES_MAX + 1
    await client.say("SUBSCRIBE\nid:1\ndestination:/topic/alerts\n\n\0")
    assert client.socket.commands()[-1] == "ERROR"
    assert client.socket.closed == (1002, "too slow")


@pytest.mark.parametrize("roles", [("trader",), ("risk",), ("admin",)])
async def test_every_role_that_may_look_comes_in(
    client: Client, story: SpotStory, passwords: Passwords, roles: tuple[str, ...]
) -> None:
    await client.log_in(story, passwords, *roles)
