"""How a bot has behaved towards the venue, and what money it has committed: figures for the pre-trade check.

Computed by the timer or as orders leave, so that a pass only reads them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from common.clock import NS_PER_S
from common.instruments import BUY, NONE, bids_on_axis

from quoter.orders.holdings import Holdings
from quoter.orders.inventory import unpaired_value
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import Terms
from quoter.trading.bot import Bot

TENTH_NS = NS_PER_S // 10
MINUTE_NS = 60 * NS_PER_S
MINUTES = 60
"""Orders per fill are counted over this many minutes."""


TermsOf = Callable[[str], Terms]
"""What is traded in a market, by symbol."""


def open_cost(order: Order, terms: Terms) -> tuple[float, float]:
    """Return the money of the rest of a bid, and the cash that it locks with its fee, in its currency.

    A coin that nobody has listed yet is in an order of a predecessor: it counts nothing, because nothing new goes out
    before the session has cancelled it.
    """
    if not terms.symbol and order.outcome is NONE:
        return 0.0, 0.0
    instrument, fees = terms.of(order.outcome), terms.bid_fees
    money = instrument.money(order.price_ticks, order.leaves_lots)
    if fees is None:
        return money, money
    return money, fees.cover(instrument, order.price_ticks, order.leaves_lots, takes=order.immediate)


class Cancels:
    """Cancels sent within the last second, to a tenth of it."""

    def __init__(self) -> None:
        self._tenths: deque[list[int]] = deque()
        self._sum = 0

    def add(self, count: int, now_ns: int) -> None:
        """Count cancels that are being sent."""
        tenth = now_ns // TENTH_NS
        if self._tenths and self._tenths[-1][0] == tenth:
            self._tenths[-1][1] += count
        else:
            self._tenths.append([tenth, count])
        self._sum += count

    def recent(self, now_ns: int) -> int:
        """Return how many were sent since a second ago, or up to a tenth longer."""
        since = now_ns // TENTH_NS - 10
        while self._tenths and self._tenths[0][0] < since:
            self._sum -= self._tenths.popleft()[1]
        return self._sum


class OrdersPerFill:
    """Orders sent per execution within the last hour; without any execution, all orders sent."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int, int]] = deque()
        self.ratio = 0.0

    def update(self, sent: int, executed: int, now_ns: int) -> None:
        """Take in how many orders were ever sent, and how many executions there ever were."""
        minute = now_ns // MINUTE_NS
        if not self._marks or self._marks[-1][0] != minute:
            self._marks.append((minute, sent, executed))
        while self._marks[0][0] < minute - MINUTES:
            self._marks.popleft()
        _, sent_before, executed_before = self._marks[0]
        self.ratio = (sent - sent_before) / max(1, executed - executed_before)


class NotionalCommitted:
    """Money that each bot's open bids and unpaired lots stand for, by the currency that is paid."""

    def __init__(self) -> None:
        self._by_bot: dict[tuple[str, str], float] = {}
        self._totals: dict[str, float] = {}
        self.locked: dict[str, float] = {}
        """What all open orders lock, by currency: cash of bids with their fees, coins of asks."""

    def of(self, algo_id: str, currency: str) -> float:
        return self._by_bot.get((algo_id, currency), 0.0)

    def total(self, currency: str) -> float:
        return self._totals.get(currency, 0.0)

    def currencies_of(self, algo_id: str) -> list[str]:
        """Return the currencies in which a bot has committed something, in order."""
        return sorted(currency for bot, currency in self._by_bot if bot == algo_id)

    def add(self, algo_id: str, currency: str, money: float) -> None:
        """Count a bid that goes out before the timer computes all of them."""
        self._by_bot[algo_id, currency] = self.of(algo_id, currency) + money
        self._totals[currency] = self.total(currency) + money

    def recompute(self, bots: Iterable[Bot], orders: Iterable[Order], holdings: Holdings, terms_of: TermsOf) -> None:
        """Add everything up, each in the currency of its instrument."""
        self._by_bot, self._totals, self.locked = {}, {}, {}
        for bot in bots:
            for symbol, held in holdings.all_of(bot.algo_id):
                quoted, terms = bot.quoted.get(symbol), terms_of(symbol)
                mark = quoted.mark if quoted is not None and quoted.price is not None else None
                money = unpaired_value(held, terms, mark, holdings.cost_of(bot.algo_id, symbol))
                self.add(bot.algo_id, terms.instrument.currency, money)
        for order in orders:
            if order.side is BUY:
                terms = terms_of(order.symbol)
                currency = terms.instrument.currency
                money, cover = open_cost(order, terms)
                self.add(order.algo_id, currency, money)
                self.locked[currency] = self.locked.get(currency, 0.0) + cover
            elif order.outcome is NONE and (terms := terms_of(order.symbol)).symbol:
                base, coins = terms.instrument.base, terms.instrument.units(order.leaves_lots)
                self.locked[base] = self.locked.get(base, 0.0) + coins


class Activity:
    """All of it, by bot."""

    def __init__(self) -> None:
        self.money = NotionalCommitted()
        self._cancels: dict[str, Cancels] = {}
        self._ratios: dict[str, OrdersPerFill] = {}

    def cancels_of(self, algo_id: str) -> Cancels:
        found = self._cancels.get(algo_id)
        if found is None:
            found = self._cancels[algo_id] = Cancels()
        return found

    def orders_per_fill(self, algo_id: str) -> float:
        found = self._ratios.get(algo_id)
        return found.ratio if found else 0.0

    def update(self, bots: Iterable[Bot], orders: Orders, holdings: Holdings, terms_of: TermsOf, now_ns: int) -> None:
        """Compute what only changes slowly; outside the path of a tick."""
        bots = list(bots)
        self.money.recompute(bots, orders.living(), holdings, terms_of)
        for bot in bots:
            ratio = self._ratios.setdefault(bot.algo_id, OrdersPerFill())
            ratio.update(*orders.counts_of(bot.algo_id), now_ns)


def young_until(orders: Iterable[Order], min_life_ns: int, now_ns: int) -> tuple[int, int]:
    """Return until when bids and asks are not replaced, because these were cancelled young. 0 is at once."""
    bids_ns = asks_ns = 0
    for order in orders:
        until_ns = order.sent_ns + min_life_ns
        if until_ns <= now_ns:
            continue
        if bids_on_axis(order.outcome, order.side):
            bids_ns = max(bids_ns, until_ns)
        else:
            asks_ns = max(asks_ns, until_ns)
    return bids_ns, asks_ns
