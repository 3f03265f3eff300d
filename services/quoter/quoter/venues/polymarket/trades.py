"""Whose part of a trade is ours, at what price, and what a taker pays for it.

A trade names every order in it by hash, and only that says which part of it is ours and which token we got: the trade's
own token and side are the taker's. While a trade is under way the venue may list it without its numbers; such a row is
no fact yet, and reading it raises ContractError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Outcome, Side
from common.orders import OrderState

from quoter.venues.polymarket.numbers import MICROS, MICROS_PER_LOT, PRICE_UNITS, Text, micros, price_units, text_of
from quoter.venues.polymarket.words import Details, MakerOrder, WireTrade

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
    seen: bool = False
    """The venue has shown that it has it."""
    recalled: bool = False
    """A predecessor's: its older trades are not fetched again."""
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

    @property
    def untraded_lots(self) -> int:
        """Lots that the venue says were matched and of which no trade has been seen."""
        return (self.matched_micros - self.traded_micros) // MICROS_PER_LOT


class Part(NamedTuple):
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


def parts_of(
    trade: WireTrade, details: Details, find: Callable[[str], Known | None], owner: str, matched_s: int
) -> list[Part]:
    """Return our parts of a trade, each with the token, side and price of our own order in it; none when it is others'.

    `find` looks up our orders by hash, `owner` is what the venue calls us. ContractError names what a row that may be
    ours leaves out: all of it, or nothing of it, counts.
    """
    makers = trade.maker_orders or []
    parts = list(_made(trade, makers, details, find, owner, matched_s))
    taken = _taken(trade, makers, details, find, owner, matched_s)
    if taken is not None:
        parts.append(taken)
    if not parts and text_of(trade.trader_side).upper() == "MAKER" and not makers:
        raise ContractError("polymarket trade", "it is ours as a maker and does not say which orders met")
    return parts


def _made(
    trade: WireTrade,
    makers: list[MakerOrder],
    details: Details,
    find: Callable[[str], Known | None],
    owner: str,
    matched_s: int,
) -> Iterator[Part]:
    """Yield our resting orders in a trade; one that was met more than once is one part."""
    ours: dict[str, list[MakerOrder]] = {}
    for maker in makers:
        order_hash = text_of(maker.order_id)
        if find(order_hash) is not None or maker.owner == owner:
            ours.setdefault(order_hash, []).append(maker)
    for order_hash, rows in ours.items():
        known = find(order_hash)
        if not order_hash:
            raise ContractError("polymarket trade", "an order of ours in it is not named")
        yield Part(
            known,
            trade.id,
            order_hash,
            known.symbol if known else details.symbol,
            known.outcome if known else details.outcome(text_of(rows[0].asset_id)),
            known.side if known else _maker_side(trade, rows[0]),
            price_units(rows[0].price),
            sum(_size(row.matched_amount) for row in rows),
            Liquidity.MAKER,
            Decimal(0),
            matched_s,
        )


def _taken(
    trade: WireTrade,
    makers: list[MakerOrder],
    details: Details,
    find: Callable[[str], Known | None],
    owner: str,
    matched_s: int,
) -> Part | None:
    """Return our part as the one who took; None when somebody else did."""
    order_hash = text_of(trade.taker_order_id)
    known = find(order_hash)
    stranger = text_of(trade.trader_side).upper() == "TAKER" and trade.owner == owner
    if known is None and not stranger:
        return None
    if not order_hash:
        raise ContractError("polymarket trade", "the order that took is not named")
    outcome = known.outcome if known else details.outcome(text_of(trade.asset_id))
    side = known.side if known else _side(trade.side)
    size = _size(trade.size)
    if makers:
        units, beyond = _paid(makers, details, outcome, side)
    else:
        units, beyond = price_units(trade.price), Decimal(0)
    return Part(
        known,
        trade.id,
        order_hash,
        known.symbol if known else details.symbol,
        outcome,
        side,
        units,
        size,
        Liquidity.TAKER,
        fee(units, size, details) + beyond,
        matched_s,
    )


def _size(text: Text) -> int:
    size = micros(text, "amount")
    if not size:
        raise ContractError("polymarket trade", "an amount of 0 is no trade")
    return size


def _side(text: Text) -> Side:
    side = _SIDES.get(text_of(text).upper())
    if side is None:
        raise ContractError("polymarket trade", f"side {text_of(text)[:20]!r}")
    return side


def _maker_side(trade: WireTrade, maker: MakerOrder) -> Side:
    """Return the side of a maker: the taker's opposite in the same token, the same one in the other token."""
    if maker.side:
        return _side(maker.side)
    taker = _side(trade.side)
    return taker.opposite if maker.asset_id == trade.asset_id else taker


def _paid(makers: list[MakerOrder], details: Details, outcome: Outcome, side: Side) -> tuple[int, Decimal]:
    """Return the average price a taker got for an outcome, in price units, and the dollars it paid beyond that.

    The average is rounded against us, so what was paid beyond it is never above 0; together they are exact. A maker of
    the other token at p gives the taker's at 1 - p.
    """
    value = total = 0
    for maker in makers:
        units, size = price_units(maker.price), _size(maker.matched_amount)
        same = details.outcome(text_of(maker.asset_id)) is outcome
        value += (units if same else PRICE_UNITS - units) * size
        total += size
    average = -(-value // total) if side is Side.BUY else value // total
    beyond = Decimal(side.sign * (value - average * total)) / PRICE_UNITS / MICROS
    return average, beyond.quantize(FEE_STEP, ROUND_UP)


def fee(units: int, size_micros: int, details: Details) -> Decimal:
    """Return what a taker pays: shares x rate x (p (1 - p)) ^ exponent, rounded up to a millionth of a dollar."""
    if details.fee_rate <= 0.0:
        return Decimal(0)
    price = units / PRICE_UNITS
    per_share = Decimal(repr(details.fee_rate * (price * (1.0 - price)) ** details.fee_exponent))
    return (per_share * size_micros / MICROS).quantize(FEE_STEP, ROUND_UP)
