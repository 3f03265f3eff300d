"""Carries bytes, time and prices between the sockets, the disk and the venue's core."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from itertools import groupby
from typing import Final

import structlog
from common.clock import AnchoredClock
from common.errors import MarketMakerError
from common.machine.needs import Machine

from exchange.entry.session import Close, Output, Record, Send
from exchange.journal import SYNC_INTERVAL_S, TAIL_BYTES_MAX, Journal
from exchange.market.lifecycle import NEVER_NS
from exchange.prices.binance import Message, PublicStreams
from exchange.prices.player import Player, pass_event
from exchange.venue import Exchange

WAITING_FRAMES_MAX: Final = 10_000
WAITING_BYTES_MAX: Final = 8 * 1024 * 1024
TIMER_STEP_MAX_S: Final = 1.0
NS_PER_S: Final = 1_000_000_000

log = structlog.get_logger("exchange")


class Outbound:
    """Frames on their way to one client; a reader too slow for the bound is cut off."""

    def __init__(self) -> None:
        self.waiting: deque[Send | Close] = deque()
        self.bytes_waiting = 0
        self.ready = asyncio.Event()
        self.overflowed = asyncio.Event()

    def put(self, output: Send | Close) -> None:
        if isinstance(output, Send):
            self.bytes_waiting += len(output.data)
            if len(self.waiting) >= WAITING_FRAMES_MAX or self.bytes_waiting > WAITING_BYTES_MAX:
                self.overflowed.set()
                return
        self.waiting.append(output)
        self.ready.set()

    async def next(self) -> Send | Close:
        while not self.waiting:
            self.ready.clear()
            await self.ready.wait()
        output = self.waiting.popleft()
        if isinstance(output, Send):
            self.bytes_waiting -= len(output.data)
        return output


class Shell:
    """The one place where the core's outputs meet the world, in their order: disk first, then sockets."""

    def __init__(self, exchange: Exchange, streams: PublicStreams, journal: Journal, clock: AnchoredClock) -> None:
        self.exchange, self.streams, self.journal, self.clock = exchange, streams, journal, clock
        self._players: list[Player] = []
        self._outbound: dict[int, Outbound] = {}
        self._last_connection = 0
        self._timer_changed = asyncio.Event()
        self._sleeping_until_ns = 0
        self._ticker_seen: set[str] = set()

    def open(self) -> tuple[int, Outbound]:
        """A number and a queue for a new connection."""
        self._last_connection += 1
        outbound = self._outbound[self._last_connection] = Outbound()
        return self._last_connection, outbound

    def forget(self, connection: int) -> None:
        self._outbound.pop(connection, None)

    def add_player(self, player: Player) -> None:
        """Let a source of prices drive the venue."""
        self._players.append(player)
        self._timer_changed.set()

    def deliver(self, outputs: list[Output]) -> None:
        """Write journal lines, then hand frames to their connections, in the order the core gave them."""
        for is_record, group in groupby(outputs, key=lambda output: isinstance(output, Record)):
            if is_record:
                records = [output for output in group if isinstance(output, Record)]
                self.journal.append(
                    [record.data for record in records], durable=any(record.durable for record in records)
                )
                self._heed_journal()
                continue
            for output in group:
                assert not isinstance(output, Record)
                if (outbound := self._outbound.get(output.connection)) is not None:
                    outbound.put(output)
        if self.exchange.next_timer_ns() < self._sleeping_until_ns:
            self._timer_changed.set()

    def on_live_message(self, message: Message) -> None:
        """A message of a live venue, published and priced as it arrives."""
        self.deliver(pass_event(message, self.exchange, self.streams, self._ticker_seen))

    async def keep_time(self) -> None:
        """Wake the core and the price sources when something of theirs is due."""
        while True:
            now_ns = self.clock.now_ns()
            for player in self._players:
                self.deliver(player.play(now_ns))
            self.deliver(self.exchange.on_timer(now_ns))
            players_due_ns = min((player.next_due_ns() for player in self._players), default=NEVER_NS)
            self._sleeping_until_ns = min(self.exchange.next_timer_ns(), players_due_ns)
            self._timer_changed.clear()
            wait_s = min(TIMER_STEP_MAX_S, max(0.0, (self._sleeping_until_ns - self.clock.now_ns()) / NS_PER_S))
            if wait_s == 0.0:
                await asyncio.sleep(0)
                continue
            try:
                await asyncio.wait_for(self._timer_changed.wait(), wait_s)
            except TimeoutError:
                continue

    async def keep_journal(self) -> None:
        """Sync the journal in batches, off the matching path; take a snapshot when its tail has grown too long."""
        while True:
            await asyncio.sleep(SYNC_INTERVAL_S)
            if self.journal.unsynced:
                await asyncio.to_thread(self.journal.sync)
            if self.journal.fault:
                self.journal.write_waiting()
                self._heed_journal()
            elif self.journal.tail_bytes > TAIL_BYTES_MAX:
                await self.take_snapshot()

    async def take_snapshot(self) -> None:
        """Write the present state into a new journal, while the venue goes on."""
        started_ns = time.monotonic_ns()
        lines = list(self.exchange.state_lines())
        self.journal.begin_snapshot()
        try:
            await asyncio.to_thread(self.journal.write_snapshot, lines)
            self.journal.end_snapshot()
        except OSError as error:
            self.journal.give_up_snapshot(error)
            self._heed_journal()
        took_ms = (time.monotonic_ns() - started_ns) // 1_000_000
        log.info("snapshot of the journal", fault=self.journal.fault, took_ms=took_ms)

    async def keep_watch(self, machine: Machine) -> None:
        """Look at the disk and the machine's clock every second; a stepped clock restarts the venue."""
        while True:
            for alert in machine.look():
                log.error(alert.kind, why=alert.text)
            if machine.clock_stepped:
                raise MarketMakerError("the machine's clock was stepped: restarts to follow it")
            await asyncio.sleep(TIMER_STEP_MAX_S)

    def _heed_journal(self) -> None:
        """What the journal does not take must not come about: no new order while it is full, cancels always."""
        fault = f"the journal cannot be written: {self.journal.fault}" if self.journal.fault else ""
        if fault != self.exchange.closed_for:
            log.error("takes no new orders", why=fault) if fault else log.info("takes orders again")
            self.exchange.close_for(fault)
