"""Orders and contexts for the pre-trade check, of a YES/NO market and of a spot one, and a check of what it let out.

`beyond` counts what was let out once more, in units and money and by exact arithmetic: nothing of it is shared with
the code that it checks but the definition of an instrument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from common.events import BinaryLimits, BotLimits, NotionalLimits, SpotLimits
from common.instruments import Instrument, InstrumentKind, Outcome, OutcomePair, Side
from common.pretrade import (
    Approved,
    CheckContext,
    Closing,
    Held,
    MarketLimits,
    NewOrder,
    PairInventory,
    PreTradeCheck,
    Rejection,
    SignedInventory,
)
from common.testing.limits import binary_limits, changed, market_limits, spot_limits

CENT = Decimal("0.01")
ACCOUNT_CURRENCY = "USD"
_COMMON = {
    "max_open_orders": 12,
    "max_side_orders": 6,
    "max_messages_per_s": 100,
    "max_cancels_per_s": 20,
    "max_orders_per_fill": 50,
}
BINARY_LIMITS = binary_limits(
    **_COMMON,
    max_net_lots=800,
    max_order_lots=200,
    price_collar=0.10,
    max_bid=0.90,
    min_ask=0.05,
    max_order_notional=60.0,
    max_notional=500.0,
    max_account_notional=900.0,
)
SPOT_LIMITS = spot_limits(**_COMMON, max_order_notional=1_000.0, max_notional=5_000.0, max_account_notional=9_000.0)
BTC = Instrument(
    "degen",
    "BTC/USD",
    InstrumentKind.SPOT,
    "USD",
    CENT,
    base="BTC",
    lot_size=Decimal("0.0001"),
    min_lots=2,
    min_notional=Decimal(10),
)


def a_pair(min_lots: int = 1, lot_size: Decimal = Decimal(1), multiplier: Decimal = Decimal(1)) -> OutcomePair:
    """Return YES and NO of a market in hundredths."""
    yes = Instrument(
        "degen",
        "BTC-5M-1",
        InstrumentKind.BINARY,
        "USD",
        CENT,
        Outcome.YES,
        lot_size=lot_size,
        multiplier=multiplier,
        min_lots=min_lots,
        price_max=Decimal(1),
    )
    return OutcomePair(yes, yes.opposite())


PAIR = a_pair()


def binary_order(*, outcome: Outcome = Outcome.YES, tick_size: Decimal = CENT, **changes: Any) -> NewOrder:
    """Return a bid for 100 YES at 0.48."""
    order = NewOrder(7, "1", "mm1", PAIR.of(outcome).with_tick(tick_size), Side.BUY, 48, 100, 2_000)
    return msgspec.structs.replace(order, **changes)


def spot_order(**changes: Any) -> NewOrder:
    """Return a bid for 0.01 BTC at 60,000: 600 dollars."""
    return msgspec.structs.replace(NewOrder(7, "1", "mm1", BTC, Side.BUY, 6_000_000, 100, 2_000), **changes)


def a_pair_inventory(pair: OutcomePair = PAIR, **changes: int) -> PairInventory:
    """Return what is held and open of a pair."""
    held = {name: changes.pop(name) for name in Held._fields if name in changes}
    return PairInventory(pair, Held(0, 0)._replace(**held), **changes)


def binary_context(**changes: Any) -> CheckContext:
    """Return a market in which everything is as it should be, with what is held and open among the changes."""
    names = [*Held._fields, "pair", *(name for name in PairInventory.__slots__ if name.startswith("open_"))]
    inventory = a_pair_inventory(**{name: changes.pop(name) for name in names if name in changes})
    closing = Closing(reduce_only_from_ns=5_000, close_from_ns=6_000)
    return replace(_healthy(inventory.pair.yes, inventory, limits_in_pair(), closing, 0.50), **changes)


def spot_context(**changes: Any) -> CheckContext:
    """Return the same of BTC/USD, which never closes."""
    traded = changes.pop("traded", BTC)
    own = SignedInventory.__slots__
    inventory = SignedInventory(traded, **{name: changes.pop(name) for name in own if name in changes})
    return replace(_healthy(traded, inventory, limits_in_spot(), None, 60_000.0), **changes)


def _healthy(
    instrument: Instrument,
    inventory: PairInventory | SignedInventory,
    limits: MarketLimits,
    closing: Closing | None,
    fair: float,
) -> CheckContext:
    return CheckContext(
        now_ns=1_000,
        venue_now_ns=1_000,
        instrument=instrument,
        inventory=inventory,
        closing=closing,
        bus_up=True,
        reconciled=True,
        deadman_armed=True,
        limits=limits,
        limits_revision=3,
        config_revision=3,
        clock_known=True,
        fair=fair,
        fair_age_max_ns=500,
        position_known=True,
        messages_left=10.0,
    )


def limits_in_pair(**changes: Any) -> MarketLimits:
    """Return the limits of `binary_context`, some of them changed."""
    return market_limits(changed(BINARY_LIMITS, **changes), PAIR.yes)


def limits_in_spot(**changes: Any) -> MarketLimits:
    """Return the limits of `spot_context`, some of them changed."""
    return market_limits(changed(SPOT_LIMITS, **changes), BTC)


def rejected(order: NewOrder, context: CheckContext) -> Rejection | None:
    """Return why an order may not go out, None when it may."""
    found = PreTradeCheck(context).of(order)
    return found if isinstance(found, Rejection) else None


def let_out(orders: Iterable[NewOrder], context: CheckContext) -> list[NewOrder]:
    """Return the orders that pass one after another, each counted by those behind it."""
    admitted, check = [], PreTradeCheck(context)
    for order in orders:
        found = check.of(order)
        if isinstance(found, Approved):
            context.admit(found)
            admitted.append(found.order)
    return admitted


# --- what was let out, counted once more --------------------------------------------------------------------------


class Before(NamedTuple):
    """What there was of a market before orders went out."""

    instrument: Instrument
    """The market's, as the venue defines it."""
    yes_lots: int = 0
    """Held of YES, or the signed position of what has no outcomes."""
    no_lots: int = 0
    bot_notional: Decimal = Decimal(0)
    account_notional: Decimal = Decimal(0)


