"""The books of the L2 topics: what a spot bot's source, target, hedge and FX venues show, and its own quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from c2wire.book import Book, BookLevel, summed
from common.bots.spot import SpotBot
from common.events import Book as MarketBook
from common.events import Level, OrderUpdate
from common.instruments import Instrument, Side
from common.orders import OrderState
from common.venues import Exchanges

from gateway.c2.topics import TopicKind

DEPTH = 20
"""Entries a side."""
RESTING = (OrderState.LIVE, OrderState.CANCELLING)


class Asked(NamedTuple):
    """Which books a topic is made of."""

    symbol: str
    exchanges: tuple[str, ...]


def asked_books(bot: SpotBot, kind: TopicKind) -> Asked | None:
    """Return the books of a topic of a bot; None where the bot has none, as without a hedger or an FX leg."""
    instrument = bot.instrument
    if kind is TopicKind.SOURCE:
        return Asked(instrument.underlying, instrument.source_exchange)
    if kind is TopicKind.TARGET:
        return Asked(instrument.instrument, (instrument.exchange,))
    if kind is TopicKind.HEDGER and bot.hedger is not None:
        return Asked(bot.hedger.hedge_instrument, bot.hedger.venues_list)
    if kind is TopicKind.FX and instrument.fx_leg is not None:
        return Asked(instrument.fx_leg, instrument.fx_exchanges)
    return None


def market_book(
    asked: Asked, exchanges: Exchanges, book_of: Callable[[str, str], MarketBook | None], *, exchanges_visible: bool
) -> Book:
    """Return one book of several exchanges: an entry per exchange and price, or with equal prices summed.

    `book_of` returns what a venue last showed of a symbol, None where that is nothing or too old.
    """
    bids: list[BookLevel] = []
    asks: list[BookLevel] = []
    for exchange in dict.fromkeys(asked.exchanges):
        try:
            shown = book_of(exchanges.venue(exchange), asked.symbol)
        except ValueError:
            continue
        if shown is not None:
            bids.extend(_levels(shown.bids, exchange))
            asks.extend(_levels(shown.asks, exchange))
    return _shown(bids, asks, exchanges_visible=exchanges_visible)


def quotes_book(
    orders: Iterable[OrderUpdate], instrument: Instrument, exchange: str, *, exchanges_visible: bool
) -> Book:
    """Return a bot's working quotes as a book: one entry per order, for programs count them against its sizes.

    Hedges and orders that take are no quotes.
    """
    sides: dict[Side, list[BookLevel]] = {Side.BUY: [], Side.SELL: []}
    for order in orders:
        if order.state in RESTING and not order.parent_id and not order.immediate:
            price, quantity = order.price_ticks * instrument.tick_size, order.leaves_lots * instrument.lot_size
            sides[order.side].append(BookLevel(price, quantity, exchange if exchanges_visible else "", 1))
    return Book.of(sides[Side.BUY], sides[Side.SELL], max(map(len, sides.values())))


def _shown(bids: list[BookLevel], asks: list[BookLevel], *, exchanges_visible: bool) -> Book:
    if exchanges_visible:
        return Book.of(bids, asks, DEPTH)
    whole = Book.of(bids, asks, len(bids) + len(asks))
    return Book(tuple(summed(whole.bids))[:DEPTH], tuple(summed(whole.asks))[:DEPTH])


def _levels(levels: Iterable[Level], exchange: str) -> Iterator[BookLevel]:
    # repr of a float is the shortest text that means it: what the venue sent.
    for level in levels:
        yield BookLevel(Decimal(repr(level.price)), Decimal(repr(level.size)), exchange)
