"""The pre-trade check of a hedge's child: by the limits of its parent, in place of those of a strategy.

A parent says what may be traded, in which direction and within which prices: risk has signed it. What a child may do
beyond that is bounded by what the account has, by the halts in force, and by the freshness of everything that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from common.clock import NS_PER_S
from common.events import BotLimits, ExecutionStyle, MarketStatus, NotionalLimits, OrderCommand
from common.instruments import Instrument, Outcome, Side
from common.pretrade import (
    Approved,
    Bounds,
    CheckContext,
    Distance,
    MarketLimits,
    NewOrder,
    PreTradeCheck,
    Refusal,
    Rejection,
    RejectReason,
    closed,
    first_halt,
    limits_in,
)

from quoter.hedging.children import PlaceChild
from quoter.hedging.depth import Depth
from quoter.hedging.places import HedgePlace
from quoter.hedging.pricing import offset_of
from quoter.orders.budget import Use
from quoter.orders.own_orders import HEDGES
from quoter.orders.terms import Terms
from quoter.trading.trader import NOTHING_RESTS, Trader

ZERO = Decimal(0)
BPS_PER_UNIT = 10_000
CHILD_LIFE_NS = NS_PER_S
"""A child that has not left within this is dead."""


@dataclass(slots=True)
class ParentRoom:
    """What a parent may still trade in one market, in place of a position."""

    traded: Instrument
    side: Side
    left_lots: int
    """Of its quantity, what no child has executed or has open."""
    funded_lots: int
    """What the account pays for, in the parent's direction."""

    def instrument(self, outcome: Outcome) -> Instrument:
        return self.traded

    def trades(self, instrument: Instrument) -> bool:
        return instrument.is_same(self.traded)

    def position(self, order: NewOrder, limits: MarketLimits, *, reduce_only: bool) -> Refusal | None:
        """Within what is left of the parent, in its direction alone, and of coins that the account has."""
        if order.side is not self.side:
            return RejectReason.WORST_CASE_POSITION, f"a child that would {order.side.value} of one that does not"
        if order.quantity_lots > self.left_lots:
            return RejectReason.WORST_CASE_POSITION, f"{order.quantity_lots} lots, left of the parent {self.left_lots}"
        if order.side is Side.SELL and order.quantity_lots > self.funded_lots:
            return RejectReason.COLLATERAL, f"sells {order.quantity_lots} lots, the account has {self.funded_lots}"
        return None

    def net_position(self, order: NewOrder, limits: MarketLimits) -> Refusal | None:
        return None

    def worst_case(self, order: NewOrder) -> int:
        return 0

    def reduces(self, order: NewOrder) -> bool:
        """Say so of every order: what it reduces is its scope's figure."""
        return True

    def sellable(self, outcome: Outcome) -> int:
        return self.funded_lots if self.side is Side.SELL else 0

    def clear_open(self) -> None:
        """What is open of the parent is not in `left_lots`."""

    def add_open(self, outcome: Outcome, side: Side, lots: int) -> None:
        """Likewise."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parent's children stand in a market of one of our accounts."""

    trader: Trader
    terms: Terms
    depth: Depth
    context: CheckContext
    room: ParentRoom
    shut_by: str
    """Why no order may go there at all; '' where it may."""

    def place(self, command: OrderCommand) -> HedgePlace:
        """Return the market as a choice among several sees it."""
        fees, buys = self.terms.fees, command.side is Side.BUY
        rates = (float(fees.maker_rate), float(fees.taker_rate)) if fees is not None else (0.0, 0.0)
        most = self.room.funded_lots
        return HedgePlace(
            self.terms.instrument,
            self.depth,
            self.shut_by,
            *rates,
            most_bought_lots=most if buys else None,
            most_sold_lots=None if buys else most,
        )

    def check(self, child: PlaceChild, left: Decimal) -> Approved | Rejection:
        """Return a child that has passed the pre-trade check, or why it may not go out; `left` is its parent's."""
        trader, context, instrument = self.trader, self.context, self.terms.instrument
        trader.orders.load_open_orders(context, HEDGES + child.algo_id, instrument.symbol)
        context.known_ids = trader.orders.by_id
        context.free_cash = trader.collateral.free(instrument.currency)
        context.messages_left = trader.budget.left(Use.HEDGE, context.now_ns)
        self.room.left_lots = instrument.lots_within(left)
        order = NewOrder(
            child.order_id,
            child.algo_id,
            trader.account,
            instrument,
            child.side,
            child.price_ticks,
            child.quantity_lots,
            context.now_ns + CHILD_LIFE_NS,
            child.post_only,
        )
        return PreTradeCheck(context).of(order)


