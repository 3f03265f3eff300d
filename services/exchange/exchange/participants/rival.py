"""A simulated rival: one more maker, who quotes every open market around his own value, a moment late.

He stands where a real venue's other makers would: behind a participant who is quick and in front of one who is slow or
dear, and what he shows is there to be taken by who must be flat. He never takes, whatever he holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from exchange.market.lifecycle import NEVER_NS, Lifecycle
from exchange.market.markets import NS_PER_S, Market
from exchange.market.money import MICROS_PER_DOLLAR, PRICE_TICKS_MAX, PRICE_TICKS_MIN, TICKS_PER_DOLLAR
from exchange.market.orders import Outcome
from exchange.market.refusals import Refusal
from exchange.market.trading import Ticket, Trading
from exchange.participants.takers import CASH_MICROS, probability_above

RIVAL_ACCOUNT: Final = "maker-rival"
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RivalSettings:
    """How the rival quotes."""

    enabled: bool = False
    half_spread_ticks: float = 3.0
    size: int = 40
    look_ms: int = 1_000
    late_ms: int = 500
    """The price he quotes from is at least so old, and at most `look_ms` older."""
    volatility: float = 0.6  # annual, what he believes


class Rival:
    """One order on each side of every open market, through an ordinary account."""

    def __init__(self, trading: Trading, lifecycle: Lifecycle, settings: RivalSettings) -> None:
        self.trading, self.lifecycle, self.settings = trading, lifecycle, settings
        self._due_ns = NEVER_NS
        self._seen: dict[str, tuple[int, int]] = {}
        """By asset: when a price was looked at, and the price."""
        self._usable: dict[str, int] = {}
        """By asset: the newest price that is old enough to quote from."""
        self._quoted: dict[str, tuple[int | None, int | None]] = {}

    def start(self, now_ns: int) -> None:
        self._due_ns = now_ns if self.settings.enabled else NEVER_NS
        self._quoted.clear()

    def next_due_ns(self) -> int:
        return self._due_ns

    def advance(self, now_ns: int) -> None:
        """Look at prices and markets when it is time to."""
        if now_ns < self._due_ns:
            return
        self._due_ns = now_ns + self.settings.look_ms * NS_PER_MS
        self._look_at_prices(now_ns)
        live = {market.id: market for market in self.lifecycle.live() if market.status == "OPEN"}
        self._quoted = {symbol: quoted for symbol, quoted in self._quoted.items() if symbol in live}
        for market in live.values():
            self._quote(market, now_ns)

    def sit_out(self, now_ns: int) -> None:
        """Let a look that is due pass; resting orders stay."""
        if self._due_ns <= now_ns:
            self._due_ns = now_ns + self.settings.look_ms * NS_PER_MS

    def quotes(self, value_ticks: float) -> tuple[int | None, int | None]:
        """Return his bid and ask in YES ticks, rounded outwards; None where the grid ends.

        Worth 50.3 ticks with a half-spread of 3: bid 47, ask 54.
        """
        bid = math.floor(value_ticks - self.settings.half_spread_ticks)
        ask = math.ceil(value_ticks + self.settings.half_spread_ticks)
        return (bid if bid >= PRICE_TICKS_MIN else None, ask if ask <= PRICE_TICKS_MAX else None)

    def _look_at_prices(self, now_ns: int) -> None:
        for asset, mid in self.lifecycle.mids.items():
            seen = self._seen.get(asset)
            if seen is not None and now_ns - seen[0] < self.settings.late_ms * NS_PER_MS:
                continue
            if seen is not None:
                self._usable[asset] = seen[1]
            self._seen[asset] = (now_ns, mid.units)

    def _quote(self, market: Market, now_ns: int) -> None:
        units = self._usable.get(market.asset)
        if units is None or market.strike_units is None:
            return
        left_s = (market.expiry_ns - now_ns) / NS_PER_S
        value = probability_above(units, market.strike_units, left_s, self.settings.volatility)
        wanted = self.quotes(TICKS_PER_DOLLAR * value)
        account = self.trading.ledger.account(RIVAL_ACCOUNT)
        mine = [order for order in account.open_orders.values() if order.market == market.id]
        if wanted == self._quoted.get(market.id) and len(mine) == 2 - wanted.count(None):
            return
        self._quoted[market.id] = wanted
        self.trading.cancel_where(account, lambda order: order.market == market.id, "requested", now_ns)
        if account.available_micros < 2 * self.settings.size * MICROS_PER_DOLLAR:
            self.trading.ledger.post(account, "deposit", CASH_MICROS, now_ns)
        bid, ask = wanted
        if bid is not None:
            self._place(market, "yes", bid, now_ns)
        if ask is not None:
            self._place(market, "no", TICKS_PER_DOLLAR - ask, now_ns)

    def _place(self, market: Market, outcome: Outcome, price_ticks: int, now_ns: int) -> None:
        ids, account = self.trading.ledger.ids, self.trading.ledger.account(RIVAL_ACCOUNT)
        ticket = Ticket(
            ids.last["order"] + 1, market.id, "bid", outcome, price_ticks, self.settings.size, post_only=True
        )
        try:
            self.trading.place(account, ticket, now_ns)
        except Refusal:
            # Somebody quotes through his price: he comes again with the next look.
            self._quoted.pop(market.id, None)
