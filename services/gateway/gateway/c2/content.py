"""What the topics of C2 say, made of the picture for one class of readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from c2wire import dto
from c2wire.book import Book
from common.bots.spot import OnDayLoss, SpotBot
from common.errors import ConfigError
from common.events import Alert, BotConfig, Fill, Market, OrderUpdate, PlatformConfig
from common.events import Book as MarketBook
from common.halts import DAILY_LOSS
from common.instruments import Instrument

from gateway.c2.books import asked_books, market_book, quotes_book
from gateway.c2.configs import OF_C2, bot_updates, document_update, switch_updates
from gateway.c2.rows import alert_row, balance_rows, order_row, risk_row, trade_row, trading_row
from gateway.c2.topics import Topic, TopicError, TopicKind
from gateway.state.ages import FEED_STALE_NS
from gateway.state.view import Change, View

BOOK_STALE_NS = 3 * FEED_STALE_NS
"""A book that its venue has not shown for so long is told as empty."""
SWITCHES = frozenset({"instrument", "pricer", "hedger"})
"""Sections that a halt of a bot turns off."""


class Visibility(NamedTuple):
    """What a class of readers may see."""

    exchanges: bool = True
    """Which exchange a level of a book is from."""
    bots: frozenset[str] | None = None
    """None for all bots."""

    def shows(self, algo_id: str) -> bool:
        """Say whether something of a bot may be seen; what is of no bot may be."""
        return self.bots is None or not algo_id.isdecimal() or algo_id in self.bots


class Content:
    """Make rows, books and updates of the picture as it stands."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._bots: dict[str, tuple[int, SpotBot | None]] = {}
        """By id, under the sequence of the configuration they were read of."""
        self._instruments: dict[tuple[str, str], tuple[Market, Instrument]] = {}

    def check(self, topic: Topic, visibility: Visibility) -> None:
        """Refuse a topic that these readers cannot have: TopicError 404 for no such bot, 403 for one not theirs."""
        if not topic.algo_id:
            return
        stored = self._view.bots.get(topic.algo_id)
        if stored is None or stored.event.removed:
            raise TopicError(404, f"algo_id: there is no bot {topic.algo_id}")
        if not visibility.shows(topic.algo_id):
            raise TopicError(403, f"algo_id: bot {topic.algo_id} is not among those you may see")
        if topic.kind in (TopicKind.ORDERS, TopicKind.TRADES, TopicKind.BALANCES):
            return
        if stored.event.kind != OF_C2:
            where = "see /topic/v1/markets"
            raise TopicError(404, f"algo_id: bot {topic.algo_id} is of kind {stored.event.kind}; {where}")
        bot = self._bot(topic.algo_id)
        if bot is not None and topic.kind is not TopicKind.QUOTES and asked_books(bot, topic.kind) is None:
            raise TopicError(404, f"algo_id: bot {topic.algo_id} has no {topic.kind.name.lower()} book")

    def security_id(self, topic: Topic) -> str:
        """Return the symbol of a topic's book; '' while it is not known."""
        bot = self._bot(topic.algo_id)
        if bot is None:
            return ""
        asked = asked_books(bot, topic.kind)
        return bot.instrument.instrument if asked is None else asked.symbol

    def book(self, topic: Topic, visibility: Visibility, now_ns: int) -> Book:
        """Return the book of a topic; empty where nothing is shown, or nothing fresh."""
        bot = self._bot(topic.algo_id)
        if bot is None:
            return Book()
        exchanges = self._view.exchanges
        if topic.kind is TopicKind.QUOTES:
            exchange, symbol = bot.instrument.exchange, bot.instrument.instrument
            try:
                instrument = self._instrument(exchanges.venue(exchange), symbol)
            except ValueError:
                instrument = None
            if instrument is None:
                return Book()
            orders = [
                order
                for order in self._view.open_orders()
                if order.algo_id == topic.algo_id and order.symbol == symbol and order.venue == instrument.venue
            ]
            return quotes_book(orders, instrument, exchange, exchanges_visible=visibility.exchanges)
        asked = asked_books(bot, topic.kind)
        if asked is None:
            return Book()

        def fresh(venue: str, symbol: str) -> MarketBook | None:
            shown = self._view.books.get((venue, symbol))
            return None if shown is None or shown.age_ns(now_ns) > BOOK_STALE_NS else shown.event

        return market_book(asked, exchanges, fresh, exchanges_visible=visibility.exchanges)

    def orders(self, orders: Iterable[OrderUpdate]) -> list[dto.Order]:
        """Return orders; one of a market that nobody has told of yet, or of no numbered bot, is left out."""
        rows = []
        for order in orders:
            instrument = self._instrument(order.venue, order.symbol)
            if instrument is not None and order.algo_id.isdecimal():
                exchange = self._view.exchanges.exchange(order.venue)
                rows.append(order_row(order, instrument, exchange, self._view.blotter.executed_lots(order)))
        return rows

    def trades(self, fills: Iterable[Fill]) -> list[dto.Trade]:
        """Return executions, the latest first."""
        rows = [
            trade_row(fill, self._view.exchanges.exchange(fill.venue)) for fill in fills if fill.algo_id.isdecimal()
        ]
        return sorted(rows, key=lambda row: row.timestamp, reverse=True)

    def alerts(self, told: Iterable[tuple[int, Alert]], visibility: Visibility) -> list[dto.Alert]:
        """Return alerts that these readers may see, the highest sequence first."""
        ordered = sorted(told, key=lambda each: each[0], reverse=True)
        return [
            alert_row(alert, sequence, self._view.exchanges)
            for sequence, alert in ordered
            if visibility.shows(alert.algo_id)
        ]

    def trading_statistics(self, visibility: Visibility) -> list[dto.TradingStatistics]:
        """Return the figures of spot bots, by id."""
        figures = self._view.figures
        return [
            trading_row(figures[algo_id].event)
            for algo_id in sorted(figures, key=lambda each: (len(each), each))
            if algo_id.isdecimal() and visibility.shows(algo_id)
        ]

    def risk_statistics(self, visibility: Visibility) -> list[dto.RiskStatistics]:
        """Return the exposure of watched currencies, by id; that of one bot only to who may see the bot."""
        rows = [risk_row(each.event) for each in self._view.watched() if visibility.shows(each.event.algo_id)]
        return sorted(rows, key=lambda row: row.currency_id)

    def balances(self, topic: Topic, visibility: Visibility) -> list[dto.Balance]:
        """Return what there is of each currency at each exchange; of a bot, at its exchanges and in its currencies."""
        view = self._view
        rows = list(balance_rows((account.event for account in view.accounts.values()), view.exchanges))
        if topic.algo_id:
            return [row for row in rows if self._concerns(row, topic.algo_id)]
        if visibility.bots is not None:
            return [row for row in rows if any(self._concerns(row, algo_id) for algo_id in visibility.bots)]
        return rows

    def updates(
        self, change: Change, visibility: Visibility, halted: Mapping[str, frozenset[str]]
    ) -> Iterator[dto.ConfigUpdate]:
        """Yield what a change of a bot or document is told as, with what halts turn off by bot."""
        after = change.after
        if isinstance(after, PlatformConfig):
            scope = str(after.document.get("exchange_algo_id") or "")
            update = document_update(change.before, after)
            if update is not None and visibility.shows(scope):
                yield update
        elif visibility.shows(after.algo_id):
            yield from bot_updates(change.before, after, halted.get(after.algo_id, frozenset()))

    def switched(
        self, before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
    ) -> Iterator[dto.ConfigUpdate]:
        """Yield the sections of bots that halts have turned off or on since."""
        for algo_id in dict.fromkeys([*before, *after]):
            was, now = before.get(algo_id, frozenset()), after.get(algo_id, frozenset())
            stored = self._view.bots.get(algo_id)
            if was != now and stored is not None and not stored.event.removed:
                yield from switch_updates(stored.event, was, now)

    def halted_bots(self, visibility: Visibility) -> dict[str, frozenset[str]]:
        """Return the sections of spot bots that halts keep from running, by bot; bots without are left out."""
        if not self._view.halts.active():
            return {}
        found = {}
        for algo_id, stored in self._view.bots.items():
            if stored.event.kind == OF_C2 and visibility.shows(algo_id):
                halted = self.halted(stored.event)
                if halted:
                    found[algo_id] = halted
        return found

    def halted(self, config: BotConfig) -> frozenset[str]:
        """Return the sections of a bot that halts keep from running, whatever their switches say."""
        venue, account = self._view.place_of(config)
        bot = self._bot(config.algo_id)
        market = self._view.market(venue, bot.instrument.instrument) if bot is not None else None
        currencies = (market.currency,) if market is not None else ()
        touching = self._view.halts.touching(
            algo_id=config.algo_id, venue=venue, account=account, currencies=currencies
        )
        reasons = {halt.reason for halt in touching}
        if not reasons:
            return frozenset()
        limits = bot.risk_limits if bot is not None else None
        if reasons == {DAILY_LOSS} and limits is not None and limits.on_day_loss is OnDayLoss.REDUCE:
            return SWITCHES - {"hedger"}
        return SWITCHES

    def _concerns(self, row: dto.Balance, algo_id: str) -> bool:
        bot = self._bot(algo_id)
        if bot is None:
            stored = self._view.bots.get(algo_id)
            venue = self._view.place_of(stored.event)[0] if stored is not None else ""
            return bool(venue) and row.src == self._view.exchanges.exchange(venue)
        books = [asked for kind in TopicKind if (asked := asked_books(bot, kind)) is not None]
        return any(row.src in asked.exchanges for asked in books) and any(row.ccy in asked.symbol for asked in books)

    def _bot(self, algo_id: str) -> SpotBot | None:
        """Return a spot bot's configuration; None of another kind, and of one that cannot be read any more."""
        stored = self._view.bots.get(algo_id)
        if stored is None or stored.event.kind != OF_C2:
            return None
        known = self._bots.get(algo_id)
        if known is None or known[0] != stored.sequence:
            try:
                parsed = SpotBot.parse(stored.event.sections)
            except ConfigError:
                parsed = None
            known = self._bots[algo_id] = (stored.sequence, parsed)
        return known[1]

    def _instrument(self, venue: str, symbol: str) -> Instrument | None:
        market = self._view.market(venue, symbol)
        if market is None:
            self._instruments.pop((venue, symbol), None)
            return None
        known = self._instruments.get((venue, symbol))
        if known is None or known[0] is not market:
            known = self._instruments[venue, symbol] = (market, market.instrument())
        return known[1]
