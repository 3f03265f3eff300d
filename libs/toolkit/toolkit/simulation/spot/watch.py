"""Every quote of a spot bot against what it may be by the venues' own books, computed again and exactly."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from toolkit.simulation.checks import Findings
from toolkit.simulation.spot.venues import ACCOUNTS, Quoting

WINDOW_NS = 2_500_000_000
"""For how long after others have shown a price a quote may still be made from it: the slowest ways over the network."""

STALE_NS = 6_500_000_000
"""A quote is made from a price of 4 s at most, and takes the slowest ways of the network to its venue."""


class Shown(NamedTuple):
    """The best prices of a book, from a time on."""

    since_ns: int
    bid: Fraction
    ask: Fraction


class Tape:
    """What the best prices of a book were in the last seconds, exactly."""

    def __init__(self, symbol: Any) -> None:
        self._book, self._tick = symbol.book, Fraction(symbol.terms.tick)
        self._best: tuple[int | None, int | None] = (None, None)
        self._shown: deque[Shown] = deque()

    def look(self, now_ns: int) -> None:
        best = (self._book.buying.best(), self._book.selling.best())
        if best == self._best or best[0] is None or best[1] is None:
            return
        self._best = best
        self._shown.append(Shown(now_ns, best[0] * self._tick, best[1] * self._tick))
        while len(self._shown) > 1 and self._shown[1].since_ns < now_ns - WINDOW_NS:
            self._shown.popleft()

    @property
    def highest_bid(self) -> Fraction:
        return max(each.bid for each in self._shown)

    @property
    def lowest_ask(self) -> Fraction:
        return min(each.ask for each in self._shown)


class SpotWatch:
    """Looks at one bot's orders after everything that the venues do."""

    def __init__(self, quoting: Quoting, venues: Any, findings: Findings) -> None:
        """`venues` are the hosted ones by name."""
        self.quoting, self._findings = quoting, findings
        home = venues[ACCOUNTS[quoting.account]]
        self.account = home.ledger.account(quoting.account)
        self._terms = home.trading.symbols[quoting.symbol].terms
        self._source, self._fx = (
            Tape(venues[name].trading.symbols[symbol]) for name, symbol in (quoting.source, quoting.fx)
        )
        self._began = self._held()
        self._prices: dict[int, int] = {}
        """Of the orders that rest, in ticks: one that is amended keeps its id."""
        self.last_quoted_ns = 0
        self.judged = 0

    def look(self, now_ns: int, heard_ns: int) -> None:
        """`heard_ns` is when the feed last heard something of the source's venue."""
        self._source.look(now_ns)
        self._fx.look(now_ns)
        orders = [each for each in self.account.open_orders.values() if each.market == self.quoting.symbol]
        if not orders:
            self._prices.clear()
            return
        self.last_quoted_ns = now_ns
        new = [order for order in orders if self._prices.get(order.order_id) != order.price_ticks]
        self._prices = {order.order_id: order.price_ticks for order in orders}
        if new:
            if now_ns - heard_ns > STALE_NS:
                text = f"{self.quoting.symbol}: a quote {(now_ns - heard_ns) / 1e9:.3f} s after the source was heard"
                self._findings.add("stale", text)
            for order in new:
                self._judge(order)
            self._judge_sizes(orders)
            self._judge_sides(orders)

    def _bounds(self) -> tuple[Fraction, Fraction]:
        """Return the highest bid and the lowest ask that the last seconds' books allow.

        The two books come to whoever prices one after the other, so that one may be newer than the other. To be paid
        in the FX pair's base that pair is bought: used inversely, its sides change places.
        """
        if self.quoting.inverse:
            bid, ask = self._source.highest_bid / self._fx.lowest_ask, self._source.lowest_ask / self._fx.highest_bid
        else:
            bid, ask = self._source.highest_bid * self._fx.highest_bid, self._source.lowest_ask * self._fx.lowest_ask
        margin = self.quoting.margin_bps / 10_000
        return bid * (1 - margin), ask * (1 + margin)

    def _judge(self, order: Any) -> None:
        self.judged += 1
        price = Fraction(order.price_ticks) * Fraction(self._terms.tick)
        most, least = self._bounds()
        if self.quoting.highest_bid is not None and self.quoting.lowest_ask is not None:
            most, least = min(most, self.quoting.highest_bid), max(least, self.quoting.lowest_ask)
        good, bound = (price <= most, most) if order.side == "bid" else (price >= least, least)
        if not good:
            self._findings.add("price", f"{self.quoting.symbol} {order.side} {float(price)}, may be {float(bound)}")

    def _judge_sizes(self, orders: list[Any]) -> None:
        net = self._held() - self._began
        for side, sign in (("bid", 1), ("ask", -1)):
            open_units = sum((order.leaves * self._terms.lot for order in orders if order.side == side), Decimal(0))
            if sign * net + open_units > self.quoting.most:
                text = f"{self.quoting.symbol}: {net} traded and {open_units} open to {side} > {self.quoting.most}"
                self._findings.add("limit", text)

    def _judge_sides(self, orders: list[Any]) -> None:
        bids = [order.price_ticks for order in orders if order.side == "bid"]
        asks = [order.price_ticks for order in orders if order.side == "ask"]
        if not bids or not asks:
            return
        bid, ask = max(bids), min(asks)
        if bid >= ask:
            self._findings.add("crossed", f"{self.quoting.symbol}: own bid {bid}, own ask {ask} ticks")
        elif Fraction(ask - bid, bid) < self.quoting.min_spread_bps / 10_000:
            self._findings.add("spread", f"{self.quoting.symbol}: own bid {bid}, own ask {ask} ticks")

    def _held(self) -> Decimal:
        return Decimal(self.account.total(self._terms.base)).scaleb(-8)
