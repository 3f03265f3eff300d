"""What the quoter says on the bus about its orders: updates, fills, and alerts for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from common.bots.spot.alert_texts import IGNORE_ORDER, self_trade_text
from common.events import (
    TRANSFER_ENTRY,
    Alert,
    AlertLevel,
    Fill,
    InstrumentKey,
    InstrumentMove,
    InstrumentTerms,
    OrderUpdate,
    OrderUpdates,
    Posting,
    PostingKind,
    QuoteLevel,
    QuoteTarget,
)
from common.instruments import Instrument, Outcome
from common.orders import SUBMITTING
from common.pretrade import NewOrder

from quoter.orders.own_orders import Order
from quoter.trading.bot import Bot, QuotedMarket
from quoter.venues.base import Conversion, Execution, Reversal, Transferred

UNASSIGNED = "unassigned"
"""Bot that gets the fills of orders nobody knows."""
PLATFORM = "platform"
ORDERS_PER_MESSAGE_MAX = 500
"""Orders in one message: well below what the bus carries."""

PASSED_OVER_RENEW_NS = 1_000_000_000
"""How often it is said again that a market is not selected."""
PASSED_OVER_MAX = 200
"""Markets per bot of which that is said."""


class OrderUpdatesOut:
    """The changes of orders that the bus has not heard of; of each order only its newest state is told."""

    def __init__(self, account: str, venue: str) -> None:
        self._account, self._venue = account, venue
        self._untold: dict[str, dict[int, Order]] = {}
        self._told = 0

    def note(self, order: Order) -> None:
        """Tell of this order the next time its bot's news goes out."""
        if order.sequence > order.told_sequence:
            waiting = self._untold.get(order.algo_id)
            if waiting is None:
                waiting = self._untold[order.algo_id] = {}
            waiting[order.order_id] = order

    def note_again(self, order: Order) -> None:
        """Tell of this order although it may be as it was told."""
        order.sequence += 1
        self.note(order)

    def tell_again(self, order: Order, epoch: int, now_ns: int) -> Iterator[OrderUpdates]:
        """Yield an order once more, though it may be as it was told: who looks for it begins to read from here."""
        order.sequence += 1
        self._untold.get(order.algo_id, {}).pop(order.order_id, None)
        return self._messages(order.algo_id, [order], epoch, now_ns)

    def forget(self, order: Order) -> None:
        """Say nothing of an order that never left, unless it has been published already."""
        waiting = self._untold.get(order.algo_id)
        if waiting is not None and not order.told_sequence:
            waiting.pop(order.order_id, None)
            if not waiting:
                del self._untold[order.algo_id]

    def __bool__(self) -> bool:
        return bool(self._untold)

    def tell_sent(self, algo_id: str, epoch: int, now_ns: int) -> Iterator[OrderUpdates]:
        """Yield the orders of a bot that are just being sent, and along with them those that have ended.

        What rests may be gone in a moment: that it does is told by the timer, when it still does.
        """
        now: list[Order] = []
        later: dict[int, Order] = {}
        for order_id, order in self._untold.pop(algo_id, {}).items():
            if order.state is SUBMITTING or order.state.terminal:
                now.append(order)
            else:
                later[order_id] = order
        if later:
            self._untold[algo_id] = later
        return self._messages(algo_id, now, epoch, now_ns)

    def tell_all(self, epoch: int, now_ns: int) -> Iterator[OrderUpdates]:
        """Yield the news of every bot."""
        untold, self._untold = self._untold, {}
        for algo_id, waiting in untold.items():
            yield from self._messages(algo_id, list(waiting.values()), epoch, now_ns)

    def _messages(self, algo_id: str, orders: Sequence[Order], epoch: int, now_ns: int) -> Iterator[OrderUpdates]:
        for first in range(0, len(orders), ORDERS_PER_MESSAGE_MAX):
            some = orders[first : first + ORDERS_PER_MESSAGE_MAX]
            updates = [self._update(order, now_ns) for order in some]
            self._told += 1
            yield OrderUpdates(
                account=self._account, algo_id=algo_id, update_sequence=self._told, orders=updates, epoch=epoch
            )

    def _update(self, order: Order, now_ns: int) -> OrderUpdate:
        order.told_sequence = order.sequence
        return OrderUpdate(
            account=self._account,
            algo_id=order.algo_id,
            venue=self._venue,
            symbol=order.symbol,
            order_id=order.order_id,
            order_sequence=order.sequence,
            venue_order_id=order.venue_order_id,
            outcome=order.outcome,
            side=order.side,
            price_ticks=order.price_ticks,
            quantity_lots=order.quantity_lots,
            leaves_lots=0 if order.state.terminal else order.quantity_lots - order.filled_lots,
            state=order.state,
            reason=order.reason,
            ts_event_ns=order.ts_event_ns,
            ts_received_ns=now_ns,
            parent_id=order.parent_id,
            executed_lots=max(order.filled_lots, order.executed_lots) if order.parent_id else 0,
            immediate=order.immediate,
        )


