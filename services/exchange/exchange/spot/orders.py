"""An order for a spot symbol: sizes in lots of the base currency, prices in ticks of the quote currency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from exchange.market.orders import AnyOrder, Hold, Side
from exchange.spot.terms import SpotTerms


@dataclass(frozen=True, slots=True)
class SpotTicket:
    """A valid request for a spot order, before the venue has taken it."""

    client_order_id: int
    symbol: str
    side: Side
    price_ticks: int
    lots: int
    time_in_force: Literal["gtc", "ioc"] = "gtc"
    post_only: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class SpotOrder(AnyOrder):
    """One order for a spot symbol."""

    terms: SpotTerms

    @property
    def axis_bid(self) -> bool:
        return self.side == "bid"

    @property
    def axis_ticks(self) -> int:
        return self.price_ticks

    def hold(self, size: int) -> Hold:
        """Price × size and the maker's fee of a bid, the base currency of an ask."""
        if self.side == "bid":
            return Hold(self.terms.cover_units(self.price_ticks, size, self.terms.maker_fee_ppm), self.terms.quote)
        return Hold(size * self.terms.lot_units, self.terms.base)

    def as_json(self) -> dict[str, Any]:
        sizes = self.terms.sizes
        return {
            "order_id": str(self.order_id),
            "client_order_id": str(self.client_order_id),
            "symbol": self.market,
            "side": self.side,
            "price": self.terms.prices.text(self.price_ticks),
            "size": sizes.text(self.size),
            "time_in_force": self.time_in_force,
            "post_only": self.post_only,
            "filled": sizes.text(self.filled),
            "leaves": sizes.text(self.leaves),
            "status": self.status,
            "reason": self.reason,
            "order_sequence": self.order_sequence,
            "account_sequence": self.account_sequence,
            "created_ns": self.created_ns,
            "ts_ns": self.ts_ns,
        }
