"""What became of our orders at Polymarket, put together from answers, frames and trades that overtake each other.

The venue numbers nothing. What it says of an order only ever adds: the most that was matched, and that it has ended.
A trade names every order in it by hash, and only that says which part of it is ours and which token we got: the
trade's own token and side are the taker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from common.clock import NS_PER_S
from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Outcome, Side
from common.orders import OrderState

from quoter.venues.base import Execution, OrderReport, OwnOrder, OwnOrders, Placement, Reversal
from quoter.venues.polymarket_ticket import Signer, write
from quoter.venues.polymarket_words import (
    FINEST_TICK,
    LOT_SIZE,
    MICROS,
    MICROS_PER_LOT,
    MICROS_PER_PRICE_UNIT,
    PRICE_UNITS,
    Details,
    WireOrder,
    WireTrade,
    micros,
    plain_status,
    price_units,
)

ORDERS_MAX = 40_000
TRADES_MAX = 40_000
ENDED = frozenset(("CANCELED", "CANCELLED", "CANCELED_MARKET_RESOLVED", "INVALID", "EXPIRED", "UNMATCHED"))
FAILED = "FAILED"
SETTLED = frozenset(("CONFIRMED", FAILED))
FEE_STEP = Decimal("0.000001")
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


@dataclass(slots=True)
class Known:
    """An order of ours, by its place at the venue."""

    order_id: int
    order_hash: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    tick_units: int
    """Price units of the tick it was priced on; the market's may be another by now."""
    quantity_lots: int
    immediate: bool = False
    matched_micros: int = 0
    """The most that the venue ever said was matched."""
    traded_micros: int = 0
    """Sum of the trades seen."""
    told_lots: int = 0
    """Whole lots of them."""
    state: OrderState = OrderState.LIVE
    reports: int = 0
    """Counts what was reported of it."""

    @property
    def quantity_micros(self) -> int:
        return self.quantity_lots * MICROS_PER_LOT


class Told(NamedTuple):
    """An own part of a trade that was told."""

    execution: Execution
    reversed: bool = False


