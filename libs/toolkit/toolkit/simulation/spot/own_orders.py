"""Source prices that are made from a book in which our own bots quote: none of them is made of our own orders."""

from __future__ import annotations

from typing import Any

from common.events import SourcePrice, decode

from toolkit.simulation.bus import MemoryBus, Message
from toolkit.simulation.checks import Findings

NS_PER_S = 1_000_000_000
SHOWN_NS = 3 * NS_PER_S
"""For how long after an order of others has ended a price may still be made from it."""
STATED_NS = 1_500_000_000
"""For how long a statement of what is ours may be lost or late, and is not said again (ADR 0029)."""
ALGO_ID, SYMBOL = "9", "BTCUSD"
SECTIONS: dict[str, Any] = {
    "instrument": {"instrument": SYMBOL, "exchange": "DEGEN", "source_exchange": "DEGEN"},
    "pricer": {
        "running": True,
        "source_aggregation": "BBO",
        "buy_quote_sizes": "0.01",
        "sell_quote_sizes": "0.01",
    },
}


class OwnOrdersWatch:
    """Prices at which others have lately had orders in a book, and source prices that are none of them."""

    def __init__(self, bus: MemoryBus, venue: Any, account: str, findings: Findings) -> None:
        """`account` is ours at the venue."""
        self._bus, self._account, self._findings = bus, account, findings
        self._symbol = venue.trading.symbols[SYMBOL]
        self._others: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """When they were last there, by price in ticks: bids and asks."""
        self.prices = self.alone = 0
        """Source prices looked at, and how many of them while we alone were best on a side."""
        self._since_ns = [0, 0]
        """Since when each side has been nobody's but ours; 0 while it is not."""
        self._best: list[tuple[int, int]] = []
        """The best price in ticks and the best of others, of bids and asks."""
        bus.listen(f"px.source.{ALGO_ID}.*", self._hear)

    def look(self, now_ns: int) -> None:
        book = self._symbol.book
        self._best.clear()
        for ladder, prices in zip((book.buying, book.selling), self._others, strict=True):
            theirs = [order.axis_ticks for order in ladder.orders() if order.account != self._account]
            prices |= dict.fromkeys(theirs, now_ns)
            self._best.append((ladder.best() or 0, theirs[0] if theirs else 0))

    def _hear(self, message: Message) -> None:
        price = decode(SourcePrice, message.data)
        if price.unusable:
            return
        self.prices += 1
        self.alone += any(best != theirs for best, theirs in self._best)
        now_ns, tick = self._bus.schedule.now_ns, float(self._symbol.terms.tick)
        for side, (stated, prices) in enumerate(zip((price.bid, price.ask), self._others, strict=True)):
            last_ns = prices.get(round(stated / tick))
            if last_ns is not None and now_ns - last_ns <= SHOWN_NS:
                self._since_ns[side] = 0
                continue
            self._since_ns[side] = self._since_ns[side] or now_ns
            if now_ns - self._since_ns[side] > STATED_NS:
                self._findings.add("own_price", f"{SYMBOL}: {stated} is nobody's but ours")
