"""One websocket connection as the venue sees it, and the way frames and journal lines leave the venue."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from exchange.entry.faults import Faults
from exchange.entry.keys import Grant
from exchange.market.lifecycle import NEVER_NS
from exchange.market.tape import Fact

BOOK_DEPTH: Final = 20
PRIVATE_CHANNELS: Final = ("orders", "fills", "account")
HEARTBEATS: Final = "heartbeats"
SPOT_CHANNELS: Final = ("spot_orderbook", "spot_trades", "symbols")
PUBLIC_CHANNELS: Final = ("orderbook", "trades", "markets", HEARTBEATS)
CHANNELS: Final = PUBLIC_CHANNELS + PRIVATE_CHANNELS + SPOT_CHANNELS
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Send:
    """A text frame for one connection."""

    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End one connection."""

    connection: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """A journal line; it is written before any frame that follows it leaves, on the disk when it is `durable`."""

    data: bytes
    durable: bool = False


Output = Send | Close | Record


@dataclass(slots=True, eq=False)
class Session:
    """Who is at the other end of a connection, what they follow, and when they must be heard again."""

    connection: int
    last_frame_ns: int
    grant: Grant | None = None
    cancel_on_disconnect: bool = True
    deadman_ns: int | None = None
    deadman_tripped: bool = False
    markets: dict[str, dict[str, None] | None] = field(default_factory=dict)  # channel -> markets or symbols, None: all
    delayed: deque[tuple[int, Output]] = field(default_factory=deque)

    @property
    def account(self) -> str | None:
        return None if self.grant is None else self.grant.key.account

    def follows(self, channel: str, market: str | None) -> bool:
        if channel not in self.markets:
            return False
        wanted = self.markets[channel]
        return wanted is None or market in wanted

    def deadman_due_ns(self) -> int:
        if self.deadman_ns is None or self.deadman_tripped or self.grant is None:
            return NEVER_NS
        return self.last_frame_ns + self.deadman_ns

    def due_ns(self) -> int:
        due_ns = self.deadman_due_ns()
        if self.grant is not None:
            due_ns = min(due_ns, self.grant.expires_ns)
        return min(due_ns, self.delayed[0][0]) if self.delayed else due_ns


class Delivery:
    """Puts facts and frames into the order in which they must leave, and lets faults strike them on the way."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.sessions: dict[int, Session] = {}
        self._records: list[Output] = []
        self._outputs: list[Output] = []

    def take(self) -> list[Output]:
        """Everything that must leave now: journal lines first, then frames."""
        outputs = self._records + self._outputs
        self._records, self._outputs = [], []
        return outputs

    def close(self, session: Session, code: int, reason: str) -> None:
        self._outputs.append(Close(session.connection, code, reason))

    def reply(self, session: Session, frame: dict[str, Any], now_ns: int) -> None:
        self.send(session, msgspec.json.encode(frame), now_ns)

    def send(self, session: Session, data: bytes, now_ns: int) -> None:
        """Send a frame now, or after the delay a fault demands, never before an earlier one."""
        delay_ns = 0
        if self.faults.active:
            if self.faults.strike("silence", session.account):
                return
            if self.faults.strike("malformed_frame", session.account):
                self._pass(session, Send(session.connection, b'{"type": "fill", "fill": {'), 0, now_ns)
            if (fault := self.faults.strike("delay_ms", session.account)) is not None:
                delay_ns = (fault.value or 0) * NS_PER_MS
        self._pass(session, Send(session.connection, data), delay_ns, now_ns)

    def _pass(self, session: Session, output: Output, delay_ns: int, now_ns: int) -> None:
        if not delay_ns and not session.delayed:
            self._outputs.append(output)
            return
        last_ns = session.delayed[-1][0] if session.delayed else 0
        session.delayed.append((max(last_ns, now_ns + delay_ns), output))

    def release_delayed(self, now_ns: int) -> None:
        for session in self.sessions.values():
            while session.delayed and session.delayed[0][0] <= now_ns:
                self._outputs.append(session.delayed.popleft()[1])

    def record(self, encoded: list[bytes], durable: bool) -> None:
        """Journal facts that belong together as one line."""
        self._records.append(Record(b"[" + b",".join(encoded) + b"]", durable))

    def publish_fact(self, fact: Fact, encoded: bytes, now_ns: int) -> None:
        """Send a fact to the sessions that follow it."""
        if fact.channel == "none":
            return
        private = fact.account is not None
        for session in self.sessions.values():
            if private and session.account != fact.account:
                continue
            if not session.follows(fact.channel, None if private else fact.market):
                continue
            if private and self.faults.active:
                if self.faults.strike("drop_private", fact.account):
                    continue
                if fact.channel == "fills" and self.faults.strike("duplicate_fill", fact.account):
                    self.send(session, encoded, now_ns)
            self.send(session, encoded, now_ns)

    def publish_book(self, channel: str, market: str, encoded: bytes, now_ns: int) -> None:
        for session in self.sessions.values():
            if not session.follows(channel, market):
                continue
            if self.faults.strike("book_gap", session.account) is None:
                self.send(session, encoded, now_ns)

    def anyone_follows(self, channel: str, market: str) -> bool:
        return any(session.follows(channel, market) for session in self.sessions.values())