class OwnBook:
    """Our orders by hash and id, and the trades told of them."""

    def __init__(self, orders: OwnOrders, signer: Signer) -> None:
        self._orders, self._signer = orders, signer
        self._by_hash: dict[str, Known] = {}
        self._by_id: dict[int, Known] = {}
        self._told: dict[tuple[str, str], Told] = {}
        self._seen: dict[str, str] = {}
        """Status of trades, by id, for those of ours."""
        self.unsettled: dict[str, int] = {}
        """Trades that may still fail, with the second of their match."""
        self.reversals = 0

    def add(self, place: Placement, details: Details, order_hash: str) -> Known:
        """Remember an order that is about to be sent."""
        known = Known(
            place.order_id,
            order_hash,
            place.symbol,
            place.outcome,
            place.side,
            place.price_ticks,
            details.tick_units,
            place.quantity_lots,
            place.immediate,
        )
        return self._file(known)

    def _file(self, known: Known) -> Known:
        self._by_hash[known.order_hash] = self._by_id[known.order_id] = known
        if len(self._by_id) > ORDERS_MAX:
            oldest = next((each for each in self._by_id.values() if each.state.terminal), None)
            if oldest is not None:
                self._by_id.pop(oldest.order_id)
                self._by_hash.pop(oldest.order_hash, None)
        return known

    def rename(self, known: Known, order_hash: str) -> None:
        """The venue calls an order by another hash than we had computed."""
        known.order_hash = order_hash
        self._by_hash[order_hash] = known

    def by_hash(self, order_hash: str) -> Known | None:
        return self._by_hash.get(order_hash)

    def by_id(self, order_id: int) -> Known | None:
        return self._by_id.get(order_id)

    def strangers(self) -> list[OwnOrder]:
        """Return the unresolved orders of a predecessor that have not been recalled yet."""
        found = []
        for order_id in self._orders.unresolved():
            order = self._orders.get(order_id)
            if order is not None and order_id not in self._by_id:
                found.append(order)
        return found

    def recall(self, order: OwnOrder, details: Details) -> Known | None:
        """Find a predecessor's order at the venue: by the name it was told, else by the one its terms make."""
        place = Placement(
            order.order_id,
            order.symbol,
            order.outcome,
            order.side,
            order.price_ticks,
            order.quantity_lots,
            post_only=True,
        )
        order_hash = order.venue_order_id
        if not order_hash:
            ticket = write(place, details)
            if isinstance(ticket, str):
                return None
            order_hash = self._signer.order_hash(ticket)
        return self.add(place, details, order_hash)

    # --- orders -------------------------------------------------------------------------------------------------

    def on_order(self, wire: WireOrder, now_ns: int) -> OrderReport | None:
        """Take in the venue's picture of an order; None when it is not ours as far as we know."""
        known = self._by_hash.get(wire.id)
        if known is None:
            return None
        known.matched_micros = max(known.matched_micros, micros(wire.size_matched, "size_matched"))
        status = plain_status(wire.status)
        if wire.type.upper() == "CANCELLATION" or status in ENDED or (known.immediate and status == "MATCHED"):
            return self.report(known, OrderState.CANCELLED, wire.type or status, now_ns)
        return self.report(known, OrderState.LIVE, "", now_ns)

    def report(self, known: Known, state: OrderState, reason: str, now_ns: int) -> OrderReport:
        """Return the picture that all news so far make; what has ended stays so, what was matched is never less."""
        if known.matched_micros >= known.quantity_micros:
            state = OrderState.FILLED
        if not known.state.terminal or state is OrderState.FILLED:
            known.state = state
        known.reports += 1
        return OrderReport(
            known.order_id,
            known.order_hash,
            known.symbol,
            known.outcome,
            known.side,
            known.price_ticks,
            known.quantity_lots,
            min(known.quantity_lots, known.matched_micros // MICROS_PER_LOT),
            known.state,
            reason.lower() if known.state is OrderState.CANCELLED else "",
            known.reports,
            now_ns,
        )

    # --- trades -------------------------------------------------------------------------------------------------

    def on_trade(self, trade: WireTrade, details: Details, *, recovered: bool) -> Iterator[Execution | Reversal]:
        """Tell what a trade did to us, once; one that failed is told together with what takes it back.

        Both halves of a failed trade are told whoever may have told the first: their ids are the same then, so that
        it comes out as nothing.
        """
        status = plain_status(trade.status)
        before = self._seen.get(trade.id)
        if before in SETTLED or before == status:
            return
        found = False
        for part in self._parts(trade, details):
            found = True
            key = (trade.id, part.venue_order_id)
            told = self._told.get(key)
            if told is None:
                execution = self._execution(part, recovered)
                if execution is None:
                    continue
                told = self._told[key] = Told(execution)
                yield execution
            if status == FAILED and not told.reversed:
                self._told[key] = told._replace(reversed=True)
                self.reversals += 1
                yield Reversal(told.execution, "the trade failed")
        if not found:
            return
        self._seen[trade.id] = status
        if status in SETTLED:
            self.unsettled.pop(trade.id, None)
        else:
            self.unsettled[trade.id] = trade.matched_s
        self._forget()

    def _forget(self) -> None:
        for table in (self._told, self._seen):
            while len(table) > TRADES_MAX:
                del table[next(iter(table))]  # type: ignore[arg-type]

    def _execution(self, part: _Part, recovered: bool) -> Execution | None:
        """Return a part in whole lots; None while it is dust that a later part may make a lot of."""
        known = part.known
        if known is None:
            lots, leaves = part.size_micros // MICROS_PER_LOT, 0
        else:
            known.traded_micros += part.size_micros
            known.matched_micros = max(known.matched_micros, known.traded_micros)
            lots = known.traded_micros // MICROS_PER_LOT - known.told_lots
            known.told_lots += lots
            leaves = max(0, known.quantity_lots - known.told_lots)
        if not lots:
            return None
        tick_units = known.tick_units if known is not None and part.units % known.tick_units == 0 else 1
        return Execution(
            known.order_id if known else 0,
            part.venue_order_id,
            part.trade_id,
            part.symbol,
            part.outcome,
            part.side,
            part.units // tick_units,
            lots,
            leaves,
            part.liquidity,
            part.fee,
            "",
            known.reports if known else 0,
            part.matched_s,
            part.matched_s * NS_PER_S,
            recovered,
            FINEST_TICK * tick_units,
        )

    def _parts(self, trade: WireTrade, details: Details) -> Iterator[_Part]:
        """Yield our parts of a trade, each with the token, side and price of our own order in it."""
        ours: dict[str, list[tuple[int, int, str, str]]] = {}
        for maker in trade.maker_orders:
            if maker.order_id in self._by_hash or (maker.owner and maker.owner == self._signer.owner):
                ours.setdefault(maker.order_id, []).append(
                    (price_units(maker.price), micros(maker.matched_amount, "amount"), maker.asset_id, maker.side)
                )
        for order_hash, rows in ours.items():
            known = self._by_hash.get(order_hash)
            units, _, token, side = rows[0]
            size = sum(row[1] for row in rows)
            outcome = details.outcome(token)
            yield _Part(
                known,
                trade.id,
                order_hash,
                trade.market,
                known.outcome if known else outcome,
                known.side if known else _maker_side(trade, token, side),
                units,
                size,
                Liquidity.MAKER,
                Decimal(0),
                trade.matched_s,
            )
        known = self._by_hash.get(trade.taker_order_id)
        stranger = trade.trader_side.upper() == "TAKER" and trade.owner == self._signer.owner
        if known is None and not stranger:
            return
        units, size = price_units(trade.price), micros(trade.size, "size")
        if trade.maker_orders:
            units = _paid(trade, _side(trade.side))
        yield _Part(
            known,
            trade.id,
            trade.taker_order_id,
            trade.market,
            details.outcome(trade.asset_id),
            _side(trade.side),
            units,
            size,
            Liquidity.TAKER,
            fee(units, size, details),
            trade.matched_s,
        )


class _Part(NamedTuple):
    """Our part of a trade."""

    known: Known | None
    trade_id: str
    venue_order_id: str
    symbol: str
    outcome: Outcome
    side: Side
    units: int
    size_micros: int
    liquidity: Liquidity
    fee: Decimal
    matched_s: int


def _side(text: str) -> Side:
    side = _SIDES.get(text.upper())
    if side is None:
        raise ContractError("polymarket trade", f"side {text[:20]!r}")
    return side


def _maker_side(trade: WireTrade, token: str, side: str) -> Side:
    """Return the side of a maker: the taker's opposite in the same token, the same one in the other token."""
    if side:
        return _side(side)
    taker = _side(trade.side)
    return taker.opposite if token == trade.asset_id else taker


def _paid(trade: WireTrade, side: Side) -> int:
    """Return the average price a taker got, in price units, rounded against us.

    A maker of the other token at p gives the taker's at 1 - p.
    """
    value = total = 0
    for maker in trade.maker_orders:
        units = price_units(maker.price)
        size = micros(maker.matched_amount, "amount")
        value += (units if maker.asset_id == trade.asset_id else PRICE_UNITS - units) * size
        total += size
    if not total:
        return price_units(trade.price)
    return -(-value // total) if side is Side.BUY else value // total


def fee(units: int, size_micros: int, details: Details) -> Decimal:
    """Return what a taker pays: shares x rate x (p (1 - p)) ^ exponent, rounded up to a millionth of a dollar."""
    if details.fee_rate <= 0.0:
        return Decimal(0)
    price = units / PRICE_UNITS
    per_share = Decimal(repr(details.fee_rate * (price * (1.0 - price)) ** details.fee_exponent))
    return (per_share * size_micros / MICROS).quantize(FEE_STEP, ROUND_UP)


def locked_cash(orders: Iterable[WireOrder]) -> Decimal:
    """Return the dollars that resting bids hold."""
    held = 0
    for order in orders:
        if order.side.upper() == "BUY":
            left = micros(order.original_size, "original_size") - micros(order.size_matched, "size_matched")
            held += price_units(order.price) * MICROS_PER_PRICE_UNIT * left
    return Decimal(held) / MICROS / MICROS


def lots_of(micros_held: int) -> int:
    """Return the whole lots in a holding; what is less than a lot is dust, and nobody's."""
    return int(Decimal(micros_held) / MICROS / LOT_SIZE)