class Books(NamedTuple):
    """Whose books something goes into, what was traded, and by which holder of the lease."""

    account: str
    currency: str
    """What the account counts in."""
    instrument: Instrument
    epoch: int
    now_ns: int

    def rate(self, currency: str) -> Decimal | None:
        """Return account currency per unit of a currency; None where nobody here knows it."""
        return Decimal(1) if currency == self.currency else None


class HedgeTerms(NamedTuple):
    """What fills of a hedge carry for the figures of its bot; both are of the newest word on its parent."""

    currency: str = ""
    """In which the bot's figures are kept; '' where they are in what is paid."""
    rate: Decimal | None = None
    """Of it per unit of what is paid; None where nobody has said."""


NO_HEDGE = HedgeTerms()


def fill_of(execution: Execution, order: Order | None, books: Books, hedge: HedgeTerms = NO_HEDGE) -> Fill:
    """Return the ledger's view of an execution; without a known order it goes to the bot `unassigned`."""
    currency = books.instrument.currency
    fee_currency = execution.fee_currency or currency
    return Fill(
        account=books.account,
        algo_id=order.algo_id if order else UNASSIGNED,
        instrument=InstrumentTerms.of(books.instrument),
        order_id=execution.order_id,
        order_sequence=order.sequence if order else execution.venue_sequence,
        venue_order_id=execution.venue_order_id,
        venue_trade_id=execution.trade_id,
        side=execution.side,
        price_ticks=execution.price_ticks,
        quantity_lots=execution.quantity_lots,
        leaves_lots=execution.leaves_lots,
        liquidity=execution.liquidity,
        rate=books.rate(currency),
        fee=execution.fee,
        fee_currency=fee_currency,
        fee_rate=books.rate(fee_currency),
        parent_id=order.parent_id if order else "",
        term_currency=hedge.currency,
        term_rate=hedge.rate,
        match_type=execution.match_type,
        account_sequence=execution.account_sequence,
        ts_event_ns=execution.ts_event_ns,
        ts_received_ns=books.now_ns,
        epoch=books.epoch,
    )


def posting_of(conversion: Conversion, algo_id: str, books: Books) -> Posting:
    """Return the ledger's view of pairs merged or split: its id is the venue's own entry, so it counts once."""
    kind = PostingKind.MERGE if conversion.pairs < 0 else PostingKind.SPLIT
    return Posting(
        account=books.account,
        algo_id=algo_id,
        entry_id=f"{kind.value}:{books.instrument.venue}:{conversion.entry_id}",
        kind=kind,
        venue=books.instrument.venue,
        moves=[
            InstrumentMove(InstrumentKey(books.instrument.venue, conversion.symbol, outcome), conversion.pairs)
            for outcome in (Outcome.YES, Outcome.NO)
        ],
        cash={books.instrument.currency: conversion.cash},
        ts_event_ns=conversion.ts_event_ns,
        ts_received_ns=books.now_ns,
        account_sequence=conversion.account_sequence,
        epoch=books.epoch,
    )


def transfer_of(report: Transferred, account: str, venue: str, epoch: int, now_ns: int) -> Posting:
    """Return the ledger's view of money sent or received; both accounts' entries bear the transfer's id."""
    return Posting(
        account=account,
        algo_id=UNASSIGNED,
        entry_id=f"{TRANSFER_ENTRY}{report.transfer_id}",
        kind=PostingKind.TRANSFER,
        venue=venue,
        cash={report.currency: report.cash},
        ts_event_ns=report.ts_event_ns,
        ts_received_ns=now_ns,
        account_sequence=report.account_sequence,
        epoch=epoch,
    )


