"""A spot symbol at the tiny Degen Terminal: decimal sizes, fees in a currency of their own, balances by currency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.events import Market, MarketStatus
from common.instruments import Instrument, InstrumentKind, Side

from quoter.orders.terms import Terms, terms_of
from quoter.testing.ccxt.stages import BinanceStage, KrakenStage
from quoter.testing.stage import SpotStage
from quoter.testing.stages import DegenStage
from quoter.testing.venue import Venue, VenueOrder

COIN = Instrument(
    "degen",
    "BTCUSD",
    InstrumentKind.SPOT,
    "USD",
    Decimal("0.01"),
    base="BTC",
    lot_size=Decimal("0.0001"),
    min_notional=Decimal(1),
)


def coin_terms() -> Terms:
    """Return the terms of the symbol as its market tells them, without a least notional."""
    return terms_of(
        Market(
            venue=COIN.venue,
            symbol=COIN.symbol,
            kind=InstrumentKind.SPOT,
            status=MarketStatus.OPEN,
            base=COIN.base,
            tick_size=COIN.tick_size,
            lot_size=COIN.lot_size,
            ts_received_ns=0,
        )
    )


FEE_CURRENCY = "DGN"
FEE_PER_LOT = Decimal("0.002")
"""In `FEE_CURRENCY`, of whoever trades."""


@dataclass(slots=True)
class CoinOrder(VenueOrder):
    """An order for the symbol; `size` and `filled` are in lots."""

    time_in_force: str = "gtc"

    def document(self) -> dict[str, Any]:
        whole = super(CoinOrder, self).document()
        del whole["market"], whole["outcome"]
        sizes = {name: sized(whole[name]) for name in ("size", "filled", "leaves")}
        return whole | sizes | {"symbol": self.market, "time_in_force": self.time_in_force}


def sized(lots: int) -> str:
    return f"{COIN.quantity(lots):f}"


class SpotVenue(Venue):
    """The tiny venue with one symbol, whose account has three currencies."""

    def __init__(self) -> None:
        super().__init__()
        self.money = {"USD": Decimal(self.cash), "BTC": Decimal("2.0000"), FEE_CURRENCY: Decimal(50)}
        self.moved: list[dict[str, Any]] = []
        """The entries of transfers."""
        self.offered: str = ""
        """The best price at which others sell, empty where nobody does; `takeable` is how much, in lots."""

    def _order_of(self, item: dict[str, Any]) -> VenueOrder:
        if "symbol" not in item:
            return super()._order_of(item)
        lots = COIN.lots(item["size"])
        known = (str(self.next_order), item["client_order_id"], item["symbol"], item["side"], "", item["price"], lots)
        return CoinOrder(*known, item["post_only"], time_in_force=item.get("time_in_force", "gtc"))

    def _refusal_of(self, item: dict[str, Any]) -> str:
        crosses = item["side"] == "bid" and self.offered and Decimal(item["price"]) >= Decimal(self.offered)
        return "would_cross" if "symbol" in item and item["post_only"] and crosses else super()._refusal_of(item)

    def fill(self, order: VenueOrder, size: int, liquidity: str = "maker", fee: str = "-0.010000") -> dict[str, Any]:
        if not isinstance(order, CoinOrder):
            return super().fill(order, size, liquidity, fee)
        order.filled += size
        order.order_sequence += 1
        if order.filled == order.size and order.status == "open":
            order.status = "filled"
        self.sequence += 1
        paid = FEE_PER_LOT * size
        row = {
            "trade_id": str(self.next_trade),
            "order_id": order.order_id,
            "client_order_id": order.client_order_id,
            "symbol": order.market,
            "side": order.side,
            "price": order.price,
            "size": sized(size),
            "leaves": sized(order.size - order.filled),
            "liquidity": liquidity,
            "fee": f"{paid:f}",
            "fee_currency": FEE_CURRENCY,
            "order_sequence": order.order_sequence,
            "account_sequence": self.sequence,
            "ts_ns": 5,
        }
        self.next_trade += 1
        self.fills.append(row)
        self.tell_fill(row)
        self.tell_order(order)
        bought = size if order.side == "bid" else -size
        self._move("BTC", COIN.quantity(bought))
        self._move("USD", -COIN.cost(Side.BUY, COIN.ticks(order.price), bought))
        self._move(FEE_CURRENCY, -paid)
        return row

    def _move(self, currency: str, amount: Decimal, transfer_id: str | None = None) -> None:
        """Change a balance by an entry, in the frame that its currency has."""
        self.money[currency] += amount
        self.sequence += 1
        kind = "trade" if transfer_id is None else "transfer"
        entry: dict[str, Any] = {"account_sequence": self.sequence, "type": kind, "amount": f"{amount:f}"}
        if transfer_id is not None:
            entry |= {"entry_id": str(self.sequence), "transfer_id": transfer_id, "currency": currency, "ts_ns": 7}
            self.moved.append(entry)
        dollars = currency == "USD"
        total = f"{self.money[currency]:f}"
        balance = {"cash": total, "available": total} if dollars else {"currency": currency, "total": total}
        self._private("account" if dollars else "balance", {"entry": entry, "balance": balance})

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        route = path.partition("?")[0]
        if route == "/symbols":
            row = {"symbol": COIN.symbol, "kind": "spot", "base": COIN.base, "quote": COIN.currency, "tick": "0.01"}
            return 200, {"symbols": [row | {"lot": "0.0001", "min_size": "0.0001", "min_notional": "1.000000"}]}
        if route == "/balances":
            totals = {name: f"{cash:f}" for name, cash in self.money.items()}
            rows = [{"currency": name, "total": total, "available": total} for name, total in totals.items()]
            return 200, {"account": "mm1", "balances": rows, "account_sequence": self.sequence, "ts_ns": 1}
        if route == "/statement":
            asked = dict(parse_qsl(urlsplit(path).query))
            moved = [each for each in self.moved if each["currency"] == asked.get("currency", "USD")]
            status, page = super()._request(method, path, body)
            later = [each for each in moved if int(each["account_sequence"]) > int(asked["after"])]
            return status, page | {"entries": later if "currency" in asked else [*page["entries"], *later]}
        return super()._request(method, path, body)

    def transfer(self, transfer_id: str, currency: str, amount: str) -> None:
        """Move money to another venue, or from there."""
        self._move(currency, Decimal(amount), transfer_id)


class CoinStage(SpotStage, DegenStage):
    """The Degen Terminal with a spot symbol."""

    venue: SpotVenue
    coin = COIN
    fee_currency = FEE_CURRENCY
    fee_per_lot = FEE_PER_LOT

    def __init__(self, **settings: Any) -> None:
        super().__init__(SpotVenue(), **settings)

    def offer(self, ticks: int, lots: int) -> None:
        self.venue.offered, self.venue.takeable = f"{COIN.price(ticks):f}", lots

    def money(self) -> dict[str, Decimal]:
        return self.venue.money


COIN_STAGES: dict[str, Callable[[], SpotStage]] = {"binance": BinanceStage, "degen": CoinStage, "kraken": KrakenStage}
WITHOUT_COINS = {"polymarket": "it trades shares of YES/NO markets alone"}
"""Venues whose sessions know no spot symbol, and why."""
