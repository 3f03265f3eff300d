"""How each quote of a spot bot came to its price and size, for people who ask why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from common.events import BasePrice, FxRate, QuoteLevel, SourcePrice

from quoter.orders.terms import Terms
from quoter.spot.ladder import Prices, step
from quoter.spot.rules import HIGHEST_TICKS, Rules, SideRules
from quoter.trading.strategy import GivenWay, Plan


class Known(NamedTuple):
    """What a market's strategy knew at a pass, in references."""

    rules: Rules
    terms: Terms
    lots: dict[str, int]
    price: SourcePrice | None
    """What was priced from; None where nothing was."""
    prices: Prices | None
    configured: Rules
    """The rules as they are configured, whatever way is given."""
    way: GivenWay | None
    """That is given to a hedge."""

    def explained(self, plan: Plan, venue_now_ns: int) -> dict[str, Any]:
        """Return each quote with all steps of its price: `base` and what follows it add up to `price`.

        `shown` is how much of its price rests, of all sizes there.
        """
        price, found = self.price, self.prices
        if price is None or found is None or price.sizes is None:
            return {"quotes": []}
        rules, own = self.rules, self.configured
        return {
            "fx": _fx(price.fx),
            "quotes": [
                *self._side("buy", price.sizes.bids, found.bids, -found.down, rules.buys, plan.bids, price.fx),
                *self._side("sell", price.sizes.asks, found.asks, found.up, rules.sells, plan.asks, price.fx),
            ],
            "bounds": self._between(own.max_bid_ticks, own.min_ask_ticks),
            "gives_way": None if self.way is None else self._between(*self.way),
        }

    def _between(self, max_bid_ticks: int, min_ask_ticks: int) -> dict[str, float | None]:
        return {
            "max_bid": None if max_bid_ticks == HIGHEST_TICKS else self._price(max_bid_ticks),
            "min_ask": self._price(min_ask_ticks) if min_ask_ticks else None,
        }

    def position(self) -> dict[str, int]:
        return self.lots

    def _price(self, ticks: int) -> float:
        return float(self.terms.instrument.price(ticks))

    def _side(
        self,
        side: str,
        sizes: Sequence[BasePrice],
        ticks: Sequence[int],
        moved: float,
        rules: SideRules,
        shown: Sequence[QuoteLevel],
        fx: FxRate | None,
    ) -> Iterator[dict[str, Any]]:
        lots = {level.price_ticks: level.quantity_lots for level in shown}
        instrument = self.terms.instrument
        for place, (size, at) in enumerate(zip(sizes, ticks, strict=False)):
            row: dict[str, Any] = {"side": side, "size": size.quantity}
            if size.price is None:
                yield row | {"price": None, "reason": size.reason}
                continue
            rate = _rate(fx, bids=side == "buy")
            quantity = float(instrument.quantity(lots.get(at, 0)))
            in_source = size.price if rate is None else size.price / rate
            parts = step(size.price, moved, rules, place, at, self.terms.tick)
            told = {name: _plain(value) for name, value in parts._asdict().items()}
            yield row | {"in_source": _plain(in_source), **told, "price": self._price(at), "shown": quantity}


def _plain(value: float) -> float:
    """Return a figure without a float's last bits."""
    return float(f"{value:.12g}")


def _fx(fx: FxRate | None) -> dict[str, Any] | None:
    if fx is None:
        return None
    return {"symbol": fx.symbol, "bid": fx.bid, "ask": fx.ask, "inverse": fx.inverse}


def _rate(fx: FxRate | None, *, bids: bool) -> float | None:
    """Return by what a side's price was multiplied: where the pair is the other way round its sides are crossed."""
    if fx is None:
        return None
    if fx.inverse:
        return 1.0 / (fx.ask if bids else fx.bid)
    return fx.bid if bids else fx.ask