def standing_of(trader: Trader, command: OrderCommand, terms: Terms, depth: Depth, now_ns: int) -> Standing:
    """Return where a parent's children stand in a market with this book; one side of it at least is there."""
    instrument = terms.instrument
    room = ParentRoom(instrument, command.side, 0, funded_lots(trader, command, terms, depth))
    context = CheckContext(now_ns, 0, instrument, room, None, bid_fees=terms.bid_fees)
    trader.surround(context, now_ns)
    scopes = trader.scopes_of(command.algo_id, terms.symbol) | {f"currency-{instrument.base}"}
    spared = {f"bot-{command.algo_id}:{reason}" for reason in command.spared_halts}
    context.halt = first_halt([halt for halt in trader.halts.active if halt not in spared], scopes)
    context.book_stale = not trader.clock.connected or terms.symbol in trader.clock.stale_symbols
    bid, ask = (side[0][0] if side else 0 for side in (depth.bids, depth.asks))
    context.book_bid_ticks, context.book_ask_ticks = bid, ask
    context.fair = instrument.axis_price(bid + ask) / (2.0 if bid and ask else 1.0)
    context.position_known = context.may_take = True
    given = trader.limits.by_bot.get(command.algo_id)
    if given is None:
        context.lose_limits(trader.limits.why_none(command.algo_id))
    else:
        context.limits_age_ns = now_ns - given.fresh_at_ns
        context.limits = _limits(given.limits, command, instrument, trader.session.currency)
    return Standing(trader, terms, depth, context, room, _shut_by(trader, command, terms, scopes, context))


def _shut_by(trader: Trader, command: OrderCommand, terms: Terms, scopes: frozenset[str], context: CheckContext) -> str:
    if trader.latched:
        return "stopping"
    if terms.status is not MarketStatus.OPEN:
        return f"the market is {terms.status.value}"
    if trader.held_back(scopes, context.now_ns):
        return "cancel-all was ordered"
    if command.style is not ExecutionStyle.CROSS_MARKET and not trader.session.accepts_resting_orders:
        return NOTHING_RESTS
    refusal = closed(context)
    return f"{refusal[0].value}: {refusal[1]}" if refusal is not None else ""


def funded_lots(trader: Trader, command: OrderCommand, terms: Terms, depth: Depth) -> int:
    """Return the lots that the account pays for: money at the worst price of today for a bid, coins for a sale."""
    instrument = terms.instrument
    if command.side is Side.SELL:
        coins = trader.collateral.cash(instrument.base)
        return 0 if coins is None else max(0, instrument.lots_within(coins - _offered(trader, instrument.base)))
    free = trader.collateral.free(instrument.currency)
    levels = depth.asks or depth.bids
    if free is None:
        return 0
    price = instrument.price(levels[0][0])
    if command.style is ExecutionStyle.CROSS_MARKET:
        price += offset_of(command.max_offset, price)
    rate = max(ZERO, terms.fees.taker_rate) if terms.fees is not None else ZERO
    cost = float(price * instrument.lot_size * instrument.multiplier * (1 + rate))
    return max(0, int(free / cost))


def _offered(trader: Trader, base: str) -> Decimal:
    """Return the coins that open orders of the account may still sell."""
    offered = ZERO
    for order in trader.orders.living():
        if order.side is Side.SELL:
            instrument = trader.terms_of(order.symbol).instrument
            if instrument.base == base:
                offered += instrument.quantity(order.leaves_lots)
    return offered


def _limits(given: BotLimits, command: OrderCommand, instrument: Instrument, account_currency: str) -> MarketLimits:
    """Return a parent's limits in a market: its own bounds, and of its bot's what is said of money and counts.

    A hedge instrument may be paid in a currency in which its bot has no limits: its parent's quantity bounds it.
    """
    own = limits_in(given, instrument, account_currency)
    notional = own.notional if isinstance(own, MarketLimits) else NotionalLimits(math.inf, math.inf, math.inf)
    most = instrument.lots_within(command.quantity)
    offset = float(command.max_offset.amount)
    through = Distance(of_price=offset / BPS_PER_UNIT) if command.max_offset.in_bps else Distance(offset)
    max_bid = math.inf if command.max_bid is None else float(command.max_bid)
    min_ask = 0.0 if command.min_ask is None else float(command.min_ask)
    anywhere, no_spread = Distance(math.inf), Distance()
    bounds = Bounds(max_bid, min_ask)
    return MarketLimits(given.common, notional, most, most, most, no_spread, anywhere, through, bounds)
