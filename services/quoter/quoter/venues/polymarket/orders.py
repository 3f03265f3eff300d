"""What became of our orders at Polymarket, put together from answers, frames and trades that overtake each other.

The venue numbers nothing. What it says of an order only ever adds: the most that was matched, and that it has ended.
That it has ended is the venue's word and not worked out from amounts: an order is called matched with a rest that a
rounding left, or that was cancelled, and has none either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from common.clock import NS_PER_S
from common.errors import ContractError
from common.instruments import Outcome
from common.orders import OrderState

from quoter.venues.base import Execution, OrderReport, OwnOrder, OwnOrders, Placement, Reversal
from quoter.venues.polymarket.numbers import FINEST_TICK, MICROS_PER_LOT, micros, plain_status, text_of
from quoter.venues.polymarket.signing.ticket import Signer, write
from quoter.venues.polymarket.trades import Known, Part, parts_of
from quoter.venues.polymarket.words import Details, WireOrder, WireTrade, is_name

ORDERS_MAX = 40_000
TRADES_MAX = 40_000
REASON_CHARS_MAX = 100
CANCELLED_WORDS = ("CANCELED", "CANCELLED", "CANCELLATION")
"""How every status of a cancelled order begins; some go on: CANCELED_MARKET_RESOLVED, CANCELED_ and a sentence."""
ENDED = frozenset(("INVALID", "EXPIRED", "UNMATCHED", "REJECTED", "KILLED"))
MATCHED = "MATCHED"
FAILED = "FAILED"
SETTLED = frozenset(("CONFIRMED", FAILED))


class Told(NamedTuple):
    """An own part of a trade that was counted."""

    execution: Execution | None
    """None for dust that made no lot."""
    dust_micros: int
    """What it moved beyond the lots told, signed as the order's side."""
    reversed: bool = False