def beyond(admitted: Sequence[NewOrder], before: Before, limits: BotLimits) -> Iterator[str]:
    """Yield each limit that orders go beyond if all of them are executed, and each order that is for something else."""
    market = before.instrument
    for order in admitted:
        instrument = order.instrument
        if (instrument.outcome is Outcome.NONE) is (market.kind is InstrumentKind.BINARY):
            yield f"outcome: {instrument.outcome.value} of a {market.kind.value} market"
        if instrument.currency != market.currency:
            yield f"currency: pays {instrument.currency} in a market of {market.currency}"
    for kind in limits.kinds:
        if isinstance(kind, BinaryLimits) and market.kind is InstrumentKind.BINARY:
            yield from _beyond_binary(admitted, before, kind)
            yield from _beyond_money(admitted, before, limits.common.notional)
        if isinstance(kind, SpotLimits) and market.kind is InstrumentKind.SPOT:
            yield from _beyond_spot(admitted, before, kind)
            money = kind.currencies.get(market.currency)
            if money is None and market.currency != ACCOUNT_CURRENCY and admitted:
                yield f"currency: {market.currency} has no limits"
            yield from _beyond_money(admitted, before, money or limits.common.notional)


def _lots(admitted: Iterable[NewOrder], outcome: Outcome, side: Side) -> int:
    return sum(order.quantity_lots for order in admitted if order.outcome is outcome and order.side is side)


