"""A recorded day played again: the same frames at the same pace, with the stamps moved to the venue's clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec

from exchange.market.markets import LoopCalendar, Window
from exchange.market.tape import Json
from exchange.prices.binance import FreshBook, Message
from exchange.prices.frames import is_snapshot, spot_event

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
LEAD_IN_NS: Final = 5 * NS_PER_S
SLACK_NS: Final = NS_PER_S  # a recording that starts or stops this close to a boundary holds the market whole
IDS_PER_LOOP: Final = 10_000_000_000  # more than any recording uses, so ids never go back
STAMPS_SCANNED_MAX: Final = 10_000
HEAD_BYTES: Final = 200  # what is looked for in a line stands this near its beginning
SPEED_MAX: Final = 60.0

RawFrame = tuple[int, bytes]  # local receive time in ns, raw message

_EVENT_TIME = re.compile(rb'"E":\s?(\d{13})[,}]')
_UPDATE_ID = re.compile(rb'"u":\s?(\d{1,18})[,}]')
_SYMBOL = re.compile(rb'"s":\s?"([^"\\]{1,60})"')
_SPOT_SYMBOL = re.compile(r"[A-Z0-9]{2,20}")
_FUTURES = re.compile(rb'"pu":\s?\d|@depth@(?:0|500)ms')


class UnusableRecording(ValueError):
    """The recording cannot drive a market; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """Where in the recording to start and end, and which markets it holds; recorded local time, ns."""

    start_ns: int
    end_ns: int
    boundaries: tuple[tuple[int, int], ...]
    clock_offset_ns: int  # the venue's stamps minus the local clock
    first_ids: dict[str, int]  # the first update id of each symbol

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.first_ids)

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns

    def calendar(self, origin_ns: int, speed: float) -> LoopCalendar:
        """The recording's markets on the venue's clock."""
        windows = tuple(
            Window(int((open_ns - self.start_ns) / speed), int((expiry_ns - self.start_ns) / speed))
            for open_ns, expiry_ns in self.boundaries
        )
        return LoopCalendar(origin_ns, int(self.length_ns / speed), windows)


def plan_replay(lines: Iterable[RawFrame], market_length_ns: int) -> ReplayPlan:
    """Read a recording once: its complete markets, its symbols, and how far its clock was from the venue's."""
    first_ns = last_ns = None
    offsets_ns: list[int] = []
    first_ids: dict[str, int] = {}
    for local_ns, raw in lines:
        first_ns = local_ns if first_ns is None else min(first_ns, local_ns)
        last_ns = local_ns if last_ns is None else max(last_ns, local_ns)
        if len(offsets_ns) < STAMPS_SCANNED_MAX and (stamp := _EVENT_TIME.search(raw, 0, HEAD_BYTES)) is not None:
            offsets_ns.append(int(stamp[1]) * NS_PER_MS - local_ns)
        symbol, update_id = _SYMBOL.search(raw, 0, HEAD_BYTES), _UPDATE_ID.search(raw, 0, HEAD_BYTES)
        if symbol is not None and update_id is not None:
            name = symbol[1].decode("utf-8", "replace")
            if name not in first_ids:
                _check_spot(name, raw)
                first_ids[name] = int(update_id[1])
    if first_ns is None or last_ns is None or not first_ids:
        raise UnusableRecording("the recording holds no Binance stream messages")
    first_open_ns = -(-(first_ns - SLACK_NS) // market_length_ns) * market_length_ns
    count = (last_ns + SLACK_NS - first_open_ns) // market_length_ns
    if count < 1:
        raise UnusableRecording(
            f"the recording holds no complete market of {market_length_ns // NS_PER_S} s between two boundaries"
        )
    boundaries = tuple(
        (first_open_ns + index * market_length_ns, first_open_ns + (index + 1) * market_length_ns)
        for index in range(count)
    )
    start_ns = first_open_ns - LEAD_IN_NS
    end_ns = max(last_ns + 1, boundaries[-1][1])
    offset_ns = int(median(offsets_ns)) if offsets_ns else 0
    return ReplayPlan(start_ns, end_ns, boundaries, offset_ns, first_ids)


def _check_spot(symbol: str, raw: bytes) -> None:
    if _FUTURES.search(raw, 0, HEAD_BYTES) is not None:
        raise UnusableRecording(
            f"the recording holds Binance futures ({symbol}: 'pu' or '@depth@0ms'), whose ids follow other rules; "
            "only spot can be replayed"
        )
    if _SPOT_SYMBOL.fullmatch(symbol) is None:
        raise UnusableRecording(
            f"the recording holds {symbol!r}, which is the name of no spot symbol: those are capital letters and digits"
        )


def replay_events(
    plan: ReplayPlan, open_lines: Callable[[], Iterator[RawFrame]], origin_ns: int, speed: float, from_ns: int
) -> Iterator[Message | FreshBook]:
    """The recording's events on the venue's clock, loop after loop, from a time of that clock on.

    What lies before the start of a loop, or before `from_ns`, only builds the book and comes as one snapshot.
    """
    loop_ns = int(plan.length_ns / speed)
    loop = max(0, (from_ns - origin_ns) // loop_ns)
    while True:
        shift = _Shift(plan, origin_ns + loop * loop_ns, speed, loop * IDS_PER_LOOP)
        for symbol in plan.symbols:
            yield FreshBook(max(from_ns, shift.loop_start_ns), symbol)
        for local_ns, raw in open_lines():
            if local_ns >= plan.end_ns:
                break
            message = shift.message(local_ns, raw)
            if message is None:
                continue
            quiet_until_ns = max(from_ns, shift.loop_start_ns)
            if message.due_ns >= quiet_until_ns:
                yield message
            elif message.kind in ("depth", "snapshot", "bookTicker"):
                yield Message(quiet_until_ns, message.symbol, message.stream, message.data, for_book_only=True)
        loop += 1


class _Shift:
    """Moves one loop of a recording to the venue's clock, and its ids past those of earlier loops."""

    def __init__(self, plan: ReplayPlan, loop_start_ns: int, speed: float, ids: int) -> None:
        self.plan, self.loop_start_ns, self.speed, self.ids = plan, loop_start_ns, speed, ids

    def due_ns(self, local_ns: int) -> int:
        return self.loop_start_ns + int((local_ns - self.plan.start_ns) / self.speed)

    def _stamp_ms(self, stamp_ms: int) -> int:
        local_ns = stamp_ms * NS_PER_MS - self.plan.clock_offset_ns
        return self.due_ns(local_ns) // NS_PER_MS

    def message(self, local_ns: int, raw: bytes) -> Message | None:
        """A recorded line as an event; None for one that is none (a subscription's answer, say) or is damaged."""
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if is_snapshot(body):
            return self._snapshot(local_ns, body)
        event = spot_event(body)
        if event is None:
            return None
        symbol, stream, data = event
        for name in ("E", "T"):
            if name in data:
                data[name] = self._stamp_ms(data[name])
        for name in ("U", "u", "t"):
            if name in data:
                data[name] += self.ids
        return Message(self.due_ns(local_ns), symbol, stream, data)

    def _snapshot(self, local_ns: int, body: Json) -> Message:
        # A REST snapshot does not name its symbol, but symbols count in ranges far apart.
        first_ids = self.plan.first_ids
        symbol = min(first_ids, key=lambda name: abs(first_ids[name] - body["lastUpdateId"]))
        body["lastUpdateId"] += self.ids
        return Message(self.due_ns(local_ns), symbol, "", body)