class OwnBook:
    """Our orders by hash and id, and their trades."""

    def __init__(self, orders: OwnOrders, signer: Signer) -> None:
        self._orders, self._signer = orders, signer
        self._by_hash: dict[str, Known] = {}
        self._by_id: dict[int, Known] = {}
        self._told: dict[tuple[str, str], Told] = {}
        self._seen: dict[str, str] = {}
        """Status of trades, by id, for those of ours."""
        self.unsettled: dict[str, int] = {}
        """Trades that may still fail, with the second of their match."""
        self.untraded: dict[int, int] = {}
        """Orders that were matched further than their trades say, with the second since when."""
        self.reversals = 0
        self.counted = 0
        """Parts of trades that moved cash, there or back."""
        self._dust: dict[tuple[str, Outcome], int] = {}

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
                self.untraded.pop(oldest.order_id, None)
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
        known = self.add(place, details, order_hash)
        known.recalled = True
        return known

    # --- orders -------------------------------------------------------------------------------------------------

    def on_order(self, wire: WireOrder, now_ns: int) -> OrderReport | None:
        """Take in the venue's snapshot of an order; None when it is not ours as far as we know.

        ContractError when it leaves out how far an order is that may go on.
        """
        known = self._by_hash.get(wire.id)
        if known is None:
            return None
        known.seen = True
        over = _over(wire)
        # Of an order that is over an empty amount means none; of another it says nothing.
        if wire.size_matched or not over:
            try:
                known.matched_micros = max(known.matched_micros, _matched(wire, known))
            except ContractError:
                if not over:
                    raise
        self._look_for_trades(known, now_ns)
        if over == MATCHED:
            dust = known.quantity_micros - known.matched_micros < MICROS_PER_LOT
            return self.report(known, OrderState.FILLED if dust else OrderState.CANCELLED, over, now_ns)
        if over:
            return self.report(known, OrderState.CANCELLED, over, now_ns)
        return self.report(known, OrderState.LIVE, "", now_ns)

    def rests(self, wire: WireOrder) -> bool:
        """Say whether the venue's snapshot of an order is one of an order that rests."""
        return not _over(wire)

    def gone(self, known: Known, now_ns: int) -> OrderReport:
        """Return the snapshot of an order that the venue had and no longer knows: it rests nowhere."""
        return self.report(known, OrderState.CANCELLED, "not_at_venue", now_ns)

    def report(self, known: Known, state: OrderState, reason: str, now_ns: int) -> OrderReport:
        """Return the snapshot that all news so far make; what has ended stays so, what was matched is never less."""
        known.seen = True
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
            reason.lower()[:REASON_CHARS_MAX] if known.state is OrderState.CANCELLED else "",
            known.reports,
            now_ns,
        )

    def _look_for_trades(self, known: Known, now_ns: int) -> None:
        """Remember since when an order has been matched further than its trades say."""
        if known.untraded_lots > 0 and not known.recalled:
            self.untraded.setdefault(known.order_id, now_ns // NS_PER_S)
        else:
            self.untraded.pop(known.order_id, None)

    def dust(self, symbol: str, outcome: Outcome) -> int:
        """Return the millionths of a share that trades have moved beyond the lots told; they are in nobody's books."""
        return self._dust.get((symbol, outcome), 0)

    # --- trades -------------------------------------------------------------------------------------------------

    def symbol_of(self, trade: WireTrade) -> str:
        """Return the market of a trade, from an order of ours in it where it does not say; empty when nothing says."""
        hashes = [trade.taker_order_id, *(maker.order_id for maker in trade.maker_orders or [])]
        known = next((found for each in hashes if (found := self._by_hash.get(text_of(each)))), None)
        return known.symbol if known else text_of(trade.market)

    def on_trade(
        self, trade: WireTrade, details: Details, now_ns: int, *, recovered: bool
    ) -> Iterator[Execution | Reversal]:
        """Tell what a trade did to us, once; one that failed is told together with what takes it back.

        Both halves of a failed trade are told whoever may have told the first: their ids are the same then, so that
        it comes out as nothing. A trade without a time counts as matched now. ContractError when it is not whole.
        """
        if not is_name(trade.id):
            raise ContractError("polymarket trade", f"id {trade.id[:40]!r} names none")
        status = plain_status(trade.status)
        before = self._seen.get(trade.id)
        if before in SETTLED or before == status:
            return
        matched_s = trade.matched_s or now_ns // NS_PER_S
        parts = parts_of(trade, details, self._by_hash.get, self._signer.owner, matched_s)
        for part in parts:
            key = (trade.id, part.venue_order_id)
            told = self._told.get(key)
            if told is None:
                told = self._told[key] = self._count(part, recovered, now_ns)
                if told.execution is not None:
                    yield told.execution
            if status == FAILED and not told.reversed:
                self._told[key] = told._replace(reversed=True)
                self._keep_dust(part, -told.dust_micros)
                self.counted += 1
                if told.execution is not None:
                    self.reversals += 1
                    yield Reversal(told.execution, "the trade failed")
        if not parts:
            return
        self._seen[trade.id] = status
        if status in SETTLED:
            self.unsettled.pop(trade.id, None)
        elif before is None:
            self.unsettled[trade.id] = matched_s
        self._forget()

    def give_up_waiting(self, before_s: int) -> list[str]:
        """Wait no longer for trades matched before a second to be final; return their ids.

        One that fails after that is taken back all the same.
        """
        late = [trade_id for trade_id, matched_s in self.unsettled.items() if matched_s < before_s]
        for trade_id in late:
            del self.unsettled[trade_id]
        return late

    def _forget(self) -> None:
        for table in (self._told, self._seen, self._dust):
            while len(table) > TRADES_MAX:
                del table[next(iter(table))]  # type: ignore[arg-type]

    def _count(self, part: Part, recovered: bool, now_ns: int) -> Told:
        """Count a part once."""
        execution = self._execution(part, recovered, now_ns)
        lots = execution.quantity_lots if execution is not None else 0
        dust_micros = part.side.sign * (part.size_micros - lots * MICROS_PER_LOT)
        self._keep_dust(part, dust_micros)
        self.counted += 1
        return Told(execution, dust_micros)

    def _keep_dust(self, part: Part, micros_more: int) -> None:
        key = (part.symbol, part.outcome)
        self._dust[key] = self._dust.pop(key, 0) + micros_more

    def _execution(self, part: Part, recovered: bool, now_ns: int) -> Execution | None:
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
            self._look_for_trades(known, now_ns)
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


def _over(wire: WireOrder) -> str:
    """Return how an order ended by the venue's word, empty while it may go on."""
    status, kind = plain_status(wire.status), text_of(wire.type).upper()
    if kind == "CANCELLATION" or status.startswith(CANCELLED_WORDS) or status in ENDED:
        return status if status not in ("", "LIVE") else kind
    return MATCHED if status == MATCHED else ""


def _matched(wire: WireOrder, known: Known) -> int:
    """Return how much of an order was matched; one that takes may get more than it asked for, at a better price."""
    matched = micros(wire.size_matched, "size_matched")
    if matched > known.quantity_micros and not known.immediate:
        raise ContractError("polymarket order", f"size_matched {matched} is more than {known.quantity_micros}")
    return matched