def _beyond_binary(admitted: Sequence[NewOrder], before: Before, limits: BinaryLimits) -> Iterator[str]:
    yes_bought, no_bought = _lots(admitted, Outcome.YES, Side.BUY), _lots(admitted, Outcome.NO, Side.BUY)
    yes_sold, no_sold = _lots(admitted, Outcome.YES, Side.SELL), _lots(admitted, Outcome.NO, Side.SELL)
    yes, no = before.yes_lots + yes_bought, before.no_lots + no_bought
    # What pairs off the other outcome may be held beyond the limit.
    if yes_bought and yes > max(limits.max_position_lots, before.no_lots):
        yield f"position: {yes} YES, limit {limits.max_position_lots}"
    if no_bought and no > max(limits.max_position_lots, before.yes_lots):
        yield f"position: {no} NO, limit {limits.max_position_lots}"
    if yes_sold > before.yes_lots or no_sold > before.no_lots:
        yield f"position: sells {yes_sold} YES and {no_sold} NO, holds {before.yes_lots} and {before.no_lots}"
    long_net, short_net = yes - before.no_lots + no_sold, no - before.yes_lots + yes_sold
    if (yes_bought or no_sold) and long_net > limits.max_net_lots:
        yield f"net: {long_net}, limit {limits.max_net_lots}"
    if (no_bought or yes_sold) and short_net > limits.max_net_lots:
        yield f"net: {short_net}, limit {limits.max_net_lots}"
    for order in admitted:
        if order.quantity_lots > limits.max_order_lots:
            yield f"order: {order.quantity_lots} lots, limit {limits.max_order_lots}"


def _beyond_spot(admitted: Sequence[NewOrder], before: Before, limits: SpotLimits) -> Iterator[str]:
    market = before.instrument
    limit = limits.positions.get(market.base)
    if limit is None:
        if admitted:
            yield f"position: {market.base} has no limits"
        return
    bought, sold = _lots(admitted, Outcome.NONE, Side.BUY), _lots(admitted, Outcome.NONE, Side.SELL)
    most, least = ((before.yes_lots + lots) * market.lot_size for lots in (bought, -sold))
    if bought and most > limit.max_position:
        yield f"position: {most} {market.base}, limit {limit.max_position}"
    if sold and -least > limit.max_position:
        yield f"position: {least} {market.base}, limit {limit.max_position}"
    for order in admitted:
        if order.quantity_lots * market.lot_size > limit.max_order:
            yield f"order: {order.quantity_lots * market.lot_size} {market.base}, limit {limit.max_order}"


def _beyond_money(admitted: Sequence[NewOrder], before: Before, limits: NotionalLimits) -> Iterator[str]:
    """Of orders one after another; a bid that brings the position towards flat frees money and always passes."""
    committed = Decimal(0)
    bought = dict.fromkeys(Outcome, 0)
    for order in admitted:
        instrument = order.instrument
        lots = order.quantity_lots * instrument.lot_size
        money = instrument.tick_size * order.price_ticks * lots * instrument.multiplier
        if money > _rounded_up(limits.max_order_notional):
            yield f"notional: {money} in one order, limit {limits.max_order_notional}"
        if order.side is Side.SELL:
            continue
        committed += money
        bought[order.outcome] += order.quantity_lots
        of_bot, of_account = before.bot_notional + committed, before.account_notional + committed
        adds = _held_beyond_flat(order.outcome, before) + bought[order.outcome] > 0
        if adds and of_bot > _rounded_up(limits.max_notional):
            yield f"notional: {of_bot} of the bot, limit {limits.max_notional}"
        if adds and of_account > _rounded_up(limits.max_account_notional):
            yield f"notional: {of_account} of the account, limit {limits.max_account_notional}"


def _held_beyond_flat(outcome: Outcome, before: Before) -> int:
    """Return the lots held of an outcome beyond those it pairs off; below 0 for what can still be paired off."""
    if outcome is Outcome.NONE:
        return before.yes_lots
    net = before.yes_lots - before.no_lots
    return net if outcome is Outcome.YES else -net


def _rounded_up(limit: float) -> Decimal:
    """Return a limit with room for the floats in which money is compared on the path of a tick."""
    return Decimal(limit) * (1 + Decimal("1e-9"))
