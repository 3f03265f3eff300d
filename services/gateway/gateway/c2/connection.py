"""One websocket of the C2 API: what arrives goes through the STOMP session, what is queued is written in order.

Nobody waits for a client: who reads too slowly is given less, or let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from typing import Protocol

from common.clock import NS_PER_MS, NS_PER_S, Clock
from stompframes.messages import SharedMessage
from stompframes.server import (
    Acknowledged,
    Event,
    LoginAsked,
    Sent,
    ServerSession,
    ServerSettings,
    Subscribed,
    Unsubscribed,
)
from stompframes.subscriptions import Subscription

from gateway.auth.roles import Role
from gateway.auth.sessions import Sessions, Standing
from gateway.auth.store import TokensUnavailable
from gateway.c2.content import Visibility
from gateway.c2.hub import BUFFER_BYTES_MAX, Hub, error_body

RECHECK_NS = 5 * NS_PER_S
"""A login that was revoked ends its connections within so long."""
STUCK_NS = 30 * NS_PER_S
"""A client that takes nothing for so long is gone."""
LOOK_S = 0.25
"""How often it is looked whether time has run out."""
TOKEN_CHARS_MAX = 200
WAITING_BYTES_MAX = 4 * BUFFER_BYTES_MAX
"""Of answers to what it asked, all else included: with more a connection is ended."""
SETTINGS = ServerSettings(server="gateway")


class Socket(Protocol):
    """The websocket, already accepted."""

    async def receive(self) -> str | bytes | None:
        """Return the next message, None when the client is gone."""
        ...

    async def send(self, data: bytes, *, as_text: bool) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


class C2Connection:
    """A client of the C2 API for as long as its socket lives."""

    def __init__(
        self, socket: Socket, hub: Hub, sessions: Sessions, clock: Clock, settings: ServerSettings = SETTINGS
    ) -> None:
        self.visibility = Visibility()
        self.user_id = ""
        self._socket, self._hub, self._sessions, self._clock = socket, hub, sessions, clock
        self._session = ServerSession(uuid.uuid4().hex, clock.now_ns(), settings)
        self._standing: Standing | None = None
        self._queue: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._written_ns = clock.now_ns()
        """When the client last took something, or had nothing to take."""
        self._wake = asyncio.Event()
        self._as_text = True
        self._checked_ns = clock.now_ns()

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def deliver(self, subscription: Subscription, message: SharedMessage) -> bool:
        taken = self._session.deliver(subscription, message, self._clock.now_ns())
        self._flush()
        return taken

    def refuse(self, subscription: Subscription, status: int, body: bytes) -> None:
        self._session.refuse(subscription, status, body, self._clock.now_ns())
        self._flush()

    def end(self, rule: str, detail: str) -> None:
        self._session.fail(rule, detail, self._clock.now_ns())
        self._flush()

    async def run(self) -> None:
        """Serve the client until he leaves or has to."""
        tasks = [asyncio.create_task(each) for each in (self._read(), self._write(), self._watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._hub.leave(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        first = True
        while (data := await self._socket.receive()) is not None:
            if first:
                # Clients are answered in the kind of message that they send.
                self._as_text, first = isinstance(data, str), False
            await self._act(self._session.receive(data, self._clock.now_ns()))
            if self._session.closing is not None:
                # What ends it is written first; the writer closes.
                await asyncio.Event().wait()

    async def _act(self, events: list[Event]) -> None:
        now_ns = self._clock.now_ns()
        while events:
            following: list[Event] = []
            for event in events:
                if isinstance(event, LoginAsked):
                    following = await self._login(event)
                elif isinstance(event, Subscribed):
                    self._hub.subscribe(self, event.subscription, now_ns // NS_PER_MS)
                elif isinstance(event, Unsubscribed):
                    self._hub.unsubscribe(self, event.subscription)
                elif isinstance(event, Sent):
                    self._session.refuse(event, 405, error_body("destination: nothing can be sent here"), now_ns)
                else:
                    assert isinstance(event, Acknowledged)
            events = following
        self._flush()

    async def _login(self, asked: LoginAsked) -> list[Event]:
        token = asked.token if len(asked.token) <= TOKEN_CHARS_MAX else ""
        try:
            standing = await self._sessions.standing(token) if token else None
        except TokensUnavailable:
            self._session.deny("Unavailable", "the store of tokens does not answer; try again", self._clock.now_ns())
            return []
        if standing is None or Role.VIEWER not in standing.caller.roles:
            text = "authorization: must be an access token that is good; get one at POST /oauth/token"
            self._session.deny("AccessDenied", text, self._clock.now_ns())
            return []
        self._take(standing)
        return self._session.accept(standing.caller.user_id, self._clock.now_ns())

    def _take(self, standing: Standing) -> None:
        caller = standing.caller
        self._standing, self.user_id = standing, caller.user_id
        self.visibility = Visibility(Role.EXCHANGES in caller.roles, frozenset(caller.bots) or None)

    async def _watch(self) -> None:
        """End what time has run out for: a client that says nothing or takes nothing, a login that is over."""
        while True:
            await asyncio.sleep(LOOK_S)
            now_ns = self._clock.now_ns()
            deadline_ns = self._session.next_deadline_ns()
            if deadline_ns is not None and now_ns >= deadline_ns:
                self._session.on_time(now_ns)
            if self._queue and now_ns - self._written_ns > STUCK_NS:
                return
            if self._standing is not None and now_ns - self._checked_ns >= RECHECK_NS:
                self._checked_ns = now_ns
                await self._recheck(self._standing)
            self._flush()

    async def _recheck(self, standing: Standing) -> None:
        try:
            caller = await self._sessions.still(standing)
        except TokensUnavailable:
            # Who is in stays in: a store that is away says nothing about anybody.
            return
        if caller is None:
            self._session.fail("AccessDenied", "this login has ended", self._clock.now_ns())
        elif (caller.roles, caller.bots) != (standing.caller.roles, standing.caller.bots):
            self._session.fail("AccessDenied", "what you may see has changed: connect again", self._clock.now_ns())

    def _flush(self) -> None:
        written = self._session.output()
        if written:
            if not self._queue:
                self._written_ns = self._clock.now_ns()
            self._queue.extend(written)
            self._waiting_bytes += sum(map(len, written))
            if self._waiting_bytes > WAITING_BYTES_MAX and self._session.closing is None:
                self.end("too slow", f"more than {WAITING_BYTES_MAX} bytes wait to be read")
        if written or self._session.closing is not None:
            self._wake.set()

    async def _write(self) -> None:
        while True:
            while self._queue:
                data = self._queue[0]
                await self._socket.send(data, as_text=self._as_text)
                self._queue.popleft()
                self._waiting_bytes -= len(data)
                self._written_ns = self._clock.now_ns()
            closing = self._session.closing
            if closing is not None:
                with contextlib.suppress(Exception):
                    await self._socket.close(closing.code, closing.reason[:100])
                return
            self._wake.clear()
            if not self._queue and self._session.closing is None:
                await self._wake.wait()
