"""The kind of bot that quotes a fixed spread around the middle of the venue's own book, on shares and on coins.

1. It quotes YES/NO markets and spot markets, by series or by name (`FixedStrategy.choose`).
2. It is priced by a SourcePrice: the best prices of the market's own book, at most `quoting.max_age_ms` old. Its middle
   is that of what others show there (`FixedMarket._middle`): its own quotes must not move it.
3. Its formula is `quote.py`: bid and ask at the same distance, never closer than the limits allow, 0.02 in the source.
4. It learns nothing; where its own orders have just stood is known for seconds and survives a configuration.
5. Where a market expires nothing rests in its last `binary.stop_s`; in a spot market nothing expires.
6. It never takes and converts nothing: pairs of YES and NO are paid when their market ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from common import bots
from common.bots.fixed import FixedBot
from common.clock import NS_PER_MS, NS_PER_S
from common.events import MarketStatus, SourcePrice
from common.instruments import InstrumentKind
from common.pretrade import Closing

from quoter.fixed.quote import BPS, Rules, half_spread, headroom, quote
from quoter.orders.inventory import inventory_of
from quoter.orders.own_orders import Orders
from quoter.orders.terms import Terms
from quoter.signals.others import OwnLevels, best_of_others
from quoter.trading.strategy import Account, BotStrategy, Choice, Inputs, Kind, MarketStrategy, Plan, pulled


class FixedMarket(MarketStrategy):
    """What is wanted in one market."""

    def __init__(self, bot: FixedStrategy, terms: Terms) -> None:
        self._bot = bot
        self._own = OwnLevels()
        self.renew(terms)

    def renew(self, terms: Terms) -> None:
        self.terms, self.inventory = terms, inventory_of(terms)
        self._rules = rules_of(self._bot.config, terms)
        self.closing = None
        if terms.expiry_ns is not None:
            stop_ns = round(self._bot.config.binary.stop_s * NS_PER_S)
            self.closing = Closing(terms.expiry_ns - stop_ns, terms.expiry_ns - stop_ns)

    def plan(self, inputs: Inputs) -> Plan:
        context, terms, rules = inputs.context, self.terms, self._rules
        limits, closing = context.limits, self.closing
        assert limits is not None, "limits that are missing are stale"
        if closing is not None and context.venue_now_ns >= closing.close_from_ns:
            return pulled("close to expiry")
        middle = self._middle(inputs)
        if not middle:
            return pulled("nobody else quotes both sides")
        away = half_spread(middle, rules, limits.min_spread.at(middle))
        self.price_tolerance_ticks = rules.tolerance_ticks + int(rules.tolerance_of_price * middle / terms.tick)
        most = min(rules.max_position_lots, limits.max_position_lots, limits.max_net_lots)
        free = headroom(self.inventory.net_bounds, self._sellable(), most)
        found = quote(middle, away, min(rules.size_lots, limits.max_order_lots), free, terms)
        reason = "" if found.bids and found.asks else "nothing is shown on a side that it has no room for"
        parts = {"middle": middle, "half_spread": away}
        return Plan(found.bids, found.asks, found.orders, free, 0.0, "quoting", reason, parts)

    def _middle(self, inputs: Inputs) -> float:
        """Return the middle of what others show, 0.0 when they do not show both sides."""
        price, book, instrument = inputs.price, inputs.book, self.terms.instrument
        assert type(price) is SourcePrice, "a source price that is missing is stale"
        own_bids, own_asks = self._own.update(self._bot.orders.levels(self.terms), inputs.context.now_ns)
        bid = best_of_others(price.bid, book.bids if book is not None else (), own_bids, instrument)
        ask = best_of_others(price.ask, book.asks if book is not None else (), own_asks, instrument)
        return instrument.axis_price(bid + ask) / 2.0 if bid and ask else 0.0

    def _sellable(self) -> int | None:
        """Return what is certainly held of a coin; None of shares, whose opposite is bought instead."""
        if self.terms.opposite is not None:
            return None
        least, _ = self.inventory.net_bounds
        return max(0, least)

    def on_cancels(self, orders: Orders, now_ns: int) -> None:
        self._own.note(orders.levels(self.terms), now_ns)


def rules_of(config: FixedBot, terms: Terms) -> Rules:
    """Return what a configuration shows in a market, in its lots."""
    if terms.opposite is not None:
        own = config.binary
        return Rules(own.half_spread, 0.0, own.size, own.max_position, own.price_tolerance_ticks)
    coins, lots = config.spot, terms.instrument.lots_within
    return Rules(
        0.0,
        coins.half_spread_bps * BPS,
        lots(coins.size),
        lots(coins.max_position),
        tolerance_of_price=coins.price_tolerance_bps * BPS,
    )


class FixedStrategy(BotStrategy):
    """One fixed bot."""

    priced_by: ClassVar[type[SourcePrice]] = SourcePrice

    def __init__(self, algo_id: str, config: FixedBot, account: Account) -> None:
        super().__init__(algo_id)
        self.orders = account.orders
        self._known = account.markets
        self.configure(config)

    def configure(self, config: bots.Bot) -> None:
        assert isinstance(config, FixedBot), "the registry matches kinds and configurations"
        self.config = config
        self.price_age_max_ns = config.quoting.max_age_ms * NS_PER_MS
        self.target_life_ns = config.quoting.target_life_ms * NS_PER_MS

    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        where, limits = self.config.instrument, self.config.risk_limits
        found = [
            terms
            for terms in self._known.values()
            if terms.status is MarketStatus.OPEN and (terms.symbol in where.symbols or terms.series in where.series)
        ]
        # What never expires first, then what ends soonest.
        found.sort(key=lambda terms: (terms.expiry_ns or 0, terms.symbol))
        most = limits.max_markets if limits is not None else 0
        symbols = [terms.symbol for terms in found]
        return Choice(symbols[:most], dict.fromkeys(symbols[most:], f"max_markets is {most}"))

    def take_up(self, terms: Terms) -> FixedMarket:
        return FixedMarket(self, terms)


class Fixed(Kind):
    """All fixed bots of an account."""

    model = FixedBot
    instruments = frozenset({InstrumentKind.BINARY, InstrumentKind.SPOT})

    def strategy(self, algo_id: str, config: bots.Bot) -> FixedStrategy:
        assert isinstance(config, FixedBot), "the registry matches kinds and configurations"
        return FixedStrategy(algo_id, config, self.account)
