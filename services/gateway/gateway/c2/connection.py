"""One websocket of the C2 API: what arrives goes through the STOMP session, what is queued is written at once.

Nobody waits for a client: who reads too slowly is given less, or let go.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
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
REASON_CHARS_MAX = 100
TOKEN_CHARS_MAX = 200
WAITING_BYTES_MAX = 4 * BUFFER_BYTES_MAX
"""Of answers to what it asked, all else included: with more a connection is ended."""
SETTINGS = ServerSettings(server="gateway")


class Socket(Protocol):
    """The websocket, already accepted."""

    @property
    def waiting(self) -> Callable[[], int]:
        """Return what says how many bytes the client has not taken yet."""
        ...

    async def receive(self) -> str | bytes | None:
        """Return the next message, None when the client is gone."""
        ...

    def write(self, messages: Sequence[bytes], *, as_text: bool) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


class C2Connection:
    """A client of the C2 API for as long as its socket lives."""

    def __init__(
        self, socket: Socket, hub: Hub, sessions: Sessions, clock: Clock, settings: ServerSettings = SETTINGS
    ) -> None:
        self.visibility = Visibility()
        self.user_id = ""
        self._socket, self._hub, self._sessions, self._clock = socket, hub, sessions, clock
        self._session = ServerSession(uuid.uuid4().hex, clock.now_ns(), settings)
        self._waiting = socket.waiting
        self._standing: Standing | None = None
        self._as_text = True
        self._waited: tuple[int, int] = (0, clock.now_ns())
        """How much was to be taken at the last look, and when that last became less."""
        self._checked_ns = clock.now_ns()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def waiting_bytes(self) -> int:
        return self._waiting()

    def deliver(self, subscription: Subscription, message: SharedMessage) -> bool:
        return self._session.deliver(subscription, message, self._clock.now_ns())

    def refuse(self, subscription: Subscription, status: int, body: bytes) -> None:
        self._session.refuse(subscription, status, body, self._clock.now_ns())

    def end(self, rule: str, detail: str) -> None:
        self._session.fail(rule, detail, self._clock.now_ns())

    def flush(self) -> None:
        """Write what is queued; end the connection where that is to be."""
        written = self._session.output()
        if written:
            self._socket.write(written, as_text=self._as_text)
            if self._waiting() > WAITING_BYTES_MAX and self._session.closing is None:
                self.end("too slow", f"more than {WAITING_BYTES_MAX} bytes wait to be read")
                self._socket.write(self._session.output(), as_text=self._as_text)
        closing = self._session.closing
        if closing is not None and not self._closed:
            self._closed = True
            self._begin(self._socket.close(closing.code, closing.reason[:REASON_CHARS_MAX]))

    def drop(self) -> None:
        self._socket.abort()

    def on_time(self, now_ns: int) -> None:
        """End what time has run out for: a client that says nothing or takes nothing, a login that is over."""
        deadline_ns = self._session.next_deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns:
            self._session.on_time(now_ns)
        waiting = self._waiting()
        if not waiting or waiting < self._waited[0]:
            self._waited = (waiting, now_ns)
        else:
            self._waited = (waiting, self._waited[1])
            if now_ns - self._waited[1] > STUCK_NS:
                self._socket.abort()
        if self._standing is not None and now_ns - self._checked_ns >= RECHECK_NS:
            self._checked_ns = now_ns
            self._begin(self._recheck(self._standing))
        self.flush()

    async def run(self) -> None:
        """Serve the client until he leaves or has to."""
        first = True
        self._hub.join(self)
        try:
            while (data := await self._socket.receive()) is not None:
                if first:
                    # Clients are answered in the kind of message that they send.
                    self._as_text, first = isinstance(data, str), False
                await self._act(self._session.receive(data, self._clock.now_ns()))
        finally:
            self._hub.leave(self)
            for task in self._tasks:
                task.cancel()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        self.flush()

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
        self.flush()
