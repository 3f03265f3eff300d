"""The markets of one account's venue as the venue lists them, and what it takes of this account there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from common.core import Effect, Effects
from common.events import AlertLevel, FeeTerms, Market

from quoter.orders.terms import Terms, terms_of
from quoter.trading.blotter import Blotter
from quoter.trading.bot import renew_quoted
from quoter.trading.order_updates import PLATFORM
from quoter.trading.passes import Passes
from quoter.trading.trader import Trader
from quoter.venues.base import AccountFees

MARKETS_MAX = 5_000


class Listed:
    """Takes in the terms of each market, and has the bots that quote there go on by them."""

    def __init__(self, trader: Trader, passes: Passes, blotter: Blotter) -> None:
        self._trader, self._passes, self._blotter = trader, passes, blotter
        self._fees: dict[str, FeeTerms] = {}
        """What the venue takes of this account, by symbol, where it says so to the account."""

    def on_market(self, market: Market, now_ns: int) -> Effects:
        """Take in a market; one that the account's bots cannot trade, or more than we can keep, changes nothing."""
        trader = self._trader
        known = trader.markets.get(market.symbol)
        if market.kind not in trader.instruments or (known is None and len(trader.markets) >= MARKETS_MAX):
            return
        if known and known.status.over and not market.status.over:
            return
        try:
            terms = terms_of(market, self._fees.get(market.symbol))
        except ValueError as error:
            text = f"{market.symbol}: {error}"
            yield from self._blotter.alert(AlertLevel.WARNING, PLATFORM, "bad_market", text, now_ns)
            return
        regridded = known is not None and known.tick_size != terms.tick_size
        if known is not None and regridded:
            # What rests keeps its price, and its place where that lies on the new grid.
            between = trader.orders.regrid(terms.symbol, known.tick_size, terms.tick_size)
            yield from self._passes.cancel(between, now_ns)
        yield from self._renew(terms, now_ns, regridded=regridded)

    def on_fees(self, told: AccountFees, now_ns: int) -> Effects:
        """Take what this account pays in place of what the venue publishes for everybody."""
        self._fees[told.symbol] = told.fees
        known = self._trader.markets.get(told.symbol)
        if known is not None and known.fees != told.fees:
            yield from self._renew(replace(known, fees=told.fees), now_ns)

    def _renew(self, terms: Terms, now_ns: int, *, regridded: bool = False) -> Iterator[Effect]:
        """Go on in a market by new terms."""
        self._trader.markets[terms.symbol] = terms
        for bot in self._trader.bots.values():
            quoted = bot.quoted.get(terms.symbol)
            if quoted is not None:
                renew_quoted(quoted, terms)
                if regridded:
                    quoted.refusals.forget_prices()
                yield from self._passes.quote(bot, quoted, now_ns)
        self._passes.select_soon()
