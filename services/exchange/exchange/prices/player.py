"""Plays underlying prices on time: to the Binance-shaped streams, to the markets, and early to those who know."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from exchange.entry.session import Output
from exchange.market.lifecycle import NEVER_NS
from exchange.market.money import underlying_of
from exchange.prices.binance import FreshBook, Message, PublicStreams
from exchange.prices.depth import DepthBook
from exchange.venue import Exchange

LOOK_AHEAD_MAX: Final = 50_000

Event = Message | FreshBook


def asset_of(symbol: str) -> str:
    """The asset behind a symbol: BTCUSDT is BTC."""
    return symbol.removesuffix("USDT")


class Player:
    """Takes events from a source in the order of their time and hands out those that are due."""

    def __init__(self, source: Iterator[Event], exchange: Exchange, streams: PublicStreams) -> None:
        self._source, self._exchange, self._streams = source, exchange, streams
        self._ahead: deque[Event] = deque()
        self._ticker_seen: set[str] = set()
        self._ended = False
        self._read_until(1)

    def next_due_ns(self) -> int:
        """When the next event is due; NEVER_NS after the last one."""
        return self._ahead[0].due_ns if self._ahead else NEVER_NS

    def play(self, now_ns: int) -> list[Output]:
        """Everything due by now; returns what must leave the venue."""
        outputs: list[Output] = []
        self._look_ahead(now_ns)
        while self._ahead and self._ahead[0].due_ns <= now_ns:
            outputs += self._pass(self._ahead.popleft())
            self._read_until(1)
            self._look_ahead(now_ns)
        return outputs

    def _look_ahead(self, now_ns: int) -> None:
        lead_ns = int(self._exchange.takers.settings.informed.lead_ms * 1_000_000)
        while self._ahead and self._ahead[-1].due_ns <= now_ns + lead_ns and len(self._ahead) < LOOK_AHEAD_MAX:
            if not self._read_until(len(self._ahead) + 1):
                return

    def _read_until(self, count: int) -> bool:
        while len(self._ahead) < count and not self._ended:
            event = next(self._source, None)
            if event is None:
                self._ended = True
                return False
            if isinstance(event, Message) and event.kind == "bookTicker" and not event.for_book_only:
                prices = _prices(event.data["b"], event.data["a"])
                if prices is not None:
                    self._exchange.on_ahead(asset_of(event.symbol), sum(prices) // 2)
            self._ahead.append(event)
        return not self._ended

    def _pass(self, event: Event) -> list[Output]:
        return pass_event(event, self._exchange, self._streams, self._ticker_seen)


def pass_event(event: Event, exchange: Exchange, streams: PublicStreams, ticker_seen: set[str]) -> list[Output]:
    """Publish one event and tell the markets the price it carries: the ticker's, or the book's where there is none."""
    if isinstance(event, FreshBook):
        streams.books[event.symbol] = DepthBook()
        return exchange.on_fresh(asset_of(event.symbol), event.due_ns)
    outputs = streams.publish(event)
    if event.for_book_only:
        return outputs
    best: tuple[str, str] | None = None
    if event.kind == "bookTicker":
        ticker_seen.add(event.symbol)
        best = event.data["b"], event.data["a"]
    elif event.kind == "depth" and event.symbol not in ticker_seen:
        best = streams.books[event.symbol].best()
    if best is not None and (prices := _prices(*best)) is not None:
        outputs += exchange.on_price(asset_of(event.symbol), *prices, event.due_ns)
    return outputs


def _prices(bid: str, ask: str) -> tuple[int, int] | None:
    bid_units, ask_units = underlying_of(bid), underlying_of(ask)
    return (bid_units, ask_units) if bid_units and ask_units and bid_units <= ask_units else None
