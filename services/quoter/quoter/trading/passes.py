"""When a market is looked at: on a new price, by the timer, and again before a turn ends in which something changed.

However many of the venue's words came in one burst, each market that they touched is looked at once, when the turn
ends. The timer goes through all markets in several turns, so that a tick waits for a few of them at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from common.clock import NS_PER_MS
from common.core import Effect, Effects, Receipt, Turn
from common.orders import OrderState
from common.pretrade import NewOrder

from quoter.orders.own_orders import Order, resting
from quoter.trading.bot import Bot, QuotedMarket, choose_markets, forget_over
from quoter.trading.order_updates import passed_over_targets
from quoter.trading.taking import cross
from quoter.trading.trader import Trader

SELECT_NS = 500 * NS_PER_MS
TIMER_TURNS_MAX = 16
"""Turns in which the timer goes through all markets."""

HaltScope = Callable[[str, str, str, int], Effects]
"""Halt a scope for a reason: (scope, reason, text, now)."""
TellSelfTrades = Callable[[Sequence[NewOrder], int], Effects]
"""Tell people of orders that would have traded with our own: (orders, now)."""


class Passes:
    """Looks at markets; whatever goes wrong in one stops its bot and no other."""

    def __init__(self, trader: Trader, halt: HaltScope, tell_self_trades: TellSelfTrades) -> None:
        self._trader, self._halt, self._tell_self_trades = trader, halt, tell_self_trades
        self._touched: dict[tuple[str, str], None] = {}
        """Bot and symbol of the markets to look at before the turn ends, in the order in which they were touched."""
        self._selected_at_ns = 0
        self.count = 0
        """Looks at one market, whatever caused them."""

    # --- what changed -------------------------------------------------------------------------------------------

    def touch(self, algo_id: str, symbol: str) -> None:
        """Something has changed in a market that matters at once."""
        if self._trader.quoted_of(algo_id, symbol) is not None:
            self._touched[algo_id, symbol] = None

    def touch_all(self, bot: Bot, now_ns: int) -> None:
        """Something concerns every market of a bot."""
        for symbol, quoted in bot.quoted.items():
            quoted.strategy.refresh(now_ns)
            self._touched[bot.algo_id, symbol] = None

    def select_soon(self) -> None:
        """Markets or configurations have changed: the next timer chooses each bot's markets anew."""
        self._selected_at_ns = 0

    # --- passes -------------------------------------------------------------------------------------------------

    def quote(self, bot: Bot, quoted: QuotedMarket, now_ns: int, *, crossing: bool = False) -> Sequence[Effect]:
        """Make one market what it should be."""
        if not self._trader.started:
            return ()
        self.count += 1
        if self._touched:
            self._touched.pop((bot.algo_id, quoted.terms.symbol), None)
        try:
            self._trader.quote(bot, quoted, now_ns)
            if crossing or quoted.strategy.takes_beside:
                cross(self._trader, bot, quoted, now_ns)
        except Exception as error:
            return self.stop(bot, quoted.terms.symbol, error, now_ns)
        if self._trader.self_trades:
            refused, self._trader.self_trades = self._trader.self_trades, []
            return list(self._tell_self_trades(refused, now_ns))
        return ()

    def quote_all(self, now_ns: int) -> Effects:
        for bot in self._trader.bots.values():
            for quoted in bot.quoted.values():
                yield from self._quote_in_time(bot, quoted, now_ns)

    def _quote_in_time(self, bot: Bot, quoted: QuotedMarket, now_ns: int) -> Sequence[Effect]:
        """Let time pass in a market, then look at it."""
        quoted.strategy.refresh(now_ns)
        return self.quote(bot, quoted, now_ns, crossing=quoted.strategy.takes)

    def stop(self, bot: Bot, where: str, error: Exception, now_ns: int) -> Sequence[Effect]:
        """Halt a bot whose strategy has failed, and cancel what it has."""
        scope = f"bot-{bot.algo_id}"
        effects: list[Effect] = []
        if f"{scope}:exception" not in self._trader.halts.active:
            text = f"{type(error).__name__} in {where}: {error}"
            effects += self._halt(scope, "exception", text, now_ns)
        orders = [order for symbol in bot.quoted for order in self._trader.orders.of(bot.algo_id, symbol)]
        return [*effects, *self.cancel(orders, now_ns)]

    def cancel(self, orders: Iterable[Order], now_ns: int) -> Sequence[Effect]:
        """Cancel what rests, past every budget: this is not quoting."""
        trader = self._trader
        # What has not left yet never does; the rest of the batch goes first, so that everything keeps its place.
        reachable = [order for order in resting(orders) if not trader.withdraw(order)]
        if not reachable or not trader.session.connected:
            return ()
        for order in reachable:
            trader.orders.step(order, OrderState.CANCELLING)
        return [*trader.send(now_ns), *trader.session.send([order.order_id for order in reachable], [], now_ns)]

    def after_burst(self, now_ns: int) -> Sequence[Effect]:
        """Look at the markets that were touched, each once, also those that are touched meanwhile."""
        if not self._touched:
            return self._trader.send(now_ns)
        effects: list[Effect] = []
        while self._touched:
            algo_id, symbol = next(iter(self._touched))
            del self._touched[algo_id, symbol]
            bot, quoted = self._trader.bots.get(algo_id), self._trader.quoted_of(algo_id, symbol)
            if bot is not None and quoted is not None:
                effects += self.quote(bot, quoted, now_ns)
        return [*effects, *self._trader.send(now_ns)]

    # --- the timer ----------------------------------------------------------------------------------------------

    def on_timer(self, now_ns: int) -> Effects:
        """Choose markets when that is due, and let time pass for every bot."""
        if now_ns - self._selected_at_ns >= SELECT_NS:
            self._selected_at_ns = now_ns
            yield from self._select(now_ns)
        for bot in self._trader.bots.values():
            try:
                bot.strategy.on_timer(bot.quoted, self._trader.venue_now_ns(now_ns), now_ns)
            except Exception as error:
                yield from self.stop(bot, "its surroundings", error, now_ns)

    def turns(self) -> Iterator[Turn]:
        """Return the turns in which the timer looks at every market."""
        markets = [(bot, symbol) for bot in self._trader.bots.values() for symbol in bot.quoted]
        size = -(-len(markets) // TIMER_TURNS_MAX) or 1
        for first in range(0, len(markets), size):
            yield Turn(partial(self._on_timer_of, markets[first : first + size]))

    def _on_timer_of(self, markets: Sequence[tuple[Bot, str]], receipt: Receipt) -> Effects:
        trader, now_ns = self._trader, receipt.now_ns
        for bot, symbol in markets:
            quoted = bot.quoted.get(symbol)
            if quoted is None or trader.bots.get(bot.algo_id) is not bot:
                continue
            try:
                quoted.strategy.on_timer(quoted, trader.orders, trader.venue_now_ns(now_ns), now_ns)
            except Exception as error:
                yield from self.stop(bot, f"its surroundings in {symbol}", error, now_ns)
            yield from self._quote_in_time(bot, quoted, now_ns)

    def _select(self, now_ns: int) -> Effects:
        """Choose each bot's markets anew, drop what is over, and cancel orders that belong to no business."""
        trader = self._trader
        venue_now_ns = trader.venue_now_ns(now_ns)
        for bot in trader.bots.values():
            left, idle = choose_markets(bot, trader.markets, trader.orders, venue_now_ns)
            for quoted in left:
                yield from self.quote(bot, quoted, now_ns)
                bot.drop(quoted.terms.symbol)
            yield from passed_over_targets(bot, trader.account, trader.venue, idle, trader.epoch, now_ns)
        lines = {(bot.algo_id, symbol) for bot in trader.bots.values() for symbol in bot.quoted}
        strays = [
            order
            for order in trader.orders.living()
            if not order.parent_id and (order.algo_id, order.symbol) not in lines
        ]
        yield from self.cancel(strays, now_ns)
        forget_over(trader.markets, trader.orders, venue_now_ns)