def reversal_of(reversal: Reversal, algo_id: str, books: Books, parent_id: str = "") -> Posting:
    """Return what takes a fill back in the ledger: shares, cash and fee, under an id that follows from the fill's."""
    execution = reversal.execution
    currency = books.instrument.currency
    cash = {currency: books.instrument.cost(execution.side, execution.price_ticks, execution.quantity_lots)}
    fee_currency = execution.fee_currency or currency
    cash[fee_currency] = cash.get(fee_currency, Decimal(0)) + execution.fee
    key = InstrumentKey(books.instrument.venue, execution.symbol, execution.outcome)
    return Posting(
        account=books.account,
        algo_id=algo_id,
        entry_id=f"reversal:{books.instrument.venue}:{execution.trade_id}:{execution.order_id}",
        kind=PostingKind.REVERSAL,
        venue=books.instrument.venue,
        moves=[InstrumentMove(key, -execution.side.sign * execution.quantity_lots, parent_id=parent_id)],
        cash=cash,
        reason=reversal.why,
        ts_event_ns=execution.ts_event_ns,
        ts_received_ns=books.now_ns,
        account_sequence=execution.account_sequence,
        epoch=books.epoch,
    )


def target_of(
    algo_id: str,
    account: str,
    venue: str,
    quoted: QuotedMarket,
    shown: tuple[list[QuoteLevel], list[QuoteLevel], str, str],
    skew: float,
    epoch: int,
) -> QuoteTarget:
    """Return what a market's quotes should be, or why there are none: (bids, asks, state, reason)."""
    price = quoted.price
    return QuoteTarget(
        algo_id=algo_id,
        account=account,
        venue=venue,
        symbol=quoted.terms.symbol,
        bids=shown[0],
        asks=shown[1],
        fair=quoted.mark if price else 0.0,
        skew=skew,
        reason=shown[3],
        state=shown[2],
        valid_until_ns=quoted.published_until_ns,
        ts_received_ns=price.ts_received_ns if price else 0,
        epoch=epoch,
    )


def alert(level: AlertLevel, algo_id: str, kind: str, text: str, now_ns: int, source: str = "quoter") -> Alert:
    return Alert(level=level, algo_id=algo_id, source=source, kind=kind, text=text, ts_ns=now_ns)


def self_trade_alert(order: NewOrder, venue: str, kind: str, now_ns: int) -> Alert:
    """Return the alert of an order that was not sent because it would have traded with our own."""
    instrument = order.instrument
    quantity, price = instrument.quantity(order.quantity_lots), instrument.price(order.price_ticks)
    return Alert(
        level=AlertLevel.WARNING,
        algo_id=order.algo_id,
        source="quoter",
        kind=kind,
        text=self_trade_text(order.symbol, order.side, quantity, price),
        ts_ns=now_ns,
        venue=venue,
        symbol=order.symbol,
        action=IGNORE_ORDER,
        order_id=order.order_id,
    )


def passed_over_targets(
    bot: Bot, account: str, venue: str, passed_over: Mapping[str, str], epoch: int, now_ns: int
) -> Iterator[QuoteTarget]:
    """Yield, for markets a bot does not take up, targets of nothing that say why, renewed while that lasts.

    Without them a market would show what a predecessor said last, growing stale until expiry.
    """
    published = bot.passed_over
    bot.passed_over = {symbol: known for symbol, known in published.items() if symbol in passed_over}
    for symbol, why in list(passed_over.items())[:PASSED_OVER_MAX]:
        before, published_at_ns = published.get(symbol, ("", 0))
        if before == why and now_ns - published_at_ns < PASSED_OVER_RENEW_NS:
            continue
        bot.passed_over[symbol] = (why, now_ns)
        yield QuoteTarget(
            algo_id=bot.algo_id,
            account=account,
            venue=venue,
            symbol=symbol,
            bids=[],
            asks=[],
            fair=0.0,
            state="not_taken_up",
            reason=f"not taken up: {why}",
            valid_until_ns=now_ns + 2 * PASSED_OVER_RENEW_NS,
            epoch=epoch,
        )
